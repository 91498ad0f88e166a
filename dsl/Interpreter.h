// The meaning of a program: a direct evaluation of value and gradient, written for reading, in
// double. A second mode rounds every operation to float32. It shares no code with the compiler and
// is the oracle that kernels are held to.
#pragma once

#include "dsl/Program.h"

#include <array>
#include <span>
#include <vector>

namespace disco::dsl {

class ErrorAnalysis;

/// The values of one optimiser step. columns[i] holds Input i: `pairs` numbers for a pair input,
/// one per token for a token input, pair after pair; batch inputs (batch_size, progress) and token
/// positions are not read from it. What the program does not read may be empty.
struct Batch {
  size_t pairs = 0;
  double progress = 0;
  std::array<std::span<const double>, kInputCount> columns{};
  /// Where the tokens of each pair begin, [pairs + 1], from 0 and never falling: those of pair i
  /// are [offsets[i], offsets[i + 1]).
  std::span<const size_t> chosenOffsets, rejectedOffsets;
  /// One for each of Program::columns, [pairs]; an empty one stands for the column's default.
  std::span<const std::span<const double>> dataColumns;
  /// One number for each of Program::states: the values before the step. Empty stands for the
  /// initial values.
  std::span<const double> states;
};

/// Double computes in double. Float32 rounds inputs, constants, parameters and the result of every
/// operation to float32; a reduction over pairs or tokens is one operation (SPEC N4).
enum class Precision : uint8_t { Double, Float32 };

struct Evaluation {
  double loss = 0;            // mean over pairs; NaN for an empty batch
  std::vector<double> losses; // [pairs]
  std::array<std::vector<double>, kInputCount>
      gradients; // d loss / d input, in the input's extent; empty where none is given
  std::vector<double> chosenRewards, rejectedRewards; // [pairs]
  std::vector<double> metrics; // [metrics], mean over pairs; NaN for an empty batch
  std::vector<double> next;    // [states], their values after the step
};

/// How far float32 evaluation may be from the double one, in absolute terms, for each number of an
/// Evaluation: a running error analysis in which every operation adds its rounding (Tolerance.h,
/// SPEC N2). An infinite bound says that float32 may overflow or take another branch there, so that
/// nothing can be compared. `nearKink` marks pairs within 4 error bounds of a branch point (SPEC
/// N3); a tie that is exact is not marked. There the bound covers both branches.
struct ErrorBounds {
  double loss = 0;
  std::vector<double> losses;
  std::array<std::vector<double>, kInputCount> gradients;
  std::vector<double> chosenRewards, rejectedRewards, metrics;
  std::vector<double> next;   // of an evaluation in float32, though engines compute it in double
  std::vector<bool> nearKink; // [pairs]; all set when a batch value is near a kink
};

/// Evaluates one program, keeping its scratch memory between calls. Not thread-safe; make one per
/// thread. The program must outlive it.
class Interpreter {
public:
  explicit Interpreter(const Program &program);
  explicit Interpreter(Program &&) = delete;
  Interpreter(Interpreter &&) = default;

  /// What to compute; of the batch only that is read which it depends on.
  struct Wanted {
    bool gradients = true;
    bool reports = true; // losses, rewards and metrics
    bool next = true;    // the states after the step
    bool loss = true;    // gradients and reports need it
  };
  /// `parameters` has one value per Program::parameters. `out` keeps its capacity from call to
  /// call.
  void evaluate(const Batch &batch, std::span<const double> parameters, Evaluation &out,
                Precision precision = Precision::Double, Wanted wanted = {true, true, true, true});
  /// Value, gradient and their float32 error bounds (double evaluation with a running error
  /// analysis).
  void evaluateWithBounds(const Batch &batch, std::span<const double> parameters, Evaluation &out,
                          ErrorBounds &bounds);

private:
  friend class ErrorAnalysis;
  friend class InterpreterProbe; // of tests, to look at every node

  /// The numbers of one node; a batch value looks the same from every pair and token.
  struct Row {
    double *data = nullptr;
    size_t stride = 0; // 0 for a batch value, else 1
    double &operator[](size_t i) const { return data[i * stride]; }
  };

  void layOut(const Batch &batch);
  size_t sizeOf(NodeId id) const { return sizes_[size_t(program_[id].type.extent)]; }
  std::span<const size_t> offsetsOf(Extent side) const;
  /// What a node reads: a pair value under a token value is repeated for each token.
  Row operand(const Node &node, unsigned index);
  template <Precision P> double meanOf(NodeId id) const;
  template <Precision P>
  void evaluateIn(const Batch &batch, std::span<const double> parameters, Evaluation &out,
                  Wanted wanted);
  template <Precision P>
  void forward(std::span<const NodeId> order, const Batch &batch,
               std::span<const double> parameters);
  template <Precision P> void readInput(NodeId id, const Batch &batch);
  template <Precision P> void backward();
  template <Precision P, typename Contribution>
  void pull(NodeId id, unsigned operand, Contribution contribution);

  const Program &program_;
  // Nodes in evaluation order: what the loss reads, what only rewards and metrics read, what the
  // nexts and the initial states read, and (last node first) what the reverse sweep visits.
  std::vector<NodeId> lossOrder_, reportOrder_, nextOrder_, backwardOrder_;
  std::vector<uint8_t> hasAdjoint_;
  size_t pairs_ = 0;
  std::array<size_t, 4> sizes_{};                  // how many numbers a value of each extent is
  std::array<std::span<const size_t>, 2> offsets_; // of the batch being evaluated, by side
  std::vector<Row> value_, adjoint_;
  std::vector<double> memory_;                // all values, then all adjoints
  size_t adjointsBegin_ = 0;                  // where the adjoints start in memory_
  std::array<std::vector<double>, 3> spread_; // of each operand: see operand()
  std::vector<double> contribution_; // of a node to a narrower operand, before it is summed
  std::vector<double> initial_;      // states, where the batch has none
};

} // namespace disco::dsl
