// Generation, mutation and crossover: deterministic, typed, and able to reach the whole language.
#include "trainer/search/GrammarProposer.h"

#include "dsl/Dsl.h"
#include "trainer/search/Expression.h"
#include "trainer/search/Funnel.h"
#include "trainer/search/Variation.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

namespace disco::search {
namespace {

std::vector<Individual> shippedPopulation() {
  std::vector<Individual> population;
  std::set<std::filesystem::path> paths;
  for (const auto &entry : std::filesystem::directory_iterator(OBJECTIVES))
    if (entry.path().extension() == ".dpo")
      paths.insert(entry.path());
  for (const auto &path : paths) {
    Diagnostics diagnostics;
    Result<Source> source = dsl::readSource(path.string());
    std::optional<dsl::Program> program = dsl::compileSource(*source, diagnostics);
    population.push_back(
        {static_cast<int64_t>(population.size()) + 1, dsl::printProgram(*program), *program, 0.5});
  }
  return population;
}

ProposalRequest request(std::span<const Individual> population, int slot, int attempt = 0) {
  ProposalRequest request;
  request.seed = 11;
  request.generation = 1;
  request.slot = slot;
  request.attempt = attempt;
  request.population = population;
  return request;
}

TEST(Grammar, ReachesEveryForm) {
  std::vector<Individual> population = shippedPopulation();
  GrammarProposer proposer;
  std::set<std::string> missing;
  for (const Form &form : forms())
    missing.insert(form.infix.empty() ? form.name + "("
                   : form.arity == 1  ? "(" + form.infix
                                      : " " + form.infix + " ");
  Funnel funnel;
  for (int slot = 0; slot < 20000 && !missing.empty(); ++slot) {
    std::string text = proposer.propose(request(population, slot))->text;
    bool hit = std::any_of(missing.begin(), missing.end(), [&](const std::string &form) {
      return text.find(form) != std::string::npos;
    });
    // What does not pass the funnel was not reached.
    if (hit && funnel.screen(text).verdict == Verdict::Accepted)
      std::erase_if(missing,
                    [&](const std::string &form) { return text.find(form) != std::string::npos; });
  }
  EXPECT_TRUE(missing.empty()) << missing.size() << " left, first " << *missing.begin();
}

TEST(Grammar, IsAFunctionOfTheRequest) {
  std::vector<Individual> population = shippedPopulation();
  GrammarProposer one, other;
  std::set<std::string> texts;
  for (int slot = 0; slot < 50; ++slot) {
    std::string text = one.propose(request(population, slot))->text;
    EXPECT_EQ(other.propose(request(population, slot))->text, text);
    texts.insert(text.substr(text.find('{')));
  }
  EXPECT_GT(texts.size(), 45u) << "slots differ";
}

TEST(Grammar, AlmostEverythingItWritesChecks) {
  std::vector<Individual> population = shippedPopulation();
  GrammarProposer proposer;
  std::map<std::string, int> refusals;
  int valid = 0;
  constexpr int kProposals = 3000;
  for (int slot = 0; slot < kProposals; ++slot) {
    Proposal proposal = *proposer.propose(request(population, slot));
    Diagnostics diagnostics;
    Source source("<test>", proposal.text);
    if (dsl::compileSource(source, diagnostics)) {
      ++valid;
      continue;
    }
    for (const Diagnostic &diagnostic : diagnostics.sorted()) {
      std::string id(diagnosticId(diagnostic.kind));
      if (++refusals[id] == 1 &&
          (id.find("Syntax") != std::string::npos || id.find("Type") != std::string::npos ||
           id.find("Extent") != std::string::npos))
        ADD_FAILURE() << renderDiagnostics(source, diagnostics.sorted()) << proposal.text;
    }
  }
  // Constant losses and values folded to nothing finite remain.
  EXPECT_GT(valid, kProposals * 3 / 4);
  for (const auto &[id, count] : refusals)
    std::printf("%s %d\n", id.c_str(), count);
}

TEST(Expression, AProgramReadAndPrintedIsTheSameFunction) {
  size_t read = 0;
  for (const Individual &individual : shippedPopulation()) {
    const std::optional<Genome> genome = genomeOf(individual.program);
    if (!genome)
      continue; // columns, state, tokens, order
    ++read;
    std::string text = printGenome(*genome, "again");
    Diagnostics diagnostics;
    Source source("<test>", text);
    std::optional<dsl::Program> again = dsl::compileSource(source, diagnostics);
    ASSERT_TRUE(again) << renderDiagnostics(source, diagnostics.sorted());
    EXPECT_EQ(dsl::hash(*again, again->defaultParameters()),
              dsl::hash(individual.program, individual.program.defaultParameters()))
        << text;
  }
  EXPECT_GE(read, 41u);
}

TEST(Expression, SharedNodesAreWrittenOnce) {
  ExpressionRef shared = makeApplication(form("exp"), {makeName("margin", dsl::Extent::Pair)});
  ExpressionRef loss =
      makeApplication(form("add"), {shared, makeApplication(form("mul"), {shared, shared})});
  std::string text = printGenome({{}, loss}, "x");
  EXPECT_EQ(text, "objective x {\n  let t0 = exp(margin);\n  loss = (t0 + (t0 * t0));\n}\n");
}

TEST(Expression, ReplacingLeavesTheOriginalAlone) {
  ExpressionRef margin = makeName("margin", dsl::Extent::Pair);
  ExpressionRef loss = makeApplication(form("neg"), {margin});
  ExpressionRef changed = replaceNode(loss, margin.get(), makeNumber(2));
  EXPECT_EQ(printGenome({{}, loss}, "x"), "objective x {\n  loss = (-margin);\n}\n");
  EXPECT_EQ(printGenome({{}, changed}, "x"), "objective x {\n  loss = (-2);\n}\n");
}

} // namespace
} // namespace disco::search
