// What objects and shared libraries of objectives call: kernels that this process cannot run, and
// calls that no kernel takes, are refused and write nothing.
#include "runtime/StaticKernel.h"
#include "runtime/KernelImage.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace disco::runtime {
namespace {

/// The means of a kernel of `Real` with one gradient: loss and gradient are the first number.
template <typename Real> void copyNumber(const Frame *frame, int64_t, int64_t, double *) {
  for (int i = 0; i < 2; ++i)
    *static_cast<Real *>(frame->outputs[i]) = *static_cast<const Real *>(frame->numbers);
}

constexpr disco_walk_fn kFloat[] = {copyNumber<float>}, kDouble[] = {copyNumber<double>};

disco_static_kernel kernelWith(Dtype dtype) {
  const disco_walk_fn *functions = dtype == Dtype::Float32 ? kFloat : kDouble;
  return {.abi = kKernelAbi,
          .target = uint32_t(Target::Portable),
          .gradients = 1,
          .dtype = uint32_t(dtype),
          .gradientPlan = "means",
          .reportPlan = "means",
          .gradientFunctions = functions,
          .reportFunctions = functions,
          .made = nullptr};
}

/// What a gradient call of `Real` on so many pairs returns; its loss and its gradient.
template <typename Real> struct Called {
  int status;
  Real loss = 7, gradient = 7;
  int64_t firstBad = 7;
  Called(disco_static_kernel kernel, Real number, int64_t pairs = 1) {
    void *gradients[] = {&gradient};
    status = disco_static_gradient(&kernel, nullptr, &number, pairs, &loss, gradients, &firstBad);
  }
};

TEST(StaticKernel, ComputesInItsTypeOfNumber) {
  const Called<float> single(kernelWith(Dtype::Float32), 0.1f);
  EXPECT_EQ(single.status, 0);
  EXPECT_EQ(single.loss, 0.1f);
  const Called<double> twice(kernelWith(Dtype::Float64), 0.1);
  EXPECT_EQ(twice.status, 0);
  EXPECT_EQ(twice.loss, 0.1);
  EXPECT_EQ(twice.firstBad, 7);
}

TEST(StaticKernel, ALossThatIsNotFiniteIsFlagged) {
  const Called<float> bad(kernelWith(Dtype::Float32), std::numeric_limits<float>::infinity());
  EXPECT_EQ(bad.status, 1);
  EXPECT_EQ(bad.firstBad, -1) << "the kernel names no pair";
}

TEST(StaticKernel, OtherVersionsOfTheAbiAreRefused) {
  disco_static_kernel kernel = kernelWith(Dtype::Float32);
  kernel.abi = kKernelAbi + 1;
  const Called<float> called(kernel, 1);
  EXPECT_EQ(called.status, -1);
  EXPECT_EQ(called.loss, 7);
}

TEST(StaticKernel, InstructionsThatTheCpuLacksAreRefused) {
  disco_static_kernel kernel = kernelWith(Dtype::Float32);
  kernel.target = uint32_t(Target::Avx512) + 1; // beyond every CPU that is known
  EXPECT_EQ(Called<float>(kernel, 1).status, -1);
}

TEST(StaticKernel, UnknownTypesOfNumberAreRefused) {
  disco_static_kernel kernel = kernelWith(Dtype::Float32);
  kernel.dtype = 2;
  EXPECT_EQ(Called<float>(kernel, 1).status, -1);
}

TEST(StaticKernel, BatchesPastTheLargestAreRefused) {
  for (int64_t pairs : {int64_t{-1}, kMostPairs + 1, std::numeric_limits<int64_t>::max()}) {
    const Called<float> called(kernelWith(Dtype::Float32), 1, pairs);
    EXPECT_EQ(called.status, -2) << pairs;
    EXPECT_EQ(called.loss, 7) << pairs;
    disco_static_kernel kernel = kernelWith(Dtype::Float32);
    EXPECT_EQ(disco_static_report(&kernel, nullptr, nullptr, pairs, nullptr, nullptr, nullptr), -2);
  }
}

} // namespace
} // namespace disco::runtime
