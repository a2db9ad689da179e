#include "auspex/api/http_server.h"

#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "auspex/api/problem.h"
#include "auspex/api/wire.h"

namespace auspex::api {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using net::ip::tcp;
using Request = http::request<http::string_body>;

// Errors come back as values.
constexpr auto kAwait = net::as_tuple(net::use_awaitable);

// What a stream's reader may leave in the kernel before it counts as slow.
constexpr int kStreamSendBytes = 64 * 1024;
// Connections beyond the limit that are told so; those beyond these are closed without a word.
constexpr std::size_t kTurnedAwayAtOnce = 64;
constexpr auto kLinger = 2s;
constexpr auto kAcceptPause = 100ms;
constexpr auto kCancelAgain = 20ms;

class Session;

// Touched on the io thread only, save where another is named.
struct Core {
  Core(const ServerOptions& options, Handler answer, Logger logger)
      : limits(options.limits),
        handler(CatchExceptions(std::move(answer), logger)),
        log(std::move(logger)),
        workers(options.limits.workers) {}

  const ServerLimits limits;
  const Handler handler;  // called by workers; throws nothing
  const Logger log;       // by all
  net::io_context io{1};
  tcp::acceptor acceptor{io};
  net::steady_timer accept_pause{io};
  std::set<std::shared_ptr<Session>> sessions;
  std::size_t admitted = 0;
  std::size_t calls = 0;  // running or waiting for a worker
  bool stopping = false;
  std::atomic<bool> aborted = false;  // read by workers: start no more handlers
  net::thread_pool workers;           // last: it ends first
};

std::string ToText(const tcp::endpoint& end) {
  const std::string address = end.address().to_string();
  return end.address().is_v6() ? fmt::format("[{}]:{}", address, end.port())
                               : fmt::format("{}:{}", address, end.port());
}

std::string PeerOf(const tcp::socket& socket) {
  error_code error;
  const auto end = socket.remote_endpoint(error);
  return error ? "unknown" : ToText(end);
}

HttpCall ToCall(Request&& request, std::string peer, Target target) {
  HttpCall call;
  call.method = std::string(request.method_string());
  call.path = std::move(target.path);
  call.query = std::move(target.query);
  call.peer = std::move(peer);
  for (const auto& field : request) {
    call.headers.emplace(std::string(field.name_string()), std::string(field.value()));
  }
  if (!target.authority.empty()) {
    // RFC 9112 §3.2.2: the absolute form overrides Host.
    call.headers.erase("Host");
    call.headers.emplace("Host", std::move(target.authority));
  }
  call.body = std::move(request.body());
  return call;
}

// The answer to a request that could not be read; nothing where nobody is left to read it.
std::optional<HttpReply> ReadProblem(const error_code& error, bool late,
                                     const ServerLimits& limits) {
  if (late) return Problem(408, "the request did not arrive in time");
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Problem(431, fmt::format("a header may have {} bytes", limits.header_bytes));
  }
  if (error == http::error::body_limit) {
    return Problem(413, fmt::format("a body may have {} bytes", limits.body_bytes));
  }
  const bool gone = error == http::error::end_of_stream || error == http::error::partial_message;
  const error_code any_of_http = http::error::end_of_stream;
  if (gone || error.category() != any_of_http.category()) return std::nullopt;
  return Problem(400, fmt::format("this is not HTTP/1.1: {}", error.message()));
}

// One connection. Lives on the io thread.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Core& core, tcp::socket socket)
      : core_(core),
        socket_(std::move(socket)),
        timer_(core.io),
        wake_(core.io),
        peer_(PeerOf(socket_)),
        buffer_(core.limits.header_bytes + kReadAhead) {}

  net::awaitable<void> Serve();
  // For a connection over the limit: says so and closes.
  net::awaitable<void> TurnAway();
  // Stop: an idle connection or a stream ends now, an answer under way ends the connection.
  void Drain();
  void Close();

 private:
  // Room for pipelined requests behind a header.
  static constexpr std::size_t kReadAhead = 64 * 1024;

  // Cancels what the socket does after `limit`, until armed anew or disarmed.
  void Arm(Duration limit);
  void AwaitDeadline();
  void Disarm() { timer_.expires_at(net::steady_timer::time_point::max()); }
  net::awaitable<bool> AwaitFirstByte();
  net::awaitable<error_code> Read(http::request_parser<http::string_body>& parser);
  net::awaitable<HttpReply> Answer(Request request);
  net::awaitable<HttpReply> OnWorker(const HttpCall& call);
  net::awaitable<bool> Write(HttpReply reply, bool keep_alive, bool head_only);
  net::awaitable<bool> WriteText(std::string_view text);
  net::awaitable<void> Refuse(HttpReply reply);
  net::awaitable<void> Stream();
  net::awaitable<void> Linger();
  void WatchPeer();
  void Wake();

  Core& core_;
  tcp::socket socket_;
  net::steady_timer timer_;  // the deadline of what goes on
  net::steady_timer wake_;   // of a stream: heartbeat, cut short by news
  const std::string peer_;
  boost::beast::flat_buffer buffer_;
  std::array<char, 1024> scratch_{};
  std::optional<EventSubscription> stream_;
  bool late_ = false;       // the deadline passed
  bool idle_ = false;       // nothing under way that Stop should wait for
  bool fresh_ = true;       // no request yet
  bool peer_gone_ = false;  // of a stream
};

void Session::Arm(Duration limit) {
  late_ = false;
  timer_.expires_after(limit);
  AwaitDeadline();
}

void Session::AwaitDeadline() {
  timer_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    // A wait that ended just before it was armed anew comes here all the same.
    if (error || !self || self->timer_.expiry() > std::chrono::steady_clock::now()) return;
    self->late_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
    // An operation made of several reads may be between two, where there is nothing to cancel.
    self->timer_.expires_after(kCancelAgain);
    self->AwaitDeadline();
  });
}

void Session::Close() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  timer_.cancel();
  wake_.cancel();
}

void Session::Drain() {
  error_code ignored;
  if (idle_) socket_.cancel(ignored);
  wake_.cancel();
}

net::awaitable<bool> Session::AwaitFirstByte() {
  if (buffer_.size() > 0) co_return true;
  idle_ = true;
  Arm(fresh_ ? core_.limits.header_deadline : core_.limits.idle_deadline);
  const auto [error] = co_await socket_.async_wait(tcp::socket::wait_read, kAwait);
  idle_ = false;
  co_return !error && !core_.stopping;
}

net::awaitable<error_code> Session::Read(http::request_parser<http::string_body>& parser) {
  parser.header_limit(static_cast<std::uint32_t>(core_.limits.header_bytes));
  parser.body_limit(core_.limits.body_bytes);
  Arm(core_.limits.header_deadline);
  const auto [failed, read] = co_await http::async_read_header(socket_, buffer_, parser, kAwait);
  if (failed || parser.is_done()) co_return failed;
  Arm(core_.limits.body_deadline);
  if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto [unsent, sent] = co_await net::async_write(socket_, net::buffer(kContinue), kAwait);
    if (unsent) co_return unsent;
  }
  const auto [error, size] = co_await http::async_read(socket_, buffer_, parser, kAwait);
  co_return error;
}

net::awaitable<void> Session::Serve() {
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  while (!core_.stopping && co_await AwaitFirstByte()) {
    fresh_ = false;
    http::request_parser<http::string_body> parser;
    const error_code error = co_await Read(parser);
    if (error) {
      auto problem = ReadProblem(error, late_, core_.limits);
      if (problem) co_await Refuse(*std::move(problem));
      break;
    }
    Disarm();
    const bool head_only = parser.get().method() == http::verb::head;
    const bool wants_more = parser.keep_alive();
    HttpReply reply = co_await Answer(parser.release());
    const bool keep_alive = wants_more && !core_.stopping && !reply.events;
    if (!head_only) stream_ = reply.events;
    const bool written = co_await Write(std::move(reply), keep_alive, head_only);
    if (written && stream_) co_await Stream();
    if (!written || !keep_alive) break;
  }
  Close();
}

net::awaitable<void> Session::TurnAway() {
  co_await Refuse(Busy(
      fmt::format("all {} connections are taken; close one, or retry", core_.limits.connections)));
  Close();
}

net::awaitable<void> Session::Refuse(HttpReply reply) {
  const bool written = co_await Write(std::move(reply), false, false);
  if (written) co_await Linger();
}

net::awaitable<HttpReply> Session::Answer(Request request) {
  auto target = ParseTarget(request.target());
  if (!target.ok()) co_return Problem(400, target.error().message);
  const bool host_required = request.version() >= 11;
  const HttpCall call = ToCall(std::move(request), peer_, *std::move(target));
  auto refusal = RefuseForeign(call, host_required);
  if (refusal) co_return *std::move(refusal);
  if (core_.calls >= core_.limits.workers + core_.limits.waiting_calls) {
    co_return Busy("too many requests wait for an answer; retry");
  }
  ++core_.calls;
  HttpReply reply = co_await OnWorker(call);
  --core_.calls;
  co_return reply;
}

net::awaitable<HttpReply> Session::OnWorker(const HttpCall& call) {
  const auto start = [this, &call](auto done) {
    // The guard keeps the io thread there for the answer.
    net::post(core_.workers, [this, &call, done = std::move(done),
                              guard = net::make_work_guard(core_.io)]() mutable {
      HttpReply reply = core_.aborted ? Busy("the server is stopping") : core_.handler(call);
      net::post(core_.io, [done = std::move(done), reply = std::move(reply)]() mutable {
        std::move(done)(std::move(reply));
      });
    });
  };
  return net::async_initiate<const net::use_awaitable_t<>, void(HttpReply)>(start,
                                                                            net::use_awaitable);
}

net::awaitable<bool> Session::WriteText(std::string_view text) {
  Arm(core_.limits.write_deadline);
  const auto [error, size] = co_await net::async_write(socket_, net::buffer(text), kAwait);
  co_return !error;
}

net::awaitable<bool> Session::Write(HttpReply reply, bool keep_alive, bool head_only) {
  std::string text = RenderHead(reply, keep_alive, RealClock().Wall());
  const bool with_body = !head_only && !reply.events && reply.status != 204 && reply.status != 304;
  if (with_body) text += reply.body;
  co_return co_await WriteText(text);
}

net::awaitable<void> Session::Stream() {
  error_code ignored;
  socket_.set_option(net::socket_base::send_buffer_size(kStreamSendBytes), ignored);
  stream_->OnReady([weak = weak_from_this(), &io = core_.io] {
    net::post(io, [weak] {
      if (const auto self = weak.lock()) self->Wake();
    });
  });
  WatchPeer();
  while (!core_.stopping && !peer_gone_) {
    EventBatch batch = stream_->Take();
    if (batch.state != EventBatch::State::kOpen) break;
    if (batch.text.empty()) {
      Disarm();
      wake_.expires_after(core_.limits.heartbeat);
      const auto [cut_short] = co_await wake_.async_wait(kAwait);
      if (cut_short) continue;  // there is news, or an end
      batch.text = ":\n\n";
    }
    const bool written = co_await WriteText(batch.text);
    if (!written) break;
  }
  stream_->Close();
}

void Session::Wake() {
  wake_.cancel();
  if (stream_->state() != EventBatch::State::kTooSlow || !socket_.is_open()) return;
  core_.log.Warn("event_reader_too_slow", {{"peer", peer_}});
  // The write that waits for this reader must not hold the connection until its deadline.
  Close();
}

// A stream only writes: this finds out at once when its reader leaves.
void Session::WatchPeer() {
  socket_.async_read_some(net::buffer(scratch_),
                          [self = shared_from_this()](const error_code& error, std::size_t) {
                            if (!error) return self->WatchPeer();
                            self->peer_gone_ = true;
                            self->wake_.cancel();
                          });
}

// Closing with unread bytes resets the connection, and the peer may lose the answer.
net::awaitable<void> Session::Linger() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  idle_ = true;
  Arm(kLinger);
  while (!core_.stopping && !late_) {
    const auto [error, size] = co_await socket_.async_read_some(net::buffer(scratch_), kAwait);
    if (error) break;
  }
}

Result<tcp::endpoint> ToEndpoint(const ServerOptions& options) {
  std::string text = options.address == "localhost" ? "127.0.0.1" : options.address;
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  error_code error;
  const auto address = net::ip::make_address(text, error);
  if (error || !address.is_loopback()) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "cannot listen on '{}': this server listens on loopback only; use 127.0.0.1, ::1 or "
        "localhost, and put a proxy with TLS and a login in front for other machines",
        options.address);
  }
  return tcp::endpoint(address, options.port);
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const ServerOptions& options, Handler handler, const Logger& log)
      : core_(options, std::move(handler), log) {}

  Status Listen(const tcp::endpoint& endpoint);
  void Run();
  void Stop();
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void StopOnce();
  net::awaitable<void> Accept();
  void Admit(tcp::socket socket);

  Core core_;
  std::uint16_t port_ = 0;
  std::once_flag stopped_;
  std::promise<void> ended_;
  std::thread thread_;
};

Status HttpServer::Impl::Listen(const tcp::endpoint& endpoint) {
  const std::string where = ToText(endpoint);
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
  const bool admitted = core_.admitted < core_.limits.connections;
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

void HttpServer::Impl::Stop() {
  std::call_once(stopped_, [this] { StopOnce(); });
}

void HttpServer::Impl::StopOnce() {
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
  thread_.join();
  core_.workers.join();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { Stop(); }

std::uint16_t HttpServer::port() const { return impl_->port(); }

void HttpServer::Stop() { impl_->Stop(); }

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const ServerOptions& options, Handler handler,
                                                      const Logger& log) {
  AUSPEX_TRY(const tcp::endpoint endpoint, ToEndpoint(options));
  const ServerLimits& limits = options.limits;
  if (limits.workers == 0 || limits.connections == 0) {
    return Fail(ErrorCode::kInvalidArgument, "{} workers and {} connections: take at least 1",
                limits.workers, limits.connections);
  }
  try {
    auto impl = std::make_unique<Impl>(options, std::move(handler), log);
    AUSPEX_TRY(impl->Listen(endpoint));
    impl->Run();
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
  } catch (const std::exception& exception) {  // no threads or no descriptors left
    return Fail(ErrorCode::kUnavailable, "cannot start the HTTP server: {}", exception.what());
  }
}

}  // namespace auspex::api
