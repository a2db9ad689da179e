#include "auspex/base/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cassert>

namespace auspex {

Sha256 HmacSha256(std::string_view key, std::string_view message) {
  Sha256 code{};
  unsigned int length = 0;
  const auto* const done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                reinterpret_cast<const unsigned char*>(message.data()),
                                message.size(), code.data(), &length);
  // Fails only where OpenSSL was built without SHA-256, or for a key of 2 GiB.
  assert(done != nullptr && length == code.size());
  static_cast<void>(done);
  return code;
}

}  // namespace auspex
