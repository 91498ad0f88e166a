// See EmitObj.h. The operation lists of the language and of the dialect are held together here.
#include "compiler/emit/EmitObj.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"

using namespace mlir;
using namespace disco;

// Every row of dsl/Ops.def is the obj operation of that mnemonic. An input is no operation but a
// block argument, except batch_size, which is not read from memory. What the dialect lacks is
// refused by firstRefused().
namespace disco::obj {
using InputOp = BatchSizeOp;
using ColumnOp = BatchSizeOp;
using StateOp = BatchSizeOp;
using BatchMaxOp = BatchSizeOp;
using BatchQuantileOp = BatchSizeOp;
using BatchSortOp = BatchSizeOp;
using TokenSumOp = BatchSizeOp;
} // namespace disco::obj
#define DISCO_OP(NAME, MNEMONIC, ARITY, SHAPE)                                                     \
  static_assert(dsl::Op::NAME == dsl::Op::Input || !compiler::isCompiled(dsl::Op::NAME) ||         \
                    std::string_view(obj::NAME##Op::getOperationName()) == "obj." MNEMONIC,        \
                "obj and dsl/Ops.def disagree about " MNEMONIC);
#include "dsl/Ops.def"

namespace {

Value emitNode(OpBuilder &builder, Location loc, const dsl::Program &program, const dsl::Node &node,
               ValueRange operands, obj::ObjectiveOp objective) {
  switch (node.op) {
  case dsl::Op::Constant:
    return obj::ConstantOp::create(builder, loc, builder.getF64FloatAttr(node.constant));
  case dsl::Op::Parameter:
    return obj::ParameterOp::create(builder, loc, node.index, program.parameters[node.index].name);
  case dsl::Op::Input: {
    const auto input = dsl::Input(node.index);
    if (input == dsl::Input::batch_size)
      return obj::BatchSizeOp::create(builder, loc);
    return objective.getInput(dsl::inputName(input));
  }
#define DISCO_OP_Leaf(NAME)
#define DISCO_OP_Operation(NAME)                                                                   \
  case dsl::Op::NAME:                                                                              \
    return obj::NAME##Op::create(builder, loc, operands);
#define DISCO_OP_Pointwise DISCO_OP_Operation
#define DISCO_OP_Compare DISCO_OP_Operation
#define DISCO_OP_Logic DISCO_OP_Operation
#define DISCO_OP_Select DISCO_OP_Operation
  case dsl::Op::BatchSum:
    return obj::BatchSumOp::create(builder, loc, operands[0]);
  case dsl::Op::Column:
  case dsl::Op::State:
  case dsl::Op::BatchMax:
  case dsl::Op::BatchQuantile:
  case dsl::Op::BatchSort:
  case dsl::Op::TokenSum:
    break;
#define DISCO_OP_Reduce(NAME)
#define DISCO_OP_Sort(NAME)
#define DISCO_OP_TokenReduce(NAME)
#define DISCO_OP(NAME, MNEMONIC, ARITY, SHAPE) DISCO_OP_##SHAPE(NAME)
#include "dsl/Ops.def"
  }
  llvm_unreachable("refused before");
}

} // namespace

std::optional<dsl::NodeId> compiler::firstRefused(const dsl::Program &program) {
  for (dsl::NodeId id = 0; id < program.nodes.size(); ++id) {
    const dsl::Node &node = program[id];
    const bool input = node.op == dsl::Op::Input;
    if (!isCompiled(node.op) || dsl::isToken(node.type.extent) ||
        (input && dsl::Input(node.index) == dsl::Input::progress))
      return id;
  }
  return std::nullopt;
}

std::vector<dsl::Input> compiler::pairInputs(const dsl::Program &program) {
  std::vector<dsl::NodeId> results = {program.loss, program.chosenReward, program.rejectedReward};
  for (const dsl::Metric &metric : program.metrics)
    results.push_back(metric.value);
  std::vector<dsl::Input> inputs = program.inputsOf(results);
  std::erase_if(inputs,
                [](dsl::Input input) { return dsl::inputExtent(input) != dsl::Extent::Pair; });
  return inputs;
}

OwningOpRef<ModuleOp> compiler::emitObj(MLIRContext &context, const dsl::Program &program) {
  OpBuilder builder(&context);
  const auto at = [&](Span span) -> Location {
    return FileLineColLoc::get(builder.getStringAttr(program.name), 0, span.begin);
  };
  const auto names = [&](const auto &range, auto nameOf) {
    SmallVector<Attribute> attributes;
    for (const auto &item : range)
      attributes.push_back(builder.getStringAttr(nameOf(item)));
    return builder.getArrayAttr(attributes);
  };
  const Location loc = at({});
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());

  const std::vector<dsl::Input> inputs = pairInputs(program);
  std::vector<dsl::Input> wrt;
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (dsl::inputHasGradient(dsl::Input(i)) && !dsl::isToken(dsl::inputExtent(dsl::Input(i))))
      wrt.push_back(dsl::Input(i));
  auto objective = obj::ObjectiveOp::create(
      builder, loc, builder.getStringAttr(program.name), names(inputs, dsl::inputName),
      names(program.parameters, [](const dsl::Parameter &p) { return p.name; }),
      names(wrt, dsl::inputName),
      names(program.metrics, [](const dsl::Metric &m) { return m.name; }));
  Block &block = objective.getBody().emplaceBlock();
  for (size_t i = 0; i < inputs.size(); ++i)
    block.addArgument(obj::RealType::get(&context, obj::Extent::Pair), loc);
  builder.setInsertionPointToStart(&block);

  SmallVector<Value> values(program.nodes.size());
  for (size_t id = 0; id < program.nodes.size(); ++id) {
    const dsl::Node &node = program.nodes[id];
    SmallVector<Value, 3> operands;
    for (unsigned i = 0; i < dsl::opArity(node.op); ++i)
      operands.push_back(values[node.operands[i]]);
    values[id] = emitNode(builder, at(node.span), program, node, operands, objective);
  }
  SmallVector<Value> metrics;
  for (const dsl::Metric &metric : program.metrics)
    metrics.push_back(values[metric.value]);
  obj::YieldOp::create(builder, loc, values[program.loss],
                       ValueRange{values[program.chosenReward], values[program.rejectedReward]},
                       metrics, ValueRange());
  return module;
}
