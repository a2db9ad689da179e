#include "tests/traffic/tiny_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

namespace auspex::testing {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// More bytes behind `text`, or false at the end, on an error or after 10 s of silence.
bool ReadMore(int fd, std::string& text) {
  pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
  if (::poll(&poll, 1, 10'000) != 1) return false;
  std::array<char, 4096> chunk{};
  const ssize_t read = ::recv(fd, chunk.data(), chunk.size(), 0);
  if (read <= 0) return false;
  text.append(chunk.data(), static_cast<std::size_t>(read));
  return true;
}

bool ReadHead(int fd, std::string& text) {
  while (text.find(kEndOfHead) == std::string::npos) {
    if (!ReadMore(fd, text)) return false;
  }
  return true;
}

// One answer: its head and a body of one byte. Empty: none came.
std::string ReadAnswer(int fd) {
  std::string answer;
  if (!ReadHead(fd, answer)) return {};
  while (answer.size() < answer.find(kEndOfHead) + kEndOfHead.size() + 1) {
    if (!ReadMore(fd, answer)) return {};
  }
  return answer;
}

}  // namespace

int ListenOnLoopback() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(0);
  const auto* const bytes = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(listener, bytes, sizeof address) == 0 && ::listen(listener, 128) == 0) return listener;
  ::close(listener);
  return -1;
}

std::uint16_t PortOf(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

TinyHttpServer::TinyHttpServer(char letter)
    : letter_(letter),
      listener_(ListenOnLoopback()),
      port_(PortOf(listener_)),
      thread_([this] { Run(); }) {}

TinyHttpServer::~TinyHttpServer() {
  ending_ = true;
  ::shutdown(listener_, SHUT_RDWR);  // wakes accept()
  thread_.join();
  ::close(listener_);
}

void TinyHttpServer::Run() {
  while (!ending_) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    Serve(connection);
    ::close(connection);
  }
}

void TinyHttpServer::Serve(int connection) {
  std::string request;
  if (!ReadHead(connection, request)) return;  // a health check: it connects and leaves
  ++requests_;
  while (held_ && !ending_) std::this_thread::yield();
  const auto answer =
      fmt::format("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n{}", letter_);
  ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
}

Result<std::string> GetLetters(std::uint16_t port, int count, std::string_view cookie) {
  const std::string header = cookie.empty() ? "" : fmt::format("Cookie: {}\r\n", cookie);
  const std::string request = fmt::format("GET / HTTP/1.1\r\nHost: shop\r\n{}\r\n", header);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  std::string letters;
  std::string answer = "no connection";
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    answer = "HTTP/1.1 200";
  }
  while (answer.starts_with("HTTP/1.1 200") && std::cmp_less(letters.size(), count)) {
    ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    answer = ReadAnswer(fd);
    if (answer.starts_with("HTTP/1.1 200")) letters.push_back(answer.back());
  }
  ::close(fd);
  if (std::cmp_less(letters.size(), count)) {
    return Fail(ErrorCode::kUnavailable, "request {} of {}: '{}'", letters.size() + 1, count,
                answer);
  }
  return letters;
}

}  // namespace auspex::testing
