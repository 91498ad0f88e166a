// See Prompt.h.
#include "trainer/search/Prompt.h"

#include "dsl/Builtins.h"
#include "dsl/Dsl.h"
#include "dsl/Limits.h"
#include "trainer/search/Answer.h"

#include <algorithm>
#include <cstdio>

namespace disco::search {
namespace {

/// Bounds the prompt; the best are first.
constexpr size_t kShownIndividuals = 8;
constexpr size_t kShownDiagnostics = 6;
constexpr size_t kRefusedTextLimit = 4096;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// Inputs and builtins come from the language's own lists.
std::string languageReference() {
  std::string text =
      R"(You design loss functions for preference optimisation of language models, in a small typed language.
A text holds exactly one objective:

objective example {
  param beta = 0.1 in [0.001, 10] log;
  let z = beta * margin;
  loss = where(z < 1, softplus(-z), exp(-z));
}

Items end with `;`: `param NAME = NUMBER [in [lo, hi]] [log];`, `let NAME = EXPR;`, `fn NAME(a, b) = EXPR;`, `loss = EXPR;`.
`state NAME = NUMBER;` with one `next NAME = EXPR;` keeps a number from optimiser step to optimiser step, without gradient.
The objective is the mean of the loss over the pairs, and training minimises it. There are no loops and no strings.
Operators, tightest first: call, `^`, unary `-`, `* /`, `+ -`, comparisons, `not`, `and`, `or`. Real and bool do not mix;
where(condition, a, b) selects. batch_* functions take a value per pair and give one per batch, batch_sort one per pair in
rank order; token_* functions take a value per token and give one per pair. Tokens of the chosen and of the rejected
completion never meet in one operation.
chosen_ratio = policy_chosen_logps - reference_chosen_logps, rejected_ratio likewise, margin = chosen_ratio - rejected_ratio.
Inputs:
)";
#define DISCO_INPUT(NAME, EXTENT, GRADIENT, UNIT, MEANING) text += "  " #NAME ": " MEANING "\n";
#include "dsl/Inputs.def"
  text += "Functions:";
  for (const dsl::Builtin &builtin : dsl::allBuiltins())
    text += " " + std::string(builtin.name);
  return text + "\n";
}

/// The loss alone, under names of ours: even an identifier can be a sentence. The printer chooses
/// all but those of columns.
std::string anonymousText(dsl::Program program) {
  program.name = "candidate";
  program.metrics.clear();
  for (size_t i = 0; i < program.columns.size(); ++i)
    program.columns[i].name = "column" + std::to_string(i);
  return dsl::printProgram(program);
}

} // namespace

std::vector<ChatMessage> proposalPrompt(const ProposalRequest &request) {
  std::string text = "The score of an objective is the mean reward of the trained policy where its "
                     "KL from the reference is " +
                     number(request.targetKl) +
                     " nats per token; higher is better. The scale of beta is searched for you.\n" +
                     "The best so far:\n\n";
  size_t shown = std::min(request.population.size(), kShownIndividuals);
  for (const Individual &individual : request.population.first(shown))
    text += "Score " + number(individual.reward) + ":\n" + anonymousText(individual.program) + "\n";
  if (!request.recentDiagnostics.empty()) {
    text += "Recent proposals were refused for:";
    for (const std::string &id : request.recentDiagnostics.first(
             std::min(request.recentDiagnostics.size(), kShownDiagnostics)))
      text += " " + id;
    text += "\n";
  }
  text += "Propose one new objective that is a different function from all of these and scores "
          "higher. Answer with a JSON object "
          "{\"name\": \"...\", \"objective\": \"...\"} and nothing else.";
  return {{"system", languageReference()}, {"user", text}};
}

std::vector<ChatMessage> repairPrompt(std::vector<ChatMessage> messages, const Source &refused,
                                      const std::vector<Diagnostic> &found) {
  messages.push_back({"assistant", withoutComments(refused.text()).substr(0, kRefusedTextLimit)});
  std::string text = "That was refused:\n";
  for (const Diagnostic &diagnostic : found) {
    LineColumn at = refused.lineColumn(diagnostic.span.begin);
    text += "line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " +
            std::string(diagnosticId(diagnostic.kind)) + ": " +
            std::string(diagnosticMeaning(diagnostic.kind)) + "\n";
  }
  messages.push_back({"user", text + "Correct it and answer in the same form."});
  return messages;
}

} // namespace disco::search
