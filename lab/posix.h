#pragma once

#include <cerrno>
#include <cstdint>
#include <string_view>

#include "auspex/base/fd.h"
#include "auspex/base/result.h"

namespace auspex::lab {

// kUnavailable with "WHAT: the system's words".
[[nodiscard]] Failure FailErrno(std::string_view what, int error = errno);

struct Listener {
  Fd fd;
  std::uint16_t port = 0;  // the one it got
};

// A non-blocking TCP listener on 127.0.0.1; port 0 takes a free one.
// Error: kUnavailable (the port is taken).
Result<Listener> ListenLoopback(std::uint16_t port);
// A non-blocking TCP socket to 127.0.0.1, perhaps still connecting. Error: kUnavailable.
Result<Fd> ConnectLoopback(std::uint16_t port);

}  // namespace auspex::lab
