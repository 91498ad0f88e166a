// Functions of real numbers in a normal form, for telling losses apart: nothing here compiles or
// evaluates. A Term is a polynomial, c0 + c1 m1 + c2 m2 + ...; a Monomial is a product of powers of
// Atoms; an Atom is an input, or a function of Terms that no identity takes apart. Equal ones have
// equal ids, so that comparing functions is comparing numbers.
//
// Values and gradients both count: every identity holds for value and derivative, at kinks too, as
// SPEC N6 defines them there. Domains count: log(x) - log(x) is not 0, since it is not defined for
// x <= 0; a part that cancels stays with coefficient 0 where it is not defined everywhere.
// The identities are listed in SPEC 9, and each stands above the function that uses it.
#pragma once

#include "dsl/Digest.h"
#include "dsl/Program.h"

#include <cmath>
#include <deque>
#include <initializer_list>
#include <limits>
#include <unordered_map>

namespace disco::dsl {

using TermId = uint32_t;
using AtomId = uint32_t;
using MonomialId = uint32_t;
constexpr uint32_t kNoTerm = std::numeric_limits<uint32_t>::max();
/// The empty product.
constexpr MonomialId kOne = 0;

/// Where a value is known to lie. An open end is not attained.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool lowOpen = true, highOpen = true;
  bool positive() const { return low > 0 || (low == 0 && lowOpen); }
  bool negative() const { return high < 0 || (high == 0 && highOpen); }
  bool nonZero() const { return positive() || negative(); }
};

/// What atoms, monomials and terms are alike in.
struct Facts {
  Extent extent = Extent::Batch;
  bool hasGradient = false;
  bool partial = false; // not defined for all inputs
  Range range;
  Digest digest;
};

/// Input, Column, State: a leaf; `detached` makes it another leaf of the same value without
/// gradient. Lt: 1 where arguments[0] > threshold, else 0; Eq: 1 where they are equal. Add: a sum
/// that is not multiplied out. All others: that operation of the arguments.
struct Atom : Facts {
  Op op = Op::Input;
  bool detached = false;
  uint32_t index = 0;
  double threshold = 0;
  std::array<TermId, 3> arguments{kNoTerm, kNoTerm, kNoTerm};
};

struct Factor {
  AtomId atom;
  double exponent;
};
struct Monomial : Facts {
  std::vector<Factor> factors; // by digest; an atom twice only with exponents of two signs
};

struct Part {
  MonomialId monomial;
  double coefficient;
};
struct Term : Facts {
  std::vector<Part> parts; // by digest, the constant first
  TermId detached = kNoTerm;
};

/// Numbers are compared to 12 digits: `x / 3` and `x * (1 / 3)` round differently.
uint64_t roundedBits(double value);
inline bool same(double a, double b) { return roundedBits(a) == roundedBits(b); }
/// The inputs that a change of unit of log-probabilities changes.
bool isLogProbability(Input input);
inline bool isWhole(double value) { return value == std::nearbyint(value); }

class Algebra {
public:
  /// `states`: a digest for each of Program::states. All log-probabilities are multiplied by
  /// `unit`.
  Algebra(const Program &program, std::span<const Digest> states, double unit);

  /// The normal form of a node.
  TermId normalise(NodeId result, std::span<const double> parameters);
  /// Thrown by anything here when a number leaves the range of double or the work its budget;
  /// caught by lossDigest and shapeDigest.
  struct GiveUp {};

  const Term &term(TermId id) const { return terms_[id]; }
  const Monomial &monomial(MonomialId id) const { return monomials_[id]; }
  const Atom &atom(AtomId id) const { return atoms_[id]; }
  std::optional<double> asNumber(TermId id) const;

  // Sums.cpp
  TermId number(double value);
  TermId make(std::vector<Part> parts);
  TermId add(TermId a, TermId b, double factor = 1);
  TermId scale(TermId id, double factor);

  // Products.cpp
  TermId multiply(TermId a, TermId b);
  TermId power(TermId base, double exponent);
  TermId pow(TermId base, TermId exponent);

  // Functions.cpp
  TermId exp(TermId id);
  TermId log(TermId id);
  TermId sigmoid(TermId id);
  TermId softplus(TermId id);

  // Conditions.cpp: truth values are terms that are 0 or 1
  TermId isPositive(TermId id);
  TermId isZero(TermId id);
  TermId sign(TermId id);
  TermId abs(TermId id);
  TermId max(TermId a, TermId b);
  TermId select(TermId condition, TermId x, TermId y);

  // Reductions.cpp
  TermId detach(TermId id) { return retarget(id, true); }
  TermId batchSum(TermId id);
  TermId batchMean(TermId id);
  TermId tokenSum(TermId id, Extent side);
  TermId ordered(Op op, TermId id, TermId quantile);

private:
  TermId normalise(const Node &node, const std::array<TermId, 3> &x,
                   std::span<const double> parameters);

  // Sums.cpp
  TermId leaf(const Node &node);
  TermId leaf(Op op, uint32_t index, bool detached);
  AtomId intern(Atom atom);
  MonomialId intern(std::vector<Factor> factors);
  TermId ofAtom(AtomId atom, double exponent = 1);
  TermId product(MonomialId monomial) { return make({{monomial, 1}}); }
  TermId function(Op op, std::initializer_list<TermId> arguments);
  void append(TermId id, double factor, std::vector<Part> &parts);
  struct Bound;
  Bound bound(TermId id);
  TermId condition(Op op, TermId t, double threshold);
  const Part *lead(TermId id) const;
  double leadCoefficient(TermId id) const;
  MonomialId domainOf(MonomialId id);
  bool covers(MonomialId whole, MonomialId domain) const;

  // Products.cpp
  void reduce(std::vector<Factor> factors, double coefficient, std::vector<Part> &out);
  void reduceWith(const std::vector<Factor> &factors, TermId term, double coefficient,
                  std::vector<Part> &out);
  bool joinConditions(std::vector<Factor> &factors);
  bool reduceExponentials(std::vector<Factor> &factors, double coefficient, std::vector<Part> &out);
  bool reduceAtZero(std::vector<Factor> &factors, double coefficient, std::vector<Part> &out);
  TermId powerOfProduct(MonomialId id, double coefficient, double exponent);
  TermId unexpanded(TermId id, double exponent);
  TermId squareRoot(TermId id);
  /// u where the term is factor (1 + exp(u)) for a positive factor without kinks.
  struct ExpSum {
    TermId factor = kNoTerm, u = kNoTerm;
  };
  ExpSum asExpSum(TermId id);
  ExpSum asSigmoidOfMinus(TermId id);

  // Reductions.cpp
  TermId retarget(TermId id, bool detached);
  TermId retargetAtom(AtomId id, bool detached);
  TermId sumOver(Op op, TermId id, Extent inner, TermId count);

  bool is(AtomId id, Op op) const { return atoms_[id].op == op; }

  const Program &program_;
  std::span<const Digest> states_;
  double unit_;
  size_t work_ = 0;
  struct DigestHash {
    size_t operator()(const Digest &digest) const { return digest.low; }
  };
  template <typename T> struct Table { // ids in order of making; references stay valid
    std::deque<T> items;
    std::unordered_map<Digest, uint32_t, DigestHash> ids;
    T &operator[](uint32_t id) { return items[id]; }
    const T &operator[](uint32_t id) const { return items[id]; }
    uint32_t add(T item) {
      const auto [at, isNew] = ids.try_emplace(item.digest, uint32_t(items.size()));
      if (isNew)
        items.push_back(std::move(item));
      return at->second;
    }
  };
  Table<Atom> atoms_;
  Table<Monomial> monomials_;
  Table<Term> terms_;
};

} // namespace disco::dsl
