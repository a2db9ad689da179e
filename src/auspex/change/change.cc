#include "auspex/change/change.h"

#include <algorithm>

namespace auspex::change {
namespace {

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<ObjectId> ObjectId::FromHex(std::string_view hex) {
  const auto refuse = [&] {
    return Fail(ErrorCode::kInvalidArgument,
                "a git object has a name of 40 or 64 hexadecimal digits; this one has {} bytes",
                hex.size());
  };
  if (hex.size() != 40 && hex.size() != 64) return refuse();
  ObjectId id;
  id.size_ = static_cast<std::uint8_t>(hex.size() / 2);
  for (std::size_t i = 0; i < id.size_; ++i) {
    const int high = Digit(hex[2 * i]);
    const int low = Digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return refuse();
    id.bytes_[i] = static_cast<std::uint8_t>(16 * high + low);
  }
  return id;
}

std::string ObjectId::text() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * std::size_t{size_});
  for (std::size_t i = 0; i < size_; ++i) {
    hex += kDigits[bytes_[i] >> 4U];
    hex += kDigits[bytes_[i] & 15U];
  }
  return hex;
}

bool ObjectId::null() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::uint64_t ObjectId::prefix() const {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8U | bytes_[i];
  return value;
}

}  // namespace auspex::change
