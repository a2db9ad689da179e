#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "auspex/api/beast/request_text.h"
#include "auspex/api/beast/transport.h"
#include "auspex/api/http_server.h"

namespace auspex::api::beast {

class Session;

// What the connections of a server share. Touched on the network thread only, save where another is
// named.
struct Core {
  Core(const ServerOptions& options, Handler answer, Logger logger);

  const ServerLimits limits;
  const std::shared_ptr<Gate> gate;  // may be null
  const Handler handler;             // called by workers; throws nothing
  const Logger log;                  // by all
  std::shared_ptr<const TlsIdentity> tls;
  net::io_context io{1};
  tcp::acceptor acceptor{io};
  net::steady_timer accept_pause{io};
  std::set<std::shared_ptr<Session>> sessions;
  std::size_t admitted = 0;
  std::size_t calls = 0;  // running or waiting for a worker
  std::size_t large_bodies = 0;
  bool stopping = false;
  std::atomic<bool> aborted = false;  // read by workers: start no more handlers
  net::thread_pool workers;           // last: it ends first
};

// "127.0.0.1:8400", "[::1]:8400".
[[nodiscard]] std::string ToText(const tcp::endpoint& end);

// One connection. Lives on the network thread.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Core& core, tcp::socket socket);

  net::awaitable<void> Serve();
  // For a connection over the limit: says so and closes.
  net::awaitable<void> TurnAway();
  // Stop: an idle connection or a stream ends now, an answer under way ends the connection.
  void Drain();
  void Close();

  // Since when it has waited for the peer to begin; nothing while something is under way, nor of
  // one that is turned away: closing it would make no room.
  [[nodiscard]] std::optional<MonotonicTime> idle_since() const {
    return lingers_ || turned_away_ ? std::nullopt : idle_since_;
  }

 private:
  // Room for pipelined requests behind a header.
  static constexpr std::size_t kReadAhead = 64 * 1024;

  // Cancels what the socket does after `limit`, until armed anew or disarmed.
  void Arm(Duration limit);
  void AwaitDeadline();
  void Disarm() { timer_.expires_at(net::steady_timer::time_point::max()); }
  net::awaitable<bool> Greet();
  net::awaitable<bool> AwaitFirstByte();
  net::awaitable<error_code> Fill();
  template <typename Done>
  net::awaitable<error_code> Parse(Parser& parser, Done done);
  net::awaitable<error_code> ReadHeader(Parser& parser);
  [[nodiscard]] ServerLimits LimitsOf(const Parser& parser) const;
  [[nodiscard]] std::optional<HttpReply> AdmitBody(Parser* parser, bool* large) const;
  net::awaitable<error_code> ReadBody(Parser& parser);
  net::awaitable<bool> ServeOne();
  net::awaitable<bool> Reply(HttpReply reply, bool wants_more, bool head_only);
  net::awaitable<HttpReply> Answer(const HttpCall& call);
  net::awaitable<HttpReply> OnWorker(const HttpCall& call);
  net::awaitable<bool> Write(const HttpReply& reply, bool keep_alive, bool head_only);
  net::awaitable<bool> WriteText(std::string_view text);
  net::awaitable<void> Refuse(const HttpReply& reply);
  net::awaitable<bool> RefuseUnread(const std::optional<HttpReply>& problem);
  net::awaitable<void> Stream();
  net::awaitable<void> WatchPeer();
  net::awaitable<void> Linger();
  void Wake();

  Core& core_;
  Transport transport_;
  net::steady_timer timer_;  // the deadline of what goes on
  net::steady_timer wake_;   // of a stream: heartbeat, cut short by news
  const std::string peer_;
  boost::beast::flat_buffer buffer_;
  std::array<char, 1024> scratch_{};
  std::optional<EventSubscription> stream_;
  Caller caller_;                            // of the last call
  std::optional<MonotonicTime> idle_since_;  // set: nothing under way that Stop should wait for
  bool late_ = false;                        // the deadline passed
  bool stuck_ = false;                       // the last write failed
  bool fresh_ = true;                        // no request yet
  bool peer_gone_ = false;                   // of a stream
  bool lingers_ = false;                     // all is said; it waits for the peer to close
  bool turned_away_ = false;                 // one over the limit
};

}  // namespace auspex::api::beast
