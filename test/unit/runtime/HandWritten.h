// A kernel image in machine code by hand, so that the runtime is tested without the compiler.
#pragma once

#include "dsl/Digest.h"
#include "runtime/KernelImage.h"

#include <algorithm>
#include <cstring>

namespace disco::runtime {

/// Both entry points write 1 to their first output.
inline KernelImage handWritten() {
  KernelImage image;
  image.signature.objective = "one";
  image.signature.codeHash = "0123456789abcdef0123456789abcdef";
  image.gradient = image.report = {.plan = "means", .functions = {0}};
  image.code = std::string("\x48\x8b\x47\x18"         // mov rax, [rdi + 24]: the outputs
                           "\x48\x8b\x00"             // mov rax, [rax]
                           "\xc7\x00\x00\x00\x80\x3f" // mov dword [rax], 1.0f
                           "\xc3",                    // ret
                           14);
  return image;
}

/// An artefact with this body and a header that agrees with it (runtime/Artefact.h).
inline std::string withHeader(const std::string &body) {
  dsl::Digest digest;
  digest.add(body.size());
  for (size_t at = 0; at < body.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, body.data() + at, std::min<size_t>(8, body.size() - at));
    digest.add(word);
  }
  const auto bytes = [](auto value) {
    return std::string(reinterpret_cast<const char *>(&value), sizeof value);
  };
  return "\x89"
         "dpoc\r\n\n" +
         bytes(uint32_t{1}) + bytes(digest.high) + bytes(digest.low) +
         bytes(uint64_t{body.size()}) + body;
}

} // namespace disco::runtime
