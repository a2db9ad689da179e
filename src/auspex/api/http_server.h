#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "auspex/api/gate.h"
#include "auspex/api/http.h"
#include "auspex/api/tls.h"
#include "auspex/base/clock.h"
#include "auspex/base/log.h"
#include "auspex/base/result.h"

namespace auspex::api {

struct ServerLimits {
  std::size_t header_bytes = 16 * 1024;  // request line and header fields; beyond: 431
  std::size_t body_bytes = 1024 * 1024;  // beyond: 413
  // Beyond: the one that has idled longest is closed, where one has for `least_idle`; else the new
  // one gets 503. So a thousand that idle keep nobody out. Each takes a file descriptor.
  std::size_t connections = 1600;
  Duration least_idle = 1s;
  std::size_t workers = 4;          // handlers that run at once
  std::size_t waiting_calls = 256;  // calls that wait for a worker; beyond: 503
  // First to last byte of a header; from connect to the first byte; for a TLS handshake.
  Duration header_deadline = 10s;
  Duration body_deadline = 30s;   // end of the header to the last byte of the body
  Duration write_deadline = 30s;  // for one answer, or one batch of events
  Duration idle_deadline = 60s;   // end of an answer to the first byte of the next request
  Duration heartbeat = 10s;       // silence of a stream of events until a comment goes out
  Duration stop_deadline = 5s;    // what Stop() gives to answers under way
  // Where calls may have large bodies: paths that begin so; empty: none. Beyond `large_body_bytes`
  // 413; where `large_bodies` of more than `body_bytes` are there already 503, so that all together
  // stay within memory.
  std::string large_under = {};
  std::size_t large_body_bytes = 16 * 1024 * 1024;
  std::size_t large_bodies = 4;
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // or "localhost", which is that; 0.0.0.0 and [::] are all
  std::uint16_t port = 0;             // 0: a free one
  ServerLimits limits = {};
  std::shared_ptr<const TlsIdentity> tls = nullptr;  // null: in the clear
  // Null: whoever reaches this address is its admin, and Host and Origin must be loopback's
  // (wire.h: why). With a gate a call is trusted for its token, and no page of another site has
  // one.
  std::shared_ptr<Gate> gate = nullptr;
};

// "127.0.0.1", "[::1]", "0.0.0.0", "localhost": what a server can listen on, save that this machine
// need not have it.
[[nodiscard]] bool IsAddress(const std::string& address);
// Whether other machines cannot reach it. False for what is no address.
[[nodiscard]] bool IsLoopbackAddress(const std::string& address);

// HTTP/1.1 and 1.0 on one address, in the clear or under TLS: keep-alive, pipelined requests
// answered in order, server-sent events. One thread for the network, so that a slow handler delays
// no event, and `workers` for handlers. Every error it answers with is a problem document; a
// request late is 408, one that is not HTTP 400, a foreign Host 421 and a foreign Origin 403
// (wire.h: why).
class HttpServer {
 public:
  // Listens when it returns. Errors: kInvalidArgument for what is no address, one beyond loopback
  // without both TLS and tokens, or a limit of 0; kUnavailable for a port in use or an address this
  // machine lacks; kPermissionDenied for a port that we may not take.
  static Result<std::unique_ptr<HttpServer>> Start(const ServerOptions& options, Handler handler,
                                                   const Logger& log);
  ~HttpServer();  // Stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;

  // For connections from now on; those there are keep theirs. Only where it started with TLS.
  void ReplaceTls(std::shared_ptr<const TlsIdentity> tls);

  // Accepts no more, ends streams and idle connections, lets answers under way go out until
  // `stop_deadline`, then closes what is left. Returns when no handler runs: those must end by
  // themselves. Not from a handler. Again: does nothing.
  void Stop();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace auspex::api
