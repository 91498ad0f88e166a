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
template <typename Real> std::vector<uint32_t> rankOrder(const Real *values, size_t pairs) {
  std::vector<uint32_t> order(pairs);
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return values[a] < values[b] || (values[b] != values[b] && values[a] == values[a]);
  });
  return order;
}

template <typename Real>
void sort(const void *from, void *to, size_t pairs, std::vector<uint32_t> &order) {
  const auto *values = static_cast<const Real *>(from);
  order = rankOrder(values, pairs);
  for (size_t rank = 0; rank < pairs; ++rank)
    static_cast<Real *>(to)[rank] = values[order[rank]];
}

template <typename Real>
void unsort(const void *from, void *to, const std::vector<uint32_t> &order) {
  for (size_t rank = 0; rank < order.size(); ++rank)
    static_cast<Real *>(to)[order[rank]] = static_cast<const Real *>(from)[rank];
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
      constexpr std::array<std::string_view, 4> kTotals = {"add", "max", "loss", "gradient"};
      for (size_t i = 1; i < words.size(); ++i) {
        const auto found = std::find(kTotals.begin(), kTotals.end(), words[i]);
        ok &= found != kTotals.end();
        made.left.push_back(Total(found - kTotals.begin()));
      }
      plan.totals_ += made.left.size();
      plan.mostSums_ = std::max(plan.mostSums_, made.left.size());
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

double Plan::neutral(Total kind) {
  switch (kind) {
  case Total::Sum:
    return 0;
  case Total::Largest:
    return -std::numeric_limits<double>::infinity();
  case Total::BadLoss:
  case Total::BadGradient:
    break;
  }
  return double(kNoPair);
}

double Plan::combined(Total kind, double total, double part) {
  switch (kind) {
  case Total::Sum:
    return total + part;
  case Total::Largest:
    return larger(total, part);
  case Total::BadLoss:
  case Total::BadGradient:
    break;
  }
  return std::min(total, part);
}

void Plan::walk(const Step &step, disco_walk_fn function, const Frame &frame, double *totals,
                double *sums, ParallelFor parallel) {
  const size_t count = step.left.size();
  const auto add = [&](const double *parts) {
    for (size_t i = 0; i < count; ++i)
      totals[i] = combined(step.left[i], totals[i], parts[i]);
  };
  for (size_t i = 0; i < count; ++i)
    totals[i] = neutral(step.left[i]);
  const int64_t chunks = (frame.pairs + kChunk - 1) / kChunk;
  if (!parallel || chunks < 2) {
    for (int64_t begin = 0; begin < frame.pairs; begin += kChunk) {
      function(&frame, begin, std::min(begin + kChunk, frame.pairs), sums);
      add(sums);
    }
    return;
  }
  struct Work {
    disco_walk_fn function;
    const Frame &frame;
    size_t count;
    std::vector<double> sums;
  } work{function, frame, count, std::vector<double>(size_t(chunks) * count)};
  parallel(
      chunks,
      [](void *data, int64_t chunk) {
        auto &work = *static_cast<Work *>(data);
        const int64_t begin = chunk * kChunk;
        work.function(&work.frame, begin, std::min(begin + kChunk, work.frame.pairs),
                      work.sums.data() + size_t(chunk) * work.count);
      },
      &work);
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    add(work.sums.data() + size_t(chunk) * count);
}

Plan::Bad Plan::run(const disco_walk_fn *functions, const Frame &given, Dtype dtype,
                    ParallelFor parallel) const {
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
  // Of doubles, so that they are large enough and aligned for either type.
  std::vector<std::vector<double>> arrays(stored_, std::vector<double>(pairs));
  std::vector<void *> pointers;
  for (std::vector<double> &array : arrays)
    pointers.push_back(array.data());
  std::vector<std::vector<uint32_t>> orders(stored_);

  Frame frame = given;
  frame.totals = totals;
  frame.stored = pointers.data();
  int64_t badLoss = kNoPair, badGradient = kNoPair;
  for (const Step &step : steps_) {
    switch (step.kind) {
    case Kind::Walk:
      walk(step, *functions++, frame, totals, sums, parallel);
      for (Total kind : step.left) {
        if (kind == Total::BadLoss)
          badLoss = std::min(badLoss, int64_t(*totals));
        else if (kind == Total::BadGradient)
          badGradient = std::min(badGradient, int64_t(*totals));
        ++totals;
      }
      break;
    case Kind::Sort:
      (dtype == Dtype::Float32 ? sort<float> : sort<double>)(pointers[step.from], pointers[step.to],
                                                             pairs, orders[step.to]);
      break;
    case Kind::Unsort:
      (dtype == Dtype::Float32 ? unsort<float> : unsort<double>)(pointers[step.from],
                                                                 pointers[step.to],
                                                                 orders[step.sort]);
      break;
    case Kind::Means:
      (*functions++)(&frame, 0, 0, nullptr);
      break;
    }
  }
  return {badLoss == kNoPair ? -1 : badLoss, badGradient == kNoPair ? -1 : badGradient};
}

} // namespace disco::runtime
