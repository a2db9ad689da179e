#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "auspex/base/clock.h"
#include "lab/posix.h"

namespace auspex::lab {

// A non-blocking stream socket with what was read and what is still to be written.
struct Connection {
  enum class Io { kOk, kClosed };

  Fd fd;
  std::uint32_t id = 0;  // tells it from an earlier one with the same descriptor
  std::string in;
  std::string out;
  MonotonicTime since{};  // when its present wait began

  // Reads once, up to `room_bytes` of it. kClosed: end of stream or an error.
  Io Read(std::size_t room_bytes);
  // Writes what the socket takes. kClosed: the other side is gone.
  Io Write();
};

}  // namespace auspex::lab
