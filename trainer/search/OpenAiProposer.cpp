// See OpenAiProposer.h.
#include "trainer/search/OpenAiProposer.h"

#include "dsl/Dsl.h"
#include "dsl/Repair.h"
#include "trainer/search/Answer.h"
#include "trainer/search/Prompt.h"
#include "trainer/search/ReplayProposer.h"

namespace disco::search {

Result<Proposal> OpenAiProposer::propose(const ProposalRequest &request) {
  Result<Proposal> proposal = ask(request);
  if (proposal && !record_.empty())
    if (Result<void> recorded = recordProposal(record_, request, *proposal); !recorded)
      return recorded.error();
  return proposal;
}

Result<Proposal> OpenAiProposer::ask(const ProposalRequest &request) {
  std::string question = std::to_string(request.seed) + "-" + std::to_string(request.generation) +
                         "-" + std::to_string(request.slot) + "-" + std::to_string(request.attempt);
  std::vector<ChatMessage> messages = proposalPrompt(request);
  Proposal proposal;
  for (const Individual &individual : request.population)
    proposal.parents.push_back(individual.id);
  constexpr int kRounds = 2; // the answer, and its repair
  for (int round = 0; round < kRounds; ++round) {
    Result<ChatAnswer> answer = client_.ask(messages, question + "-" + std::to_string(round));
    if (!answer)
      return answer.error();
    ExtractedObjective extracted = extractObjective(answer->content);
    proposal.problem = answer->problem.empty() ? extracted.problem : answer->problem;
    if (!proposal.problem.empty()) {
      if (!proposal.text.empty()) // the repair failed, the first text stands
        proposal.problem.clear();
      return proposal;
    }
    proposal.label = extracted.name;
    proposal.text = extracted.text;
    // What safe edits make valid, the funnel repairs; the model is asked about the rest.
    Source source("<proposal>", dsl::repair(Source("<proposal>", proposal.text)).text);
    Diagnostics diagnostics;
    if (dsl::compileSource(source, diagnostics))
      return proposal;
    messages = repairPrompt(std::move(messages), source, diagnostics.sorted());
  }
  return proposal;
}

} // namespace disco::search
