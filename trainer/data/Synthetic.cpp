#include "trainer/data/Synthetic.h"

#include "trainer/data/Random.h"

#include <array>
#include <vector>

namespace disco::data {
namespace {

struct Adjective {
  const char *word;
  float weight;
};

constexpr std::array<Adjective, 12> kPositive = {{
    {"superb", 2.0f},
    {"brilliant", 2.0f},
    {"wonderful", 1.8f},
    {"moving", 1.4f},
    {"great", 1.4f},
    {"charming", 1.2f},
    {"clever", 1.0f},
    {"funny", 1.0f},
    {"good", 0.8f},
    {"fresh", 0.7f},
    {"pleasant", 0.6f},
    {"decent", 0.4f},
}};
constexpr std::array<Adjective, 12> kNegative = {{
    {"dreadful", -2.0f},
    {"awful", -2.0f},
    {"terrible", -1.8f},
    {"stupid", -1.4f},
    {"boring", -1.4f},
    {"clumsy", -1.2f},
    {"dull", -1.0f},
    {"weak", -1.0f},
    {"bad", -0.8f},
    {"tired", -0.7f},
    {"slow", -0.6f},
    {"flat", -0.4f},
}};

/// Words before an adjective: what they add to its own weight, as a factor, and how often they are
/// used.
struct Modifier {
  const char *word;
  float added;
  double share;
};
constexpr std::array<Modifier, 3> kModifiers = {
    {{"very", 0.5f, 0.25}, {"slightly", -0.5f, 0.15}, {"not", -1.7f, 0.15}}};

constexpr std::array kAspects = {"plot",  "acting",  "music",   "script",  "ending", "camera work",
                                 "cast",  "humour",  "pacing",  "opening", "story",  "dialogue",
                                 "score", "villain", "romance", "editing"};
constexpr std::array kPeople = {"a young doctor", "two old friends",  "a lonely sailor",
                                "a small family", "an honest lawyer", "a retired spy",
                                "a shy teacher",  "three brothers"};
constexpr std::array kPlaces = {"in a quiet town",     "on a remote island", "in the big city",
                                "on a long journey",   "during the war",     "in the far north",
                                "at a boarding school"};
constexpr std::array kTimes = {"last night",        "on a rainy friday",   "with my sister",
                               "at a small cinema", "for the second time", "on a long flight"};
constexpr std::array kKinds = {"film", "movie", "drama", "comedy", "thriller", "picture"};

constexpr std::array kTitleWords = {"silent", "golden", "hidden", "last",   "crimson", "distant",
                                    "paper",  "winter", "second", "stolen", "narrow",  "midnight"};
constexpr std::array kTitleThings = {"harbour", "garden", "letter", "mountain", "river",  "window",
                                     "orchard", "bridge", "train",  "lantern",  "island", "mirror"};

class Writer {
public:
  explicit Writer(Random random) : random_(random), mood_(random_.uniform()) {}

  std::string review() {
    std::string text = opening();
    for (uint64_t left = 3 + random_.below(4); left > 0; --left) {
      text += ' ';
      text += random_.uniform() < 0.15 ? neutral() : opinion();
    }
    return text;
  }
  bool label(double logit) { return random_.uniform() < 1 / (1 + std::exp(-logit)); }

private:
  template <size_t N> std::string pick(const std::array<const char *, N> &words) {
    return words[random_.below(N)];
  }

  std::string adjective(bool positive) {
    const auto &words = positive ? kPositive : kNegative;
    return words[random_.below(words.size())].word;
  }

  /// An adjective in the review's mood, perhaps with a word before it. "not" turns the adjective,
  /// so that the sense stays.
  std::string judgement() {
    bool positive = random_.uniform() < mood_;
    double left = random_.uniform();
    for (const Modifier &modifier : kModifiers)
      if ((left -= modifier.share) < 0)
        return std::string(modifier.word) + " " +
               adjective(modifier.added < -1 ? !positive : positive);
    return adjective(positive);
  }

  /// A film's name early in the first sentence makes the beginnings of reviews differ.
  std::string title() { return "the " + pick(kTitleWords) + " " + pick(kTitleThings); }

  std::string opening() {
    switch (random_.below(4)) {
    case 0:
      return "i saw " + title() + " " + pick(kTimes) + ".";
    case 1:
      return title() + " is about " + pick(kPeople) + " " + pick(kPlaces) + ".";
    case 2:
      return "this " + pick(kKinds) + ", " + title() + ", follows " + pick(kPeople) + ".";
    default:
      return "we watched " + title() + " " + pick(kTimes) + ".";
    }
  }
  std::string neutral() {
    switch (random_.below(3)) {
    case 0:
      return "it was made " + pick(kPlaces) + ".";
    case 1:
      return "we meet " + pick(kPeople) + " " + pick(kPlaces) + ".";
    default:
      return "my friends saw it " + pick(kTimes) + ".";
    }
  }
  std::string opinion() {
    switch (random_.below(5)) {
    case 0:
      return "the " + pick(kAspects) + " is " + judgement() + ".";
    case 1:
      return "the " + pick(kAspects) + " was " + judgement() + " and the " + pick(kAspects) + " " +
             judgement() + ".";
    case 2:
      return "i found the " + pick(kAspects) + " " + judgement() + ".";
    case 3:
      return "it has " + judgement() + " " + pick(kAspects) + ".";
    default:
      return "all in all a " + judgement() + " " + pick(kKinds) + ".";
    }
  }

  Random random_;
  double mood_; // share of positive opinions
};

std::vector<Review> group(uint64_t seed, const char *stream, int count,
                          const LinearScorer &reward) {
  std::vector<Review> reviews;
  for (int id = 0; id < count; ++id) {
    Writer writer(Random(seed, stream, uint64_t(id)));
    Review review{.id = id, .text = writer.review()};
    review.positive = writer.label(reward.logit(review.text));
    reviews.push_back(std::move(review));
  }
  return reviews;
}

} // namespace

Reviews syntheticReviews(uint64_t seed, const SyntheticSizes &sizes) {
  LinearScorer reward = syntheticReward();
  return {.train = group(seed, "synthetic train", sizes.train, reward),
          .judge = group(seed, "synthetic judge", sizes.judge, reward),
          .search = group(seed, "synthetic search", sizes.search, reward),
          .final = group(seed, "synthetic final", sizes.final, reward)};
}

LinearScorer syntheticReward() {
  std::vector<FeatureWeight> weights;
  auto add = [&](const Adjective &adjective) {
    weights.push_back({adjective.word, adjective.weight});
    for (const Modifier &modifier : kModifiers)
      weights.push_back(
          {std::string(modifier.word) + " " + adjective.word, modifier.added * adjective.weight});
  };
  for (const Adjective &adjective : kPositive)
    add(adjective);
  for (const Adjective &adjective : kNegative)
    add(adjective);
  return LinearScorer::withWeights(weights, 0, 18);
}

} // namespace disco::data
