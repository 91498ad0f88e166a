// The two identities of a program. codeHash is the digest of the exact graph; hash is the digest of
// the loss's normal form, in which equal functions of real numbers look alike (NormalForm.h).
#include "dsl/Digest.h"
#include "dsl/Dsl.h"
#include "dsl/identity/NormalForm.h"

#include <bit>

namespace disco::dsl {

std::string codeHash(const Program &program) {
  // Of each node: what it is and the digests of its operands, so that the order of nodes does not
  // matter.
  std::vector<Digest> digests(program.nodes.size());
  for (NodeId id = 0; id < program.nodes.size(); ++id) {
    const Node &node = program[id];
    // By name, so that a new row in Ops.def changes no hash.
    for (char letter : opMnemonic(node.op))
      digests[id].add(uint64_t(letter));
    if (node.op == Op::Input)
      for (char letter : inputName(Input(node.index)))
        digests[id].add(uint64_t(letter));
    else if (node.op == Op::Column)
      for (char letter : program.columns[node.index].name)
        digests[id].add(uint64_t(letter));
    else
      digests[id].add(node.index);
    digests[id].add(std::bit_cast<uint64_t>(node.constant));
    for (unsigned i = 0; i < opArity(node.op); ++i)
      digests[id].add(digests[node.operands[i]]);
  }
  Digest whole;
  whole.add(program.parameters.size());
  whole.add(digests[program.loss]);
  whole.add(digests[program.chosenReward]);
  whole.add(digests[program.rejectedReward]);
  for (const Metric &metric : program.metrics)
    whole.add(digests[metric.value]);
  for (const State &state : program.states)
    whole.add(digests[state.initial]).add(digests[state.next]);
  // In which order they come, and what a missing one is.
  for (const Column &column : program.columns) {
    for (char letter : column.name)
      whole.add(uint64_t(letter));
    whole.add(column.defaultValue ? std::bit_cast<uint64_t>(*column.defaultValue) : 1);
  }
  return whole.text();
}

std::string hash(const Program &program, std::span<const double> parameters) {
  return lossDigest(program, parameters).text();
}

std::string shapeHash(const Program &program, std::span<const double> parameters) {
  return shapeDigest(program, parameters).text();
}

} // namespace disco::dsl
