// How a connection reads: bytes to requests.
#include <boost/beast/core/string.hpp>
#include <utility>

#include "auspex/api/beast/request_text.h"
#include "auspex/api/beast/session.h"

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
  parser.body_limit(core_.limits.body_bytes);
  Arm(core_.limits.header_deadline);
  co_return co_await Parse(parser, [&parser] { return parser.is_header_done(); });
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
