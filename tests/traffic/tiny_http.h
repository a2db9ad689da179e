#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "auspex/base/result.h"

namespace auspex::testing {

// A listening TCP socket on a free port of 127.0.0.1, closed on exec; -1 where there is none.
[[nodiscard]] int ListenOnLoopback();
[[nodiscard]] std::uint16_t PortOf(int listener);

// Answers every HTTP request with status 200 and one letter, on a free port of 127.0.0.1.
class TinyHttpServer {
 public:
  explicit TinyHttpServer(char letter);
  TinyHttpServer(const TinyHttpServer&) = delete;
  TinyHttpServer& operator=(const TinyHttpServer&) = delete;
  ~TinyHttpServer();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Requests begun to be answered.
  [[nodiscard]] std::int64_t requests() const { return requests_; }
  // While held, requests are read and not answered.
  void Hold(bool held) { held_ = held; }

 private:
  void Run();
  void Serve(int connection);

  const char letter_;
  const int listener_;
  const std::uint16_t port_;
  std::atomic<std::int64_t> requests_ = 0;
  std::atomic<bool> held_ = false;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

// `count` GET requests one after the other on one connection to 127.0.0.1:`port`; the letters that
// TinyHttpServers answered, in order. `cookie`: "NAME=VALUE", sent with each. Error: kUnavailable,
// with the answer that was another.
Result<std::string> GetLetters(std::uint16_t port, int count, std::string_view cookie = {});

}  // namespace auspex::testing
