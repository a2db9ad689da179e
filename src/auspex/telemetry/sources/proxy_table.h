#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auspex/telemetry/sources/clock_watch.h"
#include "auspex/telemetry/sources/counter_gaps.h"
#include "auspex/telemetry/sources/proxy_log_parser.h"

namespace auspex::telemetry {

// What the lines of each proxy process say of the feed itself: how many were lost, which came
// twice, whose clock is off. A process is known by its host's name and its id, so that proxies in
// containers, all with the id 1, are not taken for one. Bounded: when kMaxProcesses are followed,
// the one that was silent longest makes room; what it was missing stays counted. Not thread-safe.
class ProxyTable {
 public:
  static constexpr std::size_t kMaxProcesses = 64;
  // A line is known again while fewer requests than this were numbered since.
  static constexpr std::size_t kRemembered = 1'024;

  // `arrived_us`: when the line came, by our clock; -1: not known. False: the very line came before
  // (same process, number and end), as when the proxy's configuration names the log twice.
  bool Add(const ProxyLogLine& line, std::int64_t arrived_us);

  // Of one process, since it is followed; of any host where `host` is empty, and also those whose
  // lines name no host.
  [[nodiscard]] std::int64_t LinesFrom(std::string_view host, std::int64_t process) const;
  [[nodiscard]] std::int64_t missing() const;
  [[nodiscard]] std::int64_t duplicates() const { return duplicates_; }
  // Lines that came more than ClockWatch::kToleranceUs before their end.
  [[nodiscard]] std::int64_t early() const { return early_; }
  // Of the proxy whose clock is furthest off, among those heard of lately; as ClockWatch has it.
  [[nodiscard]] std::int64_t clock_offset_us() const;

 private:
  struct Key {
    std::string host;
    std::int64_t process;
  };
  struct KeyView {
    std::string_view host;
    std::int64_t process;
  };
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(const auto& key) const {
      return std::hash<std::string_view>()(key.host) * 31 + static_cast<std::size_t>(key.process);
    }
  };
  struct KeyEqual {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      return a.process == b.process && a.host == b.host;
    }
  };
  struct Line {
    std::int64_t number = -1;
    std::int64_t end_us = -1;
  };
  struct Proxy {
    CounterGaps gaps;
    ClockWatch clock;
    std::vector<Line> lines = std::vector<Line>(kRemembered);  // by number, modulo
    std::int64_t heard = 0;                                    // serial number of its last line
    std::int64_t came = 0;                                     // lines
  };
  Proxy& Find(const ProxyLogLine& line);
  void ForgetTheSilent();

  std::unordered_map<Key, Proxy, KeyHash, KeyEqual> proxies_;
  std::int64_t heard_ = 0;
  std::int64_t missing_before_ = 0;  // of processes no longer followed
  std::int64_t duplicates_ = 0;
  std::int64_t early_ = 0;
  std::int64_t last_us_ = 0;  // when a line came last, by our clock
};

}  // namespace auspex::telemetry
