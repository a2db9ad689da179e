#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace auspex::api {

struct Answer {
  int status = 0;  // 0: the connection ended before a whole answer
  std::string head;
  std::string body;

  [[nodiscard]] bool Has(std::string_view field) const {
    return head.find(field) != std::string::npos;
  }
  [[nodiscard]] nlohmann::json Json() const { return nlohmann::json::parse(body, nullptr, false); }
};

// A plain blocking connection. Gives up after 20 s without a byte, so that a test fails and not
// hangs.
class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer_bytes = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof receive_buffer_bytes);
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() {
    ssl_.reset();
    ::close(socket_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }

  // Goes on under TLS. False where the handshake fails, or where the server's certificate is not
  // that of `ca_file` for 127.0.0.1. `version`: the highest to offer; 0: any.
  bool Secure(const std::string& ca_file, int version = 0) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    SSL_CTX_set_max_proto_version(context.get(), version);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr);
    ssl_.reset(SSL_new(context.get()));
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), "127.0.0.1");
    SSL_set_fd(ssl_.get(), socket_);
    return SSL_connect(ssl_.get()) == 1;
  }

  // Whether the server said farewell, which the end of a connection alone is not.
  [[nodiscard]] bool saw_close_notify() const {
    return ssl_ && (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }

  // False where the other side has closed.
  bool Send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ssl_ ? SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()))
                                : ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  bool Get(std::string_view target, std::string_view fields = "") const {
    return Send("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" +
                std::string(fields) + "\r\n");
  }

  // Through `end`, which stands in the result; less where the connection ended.
  std::string ReadThrough(std::string_view end) {
    std::size_t at = buffer_.find(end);
    while (at == std::string::npos && Fill()) at = buffer_.find(end);
    return Cut(at == std::string::npos ? buffer_.size() : at + end.size());
  }

  Answer ReadHead() {
    Answer answer;
    answer.head = ReadThrough("\r\n\r\n");
    if (answer.head.starts_with("HTTP/1.1 ")) answer.status = std::atoi(answer.head.c_str() + 9);
    return answer;
  }

  Answer ReadAnswer() {
    Answer answer = ReadHead();
    const std::size_t field = answer.head.find("Content-Length: ");
    if (field == std::string::npos) return answer;
    const auto size = static_cast<std::size_t>(std::atoll(answer.head.c_str() + field + 16));
    while (buffer_.size() < size && Fill()) {
    }
    if (buffer_.size() < size) answer.status = 0;
    answer.body = Cut(size);
    return answer;
  }

  // Everything until the other side closes; a reset counts as that. False for the 20 s.
  bool ReadToEnd(std::string* rest = nullptr) {
    while (Fill()) {
    }
    if (rest != nullptr) *rest = buffer_;
    return ended_;
  }

 private:
  bool Fill() {
    char bytes[16384];
    const ssize_t got =
        ssl_ ? SSL_read(ssl_.get(), bytes, sizeof bytes) : ::recv(socket_, bytes, sizeof bytes, 0);
    if (got <= 0) {
      ended_ = got == 0 || errno == ECONNRESET || ssl_;
      return false;
    }
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  std::string Cut(std::size_t size) {
    std::string text = buffer_.substr(0, size);
    buffer_.erase(0, text.size());
    return text;
  }

  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  int socket_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  bool connected_ = false;
  bool ended_ = false;
  std::string buffer_;
};

}  // namespace auspex::api
