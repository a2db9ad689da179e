#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "auspex/base/http_client.h"
#include "lab/load.h"
#include "lab/posix.h"
#include "lab/sample_service.h"

namespace auspex::lab {

// A sample service that answers at once, unless told otherwise.
inline ServiceOptions Quick() {
  ServiceOptions options;
  options.latency_median = 0s;
  options.base_error_rate = 0.0;
  options.memory_bytes = 1U << 20U;
  return options;
}

// Serves in a thread of its own while it lives.
class ServiceThread {
 public:
  explicit ServiceThread(const ServiceOptions& options)
      : service_(SampleService::Create(options).value()),
        thread_([this] { status_ = service_->Run(); }) {}
  ~ServiceThread() {
    service_->Stop();
    thread_.join();
  }
  ServiceThread(const ServiceThread&) = delete;
  ServiceThread& operator=(const ServiceThread&) = delete;

  [[nodiscard]] std::uint16_t port() const { return service_->port(); }

 private:
  std::unique_ptr<SampleService> service_;
  Status status_;
  std::thread thread_;
};

inline Result<HttpResponse> Ask(std::uint16_t port, std::string_view path,
                                std::string_view method = "GET") {
  HttpRequest request;
  request.method = method;
  request.url = "http://127.0.0.1:" + std::to_string(port) + std::string(path);
  return SendHttp(request);
}

// Sends `text` and reads until the other side hangs up, at most half a minute for each read.
inline std::string RawExchange(std::uint16_t port, std::string_view text) {
  const auto wanted = ConnectLoopback(port);
  if (!wanted.ok()) return {};
  Fd copy(dup(wanted->get()));
  const int flags = fcntl(copy.get(), F_GETFL);
  fcntl(copy.get(), F_SETFL, flags & ~O_NONBLOCK);
  const timeval limit{30, 0};
  setsockopt(copy.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(copy.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  // Where the other side refuses in the middle, what it said may still be read.
  send(copy.get(), text.data(), text.size(), MSG_NOSIGNAL);
  std::string answer;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = recv(copy.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

inline LoadSummary RunLoadHere(const LoadOptions& options) {
  auto generator = LoadGenerator::Create(options).value();
  EXPECT_TRUE(generator->Run().ok());
  return generator->Summary();
}

// 5 sigma: a fair draw is outside once in 1.7 million.
inline void ExpectBinomial(std::int64_t hits, std::int64_t trials, double p) {
  const double n = static_cast<double>(trials);
  EXPECT_NEAR(static_cast<double>(hits), n * p, 5.0 * std::sqrt(n * p * (1.0 - p)));
}

}  // namespace auspex::lab
