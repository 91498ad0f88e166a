// A compiled objective as a file (.dpoc): what it reads and writes, and its code for several kinds
// of CPU. The same bytes travel from the worker that compiles and lie in the cache. A file is only
// parsed, every length in it is bounded, and nothing in it is a path; but its code runs when it is
// called, so it deserves the trust of a program.
//
//   file      ::= "\x89dpoc\r\n\n" format:u32 digest:u64[2] size:u64 body     (size and digest: of
//   the body) body      ::= signature build:text count:u32 image* signature ::= objective:text
//   code_hash:text inputs:list gradients:list parameters:list
//                 defaults:f64* states:list metrics:list
//   image     ::= abi:u32 target:u8 dtype:u8 entry entry code:text              (gradient, report)
//   entry     ::= plan:text count:u32 function:u64*
//   text      ::= size:u32 byte*          list ::= count:u32 text*
// Numbers are little-endian.
#pragma once

#include "dsl/support/Result.h"
#include "runtime/KernelImage.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace disco::runtime {

struct Artefact {
  /// Which build of the compiler made the code: a label, compared by the cache.
  std::string build;
  /// At least one, all with the same signature.
  std::vector<KernelImage> images;
};

/// The same artefact gives the same bytes.
std::string writeArtefact(const Artefact &artefact);

/// `name` is what errors call the bytes. Errors: not the format of this build, bytes missing, too
/// many or changed, and whatever no artefact of ours has: a name that is no identifier or occurs
/// twice in a list, a default that is not finite, no image.
Result<Artefact> readArtefact(std::string_view name, std::string_view bytes);

/// The file, loaded for this CPU: of its images of `dtype` the one with the highest target that
/// `cpu` has. Errors name the file; if no image fits, what there is.
Result<HostKernel> loadArtefact(const std::string &path, Dtype dtype = Dtype::Float32,
                                std::optional<Target> cpu = bestTarget());

/// The bytes of an open regular file, at most `limit`; `name` is what errors call it.
Result<std::string> readBounded(int descriptor, const std::string &name, size_t limit);
/// A larger file is no artefact.
constexpr size_t kMostArtefact = size_t{32} << 20;

} // namespace disco::runtime
