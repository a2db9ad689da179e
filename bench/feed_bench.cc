// The request feed: 40,000 log lines a second on less than one core, none lost. The real ProxyLog
// takes octet-counted frames over TCP loopback, made ahead of time, as a proxy's ring would send
// them; and the same lines as datagrams. The receiver's CPU is the whole process's less that of the
// thread that sends.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/fd.h"
#include "auspex/telemetry/sources/feed_socket.h"
#include "auspex/telemetry/sources/proxy_log.h"
#include "bench/feed_lines.h"
#include "bench/process_figures.h"

namespace auspex::bench {
namespace {

using telemetry::FeedTransport;
using telemetry::ProxyLog;
using telemetry::ServerKey;

constexpr double kLinesPerSecond = 40'000.0;
constexpr int kSeconds = 15;
constexpr std::size_t kLines = static_cast<std::size_t>(kLinesPerSecond) * kSeconds;
constexpr auto kLead = std::chrono::seconds(6);  // to make the lines in
constexpr Duration kTick = 1s;
constexpr Duration kLateLines = 200ms;  // as the engine waits
constexpr Duration kDrainPatience = 30s;
constexpr auto kSendPatience = std::chrono::seconds(10);

struct Way {
  FeedTransport transport;
  bool paced;  // at kLinesPerSecond; false: as fast as the receiver takes them
};

// Each call on it ends after kSendPatience at the latest.
Result<Fd> ConnectTo(std::uint16_t port, FeedTransport transport) {
  const int type = transport == FeedTransport::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{.tv_sec = kSendPatience.count(), .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket interface asks for it
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return Fail(ErrorCode::kUnavailable, "connecting to the feed: {}",
                telemetry::SystemReason(errno));
  return fd;
}

Status SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0)
      return Fail(ErrorCode::kUnavailable, "sending lines: {}", telemetry::SystemReason(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// Lines [from, to): one stretch of frames, or over UDP a datagram each, without the length.
Status SendLines(int fd, const FeedLines& lines, std::size_t from, std::size_t to,
                 FeedTransport transport) {
  const auto begin = [&](std::size_t i) { return i == 0 ? 0 : lines.ends[i - 1]; };
  const std::string_view bytes(lines.bytes);
  if (transport == FeedTransport::kTcp)
    return SendAll(fd, bytes.substr(begin(from), lines.ends[to - 1] - begin(from)));
  for (std::size_t i = from; i < to; ++i) {
    const std::string_view frame = bytes.substr(begin(i), lines.ends[i] - begin(i));
    AUSPEX_TRY(SendAll(fd, frame.substr(frame.find(' ') + 1)));
  }
  return {};
}

struct Sent {
  Status status;
  double cpu_s = 0.0;
};

// Paced: each millisecond the lines that are due.
Sent SendAllLines(std::uint16_t port, const FeedLines& lines, Way way) {
  const double cpu_before = CpuSeconds(RUSAGE_THREAD);
  Sent sent;
  const Result<Fd> fd = ConnectTo(port, way.transport);
  if (!fd.ok()) {
    sent.status = Failure{fd.error()};
    return sent;
  }
  const auto begin = std::chrono::steady_clock::now();
  std::size_t next = 0;
  while (sent.status.ok() && next < lines.ends.size()) {
    std::size_t due = next + 400;
    if (way.paced) {
      std::this_thread::sleep_for(1ms);
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
      due = static_cast<std::size_t>(passed.count() * kLinesPerSecond);
    }
    due = std::min(due, lines.ends.size());
    if (due > next) sent.status = SendLines(fd->get(), lines, next, due, way.transport);
    next = std::max(next, due);
  }
  sent.cpu_s = CpuSeconds(RUSAGE_THREAD) - cpu_before;
  return sent;
}

// Takes both servers' ticks, each second as the engine does or (not paced) for each second's worth
// of lines, until all have come. The requests that it was given.
std::int64_t TakeTicks(ProxyLog* feed, const RealClock& clock, bool paced) {
  const ServerKey servers[] = {{std::string(kBackend), std::string(kBaseline)},
                               {std::string(kBackend), std::string(kCanary)}};
  std::int64_t taken = 0;
  const auto take = [&](std::optional<WallTime> until) {
    for (const ServerKey& server : servers) taken += feed->Take(server, until).requests;
  };
  const MonotonicTime limit = clock.Now() + kTick * kSeconds + kDrainPatience;
  std::int64_t next_lines = static_cast<std::int64_t>(kLinesPerSecond);
  while (clock.Now() < limit) {
    std::this_thread::sleep_for(paced ? kTick : 5ms);
    const std::int64_t lines = feed->Health().lines;
    if (lines >= static_cast<std::int64_t>(kLines)) break;
    if (paced) {
      take(clock.Wall() - std::chrono::duration_cast<WallTime::duration>(kLateLines));
    } else if (lines >= next_lines) {
      take(std::nullopt);
      next_lines = lines + static_cast<std::int64_t>(kLinesPerSecond);
    }
  }
  take(std::nullopt);
  return taken;
}

Result<std::unique_ptr<ProxyLog>> StartFeed(FeedTransport transport) {
  AUSPEX_TRY(std::unique_ptr<ProxyLog> feed,
             ProxyLog::Listen({.address = "127.0.0.1", .port = 0, .transport = transport},
                              Logger(LogLevel::kError)));
  for (const std::string_view server : {kBaseline, kCanary}) {
    const ServerKey key{std::string(kBackend), std::string(server)};
    feed->Track(key);
    feed->SetEdges(key, {.slower_us = {20'000, 40'000, 65'000}, .harm_us = 65'000});
  }
  AUSPEX_TRY(feed->Start());
  return feed;
}

void RunFeed(benchmark::State& state, Way way) {
  const RealClock clock;
  const auto feed = StartFeed(way.transport);
  if (!feed.ok()) return state.SkipWithError(feed.error().message.c_str());
  for (auto _ : state) {
    // Not paced: lines that a ring has kept for us.
    const WallTime first_end = clock.Wall() + (way.paced ? kLead : -std::chrono::seconds(kSeconds));
    const FeedLines lines = MakeFeedLines(kLines, kLinesPerSecond, MicrosSinceEpoch(first_end), 1);
    std::this_thread::sleep_until(first_end);
    const double cpu_before = CpuSeconds(RUSAGE_SELF);
    const MonotonicTime begin = clock.Now();
    Sent sent;
    std::thread sender([&] { sent = SendAllLines((*feed)->port(), lines, way); });
    const std::int64_t taken = TakeTicks(feed->get(), clock, way.paced);
    sender.join();
    const double wall_s = Seconds(clock.Now() - begin);
    const double cpu_s = CpuSeconds(RUSAGE_SELF) - cpu_before - sent.cpu_s;
    const telemetry::FeedHealth health = (*feed)->Health();
    const auto count = static_cast<double>(kLines);
    if (!sent.status.ok()) state.SkipWithError(sent.status.error().message.c_str());
    state.counters["lines"] = count;
    state.counters["lines_per_s"] = count / wall_s;
    state.counters["lost"] = count - static_cast<double>(taken);
    state.counters["malformed"] = static_cast<double>(health.malformed);
    state.counters["us_per_line"] = cpu_s / count * 1e6;
    state.counters["lines_per_cpu_s"] = count / cpu_s;
    // At the limit's rate, whatever rate was reached.
    state.counters["core_share"] = cpu_s / count * kLinesPerSecond;
  }
  state.counters["core_share_limit"] = 1.0;
  state.counters["lost_limit"] = 0.0;
}

void FeedPaced(benchmark::State& state) {
  RunFeed(state, {.transport = FeedTransport::kTcp, .paced = true});
}
BENCHMARK(FeedPaced)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

void FeedUnpaced(benchmark::State& state) {
  RunFeed(state, {.transport = FeedTransport::kTcp, .paced = false});
}
BENCHMARK(FeedUnpaced)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

// Over UDP there is nobody to wait: only paced.
void FeedUdp(benchmark::State& state) {
  RunFeed(state, {.transport = FeedTransport::kUdp, .paced = true});
}
BENCHMARK(FeedUdp)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace auspex::bench
