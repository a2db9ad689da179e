#pragma once

#include <string>
#include <string_view>

#include "auspex/alert/channel.h"
#include "auspex/base/sha256.h"

namespace auspex::alert {

// "webhook": POSTs each alert as JSON (docs/alerts.md) to a URL, signed. Keys: `url` (http or
// https), `secret` ({env: …} or {file: …}; without it nothing is signed), `bearer` (likewise; sent
// as Authorization), `ca_file` (PEM of the authority of the URL's certificate; default the
// system's).
void RegisterWebhookChannel(ChannelRegistry& registry);

// The body: {"id","key","status","name","severity","summary","reasons","probability","service",
// "deployment","version","link","at"}.
[[nodiscard]] std::string WebhookBody(const Alert& alert);
// The same for a repeated sending of one alert, another for the next of its key.
[[nodiscard]] std::string DeliveryId(const Alert& alert);
// The header Auspex-Signature: "v1=" and the HMAC-SHA256, in hexadecimal, of the seconds since 1970
// that stand in Auspex-Timestamp, a '.', and the body. Whoever checks it also checks that the time
// is near: a call that somebody recorded is then worth nothing.
[[nodiscard]] std::string Signature(const Secret& secret, std::string_view timestamp,
                                    std::string_view body);

}  // namespace auspex::alert
