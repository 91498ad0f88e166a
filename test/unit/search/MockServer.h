// A loopback HTTP server of a few scripted answers, for one connection at a time. It records what
// it was asked.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace disco::search {

class MockServer {
public:
  /// Writes to an accepted connection, given how many requests came before and the connection's
  /// descriptor.
  using Answer = std::function<void(int number, int connection)>;

  explicit MockServer(Answer answer);
  ~MockServer();
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  std::vector<std::string> requests() const;

private:
  void serve();

  Answer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

/// Sends all of it, or stops at a closed connection.
void sendAll(int connection, const std::string &bytes);
std::string httpAnswer(const std::string &status, const std::string &body,
                       const std::string &headers = "Content-Type: application/json\r\n");
/// A chat completion that says this.
std::string chatAnswer(const std::string &content);

} // namespace disco::search
