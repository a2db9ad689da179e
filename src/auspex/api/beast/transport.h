#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "auspex/api/beast/tls_context.h"

namespace auspex::api::beast {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

// A connection's bytes, in the clear or under TLS. One read and one write may be under way at once.
// Ends what goes on where the socket is cancelled or closed. On the network thread only.
class Transport {
 public:
  struct Got {
    error_code error;
    std::size_t bytes = 0;
  };

  // `identity` null: in the clear.
  Transport(tcp::socket socket, std::shared_ptr<const TlsIdentity> identity);

  // First of all; in the clear it does nothing.
  net::awaitable<error_code> Handshake();
  // At least one byte, or an error.
  net::awaitable<Got> ReadSome(net::mutable_buffer into);
  // All of it.
  net::awaitable<error_code> Write(std::string_view text);
  // Says that no more will be written; does not wait for the peer to say so. Again: nothing.
  net::awaitable<void> End();

  // Past TLS: for options, deadlines, and for reading what is thrown away.
  [[nodiscard]] tcp::socket& socket() { return socket_; }

 private:
  tcp::socket socket_;
  const std::shared_ptr<const TlsIdentity> identity_;
  std::optional<net::ssl::stream<tcp::socket&>> tls_;
  bool greeted_ = false;  // the handshake is done
};

// Whether a handshake failed because the peer spoke HTTP in the clear.
[[nodiscard]] bool IsPlainHttp(const error_code& handshake);

}  // namespace auspex::api::beast
