// See Scale.h.
#include "trainer/search/Scale.h"

#include "dsl/Dsl.h"

#include <cassert>
#include <cmath>
#include <vector>

namespace disco::search {
namespace {

/// How far the start is left in either direction when the parameter's own range does not end
/// earlier.
constexpr double kReach = 1e4;

/// A `beta` that the loss does not read, or that may be 0 or less, is no scale.
std::optional<uint32_t> usableBeta(const dsl::Program &program) {
  std::optional<uint32_t> beta = program.parameterIndex("beta");
  if (!beta || !(program.parameters[*beta].defaultValue > 0))
    return std::nullopt;
  std::vector<bool> read(program.nodes.size());
  read[program.loss] = true;
  for (size_t id = program.loss + 1; id-- > 0;) {
    const dsl::Node &node = program.nodes[id];
    if (read[id] && node.op == dsl::Op::Parameter && node.index == *beta)
      return beta;
    for (unsigned i = 0; read[id] && i < dsl::opArity(node.op); ++i)
      read[node.operands[i]] = true;
  }
  return std::nullopt;
}

} // namespace

trainer::JobSpec ScaledObjective::spec(trainer::JobSpec base, double scale) const {
  base.objective = text;
  base.parameters[parameter] = scale;
  return base;
}

std::optional<ScaledObjective> scaledObjective(const dsl::Program &program) {
  std::optional<dsl::Program> scaled = program;
  std::optional<uint32_t> index = usableBeta(program);
  if (!index) {
    scaled = dsl::scaleMargin(program);
    if (!scaled)
      return std::nullopt;
    index = scaled->parameterIndex("margin_scale");
  }
  ScaledObjective objective{dsl::printProgram(*scaled), dsl::codeHash(*scaled), "", {}};
  // Canonical prints choose names; the order of parameters they keep.
  Diagnostics diagnostics;
  std::optional<dsl::Program> printed =
      dsl::compileSource(Source("<scaled>", objective.text), diagnostics);
  assert(printed && "a canonical print checks");
  const dsl::Parameter &parameter = printed->parameters[*index];
  objective.parameter = parameter.name;
  ScaleRange &range = objective.range;
  range.start = parameter.defaultValue;
  range.lower = range.start / kReach;
  range.upper = range.start * kReach;
  if (parameter.lower >= range.lower) // an open end is approached, not met
    range.lower =
        parameter.lowerOpen ? std::nextafter(parameter.lower, range.start) : parameter.lower;
  if (parameter.upper <= range.upper)
    range.upper =
        parameter.upperOpen ? std::nextafter(parameter.upper, range.start) : parameter.upper;
  return objective;
}

} // namespace disco::search
