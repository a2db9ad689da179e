#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auspex/api/http.h"
#include "auspex/base/clock.h"
#include "auspex/base/result.h"

namespace auspex::api {

// The text of HTTP that needs no parser library: targets, the rule of hosts, the head of an answer.

enum class Plus { kPlus, kSpace };
// "%41" to "A"; in a query '+' is a space. Errors, kInvalidArgument: a '%' without two hexadecimal
// digits; a result that is not UTF-8.
Result<std::string> PercentDecode(std::string_view text, Plus plus);

struct Target {
  std::string authority;  // of the absolute form `http://host:port/path` (or https); else empty
  std::string path;       // still encoded
  Query query;
};
// Error: kInvalidArgument for neither form, or for a query that does not decode.
Result<Target> ParseTarget(std::string_view text);

// `localhost`, 127.0.0.0/8 or `[::1]`, each with or without a port.
[[nodiscard]] bool IsLoopbackAuthority(std::string_view authority);

// HTTP/1.1 requires exactly one Host, HTTP/1.0 allows none; else 400.
[[nodiscard]] std::optional<HttpReply> RefuseHosts(const HttpCall& call, bool host_required);

// Nothing for a call that was meant for this server, else the refusal. A page of another site
// reaches a loopback port by a name that it points at 127.0.0.1 (DNS rebinding: a foreign Host,
// 421) or by a plain cross-site POST (a foreign Origin, 403). RefuseHosts() comes first.
[[nodiscard]] std::optional<HttpReply> RefuseForeign(const HttpCall& call, bool host_required);

// Status line and header fields with the empty line that ends them.
[[nodiscard]] std::string RenderHead(const HttpReply& reply, bool keep_alive, WallTime now);

}  // namespace auspex::api
