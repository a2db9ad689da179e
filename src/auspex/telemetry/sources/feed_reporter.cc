#include "auspex/telemetry/sources/feed_reporter.h"

#include <utility>

namespace auspex::telemetry {

bool FeedReporter::Budget::Spend(int most, MonotonicTime now) {
  if (now - since >= kEvery) {
    since = now;
    said = 0;
  }
  if (said >= most) {
    ++left_out;
    return false;
  }
  ++said;
  return true;
}

void FeedReporter::Malformed(std::string_view why, MonotonicTime now) {
  if (!malformed_.Spend(1, now)) return;
  log_.Warn("proxy_log_malformed",
            {{"reason", why}, {"left_out", std::exchange(malformed_.left_out, 0)}});
}

void FeedReporter::Connected(std::size_t connections, MonotonicTime now) {
  if (!connected_.Spend(kBurst, now)) return;
  log_.Info("proxy_connected",
            {{"connections", connections}, {"left_out", std::exchange(connected_.left_out, 0)}});
}

void FeedReporter::Full(std::size_t connections, MonotonicTime now) {
  if (!full_.Spend(1, now)) return;
  log_.Warn("proxy_log_full",
            {{"connections", connections}, {"left_out", std::exchange(full_.left_out, 0)}});
}

void FeedReporter::Disconnected(const Connection& connection, MonotonicTime now) {
  if (!disconnected_.Spend(kBurst, now)) return;
  log_.Info("proxy_disconnected", {{"lines", connection.lines},
                                   {"malformed", connection.malformed},
                                   {"left_out", std::exchange(disconnected_.left_out, 0)}});
}

void FeedReporter::Look(const FeedHealth& health, MonotonicTime now) {
  looked_ = now;
  if (health.missing > seen_.missing) {
    log_.Warn("proxy_log_lost", {{"requests", health.missing - seen_.missing},
                                 {"total", health.missing},
                                 {"lines", health.lines}});
  }
  if (health.dropped > seen_.dropped) {
    log_.Warn("proxy_log_dropped",
              {{"lines", health.dropped - seen_.dropped},
               {"total", health.dropped},
               {"buffer_bytes", health.buffer_bytes},
               {"reason", "the receive buffer was full; a ring over TCP loses nothing"}});
  }
  if (health.duplicates > seen_.duplicates) {
    log_.Warn("proxy_log_doubled",
              {{"lines", health.duplicates - seen_.duplicates},
               {"reason", "lines come twice and count once: `log` stands twice in haproxy.cfg"}});
  }
  const Duration moved = health.clock_offset - clock_said_;
  if (moved >= 1s || moved <= -1s) {
    clock_said_ = health.clock_offset;
    log_.Warn("proxy_clock", {{"ahead_s", Seconds(clock_said_)},
                              {"reason", clock_said_ == Duration(0)
                                             ? "the proxy's clock is right again"
                                             : "the proxy's clock and ours differ, or its lines "
                                               "are held up; run NTP on both"}});
  }
  seen_ = health;
}

}  // namespace auspex::telemetry
