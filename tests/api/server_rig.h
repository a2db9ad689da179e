#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "auspex/api/http_server.h"

namespace auspex::api {

// What the server logs, to look into from the test.
class LogBook {
 public:
  [[nodiscard]] Logger MakeLogger() {
    return Logger(LogLevel::kDebug, [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_ += line;
    });
  }
  [[nodiscard]] bool Has(std::string_view text) const {
    const std::lock_guard lock(mutex_);
    return lines_.find(text) != std::string::npos;
  }

 private:
  mutable std::mutex mutex_;
  std::string lines_;
};

inline std::unique_ptr<HttpServer> StartServer(Handler handler, ServerLimits limits = {},
                                               const Logger& log = Logger(LogLevel::kError)) {
  auto server = HttpServer::Start({.limits = limits}, std::move(handler), log);
  EXPECT_TRUE(server.ok()) << server.error().message;
  return server.ok() ? *std::move(server) : nullptr;
}

// Waits up to 20 s; true as soon as `condition` is.
inline bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return condition();
}

}  // namespace auspex::api
