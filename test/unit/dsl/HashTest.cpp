// What hashes promise beside telling functions apart, which IdentityTest.cpp has.
#include "test/unit/dsl/Compile.h"
#include <map>
#include <set>

namespace disco::dsl {

namespace {

std::string lossHash(const Program &program) { return hash(program, program.defaultParameters()); }

TEST(Hash, CodeHashTellsExactPrograms) {
  EXPECT_NE(codeHash(compiledLoss("margin + margin")), codeHash(compiledLoss("2 * margin")));
  EXPECT_NE(codeHash(compiled(objective("loss = exp(margin);"))),
            codeHash(compiled(objective("loss = exp(margin); metric m = margin;"))));
  EXPECT_EQ(codeHash(compiled(objective("param a = 1; loss = exp(a * margin);"))),
            codeHash(compiled(
                objective("param b = 2 in [1, 9] log; let x = b * margin; loss = exp(x);"))));
}

// Code reads its arrays in the order of the declarations, and a missing column as its default.
TEST(Hash, CodeHashKnowsColumnsTheirOrderAndTheirDefaults) {
  const auto hashOf = [](const std::string &columns) {
    return codeHash(compiled(objective(columns + " loss = a * softplus(-margin) + b * b;")));
  };
  const std::string both = hashOf("column a; column b;");
  EXPECT_NE(both, hashOf("column b; column a;"));
  EXPECT_NE(both, hashOf("column a = 1; column b;"));
  EXPECT_EQ(both, hashOf("column a; column unread; column b;"));
}

// Two papers may have one loss, and an earlier form may differ by a factor that is 1 by default.
TEST(Hash, ShippedObjectivesAreDistinctButForKnownTwins) {
  std::map<std::string, std::set<std::string>> named;
  for (const std::filesystem::path &path : shippedObjectives()) {
    const Result<Source> source = readSource(path);
    ASSERT_TRUE(source);
    named[lossHash(compiled((*source).text()))].insert(path.stem());
  }
  std::set<std::set<std::string>> twins;
  for (const auto &[hash, names] : named)
    if (names.size() > 1)
      twins.insert(names);
  EXPECT_EQ(twins, (std::set<std::set<std::string>>{{"aqfl", "aqfl_old"},
                                                    {"cpo", "reference_free_dpo"},
                                                    {"dbaql", "dbaql_old"},
                                                    {"dpo", "fdpo_reverse_kl", "online_dpo"},
                                                    {"lrml", "lrml_old"}}));
}

TEST(Hash, IsStable) {
  // Stored archives and caches hold hashes; a change here orphans them.
  const Program dpo = compiled(objective("param beta = 0.1; loss = softplus(-beta * margin);"));
  EXPECT_EQ(lossHash(dpo), "ccca7373987d84d544dee3169c2ebfe7");
  EXPECT_EQ(codeHash(dpo), "1fef48fc015a30477fc66a2011846cc2");
}

} // namespace

} // namespace disco::dsl
