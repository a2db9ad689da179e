#include "auspex/cli/access.h"

#include <utility>
#include <vector>

#include "auspex/base/clock.h"

namespace auspex::cli {
namespace {

constexpr auto kWarnBeforeEnd = std::chrono::hours(24 * 14);

std::vector<std::string> Named(std::initializer_list<std::string> paths) {
  std::vector<std::string> named;
  for (const std::string& path : paths) {
    if (!path.empty()) named.push_back(path);
  }
  return named;
}

void LogEnd(const Logger& log, const api::TlsIdentity& tls) {
  const std::string end = ToRfc3339(tls.ends_at());
  const WallTime now = RealClock().Wall();
  if (tls.ends_at() <= now) {
    log.Error("certificate_expired", {{"at", end}, {"mend", "replace it; clients refuse it"}});
  } else if (tls.ends_at() - now < kWarnBeforeEnd) {
    log.Warn("certificate_expires_soon", {{"at", end}});
  }
}

}  // namespace

AccessFiles::AccessFiles(const ServerConfig& server, const Logger* log)
    : tls_files_{.certificate = server.tls_certificate, .key = server.tls_key},
      tokens_file_(server.tokens_file),
      log_(log),
      followed_tls_(Named({server.tls_certificate, server.tls_key})),
      followed_tokens_(Named({server.tokens_file})) {}

Result<std::unique_ptr<AccessFiles>> AccessFiles::Load(const ServerConfig& server,
                                                       const Logger* log) {
  std::unique_ptr<AccessFiles> files(new AccessFiles(server, log));
  if (!files->tls_files_.certificate.empty()) {
    AUSPEX_TRY(files->tls_, api::TlsIdentity::Load(files->tls_files_));
    LogEnd(*log, *files->tls_);
  }
  if (!files->tokens_file_.empty()) {
    AUSPEX_TRY(std::vector<api::Token> tokens, api::ReadTokenFile(files->tokens_file_));
    if (tokens.empty()) {
      log->Warn("no_tokens", {{"file", files->tokens_file_},
                              {"mend", "nobody may call; use `auspex token create`"}});
    }
    files->tokens_.emplace(std::move(tokens));
  }
  return files;
}

std::string AccessFiles::WhatIsFollowed() const {
  if (tls_ == nullptr && !tokens_) return "nothing: neither TLS nor tokens are configured";
  const std::string tls = tls_ == nullptr ? "" : "certificate and key";
  return tls + (tokens_ ? (tls.empty() ? "tokens" : ", tokens") : "");
}

void AccessFiles::Follow(bool asked, api::HttpServer* server) {
  if (tls_ != nullptr && (followed_tls_.Changed() || asked)) ReloadTls(server);
  if (tokens_ && (followed_tokens_.Changed() || asked)) ReloadTokens();
}

void AccessFiles::ReloadTls(api::HttpServer* server) {
  auto tls = api::TlsIdentity::Load(tls_files_);
  if (tls.ok() && (*tls)->ends_at() <= RealClock().Wall()) {
    tls = Fail(ErrorCode::kInvalidArgument, "the certificate '{}' ended at {}",
               tls_files_.certificate, ToRfc3339((*tls)->ends_at()));
  }
  if (!tls.ok()) {
    return log_->Error("certificate_not_reloaded",
                       {{"error", tls.error().message}, {"kept", ToRfc3339(tls_->ends_at())}});
  }
  tls_ = *std::move(tls);
  server->ReplaceTls(tls_);
  log_->Info("certificate_reloaded", {{"ends_at", ToRfc3339(tls_->ends_at())}});
  LogEnd(*log_, *tls_);
}

void AccessFiles::ReloadTokens() {
  auto tokens = api::ReadTokenFile(tokens_file_);
  if (!tokens.ok()) return log_->Error("tokens_not_reloaded", {{"error", tokens.error().message}});
  log_->Info("tokens_reloaded", {{"tokens", tokens->size()}});
  tokens_->Replace(*std::move(tokens));
}

}  // namespace auspex::cli
