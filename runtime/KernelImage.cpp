// See KernelImage.h.
#include "runtime/KernelImage.h"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>

namespace disco::runtime {

namespace {

constexpr std::array<std::string_view, 3> kTargetNames = {"portable", "avx2", "avx512"};
constexpr std::array<std::string_view, 2> kDtypeNames = {"float32", "float64"};

template <typename T, size_t N>
std::optional<T> byName(const std::array<std::string_view, N> &names, std::string_view name) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == name)
      return T(i);
  return std::nullopt;
}

/// Pages that hold the code of one kernel.
class CodePages {
public:
  ~CodePages() {
    if (address_)
      munmap(address_, size_);
  }
  Result<void> fill(const std::string &code) {
    void *const pages =
        mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
      return failure();
    address_ = pages;
    size_ = code.size();
    std::memcpy(pages, code.data(), code.size());
    if (mprotect(pages, size_, PROT_READ | PROT_EXEC) != 0)
      return failure();
    return {};
  }
  disco_walk_fn at(uint64_t offset) const {
    return reinterpret_cast<disco_walk_fn>(static_cast<char *>(address_) + offset);
  }

private:
  static Error failure() {
    return Error{std::string("cannot map the code of a kernel: ") + std::strerror(errno)};
  }
  void *address_ = nullptr;
  size_t size_ = 0;
};

/// The entry point with its functions at their addresses.
Result<EntryCode> link(const KernelImage::Entry &entry, const KernelImage &image,
                       const CodePages &pages) {
  Result<Plan> plan = Plan::parse(entry.plan);
  if (!plan)
    return plan.error();
  if (plan->functions() != entry.functions.size())
    return Error{"the plan of a kernel runs " + std::to_string(plan->functions()) +
                 " functions, its code has " + std::to_string(entry.functions.size())};
  EntryCode code;
  code.plan = std::move(*plan);
  for (uint64_t offset : entry.functions) {
    if (offset >= image.code.size())
      return Error{"a function of a kernel begins at byte " + std::to_string(offset) + " of its " +
                   std::to_string(image.code.size()) + " bytes of code"};
    code.functions.push_back(pages.at(offset));
  }
  return code;
}

} // namespace

std::string_view targetName(Target target) { return kTargetNames[size_t(target)]; }
std::optional<Target> targetByName(std::string_view name) {
  return byName<Target>(kTargetNames, name);
}
std::string_view dtypeName(Dtype dtype) { return kDtypeNames[size_t(dtype)]; }
std::optional<Dtype> dtypeByName(std::string_view name) { return byName<Dtype>(kDtypeNames, name); }

std::optional<Target> bestTarget() {
#ifdef __x86_64__
  __builtin_cpu_init();
  return __builtin_cpu_supports("x86-64-v4")   ? Target::Avx512
         : __builtin_cpu_supports("x86-64-v3") ? Target::Avx2
                                               : Target::Portable;
#else
  return std::nullopt;
#endif
}

Result<HostKernel> load(const KernelImage &image, std::optional<Target> cpu) {
  if (image.abi != kKernelAbi)
    return Error{"the kernel has version " + std::to_string(image.abi) +
                 " of the ABI, this build calls version " + std::to_string(kKernelAbi) +
                 "; compile the objective again"};
  if (!cpu || *cpu < image.target)
    return Error{"the kernel is for " + std::string(targetName(image.target)) + ", this CPU is " +
                 (cpu ? "only " + std::string(targetName(*cpu)) : "no x86-64") +
                 "; compile the objective for it"};
  if (image.code.empty() || image.code.size() > kMostCode)
    return Error{"the kernel has " + std::to_string(image.code.size()) + " bytes of code; 1 to " +
                 std::to_string(kMostCode) + " are loaded"};
  if (image.signature.gradients.size() > kMostGradients)
    return Error{"the kernel has " + std::to_string(image.signature.gradients.size()) +
                 " gradients, at most " + std::to_string(kMostGradients) + " are called"};
  auto pages = std::make_shared<CodePages>();
  if (Result<void> filled = pages->fill(image.code); !filled)
    return filled.error();
  HostKernel kernel;
  for (auto [entry, code] : {std::pair{&image.gradient, &kernel.gradientCode},
                             std::pair{&image.report, &kernel.reportCode}}) {
    Result<EntryCode> linked = link(*entry, image, *pages);
    if (!linked)
      return linked.error();
    *code = std::move(*linked);
  }
  kernel.signature = image.signature;
  kernel.dtype = image.dtype;
  kernel.keepAlive = std::move(pages);
  return kernel;
}

} // namespace disco::runtime
