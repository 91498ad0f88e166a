// See Curves.h.
#include "trainer/search/Curves.h"

#include "dsl/Dsl.h"
#include "dsl/facts/MarginLine.h"
#include "trainer/search/Scale.h"

#include <cassert>

namespace disco::search {

std::vector<CurvePoint> marginCurve(const dsl::Program &program, double scale, double reach) {
  constexpr int kHalf = 60; // points on either side of 0
  std::optional<ScaledObjective> scaled = scaledObjective(program);
  if (!scaled)
    return {};
  Diagnostics diagnostics;
  std::optional<dsl::Program> objective =
      dsl::compileSource(Source("<scaled>", scaled->text), diagnostics);
  assert(objective && "a canonical print checks");
  std::vector<double> parameters = objective->defaultParameters();
  parameters[*objective->parameterIndex(scaled->parameter)] = scale;
  dsl::facts::MarginLine line(*objective, parameters);
  const auto at = [&](double z) {
    const dsl::facts::MarginLine::Point point = line.at(z / scale);
    return CurvePoint{z, point.loss, point.slope / scale};
  };
  double atZero = at(0).loss;
  std::vector<CurvePoint> curve;
  for (int i = -kHalf; i <= kHalf; ++i) {
    curve.push_back(at(reach * i / kHalf));
    curve.back().loss -= atZero;
  }
  return curve;
}

} // namespace disco::search
