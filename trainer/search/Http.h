// One bounded HTTP POST of JSON: http and https only, no redirects, no proxy from the environment,
// limited time and size. Whether and when to try again is ChatClient's business.
#pragma once

#include "dsl/support/Result.h"

#include <optional>
#include <string>
#include <vector>

namespace disco::search {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers; // "Name: value"
  std::string body;
  long timeoutSeconds = 120; // of the whole exchange
};

struct HttpAnswer {
  long status = 0; // 0: the exchange failed, `problem` says how
  std::string body;
  std::string contentType;
  std::string retryAfter, retryAfterMs, shouldRetry; // header values, empty when absent
  std::string problem;
  bool worthRepeating = false; // of a failed exchange: whether another try may go better
};

HttpAnswer post(const HttpRequest &request);

/// Whether an address may be called at all; the error says what is wrong with it. With a key, plain
/// http is allowed to this machine only.
Result<void> checkServerAddress(const std::string &url, bool withKey);

} // namespace disco::search
