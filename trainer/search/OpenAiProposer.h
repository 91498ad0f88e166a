// Proposals by a language model behind an OpenAI-compatible server. One question, and one more with
// the diagnostics if the answer does not check. Answers can be recorded for ReplayProposer.
#pragma once

#include "trainer/search/ChatClient.h"
#include "trainer/search/Proposer.h"

namespace disco::search {

class OpenAiProposer : public Proposer {
public:
  /// `record`: file that every proposal is appended to; empty: none.
  OpenAiProposer(ChatClient client, std::string record)
      : client_(std::move(client)), record_(std::move(record)) {}
  std::string name() const override { return "openai"; }
  int attemptsOfSlot() const override { return 4; }
  Result<Proposal> propose(const ProposalRequest &request) override;

private:
  Result<Proposal> ask(const ProposalRequest &request);

  ChatClient client_;
  std::string record_;
};

} // namespace disco::search
