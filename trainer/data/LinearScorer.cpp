#include "trainer/data/LinearScorer.h"

#include "trainer/data/AtomicFile.h"
#include "trainer/data/ContentHash.h"
#include "trainer/data/Random.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

namespace disco::data {
namespace {

static_assert(std::endian::native == std::endian::little, "scorer files are little endian");

/// Start of a scorer file; the weights follow, then the SHA-256 of everything before it in
/// hexadecimal.
struct Header {
  char magic[8] = {'d', 'i', 's', 'c', 'o', 'l', 'i', 'n'};
  uint32_t version = 1;
  uint32_t bits = 0;
  float bias = 0;
  uint32_t normalised = 0;
};
constexpr size_t kChecksumBytes = 64;
constexpr int kMaxBits = 24;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

uint32_t bucket(uint64_t hash, int bits) {
  // Fibonacci hashing: the high bits of the product depend on all bits of the hash.
  return uint32_t((hash * 0x9E3779B97F4A7C15) >> (64 - bits));
}

/// Distinct buckets of the words (runs of ASCII letters, digits and apostrophes, in lower case;
/// other bytes separate) and of the pairs of neighbouring words.
std::vector<uint32_t> features(std::string_view text, int bits) {
  std::vector<uint32_t> found;
  std::string previous, current;
  auto finish = [&] {
    if (current.empty())
      return;
    found.push_back(bucket(fnv1a(current), bits));
    if (!previous.empty())
      found.push_back(bucket(fnv1a(current, fnv1a(" ", fnv1a(previous))), bits));
    std::swap(previous, current);
    current.clear();
  };
  for (char c : text) {
    if (c >= 'A' && c <= 'Z')
      current += char(c - 'A' + 'a');
    else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'')
      current += c;
    else
      finish();
  }
  finish();
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

} // namespace

LinearScorer LinearScorer::train(std::span<const LabelledText> texts,
                                 const LinearTraining &options) {
  assert(!texts.empty() && "nothing to learn from");
  LinearScorer scorer;
  scorer.normalised_ = true;
  scorer.bits_ = options.bits;
  scorer.weights_.assign(size_t{1} << options.bits, 0);
  std::vector<float> squares(scorer.weights_.size(), 0); // Adagrad: sum of squared gradients
  float biasSquares = 0;

  std::vector<std::vector<uint32_t>> rows;
  for (const LabelledText &text : texts)
    rows.push_back(features(text.text, options.bits));
  std::vector<uint32_t> order(texts.size());
  for (uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    Random(options.seed, "linear scorer", uint64_t(epoch)).shuffle(std::span(order));
    for (uint32_t row : order) {
      double scale = rows[row].empty() ? 0 : 1 / std::sqrt(double(rows[row].size()));
      double sum = 0;
      for (uint32_t feature : rows[row])
        sum += scorer.weights_[feature];
      // d/dz of -log P(label) with z = bias + scale * sum.
      double slope = sigmoid(scorer.bias_ + scale * sum) - texts[row].positive;
      float step = float(slope * scale);
      for (uint32_t feature : rows[row]) {
        squares[feature] += step * step;
        scorer.weights_[feature] -=
            float(options.learningRate) * step / std::sqrt(squares[feature] + 1e-8f);
      }
      biasSquares += float(slope * slope);
      scorer.bias_ -= float(options.learningRate * slope) / std::sqrt(biasSquares + 1e-8f);
    }
  }
  return scorer;
}

LinearScorer LinearScorer::withWeights(std::span<const FeatureWeight> weights, float bias,
                                       int bits) {
  LinearScorer scorer;
  scorer.normalised_ = false;
  scorer.bits_ = bits;
  scorer.bias_ = bias;
  scorer.weights_.assign(size_t{1} << bits, 0);
  for (const FeatureWeight &weight : weights) {
    float &slot = scorer.weights_[bucket(fnv1a(weight.feature), bits)];
    assert(slot == 0 && "two features in one bucket; take more bits");
    slot = weight.weight;
  }
  return scorer;
}

double LinearScorer::logit(std::string_view text) const {
  std::vector<uint32_t> found = features(text, bits_);
  if (found.empty())
    return bias_;
  double sum = 0;
  for (uint32_t feature : found)
    sum += weights_[feature];
  return bias_ + (normalised_ ? sum / std::sqrt(double(found.size())) : sum);
}

double LinearScorer::probability(std::string_view text) const { return sigmoid(logit(text)); }

double LinearScorer::accuracy(std::span<const LabelledText> texts) const {
  size_t right = 0;
  for (const LabelledText &text : texts)
    right += (logit(text.text) > 0) == text.positive;
  return texts.empty() ? 0 : double(right) / double(texts.size());
}

Result<void> LinearScorer::save(const std::string &path) const {
  Header header;
  header.bits = uint32_t(bits_);
  header.bias = bias_;
  header.normalised = normalised_;
  std::string content(reinterpret_cast<const char *>(&header), sizeof header);
  content.append(reinterpret_cast<const char *>(weights_.data()), weights_.size() * sizeof(float));
  content += sha256Hex(content);
  return writeFileAtomically(path, content);
}

Result<LinearScorer> LinearScorer::load(const std::string &path) {
  Result<std::string> content =
      readFile(path, sizeof(Header) + (sizeof(float) << kMaxBits) + kChecksumBytes);
  if (!content)
    return content.error();
  Header header;
  if (content->size() < sizeof header ||
      std::memcmp(content->data(), header.magic, sizeof header.magic) != 0)
    return Error{path + ": not a scorer of `disco data`"};
  std::memcpy(&header, content->data(), sizeof header);
  if (header.version != Header{}.version)
    return Error{path + ": version " + std::to_string(header.version) +
                 " of the scorer format, this disco reads version " +
                 std::to_string(Header{}.version)};
  size_t body = content->size() - std::min(content->size(), kChecksumBytes);
  if (header.bits < 1 || header.bits > kMaxBits ||
      body != sizeof header + (sizeof(float) << header.bits) ||
      sha256Hex(std::string_view(*content).substr(0, body)) != content->substr(body))
    return Error{path + ": damaged scorer (size or checksum is wrong); make the task again"};
  LinearScorer scorer;
  scorer.normalised_ = header.normalised != 0;
  scorer.bits_ = int(header.bits);
  scorer.bias_ = header.bias;
  scorer.weights_.resize(size_t{1} << header.bits);
  std::memcpy(scorer.weights_.data(), content->data() + sizeof header,
              scorer.weights_.size() * sizeof(float));
  return scorer;
}

} // namespace disco::data
