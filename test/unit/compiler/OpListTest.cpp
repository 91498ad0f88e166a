// The dialect has the operations of the language and a known few of its own. That every row of
// dsl/Ops.def has its operation is checked when emit/EmitObj.cpp is compiled; this is the other
// direction.
#include "compiler/dialect/Obj.h"
#include "dsl/Program.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <set>

namespace disco::compiler {
namespace {

TEST(OpList, DialectHasTheLanguagesOperationsAndItsStructure) {
  std::set<std::string> expected = {"obj.objective",   "obj.yield",       "obj.batch_size",
                                    "obj.progress",    "obj.chain",       "obj.batch_unsort",
                                    "obj.token_count", "obj.token_index", "obj.quantile_weight"};
  const std::set<dsl::Op> noOperation = {dsl::Op::Input, dsl::Op::Column, dsl::Op::BatchQuantile};
  for (size_t i = 0; i < dsl::kOpCount; ++i)
    if (!noOperation.contains(dsl::Op(i)))
      expected.insert("obj." + std::string(dsl::opMnemonic(dsl::Op(i))));
  mlir::MLIRContext context;
  mlir::Dialect *dialect = context.getOrLoadDialect<obj::ObjDialect>();
  std::set<std::string> found;
  for (mlir::RegisteredOperationName name :
       context.getRegisteredOperationsByDialect(dialect->getNamespace()))
    found.insert(name.getStringRef().str());
  EXPECT_EQ(found, expected);
}

} // namespace
} // namespace disco::compiler
