#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex {

using Sha256 = std::array<std::uint8_t, 32>;

// FIPS 180-4, by OpenSSL.
[[nodiscard]] Sha256 HashSha256(std::string_view bytes);
[[nodiscard]] std::string ToHex(const Sha256& hash);  // 64 lower-case digits
// Error: kInvalidArgument for anything but 64 hexadecimal digits.
Result<Sha256> Sha256FromHex(std::string_view hex);

}  // namespace auspex
