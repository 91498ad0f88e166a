// Terms are kept as sums of products: Sum = c0 + c1 t1 + c2 t2 + ..., Product = f1^e1 f2^e2 ...,
// each sorted by digest, and function applications whose arguments are sums. Each constructor below
// applies the identities of its function, written as algebra above it (SPEC H1 to H9). A
// constructor's operands are in normal form already, so one pass suffices.
#include "dsl/NormalForm.h"

#include "dsl/Graph.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <deque>

namespace disco::dsl {

namespace {

using TermId = uint32_t;
constexpr TermId kNone = std::numeric_limits<TermId>::max();

enum class Shape : uint8_t { Sum, Product, Function, Leaf };

struct Part {
  TermId term;
  double number; // coefficient in a Sum, exponent in a Product; unused in a Function
};

struct Term {
  Shape shape = Shape::Sum;
  Op op = Op::Constant; // Function, and Leaf (Input)
  uint32_t index = 0;   // Leaf: the Input
  Extent extent = Extent::Batch;
  double constant = 0; // Sum: c0
  std::vector<Part> parts = {};
  Digest digest = {};
};

/// Coefficients are compared to 12 digits: `x / 3` and `x * (1 / 3)` round differently.
uint64_t roundedBits(double value) {
  if (value == 0 || !std::isfinite(value))
    return std::bit_cast<uint64_t>(value == 0 ? 0.0 : value);
  int exponent = 0;
  const double scaled = std::nearbyint(std::frexp(value, &exponent) * 0x1p40);
  return std::bit_cast<uint64_t>(std::ldexp(scaled, exponent - 40));
}
bool same(double a, double b) { return roundedBits(a) == roundedBits(b); }

class Normaliser {
public:
  Digest run(const Program &program, std::span<const double> parameters) {
    std::vector<TermId> terms(program.nodes.size());
    for (NodeId id = 0; id <= program.loss; ++id) {
      const Node &node = program[id];
      std::array<TermId, 3> x{};
      for (unsigned i = 0; i < opArity(node.op); ++i)
        x[i] = terms[node.operands[i]];
      terms[id] = normalise(node, x, parameters);
    }
    return terms_[meanOverPairs(terms[program.loss])].digest;
  }

private:
  const Term &at(TermId id) const { return terms_[id]; }

  TermId normalise(const Node &node, const std::array<TermId, 3> &x,
                   std::span<const double> parameters) {
    switch (node.op) {
    case Op::Constant:
      return number(node.constant);
    case Op::Parameter:
      return number(parameters[node.index]);
    case Op::Input:
      return input(node);
    case Op::Neg:
      return scale(x[0], -1);
    case Op::Add:
      return add(x[0], x[1], 1);
    case Op::Sub:
      return add(x[0], x[1], -1);
    case Op::Mul:
      return multiply(x[0], x[1]);
    case Op::Div:
      return multiply(x[0], power(x[1], -1)); // x / y = x * y^-1
    case Op::Pow:
      return pow(x[0], x[1]);
    case Op::Sqrt:
      return pow(x[0], number(0.5)); // sqrt(x) = x^0.5
    case Op::Exp:
      return exp(x[0]);
    case Op::Expm1:
      return add(exp(x[0]), number(1), -1); // expm1(x) = exp(x) - 1
    case Op::Log:
      return log(x[0]);
    case Op::Log1p:
      return log(add(x[0], number(1), 1)); // log1p(x) = log(1 + x)
    case Op::Sigmoid:
      return sigmoid(x[0]);
    case Op::Tanh: // tanh(x) = 2 sigmoid(2 x) - 1
      return add(scale(sigmoid(scale(x[0], 2)), 2), number(1), -1);
    case Op::Softplus:
      return softplus(x[0]);
    case Op::Abs:
      return abs(x[0]);
    case Op::Sign:
      return sign(x[0]);
    case Op::Detach:
      return linear(Op::Detach, x[0]);
    case Op::BatchSum:
      return linear(Op::BatchSum, x[0]);
    case Op::Max:
      return max(x[0], x[1]);
    case Op::Min:
      return min(x[0], x[1]);
    case Op::Lt:
      return compare(Op::Lt, x[0], x[1]);
    case Op::Le:
      return negation(compare(Op::Lt, x[1], x[0])); // a <= b is not (b < a)
    case Op::Eq:
      return compare(Op::Eq, x[0], x[1]);
    case Op::Ne:
      return negation(compare(Op::Eq, x[0], x[1])); // a != b is not (a == b)
    case Op::Not:
      return negation(x[0]);
    case Op::And:
      return logic(x[0], x[1]);
    case Op::Or: // a or b is not (not a and not b)
      return negation(logic(negation(x[0]), negation(x[1])));
    case Op::Column:
    case Op::State:
      return input(node);
    case Op::BatchMax:
    case Op::BatchSort:
    case Op::TokenSum:
      return function(node.op, {x[0]});
    case Op::BatchQuantile:
      return function(node.op, {x[0], x[1]});
    case Op::Select:
      return select(x[0], x[1], x[2]);
    }
    assert(false && "an operation without a normal form");
    return kNone;
  }

  // ---- Making terms. Equal terms get equal ids.

  TermId intern(Term term) {
    Digest digest;
    digest.add(uint64_t(term.shape)).add(uint64_t(term.extent)).add(roundedBits(term.constant));
    if (term.shape == Shape::Function || term.shape == Shape::Leaf)
      for (char letter : opMnemonic(term.op))
        digest.add(uint64_t(letter));
    if (term.shape == Shape::Leaf && term.op != Op::Input)
      digest.add(uint64_t(term.index));
    if (term.shape == Shape::Leaf)
      for (char letter : term.op == Op::Input ? inputName(Input(term.index)) : std::string_view())
        digest.add(uint64_t(letter));
    for (const Part &part : term.parts)
      digest.add(at(part.term).digest).add(roundedBits(part.number));
    term.digest = digest;
    for (TermId id = 0; id < terms_.size(); ++id)
      if (terms_[id].digest == digest)
        return id;
    terms_.push_back(std::move(term));
    return TermId(terms_.size() - 1);
  }

  TermId number(double value) { return intern({.constant = value}); }

  TermId input(const Node &node) {
    return intern(
        {.shape = Shape::Leaf, .op = node.op, .index = node.index, .extent = node.type.extent});
  }

  TermId function(Op op, std::initializer_list<TermId> arguments) {
    Term term{.shape = Shape::Function, .op = op};
    for (TermId argument : arguments) {
      term.parts.push_back({argument, 0});
      term.extent = join(term.extent, at(argument).extent);
    }
    if (op == Op::BatchSum)
      term.extent = Extent::Batch;
    return intern(std::move(term));
  }

  /// Sorts parts, joins those of the same term and drops those whose number became 0.
  void gather(std::vector<Part> &parts, bool keepSigns) {
    std::stable_sort(parts.begin(), parts.end(), [&](const Part &a, const Part &b) {
      return at(a.term).digest < at(b.term).digest;
    });
    std::vector<Part> gathered;
    for (const Part &part : parts) {
      const auto joins = [&](const Part &other) {
        return other.term == part.term && (!keepSigns || (other.number < 0) == (part.number < 0));
      };
      const auto seen = std::find_if(gathered.begin(), gathered.end(), joins);
      if (seen != gathered.end())
        seen->number += part.number;
      else
        gathered.push_back(part);
    }
    std::erase_if(gathered, [](const Part &part) { return std::fabs(part.number) < 1e-300; });
    parts = std::move(gathered);
  }

  std::optional<double> asNumber(TermId id) const {
    if (at(id).shape == Shape::Sum && at(id).parts.empty())
      return at(id).constant;
    return std::nullopt;
  }

  /// A sum with one part, coefficient 1 and no constant is that part.
  TermId sum(Term term) {
    gather(term.parts, false);
    term.shape = Shape::Sum;
    term.extent = Extent::Batch;
    for (const Part &part : term.parts)
      term.extent = join(term.extent, at(part.term).extent);
    if (term.parts.size() == 1 && term.constant == 0 && same(term.parts[0].number, 1))
      return term.parts[0].term;
    return intern(std::move(term));
  }

  Term asSum(TermId id) const {
    if (at(id).shape == Shape::Sum)
      return at(id);
    return {.parts = {{id, 1}}};
  }

  // H1: addition is commutative and associative, equal terms are counted, a - b = a + (-1) b.
  TermId add(TermId a, TermId b, double factor) {
    Term term = asSum(a);
    const Term other = asSum(b);
    term.constant += factor * other.constant;
    for (const Part &part : other.parts)
      term.parts.push_back({part.term, factor * part.number});
    return sum(std::move(term));
  }

  // H2: c (a + b) = c a + c b for a number c.
  TermId scale(TermId id, double factor) {
    Term term = asSum(id);
    term.constant *= factor;
    for (Part &part : term.parts)
      part.number *= factor;
    return sum(std::move(term));
  }

  /// A term as a number times a product. A sum's leading coefficient is taken out, so that its sign
  /// and size do not hide that (2 a + 2) b = 2 (a + 1) b.
  std::pair<double, Term> asProduct(TermId id) {
    const Term &term = at(id);
    if (term.shape == Shape::Product)
      return {1, term};
    if (term.shape == Shape::Sum && !term.parts.empty()) {
      const double lead = term.parts[0].number;
      if (term.parts.size() == 1 && term.constant == 0) {
        auto [factor, product] = asProduct(term.parts[0].term);
        return {lead * factor, std::move(product)};
      }
      const TermId monic = scale(id, 1 / lead);
      return {lead, {.shape = Shape::Product, .parts = {{monic, 1}}}};
    }
    return {1, {.shape = Shape::Product, .parts = {{id, 1}}}};
  }

  // H3: multiplication is commutative and associative, x^a x^b = x^(a+b) for a and b of one sign (x
  // / x is not 1 at 0), exp(a) exp(b) = exp(a + b).
  TermId multiply(TermId a, TermId b) {
    if (auto value = asNumber(a))
      return scale(b, *value);
    if (auto value = asNumber(b))
      return scale(a, *value);
    auto [leftFactor, product] = asProduct(a);
    auto [rightFactor, right] = asProduct(b);
    product.parts.insert(product.parts.end(), right.parts.begin(), right.parts.end());
    return scale(makeProduct(std::move(product)), leftFactor * rightFactor);
  }

  TermId makeProduct(Term term) {
    TermId exponent = kNone; // of all exponentials together
    std::vector<Part> others;
    for (const Part &part : term.parts) {
      if (at(part.term).shape != Shape::Function || at(part.term).op != Op::Exp) {
        others.push_back(part);
        continue;
      }
      const TermId scaled = scale(at(part.term).parts[0].term, part.number);
      exponent = exponent == kNone ? scaled : add(exponent, scaled, 1);
    }
    double factor = 1;
    if (exponent != kNone) {
      const TermId joined = exp(exponent);
      if (auto value = asNumber(joined))
        factor = *value;
      else if (at(joined).shape == Shape::Sum) { // exp(a + c) = e^c exp(a)
        factor = at(joined).parts[0].number;
        others.push_back({at(joined).parts[0].term, 1});
      } else
        others.push_back({joined, 1});
    }
    gather(others, true);
    if (others.empty())
      return number(factor);
    if (others.size() == 1 && same(others[0].number, 1))
      return scale(others[0].term, factor);
    term.shape = Shape::Product;
    term.parts = std::move(others);
    term.extent = Extent::Batch;
    for (const Part &part : term.parts)
      term.extent = join(term.extent, at(part.term).extent);
    return scale(intern(std::move(term)), factor);
  }

  // H4: (x y)^n = x^n y^n and (x^m)^n = x^(m n) for whole m and n; x^0 = 1; 1 / (1 + exp(x)) =
  // sigmoid(-x).
  TermId power(TermId id, double exponent) {
    if (auto value = asNumber(id))
      return number(std::pow(*value, exponent));
    if (exponent == 0)
      return number(1);
    if (exponent != std::nearbyint(exponent))
      return function(Op::Pow, {id, number(exponent)});
    if (exponent < 0)
      if (const TermId argument = onePlusExp(id); argument != kNone)
        return power(sigmoid(scale(argument, -1)), -exponent);
    auto [factor, product] = asProduct(id);
    for (Part &part : product.parts)
      part.number *= exponent;
    return scale(makeProduct(std::move(product)), std::pow(factor, exponent));
  }

  TermId pow(TermId base, TermId exponent) {
    if (auto value = asNumber(exponent))
      return power(base, *value);
    return function(Op::Pow, {base, exponent});
  }

  /// x, if the term is 1 + exp(x).
  TermId onePlusExp(TermId id) const {
    const Term &term = at(id);
    if (term.shape != Shape::Sum || term.parts.size() != 1 || !same(term.constant, 1) ||
        !same(term.parts[0].number, 1) || !isFunction(term.parts[0].term, Op::Exp))
      return kNone;
    return at(term.parts[0].term).parts[0].term;
  }

  bool isFunction(TermId id, Op op) const {
    return at(id).shape == Shape::Function && at(id).op == op;
  }

  // H5: exp(c) is a number, exp(x + c) = e^c exp(x), exp(log(x)) is left alone (x < 0).
  TermId exp(TermId id) {
    if (auto value = asNumber(id))
      return number(std::exp(*value));
    const Term &term = at(id);
    if (term.shape == Shape::Sum && term.constant != 0) {
      const double factor = std::exp(term.constant);
      Term rest = term;
      rest.constant = 0;
      return scale(function(Op::Exp, {sum(std::move(rest))}), factor);
    }
    return function(Op::Exp, {id});
  }

  // H6: log(exp(x)) = x, log(1 + exp(x)) = softplus(x), log(sigmoid(x)) = -softplus(-x), log(1 -
  // sigmoid(x)) = -softplus(x).
  TermId log(TermId id) {
    if (auto value = asNumber(id); value && *value > 0)
      return number(std::log(*value));
    if (isFunction(id, Op::Exp))
      return at(id).parts[0].term;
    if (const TermId argument = onePlusExp(id); argument != kNone)
      return softplus(argument);
    if (isFunction(id, Op::Sigmoid))
      return scale(softplus(scale(at(id).parts[0].term, -1)), -1);
    const Term &term = at(id);
    if (term.shape == Shape::Sum && term.parts.size() == 1 && same(term.constant, 1) &&
        same(term.parts[0].number, -1) && isFunction(term.parts[0].term, Op::Sigmoid))
      return scale(softplus(at(term.parts[0].term).parts[0].term), -1);
    return function(Op::Log, {id});
  }

  /// Of x and -x one is chosen to stand for both: the one whose leading coefficient is positive.
  bool isNegative(TermId id) const {
    const Term &term = at(id);
    return term.shape == Shape::Sum && !term.parts.empty() && term.parts[0].number < 0;
  }

  // H7: sigmoid(-x) = 1 - sigmoid(x), softplus(-x) = softplus(x) - x, abs(c x) = |c| abs(x),
  // sign(-x) = -sign(x).
  TermId sigmoid(TermId id) {
    if (auto value = asNumber(id))
      return number(*foldedValue(Op::Sigmoid, std::array{*value}));
    if (isNegative(id))
      return add(number(1), function(Op::Sigmoid, {scale(id, -1)}), -1);
    return function(Op::Sigmoid, {id});
  }
  TermId softplus(TermId id) {
    if (auto value = asNumber(id))
      return number(*foldedValue(Op::Softplus, std::array{*value}));
    if (isNegative(id))
      return add(function(Op::Softplus, {scale(id, -1)}), id, 1);
    return function(Op::Softplus, {id});
  }
  TermId abs(TermId id) {
    if (auto value = asNumber(id))
      return number(std::fabs(*value));
    const double lead = leading(id);
    return scale(function(Op::Abs, {scale(id, 1 / lead)}), std::fabs(lead));
  }
  TermId sign(TermId id) {
    if (auto value = asNumber(id))
      return number(*foldedValue(Op::Sign, std::array{*value}));
    const double lead = leading(id);
    return scale(function(Op::Sign, {scale(id, 1 / lead)}), lead < 0 ? -1 : 1);
  }
  double leading(TermId id) const {
    const Term &term = at(id);
    return term.shape == Shape::Sum && !term.parts.empty() ? term.parts[0].number : 1;
  }

  // H8: batch_sum and detach are linear, and a factor that is one number per batch comes out of
  // batch_sum.
  TermId linear(Op op, TermId id) {
    const Term term = asSum(id);
    TermId result = op == Op::Detach ? number(term.constant) : scale(batchSize(), term.constant);
    for (const Part &part : term.parts) {
      const TermId applied = op == Op::Detach ? detach(part.term) : batchSum(part.term);
      result = add(result, scale(applied, part.number), 1);
    }
    return result;
  }
  TermId batchSize() {
    return intern({.shape = Shape::Leaf, .op = Op::Input, .index = uint32_t(Input::batch_size)});
  }
  TermId detach(TermId id) {
    const Term &term = at(id);
    const bool free = term.shape == Shape::Leaf && !inputHasGradient(Input(term.index));
    return free || isFunction(id, Op::Detach) ? id : function(Op::Detach, {id});
  }
  TermId batchSum(TermId id) {
    if (at(id).extent == Extent::Batch)
      return multiply(batchSize(), id);
    if (at(id).shape != Shape::Product)
      return function(Op::BatchSum, {id});
    Term outer{.shape = Shape::Product}, inner{.shape = Shape::Product};
    for (const Part &part : at(id).parts)
      (at(part.term).extent == Extent::Batch ? outer : inner).parts.push_back(part);
    if (outer.parts.empty())
      return function(Op::BatchSum, {id});
    const TermId within = makeProduct(std::move(inner));
    return multiply(makeProduct(std::move(outer)), linear(Op::BatchSum, within));
  }

  // H9: max is commutative, max(a, a) = a, min(a, b) = -max(-a, -b); where(a < b, x, y) is max or
  // min when x and y are a and b up to one number that is added to both.
  TermId max(TermId a, TermId b) {
    if (a == b)
      return a;
    if (auto x = asNumber(a), y = asNumber(b); x && y)
      return number(std::max(*x, *y));
    if (at(b).digest < at(a).digest)
      std::swap(a, b);
    return function(Op::Max, {a, b});
  }
  TermId min(TermId a, TermId b) { return scale(max(scale(a, -1), scale(b, -1)), -1); }

  // H10: a < b is a - b < 0, up to a positive factor; a == b also up to sign; not, and, or by their
  // laws.
  TermId compare(Op op, TermId a, TermId b) {
    const TermId difference = add(a, b, -1);
    const double lead = leading(difference);
    const double factor = op == Op::Eq ? 1 / lead : 1 / std::fabs(lead);
    return function(op, {scale(difference, factor)});
  }
  TermId negation(TermId id) {
    return isFunction(id, Op::Not) ? at(id).parts[0].term : function(Op::Not, {id});
  }
  TermId logic(TermId a, TermId b) {
    if (a == b)
      return a;
    if (at(b).digest < at(a).digest)
      std::swap(a, b);
    return function(Op::And, {a, b});
  }

  // H11: where(not c, x, y) = where(c, y, x), where(c, x, x) = x, and H9.
  TermId select(TermId condition, TermId x, TermId y) {
    if (x == y)
      return x;
    if (isFunction(condition, Op::Not))
      return select(at(condition).parts[0].term, y, x);
    if (isFunction(condition, Op::Lt)) { // d < 0
      const TermId d = at(condition).parts[0].term;
      const TermId difference = add(x, y, -1);
      const double ratio = leading(difference) / leading(d);
      if (difference == scale(d, ratio)) // x - y = r d: where d < 0, x < y if r > 0
        return ratio > 0 ? min(x, y) : max(x, y);
    }
    return function(Op::Select, {condition, x, y});
  }

  /// H12: the objective is a mean over pairs, so that a term r batch_sum(x) / batch_size of the
  /// loss is r x.
  TermId meanOverPairs(TermId loss) {
    const Term term = asSum(loss);
    TermId result = number(term.constant);
    for (const Part &part : term.parts) {
      TermId within = part.term;
      if (const Term &product = at(part.term);
          product.shape == Shape::Product && product.parts.size() == 2)
        for (size_t i : {0, 1}) {
          const Part &sum = product.parts[i], &size = product.parts[1 - i];
          if (isFunction(sum.term, Op::BatchSum) && sum.number == 1 && size.number == -1 &&
              size.term == batchSize())
            within = at(sum.term).parts[0].term;
        }
      result = add(result, scale(within, part.number), 1);
    }
    return result;
  }

  std::deque<Term> terms_; // references stay valid while terms are added
};

} // namespace

Digest lossDigest(const Program &program, std::span<const double> parameters) {
  return Normaliser().run(program, parameters);
}

} // namespace disco::dsl
