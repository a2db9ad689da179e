#pragma once

#include <memory>
#include <optional>

#include "auspex/api/http_server.h"
#include "auspex/api/tls.h"
#include "auspex/api/tokens.h"
#include "auspex/base/log.h"
#include "auspex/cli/configuration.h"
#include "auspex/cli/followed_files.h"

namespace auspex::cli {

// The certificate, key and tokens of a daemon, and how it goes on to new ones while it runs. A pair
// or a file that is no good is logged, and the daemon keeps what it has. Not thread-safe.
class AccessFiles {
 public:
  // Reads them. Errors: of TlsIdentity::Load and ReadTokenFile. `log` outlives it.
  static Result<std::unique_ptr<AccessFiles>> Load(const ServerConfig& server, const Logger* log);

  // Null where none is configured.
  [[nodiscard]] const std::shared_ptr<const api::TlsIdentity>& tls() const { return tls_; }
  [[nodiscard]] const api::TokenStore* tokens() const { return tokens_ ? &*tokens_ : nullptr; }

  // For people: "certificate and key, tokens", or "nothing: neither TLS nor tokens are configured".
  [[nodiscard]] std::string WhatIsFollowed() const;
  // Reads again what changed; all of it where `asked`. To be called about once a second.
  void Follow(bool asked, api::HttpServer* server);

 private:
  AccessFiles(const ServerConfig& server, const Logger* log);
  void ReloadTls(api::HttpServer* server);
  void ReloadTokens();

  const api::TlsFiles tls_files_;
  const std::string tokens_file_;
  const Logger* log_;
  FollowedFiles followed_tls_;  // before they are read: a change while reading is not missed
  FollowedFiles followed_tokens_;
  std::shared_ptr<const api::TlsIdentity> tls_;
  std::optional<api::TokenStore> tokens_;
};

}  // namespace auspex::cli
