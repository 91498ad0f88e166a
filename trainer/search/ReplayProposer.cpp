// See ReplayProposer.h.
#include "trainer/search/ReplayProposer.h"

#include "trainer/data/Jsonl.h"
#include "trainer/search/Text.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace disco::search {

Result<std::unique_ptr<ReplayProposer>> ReplayProposer::open(const std::string &path) {
  Result<data::JsonlReader> reader = data::JsonlReader::open(path);
  if (!reader)
    return reader.error();
  auto proposer = std::make_unique<ReplayProposer>();
  while (true) {
    Result<bool> more = reader->next();
    if (!more)
      return more.error();
    if (!*more)
      return proposer;
    Result<int64_t> generation = reader->integer("generation"), slot = reader->integer("slot"),
                    attempt = reader->integer("attempt");
    Result<std::string> name = reader->string("name"), text = reader->string("objective");
    for (const Result<int64_t> *number : {&generation, &slot, &attempt})
      if (!*number)
        return number->error();
    for (const Result<std::string> *field : {&name, &text})
      if (!*field)
        return field->error();
    Proposal proposal;
    proposal.label = *name;
    proposal.text = *text;
    if (proposal.text.empty())
      proposal.problem = "the recorded answer held no objective";
    proposer->recorded_[{*generation, *slot, *attempt}] = std::move(proposal);
  }
}

Result<Proposal> ReplayProposer::propose(const ProposalRequest &request) {
  auto found = recorded_.find({request.generation, request.slot, request.attempt});
  if (found != recorded_.end())
    return found->second;
  Proposal proposal;
  proposal.problem = "no answer is recorded for this place";
  return proposal;
}

Result<void> recordProposal(const std::string &path, const ProposalRequest &request,
                            const Proposal &proposal) {
  std::string line = data::JsonlRow()
                         .add("generation", int64_t{request.generation})
                         .add("slot", int64_t{request.slot})
                         .add("attempt", int64_t{request.attempt})
                         .add("name", sanitiseLabel(proposal.label))
                         .add("objective", proposal.text)
                         .line();
  int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  bool written = descriptor >= 0 &&
                 write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                 fsync(descriptor) == 0;
  int problem = errno;
  if (descriptor >= 0)
    close(descriptor);
  if (!written)
    return Error{path + ": cannot record an answer: " + std::strerror(problem)};
  return {};
}

} // namespace disco::search
