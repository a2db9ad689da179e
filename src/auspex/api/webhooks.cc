#include "auspex/api/webhooks.h"

#include <openssl/crypto.h>

#include <string>

#include "auspex/base/hmac.h"

namespace auspex::api {
namespace {

constexpr std::string_view kGithubHeader = "X-Hub-Signature-256";
constexpr std::string_view kGitlabHeader = "X-Gitlab-Token";

// Both are hashed first, so that they are of one length.
bool IsSame(std::string_view a, std::string_view b) {
  const Sha256 left = HashSha256(a);
  const Sha256 right = HashSha256(b);
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

Failure NoSecret(std::string_view header, std::string_view key) {
  return Fail(ErrorCode::kNoData,
              "the call has {}, and the server's configuration has no {} to check it by", header,
              key);
}

}  // namespace

Status CheckWebhook(const HttpCall& call, const WebhookSecrets& secrets) {
  if (const auto given = call.Header(kGithubHeader)) {
    if (secrets.github.Reveal().empty()) return NoSecret(kGithubHeader, "webhooks.github");
    const std::string signature = "sha256=" + ToHex(HmacSha256(secrets.github.Reveal(), call.body));
    if (IsSame(*given, signature)) return {};
    return Fail(ErrorCode::kPermissionDenied,
                "{} is not the signature of this body by the secret in webhooks.github",
                kGithubHeader);
  }
  if (const auto given = call.Header(kGitlabHeader)) {
    if (secrets.gitlab.Reveal().empty()) return NoSecret(kGitlabHeader, "webhooks.gitlab");
    if (IsSame(*given, secrets.gitlab.Reveal())) return {};
    return Fail(ErrorCode::kPermissionDenied, "{} is not the secret in webhooks.gitlab",
                kGitlabHeader);
  }
  return Fail(ErrorCode::kNotFound, "no proof of a webhook");
}

}  // namespace auspex::api
