// The code of one objective for one kind of CPU as plain data: what the compiler makes, what files
// and pipes carry, and what becomes callable by mapping it into memory. No linker takes part: the
// code refers to nothing outside itself.
#pragma once

#include "dsl/support/Result.h"
#include "runtime/Kernel.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace disco::runtime {

/// What code and its callers agree on: Frame, disco_walk_fn and the steps of a plan. Code of
/// another version is never called.
constexpr uint32_t kKernelAbi = 3;

/// The instructions that code needs, each level with those before it: x86-64, x86-64-v3 (AVX2 and
/// fused multiply-add) and x86-64-v4 (AVX-512) of the System V ABI.
enum class Target : uint8_t { Portable, Avx2, Avx512 };
constexpr std::array<Target, 3> kTargets = {Target::Portable, Target::Avx2, Target::Avx512};
/// "portable", "avx2", "avx512".
std::string_view targetName(Target target);
std::optional<Target> targetByName(std::string_view name);
/// The highest level that this CPU has; empty where it is no x86-64.
std::optional<Target> bestTarget();

/// "float32", "float64".
std::string_view dtypeName(Dtype dtype);
std::optional<Dtype> dtypeByName(std::string_view name);

/// More than any objective within the language's limits needs; bounds what is read from elsewhere.
constexpr size_t kMostCode = size_t{4} << 20;

struct KernelImage {
  struct Entry {
    std::string plan; // Plan::parse
    /// Where the functions of the plan begin, in bytes of `code`.
    std::vector<uint64_t> functions;
    friend bool operator==(const Entry &, const Entry &) = default;
  };

  uint32_t abi = kKernelAbi;
  Target target = Target::Portable;
  Dtype dtype = Dtype::Float32;
  Signature signature;
  Entry gradient, report;
  /// Functions and constants; runs at any address that is a multiple of the page size.
  std::string code;

  friend bool operator==(const KernelImage &, const KernelImage &) = default;
};

/// Maps the code, first writable, then executable, never both; it is unmapped with the last copy of
/// the kernel. Errors: another version of the ABI, instructions that this CPU lacks, a plan that is
/// malformed or has another number of functions, a function outside the code, no memory. `cpu` is
/// what code may use.
Result<HostKernel> load(const KernelImage &image, std::optional<Target> cpu = bestTarget());

} // namespace disco::runtime
