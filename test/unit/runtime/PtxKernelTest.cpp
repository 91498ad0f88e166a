// Loading PTX and packing launch arguments, against a driver library that records what it is asked.
#include "runtime/PtxKernel.h"

#include <gtest/gtest.h>

#include <dlfcn.h>

using namespace disco;
using namespace disco::runtime;

namespace {
// Two inputs, two parameters, one metric; see FakeCuda.cpp for the form of the text.
const char *const kPtx = "gradient ppffnppp\nreport ppffnpppp\n";

Signature signature() {
  return {.objective = "thing",
          .codeHash = std::string(32, 'a'),
          .inputs = {"policy_chosen_logps", "policy_rejected_logps"},
          .gradients = {"policy_chosen_logps", "policy_rejected_logps"},
          .parameters = {"beta", "tau"},
          .defaults = {0.1, 0.05},
          .metrics = {"m"}};
}

class PtxKernelTest : public ::testing::Test {
protected:
  PtxKernelTest() {
    void *library = dlopen(DISCO_FAKE_CUDA, RTLD_NOW);
    EXPECT_TRUE(library) << dlerror();
    log_ = reinterpret_cast<const char *(*)()>(dlsym(library, "fakeCudaLog"));
    fail_ = reinterpret_cast<void (*)(const char *, int)>(dlsym(library, "fakeCudaFail"));
    log_();
  }
  ~PtxKernelTest() override {
    for (const char *function : {"cuInit", "cuModuleLoadDataEx", "cuLaunchKernel"})
      fail_(function, 0);
  }
  std::shared_ptr<const CudaDriver> driver() {
    auto driver = CudaDriver::load(DISCO_FAKE_CUDA);
    EXPECT_TRUE(driver) << driver.error().message;
    return *driver;
  }
  PtxKernel kernel() {
    auto kernel = PtxKernel::load(driver(), kPtx, signature());
    EXPECT_TRUE(kernel) << kernel.error().message;
    log_();
    return *kernel;
  }
  const char *(*log_)() = nullptr;
  void (*fail_)(const char *, int) = nullptr;
};

TEST(CudaDriverTest, AbsentLibraryIsAClearError) {
  auto driver = CudaDriver::load("libdisco-no-such-driver.so.1");
  ASSERT_FALSE(driver);
  EXPECT_TRUE(driver.error().message.starts_with("no CUDA driver: "));
  EXPECT_NE(driver.error().message.find("libdisco-no-such-driver.so.1"), std::string::npos);
  EXPECT_NE(driver.error().message.find("use the host engine"), std::string::npos);
}

TEST(CudaDriverTest, LibraryThatIsNoDriverNamesTheMissingFunction) {
  auto driver = CudaDriver::load("libm.so.6");
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().message, "libm.so.6: has no `cuInit`; the NVIDIA driver is too old");
}

TEST_F(PtxKernelTest, DriverWithoutDeviceIsAClearError) {
  fail_("cuInit", 100);
  auto driver = CudaDriver::load(DISCO_FAKE_CUDA);
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().message,
            DISCO_FAKE_CUDA ": initialising failed: no CUDA-capable device is detected "
                            "(CUDA error 100)");
}

TEST_F(PtxKernelTest, DriverDescribesItsDevice) {
  auto cuda = driver();
  EXPECT_EQ(*cuda->deviceCount(), 1);
  EXPECT_EQ(*cuda->deviceName(0), "fake device 40");
  EXPECT_EQ(*cuda->version(), 13000);
}

TEST_F(PtxKernelTest, LoadsIntoThePrimaryContextAndReleasesIt) {
  auto cuda = driver();
  log_();
  { auto kernel = PtxKernel::load(cuda, kPtx, signature()); }
  EXPECT_STREQ(log_(), "cuDeviceGet 0\n"
                       "cuDevicePrimaryCtxRetain 40\n"
                       "cuCtxPushCurrent 1040\n"
                       "cuModuleLoadDataEx\n"
                       "cuModuleGetFunction gradient\n"
                       "cuModuleGetFunction report\n"
                       "cuCtxPopCurrent\n"
                       "cuCtxPushCurrent 1040\n"
                       "cuModuleUnload\n"
                       "cuCtxPopCurrent\n"
                       "cuDevicePrimaryCtxRelease 40\n");
}

TEST_F(PtxKernelTest, AssemblerLogIsPartOfTheError) {
  fail_("cuModuleLoadDataEx", 218);
  auto kernel = PtxKernel::load(driver(), "nonsense", signature());
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().message,
            "objective `thing`: loading its PTX failed: a PTX JIT compilation failed "
            "(CUDA error 218)\nptxas application ptx input, line 7; error: unexpected instruction");
}

TEST_F(PtxKernelTest, MissingEntryIsNamed) {
  auto kernel = PtxKernel::load(driver(), "gradient ppffnppp\n", signature());
  ASSERT_FALSE(kernel);
  EXPECT_TRUE(kernel.error().message.starts_with(
      "objective `thing`: finding entry `report` in its PTX failed"));
}

TEST_F(PtxKernelTest, GradientPacksInputsParametersPairsLossGradients) {
  PtxKernel kernel = this->kernel();
  const DeviceAddress inputs[] = {11, 12}, gradients[] = {31, 32};
  const float parameters[] = {0.5f, 0.25f};
  auto done = kernel.gradient(inputs, parameters, 5'000'000'000, 21, gradients,
                              reinterpret_cast<CudaStreamHandle>(7));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_STREQ(log_(), "cuCtxPushCurrent 1040\n"
                       "cuLaunchKernel grid 1x1x1 block 256x1x1 shared 0 stream 7 p:11 p:12 f:0.5 "
                       "f:0.25 n:5000000000 p:21 p:31 p:32\n"
                       "cuCtxPopCurrent\n");
}

TEST_F(PtxKernelTest, ReportPacksInputsParametersPairsLossesRewardsMetrics) {
  PtxKernel kernel = this->kernel();
  const DeviceAddress inputs[] = {11, 12};
  const float parameters[] = {0.5f, 0.25f};
  auto done = kernel.report(inputs, parameters, 3, 41, 42, 43, 44, nullptr);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_STREQ(log_(), "cuCtxPushCurrent 1040\n"
                       "cuLaunchKernel grid 1x1x1 block 256x1x1 shared 0 stream 0 p:11 p:12 f:0.5 "
                       "f:0.25 n:3 p:41 p:42 p:43 p:44\n"
                       "cuCtxPopCurrent\n");
}

TEST_F(PtxKernelTest, FailedLaunchIsAnError) {
  PtxKernel kernel = this->kernel();
  fail_("cuLaunchKernel", 100);
  const DeviceAddress inputs[] = {11, 12}, gradients[] = {31, 32};
  const float parameters[] = {0.5f, 0.25f};
  auto done = kernel.gradient(inputs, parameters, 1, 21, gradients, nullptr);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().message.starts_with("objective `thing`: launching it failed"));
}

TEST_F(PtxKernelTest, CopiesShareOneModule) {
  {
    PtxKernel first = kernel();
    PtxKernel second = first;
    EXPECT_EQ(&first.signature(), &second.signature());
  }
  const std::string log = log_();
  EXPECT_EQ(log.find("cuModuleUnload"), log.rfind("cuModuleUnload"));
}
} // namespace
