// Registration, types, the structure operations' text form and checks. Derivatives are in
// ObjAdjoints.cpp.
#include "compiler/dialect/Obj.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace disco::obj;

#include "compiler/dialect/Differentiable.cpp.inc"
#include "compiler/dialect/ObjDialect.cpp.inc"
#include "compiler/dialect/ObjEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/dialect/ObjTypes.cpp.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/ObjOps.cpp.inc"

namespace {
#include "compiler/dialect/ObjCanonicalize.inc"
} // namespace

void ObjDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/dialect/ObjTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/dialect/ObjOps.cpp.inc"
      >();
}

Operation *ObjDialect::materializeConstant(OpBuilder &builder, Attribute value, Type,
                                           Location loc) {
  return ConstantOp::create(builder, loc, cast<FloatAttr>(value));
}

Extent disco::obj::extentOf(Type type) {
  if (auto real = dyn_cast<RealType>(type))
    return real.getExtent();
  return cast<BoolType>(type).getExtent();
}

Extent disco::obj::joinExtents(TypeRange types) {
  Extent widest = Extent::Batch;
  for (Type type : types)
    widest = std::max(widest, extentOf(type));
  return widest;
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValueAttr(); }

void NegOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<NegNeg, NegConstant>(context);
}
void SubOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SubZero>(context);
}
void MulOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<MulOne, MulMinusOne>(context);
}
void DivOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DivOne>(context);
}
void PowOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<PowOne, PowTwo>(context);
}
void NotOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<NotNot>(context);
}
void SelectOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SelectSame>(context);
}
void ChainOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ChainSeedOne, ChainSlopeOne, ChainFinite, ChainMean, ChainNeg>(context);
}

// ---- obj.objective ----

Value ObjectiveOp::getInput(StringRef name) {
  for (auto [input, argument] :
       llvm::zip(getInputs().getAsValueRange<StringAttr>(), getBody().front().getArguments()))
    if (input == name)
      return argument;
  return {};
}

YieldOp ObjectiveOp::getYield() { return cast<YieldOp>(getBody().front().getTerminator()); }

void ObjectiveOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (auto [input, argument] :
       llvm::zip(getInputs().getAsValueRange<StringAttr>(), region.getArguments()))
    setName(argument, input);
}

namespace {

ParseResult parseNames(OpAsmParser &parser, SmallVectorImpl<Attribute> &names) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
    std::string name;
    if (parser.parseKeywordOrString(&name))
      return failure();
    names.push_back(parser.getBuilder().getStringAttr(name));
    return success();
  });
}

void printNames(OpAsmPrinter &printer, ArrayAttr names) {
  printer << '[';
  llvm::interleaveComma(names.getAsValueRange<StringAttr>(), printer,
                        [&](StringRef name) { printer.printKeywordOrString(name); });
  printer << ']';
}

bool hasDuplicate(ArrayAttr names) {
  llvm::SmallPtrSet<Attribute, 8> seen;
  return llvm::any_of(names, [&](Attribute name) { return !seen.insert(name).second; });
}

} // namespace

// `obj.objective` @name `(` (input `:` %argument (`:` type)?),* `)` `parameters` names
// (`states` names)? `wrt` names `metrics` names region; names ::= `[` name,* `]`; without a type an
// input is a real per pair.
ParseResult ObjectiveOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  StringAttr name;
  SmallVector<Attribute> inputs, parameters, states, wrt, metrics;
  SmallVector<OpAsmParser::Argument> arguments;
  const Type pairReal = RealType::get(builder.getContext(), Extent::Pair);
  const auto parseInput = [&]() -> ParseResult {
    std::string input;
    if (parser.parseKeywordOrString(&input) || parser.parseColon() ||
        parser.parseArgument(arguments.emplace_back()))
      return failure();
    arguments.back().type = pairReal;
    if (succeeded(parser.parseOptionalColon()) && parser.parseType(arguments.back().type))
      return failure();
    inputs.push_back(builder.getStringAttr(input));
    return success();
  };
  if (parser.parseSymbolName(name, SymbolTable::getSymbolAttrName(), result.attributes) ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseInput) ||
      parser.parseKeyword("parameters") || parseNames(parser, parameters) ||
      (succeeded(parser.parseOptionalKeyword("states")) && parseNames(parser, states)) ||
      parser.parseKeyword("wrt") || parseNames(parser, wrt) || parser.parseKeyword("metrics") ||
      parseNames(parser, metrics) || parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*result.addRegion(), arguments))
    return failure();
  result.addAttribute(getInputsAttrName(result.name), builder.getArrayAttr(inputs));
  result.addAttribute(getParametersAttrName(result.name), builder.getArrayAttr(parameters));
  result.addAttribute(getStatesAttrName(result.name), builder.getArrayAttr(states));
  result.addAttribute(getWrtAttrName(result.name), builder.getArrayAttr(wrt));
  result.addAttribute(getMetricsAttrName(result.name), builder.getArrayAttr(metrics));
  return success();
}

void ObjectiveOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << '(';
  llvm::interleaveComma(
      llvm::zip(getInputs().getAsValueRange<StringAttr>(), getBody().getArguments()), printer,
      [&](auto inputAndArgument) {
        auto [input, argument] = inputAndArgument;
        printer.printKeywordOrString(input);
        printer << ": ";
        printer.printOperand(argument);
        if (extentOf(argument.getType()) != Extent::Pair)
          printer << " : " << argument.getType();
      });
  printer << ") parameters ";
  printNames(printer, getParameters());
  if (!getStates().empty()) {
    printer << " states ";
    printNames(printer, getStates());
  }
  printer << " wrt ";
  printNames(printer, getWrt());
  printer << " metrics ";
  printNames(printer, getMetrics());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {SymbolTable::getSymbolAttrName(), getInputsAttrName(),
                                            getParametersAttrName(), getStatesAttrName(),
                                            getWrtAttrName(), getMetricsAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult ObjectiveOp::verify() {
  Block &block = getBody().front();
  if (block.getNumArguments() != getInputs().size())
    return emitOpError("has ") << getInputs().size() << " input names and "
                               << block.getNumArguments() << " block arguments";
  for (BlockArgument argument : block.getArguments())
    if (auto real = dyn_cast<RealType>(argument.getType());
        !real || real.getExtent() == Extent::Batch)
      return emitOpError("input ") << argument.getArgNumber() << " has type " << argument.getType()
                                   << ", expected a real per pair or per token";
  for (ParameterOp parameter : block.getOps<ParameterOp>())
    if (parameter.getIndex() >= getParameters().size())
      return parameter.emitOpError("has index ")
             << parameter.getIndex() << " of " << getParameters().size();
  for (StateOp state : block.getOps<StateOp>())
    if (state.getIndex() >= getStates().size())
      return state.emitOpError("has index ") << state.getIndex() << " of " << getStates().size();
  if (hasDuplicate(getInputs()) || hasDuplicate(getWrt()) || hasDuplicate(getMetrics()))
    return emitOpError("names an input or metric twice");
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return emitOpError("does not end in `obj.yield`");
  if (yield.getMetrics().size() != getMetrics().size())
    return (emitOpError("names ") << getMetrics().size() << " metrics").attachNote(yield.getLoc())
           << yield.getMetrics().size() << " are yielded here";
  if (!yield.getRewards().empty() && yield.getRewards().size() != 2)
    return yield.emitOpError("has ") << yield.getRewards().size() << " rewards, expected 2 or none";
  if (!yield.getGradients().empty() && yield.getGradients().size() != getWrt().size())
    return (yield.emitOpError("has ") << yield.getGradients().size() << " gradients")
               .attachNote(getLoc())
           << getWrt().size() << " inputs after `wrt` here";
  return success();
}
