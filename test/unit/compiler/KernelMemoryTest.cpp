// Kernels touch exactly the numbers they are given: every array lies against an unreadable page, at
// its end or its start, for sizes around the vector width and at offsets that no vector is aligned
// to.
#include "test/unit/compiler/RunKernel.h"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace disco::compiler {
namespace {

constexpr size_t kLargest = 65;

/// One page of floats between two that cannot be touched.
class GuardedPage {
public:
  GuardedPage() : page_(size_t(sysconf(_SC_PAGESIZE))) {
    void *memory = mmap(nullptr, 3 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    base_ = static_cast<char *>(memory);
    EXPECT_EQ(mprotect(base_ + page_, page_, PROT_READ | PROT_WRITE), 0);
  }
  ~GuardedPage() { munmap(base_, 3 * page_); }
  GuardedPage(const GuardedPage &) = delete;
  GuardedPage &operator=(const GuardedPage &) = delete;
  float *first() { return reinterpret_cast<float *>(base_ + page_); }
  /// The array of `count` floats that ends where the page does.
  float *last(size_t count) { return reinterpret_cast<float *>(base_ + 2 * page_) - count; }

private:
  size_t page_;
  char *base_;
};

TEST(KernelMemory, NothingBesideTheArraysIsTouched) {
  const runtime::HostKernel kernel = kernelOf(programOf(R"(objective guarded {
    loss = softplus(-margin) * batch_std(margin);
    metric spread = batch_std(margin);
  })"));
  ASSERT_EQ(kernel.signature.inputs.size(), 4u);
  std::array<GuardedPage, 4> inputs;
  std::array<GuardedPage, 5>
      outputs; // loss or losses, two gradients or rewards, metrics; the last is for values
  for (size_t pairs = 0; pairs <= kLargest; ++pairs)
    for (bool atEnd : {false, true}) {
      std::array<const void *, 4> in{};
      for (size_t i = 0; i < in.size(); ++i) {
        float *array = atEnd ? inputs[i].last(pairs) : inputs[i].first();
        for (size_t k = 0; k < pairs; ++k)
          array[k] = float(i) - float(k % 5);
        in[i] = array;
      }
      const auto place = [&](size_t i, size_t count) {
        return atEnd ? outputs[i].last(count) : outputs[i].first();
      };
      std::array<float *, 2> perPair = {place(1, pairs), place(2, pairs)};
      kernel.gradient(in.data(), nullptr, int64_t(pairs), place(0, 1), perPair.data());
      kernel.report(in.data(), nullptr, int64_t(pairs), place(0, pairs), perPair.data(),
                    place(3, 1));
    }
}

// What lies after the last pair in the same page is not an array of ours either.
TEST(KernelMemory, NothingAfterTheLastPairIsWritten) {
  const runtime::HostKernel kernel =
      kernelOf(programOf("objective short { loss = softplus(-margin); }"));
  constexpr float kCanary = 12345;
  for (size_t pairs = 0; pairs <= kLargest; ++pairs) {
    const std::vector<float> input(kLargest, -1);
    const std::array<const void *, 4> in = {input.data(), input.data(), input.data(), input.data()};
    std::array<std::vector<float>, 2> gradients;
    gradients.fill(std::vector<float>(kLargest + 32, kCanary));
    std::array<float *, 2> out = {gradients[0].data() + 1, gradients[1].data() + 1};
    float loss = 0;
    kernel.gradient(in.data(), nullptr, int64_t(pairs), &loss, out.data());
    for (const std::vector<float> &gradient : gradients) {
      EXPECT_EQ(gradient[0], kCanary);
      for (size_t i = pairs + 1; i < gradient.size(); ++i)
        ASSERT_EQ(gradient[i], kCanary) << pairs << " pairs, place " << i;
      for (size_t i = 1; i <= pairs; ++i)
        ASSERT_NE(gradient[i], kCanary);
    }
  }
}

} // namespace
} // namespace disco::compiler
