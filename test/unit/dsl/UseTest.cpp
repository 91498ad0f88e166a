// Objectives that use others: what is found, what becomes of the used one's parameters, columns,
// states and metrics. Refusals that need a file have theirs in test/diagnostics.
#include "test/unit/dsl/Compile.h"

#include "dsl/Library.h"
#include "dsl/Limits.h"

#include <fstream>

namespace disco::dsl {

namespace {

/// A folder of objectives that is removed at the end.
class Folder {
public:
  Folder() : path_(std::filesystem::path(testing::TempDir()) / unique()) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;

  void write(const std::string &name, const std::string &items) const {
    std::ofstream(path_ / (name + ".dpo")) << "objective " << name << " {\n" << items << "\n}\n";
  }
  std::string path() const { return path_.string(); }
  Library library() const { return Library({path_.string()}); }

private:
  static std::string unique() {
    static int count = 0;
    return "disco-use-" +
           std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) +
           std::to_string(count++);
  }
  std::filesystem::path path_;
};

Program compiledWith(const Library &library, const std::string &items) {
  const Source source("test.dpo", objective(items));
  Diagnostics found;
  std::optional<Program> program = compileSource(source, found, library);
  EXPECT_TRUE(program) << renderDiagnostics(source, found.sorted());
  return program ? std::move(*program) : Program{};
}

/// What is reported, rendered.
std::string reported(const Library &library, const std::string &items) {
  const Source source("test.dpo", objective(items));
  Diagnostics found;
  compileSource(source, found, library);
  return renderDiagnostics(source, found.sorted());
}

TEST(Use, EveryShippedObjectiveIsEmbeddedAsItIs) { // SPEC I12
  const std::vector<std::filesystem::path> paths = shippedObjectives();
  EXPECT_EQ(Library::shipped().size(), paths.size());
  for (const auto &path : paths) {
    const std::vector<Result<Source>> found = Library().find(path.stem().string());
    ASSERT_EQ(found.size(), 1u) << path;
    ASSERT_TRUE(found[0]);
    const Result<Source> file = readSource(path);
    ASSERT_TRUE(file);
    EXPECT_EQ((*found[0]).text(), (*file).text());
  }
}

TEST(Use, IsTheLossOfTheUsedObjective) { // SPEC I11
  const Program program = compiled(objective("use dpo; loss = dpo; reward chosen = chosen_ratio;"
                                             "reward rejected = rejected_ratio;"));
  EXPECT_EQ(codeHash(program), codeHash(compiled(objective("loss = softplus(-0.1 * margin);"
                                                           "reward chosen = chosen_ratio;"
                                                           "reward rejected = rejected_ratio;"))));
  EXPECT_TRUE(program.parameters.empty());
}

TEST(Use, SettingsReplaceParameters) {
  EXPECT_EQ(codeHash(compiled(objective("param b = 0.5 in [0.1, 1]; use dpo(beta = 2 * b) as d;"
                                        "loss = d; reward chosen = 0; reward rejected = 0;"))),
            codeHash(compiled(objective("param b = 0.5; loss = softplus(-(2 * b) * margin);"
                                        "reward chosen = 0; reward rejected = 0;"))));
}

TEST(Use, SettingsStayInRangeHoweverParametersAreSet) { // SPEC T12
  const Program program =
      compiled(objective("param b = 0.5 in [0, 100]; use dpo(beta = 2 * b); loss = dpo;"));
  EXPECT_TRUE(bindParameters(program, {{"b", "4"}}));
  const Result<std::vector<double>> refused = bindParameters(program, {{"b", "6"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "with these parameters `beta` of `dpo` is 12, outside [0.001, 10]");
}

TEST(Use, StatesMetricsAndColumnsOfTheUsedOne) {
  const Folder folder;
  folder.write("kept", "column weight = 1; state mean = 0.5; next mean = mean + batch_mean(weight);"
                       "loss = weight * softplus(mean - margin); metric level = mean;"
                       "reward chosen = batch_std(margin) + chosen_ratio; reward rejected = 0;");
  const Program program = compiledWith(
      folder.library(), "column weight = 1; use kept as a; use kept as b; loss = a + weight * b;");
  ASSERT_EQ(program.columns.size(), 1u);
  EXPECT_EQ(program.columns[0].name, "weight");
  ASSERT_EQ(program.states.size(), 2u);
  EXPECT_EQ(program.states[0].name, "a.mean");
  EXPECT_EQ(program.states[1].name, "b.mean");
  ASSERT_EQ(program.metrics.size(), 2u);
  EXPECT_EQ(program.metrics[0].name, "a.level");
  for (const Node &node : program.nodes)
    EXPECT_NE(node.op, Op::Sqrt) << "of the reward, which stays behind";
}

TEST(Use, NamesWithinAreNotSeen) {
  const Folder folder;
  folder.write("inner", "param tau = 1; let secret = margin; loss = softplus(-tau * secret);");
  EXPECT_NE(reported(folder.library(), "use inner; loss = inner * secret;")
                .find("`secret` is not defined above [UndeclaredName]"),
            std::string::npos);
  const Program program =
      compiledWith(folder.library(), "let secret = 2; use inner; loss = secret * inner;");
  EXPECT_EQ(program.parameters.size(), 0u);
}

TEST(Use, UsesMayUse) {
  const Folder folder;
  folder.write("a", "param x = 1; use dpo(beta = x / 2); loss = 2 * dpo;");
  EXPECT_EQ(
      codeHash(compiledWith(folder.library(),
                            "use a(x = 3); loss = a; reward chosen = 0; reward rejected = 0;")),
      codeHash(compiled(objective("loss = 2 * softplus(-1.5 * margin);"
                                  "reward chosen = 0; reward rejected = 0;"))));
}

TEST(Use, ErrorsWithinAreShownWhereTheyAre) { // SPEC I12
  const Folder folder;
  folder.write("outer_one", "use inner_one;\nloss = inner_one;");
  folder.write("inner_one", "loss = margin +\nunknown;");
  const std::string text = reported(folder.library(), "use outer_one;\nloss = outer_one;");
  EXPECT_NE(text.find("inner_one.dpo:3:1: error: `unknown` is not defined above"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("outer_one.dpo:2:5: note: used here"), std::string::npos) << text;
  EXPECT_NE(text.find("test.dpo:2:5: note: used here"), std::string::npos) << text;
}

TEST(Use, WarningsWithinAreNotShown) {
  const Folder folder;
  folder.write("warned", "let unused = 1; loss = log(sigmoid(margin));");
  EXPECT_EQ(reported(folder.library(), "use warned; loss = warned;"), "");
}

TEST(Use, AnObjectiveIsItself) { // SPEC I13
  EXPECT_EQ(findings("objective dpo { use dpo; loss = dpo; }"), "ImportCycle");
  const Folder folder;
  folder.write("a", "use b; loss = b;");
  folder.write("b", "use c; loss = c;");
  folder.write("c", "use a; loss = a;");
  EXPECT_NE(reported(folder.library(), "use a; loss = a;")
                .find("an objective cannot use itself: `a` uses `b` uses `c` uses `a`"),
            std::string::npos);
}

TEST(Use, TwoFilesOfOneName) {
  const Folder one, two;
  one.write("same", "loss = margin;");
  two.write("same", "loss = margin;");
  const Library both({one.path(), two.path()});
  EXPECT_EQ(reported(both, "use same; loss = same;"), "") << "copies are no question";
  two.write("same", "loss = 2 * margin;");
  EXPECT_NE(reported(both, "use same; loss = same;").find("[DuplicateObjective]"),
            std::string::npos);
}

TEST(Use, WhatCannotBeReadIsLocated) {
  const Folder folder;
  std::filesystem::create_directory(folder.path() + "/odd.dpo");
  const std::string text = reported(folder.library(), "use odd; loss = odd;");
  EXPECT_NE(text.find("test.dpo:2:5: error: "), std::string::npos);
  EXPECT_NE(text.find("odd.dpo: is a directory"), std::string::npos) << text;
}

TEST(Use, DiamondsAreCheckedOnce) { // two uses at each of twelve levels: 4,096 checks if not
  const Folder folder;
  folder.write("d0", "loss = softplus(-margin);");
  for (int i = 1; i <= 12; ++i) {
    const std::string inner = "d" + std::to_string(i - 1);
    folder.write("d" + std::to_string(i),
                 "use " + inner + " as a; use " + inner + " as b; loss = (a + b) / 2;");
  }
  EXPECT_NE(reported(folder.library(), "use d12; loss = d12;").find("[TooManyExpansions]"),
            std::string::npos);
}

TEST(Use, LimitOfTheChain) { // SPEC X13
  const Folder folder;
  folder.write("u0", "loss = softplus(-margin);");
  for (size_t i = 1; i <= Limits::useDepth; ++i)
    folder.write("u" + std::to_string(i),
                 "use u" + std::to_string(i - 1) + " as inner; loss = inner;");
  const auto chain = [&](size_t n) { // n uses from the outermost text to u0
    return reported(folder.library(), "use u" + std::to_string(n - 1) + " as x; loss = x;");
  };
  EXPECT_EQ(chain(Limits::useDepth - 1), "");
  EXPECT_EQ(chain(Limits::useDepth), "");
  EXPECT_NE(chain(Limits::useDepth + 1).find("[TooDeep]"), std::string::npos);
}

TEST(Use, CallsWithinCount) { // SPEC X8
  const Folder folder;
  std::string items = "fn f0(x) = x;";
  for (int i = 1; i <= 8; ++i) { // f8 makes 256 + 128 + .. + 1 calls
    const std::string f = "f" + std::to_string(i - 1);
    items += "fn f" + std::to_string(i) + "(x) = " + f + "(" + f + "(x));";
  }
  folder.write("many", items + "loss = softplus(-f8(margin));");
  const std::string twice = "fn f(x) = x; use many as a; use many as b; loss = a + b";
  EXPECT_EQ(reported(folder.library(), "use many as a; use many as b; loss = a + b;"), "")
      << "1,024: two uses, and 511 calls in each";
  EXPECT_NE(reported(folder.library(), twice + " + f(margin);").find("[TooManyExpansions]"),
            std::string::npos);
}

TEST(Use, MetricsWithinCountAsItems) { // SPEC X4
  const Folder folder;
  std::string metrics;
  for (int i = 0; i < 40; ++i)
    metrics += "metric m" + std::to_string(i) + " = margin;";
  folder.write("talkative", "loss = softplus(-margin);" + metrics);
  EXPECT_EQ(reported(folder.library(), "use talkative as a; loss = a;"), "");
  EXPECT_NE(reported(folder.library(), "use talkative as a; use talkative as b; loss = a + b;")
                .find("[TooManyBindings]"),
            std::string::npos);
}

TEST(Use, ANameIsNoPath) { // a name cannot leave the folders
  for (const char *name : {"../dpo", "a/b", "\"dpo\"", "dpo.dpo"})
    EXPECT_NE(findings(objective("use " + std::string(name) + "; loss = dpo;")), "") << name;
}

} // namespace

} // namespace disco::dsl
