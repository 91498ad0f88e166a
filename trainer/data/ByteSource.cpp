#include "trainer/data/ByteSource.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

namespace disco::data {
namespace {

constexpr uint64_t kDecoderMemory = uint64_t{256} << 20; // for the dictionary of an .xz stream

class GzipDecoder : public Decoder {
public:
  GzipDecoder() { inflateInit2(&stream_, 15 + 16); } // 32 KiB window, gzip header
  ~GzipDecoder() override { inflateEnd(&stream_); }

  Result<size_t> decode(std::span<const unsigned char> &input, bool,
                        std::span<unsigned char> output) override {
    if (input.empty())
      return size_t{0};
    if (complete_) { // another member follows
      inflateReset(&stream_);
      complete_ = false;
    }
    stream_.next_in = const_cast<unsigned char *>(input.data());
    stream_.avail_in = static_cast<unsigned>(input.size());
    stream_.next_out = output.data();
    stream_.avail_out = static_cast<unsigned>(output.size());
    int status = inflate(&stream_, Z_NO_FLUSH);
    input = input.last(stream_.avail_in);
    complete_ = status == Z_STREAM_END;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
      return Error{std::string("damaged gzip data: ") +
                   (stream_.msg ? stream_.msg : "unknown form")};
    return output.size() - stream_.avail_out;
  }
  bool complete() const override { return complete_; }

private:
  z_stream stream_{};
  bool complete_ = true;
};

class ZstdDecoder : public Decoder {
public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {}
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }

  Result<size_t> decode(std::span<const unsigned char> &input, bool,
                        std::span<unsigned char> output) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    size_t status = ZSTD_decompressStream(stream_, &out, &in);
    if (ZSTD_isError(status))
      return Error{std::string("damaged zstd data: ") + ZSTD_getErrorName(status)};
    if (in.pos > 0 || out.pos > 0)
      complete_ = status == 0;
    input = input.subspan(in.pos);
    return out.pos;
  }
  bool complete() const override { return complete_; }

private:
  ZSTD_DStream *stream_;
  bool complete_ = true;
};

class XzDecoder : public Decoder {
public:
  XzDecoder() {
    usable_ = lzma_stream_decoder(&stream_, kDecoderMemory, LZMA_CONCATENATED) == LZMA_OK;
  }
  ~XzDecoder() override { lzma_end(&stream_); }

  Result<size_t> decode(std::span<const unsigned char> &input, bool last,
                        std::span<unsigned char> output) override {
    if (!usable_)
      return Error{"no memory for an xz decoder"};
    if (complete_)
      return size_t{0};
    stream_.next_in = input.data();
    stream_.avail_in = input.size();
    stream_.next_out = output.data();
    stream_.avail_out = output.size();
    lzma_ret status = lzma_code(&stream_, last ? LZMA_FINISH : LZMA_RUN);
    input = input.last(stream_.avail_in);
    complete_ = status == LZMA_STREAM_END;
    if (status == LZMA_MEMLIMIT_ERROR)
      return Error{"xz data needs more than 256 MiB to decompress"};
    if (status != LZMA_OK && status != LZMA_STREAM_END && status != LZMA_BUF_ERROR)
      return Error{"damaged xz data"};
    return output.size() - stream_.avail_out;
  }
  bool complete() const override { return complete_; }

private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool usable_ = false, complete_ = false;
};

std::unique_ptr<Decoder> decoderFor(const std::string &path) {
  if (path.ends_with(".gz"))
    return std::make_unique<GzipDecoder>();
  if (path.ends_with(".zst"))
    return std::make_unique<ZstdDecoder>();
  if (path.ends_with(".xz"))
    return std::make_unique<XzDecoder>();
  return nullptr;
}

} // namespace

ByteSource::ByteSource(std::string path, int descriptor, std::unique_ptr<Decoder> decoder)
    : path_(std::move(path)), descriptor_(descriptor), decoder_(std::move(decoder)),
      buffer_(1 << 16) {}

ByteSource::~ByteSource() { ::close(descriptor_); }

Result<std::unique_ptr<ByteSource>> ByteSource::open(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return Error{path + ": cannot open: " + std::strerror(errno)};
  struct stat status;
  if (::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(descriptor);
    return Error{path + ": is a folder, a file was expected"};
  }
  return std::unique_ptr<ByteSource>(new ByteSource(path, descriptor, decoderFor(path)));
}

Result<void> ByteSource::refill() {
  while (input_.empty() && !ended_) {
    ssize_t count = ::read(descriptor_, buffer_.data(), buffer_.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return Error{path_ + ": cannot read: " + std::strerror(errno)};
    consumed_ += static_cast<uint64_t>(count);
    ended_ = count == 0;
    input_ = {buffer_.data(), static_cast<size_t>(count)};
  }
  return {};
}

Result<size_t> ByteSource::read(std::span<unsigned char> output) {
  for (;;) {
    if (Result<void> filled = refill(); !filled)
      return filled.error();
    if (!decoder_) {
      size_t count = std::min(output.size(), input_.size());
      std::copy_n(input_.begin(), count, output.begin());
      input_ = input_.subspan(count);
      return count;
    }
    size_t before = input_.size();
    Result<size_t> count = decoder_->decode(input_, ended_, output);
    if (!count)
      return Error{path_ + ": " + count.error().message};
    if (*count > 0)
      return *count;
    if (input_.size() == before && ended_) {
      if (!decoder_->complete())
        return Error{path_ + ": the compressed data ends too early"};
      return size_t{0};
    }
    if (input_.size() == before && !input_.empty())
      return Error{path_ + ": unexpected bytes after the compressed data"};
  }
}

} // namespace disco::data
