#include "auspex/api/beast/transport.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace auspex::api::beast {
namespace {

constexpr auto kAwait = net::as_tuple(net::use_awaitable);

}  // namespace

Transport::Transport(tcp::socket socket, std::shared_ptr<const TlsIdentity> identity)
    : socket_(std::move(socket)), identity_(std::move(identity)) {
  if (identity_) tls_.emplace(socket_, identity_->context().value);
}

net::awaitable<error_code> Transport::Handshake() {
  if (!tls_) co_return error_code();
  const auto [error] = co_await tls_->async_handshake(net::ssl::stream_base::server, kAwait);
  greeted_ = !error;
  co_return error;
}

net::awaitable<Transport::Got> Transport::ReadSome(net::mutable_buffer into) {
  if (tls_) {
    const auto [error, bytes] = co_await tls_->async_read_some(into, kAwait);
    co_return Got{error, bytes};
  }
  const auto [error, bytes] = co_await socket_.async_read_some(into, kAwait);
  co_return Got{error, bytes};
}

net::awaitable<error_code> Transport::Write(std::string_view text) {
  if (tls_) {
    const auto [error, bytes] = co_await net::async_write(*tls_, net::buffer(text), kAwait);
    co_return error;
  }
  const auto [error, bytes] = co_await net::async_write(socket_, net::buffer(text), kAwait);
  co_return error;
}

net::awaitable<void> Transport::End() {
  if (tls_ && greeted_) {
    // As if the peer's farewell were there already: ours goes out, and none is waited for.
    SSL* ssl = tls_->native_handle();
    SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
    const auto [error] = co_await tls_->async_shutdown(kAwait);
    static_cast<void>(error);
  }
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

bool IsPlainHttp(const error_code& handshake) {
  return handshake.category() == net::error::get_ssl_category() &&
         ERR_GET_REASON(static_cast<unsigned long>(handshake.value())) == SSL_R_HTTP_REQUEST;
}

}  // namespace auspex::api::beast
