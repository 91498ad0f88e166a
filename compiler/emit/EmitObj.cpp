// See EmitObj.h. The operation lists of the language and of the dialect are held together here.
#include "compiler/emit/EmitObj.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"

using namespace mlir;
using namespace disco;

// Every row of dsl/Ops.def is the obj operation of that mnemonic, but for three. Inputs and columns
// are block arguments, except batch_size and progress, which are not read from memory. A quantile
// is a weighted sum of the sorted values.
namespace disco::obj {
using InputOp = BatchSizeOp;
using ColumnOp = BatchSizeOp;
using BatchQuantileOp = QuantileWeightOp;
} // namespace disco::obj
#define DISCO_OP(NAME, MNEMONIC, ARITY, SHAPE)                                                     \
  static_assert(dsl::Op::NAME == dsl::Op::Input || dsl::Op::NAME == dsl::Op::Column ||             \
                    dsl::Op::NAME == dsl::Op::BatchQuantile ||                                     \
                    std::string_view(obj::NAME##Op::getOperationName()) == "obj." MNEMONIC,        \
                "obj and dsl/Ops.def disagree about " MNEMONIC);
#include "dsl/Ops.def"

namespace {

obj::Extent extentOf(dsl::Extent extent) { return obj::Extent(uint32_t(extent)); }
static_assert(uint32_t(obj::Extent::RejectedToken) == uint32_t(dsl::Extent::RejectedToken));

bool isTokenIndex(dsl::Input input) {
  return input == dsl::Input::chosen_token_index || input == dsl::Input::rejected_token_index;
}

// quantile(x, q) = sum over ranks of weight(rank) sort(x)[rank]; a rank of weight 0 counts for
// nothing, were it NaN.
Value emitQuantile(OpBuilder &builder, Location loc, Value x, Value level) {
  Value sorted = obj::BatchSortOp::create(builder, loc, x);
  Value weight = obj::QuantileWeightOp::create(builder, loc, level);
  Value zero = obj::ConstantOp::create(builder, loc, builder.getF64FloatAttr(0));
  Value counts = obj::LtOp::create(builder, loc, zero, weight);
  Value term = obj::MulOp::create(builder, loc, weight, sorted);
  return obj::BatchSumOp::create(builder, loc,
                                 obj::SelectOp::create(builder, loc, counts, term, zero));
}

Value emitNode(OpBuilder &builder, Location loc, const dsl::Program &program, const dsl::Node &node,
               ValueRange operands, obj::ObjectiveOp objective) {
  switch (node.op) {
  case dsl::Op::Constant:
    return obj::ConstantOp::create(builder, loc, builder.getF64FloatAttr(node.constant));
  case dsl::Op::Parameter:
    return obj::ParameterOp::create(builder, loc, node.index, program.parameters[node.index].name);
  case dsl::Op::State:
    return obj::StateOp::create(builder, loc, node.index, program.states[node.index].name);
  case dsl::Op::Column:
    return objective.getInput(program.columns[node.index].name);
  case dsl::Op::Input: {
    const auto input = dsl::Input(node.index);
    if (input == dsl::Input::batch_size)
      return obj::BatchSizeOp::create(builder, loc);
    if (input == dsl::Input::progress)
      return obj::ProgressOp::create(builder, loc);
    if (isTokenIndex(input))
      return obj::TokenIndexOp::create(
          builder, loc, obj::RealType::get(builder.getContext(), extentOf(node.type.extent)));
    return objective.getInput(dsl::inputName(input));
  }
  case dsl::Op::BatchQuantile:
    return emitQuantile(builder, loc, operands[0], operands[1]);
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
  case dsl::Op::BatchMax:
    return obj::BatchMaxOp::create(builder, loc, operands[0]);
  case dsl::Op::BatchSort:
    return obj::BatchSortOp::create(builder, loc, operands[0]);
  case dsl::Op::TokenSum:
    return obj::TokenSumOp::create(builder, loc, operands[0]);
#define DISCO_OP_Reduce(NAME)
#define DISCO_OP_Sort(NAME)
#define DISCO_OP_TokenReduce(NAME)
#define DISCO_OP(NAME, MNEMONIC, ARITY, SHAPE) DISCO_OP_##SHAPE(NAME)
#include "dsl/Ops.def"
  }
  llvm_unreachable("covered switch");
}

/// What the loss, rewards and metrics are computed from; a `next` is not the kernel's.
std::vector<bool> computedNodes(const dsl::Program &program) {
  std::vector<bool> computed(program.nodes.size());
  computed[program.loss] = computed[program.chosenReward] = computed[program.rejectedReward] = true;
  for (const dsl::Metric &metric : program.metrics)
    computed[metric.value] = true;
  for (dsl::NodeId id = dsl::NodeId(program.nodes.size()); id-- > 0;) // operands precede users
    for (unsigned i = 0; computed[id] && i < dsl::opArity(program[id].op); ++i)
      computed[program[id].operands[i]] = true;
  return computed;
}

} // namespace

std::vector<compiler::KernelInput> compiler::kernelInputs(const dsl::Program &program) {
  std::vector<KernelInput> inputs;
  const std::vector<bool> computed = computedNodes(program);
  for (size_t i = 0; i < dsl::kInputCount + program.columns.size(); ++i) {
    const bool isColumn = i >= dsl::kInputCount;
    const auto index = uint32_t(isColumn ? i - dsl::kInputCount : i);
    const dsl::Op op = isColumn ? dsl::Op::Column : dsl::Op::Input;
    for (dsl::NodeId id = 0; id < program.nodes.size(); ++id) {
      const dsl::Node &node = program[id];
      if (!computed[id] || node.op != op || node.index != index ||
          node.type.extent == dsl::Extent::Batch || (!isColumn && isTokenIndex(dsl::Input(index))))
        continue;
      inputs.push_back(
          {isColumn ? program.columns[index].name : std::string(dsl::inputName(dsl::Input(index))),
           node.type.extent, node.hasGradient});
    }
  }
  return inputs;
}

bool compiler::computesTokens(const dsl::Program &program) {
  const std::vector<bool> computed = computedNodes(program);
  for (dsl::NodeId id = 0; id < program.nodes.size(); ++id)
    if (computed[id] && dsl::isToken(program[id].type.extent))
      return true;
  return false;
}

std::vector<std::string> compiler::gradientInputs(const dsl::Program &program) {
  std::vector<std::string> names = {"policy_chosen_logps", "policy_rejected_logps"};
  for (const KernelInput &input : kernelInputs(program))
    if (input.hasGradient && dsl::isToken(input.extent))
      names.push_back(input.name);
  return names;
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

  const std::vector<KernelInput> inputs = kernelInputs(program);
  const auto identity = [](const std::string &name) { return name; };
  auto objective = obj::ObjectiveOp::create(
      builder, loc, builder.getStringAttr(program.name),
      names(inputs, [](const KernelInput &input) { return input.name; }),
      names(program.parameters, [](const dsl::Parameter &p) { return p.name; }),
      names(program.states, [](const dsl::State &state) { return state.name; }),
      names(gradientInputs(program), identity),
      names(program.metrics, [](const dsl::Metric &m) { return m.name; }));
  Block &block = objective.getBody().emplaceBlock();
  for (size_t i = 0; i < inputs.size(); ++i)
    block.addArgument(obj::RealType::get(&context, extentOf(inputs[i].extent)), loc);
  builder.setInsertionPointToStart(&block);

  SmallVector<Value> values(program.nodes.size());
  const std::vector<bool> computed = computedNodes(program);
  for (size_t id = 0; id < program.nodes.size(); ++id) {
    if (!computed[id])
      continue;
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
