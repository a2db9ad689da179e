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

const Token* TokenStore::Find(const std::vector<Token>& tokens, const Sha256& hash) {
  const Token* found = nullptr;
  for (const Token& token : tokens) {
    if (IsSame(token.hash, hash)) found = &token;
  }
  return found;
}

std::optional<Caller> TokenStore::Identify(std::string_view text, WallTime now) const {
  const Sha256 hash = HashSha256(text);
  const auto tokens = Now();
  const Token* const found = Find(*tokens, hash);
  if (found == nullptr || found->IsExpired(now)) return std::nullopt;
  return Caller{.name = found->name, .role = found->role, .token = hash};
}

std::optional<WallTime> TokenStore::ExpiredAt(std::string_view text, WallTime now) const {
  const auto tokens = Now();
  const Token* const found = Find(*tokens, HashSha256(text));
  return found != nullptr && found->IsExpired(now) ? found->expires_at : std::nullopt;
}

bool TokenStore::Knows(const Caller& caller, WallTime now) const {
  if (!caller.token) return false;
  const auto tokens = Now();
  const Token* const found = Find(*tokens, *caller.token);
  return found != nullptr && !found->IsExpired(now) && found->name == caller.name &&
         found->role == caller.role;
}

}  // namespace auspex::api
