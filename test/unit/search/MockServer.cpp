// See MockServer.h.
#include "MockServer.h"

#include <nlohmann/json.hpp>

#include <cstdlib>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace disco::search {

MockServer::MockServer(Answer answer) : answer_(std::move(answer)) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr *>(&address), size) != 0 ||
      listen(listener_, 8) != 0)
    std::abort();
  getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

MockServer::~MockServer() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

std::vector<std::string> MockServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

void MockServer::serve() {
  while (!stop_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 20) <= 0)
      continue;
    int connection = accept(listener_, nullptr, nullptr);
    std::string request;
    size_t body = std::string::npos, length = 0;
    char bytes[4096];
    while (body == std::string::npos || request.size() < body + length) {
      ssize_t count = read(connection, bytes, sizeof bytes);
      if (count <= 0)
        break;
      request.append(bytes, static_cast<size_t>(count));
      if (body == std::string::npos && (body = request.find("\r\n\r\n")) != std::string::npos) {
        body += 4;
        size_t header = request.find("Content-Length: ");
        length = header == std::string::npos
                     ? 0
                     : std::strtoul(request.c_str() + header + 16, nullptr, 10);
        if (request.find("Expect: 100-continue") != std::string::npos)
          sendAll(connection, "HTTP/1.1 100 Continue\r\n\r\n");
      }
    }
    int number = 0;
    {
      std::lock_guard lock(mutex_);
      number = static_cast<int>(requests_.size());
      requests_.push_back(request);
    }
    answer_(number, connection);
    close(connection);
  }
}

void sendAll(int connection, const std::string &bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    ssize_t count = send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0)
      return;
    sent += static_cast<size_t>(count);
  }
}

std::string httpAnswer(const std::string &status, const std::string &body,
                       const std::string &headers) {
  return "HTTP/1.1 " + status + "\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

std::string chatAnswer(const std::string &content) {
  nlohmann::json body{
      {"choices",
       {{{"finish_reason", "stop"}, {"message", {{"role", "assistant"}, {"content", content}}}}}}};
  return httpAnswer("200 OK", body.dump());
}

} // namespace disco::search
