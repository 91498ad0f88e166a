// What a model is told: the language, the best objectives so far with their scores, and what recent
// proposals were refused for. It is made of our own sentences, canonical prints of checked
// objectives, numbers and ids, and nothing else: no prose, name or comment of a model ever comes
// back to a model.
#pragma once

#include "dsl/support/Diagnostic.h"
#include "trainer/search/ChatClient.h"
#include "trainer/search/Proposer.h"

namespace disco::search {

std::vector<ChatMessage> proposalPrompt(const ProposalRequest &request);

/// The same conversation, continued after an answer that did not check: its text without comments,
/// and each error by place, id and the meaning of the id.
std::vector<ChatMessage> repairPrompt(std::vector<ChatMessage> messages, const Source &refused,
                                      const std::vector<Diagnostic> &found);

} // namespace disco::search
