#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex {

// Bytes from somewhere, read once from front to back. Not thread-safe.
class Input {
 public:
  virtual ~Input() = default;
  // Up to `most` (> 0) bytes into `to`; 0 at the end, and again at each call after it. Errors:
  // kInvalidArgument (packed data that are damaged or cut short), kUnavailable (the system could
  // not read).
  virtual Result<std::size_t> Read(char* to, std::size_t most) = 0;
};

// A file, or standard input where `path` is "-". gzip is recognised by its first bytes, whatever
// the name, and unpacked as it is read. Errors: kNotFound, kPermissionDenied, kInvalidArgument (a
// folder).
Result<std::unique_ptr<Input>> OpenInput(const std::string& path);

// The bytes of `text`, which outlives it.
[[nodiscard]] std::unique_ptr<Input> TextInput(std::string_view text);

}  // namespace auspex
