// The ways an expression can nest, for tests that refuse deep texts and the benchmark that says how
// fast. `where` needs a condition that is flat.
#pragma once

#include <string>

namespace disco::dsl {

struct Shape {
  const char *name, *open, *middle, *close;
};
constexpr Shape kShapes[] = {
    {"parentheses", "(", "margin", ")"},
    {"calls", "exp(", "margin", ")"},
    {"unclosed", "(", "", ""},
    {"minus", "-", "margin", ""},
    {"not", "not ", "margin", ""},
    {"powers", "margin^", "margin", ""},
    {"choices", "where(c, 0, ", "margin", ")"},
};

/// An objective whose loss is this many levels of a shape.
inline std::string nest(const Shape &shape, size_t depth) {
  std::string text = "objective o {\nlet c = margin < 0;\nloss = ";
  for (size_t i = 0; i < depth; ++i)
    text += shape.open;
  text += shape.middle;
  for (size_t i = 0; i < depth; ++i)
    text += shape.close;
  return text + ";\n}\n";
}

} // namespace disco::dsl
