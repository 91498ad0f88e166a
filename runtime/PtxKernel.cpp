// Loading PTX through the driver and packing launch arguments.
#include "runtime/PtxKernel.h"

#include <vector>

using namespace disco;
using namespace disco::runtime;

namespace {
// CUjit_option values of cuda.h.
constexpr int kErrorLogBuffer = 5;
constexpr int kErrorLogBufferBytes = 6;
} // namespace

PtxKernel::Loaded::~Loaded() {
  if (!module)
    return;
  CudaContext::Scope scope(*context);
  context->driver().cuModuleUnload(module);
}

Result<PtxKernel> PtxKernel::load(std::shared_ptr<const CudaDriver> driver, const std::string &ptx,
                                  Signature signature, int ordinal) {
  const std::string place = "objective `" + signature.objective + "`: ";
  Result<std::shared_ptr<const CudaContext>> context =
      CudaContext::retain(std::move(driver), ordinal);
  if (!context)
    return Error{place + context.error().message};

  auto loaded = std::make_shared<Loaded>();
  loaded->context = *context;
  loaded->signature = std::move(signature);
  const CudaDriver &cuda = loaded->context->driver();
  CudaContext::Scope scope(*loaded->context);
  if (!scope.entered())
    return Error{place + scope.entered().error().message};

  std::string log(8192, '\0');
  const int options[] = {kErrorLogBuffer, kErrorLogBufferBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size() - 1)};
  Result<void> assembled =
      cuda.check(cuda.cuModuleLoadDataEx(&loaded->module, ptx.c_str(), 2, options, values),
                 place + "loading its PTX");
  if (!assembled) {
    loaded->module = nullptr;
    const std::string said = log.c_str();
    return Error{assembled.error().message + (said.empty() ? "" : "\n" + said)};
  }
  const std::pair<const char *, CudaFunctionHandle *> entries[] = {{"gradient", &loaded->gradient},
                                                                   {"report", &loaded->report}};
  for (const auto &[name, function] : entries) {
    Result<void> found = cuda.check(cuda.cuModuleGetFunction(function, loaded->module, name),
                                    place + "finding entry `" + name + "` in its PTX");
    if (!found)
      return found.error();
  }
  return PtxKernel(std::move(loaded));
}

Result<void> PtxKernel::launch(CudaFunctionHandle function, std::span<const DeviceAddress> inputs,
                               std::span<const float> parameters, int64_t pairs,
                               std::span<const DeviceAddress> outputs,
                               CudaStreamHandle stream) const {
  assert(inputs.size() == signature().inputs.size() && "one address per input");
  assert(parameters.size() == signature().parameters.size() && "one value per parameter");
  assert(pairs >= 0 && "a batch has no negative size");
  // The driver copies each argument from the place it is pointed to, with the size the kernel
  // declares.
  std::vector<void *> arguments;
  arguments.reserve(inputs.size() + parameters.size() + 1 + outputs.size());
  auto pass = [&](const auto &value) {
    arguments.push_back(const_cast<void *>(static_cast<const void *>(&value)));
  };
  for (const DeviceAddress &input : inputs)
    pass(input);
  for (const float &parameter : parameters)
    pass(parameter);
  pass(pairs);
  for (const DeviceAddress &output : outputs)
    pass(output);

  CudaContext::Scope scope(*loaded_->context);
  if (!scope.entered())
    return scope.entered();
  const CudaDriver &cuda = loaded_->context->driver();
  const CudaStatus status =
      cuda.cuLaunchKernel(function, 1, 1, 1, kThreads, 1, 1, 0, stream, arguments.data(), nullptr);
  if (status == 0)
    return {};
  return cuda.check(status, "objective `" + signature().objective + "`: launching it");
}

Result<void> PtxKernel::gradient(std::span<const DeviceAddress> inputs,
                                 std::span<const float> parameters, int64_t pairs,
                                 DeviceAddress loss, std::span<const DeviceAddress> gradients,
                                 CudaStreamHandle stream) const {
  assert(gradients.size() == signature().gradients.size() && "one address per gradient");
  std::vector<DeviceAddress> outputs{loss};
  outputs.insert(outputs.end(), gradients.begin(), gradients.end());
  return launch(loaded_->gradient, inputs, parameters, pairs, outputs, stream);
}

Result<void> PtxKernel::report(std::span<const DeviceAddress> inputs,
                               std::span<const float> parameters, int64_t pairs,
                               DeviceAddress losses, DeviceAddress chosenRewards,
                               DeviceAddress rejectedRewards, DeviceAddress metrics,
                               CudaStreamHandle stream) const {
  const DeviceAddress outputs[] = {losses, chosenRewards, rejectedRewards, metrics};
  return launch(loaded_->report, inputs, parameters, pairs, outputs, stream);
}
