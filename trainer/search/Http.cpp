// See Http.h.
#include "trainer/search/Http.h"

#include "trainer/search/Text.h"

#include <algorithm>
#include <cctype>
#include <memory>

#include <curl/curl.h>

namespace disco::search {
namespace {

constexpr size_t kBodyLimit = 1024 * 1024;
constexpr long kConnectSeconds = 5;
/// A server that sends less than a byte a second for this long has stopped.
constexpr long kIdleSeconds = 60;

struct Receiver {
  HttpAnswer answer;
  bool tooLarge = false;
};

size_t receiveBody(char *data, size_t size, size_t count, void *context) {
  auto &receiver = *static_cast<Receiver *>(context);
  if (receiver.answer.body.size() + size * count > kBodyLimit) {
    receiver.tooLarge = true;
    return 0;
  }
  receiver.answer.body.append(data, size * count);
  return size * count;
}

size_t receiveHeader(char *data, size_t size, size_t count, void *context) {
  auto &answer = static_cast<Receiver *>(context)->answer;
  std::string line(data, std::min<size_t>(size * count, 1000));
  size_t colon = line.find(':');
  if (colon == std::string::npos)
    return size * count;
  std::string name = line.substr(0, colon);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  std::string value = oneLine(line.substr(colon + 1), 200);
  if (name == "content-type")
    answer.contentType = value;
  else if (name == "retry-after")
    answer.retryAfter = value;
  else if (name == "retry-after-ms")
    answer.retryAfterMs = value;
  else if (name == "x-should-retry")
    answer.shouldRetry = value;
  return size * count;
}

struct CurlDeleter {
  void operator()(CURL *handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist *list) const { curl_slist_free_all(list); }
  void operator()(CURLU *url) const { curl_url_cleanup(url); }
  void operator()(char *text) const { curl_free(text); }
};

} // namespace

HttpAnswer post(const HttpRequest &request) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, CurlDeleter> handle(ready == CURLE_OK ? curl_easy_init() : nullptr);
  Receiver receiver;
  if (!handle) {
    receiver.answer.problem = "libcurl cannot be initialised";
    return receiver.answer;
  }
  std::unique_ptr<curl_slist, CurlDeleter> headers;
  for (const std::string &header : request.headers)
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  CURL *curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, request.timeoutSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kIdleSeconds);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receiveBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receiveHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &receiver);
  CURLcode code = curl_easy_perform(curl);
  if (receiver.tooLarge) {
    receiver.answer.problem = "the answer is larger than 1 MiB";
  } else if (code != CURLE_OK) {
    receiver.answer.problem = curl_easy_strerror(code);
    receiver.answer.worthRepeating =
        code != CURLE_UNSUPPORTED_PROTOCOL && code != CURLE_URL_MALFORMAT &&
        code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE;
  } else {
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &receiver.answer.status);
  }
  return std::move(receiver.answer);
}

Result<void> checkServerAddress(const std::string &url, bool withKey) {
  std::unique_ptr<CURLU, CurlDeleter> parsed(curl_url());
  auto part = [&](CURLUPart what) {
    char *text = nullptr;
    curl_url_get(parsed.get(), what, &text, 0);
    std::unique_ptr<char, CurlDeleter> owner(text);
    return std::string(text ? text : "");
  };
  std::string shown = oneLine(url, 200);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return Error{"base_url `" + shown + "` is not an address"};
  std::string scheme = part(CURLUPART_SCHEME), host = part(CURLUPART_HOST);
  if (scheme != "http" && scheme != "https")
    return Error{"base_url `" + shown + "` must begin with http:// or https://"};
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty())
    return Error{
        "base_url must not hold a user name or password; the key is read from OPENAI_API_KEY"};
  bool local = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
  if (withKey && scheme == "http" && !local)
    return Error{"base_url `" + shown +
                 "` would send the key unencrypted; use https, or unset OPENAI_API_KEY"};
  return {};
}

} // namespace disco::search
