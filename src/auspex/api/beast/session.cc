#include "auspex/api/beast/session.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "auspex/api/beast/request_text.h"
#include "auspex/api/problem.h"
#include "auspex/api/wire.h"

namespace auspex::api::beast {
namespace {

// Errors come back as values.
constexpr auto kAwait = net::as_tuple(net::use_awaitable);

constexpr auto kLinger = 2s;
constexpr auto kCancelAgain = 20ms;

std::string PeerOf(const tcp::socket& socket) {
  error_code error;
  const auto end = socket.remote_endpoint(error);
  return error ? "unknown" : ToText(end);
}

// Whether the call may go on, for all that its header tells.
std::optional<HttpReply> Screen(const Core& core, bool host_required, HttpCall* call) {
  const bool tokens = core.gate != nullptr && core.gate->AsksForTokens();
  auto refusal = tokens ? RefuseHosts(*call, host_required) : RefuseForeign(*call, host_required);
  if (refusal) return refusal;
  if (core.gate != nullptr) return core.gate->Admit(call);
  call->caller = {.name = "", .role = Role::kAdmin, .token = {}};
  return std::nullopt;
}

// Counts one while its call lives.
class LargeBody {
 public:
  explicit LargeBody(Core* core) : core_(core) {
    if (core_ != nullptr) ++core_->large_bodies;
  }
  ~LargeBody() {
    if (core_ != nullptr) --core_->large_bodies;
  }
  LargeBody(const LargeBody&) = delete;
  LargeBody& operator=(const LargeBody&) = delete;

 private:
  Core* core_;
};

}  // namespace

Core::Core(const ServerOptions& options, Handler answer, Logger logger)
    : limits(options.limits),
      gate(options.gate),
      handler(CatchExceptions(std::move(answer), logger)),
      log(std::move(logger)),
      tls(options.tls),
      workers(options.limits.workers) {}

std::string ToText(const tcp::endpoint& end) {
  const std::string address = end.address().to_string();
  return end.address().is_v6() ? fmt::format("[{}]:{}", address, end.port())
                               : fmt::format("{}:{}", address, end.port());
}

Session::Session(Core& core, tcp::socket socket)
    : core_(core),
      transport_(std::move(socket), core.tls),
      timer_(core.io),
      wake_(core.io),
      peer_(PeerOf(transport_.socket())),
      buffer_(core.limits.header_bytes + kReadAhead) {}

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
    self->transport_.socket().cancel(ignored);
    // An operation made of several reads may be between two, where there is nothing to cancel.
    self->timer_.expires_after(kCancelAgain);
    self->AwaitDeadline();
  });
}

void Session::Close() {
  error_code ignored;
  transport_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  transport_.socket().close(ignored);
  timer_.cancel();
  wake_.cancel();
}

void Session::Drain() {
  error_code ignored;
  if (idle_since_) transport_.socket().cancel(ignored);
  idle_since_.reset();
  wake_.cancel();
}

// The handshake, where there is one.
net::awaitable<bool> Session::Greet() {
  error_code ignored;
  transport_.socket().set_option(tcp::no_delay(true), ignored);
  idle_since_ = RealClock().Now();
  Arm(core_.limits.header_deadline);
  const error_code error = co_await transport_.Handshake();
  idle_since_.reset();
  if (IsPlainHttp(error)) {
    // In the clear, as the question was.
    const HttpReply reply = Problem(400, "this port speaks TLS: use https://");
    const std::string text = RenderHead(reply, false, RealClock().Wall()) + reply.body;
    transport_.socket().write_some(net::buffer(text), ignored);
    co_await Linger();
  }
  co_return !error && !core_.stopping;
}

net::awaitable<void> Session::Serve() {
  const bool greeted = co_await Greet();
  while (greeted && !core_.stopping) {
    const bool asked = co_await AwaitFirstByte();
    if (!asked) break;
    fresh_ = false;
    const bool goes_on = co_await ServeOne();
    if (!goes_on) break;
  }
  if (greeted && !stuck_) {
    Arm(kLinger);
    co_await transport_.End();
  }
  Close();
}

net::awaitable<void> Session::TurnAway() {
  turned_away_ = true;
  const bool greeted = co_await Greet();
  if (greeted) {
    co_await Refuse(Busy(fmt::format("all {} connections are taken; close one, or retry",
                                     core_.limits.connections)));
  }
  Close();
}

// One request and its answer. False: the connection ends.
net::awaitable<bool> Session::ServeOne() {
  Parser parser;
  const error_code unread = co_await ReadHeader(parser);
  if (unread) co_return co_await RefuseUnread(ReadProblem(unread, late_, LimitsOf(parser)));
  auto call = ToCall(parser.get(), peer_);
  std::optional<HttpReply> refusal;
  if (!call.ok()) refusal = Problem(400, call.error().message);
  if (call.ok()) refusal = Screen(core_, parser.get().version() >= 11, &*call);
  bool large = false;
  if (!refusal) refusal = AdmitBody(&parser, &large);
  const LargeBody counted(large && !refusal ? &core_ : nullptr);
  // What is refused is refused before its body has cost us anything.
  if (refusal && !parser.is_done()) co_return co_await RefuseUnread(refusal);
  if (!parser.is_done()) {
    const error_code error = co_await ReadBody(parser);
    if (error) co_return co_await RefuseUnread(ReadProblem(error, late_, LimitsOf(parser)));
  }
  Disarm();
  const bool head_only = parser.get().method() == http::verb::head;
  const bool wants_more = parser.keep_alive();
  if (refusal) co_return co_await Reply(*std::move(refusal), wants_more, head_only);
  call->body = std::move(parser.get().body());
  HttpReply reply = co_await Answer(*call);
  caller_ = std::move(call->caller);
  co_return co_await Reply(std::move(reply), wants_more, head_only);
}

net::awaitable<bool> Session::Reply(HttpReply reply, bool wants_more, bool head_only) {
  const bool keep_alive = wants_more && !core_.stopping && !reply.events;
  if (!head_only) stream_ = reply.events;
  const bool written = co_await Write(reply, keep_alive, head_only);
  if (written && stream_) co_await Stream();
  co_return written&& keep_alive;
}

net::awaitable<bool> Session::RefuseUnread(const std::optional<HttpReply>& problem) {
  if (problem) co_await Refuse(*problem);
  co_return false;
}

net::awaitable<void> Session::Refuse(const HttpReply& reply) {
  const bool written = co_await Write(reply, false, false);
  if (written) co_await Linger();
}

net::awaitable<HttpReply> Session::Answer(const HttpCall& call) {
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
  const error_code error = co_await transport_.Write(text);
  stuck_ = static_cast<bool>(error);
  co_return !error;
}

net::awaitable<bool> Session::Write(const HttpReply& reply, bool keep_alive, bool head_only) {
  std::string text = RenderHead(reply, keep_alive, RealClock().Wall());
  const bool with_body = !head_only && !reply.events && reply.status != 204 && reply.status != 304;
  if (with_body) text += reply.body;
  co_return co_await WriteText(text);
}

// Closing with unread bytes resets the connection, and the peer may lose the answer.
net::awaitable<void> Session::Linger() {
  lingers_ = true;
  Arm(kLinger);
  co_await transport_.End();
  idle_since_ = RealClock().Now();
  while (!core_.stopping && !late_) {
    const auto [error, size] =
        co_await transport_.socket().async_read_some(net::buffer(scratch_), kAwait);
    if (error) break;
  }
  idle_since_.reset();
}

}  // namespace auspex::api::beast
