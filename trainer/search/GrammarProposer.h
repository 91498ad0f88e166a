// Proposals without a model: typed generation, mutation and crossover of expressions. Needs
// nothing, reaches every builtin, and is a pure function of the request. It knows no objective by
// name; it starts from whatever the population holds.
#pragma once

#include "trainer/search/Proposer.h"

namespace disco::search {

class GrammarProposer : public Proposer {
public:
  std::string name() const override { return "grammar"; }
  Result<Proposal> propose(const ProposalRequest &request) override;
};

} // namespace disco::search
