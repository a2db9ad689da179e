#pragma once

#include "auspex/api/http.h"
#include "auspex/base/config.h"
#include "auspex/base/result.h"

namespace auspex::api {

// What senders of webhooks prove themselves by who cannot send a token of ours. Empty: such calls
// are not taken.
struct WebhookSecrets {
  Secret github = {};  // signs the body: X-Hub-Signature-256 (docs.github.com, "Validating webhook
                       // deliveries")
  Secret gitlab = {};  // comes along: X-Gitlab-Token (docs.gitlab.com, "Webhooks")
};

// Whether the call's sender knows one of the secrets. Comparison takes a time that tells nothing of
// them. Errors: kNotFound (the call has no such proof), kNoData (we have no secret to check it by),
// kPermissionDenied (it is wrong).
Status CheckWebhook(const HttpCall& call, const WebhookSecrets& secrets);

}  // namespace auspex::api
