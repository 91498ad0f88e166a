// See Plan.h.
#include "runtime/Plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

namespace disco::runtime {

namespace {

/// More than any objective within the language's limits has; a plan may come from a file.
constexpr size_t kMostSteps = 1024, kMostTotals = 1024, kMostArrays = 1024;

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return parts;
    text.remove_prefix(end + separator.size());
  }
}

/// NaN if either is, as a maximum over all pairs is.
double larger(double a, double b) { return a != a || b != b ? a + b : std::max(a, b); }

/// The pairs in ascending order of their number; equal ones as they come, NaN last.
std::vector<uint32_t> rankOrder(const float *values, size_t pairs) {
  std::vector<uint32_t> order(pairs);
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return values[a] < values[b] || (values[b] != values[b] && values[a] == values[a]);
  });
  return order;
}

} // namespace

Result<Plan> Plan::parse(std::string_view text) {
  const Error malformed{"the plan of a kernel is malformed: `" + std::string(text.substr(0, 64)) +
                        "`"};
  Plan plan;
  for (std::string_view step : split(text, "; ")) {
    const std::vector<std::string_view> words = split(step, " ");
    Step made;
    std::array<size_t, 3> numbers{};
    const auto readNumbers = [&](size_t count) {
      if (words.size() != count + 1)
        return false;
      for (size_t i = 0; i < count; ++i) {
        const std::string_view word = words[i + 1];
        const auto [end, error] =
            std::from_chars(word.data(), word.data() + word.size(), numbers[i]);
        if (error != std::errc() || end != word.data() + word.size() || numbers[i] >= kMostArrays)
          return false;
        plan.stored_ = std::max(plan.stored_, numbers[i] + 1);
      }
      return true;
    };
    bool ok = true;
    if (words[0] == "walk") {
      for (size_t i = 1; i < words.size(); ++i) {
        ok &= words[i] == "add" || words[i] == "max";
        made.isMax.push_back(words[i] == "max");
      }
      plan.totals_ += made.isMax.size();
      plan.mostSums_ = std::max(plan.mostSums_, made.isMax.size());
    } else if (words[0] == "sort") {
      made.kind = Kind::Sort;
      ok = readNumbers(2);
    } else if (words[0] == "unsort") {
      made.kind = Kind::Unsort;
      ok = readNumbers(3);
      ok &= std::any_of(plan.steps_.begin(), plan.steps_.end(), [&](const Step &other) {
        return other.kind == Kind::Sort && other.to == numbers[2];
      });
    } else {
      made.kind = Kind::Means;
      ok = step == "means";
    }
    made.from = numbers[0];
    made.to = numbers[1];
    made.sort = numbers[2];
    plan.functions_ += made.kind == Kind::Walk || made.kind == Kind::Means;
    plan.steps_.push_back(std::move(made));
    if (!ok || plan.steps_.size() > kMostSteps || plan.totals_ > kMostTotals)
      return malformed;
  }
  return plan;
}

void Plan::run(const disco_walk_fn *functions, const Frame &given) const {
  const auto pairs = size_t(given.pairs);
  // Small objectives of small batches are called millions of times: nothing is allocated for them.
  constexpr size_t kFew = 32;
  std::array<double, 2 * kFew> few;
  std::vector<double> many;
  double *totals = few.data(), *sums = few.data() + kFew;
  if (totals_ > kFew) {
    many.resize(totals_ + mostSums_);
    totals = many.data();
    sums = many.data() + totals_;
  }
  std::vector<std::vector<float>> arrays(stored_, std::vector<float>(pairs));
  std::vector<float *> pointers;
  for (std::vector<float> &array : arrays)
    pointers.push_back(array.data());
  std::vector<std::vector<uint32_t>> orders(stored_);

  Frame frame = given;
  frame.totals = totals;
  frame.stored = pointers.data();
  size_t taken = 0;
  for (const Step &step : steps_) {
    switch (step.kind) {
    case Kind::Walk: {
      const disco_walk_fn walk = *functions++;
      const size_t count = step.isMax.size();
      for (size_t i = 0; i < count; ++i)
        totals[taken + i] = step.isMax[i] ? -std::numeric_limits<double>::infinity() : 0;
      for (int64_t begin = 0; begin < frame.pairs; begin += kChunk) {
        walk(&frame, begin, std::min(begin + kChunk, frame.pairs), sums);
        for (size_t i = 0; i < count; ++i) {
          double &total = totals[taken + i];
          total = step.isMax[i] ? larger(total, sums[i]) : total + sums[i];
        }
      }
      taken += count;
      break;
    }
    case Kind::Sort: {
      orders[step.to] = rankOrder(pointers[step.from], pairs);
      for (size_t rank = 0; rank < pairs; ++rank)
        pointers[step.to][rank] = pointers[step.from][orders[step.to][rank]];
      break;
    }
    case Kind::Unsort:
      for (size_t rank = 0; rank < pairs; ++rank)
        pointers[step.to][orders[step.sort][rank]] = pointers[step.from][rank];
      break;
    case Kind::Means:
      (*functions++)(&frame, 0, 0, nullptr);
      break;
    }
  }
}

} // namespace disco::runtime
