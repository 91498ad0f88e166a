// Which objectives behave alike although no identity that `dsl::hash` knows shows it: loss and
// gradient on fixed points, coarsely rounded. It suggests to a reader and decides nothing: points
// do not tell functions apart that differ elsewhere, or by less than the rounding.
#pragma once

#include "dsl/Program.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace disco::search {

/// 32 hexadecimal digits. Loss and gradients on 24 pairs, each number to 20 bits of the largest of
/// its kind. Empty for a program that reads tokens, columns or state.
std::optional<std::string> fingerprint(const dsl::Program &program,
                                       std::span<const double> parameters);

/// The second look before a suggestion: loss and gradients on other points, drawn from a seed,
/// agree to 9 digits or are not finite in the same places. Both programs have a fingerprint.
bool agreeOnRandomPoints(const dsl::Program &a, std::span<const double> aParameters,
                         const dsl::Program &b, std::span<const double> bParameters, uint64_t seed);

/// Objectives by what they do.
class Lookalikes {
public:
  /// Parameters are bound as `candidateHash` binds them.
  void add(std::string name, dsl::Program program);
  /// The first added one that the program seems to be.
  std::optional<std::string> of(const dsl::Program &program) const;

private:
  struct Known {
    std::string name, fingerprint;
    dsl::Program program;
  };
  std::vector<Known> known_;
};

} // namespace disco::search
