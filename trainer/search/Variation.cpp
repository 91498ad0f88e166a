// See Variation.h.
#include "trainer/search/Variation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>

namespace disco::search {
namespace {

using dsl::Extent;
using dsl::Kind;
using dsl::Type;

constexpr Type kPairReal{Kind::Real, Extent::Pair};

/// Pair leaves by how often they are drawn: preference losses are mostly functions of the margin.
struct WeightedName {
  const char *name;
  double weight;
};
constexpr WeightedName kPairNames[] = {{"margin", 12},
                                       {"chosen_ratio", 3},
                                       {"rejected_ratio", 3},
                                       {"policy_chosen_logps", 1},
                                       {"policy_rejected_logps", 1},
                                       {"reference_chosen_logps", 0.5},
                                       {"reference_rejected_logps", 0.5},
                                       {"chosen_length", 0.5},
                                       {"rejected_length", 0.5}};
constexpr double kConstants[] = {0, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 10};

dsl::Parameter betaParameter() {
  dsl::Parameter beta;
  beta.name = "beta";
  beta.defaultValue = 0.1;
  beta.lower = 1e-3;
  beta.upper = 10;
  beta.logScale = true;
  return beta;
}

double threeDigits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return std::atof(text);
}

template <typename T> const T &pick(std::span<const T> from, data::Random &random) {
  return from[random.below(from.size())];
}

/// Exponents must stay free of gradient; the moves leave them alone except as constants.
std::set<const Expression *> exponentsOf(const std::vector<ExpressionRef> &nodes) {
  std::set<const Expression *> exponents;
  for (const ExpressionRef &node : nodes)
    if (node->form && node->form->shape == Form::Shape::Power)
      exponents.insert(node->operands[1].get());
  return exponents;
}

std::vector<ExpressionRef> movable(const ExpressionRef &root) {
  std::vector<ExpressionRef> nodes = nodesOf(root);
  std::set<const Expression *> exponents = exponentsOf(nodes);
  std::erase_if(nodes, [&](const ExpressionRef &node) { return exponents.count(node.get()) > 0; });
  return nodes;
}

bool replaceSubtree(Genome &genome, data::Random &random) {
  std::vector<ExpressionRef> nodes = movable(genome.loss);
  const ExpressionRef &target = pick<ExpressionRef>(nodes, random);
  Generator generator(random, genome.parameters);
  genome.loss =
      replaceNode(genome.loss, target.get(), generator.generate(target->type, 1 + random.below(3)));
  return true;
}

/// Multiplies a number, or the default of a parameter, by a log-normal factor. `beta` is left to
/// the score's own search.
bool moveConstant(Genome &genome, data::Random &random) {
  double factor = std::exp(0.7 * random.normal());
  std::vector<ExpressionRef> numbers;
  std::set<std::string> names;
  for (const ExpressionRef &node : nodesOf(genome.loss)) {
    if (node->sort == Expression::Sort::Number && node->number != 0)
      numbers.push_back(node);
    if (node->sort == Expression::Sort::Name)
      names.insert(node->name);
  }
  std::vector<dsl::Parameter *> parameters;
  for (dsl::Parameter &parameter : genome.parameters)
    if (parameter.name != "beta" && names.count(parameter.name))
      parameters.push_back(&parameter);
  if (numbers.empty() && parameters.empty())
    return false;
  size_t choice = random.below(numbers.size() + parameters.size());
  if (choice < numbers.size()) {
    const ExpressionRef &target = numbers[choice];
    genome.loss =
        replaceNode(genome.loss, target.get(), makeNumber(threeDigits(target->number * factor)));
    return true;
  }
  dsl::Parameter &parameter = *parameters[choice - numbers.size()];
  double moved = threeDigits(parameter.defaultValue * factor);
  if (!parameter.contains(moved))
    return false;
  parameter.defaultValue = moved;
  return true;
}

bool substituteOperation(Genome &genome, data::Random &random) {
  std::vector<ExpressionRef> applications;
  for (const ExpressionRef &node : movable(genome.loss))
    if (node->form && node->form->shape != Form::Shape::Power)
      applications.push_back(node);
  if (applications.empty())
    return false;
  const ExpressionRef &target = pick<ExpressionRef>(applications, random);
  std::vector<const Form *> alike;
  for (const Form &other : forms())
    if (&other != target->form && other.shape == target->form->shape &&
        other.arity == target->form->arity)
      alike.push_back(&other);
  if (alike.empty())
    return false;
  const Form &other = *pick<const Form *>(alike, random);
  genome.loss = replaceNode(genome.loss, target.get(), makeApplication(other, target->operands));
  return true;
}

/// x becomes f(x), or one operand of a new operation whose others are generated.
bool wrapSubtree(Genome &genome, data::Random &random) {
  std::vector<ExpressionRef> reals;
  for (const ExpressionRef &node : movable(genome.loss))
    if (node->type == kPairReal)
      reals.push_back(node);
  if (reals.empty())
    return false;
  const ExpressionRef &target = pick<ExpressionRef>(reals, random);
  std::vector<const Form *> around;
  for (const Form &form : forms())
    if (form.shape == Form::Shape::Pointwise || form.shape == Form::Shape::Select)
      around.push_back(&form);
  const Form &form = *pick<const Form *>(around, random);
  Generator generator(random, genome.parameters);
  std::vector<ExpressionRef> operands;
  bool select = form.shape == Form::Shape::Select;
  size_t place = select ? 1 + random.below(2) : random.below(form.arity);
  for (unsigned i = 0; i < form.arity; ++i) {
    Type type{select && i == 0 ? Kind::Bool : Kind::Real, Extent::Pair};
    operands.push_back(i == place ? target : generator.generate(type, random.below(2)));
  }
  genome.loss = replaceNode(genome.loss, target.get(), makeApplication(form, std::move(operands)));
  return true;
}

bool shrinkSubtree(Genome &genome, data::Random &random) {
  std::vector<std::pair<ExpressionRef, ExpressionRef>> choices;
  for (const ExpressionRef &node : movable(genome.loss))
    for (const ExpressionRef &operand : node->operands)
      if (operand->type == node->type)
        choices.emplace_back(node, operand);
  if (choices.empty())
    return false;
  auto &[node, operand] = choices[random.below(choices.size())];
  genome.loss = replaceNode(genome.loss, node.get(), operand);
  return true;
}

void adoptParameters(Genome &into, const Genome &from) {
  for (const dsl::Parameter &parameter : from.parameters) {
    bool known = std::any_of(into.parameters.begin(), into.parameters.end(),
                             [&](const dsl::Parameter &own) { return own.name == parameter.name; });
    if (!known)
      into.parameters.push_back(parameter);
  }
}

} // namespace

ExpressionRef Generator::number() { return makeNumber(pick<double>(kConstants, random_)); }

ExpressionRef Generator::leaf(Extent extent) {
  if (extent == Extent::Pair) {
    std::array<double, std::size(kPairNames)> weights;
    std::transform(std::begin(kPairNames), std::end(kPairNames), weights.begin(),
                   [](auto &name) { return name.weight; });
    return makeName(kPairNames[random_.categorical(std::span<const double>(weights))].name,
                    Extent::Pair);
  }
  uint64_t choice = random_.below(8);
  if (choice == 0)
    return makeName("batch_size", Extent::Batch);
  if (choice < 4 && !parameters_.empty())
    return makeName(pick(parameters_, random_).name, Extent::Batch);
  return number();
}

ExpressionRef Generator::generate(Type type, unsigned depth) {
  if (type.kind == Kind::Bool) {
    std::vector<const Form *> conditions;
    for (const Form &form : forms())
      if (form.shape == Form::Shape::Compare || (depth > 1 && form.shape == Form::Shape::Logic))
        conditions.push_back(&form);
    return apply(*pick<const Form *>(conditions, random_), type.extent, depth);
  }
  if (depth == 0 || random_.below(4) == 0) {
    // Losses live at the scale of beta * margin; plain log-probabilities are tens to hundreds.
    ExpressionRef plain = leaf(type.extent);
    bool scaled = type.extent == Extent::Pair && !parameters_.empty() && random_.below(3) != 0;
    return scaled
               ? makeApplication(form("mul"), {makeName(parameters_[0].name, Extent::Batch), plain})
               : plain;
  }
  std::vector<const Form *> fitting;
  for (const Form &form : forms()) {
    bool reduce = form.shape == Form::Shape::Reduce;
    if (form.shape != Form::Shape::Compare && form.shape != Form::Shape::Logic &&
        reduce == (type.extent == Extent::Batch))
      fitting.push_back(&form);
  }
  return apply(*pick<const Form *>(fitting, random_), type.extent, depth);
}

ExpressionRef Generator::apply(const Form &form, Extent extent, unsigned depth) {
  depth = depth == 0 ? 0 : depth - 1;
  std::vector<ExpressionRef> operands;
  // One operand has the wanted extent; the others are narrower now and then, as thresholds and
  // weights are.
  size_t wide = random_.below(form.arity);
  for (unsigned i = 0; i < form.arity; ++i) {
    bool narrow = i != wide && random_.below(2) == 0;
    Type type{Kind::Real, narrow ? Extent::Batch : extent};
    if (form.shape == Form::Shape::Reduce)
      type.extent = Extent::Pair;
    if (form.shape == Form::Shape::Logic || (form.shape == Form::Shape::Select && i == 0))
      type.kind = Kind::Bool;
    if (form.shape == Form::Shape::Power && i == 1)
      operands.push_back(number());
    else if (type.kind == Kind::Real && type.extent == Extent::Batch && random_.below(4) != 0)
      operands.push_back(leaf(Extent::Batch));
    else
      operands.push_back(generate(type, depth));
  }
  if (form.shape == Form::Shape::Power && extent == Extent::Pair &&
      operands[0]->type.extent == Extent::Batch)
    operands[0] = leaf(Extent::Pair);
  return makeApplication(form, std::move(operands));
}

Genome generateGenome(data::Random &random) {
  Genome genome{{betaParameter()}, nullptr};
  Generator generator(random, genome.parameters);
  genome.loss = generator.generate(kPairReal, 2 + random.below(3));
  return genome;
}

Genome mutate(const Genome &parent, data::Random &random) {
  constexpr bool (*kMoves[])(Genome &, data::Random &) = {
      replaceSubtree, moveConstant, moveConstant, substituteOperation, wrapSubtree, shrinkSubtree};
  Genome child = parent;
  for (uint64_t moves = 1 + random.below(3); moves > 0; --moves)
    if (!kMoves[random.below(std::size(kMoves))](child, random))
      replaceSubtree(child, random);
  return child;
}

Genome crossover(const Genome &first, const Genome &second, data::Random &random) {
  Genome child = first;
  adoptParameters(child, second);
  if (random.below(3) == 0) { // blend: (1 - m) * a + m * b
    Generator generator(random, child.parameters);
    ExpressionRef weight =
        random.below(2) == 0
            ? makeNumber(threeDigits(random.uniform()))
            : makeApplication(form("sigmoid"), {generator.generate(kPairReal, random.below(2))});
    ExpressionRef rest = makeApplication(form("sub"), {makeNumber(1), weight});
    child.loss =
        makeApplication(form("add"), {makeApplication(form("mul"), {rest, first.loss}),
                                      makeApplication(form("mul"), {weight, second.loss})});
    return child;
  }
  std::vector<ExpressionRef> places = movable(first.loss), donors = movable(second.loss);
  const ExpressionRef &place = pick<ExpressionRef>(places, random);
  std::erase_if(donors, [&](const ExpressionRef &donor) { return !(donor->type == place->type); });
  if (donors.empty())
    return mutate(first, random);
  child.loss = replaceNode(first.loss, place.get(), pick<ExpressionRef>(donors, random));
  return child;
}

} // namespace disco::search
