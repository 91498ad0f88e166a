// A client of OpenAI-compatible chat servers: one question, one answer, with the retries that the
// vendor's own client makes. The key comes from the environment and goes into one header; it is
// never stored or shown.
#pragma once

#include "trainer/search/EvolveConfig.h"
#include "trainer/search/Http.h"

#include <functional>
#include <string>
#include <vector>

namespace disco::search {

struct ChatMessage {
  std::string role; // "system", "user" or "assistant"
  std::string content;
};

struct ChatAnswer {
  std::string content;
  std::string problem; // why the content cannot be used; one line
};

/// How long to wait before the next try, or that there is none. Retried are failed exchanges, 408,
/// 409, 429 and 5xx, but not an exhausted quota; `x-should-retry` overrules. A wait asked for by
/// the server (`retry-after-ms`, `retry-after` in seconds or as a date) is honoured up to two
/// minutes, a longer one is not waited for; else min(0.5 * 2^n, 8) s less up to a quarter, by
/// `jitter` in [0, 1).
std::optional<double> retryDelay(const HttpAnswer &answer, int retriesMade, double jitter);

class ChatClient {
public:
  using Sleep = std::function<void(double seconds)>;

  /// Errors: an address that cannot be used, no model.
  static Result<ChatClient> create(const OpenAiConfig &config, const std::string &key, Sleep sleep);

  /// Errors are the server's or the network's; an answer without usable content is an answer with a
  /// problem. `idempotencyKey` names the question, for all its retries.
  Result<ChatAnswer> ask(const std::vector<ChatMessage> &messages,
                         const std::string &idempotencyKey);

private:
  ChatClient(OpenAiConfig config, std::string key, Sleep sleep)
      : config_(std::move(config)), key_(std::move(key)), sleep_(std::move(sleep)) {}
  std::string url() const;
  Error describe(const HttpAnswer &answer) const;

  OpenAiConfig config_;
  std::string key_;
  Sleep sleep_;
};

} // namespace disco::search
