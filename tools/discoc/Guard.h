// The last line of defence of a program: what no code expected becomes a message and an exit code.
#pragma once

#include "dsl/support/Printable.h"

#include <cstdio>
#include <exception>
#include <functional>
#include <new>

namespace disco::discoc {

/// The body's exit code; 1 when memory is exhausted and 70 (EX_SOFTWARE of sysexits.h) when another
/// exception leaves it, which is a bug of ours.
inline int guarded(const char *program, const std::function<int()> &body) {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "%s: error: out of memory\n", program);
    return 1;
  } catch (const std::exception &exception) {
    std::fprintf(stderr, "%s: internal error: %s; please report it with the input\n", program,
                 printable(exception.what()).c_str());
    return 70;
  }
}

} // namespace disco::discoc
