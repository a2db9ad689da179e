#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"

namespace auspex::traffic {

// HAProxy's runtime API (management guide 2.6, chapter 9.3): one connection a command, which
// HAProxy closes after its answer. Thread-safe: holds no connection.
class RuntimeSocket {
 public:
  // Bounds what a broken or foreign server can make us keep. `show servers state` takes some 110
  // bytes a server.
  static constexpr std::size_t kMaxAnswerBytes = std::size_t{4} << 20;

  // `/run/haproxy.sock` or `unix@/run/haproxy.sock` (absolute, at most 107 bytes), or
  // `ipv4@127.0.0.1:9999` (digits: a name would be looked up without a deadline). Error:
  // kInvalidArgument.
  static Result<RuntimeSocket> Parse(std::string_view address);

  // The answer to a one-line command, without the empty line that ends it. Errors: kInvalidArgument
  // (a line end in `command`); kPermissionDenied (the socket's mode forbids us); kUnavailable with
  // the system's text (absent, refused, reset, no or half an answer, more than kMaxAnswerBytes,
  // `deadline` passed): once connected, the command may or may not have taken effect.
  Result<std::string> Ask(std::string_view command, MonotonicTime deadline) const;

  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  RuntimeSocket() = default;

  std::string address_;     // as given
  std::string path_;        // empty: TCP
  std::uint32_t ipv4_ = 0;  // host byte order
  std::uint16_t port_ = 0;
};

}  // namespace auspex::traffic
