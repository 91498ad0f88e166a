// A driver library that has one device and no GPU: every call is written to a log that the test
// reads. Its "PTX" is text with one line per entry, a name and a letter per argument (p address, f
// float32, n int64), from which a launch is decoded.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <sstream>
#include <string>

namespace {
std::string gLog;
std::map<std::string, int> gFailures;
struct Module {
  std::map<std::string, std::string> entries;
};

int record(const char *function, const std::string &detail = "") {
  gLog += std::string(function) + (detail.empty() ? "" : " " + detail) + "\n";
  auto failure = gFailures.find(function);
  return failure == gFailures.end() ? 0 : failure->second;
}
} // namespace

extern "C" {
/// The calls since the last time it was asked.
const char *fakeCudaLog() {
  static std::string taken;
  taken = std::move(gLog);
  gLog.clear();
  return taken.c_str();
}
/// Makes a function fail from now on; status 0 makes it work again.
void fakeCudaFail(const char *function, int status) {
  gFailures[function] = status;
  if (status == 0)
    gFailures.erase(function);
}

int cuInit(unsigned) { return record("cuInit"); }
int cuGetErrorString(int status, const char **text) {
  *text = status == 218 ? "a PTX JIT compilation failed" : "no CUDA-capable device is detected";
  return 0;
}
int cuDriverGetVersion(int *version) { return *version = 13000, record("cuDriverGetVersion"); }
int cuDeviceGetCount(int *count) { return *count = 1, record("cuDeviceGetCount"); }
int cuDeviceGet(int *device, int ordinal) {
  *device = 40 + ordinal;
  return record("cuDeviceGet", std::to_string(ordinal));
}
int cuDeviceGetName(char *name, int size, int device) {
  std::snprintf(name, size, "fake device %d", device);
  return record("cuDeviceGetName");
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
  *context = reinterpret_cast<void *>(intptr_t(1000 + device));
  return record("cuDevicePrimaryCtxRetain", std::to_string(device));
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  return record("cuDevicePrimaryCtxRelease", std::to_string(device));
}
int cuCtxPushCurrent_v2(void *context) {
  return record("cuCtxPushCurrent", std::to_string(reinterpret_cast<intptr_t>(context)));
}
int cuCtxPopCurrent_v2(void **) { return record("cuCtxPopCurrent"); }
int cuModuleLoadDataEx(void **module, const void *image, unsigned count, const int *options,
                       void **values) {
  const int status = record("cuModuleLoadDataEx");
  if (status != 0) {
    // CU_JIT_ERROR_LOG_BUFFER is 5 and its size 6.
    if (count == 2 && options[0] == 5 && options[1] == 6)
      std::snprintf(static_cast<char *>(values[0]), reinterpret_cast<size_t>(values[1]),
                    "ptxas application ptx input, line 7; error: unexpected instruction");
    return status;
  }
  auto *made = new Module;
  std::istringstream text(static_cast<const char *>(image));
  for (std::string name, arguments; text >> name >> arguments;)
    made->entries[name] = arguments;
  *module = made;
  return 0;
}
int cuModuleUnload(void *module) {
  delete static_cast<Module *>(module);
  return record("cuModuleUnload");
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  auto &entries = static_cast<Module *>(module)->entries;
  auto found = entries.find(name);
  *function = found == entries.end() ? nullptr : &found->second;
  const int status = record("cuModuleGetFunction", name);
  return *function ? status : 500;
}
int cuLaunchKernel(void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                   unsigned blockY, unsigned blockZ, unsigned shared, void *stream,
                   void **arguments, void **extra) {
  std::ostringstream line;
  line << "grid " << gridX << "x" << gridY << "x" << gridZ << " block " << blockX << "x" << blockY
       << "x" << blockZ << " shared " << shared << " stream " << reinterpret_cast<intptr_t>(stream)
       << (extra ? " extra" : "");
  size_t i = 0;
  for (char type : *static_cast<std::string *>(function)) {
    const void *argument = arguments[i++];
    if (type == 'p') {
      uint64_t address;
      std::memcpy(&address, argument, sizeof address);
      line << " p:" << address;
    } else if (type == 'f') {
      float number;
      std::memcpy(&number, argument, sizeof number);
      line << " f:" << number;
    } else {
      int64_t number;
      std::memcpy(&number, argument, sizeof number);
      line << " n:" << number;
    }
  }
  return record("cuLaunchKernel", line.str());
}
int cuStreamSynchronize(void *) { return record("cuStreamSynchronize"); }
int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  *address = reinterpret_cast<uint64_t>(new char[bytes]);
  return record("cuMemAlloc", std::to_string(bytes));
}
int cuMemFree_v2(uint64_t address) {
  delete[] reinterpret_cast<char *>(address);
  return record("cuMemFree");
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  return record("cuMemcpyHtoD");
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
  return record("cuMemcpyDtoH");
}
}
