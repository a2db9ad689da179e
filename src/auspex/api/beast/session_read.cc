// How a connection reads: bytes to requests.
#include <boost/beast/core/string.hpp>
#include <utility>

#include "auspex/api/beast/request_text.h"
#include "auspex/api/beast/session.h"
#include "auspex/api/problem.h"

namespace auspex::api::beast {
namespace {

// One read; TLS records have at most 16 KiB.
constexpr std::size_t kReadBytes = 16 * 1024;

}  // namespace

// Adds at least a byte to the buffer. The end of the connection is net::error::eof, also where TLS
// ended without a farewell: HTTP says by itself what is whole.
net::awaitable<error_code> Session::Fill() {
  const std::size_t room = buffer_.max_size() - buffer_.size();
  if (room == 0) co_return error_code(http::error::buffer_overflow);
  const auto got = co_await transport_.ReadSome(buffer_.prepare(std::min(room, kReadBytes)));
  buffer_.commit(got.bytes);
  const bool truncated = got.error == net::ssl::error::stream_truncated;
  co_return truncated ? error_code(net::error::eof) : got.error;
}

net::awaitable<bool> Session::AwaitFirstByte() {
  if (buffer_.size() > 0) co_return true;
  idle_since_ = RealClock().Now();
  Arm(fresh_ ? core_.limits.header_deadline : core_.limits.idle_deadline);
  const error_code error = co_await Fill();
  idle_since_.reset();
  co_return !error && !core_.stopping;
}

// Feeds the parser until `done` is true of it; what is beyond stays in the buffer.
template <typename Done>
net::awaitable<error_code> Session::Parse(Parser& parser, Done done) {
  while (!done()) {
    error_code error = http::error::need_more;
    if (buffer_.size() > 0) {
      buffer_.consume(parser.put(buffer_.data(), error));
    }
    if (error == http::error::need_more) error = co_await Fill();
    if (error == net::error::eof) {
      if (!parser.got_some()) co_return error_code(http::error::end_of_stream);
      error = {};
      parser.put_eof(error);
    }
    if (error) co_return error;
  }
  co_return error_code();
}

net::awaitable<error_code> Session::ReadHeader(Parser& parser) {
  parser.header_limit(static_cast<std::uint32_t>(core_.limits.header_bytes));
  const ServerLimits& limits = core_.limits;
  parser.body_limit(limits.large_under.empty()
                        ? limits.body_bytes
                        : std::max(limits.body_bytes, limits.large_body_bytes));
  Arm(core_.limits.header_deadline);
  co_return co_await Parse(parser, [&parser] { return parser.is_header_done(); });
}

// What this call's body may be, once its target is known.
ServerLimits Session::LimitsOf(const Parser& parser) const {
  ServerLimits limits = core_.limits;
  const std::string_view target(parser.get().target().data(), parser.get().target().size());
  if (!limits.large_under.empty() && target.starts_with(limits.large_under))
    limits.body_bytes = limits.large_body_bytes;
  return limits;
}

// The refusal of a body that is too large, by what its header says. `large`: it may have more than
// others, and counts until its call is answered.
std::optional<HttpReply> Session::AdmitBody(Parser* parser, bool* large) const {
  const ServerLimits limits = LimitsOf(*parser);
  const auto length = parser->content_length();
  if (length && *length > limits.body_bytes)
    return ReadProblem(http::error::body_limit, false, limits);
  parser->body_limit(limits.body_bytes);
  *large = limits.body_bytes > core_.limits.body_bytes &&
           (parser->chunked() || (length && *length > core_.limits.body_bytes));
  if (!*large || core_.large_bodies < core_.limits.large_bodies) return std::nullopt;
  return Busy(fmt::format("{} large bodies are being read; retry", core_.large_bodies));
}

net::awaitable<error_code> Session::ReadBody(Parser& parser) {
  parser.eager(true);
  Arm(core_.limits.body_deadline);
  if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    const error_code unsent = co_await transport_.Write("HTTP/1.1 100 Continue\r\n\r\n");
    if (unsent) co_return unsent;
  }
  co_return co_await Parse(parser, [&parser] { return parser.is_done(); });
}

}  // namespace auspex::api::beast
