// Every limit of the language, once, with the attack or cost it stops. Tests hold each at N-1, N
// and N+1.
#pragma once

#include <cstddef>

namespace disco::dsl {

struct Limits {
  /// A larger text is not an objective; bounds all later work.
  static constexpr size_t sourceBytes = 16 * 1024;
  /// Bounds the parser's time on flat input.
  static constexpr size_t tokens = 4096;
  /// Nesting of expressions as an author counts it; deeper ones would overflow recursive descent.
  static constexpr size_t depth = 64;
  static constexpr size_t bindings = 64;
  static constexpr size_t parameters = 32;
  /// Each is another number per pair to keep, move and feed.
  static constexpr size_t columns = 16;
  static constexpr size_t states = 16;
  /// Objectives that use each other; deeper ones would overflow the recursion of their checks.
  static constexpr size_t useDepth = 16;
  static constexpr size_t identifierLength = 64;
  /// Counted while expanding, so that fn-of-fn-of-fn cannot explode first and be counted later.
  static constexpr size_t expansions = 1024;
  /// Nodes after sharing.
  static constexpr size_t nodes = 256;
  /// Forward plus backward operations: more spill registers and make compilers superlinear.
  static constexpr size_t operations = 1024;
  static constexpr size_t diagnostics = 20;
};

} // namespace disco::dsl
