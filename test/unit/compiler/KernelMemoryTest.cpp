// Kernels touch exactly the numbers they are given: every array that a call brings lies against a
// page that cannot be touched, at its end or its start, and memory that the runtime allocates on
// the way ends at one; for every batch size up to 1,025, every target and both types, and at
// addresses that are no multiple of anything.
#include "test/unit/compiler/RunKernel.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <sys/mman.h>
#include <unistd.h>

namespace {

const size_t kPage = size_t(sysconf(_SC_PAGESIZE));

/// Whole pages between two that cannot be touched.
char *mapGuarded(size_t bytes) {
  void *memory = mmap(nullptr, bytes + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    std::abort();
  char *begin = static_cast<char *>(memory) + kPage;
  if (mprotect(begin, bytes, PROT_READ | PROT_WRITE) != 0)
    std::abort();
  return begin;
}

/// While it is set, this thread's allocations end at such a page.
thread_local bool guardAllocations = false;
/// Where a guarded allocation begins; there are few, and they are kept for the next one as large.
struct Guarded {
  char *pages = nullptr;
  size_t bytes = 0; // whole pages
  void *given = nullptr;
};
thread_local std::array<Guarded, 64> guarded;

void *allocateGuarded(size_t size) {
  const size_t bytes = (size + kPage - 1) / kPage * kPage;
  for (Guarded &slot : guarded) {
    if (slot.given || (slot.pages && slot.bytes != bytes))
      continue;
    if (!slot.pages)
      slot = {mapGuarded(bytes), bytes, nullptr};
    // Vectors of numbers are of multiples of 8 bytes; what asks for 16 gets it at most 8 early.
    return slot.given = slot.pages + bytes - (size + 7) / 8 * 8;
  }
  std::abort();
}

bool releaseGuarded(void *memory) {
  for (Guarded &slot : guarded)
    if (slot.given == memory) {
      slot.given = nullptr;
      return true;
    }
  return false;
}

} // namespace

// Of the whole test program.
void *operator new(size_t size) {
  if (guardAllocations && size > 0)
    return allocateGuarded(size);
  if (void *memory = std::malloc(size > 0 ? size : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept {
  if (!memory || !releaseGuarded(memory))
    std::free(memory);
}
void operator delete(void *memory, size_t) noexcept { operator delete(memory); }

namespace disco::compiler {
namespace {

constexpr size_t kLargest = 1025;
/// Tokens of the pairs: 0, 1, 2, 0, 1, 2, ...
size_t tokensBefore(size_t pair) { return pair / 3 * 3 + (pair % 3 == 2 ? 1 : 0); }

/// Where an array lies: so many bytes before the page after it, or after the page before it.
struct Place {
  bool atEnd;
  size_t bytes;
};
constexpr Place kPlaces[] = {{true, 0},  {true, 1},  {true, 4},  {true, 13},
                             {false, 0}, {false, 1}, {false, 4}, {false, 13}};

/// Room for one array; what surrounds an output in it is watched.
class Room {
public:
  Room() = default;
  Room(const Room &) = delete;
  Room &operator=(const Room &) = delete;
  ~Room() { munmap(pages_ - kPage, kBytes + 2 * kPage); }
  char *at(Place place, size_t bytes) {
    EXPECT_LE(bytes + place.bytes, kBytes);
    begin_ = place.atEnd ? pages_ + kBytes - place.bytes - bytes : pages_ + place.bytes;
    end_ = begin_ + bytes;
    return begin_;
  }
  /// The same for an output, beside bytes that must stay.
  char *output(Place place, size_t bytes) {
    at(place, bytes);
    std::memset(before(), kCanary, size_t(begin_ - before()));
    std::memset(end_, kCanary, size_t(after() - end_));
    return begin_;
  }
  bool isIntact() const {
    return std::all_of(before(), begin_, isCanary) && std::all_of(end_, after(), isCanary);
  }
  static constexpr size_t kBytes = 4 * 4096;

private:
  static constexpr char kCanary = 0x5A;
  static constexpr ptrdiff_t kWatched = 128;
  static bool isCanary(char byte) { return byte == kCanary; }
  char *before() const { return std::max(pages_, begin_ - kWatched); }
  char *after() const { return std::min(pages_ + kBytes, end_ + kWatched); }
  char *pages_ = mapGuarded(kBytes), *begin_ = pages_, *end_ = pages_;
};

/// A call of both entry points with every array in a room of its own.
template <typename Real> class GuardedCall {
public:
  explicit GuardedCall(runtime::HostKernel kernel)
      : kernel_(std::move(kernel)), inputs_(kernel_.signature.inputs.size()),
        gradients_(kernel_.signature.gradients.size()) {}

  void run(size_t pairs, Place place) {
    const runtime::Signature &signature = kernel_.signature;
    std::vector<const void *> inputs;
    for (size_t i = 0; i < inputs_.size(); ++i)
      inputs.push_back(input(inputs_[i], signature.inputs[i], pairs, place));
    auto *numbers =
        reinterpret_cast<Real *>(numbers_.at(place, signature.numbers() * sizeof(Real)));
    for (size_t i = 0; i < signature.numbers(); ++i)
      store(numbers + i, 0.5);
    std::vector<Real *> gradients, rewards;
    for (size_t g = 0; g < gradients_.size(); ++g)
      gradients.push_back(output(gradients_[g], countOf(signature.gradients[g], pairs), place));
    for (Room &room : rewards_)
      rewards.push_back(output(room, pairs, place));
    Real *loss = output(loss_, 1, place), *losses = output(losses_, pairs, place),
         *metrics = output(metrics_, signature.metrics.size(), place);
    guardAllocations = true;
    kernel_.gradient(inputs.data(), numbers, int64_t(pairs), loss, gradients.data());
    kernel_.report(inputs.data(), numbers, int64_t(pairs), losses, rewards.data(), metrics);
    guardAllocations = false;
    for (const auto *rooms : {&gradients_, &outputs_})
      for (const Room &room : *rooms)
        ASSERT_TRUE(room.isIntact());
  }

private:
  static size_t countOf(const std::string &name, size_t pairs) {
    if (name == runtime::kChosenOffsets || name == runtime::kRejectedOffsets)
      return pairs + 1;
    const std::optional<Input> input = dsl::inputByName(name);
    return input && dsl::isToken(dsl::inputExtent(*input)) ? tokensBefore(pairs) : pairs;
  }
  /// Numbers may lie anywhere, which C++ does not let a Real do.
  static void store(void *to, Real value) { std::memcpy(to, &value, sizeof value); }

  const void *input(Room &room, const std::string &name, size_t pairs, Place place) {
    const size_t count = countOf(name, pairs);
    const bool isOffsets =
        count == pairs + 1 && !dsl::inputByName(name) && name.ends_with("_offsets");
    char *array = room.at(place, count * (isOffsets ? sizeof(int64_t) : sizeof(Real)));
    for (size_t i = 0; i < count; ++i)
      if (isOffsets) {
        const auto offset = int64_t(tokensBefore(i));
        std::memcpy(array + i * sizeof offset, &offset, sizeof offset);
      } else {
        store(array + i * sizeof(Real), Real(-1) - Real(i % 5));
      }
    return array;
  }
  Real *output(Room &room, size_t count, Place place) {
    return reinterpret_cast<Real *>(room.output(place, count * sizeof(Real)));
  }

  using Input = dsl::Input;
  runtime::HostKernel kernel_;
  std::vector<Room> inputs_, gradients_;
  Room numbers_;
  std::vector<Room> outputs_ = std::vector<Room>(5);
  Room &loss_ = outputs_[0], &losses_ = outputs_[1], &metrics_ = outputs_[2];
  std::span<Room> rewards_ = std::span(outputs_).subspan(3);
};

struct Kind {
  runtime::Target target;
  runtime::Dtype dtype;
};
void PrintTo(const Kind &kind, std::ostream *out) {
  *out << runtime::targetName(kind.target) << "_" << runtime::dtypeName(kind.dtype);
}

/// One program for each way to walk over pairs: alone and after sums, sorted, with tokens in the
/// lanes; with every other kind of input.
const char *const kPrograms[] = {
    R"(objective sums {
      param beta = 0.1;
      state s = 0.5;
      next s = batch_mean(margin);
      loss = softplus(-beta * margin) * batch_std(margin + s) + progress;
      metric spread = batch_std(margin);
      metric largest = batch_max(chosen_length);
    })",
    R"(objective order {
      column weight;
      loss = weight * batch_sort(margin) + square(margin - batch_quantile(margin, 0.25));
      metric median = batch_quantile(weight * margin, 0.5);
    })",
    R"(objective tokens {
      let a = token_sum(policy_chosen_token_logps - reference_chosen_token_logps + chosen_token_kl);
      let b = token_mean(exp(policy_rejected_token_logps) * rejected_token_index);
      loss = softplus(b - a) * batch_std(a);
      metric m = token_sum(rejected_token_kl);
    })"};

class KernelMemory : public testing::TestWithParam<Kind> {
protected:
  template <typename Real> void expectGuarded(const dsl::Program &program) {
    Result<runtime::HostKernel> kernel = sharedCompiler().compileHost(
        program, {.target = GetParam().target, .dtype = GetParam().dtype});
    ASSERT_TRUE(kernel) << kernel.error().message;
    GuardedCall<Real> call(std::move(*kernel));
    for (size_t pairs = 0; pairs <= kLargest; ++pairs)
      for (Place place : kPlaces) {
        call.run(pairs, place);
        ASSERT_FALSE(HasFatalFailure()) << pairs << " pairs";
      }
  }
};

TEST_P(KernelMemory, NothingBesideTheArraysIsTouched) {
  if (GetParam().target > runtime::bestTarget())
    GTEST_SKIP() << "this CPU lacks the instructions";
  for (const char *text : kPrograms) {
    SCOPED_TRACE(text);
    const dsl::Program program = programOf(text);
    if (GetParam().dtype == runtime::Dtype::Float32)
      expectGuarded<float>(program);
    else
      expectGuarded<double>(program);
  }
}

std::vector<Kind> allKinds() {
  std::vector<Kind> kinds;
  for (runtime::Target target : runtime::kTargets)
    for (runtime::Dtype dtype : {runtime::Dtype::Float32, runtime::Dtype::Float64})
      kinds.push_back({target, dtype});
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Every, KernelMemory, testing::ValuesIn(allKinds()),
                         testing::PrintToStringParamName());

// Inputs may be one array, or parts of one that overlap: they are only read.
TEST(KernelInputs, MayShareMemory) {
  const runtime::HostKernel kernel = kernelOf(programOf(kPrograms[1]));
  std::vector<float> shared(64);
  for (size_t i = 0; i < shared.size(); ++i)
    shared[i] = std::sin(float(i)) - 2;
  constexpr int64_t kPairs = 50;
  const auto gradientWith = [&](const std::vector<const void *> &inputs) {
    std::vector<float> results(1 + 2 * kPairs);
    float *gradients[] = {&results[1], &results[1 + kPairs]};
    const std::vector<float> numbers(kernel.signature.numbers());
    kernel.gradient(inputs.data(), numbers.data(), kPairs, results.data(), gradients);
    return results;
  };
  std::vector<const void *> overlapping;
  std::vector<std::vector<float>> copies;
  std::vector<const void *> apart;
  for (size_t i = 0; i < kernel.signature.inputs.size(); ++i) {
    const float *begin = &shared[i / 2]; // two inputs are the same array, the next ones one later
    overlapping.push_back(begin);
    apart.push_back(copies.emplace_back(begin, begin + kPairs).data());
  }
  EXPECT_EQ(gradientWith(overlapping), gradientWith(apart));
}

} // namespace
} // namespace disco::compiler
