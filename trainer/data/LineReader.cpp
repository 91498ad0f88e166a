// LineReader of Jsonl.h: lines out of a ByteSource, within the limits.
#include "trainer/data/ByteSource.h"
#include "trainer/data/Jsonl.h"

#include <cstring>
#include <vector>

namespace disco::data {
namespace {

constexpr uint64_t kRatioFrom = uint64_t{16} << 20; // below this size no ratio does harm

} // namespace

struct LineReader::State {
  std::string path;
  JsonlLimits limits;
  std::unique_ptr<ByteSource> source;
  std::vector<unsigned char> buffer = std::vector<unsigned char>(1 << 16);
  size_t begin = 0, end = 0; // unread part of buffer
  uint64_t produced = 0;     // bytes after decompression
  uint64_t line = 0;         // number of the line last read, from 1
  bool ended = false;

  std::string place(uint64_t number) const { return path + ":" + std::to_string(number); }

  Result<void> refill() {
    Result<size_t> count = source->read(buffer);
    if (!count)
      return count.error();
    begin = 0;
    end = *count;
    ended = *count == 0;
    produced += *count;
    if (produced > limits.totalBytes)
      return Error{place(line + 1) + ": more than " + std::to_string(limits.totalBytes) +
                   " bytes of text in the file, its limit"};
    if (produced > kRatioFrom && double(produced) > limits.ratio * double(source->consumed()))
      return Error{place(line + 1) + ": decompresses to more than " +
                   std::to_string(int(limits.ratio)) +
                   " times its size; such a file is taken for an attack on the disk or memory"};
    return {};
  }
};

LineReader::LineReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LineReader::LineReader(LineReader &&) noexcept = default;
LineReader &LineReader::operator=(LineReader &&) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::open(const std::string &path, const JsonlLimits &limits) {
  Result<std::unique_ptr<ByteSource>> source = ByteSource::open(path);
  if (!source)
    return source.error();
  auto state = std::make_unique<State>();
  state->path = path;
  state->limits = limits;
  state->source = *std::move(source);
  return LineReader(std::move(state));
}

std::string LineReader::place() const { return state_->place(state_->line); }

Result<bool> LineReader::next(std::string &line) {
  State &state = *state_;
  line.clear();
  bool any = false;
  for (;;) {
    if (state.begin == state.end) {
      if (!state.ended)
        if (Result<void> filled = state.refill(); !filled)
          return filled.error();
      if (state.ended)
        break;
    }
    any = true;
    const unsigned char *from = state.buffer.data() + state.begin;
    size_t available = state.end - state.begin;
    const void *newline = std::memchr(from, '\n', available);
    size_t count = newline ? static_cast<size_t>(static_cast<const unsigned char *>(newline) - from)
                           : available;
    if (line.size() + count > state.limits.lineBytes)
      return Error{state.place(state.line + 1) + ": line longer than " +
                   std::to_string(state.limits.lineBytes) + " bytes, the limit"};
    line.append(reinterpret_cast<const char *>(from), count);
    state.begin += count + (newline ? 1 : 0);
    if (newline)
      break;
  }
  if (!any)
    return false;
  ++state.line;
  if (line.ends_with('\r'))
    line.pop_back();
  if (state.line == 1 && line.starts_with("\xEF\xBB\xBF"))
    line.erase(0, 3);
  return true;
}

} // namespace disco::data
