#pragma once

#include <optional>

#include "auspex/api/http.h"

namespace auspex::api {

// Decides who may call, before a byte of a request's body is read. On the server's network thread:
// quick, and it waits for nothing. Calls are never at once.
class Gate {
 public:
  virtual ~Gate() = default;
  // Sets `call->caller` and takes its credentials away, so that nobody behind it can log them; or
  // the refusal.
  virtual std::optional<HttpReply> Admit(HttpCall* call) = 0;
  // Without, whoever reaches the server may call: then it must be reached on loopback only, and
  // Host and Origin must be loopback's (wire.h: why). With tokens a call is trusted for its token,
  // which no page of another site has.
  [[nodiscard]] virtual bool AsksForTokens() const = 0;
  // Whether a stream of events of this caller may go on. Asked with each batch and heartbeat.
  [[nodiscard]] virtual bool StillAdmits(const Caller& caller) const = 0;
};

}  // namespace auspex::api
