// Formulas as published; grammars/objectives/*.dpo name the sources.
#include "test/benchmark/EagerObjectives.h"

#include <ATen/ATen.h>

using at::Tensor;
using namespace disco::eager;

namespace {
Tensor margin(const Pairs &in) {
  return (in.policyChosen - in.policyRejected) - (in.referenceChosen - in.referenceRejected);
}
Tensor scaled(const Pairs &in, const Parameters &p) { return p.at("beta") * margin(in); }
/// The temperature DiscoPOP's discovered losses divide by; a constant 0.05 in the published code.
double tau(const Parameters &p) {
  auto found = p.find("tau");
  return found == p.end() ? 0.05 : found->second;
}
Tensor logistic(const Tensor &z) { return -at::log_sigmoid(z); }
Tensor hinge(const Tensor &z) { return at::relu(1 - z); }

Tensor dpo(const Pairs &in, const Parameters &p) { return logistic(scaled(in, p)).mean(); }

Tensor cdpo(const Pairs &in, const Parameters &p) {
  const Tensor z = scaled(in, p);
  const double smoothing = p.at("label_smoothing");
  return ((1 - smoothing) * logistic(z) + smoothing * logistic(-z)).mean();
}

Tensor ipo(const Pairs &in, const Parameters &p) {
  return (margin(in) - 1 / (2 * p.at("beta"))).square().mean();
}

Tensor hingeLoss(const Pairs &in, const Parameters &p) { return hinge(scaled(in, p)).mean(); }

Tensor ktoPair(const Pairs &in, const Parameters &p) {
  const Tensor chosen = in.policyChosen - in.referenceChosen;
  const Tensor rejected = in.policyRejected - in.referenceRejected;
  const Tensor chosenKl = chosen.mean().clamp_min(0);
  const Tensor rejectedKl = rejected.mean().clamp_min(0);
  const double beta = p.at("beta");
  return at::cat({1 - at::sigmoid(beta * (chosen - rejectedKl)),
                  1 - at::sigmoid(beta * (chosenKl - rejected))})
      .mean();
}

Tensor simpo(const Pairs &in, const Parameters &p) {
  const Tensor gap = in.policyChosen / in.chosenLength - in.policyRejected / in.rejectedLength;
  return logistic(p.at("beta") * gap - p.at("gamma")).mean();
}

Tensor lrml(const Pairs &in, const Parameters &p) {
  const Tensor z = scaled(in, p);
  const Tensor modulation = at::sigmoid(z / tau(p));
  return (logistic(z) * (1 - modulation) + at::exp(-z) * modulation).mean();
}

Tensor padll(const Pairs &in, const Parameters &p) {
  const Tensor penalty = at::where(margin(in) < 0, 0.5, 1.0);
  return (0.9 * penalty.to(in.policyChosen.scalar_type()) * logistic(scaled(in, p))).mean();
}

Tensor pfl(const Pairs &in, const Parameters &p) {
  const Tensor z = scaled(in, p);
  return at::where(in.policyChosen > in.policyRejected, 0.5 * logistic(z), 2 * hinge(z)).mean();
}

Tensor aql(const Pairs &in, const Parameters &p) {
  const Tensor z = scaled(in, p), y = z / tau(p);
  const Tensor quantile = 0.5 + 0.01 * (at::sigmoid(y.mean()) - 0.5);
  const Tensor weight = at::sigmoid(-(y - quantile));
  return (weight * logistic(z) + (1 - weight) * hinge(z)).mean();
}

Tensor aqfl(const Pairs &in, const Parameters &p) {
  const Tensor z = scaled(in, p), y = z / tau(p);
  Tensor quantile = y.std() * at::sigmoid(-y).mean();
  quantile = quantile + 0.05 * (at::sigmoid(y.mean()) - quantile);
  const Tensor blend = at::sigmoid(0.1 * (y - quantile).abs());
  return (blend * logistic(z) + (1 - blend) * hinge(z)).mean();
}

Tensor dbaql(const Pairs &in, const Parameters &p) {
  const Tensor z = scaled(in, p);
  const Tensor blend = at::sigmoid((z / tau(p)).var());
  return (blend * logistic(z / 0.9) + (1 - blend) * at::exp(-0.9 * z)).mean();
}

Tensor cell(const Pairs &in, const Parameters &p) {
  const Tensor z = scaled(in, p);
  return (0.5 * at::exp(-z) + 0.5 * logistic(z)).mean();
}
} // namespace

const std::map<std::string, Objective> &disco::eager::objectives() {
  static const std::map<std::string, Objective> all = {
      {"dpo", dpo},          {"cdpo", cdpo},   {"ipo", ipo},   {"hinge", hingeLoss},
      {"kto_pair", ktoPair}, {"simpo", simpo}, {"lrml", lrml}, {"padll", padll},
      {"pfl", pfl},          {"aql", aql},     {"aqfl", aqfl}, {"dbaql", dbaql},
      {"cell", cell},
  };
  return all;
}
