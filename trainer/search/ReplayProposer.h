// Proposals from a file that OpenAiProposer recorded: a search with a model, repeated without it.
// Also the format of the record: JSONL rows {"generation", "slot", "attempt", "name", "objective"};
// of equal places the last row counts.
#pragma once

#include "trainer/search/Proposer.h"

#include <map>
#include <memory>
#include <tuple>

namespace disco::search {

class ReplayProposer : public Proposer {
public:
  static Result<std::unique_ptr<ReplayProposer>> open(const std::string &path);
  std::string name() const override { return "replay"; }
  int attemptsOfSlot() const override { return 4; }
  Result<Proposal> propose(const ProposalRequest &request) override;

private:
  std::map<std::tuple<int64_t, int64_t, int64_t>, Proposal> recorded_;
};

/// Appends a row and waits until it is on disk.
Result<void> recordProposal(const std::string &path, const ProposalRequest &request,
                            const Proposal &proposal);

} // namespace disco::search
