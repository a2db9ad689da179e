#pragma once

#include <string_view>

#include "auspex/base/sha256.h"

namespace auspex {

// RFC 2104 with SHA-256, by OpenSSL.
[[nodiscard]] Sha256 HmacSha256(std::string_view key, std::string_view message);

}  // namespace auspex
