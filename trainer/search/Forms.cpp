// The forms of Expression.h, made from the language's own lists of operations and builtins.
#include "trainer/search/Expression.h"

#include "dsl/Builtins.h"

#include <algorithm>
#include <cassert>

namespace disco::search {
namespace {

struct OperatorText {
  dsl::Op op;
  const char *text;
};
constexpr OperatorText kOperators[] = {
    {dsl::Op::Neg, "-"},   {dsl::Op::Add, "+"}, {dsl::Op::Sub, "-"},   {dsl::Op::Mul, "*"},
    {dsl::Op::Div, "/"},   {dsl::Op::Pow, "^"}, {dsl::Op::Lt, "<"},    {dsl::Op::Le, "<="},
    {dsl::Op::Eq, "=="},   {dsl::Op::Ne, "!="}, {dsl::Op::And, "and"}, {dsl::Op::Or, "or"},
    {dsl::Op::Not, "not "}};

Form::Shape shapeOf(dsl::Op op) {
  if (op == dsl::Op::Pow)
    return Form::Shape::Power;
  switch (dsl::opShape(op)) {
  case dsl::OpShape::Compare:
    return Form::Shape::Compare;
  case dsl::OpShape::Logic:
    return Form::Shape::Logic;
  case dsl::OpShape::Select:
    return Form::Shape::Select;
  case dsl::OpShape::Reduce:
    return Form::Shape::Reduce;
  case dsl::OpShape::Sort:
  case dsl::OpShape::TokenReduce:
  case dsl::OpShape::Leaf:
  case dsl::OpShape::Pointwise:
    break;
  }
  return Form::Shape::Pointwise;
}

/// Functions of tokens and of order. Generated expressions are of pairs and batches: a rank or a
/// token position at random is hardly ever a loss. Proposals of a model may have both.
bool isLeftOut(const dsl::Builtin &builtin) {
  constexpr std::string_view kNames[] = {"batch_max", "batch_min", "batch_quantile", "batch_sort"};
  return builtin.name.starts_with("token_") ||
         std::find(std::begin(kNames), std::end(kNames), builtin.name) != std::end(kNames);
}

std::vector<Form> makeForms() {
  std::vector<Form> made;
  for (const OperatorText &entry : kOperators)
    made.push_back({std::string(dsl::opMnemonic(entry.op)), entry.text, dsl::opArity(entry.op),
                    shapeOf(entry.op)});
  for (const dsl::Builtin &builtin : dsl::allBuiltins()) {
    if (isLeftOut(builtin))
      continue;
    // Derived builtins are real functions of reals; those named batch_* reduce, as the primitive
    // one does.
    Form::Shape shape =
        builtin.name.starts_with("batch_") ? Form::Shape::Reduce : Form::Shape::Pointwise;
    if (builtin.primitive)
      shape = shapeOf(*builtin.primitive);
    made.push_back({std::string(builtin.name), "", builtin.arity, shape});
  }
  return made;
}

} // namespace

std::span<const Form> forms() {
  static const std::vector<Form> all = makeForms();
  return all;
}

const Form *findForm(std::string_view name) {
  auto all = forms();
  auto found =
      std::find_if(all.begin(), all.end(), [&](const Form &form) { return form.name == name; });
  return found == all.end() ? nullptr : &*found;
}

const Form &form(std::string_view name) {
  const Form *found = findForm(name);
  assert(found && "no form of that name");
  return *found;
}

} // namespace disco::search
