// The lane's check with torch. On a CUDA device: every shipped objective through the autograd
// function and the report entry on every batch, against the expected values, twice for equal bits,
// then timed against eager. Without one: what can be known on a CPU, which is that eager torch in
// double gives the expected values, that the PTX declares what the runtime passes, that the
// autograd function works with this torch, and that loading PTX says clearly that there is no
// driver. One JSON line a finding.
#include "runtime/PtxKernel.h"
#include "test/benchmark/EagerObjectives.h"
#include "tools/gpu/Artefacts.h"
#include "trainer/ObjectiveFunction.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

using namespace disco;
using at::Tensor;
using torch::autograd::grad;

namespace {
constexpr int kRounds = 25;
constexpr int kRepeats = 50;

/// Ends the program: a lane that found something wrong has no more to say.
[[noreturn]] void fail(const std::string &message) {
  std::fflush(stdout);
  std::fprintf(stderr, "disco-gpu-check: error: %s\n", message.c_str());
  std::exit(1);
}
template <typename T> T orFail(Result<T> result, const std::string &place = "") {
  if (!result)
    fail(place + result.error().message);
  return *std::move(result);
}
void orFail(const Result<void> &result, const std::string &place) {
  if (!result)
    fail(place + result.error().message);
}

/// The inputs of a batch, which are float32 exactly, on a device; the policy's receive gradients.
std::map<std::string, Tensor> tensorsOf(const gpu::Rows &batch, at::TensorOptions options) {
  std::map<std::string, Tensor> tensors;
  for (const auto &[name, values] : batch)
    tensors[name] = at::tensor(values, at::kDouble)
                        .to(at::kFloat)
                        .to(options)
                        .set_requires_grad(name.starts_with("policy_"));
  return tensors;
}

eager::Pairs pairsOf(const std::map<std::string, Tensor> &inputs) {
  return {inputs.at("policy_chosen_logps"),    inputs.at("policy_rejected_logps"),
          inputs.at("reference_chosen_logps"), inputs.at("reference_rejected_logps"),
          inputs.at("chosen_length"),          inputs.at("rejected_length")};
}

std::vector<Tensor> inSignatureOrder(const runtime::Signature &signature,
                                     const std::map<std::string, Tensor> &inputs) {
  std::vector<Tensor> ordered;
  for (const std::string &name : signature.inputs)
    ordered.push_back(inputs.at(name));
  return ordered;
}

/// Loss, then the gradients of the policy's two inputs; zeros where the loss does not depend on
/// one.
std::vector<Tensor> differentiated(const Tensor &loss,
                                   const std::map<std::string, Tensor> &inputs) {
  const Tensor &chosen = inputs.at("policy_chosen_logps");
  const Tensor &rejected = inputs.at("policy_rejected_logps");
  auto gradients = grad({loss}, {chosen, rejected}, {}, std::nullopt, false, /*allow_unused=*/true);
  for (Tensor &gradient : gradients)
    if (!gradient.defined())
      gradient = at::zeros_like(chosen);
  return {loss.detach(), gradients[0], gradients[1]};
}

eager::Parameters defaultsOf(const runtime::Signature &signature) {
  eager::Parameters parameters;
  for (size_t i = 0; i < signature.parameters.size(); ++i)
    parameters[signature.parameters[i]] = signature.defaults[i];
  return parameters;
}

/// The formula in eager torch that the objective is timed against; null where nobody wrote one.
const eager::Objective *eagerOf(const runtime::Signature &signature) {
  auto found = eager::objectives().find(signature.objective);
  return found == eager::objectives().end() ? nullptr : &found->second;
}

void compare(const gpu::Rows &expected, const std::string &row, const Tensor &actual,
             const std::string &place) {
  const Tensor values = actual.detach().cpu().contiguous();
  orFail(gpu::compareRow(expected, row, values.const_data_ptr<float>(), size_t(values.numel())),
         place);
}

//===----------------------------------------------------------------------===//
// Without a device
//===----------------------------------------------------------------------===//

/// Eager torch in double against the expected values, relative to the largest of a row: equal up to
/// the digits written.
void checkEager(const gpu::Artefacts &artefacts, const gpu::Artefact &artefact) {
  const runtime::Signature &signature = artefact.signature;
  const eager::Objective *formula = eagerOf(signature);
  if (!formula)
    return;
  for (const auto &[section, expected] : artefact.expected) {
    const gpu::Rows &batch = *orFail(gpu::batchOf(artefacts, section));
    const size_t pairs = batch.begin()->second.size();
    if (pairs == 1 && (signature.objective == "aqfl" || signature.objective == "dbaql"))
      continue; // torch's std and var of one number are NaN, ours are 0 (SPEC)
    const auto inputs = tensorsOf(batch, at::kDouble);
    const Tensor loss = (*formula)(pairsOf(inputs), defaultsOf(signature));
    const std::vector<Tensor> actual = differentiated(loss, inputs);
    const std::string rows[] = {gpu::kLoss, gpu::gradientRow(signature.gradients[0]),
                                gpu::gradientRow(signature.gradients[1])};
    for (size_t r = 0; r < 3; ++r) {
      const Tensor wanted = at::tensor(expected.at(rows[r]), at::kDouble).view_as(actual[r]);
      const double worst = (actual[r] - wanted).abs().max().item<double>();
      const double largest = wanted.abs().max().item<double>();
      if (!(worst <= 1e-7 * largest))
        fail(signature.objective + ", " + section + ": eager torch's `" + rows[r] +
             "` differs by " + gpu::numberText(worst) + " of " + gpu::numberText(largest));
    }
  }
  std::printf("{\"lane\": \"cpu\", \"objective\": \"%s\", \"batches\": %zu, "
              "\"eager_gives_expected_values\": true, \"entries_match_signature\": true}\n",
              signature.objective.c_str(), artefact.expected.size());
}

/// mean of -x as a kernel written by hand: enough to see that the function was built for this
/// torch.
void checkFunction() {
  runtime::HostKernel kernel;
  kernel.signature.objective = "mean";
  kernel.signature.inputs =
      kernel.signature.gradients = {"policy_chosen_logps", "policy_rejected_logps"};
  const auto whole = [](const runtime::Frame *frame, int64_t, int64_t, double *) {
    const auto *chosen = static_cast<const float *>(frame->inputs[0]);
    const auto outputs = reinterpret_cast<float *const *>(frame->outputs); // gradients, loss
    *outputs[2] = 0;
    for (int64_t i = 0; i < frame->pairs; ++i) {
      *outputs[2] -= chosen[i] / float(frame->pairs);
      outputs[0][i] = -1 / float(frame->pairs);
      outputs[1][i] = 0;
    }
  };
  kernel.gradientCode = {*runtime::Plan::parse("means"), {whole}};
  const trainer::ObjectiveKernel function(kernel, std::span<const double>());
  const std::map<std::string, Tensor> inputs = tensorsOf(
      {{"policy_chosen_logps", {1, 2, 3, 6}}, {"policy_rejected_logps", {0, 0, 0, 0}}}, at::kFloat);
  const auto actual = differentiated(
      trainer::applyObjective(function, inSignatureOrder(kernel.signature, inputs)) * 2, inputs);
  if (actual[0].item<float>() != -6 || !at::equal(actual[1], at::full({4}, -0.5)) ||
      !at::equal(actual[2], at::zeros({4})))
    fail("the autograd function gives wrong numbers with torch " TORCH_VERSION);
  std::printf("{\"lane\": \"cpu\", \"autograd_function\": \"works\", \"torch\": \"%s\"}\n",
              TORCH_VERSION);
}

void checkWithoutDevice(const gpu::Artefacts &artefacts) {
  for (const gpu::Artefact &artefact : artefacts.objectives)
    checkEager(artefacts, artefact);
  checkFunction();
  const auto driver = runtime::CudaDriver::load();
  const std::string said = driver ? "" : driver.error().message;
  if (!driver && !said.starts_with("no CUDA driver") &&
      said.find("initialising failed") == std::string::npos)
    fail("loading the driver says neither that it is absent nor that it does not start: " + said);
  std::printf("{\"lane\": \"cpu\", \"driver\": \"%s\"}\n",
              driver ? "present, but torch sees no device" : "reported as absent");
}

//===----------------------------------------------------------------------===//
// On a CUDA device
//===----------------------------------------------------------------------===//

const c10::Device kDevice(c10::DeviceType::CUDA, 0);
c10::Stream currentStream() {
  return c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).getStream(kDevice);
}

void checkReport(const runtime::PtxKernel &kernel, const std::vector<float> &parameters,
                 const std::vector<Tensor> &inputs, const gpu::Rows &expected,
                 const std::string &place) {
  const runtime::Signature &signature = kernel.signature();
  const int64_t pairs = inputs[0].size(0);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(kDevice);
  const Tensor losses = at::empty({pairs}, options), chosen = at::empty({pairs}, options),
               rejected = at::empty({pairs}, options),
               metrics = at::empty({int64_t(signature.metrics.size())}, options);
  auto address = [](const Tensor &tensor) {
    return static_cast<runtime::DeviceAddress>(
        reinterpret_cast<uintptr_t>(tensor.const_data_ptr<float>()));
  };
  std::vector<runtime::DeviceAddress> reads;
  for (const Tensor &input : inputs)
    reads.push_back(address(input));
  // The default stream, on which everything here runs: the handle of torch's default stream is
  // null.
  orFail(kernel.report(reads, parameters, pairs, address(losses), address(chosen),
                       address(rejected), address(metrics), nullptr),
         place);
  compare(expected, gpu::kLosses, losses, place);
  compare(expected, gpu::kChosenRewards, chosen, place);
  compare(expected, gpu::kRejectedRewards, rejected, place);
  for (size_t m = 0; m < signature.metrics.size(); ++m)
    compare(expected, gpu::metricRow(signature.metrics[m]), metrics.select(0, int64_t(m)), place);
}

/// Microseconds of one call by CUDA events around many, as the device saw them.
double microseconds(const std::function<void()> &step) {
  c10::Event start(c10::DeviceType::CUDA, c10::EventFlag::BACKEND_DEFAULT);
  c10::Event stop(c10::DeviceType::CUDA, c10::EventFlag::BACKEND_DEFAULT);
  start.record(currentStream());
  for (int i = 0; i < kRepeats; ++i)
    step();
  stop.record(currentStream());
  stop.synchronize();
  return 1e3 * start.elapsedTime(stop) / kRepeats;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void timeAgainstEager(const gpu::Artefact &artefact, const trainer::ObjectiveKernel &kernel,
                      const gpu::Rows &batch) {
  const runtime::Signature &signature = artefact.signature;
  const auto inputs = tensorsOf(batch, at::TensorOptions().dtype(at::kFloat).device(kDevice));
  const auto ordered = inSignatureOrder(signature, inputs);
  const eager::Pairs pairs = pairsOf(inputs);
  const eager::Parameters parameters = defaultsOf(signature);
  const eager::Objective *formula = eagerOf(signature);
  if (!formula)
    return;
  const auto ours = [&] { differentiated(trainer::applyObjective(kernel, ordered), inputs); };
  const auto theirs = [&] { differentiated((*formula)(pairs, parameters), inputs); };
  microseconds(ours);
  microseconds(theirs);
  std::vector<double> ourTimes, theirTimes, ratios;
  for (int round = 0; round < kRounds; ++round) {
    ourTimes.push_back(microseconds(ours));
    theirTimes.push_back(microseconds(theirs));
    ratios.push_back(theirTimes.back() / ourTimes.back());
  }
  std::printf("{\"lane\": \"cuda\", \"objective\": \"%s\", \"pairs\": %lld, \"ours_us\": %.2f, "
              "\"eager_us\": %.2f, \"ratio\": %.2f, \"rounds\": %d, \"torch\": \"%s\"}\n",
              signature.objective.c_str(), static_cast<long long>(ordered[0].size(0)),
              median(ourTimes), median(theirTimes), median(ratios), kRounds, TORCH_VERSION);
  std::fflush(stdout);
}

void checkOnDevice(const gpu::Artefacts &artefacts) {
  const auto driver = orFail(runtime::CudaDriver::load());
  const std::string device = orFail(driver->deviceName(0));
  const auto options = at::TensorOptions().dtype(at::kFloat).device(kDevice);
  at::zeros({1}, options); // torch opens the device's context before the first kernel is loaded
  for (const gpu::Artefact &artefact : artefacts.objectives) {
    const runtime::Signature &signature = artefact.signature;
    const auto ptx = orFail(runtime::PtxKernel::load(driver, artefact.ptx, signature));
    const trainer::ObjectiveKernel kernel(ptx, signature.defaults);
    const std::vector<float> parameters(signature.defaults.begin(), signature.defaults.end());
    for (const auto &[section, expected] : artefact.expected) {
      const std::string place = signature.objective + ", " + section + ": ";
      const gpu::Rows &batch = *orFail(gpu::batchOf(artefacts, section), place);
      const auto inputs = tensorsOf(batch, options);
      const auto ordered = inSignatureOrder(signature, inputs);
      const auto once = differentiated(trainer::applyObjective(kernel, ordered), inputs);
      const auto again = differentiated(trainer::applyObjective(kernel, ordered), inputs);
      compare(expected, gpu::kLoss, once[0], place);
      for (size_t g = 0; g < 2; ++g)
        compare(expected, gpu::gradientRow(signature.gradients[g]), once[1 + g], place);
      for (size_t i = 0; i < once.size(); ++i)
        if (std::memcmp(once[i].cpu().const_data_ptr<float>(),
                        again[i].cpu().const_data_ptr<float>(), once[i].numel() * 4) != 0)
          fail(place + "a second run gives other bits");
      checkReport(ptx, parameters, ordered, expected, place);
    }
    std::printf("{\"lane\": \"cuda\", \"objective\": \"%s\", \"batches\": %zu, \"agrees\": true, "
                "\"device\": \"%s\"}\n",
                signature.objective.c_str(), artefact.expected.size(), device.c_str());
    for (const char *section : {"random-64", "random-1000", "random-8192"})
      timeAgainstEager(artefact, kernel, *orFail(gpu::batchOf(artefacts, section)));
  }
}
} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: disco-gpu-check FOLDER\n");
    return 2;
  }
  const gpu::Artefacts artefacts = orFail(gpu::readArtefacts(argv[1]));
  for (const gpu::Artefact &artefact : artefacts.objectives)
    orFail(gpu::checkEntries(artefact), "");
  if (at::hasCUDA() && c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA) &&
      c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).deviceCount() > 0)
    checkOnDevice(artefacts);
  else
    checkWithoutDevice(artefacts);
}
