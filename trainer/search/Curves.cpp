// See Curves.h.
#include "trainer/search/Curves.h"

#include "dsl/Dsl.h"
#include "trainer/search/Scale.h"

#include <cassert>

namespace disco::search {

std::vector<CurvePoint> marginCurve(const dsl::Program &program, double scale, double reach) {
  constexpr int kHalf = 60; // points on either side of 0
  constexpr double kTokens = 30, kReference = -60;
  std::optional<ScaledObjective> scaled = scaledObjective(program);
  if (!scaled)
    return {};
  Diagnostics diagnostics;
  std::optional<dsl::Program> objective =
      dsl::compileSource(Source("<scaled>", scaled->text), diagnostics);
  assert(objective && "a canonical print checks");
  std::vector<double> parameters = objective->defaultParameters();
  parameters[*objective->parameterIndex(scaled->parameter)] = scale;
  dsl::Interpreter interpreter(*objective);
  dsl::Evaluation out;
  auto at = [&](double z) {
    double half = z / scale / 2;
    const double columns[] = {kReference + half, kReference - half, kReference,
                              kReference,        kTokens,           kTokens};
    dsl::Batch batch;
    batch.pairs = 1;
    for (size_t i = 0; i < std::size(columns); ++i)
      batch.columns[i] = std::span(&columns[i], 1);
    interpreter.evaluate(batch, parameters, out, dsl::Precision::Double, {true, false});
    auto gradient = [&](size_t input) {
      return out.gradients[input].empty() ? 0 : out.gradients[input][0];
    };
    return CurvePoint{z, out.loss, (gradient(0) - gradient(1)) / 2 / scale};
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
