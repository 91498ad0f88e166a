// Kernels in many threads at once: loaded, shared, called with their chunks spread over more
// threads, and unloaded. Built with the thread sanitizer, which ends the program at a race; so the
// code of the kernels is C++ here, apart from one in machine code that is loaded and unloaded.
#include "runtime/Artefact.h"
#include "test/unit/runtime/HandWritten.h"

#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>

namespace disco::runtime {
namespace {

constexpr int kThreads = 8, kRounds = 1000;

void inThreads(int count, const std::function<void(int)> &body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back(body, i);
  for (std::thread &thread : threads)
    thread.join();
}

// Each round takes over the kernel that another thread has loaded, so that the last copy, with
// which the code is unmapped, may be anybody's.
TEST(Threads, LoadShareCallAndUnload) {
  const std::string bytes = writeArtefact({.build = "test", .images = {handWritten()}});
  std::mutex mutex;
  std::optional<HostKernel> shared;
  inThreads(kThreads, [&](int) {
    for (int round = 0; round < kRounds; ++round) {
      const Result<Artefact> artefact = readArtefact("test", bytes);
      ASSERT_TRUE(artefact);
      std::optional<HostKernel> kernel = *load(artefact->images[0]);
      {
        const std::lock_guard<std::mutex> lock(mutex);
        std::swap(kernel, shared);
      }
      float loss = 0;
      if (kernel)
        kernel->gradient(nullptr, nullptr, 1, &loss, nullptr);
      ASSERT_EQ(loss, kernel ? 1.0f : 0.0f);
    }
  });
}

void addUp(const Frame *frame, int64_t begin, int64_t end, double *sums) {
  const auto *values = static_cast<const float *>(frame->inputs[0]);
  auto *kept = static_cast<float *>(frame->stored[0]);
  sums[0] = 0;
  for (int64_t i = begin; i < end; ++i)
    sums[0] += kept[i] = values[i];
}
void divide(const Frame *frame, int64_t begin, int64_t end, double *) {
  const auto *sorted = static_cast<const float *>(frame->stored[1]);
  for (int64_t i = begin; i < end; ++i)
    static_cast<float *>(frame->outputs[0])[i] = sorted[i] / float(frame->totals[0]);
}
void mean(const Frame *frame, int64_t, int64_t, double *) {
  *static_cast<float *>(frame->outputs[1]) = float(frame->totals[0] / double(frame->pairs));
}

/// Chunks from four threads, whichever is free.
void inFour(int64_t count, void (*body)(void *data, int64_t i), void *data) {
  std::atomic<int64_t> next = 0;
  inThreads(4, [&](int) {
    for (int64_t i = next++; i < count; i = next++)
      body(data, i);
  });
}

TEST(Threads, WalkChunksOfOneBatch) {
  const Plan plan = *Plan::parse("walk add; sort 0 1; walk; means");
  const disco_walk_fn functions[] = {addUp, divide, mean};
  const std::vector<float> ones(20 * Plan::kChunk + 7, 1);
  inThreads(2, [&](int) { // two callers of the same plan
    for (int round = 0; round < 10; ++round) {
      std::vector<float> shares(ones.size());
      float average = 0;
      const void *inputs[] = {ones.data()};
      void *outputs[] = {shares.data(), &average};
      plan.run(functions, {.inputs = inputs, .pairs = int64_t(ones.size()), .outputs = outputs},
               Dtype::Float32, inFour);
      ASSERT_EQ(average, 1);
      ASSERT_EQ(shares.back(), 1 / float(ones.size()));
    }
  });
}

} // namespace
} // namespace disco::runtime
