#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/api/http.h"
#include "auspex/api/role.h"
#include "auspex/base/clock.h"
#include "auspex/base/config.h"
#include "auspex/base/mutex.h"
#include "auspex/base/result.h"
#include "auspex/base/sha256.h"
#include "auspex/base/thread_annotations.h"

namespace auspex::api {

// Bearer tokens: who may call, and as what.
//
// A token is "auspex_" and 43 characters that carry 256 bits of chance. Files hold its SHA-256
// only. A slow hash, which passwords need, would protect nothing here: nobody can try out 2^256
// tokens at any speed, and each call would cost a slow hash to whoever floods us with wrong ones.

struct Token {
  std::string name;  // a name by CheckName (base/ids.h); the actor of what it orders
  Role role = Role::kViewer;
  Sha256 hash{};  // of the whole text
  WallTime created_at;
  std::optional<WallTime> expires_at = {};  // from then on it is refused; nullopt: never
  [[nodiscard]] bool IsExpired(WallTime now) const { return expires_at && *expires_at <= now; }
};

// From the system's source of chance. Error: kUnavailable where it has none.
Result<Secret> DrawTokenText();

// `{"version":1,"tokens":[{"name","role","sha256","created_at","expires_at"?}…]}`. Names and hashes
// stand once.
// Errors: kInvalidArgument (not that; a regular file of at most 1 MiB is wanted, which others may
// not write); kNotFound, kPermissionDenied (the file).
Result<std::vector<Token>> ReadTokenFile(const std::string& path);
// Reads the file (none is an empty one), edits, and replaces it at once, so that no reader sees a
// half; only its owner may read it. Errors: those of `edit`, and nothing is changed; kConflict
// while another command edits it; kNotFound (its folder), kPermissionDenied, kUnavailable.
using TokenEdit = std::function<Status(std::vector<Token>*)>;
Status EditTokenFile(const std::string& path, const TokenEdit& edit);

// Tokens that are valid now. Thread-safe.
class TokenStore {
 public:
  explicit TokenStore(std::vector<Token> tokens);
  void Replace(std::vector<Token> tokens);
  // Compares with every token, in a time that does not depend on which fits. One that has expired
  // fits nobody.
  [[nodiscard]] std::optional<Caller> Identify(std::string_view text, WallTime now) const;
  // When the token expired, if it is one that has: its holder may know.
  [[nodiscard]] std::optional<WallTime> ExpiredAt(std::string_view text, WallTime now) const;
  // Whether the caller's token is still there and good, with the same name and role.
  [[nodiscard]] bool Knows(const Caller& caller, WallTime now) const;

 private:
  // Nullptr: none. `tokens` outlives it.
  [[nodiscard]] static const Token* Find(const std::vector<Token>& tokens, const Sha256& hash);
  [[nodiscard]] std::shared_ptr<const std::vector<Token>> Now() const;
  mutable Mutex mutex_;
  std::shared_ptr<const std::vector<Token>> tokens_ AUSPEX_GUARDED_BY(mutex_);
};

}  // namespace auspex::api
