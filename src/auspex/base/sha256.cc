#include "auspex/base/sha256.h"

#include <openssl/evp.h>

#include <cassert>

namespace auspex {

Sha256 HashSha256(std::string_view bytes) {
  Sha256 hash{};
  unsigned int length = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, EVP_sha256(), nullptr);
  assert(done == 1 && length == hash.size());  // fails only where OpenSSL was built without SHA-256
  static_cast<void>(done);
  return hash;
}

std::string ToHex(const Sha256& hash) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : hash) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

Result<Sha256> Sha256FromHex(std::string_view hex) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  Sha256 hash{};
  if (hex.size() != 64)
    return Fail(ErrorCode::kInvalidArgument, "a SHA-256 has 64 hexadecimal digits, not {}",
                hex.size());
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0)
      return Fail(ErrorCode::kInvalidArgument, "'{}' is not hexadecimal", hex);
    hash[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return hash;
}

}  // namespace auspex
