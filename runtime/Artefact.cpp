// See Artefact.h.
#include "runtime/Artefact.h"

#include "dsl/Digest.h"
#include "runtime/SignatureName.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cmath>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace disco::runtime {

namespace {

// The first byte and the line ends show files that passed through a text conversion.
constexpr std::string_view kMagic = "\x89"
                                    "dpoc\r\n\n";
constexpr uint32_t kFormat = 1;
constexpr size_t kHeader = kMagic.size() + 4 + 16 + 8;
constexpr size_t kMostText = size_t{64} << 10, kMostImages = 16;

// Machine code is x86-64, so these bytes are never written or read on another order of bytes.
static_assert(std::endian::native == std::endian::little);

dsl::Digest digestOf(std::string_view bytes) {
  dsl::Digest digest;
  digest.add(bytes.size());
  for (size_t at = 0; at < bytes.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<size_t>(8, bytes.size() - at));
    digest.add(word);
  }
  return digest;
}

class Writer {
public:
  template <typename T> void number(T value) {
    out_.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number(uint32_t(value.size()));
    out_ += value;
  }
  void list(const std::vector<std::string> &values) {
    number(uint32_t(values.size()));
    for (const std::string &value : values)
      text(value);
  }
  void bytes(std::string_view value) { out_ += value; }
  std::string take() { return std::move(out_); }

private:
  std::string out_;
};

/// Reads parts one by one; after the first error every part is empty.
class Reader {
public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T> T number() {
    T value{};
    if (rest_.size() < sizeof value)
      return fail("ends in the middle of a number"), T{};
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  size_t count(size_t most, const char *what) {
    const auto value = number<uint32_t>();
    if (value <= most)
      return value;
    fail("has " + std::to_string(value) + " " + what + ", at most " + std::to_string(most) +
         " are read");
    return 0;
  }
  std::string text(size_t most, const char *what) {
    const size_t size = count(most, what);
    if (rest_.size() < size)
      return fail(std::string("ends in the middle of ") + what), std::string();
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  std::string name() {
    std::string value = text(kMostName, "bytes of a name");
    if (!error_ && !isSignatureName(value))
      fail("has a name that is not of letters, digits, `_` and dots between");
    return value;
  }
  std::vector<std::string> names() {
    std::vector<std::string> values(count(kMostNames, "names in a list"));
    for (size_t i = 0; i < values.size() && !error_; ++i) {
      values[i] = name();
      if (!error_ && std::find(values.begin(), values.begin() + ptrdiff_t(i), values[i]) !=
                         values.begin() + ptrdiff_t(i))
        fail("names `" + values[i] + "` twice");
    }
    return values;
  }

  bool atEnd() const { return rest_.empty(); }
  size_t left() const { return rest_.size(); }
  void fail(std::string message) {
    if (!error_)
      error_ = Error{std::move(message)};
  }
  const std::optional<Error> &error() const { return error_; }

private:
  std::string_view rest_;
  std::optional<Error> error_;
};

void write(Writer &out, const Signature &signature) {
  out.text(signature.objective);
  out.text(signature.codeHash);
  out.list(signature.inputs);
  out.list(signature.gradients);
  out.list(signature.parameters);
  for (double value : signature.defaults)
    out.number(value);
  out.list(signature.states);
  out.list(signature.metrics);
}

Signature readSignature(Reader &in) {
  Signature signature;
  signature.objective = in.name();
  signature.codeHash = in.text(kMostName, "bytes of a code hash");
  if (!isCodeHash(signature.codeHash))
    in.fail("has a code hash that is not 32 hexadecimal digits");
  signature.inputs = in.names();
  signature.gradients = in.names();
  signature.parameters = in.names();
  for (size_t i = 0; i < signature.parameters.size() && !in.error(); ++i) {
    signature.defaults.push_back(in.number<double>());
    if (!std::isfinite(signature.defaults.back()))
      in.fail("has a default of `" + signature.parameters[i] + "` that is not finite");
  }
  signature.states = in.names();
  signature.metrics = in.names();
  return signature;
}

void write(Writer &out, const KernelImage::Entry &entry) {
  out.text(entry.plan);
  out.number(uint32_t(entry.functions.size()));
  for (uint64_t function : entry.functions)
    out.number(function);
}

KernelImage::Entry readEntry(Reader &in) {
  KernelImage::Entry entry;
  entry.plan = in.text(kMostText, "bytes of a plan");
  const size_t functions = in.count(1024, "functions");
  for (size_t i = 0; i < functions && !in.error(); ++i)
    entry.functions.push_back(in.number<uint64_t>());
  return entry;
}

KernelImage readImage(Reader &in) {
  KernelImage image;
  image.abi = in.number<uint32_t>();
  const auto target = in.number<uint8_t>(), dtype = in.number<uint8_t>();
  if (target >= kTargets.size() || dtype > uint8_t(Dtype::Float64))
    in.fail("has code for an unknown kind of CPU or number");
  image.target = Target(target);
  image.dtype = Dtype(dtype);
  image.gradient = readEntry(in);
  image.report = readEntry(in);
  image.code = in.text(kMostCode, "bytes of code");
  return image;
}

} // namespace

std::string writeArtefact(const Artefact &artefact) {
  assert(!artefact.images.empty());
  Writer body;
  write(body, artefact.images[0].signature);
  body.text(artefact.build);
  body.number(uint32_t(artefact.images.size()));
  for (const KernelImage &image : artefact.images) {
    assert(image.signature == artefact.images[0].signature);
    body.number(image.abi);
    body.number(uint8_t(image.target));
    body.number(uint8_t(image.dtype));
    write(body, image.gradient);
    write(body, image.report);
    body.text(image.code);
  }
  const std::string bytes = body.take();
  const dsl::Digest digest = digestOf(bytes);
  Writer file;
  file.bytes(kMagic);
  file.number(kFormat);
  file.number(digest.high);
  file.number(digest.low);
  file.number(uint64_t(bytes.size()));
  file.bytes(bytes);
  return file.take();
}

Result<Artefact> readArtefact(std::string_view name, std::string_view bytes) {
  const auto refused = [&](const std::string &why) {
    return Error{std::string(name) + ": " + why};
  };
  if (bytes.size() < kHeader || bytes.substr(0, kMagic.size()) != kMagic)
    return refused("is no compiled objective (.dpoc)");
  Reader header(bytes.substr(kMagic.size(), kHeader - kMagic.size()));
  if (const auto format = header.number<uint32_t>(); format != kFormat)
    return refused("has format " + std::to_string(format) + ", this build reads format " +
                   std::to_string(kFormat) + "; compile the objective again");
  dsl::Digest expected;
  expected.high = header.number<uint64_t>();
  expected.low = header.number<uint64_t>();
  const auto size = header.number<uint64_t>();
  bytes.remove_prefix(kHeader);
  if (bytes.size() != size)
    return refused("has " + std::to_string(bytes.size()) + " bytes where it says " +
                   std::to_string(size) + "; it was cut or something was added");
  if (digestOf(bytes) != expected)
    return refused("was changed: its checksum is another; compile the objective again");

  Reader in(bytes);
  const Signature signature = readSignature(in);
  Artefact artefact;
  artefact.build = in.text(kMostName, "bytes of a build");
  const size_t images = in.count(kMostImages, "images");
  if (images == 0)
    in.fail("has no code");
  for (size_t i = 0; i < images && !in.error(); ++i) {
    artefact.images.push_back(readImage(in));
    artefact.images.back().signature = signature;
  }
  if (!in.error() && in.left() > 0)
    in.fail("has " + std::to_string(in.left()) + " bytes after its end");
  if (in.error())
    return refused(in.error()->message);
  return artefact;
}

Result<std::string> readBounded(int descriptor, const std::string &name, size_t limit) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0)
    return Error{name + ": cannot read: " + std::strerror(errno)};
  if (!S_ISREG(status.st_mode))
    return Error{name + ": is no regular file"};
  if (uint64_t(status.st_size) > limit)
    return Error{name + ": has " + std::to_string(status.st_size) + " bytes, at most " +
                 std::to_string(limit) + " are read"};
  std::string bytes(size_t(status.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = read(descriptor, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return Error{name + ": cannot read: " + std::strerror(errno)};
    if (count == 0)
      break;
    done += size_t(count);
  }
  bytes.resize(done);
  return bytes;
}

Result<HostKernel> loadArtefact(const std::string &path, Dtype dtype, std::optional<Target> cpu) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return Error{path + ": cannot open: " + std::strerror(errno)};
  Result<std::string> bytes = readBounded(file, path, kMostArtefact);
  close(file);
  if (!bytes)
    return bytes.error();
  Result<Artefact> artefact = readArtefact(path, *bytes);
  if (!artefact)
    return artefact.error();
  const KernelImage *best = nullptr;
  std::string there;
  for (const KernelImage &image : artefact->images) {
    there += (there.empty() ? "" : ", ") + std::string(targetName(image.target)) + " " +
             std::string(dtypeName(image.dtype));
    if (image.dtype == dtype && cpu && image.target <= *cpu &&
        (!best || best->target < image.target))
      best = &image;
  }
  if (!best)
    return Error{path + ": has no " + std::string(dtypeName(dtype)) + " code for this CPU (" +
                 (cpu ? std::string(targetName(*cpu)) : "no x86-64") + "), only for " + there +
                 "; compile the objective for it"};
  Result<HostKernel> kernel = load(*best, cpu);
  return kernel ? std::move(kernel) : Error{path + ": " + kernel.error().message};
}

} // namespace disco::runtime
