// See GrammarProposer.h.
#include "trainer/search/GrammarProposer.h"

#include "trainer/search/Variation.h"

#include <cassert>

namespace disco::search {
namespace {

/// Shares of the three ways to make a candidate, of 20.
constexpr uint64_t kFresh = 3, kCrossover = 5;
/// A larger child is replaced by a fresh genome: what grows without limit is neither read nor
/// trusted by anybody.
constexpr size_t kMostNodes = 48;

/// The better of two drawn at random: good parents are preferred, none is left out.
const Individual &tournament(std::span<const Individual> population, data::Random &random) {
  uint64_t first = random.below(population.size()), second = random.below(population.size());
  return population[std::min(first, second)];
}

} // namespace

Result<Proposal> GrammarProposer::propose(const ProposalRequest &request) {
  assert(!request.population.empty() && "the shipped objectives are the first population");
  uint64_t index =
      uint64_t(request.generation) << 40 | uint64_t(request.slot) << 20 | uint64_t(request.attempt);
  data::Random random(request.seed, "proposal", index);
  Proposal proposal;
  proposal.label = "g" + std::to_string(request.generation) + "_" + std::to_string(request.slot);
  Genome genome;
  uint64_t way = random.below(20);
  if (way >= kFresh) {
    const Individual &parent = tournament(request.population, random);
    proposal.parents.push_back(parent.id);
    if (way < kFresh + kCrossover) {
      const Individual &other = tournament(request.population, random);
      proposal.parents.push_back(other.id);
      const std::optional<Genome> one = genomeOf(parent.program), two = genomeOf(other.program);
      if (one && two)
        genome = crossover(*one, *two, random);
    } else if (const std::optional<Genome> one = genomeOf(parent.program)) {
      genome = mutate(*one, random);
    }
  }
  if (!genome.loss || nodesOf(genome.loss).size() > kMostNodes) {
    proposal.parents.clear();
    genome = generateGenome(random);
  }
  proposal.text = printGenome(genome, proposal.label);
  return proposal;
}

} // namespace disco::search
