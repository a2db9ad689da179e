#include "auspex/api/tokens.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <utility>

namespace auspex::api {
namespace {

constexpr std::string_view kPrefix = "auspex_";  // so that scanners for leaked secrets know it
constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// RFC 4648 §5 without padding: six bits a character.
std::string Base64Url(const std::array<std::uint8_t, 32>& bytes) {
  std::string text;
  std::uint32_t held = 0;
  int bits = 0;
  for (const std::uint8_t byte : bytes) {
    held = held << 8U | byte;
    for (bits += 8; bits >= 6; bits -= 6)
      text += kDigits[held >> static_cast<unsigned>(bits - 6) & 63U];
  }
  text += kDigits[held << static_cast<unsigned>(6 - bits) & 63U];
  return text;
}

bool IsSame(const Sha256& a, const Sha256& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Result<Secret> DrawTokenText() {
  std::array<std::uint8_t, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return Fail(ErrorCode::kUnavailable, "the system gives no random bytes for a token");
  }
  return Secret(std::string(kPrefix) + Base64Url(bytes));
}

TokenStore::TokenStore(std::vector<Token> tokens)
    : tokens_(std::make_shared<const std::vector<Token>>(std::move(tokens))) {}

void TokenStore::Replace(std::vector<Token> tokens) {
  auto next = std::make_shared<const std::vector<Token>>(std::move(tokens));
  const MutexLock lock(mutex_);
  tokens_ = std::move(next);
}

std::shared_ptr<const std::vector<Token>> TokenStore::Now() const {
  const MutexLock lock(mutex_);
  return tokens_;
}

std::optional<Caller> TokenStore::Identify(std::string_view text) const {
  const Sha256 hash = HashSha256(text);
  const auto tokens = Now();
  const Token* found = nullptr;
  for (const Token& token : *tokens) {
    if (IsSame(token.hash, hash)) found = &token;
  }
  if (found == nullptr) return std::nullopt;
  return Caller{.name = found->name, .role = found->role, .token = hash};
}

bool TokenStore::Knows(const Caller& caller) const {
  if (!caller.token) return false;
  const auto tokens = Now();
  for (const Token& token : *tokens) {
    if (IsSame(token.hash, *caller.token))
      return token.name == caller.name && token.role == caller.role;
  }
  return false;
}

}  // namespace auspex::api
