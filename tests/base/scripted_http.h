#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace auspex::testing {

// One request that the scripted server got, and the ways to answer it.
class Exchange {
 public:
  Exchange(int socket, std::string head, std::string body, const std::atomic<bool>* ending)
      : socket_(socket), head_(std::move(head)), body_(std::move(body)), ending_(ending) {}

  [[nodiscard]] const std::string& head() const { return head_; }  // first line and headers
  [[nodiscard]] const std::string& body() const { return body_; }

  // False when the client is gone.
  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  void Answer(std::string_view status, std::string_view body, std::string_view headers = "") const {
    Send("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(headers) + "\r\n" + std::string(body));
  }

  // Says nothing until the client goes or the server ends.
  void Hang() const {
    char byte = 0;
    while (!*ending_) {
      pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 20) > 0 && ::recv(socket_, &byte, 1, 0) <= 0) return;
    }
  }

 private:
  int socket_;
  std::string head_;
  std::string body_;
  const std::atomic<bool>* ending_;
};

// An HTTP server on a free loopback port that answers as the test says. The connection stays open
// while the script returns true. The script runs on several threads at once.
class ScriptedServer {
 public:
  using Script = std::function<bool(const Exchange&)>;

  explicit ScriptedServer(Script script)
      : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, any, size) != 0 || ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, any, &size) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { Accept(); });
  }

  ~ScriptedServer() {
    ending_ = true;
    accepting_.join();
    for (std::thread& serving : serving_) serving.join();
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string Url(std::string_view path = "") const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] int requests() const { return requests_; }

 private:
  void Accept() {
    while (!ending_) {
      pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) continue;
      ++connections_;
      serving_.emplace_back([this, socket] {
        while (Serve(socket)) {
        }
        ::close(socket);
      });
    }
  }

  // False when there is nothing more to read.
  bool Fill(int socket, std::string& text) const {
    while (!ending_) {
      pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      char bytes[4096];
      const ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
      if (got <= 0) return false;
      text.append(bytes, static_cast<std::size_t>(got));
      return true;
    }
    return false;
  }

  bool Serve(int socket) {
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos) {
      if (!Fill(socket, text)) return false;
    }
    const std::size_t end = text.find("\r\n\r\n") + 4;
    const std::size_t length_at = text.find("Content-Length: ");
    const std::size_t length = length_at < end ? std::stoul(text.substr(length_at + 16)) : 0;
    while (text.size() < end + length) {
      if (!Fill(socket, text)) return false;
    }
    ++requests_;
    return script_(Exchange(socket, text.substr(0, end), text.substr(end), &ending_));
  }

  Script script_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> ending_ = false;
  std::atomic<int> connections_ = 0;
  std::atomic<int> requests_ = 0;
  std::list<std::thread> serving_;  // by the accepting thread, then by the destructor
  std::thread accepting_;
};

// A port where nobody listens: bound for a moment, then given back.
inline int ClosedPort() {
  return ScriptedServer([](const Exchange&) { return false; }).port();
}

}  // namespace auspex::testing
