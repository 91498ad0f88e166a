#include "trainer/PrepareTask.h"

#include "trainer/PreferenceSampling.h"
#include "trainer/Sft.h"
#include "trainer/data/AtomicFile.h"
#include "trainer/data/ContentHash.h"
#include "trainer/data/Jsonl.h"
#include "trainer/data/Prompts.h"
#include "trainer/data/Random.h"

#include <algorithm>
#include <cstdio>
#include <unordered_set>

namespace disco::trainer {
namespace {

using data::LabelledText;
using data::LinearScorer;
using data::Review;
using data::Tokenizer;

TrainConfig sftConfig(int64_t batch, double epochs, double rate) {
  TrainConfig config;
  config.per_device_train_batch_size = batch;
  config.num_train_epochs = epochs;
  config.learning_rate = rate;
  return config;
}

std::vector<LabelledText> labelled(std::initializer_list<const std::vector<Review> *> groups) {
  std::vector<LabelledText> texts;
  for (const std::vector<Review> *group : groups)
    for (const Review &review : *group)
      texts.push_back({review.text, review.positive});
  return texts;
}

template <typename... Values> std::string format(const char *form, Values... values) {
  char text[300];
  std::snprintf(text, sizeof text, form, values...);
  return text;
}

/// Everything a task follows from; it decides whether finished steps may be kept.
std::string inputsHash(const data::Reviews &reviews, bool knownReward,
                       const PrepareOptions &options) {
  const TaskSize &size = options.size;
  data::ContentHash hash;
  hash.add(options.name).add(std::to_string(options.seed)).add(knownReward ? "known" : "trained");
  for (int value :
       {size.vocabulary, size.context, size.layers, size.width, size.heads, size.sftTexts,
        size.promptTokens, size.completionTokens, size.pairPrompts, size.evaluationPrompts})
    hash.add(std::to_string(value));
  hash.add(toJson(size.sft));
  for (const auto *group : {&reviews.train, &reviews.judge, &reviews.search, &reviews.final})
    for (const Review &review : *group)
      hash.add(std::to_string(review.id)).add(review.positive ? "+" : "-").add(review.text);
  return hash.hex();
}

/// The finished steps of a directory, one per row of `steps.jsonl` after a first row that names the
/// inputs.
class Steps {
public:
  static Result<Steps> open(const std::string &directory, const std::string &inputs) {
    Steps steps;
    steps.path_ = directory + "/steps.jsonl";
    steps.content_ = data::JsonlRow().add("inputs", inputs).line();
    Result<std::string> before = data::readFile(steps.path_, 1 << 20);
    if (!before)
      return steps; // a fresh directory
    if (!before->starts_with(steps.content_))
      return Error{directory + ": holds a task made from other data or settings; choose another "
                               "folder with -o, or remove this one first"};
    steps.content_ = *before;
    return steps;
  }
  bool done(const std::string &step) const { return content_.find(row(step)) != std::string::npos; }
  Result<void> finish(const std::string &step) {
    content_ += row(step);
    return data::writeFileAtomically(path_, content_);
  }

private:
  static std::string row(const std::string &step) {
    return data::JsonlRow().add("done", step).line();
  }
  std::string path_, content_;
};

/// One run of prepareTask. Each step reads what earlier ones wrote, so it does not matter which run
/// did them.
class Preparation {
public:
  Preparation(const data::Reviews &reviews, const std::optional<LinearScorer> &reward,
              const PrepareOptions &options, Steps steps)
      : reviews_(reviews), knownReward_(reward), options_(options), size_(options.size),
        steps_(std::move(steps)) {
    paths_.directory = options.directory;
  }

  Result<data::Task> run() {
    using Step = Result<void> (Preparation::*)();
    struct Named {
      const char *name;
      Step step;
    };
    for (auto [name, step] : {Named{"tokenizer", &Preparation::makeTokenizer},
                              {"reward", &Preparation::makeReward},
                              {"judge", &Preparation::makeJudge},
                              {"model", &Preparation::makeModel},
                              {"pairs", &Preparation::makePairs},
                              {"prompts", &Preparation::makePrompts}}) {
      if (steps_.done(name)) {
        say(std::string(name) + ": already there");
        continue;
      }
      if (options_.stop && options_.stop())
        return Error{paths_.directory + ": stopped before the step `" + name + "`"};
      if (Result<void> made = (this->*step)(); !made)
        return made.error();
      if (Result<void> finished = steps_.finish(name); !finished)
        return finished.error();
    }
    return describe();
  }

private:
  void say(const std::string &line) const {
    if (options_.progress)
      options_.progress(line);
  }

  std::vector<std::string> trainTexts(size_t limit) const {
    std::vector<std::string> texts;
    for (size_t i = 0; i < std::min(limit, reviews_.train.size()); ++i)
      texts.push_back(reviews_.train[i].text);
    return texts;
  }

  Result<void> makeTokenizer() {
    if (Result<void> folder = data::createFolders(paths_.model()); !folder)
      return folder;
    Tokenizer tokenizer = Tokenizer::train(trainTexts(reviews_.train.size()), size_.vocabulary);
    say(format("tokenizer: byte-level BPE, %d tokens", tokenizer.vocabSize()));
    return tokenizer.save(paths_.tokenizer());
  }

  Result<void> makeReward() {
    LinearScorer reward =
        knownReward_ ? *knownReward_
                     : LinearScorer::train(labelled({&reviews_.train}), {.seed = options_.seed});
    std::vector<LabelledText> test = labelled({&reviews_.judge, &reviews_.search, &reviews_.final});
    double accuracy = reward.accuracy(test);
    say(format("reward: %s, accuracy %.2f %% on %zu test reviews",
               knownReward_ ? "known lexicon" : "logistic regression", 100 * accuracy,
               test.size()));
    if (accuracy < options_.requiredAccuracy)
      return Error{format("the gold reward reaches %.2f %% accuracy on the test reviews, %.0f %% "
                          "was expected: the reviews are damaged or mislabelled",
                          100 * accuracy, 100 * options_.requiredAccuracy)};
    return reward.save(paths_.reward());
  }

  Result<void> makeJudge() {
    LinearScorer judge =
        LinearScorer::train(labelled({&reviews_.judge}), {.seed = options_.seed + 1});
    std::vector<LabelledText> unseen = labelled({&reviews_.search, &reviews_.final});
    say(format("judge: logistic regression on %zu other reviews, accuracy %.2f %% on %zu unseen",
               reviews_.judge.size(), 100 * judge.accuracy(unseen), unseen.size()));
    return judge.save(paths_.judge());
  }

  Result<void> makeModel() {
    Result<Tokenizer> tokenizer = Tokenizer::load(paths_.tokenizer());
    if (!tokenizer)
      return tokenizer.error();
    Gpt2Config shape;
    shape.vocab_size = tokenizer->vocabSize();
    shape.eos_token_id = tokenizer->endOfText();
    shape.n_positions = size_.context;
    shape.n_layer = size_.layers;
    shape.n_embd = size_.width;
    shape.n_head = size_.heads;
    ModelPtr model = createModel(shape, options_.seed);
    // Beginnings only: a prompt is the first words of a review, and its completion follows
    // directly.
    auto sequences = packTexts(trainTexts(size_t(size_.sftTexts)), *tokenizer, size_.context,
                               /*separate=*/true);
    TrainConfig config = size_.sft;
    config.seed = options_.seed;
    auto progress = [&](const SftProgress &at) {
      if (at.step % 100 == 0 || at.step == at.steps)
        say(format("model: step %lld of %lld, loss %.3f", static_cast<long long>(at.step),
                   static_cast<long long>(at.steps), at.loss));
    };
    Result<SftResult> trained = fineTune(*model, sequences, config, progress, options_.stop);
    if (!trained)
      return trained.error();
    say(format("model: %lld parameters, %lld tokens learnt, loss %.3f to %.3f nats a token",
               static_cast<long long>(shape.parameterCount()),
               static_cast<long long>(trained->tokens), trained->firstLoss, trained->lastLoss));
    return saveModel(*model, *tokenizer, paths_.model());
  }

  Result<void> makePairs() {
    Result<Tokenizer> tokenizer = Tokenizer::load(paths_.tokenizer());
    if (!tokenizer)
      return tokenizer.error();
    Result<ModelPtr> model = loadModel(paths_.model());
    if (!model)
      return model.error();
    Result<LinearScorer> reward = LinearScorer::load(paths_.reward());
    if (!reward)
      return reward.error();
    std::unordered_set<std::string> taken;
    std::vector<data::Prompt> prompts =
        choose(reviews_.train, "pair prompts", size_.pairPrompts, *tokenizer, taken);
    PreferenceSampling sampling{.seed = options_.seed,
                                .completionTokens = size_.completionTokens,
                                .temperature = kTemperature};
    std::vector<ScoredPair> pairs =
        samplePreferencePairs(**model, *tokenizer, *reward, prompts, sampling);
    if (pairs.empty())
      return Error{"no preference pairs: every pair of completions was empty or identical"};
    std::string rows;
    double rewards = 0;
    size_t higher = 0;
    std::vector<data::PreferencePair> texts;
    for (const ScoredPair &pair : pairs) {
      rows += data::JsonlRow()
                  .add("prompt", pair.text.prompt)
                  .add("chosen", pair.text.chosen)
                  .add("rejected", pair.text.rejected)
                  .add("chosen_reward", pair.chosenReward)
                  .add("rejected_reward", pair.rejectedReward)
                  .line();
      rewards += pair.chosenReward + pair.rejectedReward;
      higher += pair.chosenReward > pair.rejectedReward;
      texts.push_back(pair.text);
    }
    say("pairs: " + toString(data::describe(texts)));
    say(format("pairs: mean reward of the model's completions %.3f; the chosen one has the higher "
               "reward in %.1f %% (labels are drawn, not taken)",
               rewards / double(2 * pairs.size()), 100 * double(higher) / double(pairs.size())));
    return data::writeFileAtomically(paths_.pairs(), rows);
  }

  Result<void> makePrompts() {
    Result<Tokenizer> tokenizer = Tokenizer::load(paths_.tokenizer());
    if (!tokenizer)
      return tokenizer.error();
    Result<std::vector<data::PreferencePair>> pairs = data::readPreferencePairs(paths_.pairs());
    if (!pairs)
      return pairs.error();
    // No prompt occurs in two groups: what scores at the end was never seen before.
    std::unordered_set<std::string> taken;
    for (const data::PreferencePair &pair : *pairs)
      taken.insert(pair.prompt);
    for (auto [which, group] :
         {std::pair("search", &reviews_.search), {"final", &reviews_.final}}) {
      std::vector<data::Prompt> prompts = choose(*group, std::string(which) + " prompts",
                                                 size_.evaluationPrompts, *tokenizer, taken);
      if (prompts.empty())
        return Error{std::string("no prompts for `") + which +
                     "`: every review is too short or repeats another"};
      say(format("prompts: %zu for %s", prompts.size(), which));
      if (Result<void> written = data::writePrompts(paths_.prompts(which), prompts); !written)
        return written;
    }
    return {};
  }

  std::vector<data::Prompt> choose(const std::vector<Review> &reviews, const std::string &stream,
                                   int count, const Tokenizer &tokenizer,
                                   std::unordered_set<std::string> &taken) const {
    return data::choosePrompts(reviews, data::Random(options_.seed, stream), count, tokenizer,
                               size_.promptTokens, taken);
  }

  Result<data::Task> describe() {
    data::Task task;
    task.paths = paths_;
    task.name = options_.name;
    task.promptTokens = size_.promptTokens;
    task.completionTokens = size_.completionTokens;
    task.temperature = kTemperature;
    data::ContentHash hash;
    hash.add(std::to_string(task.completionTokens)).add(std::to_string(task.temperature));
    for (const std::string &part :
         {paths_.tokenizer(), paths_.model() + "/config.json",
          paths_.model() + "/model.safetensors", paths_.reward(), paths_.judge(), paths_.pairs(),
          paths_.prompts("search"), paths_.prompts("final")})
      if (Result<void> added = hash.addFile(part); !added)
        return added.error();
    task.hash = hash.hex();
    Result<std::vector<data::PreferencePair>> pairs = data::readPreferencePairs(paths_.pairs());
    if (!pairs)
      return pairs.error();
    task.pairs = int(pairs->size());
    if (Result<void> saved = data::saveTask(task); !saved)
      return saved.error();
    return task;
  }

  static constexpr double kTemperature = 1;

  const data::Reviews &reviews_;
  const std::optional<LinearScorer> &knownReward_;
  const PrepareOptions &options_;
  const TaskSize &size_;
  data::TaskPaths paths_;
  Steps steps_;
};

} // namespace

const std::vector<TaskSize> &taskSizes() {
  static const std::vector<TaskSize> sizes = {
      {
          .name = "tiny",
          .vocabulary = 300,
          .context = 48,
          .layers = 1,
          .width = 32,
          .heads = 2,
          .sftTexts = 300,
          .sft = sftConfig(16, 3, 1e-2),
          .promptTokens = 16,
          .completionTokens = 12,
          .pairPrompts = 24,
          .evaluationPrompts = 12,
      },
      {
          .name = "micro",
          .vocabulary = 512,
          .context = 48,
          .layers = 2,
          .width = 64,
          .heads = 2,
          .sftTexts = 4000,
          .sft = sftConfig(32, 3, 3e-3),
          .promptTokens = 16,
          .completionTokens = 24,
          .pairPrompts = 1000,
          .evaluationPrompts = 300,
      },
      {
          .name = "pico",
          .vocabulary = 1024,
          .context = 64,
          .layers = 2,
          .width = 128,
          .heads = 4,
          .sftTexts = 25000,
          .sft = sftConfig(32, 2, 2e-3),
          .promptTokens = 16,
          .completionTokens = 32,
          .pairPrompts = 2000,
          .evaluationPrompts = 500,
      },
  };
  return sizes;
}

const TaskSize *findTaskSize(const std::string &name) {
  auto found = std::ranges::find(taskSizes(), name, &TaskSize::name);
  return found == taskSizes().end() ? nullptr : &*found;
}

Result<data::Task> prepareTask(const data::Reviews &reviews,
                               const std::optional<LinearScorer> &reward,
                               const PrepareOptions &options) {
  if (Result<void> folder = data::createFolders(options.directory); !folder)
    return folder.error();
  Result<Steps> steps =
      Steps::open(options.directory, inputsHash(reviews, reward.has_value(), options));
  if (!steps)
    return steps.error();
  return Preparation(reviews, reward, options, *std::move(steps)).run();
}

} // namespace disco::trainer
