// The plain driver: the shipped objectives on a CUDA device through the runtime alone, without
// torch and without a CUDA toolkit. Loads each PTX, runs both entries on every batch, compares with
// the expected values. One JSON line per objective.
#include "runtime/PtxKernel.h"
#include "tools/gpu/Artefacts.h"

#include <cstdio>
#include <cstring>

using namespace disco;
using runtime::CudaDriver;
using runtime::DeviceAddress;

namespace {
int fail(const std::string &message) {
  std::fprintf(stderr, "disco-gpu-plain: error: %s\n", message.c_str());
  return 1;
}

/// Device memory of float32, freed with its owner; the context of device 0 is current throughout.
class Buffer {
public:
  Buffer(const CudaDriver &cuda, size_t count) : cuda_(cuda), count_(count) {
    status_ = cuda.cuMemAlloc_v2(&address_, (count + 1) * sizeof(float)); // 0 bytes are refused
  }
  Buffer(const Buffer &) = delete;
  ~Buffer() {
    if (status_ == 0)
      cuda_.cuMemFree_v2(address_);
  }
  DeviceAddress address() const { return address_; }
  Result<void> write(const std::vector<float> &values) {
    if (status_ == 0)
      status_ = cuda_.cuMemcpyHtoD_v2(address_, values.data(), values.size() * sizeof(float));
    return cuda_.check(status_, "copying to the device");
  }
  Result<std::vector<float>> read() const {
    std::vector<float> values(count_);
    const int status =
        status_ ? status_ : cuda_.cuMemcpyDtoH_v2(values.data(), address_, count_ * sizeof(float));
    if (Result<void> done = cuda_.check(status, "copying from the device"); !done)
      return done.error();
    return values;
  }

private:
  const CudaDriver &cuda_;
  size_t count_;
  DeviceAddress address_ = 0;
  int status_ = 0;
};

Result<void> compare(const gpu::Rows &expected, const std::string &row, const Buffer &buffer) {
  Result<std::vector<float>> values = buffer.read();
  if (!values)
    return values.error();
  return gpu::compareRow(expected, row, values->data(), values->size());
}

Result<void> runBatch(const CudaDriver &cuda, const runtime::PtxKernel &kernel,
                      const gpu::Rows &batch, const gpu::Rows &expected) {
  const runtime::Signature &signature = kernel.signature();
  const size_t pairs = batch.begin()->second.size();
  std::vector<std::unique_ptr<Buffer>> inputs;
  std::vector<DeviceAddress> inputAddresses;
  for (const std::string &name : signature.inputs) {
    auto row = batch.find(name);
    if (row == batch.end())
      return Error{"batches.txt: has no input `" + name + "`"};
    inputs.push_back(std::make_unique<Buffer>(cuda, pairs));
    if (Result<void> done = inputs.back()->write({row->second.begin(), row->second.end()}); !done)
      return done;
    inputAddresses.push_back(inputs.back()->address());
  }
  const std::vector<float> parameters(signature.defaults.begin(), signature.defaults.end());

  Buffer loss(cuda, 1), dChosen(cuda, pairs), dRejected(cuda, pairs), losses(cuda, pairs),
      chosenRewards(cuda, pairs), rejectedRewards(cuda, pairs),
      metrics(cuda, signature.metrics.size());
  const DeviceAddress gradients[] = {dChosen.address(), dRejected.address()};
  const auto n = static_cast<int64_t>(pairs);
  if (Result<void> done =
          kernel.gradient(inputAddresses, parameters, n, loss.address(), gradients, nullptr);
      !done)
    return done;
  if (Result<void> done =
          kernel.report(inputAddresses, parameters, n, losses.address(), chosenRewards.address(),
                        rejectedRewards.address(), metrics.address(), nullptr);
      !done)
    return done;
  if (Result<void> done = cuda.check(cuda.cuStreamSynchronize(nullptr), "running the kernels");
      !done)
    return done;

  const std::pair<std::string, const Buffer *> rows[] = {
      {gpu::kLoss, &loss},
      {gpu::gradientRow(signature.gradients[0]), &dChosen},
      {gpu::gradientRow(signature.gradients[1]), &dRejected},
      {gpu::kLosses, &losses},
      {gpu::kChosenRewards, &chosenRewards},
      {gpu::kRejectedRewards, &rejectedRewards}};
  for (const auto &[row, buffer] : rows)
    if (Result<void> done = compare(expected, row, *buffer); !done)
      return done;
  Result<std::vector<float>> means = metrics.read();
  if (!means)
    return means.error();
  for (size_t m = 0; m < signature.metrics.size(); ++m)
    if (Result<void> done =
            gpu::compareRow(expected, gpu::metricRow(signature.metrics[m]), &(*means)[m], 1);
        !done)
      return done;
  return {};
}

Result<void> run(const std::string &folder) {
  Result<gpu::Artefacts> artefacts = gpu::readArtefacts(folder);
  if (!artefacts)
    return artefacts.error();
  Result<std::shared_ptr<const CudaDriver>> cuda = CudaDriver::load();
  if (!cuda)
    return cuda.error();
  Result<std::string> device = (*cuda)->deviceName(0);
  if (!device)
    return device.error();
  auto context = runtime::CudaContext::retain(*cuda, 0);
  if (!context)
    return context.error();
  const runtime::CudaContext::Scope scope(**context);
  if (!scope.entered())
    return scope.entered();

  for (const gpu::Artefact &artefact : artefacts->objectives) {
    Result<runtime::PtxKernel> kernel =
        runtime::PtxKernel::load(*cuda, artefact.ptx, artefact.signature);
    if (!kernel)
      return kernel.error();
    for (const auto &[section, expected] : artefact.expected) {
      Result<const gpu::Rows *> batch = gpu::batchOf(*artefacts, section);
      if (!batch)
        return batch.error();
      if (Result<void> done = runBatch(**cuda, *kernel, **batch, expected); !done)
        return Error{artefact.signature.objective + ", " + section + ": " + done.error().message};
    }
    std::printf("{\"lane\": \"plain\", \"objective\": \"%s\", \"batches\": %zu, \"agrees\": true, "
                "\"device\": \"%s\"}\n",
                artefact.signature.objective.c_str(), artefact.expected.size(), device->c_str());
  }
  return {};
}
} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: disco-gpu-plain FOLDER\n");
    return 2;
  }
  const Result<void> done = run(argv[1]);
  return done ? 0 : fail(done.error().message);
}
