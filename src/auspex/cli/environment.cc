#include "auspex/cli/environment.h"

#include <netdb.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "auspex/base/fd.h"
#include "auspex/base/http_client.h"
#include "auspex/storage/audit.h"
#include "auspex/storage/filesystem/filesystem_store.h"

namespace auspex::cli {
namespace {

constexpr Duration kPatience = 2s;  // for an answer
// Seconds that two clocks may differ before it is worth a word. A range query of one tick (1 s at
// the least) at the wrong time asks for another tick's values.
constexpr double kClockGap = 2.0;

// The folder that is there, of those that `path` would be made in.
std::filesystem::path NearestFolder(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::path there = std::filesystem::absolute(path, ignored);
  while (there.has_relative_path() && !std::filesystem::exists(there, ignored))
    there = there.parent_path();
  return there;
}

// What bind says of an address: 0 where a daemon could listen there now, else errno.
int TryToBind(std::string host, int port) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), fmt::format("{}", port).c_str(), &hints, &found) != 0)
    return EADDRNOTAVAIL;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  const Fd file(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!file.valid()) return errno;
  const int on = 1;
  ::setsockopt(file.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return ::bind(file.get(), found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
}

// Whether the API of a daemon answers there, over TLS or not: its health is open to everybody.
bool DaemonAnswers(const std::string& where) {
  for (const char* scheme : {"http", "https"}) {
    const auto answer = SendHttp({.url = fmt::format("{}://{}/healthz", scheme, where),
                                  .timeout = kPatience,
                                  .max_body_bytes = 4096,
                                  .verify_peer = false});
    if (answer.ok() && answer->status == 200 && answer->body.find("healthy") != std::string::npos)
      return true;
  }
  return false;
}

Finding LookAtPort(const std::string& what, const std::string& host, int port, bool daemon) {
  const std::string where = fmt::format("{}:{}", host, port);
  const int failure = TryToBind(host, port);
  if (failure == 0) return {what, true, where + " is free"};
  if (failure == EADDRINUSE && daemon) return {what, true, where + " is taken, a daemon runs"};
  if (failure == EADDRINUSE) {
    return {what, false,
            fmt::format("{0} is in use by another program; `ss -ltnp 'sport = {1}'` names it; stop "
                        "it, or change spec.{2}",
                        where, port, what == "listen" ? "listen" : "proxy_log.listen")};
  }
  return {what, false,
          fmt::format("{} cannot be listened on: {}; change it in the configuration", where,
                      std::generic_category().message(failure))};
}

}  // namespace

Result<ClockGap> GapTo(const std::string& date, WallTime asked, WallTime answered) {
  std::tm parts{};
  const char* end = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0')
    return Fail(ErrorCode::kInvalidArgument, "'{}' is no date of HTTP", date);
  const double theirs = static_cast<double>(::timegm(&parts));
  const auto seconds = [](WallTime time) {
    return static_cast<double>(MicrosSinceEpoch(time)) / 1e6;
  };
  // Their clock stood somewhere in that second when they answered.
  return ClockGap{.low = seconds(asked) - (theirs + 1.0), .high = seconds(answered) - theirs};
}

Finding LookAtClock(const ServerConfig& server) {
  const RealClock clock;
  const WallTime asked = clock.Wall();
  const auto year =
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(asked)).year();
  if (year < std::chrono::year(2024))
    return {"clock", false, "the clock says " + ToRfc3339(asked) + "; set it, or run NTP"};
  const std::string now = ToRfc3339(asked);
  if (server.prometheus_url.empty())
    return {"clock", true, now + "; no metrics server to compare it with"};
  const auto answer = SendHttp({.url = server.prometheus_url,
                                .timeout = kPatience,
                                .bearer = server.prometheus_bearer,
                                .ca_file = server.prometheus_ca});
  const WallTime answered = clock.Wall();
  if (!answer.ok()) return {"clock", true, now + "; the metrics server does not answer"};
  const auto gap = GapTo(answer->Header("date"), asked, answered);
  if (!gap.ok()) return {"clock", true, now + "; the metrics server does not say its own"};
  if (gap->low <= kClockGap && gap->high >= -kClockGap)
    return {"clock", true, now + ", as the metrics server's"};
  const bool ahead = gap->low > 0;
  return {
      "clock", true,
      fmt::format("{}, at least {:.0f} s {} the metrics server's; run NTP on both, or signals "
                  "are read at the wrong time",
                  now, std::floor(ahead ? gap->low : -gap->high), ahead ? "ahead of" : "behind"),
      true};
}

Finding LookAtObjects(const ServerConfig& server) {
  const std::string& path = server.objects_path;
  if (!std::filesystem::is_directory(path)) {
    const std::filesystem::path there = NearestFolder(path);
    const bool can = std::filesystem::is_directory(there) && ::access(there.c_str(), W_OK) == 0;
    return {"objects", can,
            can ? path + " will be made"
                : fmt::format("{} cannot be made in {}; change its owner or spec.objects.path",
                              path, there.string())};
  }
  // Only a write tells of permissions, a full disk and a read-only one alike.
  const auto store = storage::FilesystemStore::Open(path);
  if (!store.ok()) return {"objects", false, store.error().message};
  const std::string probe = fmt::format("doctor-{}", ::getpid());
  const Status put = (*store)->Put(probe, "written by `auspex doctor`");
  const Status deleted = (*store)->Delete(probe);
  if (put.ok() && deleted.ok()) return {"objects", true, path + " can be written"};
  return {"objects", false,
          fmt::format("{}; mend the disk or its owner, or change spec.objects.path",
                      (put.ok() ? deleted : put).error().message)};
}

Finding LookAtPackedTicks(const ServerConfig& server) {
  if (!std::filesystem::exists(server.ledger_path))
    return {"packed ticks", true, "none yet: there is no ledger"};
  std::unique_ptr<storage::ObjectStore> objects;
  if (std::filesystem::is_directory(server.objects_path)) {
    auto opened = storage::FilesystemStore::Open(server.objects_path);
    if (!opened.ok()) return {"packed ticks", false, opened.error().message};
    objects = *std::move(opened);
  }
  const auto report = storage::VerifyLedgerFile(server.ledger_path, objects.get());
  if (!report.ok()) return {"packed ticks", false, report.error().message};
  if (!report->Sound()) return {"packed ticks", false, report->finding};
  if (report->unproven > 0) {
    return {"packed ticks", false,
            fmt::format("{} entries are packed, but {} is not there; mount it, or set "
                        "spec.objects.path to where their objects are",
                        report->unproven, server.objects_path)};
  }
  return {"packed ticks", true,
          fmt::format("{} packed entries proven, {} expired", report->packed, report->expired)};
}

std::vector<Finding> LookAtPorts(const ServerConfig& server) {
  const bool daemon = DaemonAnswers(fmt::format("{}:{}", server.address, server.port));
  return {LookAtPort("listen", server.address, server.port, daemon),
          LookAtPort("feed", server.feed_address, server.feed_port, daemon)};
}

}  // namespace auspex::cli
