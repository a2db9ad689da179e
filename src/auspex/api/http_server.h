#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "auspex/api/http.h"
#include "auspex/base/clock.h"
#include "auspex/base/log.h"
#include "auspex/base/result.h"

namespace auspex::api {

struct ServerLimits {
  std::size_t header_bytes = 16 * 1024;  // request line and header fields; beyond: 431
  std::size_t body_bytes = 1024 * 1024;  // beyond: 413
  // Beyond: 503 and close. Each takes a file descriptor: `ulimit -n` must be above it.
  std::size_t connections = 1000;
  std::size_t workers = 4;          // handlers that run at once
  std::size_t waiting_calls = 256;  // calls that wait for a worker; beyond: 503
  Duration header_deadline =
      10s;  // first to last byte of a header, or from connect to the first byte
  Duration body_deadline = 30s;   // end of the header to the last byte of the body
  Duration write_deadline = 30s;  // for one answer, or one batch of events
  Duration idle_deadline = 60s;   // end of an answer to the first byte of the next request
  Duration heartbeat = 10s;       // silence of a stream of events until a comment goes out
  Duration stop_deadline = 5s;    // what Stop() gives to answers under way
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // a loopback address, or "localhost", which is 127.0.0.1
  std::uint16_t port = 0;             // 0: a free one
  ServerLimits limits = {};
};

// HTTP/1.1 and 1.0 on one loopback address: keep-alive, pipelined requests answered in order,
// server-sent events. One thread for the network, so that a slow handler delays no event, and
// `workers` for handlers. Every error it answers with is a problem document; a request late is 408,
// one that is not HTTP 400, a foreign Host 421 and a foreign Origin 403 (wire.h: why).
class HttpServer {
 public:
  // Listens when it returns. Errors: kInvalidArgument for an address that is not loopback, or a
  // limit of 0; kUnavailable for a port in use or an address this machine lacks; kPermissionDenied
  // for a port that we may not take.
  static Result<std::unique_ptr<HttpServer>> Start(const ServerOptions& options, Handler handler,
                                                   const Logger& log);
  ~HttpServer();  // Stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;

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
