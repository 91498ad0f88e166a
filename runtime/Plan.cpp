// See Plan.h.
#include "runtime/Plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <memory>
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
    } else if (words[0] == "keep") {
      if (!readNumbers(1))
        return malformed;
      continue;
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

/// One walk over the pairs of a frame.
struct Plan::Walk {
  const Step &step;
  disco_walk_fn function;
  const Frame &frame;

  size_t count() const { return step.left.size(); }
  int64_t chunks() const { return (frame.pairs + kChunk - 1) / kChunk; }
  void runChunk(int64_t chunk, double *sums) const {
    const int64_t begin = chunk * kChunk;
    function(&frame, begin, std::min(begin + kChunk, frame.pairs), sums);
  }

  /// The first pair in [begin, end) alone of which sum `index` is not finite; -1 where there is
  /// none. What a walk writes it writes again.
  int64_t firstBad(size_t index, int64_t begin, int64_t end, double *sums) const {
    function(&frame, begin, end, sums);
    if (std::isfinite(sums[index]))
      return -1;
    if (end - begin == 1)
      return begin;
    const int64_t middle = begin + (end - begin) / 2;
    const int64_t found = firstBad(index, begin, middle, sums);
    return found >= 0 ? found : firstBad(index, middle, end, sums);
  }
};

void Plan::walk(const Walk &walk, double *totals, double *sums, ParallelFor parallel, Bad &bad) {
  const std::vector<Total> &left = walk.step.left;
  for (size_t i = 0; i < left.size(); ++i)
    totals[i] = left[i] == Total::Largest ? -std::numeric_limits<double>::infinity() : 0;
  // Sums that are not finite, each with its chunk, in the order of the chunks.
  std::vector<std::pair<size_t, int64_t>> suspects;
  const auto add = [&](int64_t chunk, const double *parts) {
    for (size_t i = 0; i < left.size(); ++i) {
      totals[i] = left[i] == Total::Largest ? larger(totals[i], parts[i]) : totals[i] + parts[i];
      if (left[i] >= Total::Loss && !std::isfinite(parts[i]))
        suspects.emplace_back(i, chunk);
    }
  };
  const int64_t chunks = walk.chunks();
  if (!parallel || chunks < 2) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      walk.runChunk(chunk, sums);
      add(chunk, sums);
    }
  } else {
    struct Work {
      const Walk &walk;
      std::vector<double> sums;
    } work{walk, std::vector<double>(size_t(chunks) * left.size())};
    parallel(
        chunks,
        [](void *data, int64_t chunk) {
          auto &work = *static_cast<Work *>(data);
          work.walk.runChunk(chunk, work.sums.data() + size_t(chunk) * work.walk.count());
        },
        &work);
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      add(chunk, work.sums.data() + size_t(chunk) * left.size());
  }
  for (auto [i, chunk] : suspects) {
    int64_t &first = left[i] == Total::Loss ? bad.loss : bad.gradient;
    const int64_t begin = chunk * kChunk;
    if (first < 0 || begin < first) {
      const int64_t found =
          walk.firstBad(i, begin, std::min(begin + kChunk, walk.frame.pairs), sums);
      first = found < 0 ? first : first < 0 ? found : std::min(first, found);
    }
  }
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
  const size_t bytes = pairs * (dtype == Dtype::Float32 ? sizeof(float) : sizeof(double));
  std::vector<std::unique_ptr<std::byte[]>> arrays;
  std::vector<void *> pointers;
  while (pointers.size() < stored_) {
    arrays.push_back(std::make_unique_for_overwrite<std::byte[]>(bytes));
    pointers.push_back(arrays.back().get());
  }
  std::vector<std::vector<uint32_t>> orders(stored_);

  Frame frame = given;
  frame.totals = totals;
  frame.stored = pointers.data();
  Bad bad;
  for (const Step &step : steps_) {
    switch (step.kind) {
    case Kind::Walk:
      walk({step, *functions++, frame}, totals, sums, parallel, bad);
      totals += step.left.size();
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
  return bad;
}

} // namespace disco::runtime
