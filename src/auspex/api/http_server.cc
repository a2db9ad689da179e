#include "auspex/api/http_server.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "auspex/api/beast/session.h"

namespace auspex::api {
namespace {

namespace net = boost::asio;
using beast::Session;
using boost::system::error_code;
using net::ip::tcp;

// Errors come back as values.
constexpr auto kAwait = net::as_tuple(net::use_awaitable);

// Connections beyond the limit that are told so; those beyond these are closed without a word.
constexpr std::size_t kTurnedAwayAtOnce = 64;
constexpr auto kAcceptPause = 100ms;

std::optional<net::ip::address> ParseAddress(const std::string& address) {
  std::string text = address == "localhost" ? "127.0.0.1" : address;
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  error_code error;
  const auto parsed = net::ip::make_address(text, error);
  if (error) return std::nullopt;
  return parsed;
}

Status CheckOptions(const ServerOptions& options) {
  const ServerLimits& limits = options.limits;
  if (limits.workers == 0 || limits.connections == 0) {
    return Fail(ErrorCode::kInvalidArgument, "{} workers and {} connections: take at least 1",
                limits.workers, limits.connections);
  }
  const bool guarded =
      options.tls != nullptr && options.gate != nullptr && options.gate->AsksForTokens();
  if (guarded || IsLoopbackAddress(options.address)) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "cannot listen on '{}': beyond loopback this server listens only with both TLS and "
              "tokens; set both, or use 127.0.0.1, ::1 or localhost",
              options.address);
}

}  // namespace

bool IsAddress(const std::string& address) { return ParseAddress(address).has_value(); }

bool IsLoopbackAddress(const std::string& address) {
  const auto parsed = ParseAddress(address);
  return parsed && parsed->is_loopback();
}

class HttpServer::Impl {
 public:
  Impl(const ServerOptions& options, Handler handler, const Logger& log)
      : core_(options, std::move(handler), log) {}

  Status Listen(const tcp::endpoint& endpoint);
  void Run();
  void Stop();
  void ReplaceTls(std::shared_ptr<const TlsIdentity> tls);
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void StopOnce();
  void Drain();
  net::awaitable<void> Accept();
  void Admit(tcp::socket socket);
  bool CloseIdlest();

  beast::Core core_;
  std::uint16_t port_ = 0;
  std::once_flag stopped_;
  std::promise<void> ended_;
  std::thread thread_;
};

Status HttpServer::Impl::Listen(const tcp::endpoint& endpoint) {
  const std::string where = beast::ToText(endpoint);
  tcp::acceptor& acceptor = core_.acceptor;
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  // Past connections of a server before us, still in TIME_WAIT, do not hold the port.
  if (!error) acceptor.set_option(net::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor.local_endpoint(error).port();
  if (!error) return {};
  if (error == net::error::address_in_use) {
    return Fail(ErrorCode::kUnavailable,
                "{} is in use by another program: stop it, or listen on another port", where);
  }
  const bool denied = error == net::error::access_denied;
  return Fail(denied ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable,
              "cannot listen on {}: {}{}", where, error.message(),
              denied ? "; take a port from 1024 up" : "");
}

void HttpServer::Impl::Run() {
  net::co_spawn(core_.io, Accept(), [this](const std::exception_ptr& failed) {
    if (failed) core_.log.Error("http_accept_failed");
  });
  thread_ = std::thread([this] {
    core_.io.run();  // ends with the acceptor and the last session
    ended_.set_value();
  });
}

net::awaitable<void> HttpServer::Impl::Accept() {
  while (!core_.stopping) {
    auto [error, socket] = co_await core_.acceptor.async_accept(kAwait);
    if (core_.stopping) break;
    if (!error) {
      Admit(std::move(socket));
      continue;
    }
    // Mostly out of file descriptors: wait until some connection ends.
    core_.log.Warn("http_accept_failed", {{"what", error.message()}});
    core_.accept_pause.expires_after(kAcceptPause);
    const auto [cut_short] = co_await core_.accept_pause.async_wait(kAwait);
    static_cast<void>(cut_short);
  }
}

void HttpServer::Impl::Admit(tcp::socket socket) {
  const bool admitted = core_.admitted < core_.limits.connections || CloseIdlest();
  if (!admitted && core_.sessions.size() - core_.admitted >= kTurnedAwayAtOnce) return;
  const auto session = std::make_shared<Session>(core_, std::move(socket));
  core_.sessions.insert(session);
  if (admitted) ++core_.admitted;
  auto work = admitted ? session->Serve() : session->TurnAway();
  net::co_spawn(core_.io, std::move(work),
                [this, session, admitted](const std::exception_ptr& failed) {
                  if (failed) core_.log.Error("http_session_failed");
                  session->Close();
                  core_.sessions.erase(session);
                  if (admitted) --core_.admitted;
                });
}

// Makes room for a connection that may have something to say.
bool HttpServer::Impl::CloseIdlest() {
  const MonotonicTime now = RealClock().Now();
  const auto since = [now](const std::shared_ptr<Session>& session) {
    return session->idle_since().value_or(now);
  };
  const auto idlest =
      std::min_element(core_.sessions.begin(), core_.sessions.end(),
                       [&](const auto& a, const auto& b) { return since(a) < since(b); });
  if (idlest == core_.sessions.end() || now - since(*idlest) < core_.limits.least_idle)
    return false;
  (*idlest)->Drain();
  return true;
}

void HttpServer::Impl::ReplaceTls(std::shared_ptr<const TlsIdentity> tls) {
  net::post(core_.io, [this, tls = std::move(tls)]() mutable { core_.tls = std::move(tls); });
}

void HttpServer::Impl::Stop() {
  std::call_once(stopped_, [this] { StopOnce(); });
}

void HttpServer::Impl::StopOnce() {
  try {
    Drain();
  } catch (const std::exception&) {  // no memory left to post with: all ends at once
    core_.aborted = true;
    core_.io.stop();
  }
  thread_.join();
  core_.workers.join();
}

// Lets what is under way end, up to the deadline.
void HttpServer::Impl::Drain() {
  net::post(core_.io, [this] {
    core_.stopping = true;
    error_code ignored;
    core_.acceptor.close(ignored);
    core_.accept_pause.cancel();
    for (const auto& session : core_.sessions) session->Drain();
  });
  const auto ended = ended_.get_future();
  if (ended.wait_for(core_.limits.stop_deadline) != std::future_status::ready) {
    core_.aborted = true;
    net::post(core_.io, [this] {
      for (const auto& session : core_.sessions) session->Close();
    });
  }
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { Stop(); }

std::uint16_t HttpServer::port() const { return impl_->port(); }

void HttpServer::Stop() { impl_->Stop(); }

void HttpServer::ReplaceTls(std::shared_ptr<const TlsIdentity> tls) {
  assert(tls != nullptr);
  impl_->ReplaceTls(std::move(tls));
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const ServerOptions& options, Handler handler,
                                                      const Logger& log) {
  AUSPEX_TRY(CheckOptions(options));
  const auto address = ParseAddress(options.address);
  if (!address) {
    return Fail(ErrorCode::kInvalidArgument, "cannot listen on '{}': it is no address of a network",
                options.address);
  }
  try {
    auto impl = std::make_unique<Impl>(options, std::move(handler), log);
    AUSPEX_TRY(impl->Listen(tcp::endpoint(*address, options.port)));
    impl->Run();
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
  } catch (const std::exception& exception) {  // no threads or no descriptors left
    return Fail(ErrorCode::kUnavailable, "cannot start the HTTP server: {}", exception.what());
  }
}

}  // namespace auspex::api
