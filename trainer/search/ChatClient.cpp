// See ChatClient.h.
#include "trainer/search/ChatClient.h"

#include "trainer/data/JsonNesting.h"
#include "trainer/data/Random.h"
#include "trainer/search/Text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>

#include <curl/curl.h>

namespace disco::search {
namespace {

using nlohmann::json;

constexpr double kLongestWait = 120;
/// Nesting of an answer's JSON; real ones have four or five levels.
constexpr size_t kJsonDepth = 32;
constexpr size_t kShownLimit = 200;

std::optional<double> parseSeconds(const std::string &text) {
  double value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

/// The wait a server asks for, if it says so understandably.
std::optional<double> requestedDelay(const HttpAnswer &answer) {
  if (std::optional<double> milliseconds = parseSeconds(answer.retryAfterMs))
    return *milliseconds / 1000;
  if (std::optional<double> seconds = parseSeconds(answer.retryAfter))
    return seconds;
  time_t date = answer.retryAfter.empty() ? -1 : curl_getdate(answer.retryAfter.c_str(), nullptr);
  if (date == -1)
    return std::nullopt;
  return std::difftime(date, std::time(nullptr));
}

/// Discarded when it is not JSON or nests too deeply.
json parseAnswer(const std::string &text) {
  if (data::jsonNesting(text) > kJsonDepth)
    return json(json::value_t::discarded);
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

/// The text at a path of keys, or empty.
std::string textAt(const json &root, std::initializer_list<const char *> path) {
  const json *at = &root;
  for (const char *key : path) {
    if (!at->is_object() || !at->contains(key))
      return "";
    at = &(*at)[key];
  }
  return at->is_string() ? at->get<std::string>() : "";
}

bool quotaIsExhausted(const HttpAnswer &answer) {
  json body = parseAnswer(answer.body);
  return textAt(body, {"error", "type"}) == "insufficient_quota" ||
         textAt(body, {"error", "code"}) == "insufficient_quota";
}

ChatAnswer readAnswer(const json &body) {
  auto unusable = [](const char *why) { return ChatAnswer{"", why}; };
  if (!body.is_object() || !body.contains("choices") || !body["choices"].is_array() ||
      body["choices"].empty())
    return unusable("the answer holds no choices");
  const json &choice = body["choices"][0];
  std::string finish = textAt(choice, {"finish_reason"});
  if (finish == "length")
    return unusable("the answer was cut off at max_tokens");
  if (finish == "content_filter")
    return unusable("the answer was withheld by a content filter");
  std::string content = textAt(choice, {"message", "content"});
  return content.empty() ? unusable("the answer holds no text") : ChatAnswer{content, ""};
}

} // namespace

std::optional<double> retryDelay(const HttpAnswer &answer, int retriesMade, double jitter) {
  bool retry = answer.status == 0 ? answer.worthRepeating
                                  : answer.status == 408 || answer.status == 409 ||
                                        answer.status == 429 || answer.status >= 500;
  if (answer.status == 429 && quotaIsExhausted(answer))
    retry = false;
  if (answer.shouldRetry == "true")
    retry = true;
  if (answer.shouldRetry == "false")
    retry = false;
  if (!retry)
    return std::nullopt;
  if (std::optional<double> requested = requestedDelay(answer); requested && *requested > 0)
    return *requested <= kLongestWait ? requested : std::nullopt;
  return std::min(0.5 * std::exp2(std::min(retriesMade, 1000)), 8.0) * (1 - 0.25 * jitter);
}

Result<ChatClient> ChatClient::create(const OpenAiConfig &config, const std::string &key,
                                      Sleep sleep) {
  if (Result<void> address = checkServerAddress(config.base_url, !key.empty()); !address)
    return address.error();
  if (config.model.empty())
    return Error{"the openai proposer needs a `model`"};
  if (key.find_first_of("\r\n") != std::string::npos)
    return Error{"OPENAI_API_KEY holds a line break"};
  return ChatClient(config, key, std::move(sleep));
}

std::string ChatClient::url() const {
  std::string base = config_.base_url;
  while (!base.empty() && base.back() == '/')
    base.pop_back();
  return base + "/chat/completions";
}

Error ChatClient::describe(const HttpAnswer &answer) const {
  std::string place = url() + ": ";
  if (answer.status == 0)
    return {place + answer.problem + "; is the server running and base_url right?"};
  std::string status = "status " + std::to_string(answer.status);
  std::string said = oneLine(textAt(parseAnswer(answer.body), {"error", "message"}), kShownLimit);
  // Some servers repeat the key they were sent.
  if (!key_.empty() && said.find(key_.substr(0, 8)) != std::string::npos)
    said.clear();
  if (!said.empty())
    status += ": " + said;
  if (answer.status == 401 || answer.status == 403)
    return {place + status + "; set OPENAI_API_KEY to a key this server accepts"};
  if (answer.status >= 300 && answer.status < 400)
    return {place + status +
            ", a redirect, which is not followed; set base_url to where the server really is"};
  if (answer.status == 429)
    return {place + status + ", the rate limit or quota is used up; resume later"};
  return {place + status};
}

Result<ChatAnswer> ChatClient::ask(const std::vector<ChatMessage> &messages,
                                   const std::string &idempotencyKey) {
  json body{{"model", config_.model},
            {"temperature", config_.temperature},
            {"max_tokens", config_.max_tokens},
            {"messages", json::array()}};
  for (const ChatMessage &message : messages)
    body["messages"].push_back({{"role", message.role}, {"content", message.content}});
  HttpRequest request{
      url(),
      {"Content-Type: application/json", "Idempotency-Key: disco-" + idempotencyKey},
      body.dump(),
      config_.timeout_s};
  if (!key_.empty())
    request.headers.push_back("Authorization: Bearer " + key_);
  data::Random jitter(data::fnv1a(idempotencyKey), "retry");
  for (int retries = 0;; ++retries) {
    HttpAnswer answer = post(request);
    if (answer.status == 200) {
      json parsed = parseAnswer(answer.body);
      if (parsed.is_discarded())
        return Error{url() + ": answered with " +
                     (answer.contentType.empty() ? "something" : answer.contentType) +
                     " that is not JSON; is base_url right?"};
      return readAnswer(parsed);
    }
    std::optional<double> delay = retryDelay(answer, retries, jitter.uniform());
    if (!delay || retries == config_.max_retries)
      return describe(answer);
    sleep_(*delay);
  }
}

} // namespace disco::search
