#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex::telemetry {

// Cuts a stream into octet-counted frames (RFC 6587 §3.4.1: `LENGTH SPACE MESSAGE`), wherever the
// chunks were cut: append one, then call Next until it gives nothing.
//
// A length that is not a number of 1 to kMaxFrameBytes without a leading zero, or a message that
// does not begin with `<`, is malformed. The splitter then scans for the next place that looks like
// a whole header, `LENGTH <PRI>1 ` with a LENGTH of 16 or more and no digit before it, drops what
// lies before, and goes on there. So a damaged stretch costs one malformed frame and what it
// covers, and each byte is looked at a bounded number of times. Holds at most one frame and one
// chunk. Not thread-safe.
class FrameSplitter {
 public:
  static constexpr std::size_t kMaxFrameBytes = 64 * 1024;

  void Append(std::string_view bytes);
  // The next whole message, until the next call of Append or Next. nullopt: more bytes are needed.
  std::optional<std::string_view> Next();
  // Damaged stretches so far.
  [[nodiscard]] std::int64_t malformed() const { return malformed_; }
  [[nodiscard]] std::size_t buffered_bytes() const { return buffer_.size() - read_; }

 private:
  bool Resynchronise();

  std::string buffer_;
  std::size_t read_ = 0;  // consumed bytes of buffer_
  bool skipping_ = false;
  bool after_digit_ = false;  // while skipping: is the byte before read_ a digit
  std::int64_t malformed_ = 0;
};

// One request as the proxy logged it. The client's address is never read. The views last until the
// next Parse of the same parser.
struct ProxyLogLine {
  std::string_view backend;      // empty in the format without `b`
  std::string_view server;       // empty: no server was chosen (`<NOSRV>`)
  std::string_view route;        // first path segment, at most kMaxRouteBytes; `/` for the root
  std::int32_t status = -1;      // -1: none was sent
  std::int64_t latency_us = -1;  // from the request's headers to its end; -1: not known
  std::int64_t end_us = -1;      // since 1970 by the proxy's clock; -1: not known
  std::int64_t counter = -1;     // of the proxy's requests; -1: not known
  std::int64_t process = 0;      // the proxy's process id
  std::string_view host;         // the proxy's, at most kMaxHostBytes; empty: not known
  bool error = false;            // IsServerError
};

inline constexpr std::size_t kMaxRouteBytes = 64;
inline constexpr std::size_t kMaxHostBytes = 64;  // Linux allows no longer name

// Was it the server's failure? `state` is HAProxy's termination state (configuration.txt §8.5),
// first character: S the server aborted or refused, s it timed out: a failure whatever the status,
// which is -1 or 0 where no answer was sent. C or c: the client left or timed out. A request that
// its client abandoned still counts as a request, with the time it had taken by then (a lower
// bound), but it is not the server's failure: the 503 that HAProxy then notes (`CC`, `CQ`) is its
// own. Only when the server's headers had come (second character D or L) is the status the
// server's, and counts. In every other state a status of 500 and above is a failure.
[[nodiscard]] bool IsServerError(std::int32_t status, std::string_view state);

// Reads a message: RFC 5424 header, then one JSON object whose values are quoted. Fields: `s`
// server (needed), `b` backend, `st` status, `us` microseconds from request to end, `e` end
// (microseconds since 1970) or else `t` start (`seconds.milliseconds`; end = t + us), `r` route,
// `ts` termination state, `n` request counter, `h` the
// proxy's host; others are skipped. A sample that is `-`, empty or
// missing is not known. Bytes that JSON does not allow (not UTF-8, control characters, HAProxy's
// `\]`) cost the byte, not the line. Not thread-safe; allocates nothing for lines no longer than
// earlier ones.
class ProxyLogParser {
 public:
  ProxyLogParser();
  ~ProxyLogParser();
  ProxyLogParser(const ProxyLogParser&) = delete;
  ProxyLogParser& operator=(const ProxyLogParser&) = delete;

  // Error: kInvalidArgument, naming the field or what is wrong with the whole.
  Result<ProxyLogLine> Parse(std::string_view message);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace auspex::telemetry
