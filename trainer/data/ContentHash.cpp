#include "trainer/data/ContentHash.h"

#include "trainer/data/AtomicFile.h"

#include <array>
#include <cassert>
#include <cstdint>
#include <openssl/evp.h>

namespace disco::data {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX *context) const { EVP_MD_CTX_free(context); }
};

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string toHex(const Digest &digest, unsigned length) {
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

} // namespace

struct ContentHash::State {
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};

  State() {
    [[maybe_unused]] int started = EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    assert(started == 1 && "OpenSSL has no SHA-256");
  }
  void update(std::string_view bytes) {
    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
  }
  std::string hex() {
    Digest digest;
    unsigned length = 0;
    EVP_DigestFinal_ex(context.get(), digest.data(), &length);
    return toHex(digest, length);
  }
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) {}
ContentHash::ContentHash(ContentHash &&) noexcept = default;
ContentHash::~ContentHash() = default;

ContentHash &ContentHash::add(std::string_view part) {
  std::array<char, 8> length; // little endian on every machine
  for (size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>(uint64_t{part.size()} >> (8 * i));
  state_->update({length.data(), length.size()});
  state_->update(part);
  return *this;
}

Result<void> ContentHash::addFile(const std::string &path) {
  Result<std::string> content = readFile(path);
  if (!content)
    return content.error();
  add(*content);
  return {};
}

std::string ContentHash::hex() { return state_->hex(); }

std::string sha256Hex(std::string_view bytes) {
  Digest digest;
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  return toHex(digest, length);
}

} // namespace disco::data
