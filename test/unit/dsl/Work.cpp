#include "test/unit/dsl/Work.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<size_t> count{0};

} // namespace

// Replaced for this whole program; array forms and the standard's other forms go through these.
void *operator new(size_t size) {
  ++count;
  if (void *memory = std::malloc(size > 0 ? size : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

namespace disco::dsl {

size_t allocationsOf(const std::function<void()> &call) {
  const size_t before = count;
  call();
  return count - before;
}

} // namespace disco::dsl
