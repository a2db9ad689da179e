#include "auspex/telemetry/sources/proxy_log.h"

#include <fmt/format.h>

#include <utility>

#include "auspex/telemetry/sources/feed_receiver.h"
#include "auspex/telemetry/sources/request_counter.h"
#include "auspex/telemetry/sources/tcp_feed.h"
#include "auspex/telemetry/sources/udp_feed.h"

namespace auspex::telemetry {

static_assert(ProxyLog::kMaxConnections == kMaxFeedConnections);

namespace {

std::string LogLine(const FeedAddress& address) {
  const std::string target =
      address.transport == FeedTransport::kTcp
          ? "ring@auspex"
          : fmt::format("{}:{} len 2048 format rfc5424", address.address, address.port);
  return fmt::format("log {} local0", target);
}

}  // namespace

ProxyLog::ProxyLog(Address address, std::unique_ptr<FeedReceiver> receiver)
    : address_(std::move(address)), receiver_(std::move(receiver)) {
  address_.port = receiver_->port();
}
ProxyLog::~ProxyLog() = default;

Result<std::unique_ptr<ProxyLog>> ProxyLog::Listen(const Address& address, const Logger& log) {
  AUSPEX_TRY(std::unique_ptr<FeedReceiver> receiver, address.transport == FeedTransport::kTcp
                                                         ? ListenTcp(address, log)
                                                         : ListenUdp(address, log));
  return std::unique_ptr<ProxyLog>(new ProxyLog(address, std::move(receiver)));
}

Status ProxyLog::Start() { return receiver_->Start(); }
void ProxyLog::Stop() { receiver_->Stop(); }
std::uint16_t ProxyLog::port() const { return receiver_->port(); }
void ProxyLog::Track(const ServerKey& server) { receiver_->counter().Track(server); }
void ProxyLog::Forget(const ServerKey& server) { receiver_->counter().Forget(server); }
void ProxyLog::SetEdges(const ServerKey& server, const Edges& edges) {
  receiver_->counter().SetEdges(server, edges);
}
ServerTick ProxyLog::Take(const ServerKey& server, std::optional<WallTime> until) {
  return receiver_->counter().Take(server, until);
}
std::int64_t ProxyLog::LinesOf(const ServerKey& server) const {
  return receiver_->counter().LinesOf(server);
}
std::int64_t ProxyLog::LinesHeard(const ServerKey& server) const {
  return receiver_->counter().LinesHeard(server);
}
std::int64_t ProxyLog::LinesFrom(std::string_view host, std::int64_t process) const {
  return receiver_->counter().LinesFrom(host, process);
}
FeedHealth ProxyLog::Health() const { return receiver_->counter().Health(); }

std::string ProxyLog::HowToConnect() const {
  const std::string where = fmt::format("{}:{}", address_.address, address_.port);
  if (address_.transport == FeedTransport::kUdp) {
    return fmt::format(
        " (no line came to udp://{0} for a minute; is there traffic, and does haproxy.cfg have "
        "`{1}` "
        "in its frontend, as `auspex check` prints it?)",
        where, LogLine(address_));
  }
  return fmt::format(
      " (no proxy has connected to tcp://{0}; does haproxy run, and does haproxy.cfg have `server "
      "auspex {0} log-proto octet-count` in `ring auspex` and `{1}` in its frontend, as `auspex "
      "check` prints them?)",
      where, LogLine(address_));
}

std::string ProxyLog::RingSection(const Address& address) {
  std::string counter =
      R"(# Numbers the requests, so that a lost line shows. (%rt numbers connections to the sockets too.)
backend auspex_counter
  stick-table type integer size 1 nopurge store gpc0
)";
  if (address.transport == FeedTransport::kUdp) return counter;
  return fmt::format(
      R"(# Requests for Auspex: kept in memory, sent over TCP, kept on while it is away.
ring auspex
  format rfc5424
  maxlen 2048
  size 33554432
  timeout connect 1s
  timeout server 10s
  server auspex {}:{} log-proto octet-count

{})",
      address.address, address.port, counter);
}

// e: the end by the proxy's own clock, since %Ts of a kept-alive connection is the end of the
// request before. Microseconds by date(): the built-in timers are whole milliseconds. Every sample
// is quoted: an unset one is a bare `-`. %b, %s and %H are names of [A-Za-z0-9_.:-], or <NOSRV>;
// what a client can choose is escaped (+E) and cut, so that no line outgrows maxlen or len.
std::string ProxyLog::LogFormat(const Address& address) {
  return fmt::format("  {}\n", LogLine(address)) +
         R"(  http-request track-sc2 int(1) table auspex_counter
  http-request set-var(txn.auspex_n) sc_inc_gpc0(2)
  http-request set-var(txn.auspex_t0) date(0,us)
  http-request set-var(txn.auspex_route) path,field(2,/),bytes(0,64)
  log-format '{"b":"%b","s":"%s","st":"%ST","us":"%[date(0,us),sub(txn.auspex_t0)]","e":"%[date(0,us)]","r":"%{+E}[var(txn.auspex_route)]","m":"%{+E}[method,bytes(0,16)]","rc":"%rc","ts":"%tsc","n":"%[var(txn.auspex_n)]","h":"%H"}'
)";
}

}  // namespace auspex::telemetry
