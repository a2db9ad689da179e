#include "auspex/telemetry/sources/proxy_table.h"

#include <algorithm>
#include <cstdlib>

namespace auspex::telemetry {
namespace {

// A proxy that was silent for longer, as one that a reload has replaced, has no clock to speak of.
constexpr std::int64_t kSilentUs = 60'000'000;

}  // namespace

bool ProxyTable::Add(const ProxyLogLine& line, std::int64_t arrived_us) {
  Proxy& proxy = Find(line);
  proxy.heard = ++heard_;
  ++proxy.came;
  if (line.counter >= 0 && line.end_us >= 0) {
    Line& known = proxy.lines[static_cast<std::size_t>(line.counter) % kRemembered];
    if (known.number == line.counter && known.end_us == line.end_us) {
      ++duplicates_;
      return false;
    }
    known = {line.counter, line.end_us};
  }
  if (line.end_us >= 0 && arrived_us >= 0) {
    proxy.clock.Add(line.end_us, arrived_us);
    last_us_ = arrived_us;
    early_ += line.end_us - arrived_us > ClockWatch::kToleranceUs ? 1 : 0;
  }
  const std::int64_t end_us =
      line.end_us < 0 || (arrived_us >= 0 && arrived_us < line.end_us) ? arrived_us : line.end_us;
  if (line.counter >= 0 && end_us >= 0) {
    const std::int64_t start_us = end_us - std::max<std::int64_t>(line.latency_us, 0);
    proxy.gaps.Add({line.counter, start_us, end_us});
  }
  return true;
}

ProxyTable::Proxy& ProxyTable::Find(const ProxyLogLine& line) {
  const auto found = proxies_.find(KeyView{line.host, line.process});
  if (found != proxies_.end()) return found->second;
  if (proxies_.size() == kMaxProcesses) ForgetTheSilent();
  return proxies_[Key{std::string(line.host), line.process}];
}

void ProxyTable::ForgetTheSilent() {
  const auto silent = std::min_element(
      proxies_.begin(), proxies_.end(),
      [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; });
  missing_before_ += silent->second.gaps.missing();
  proxies_.erase(silent);
}

std::int64_t ProxyTable::LinesFrom(std::string_view host, std::int64_t process) const {
  std::int64_t lines = 0;
  for (const auto& [key, proxy] : proxies_) {
    const bool same = host.empty() || key.host.empty() || key.host == host;
    if (key.process == process && same) lines += proxy.came;
  }
  return lines;
}

std::int64_t ProxyTable::missing() const {
  std::int64_t missing = missing_before_;
  for (const auto& [key, proxy] : proxies_) missing += proxy.gaps.missing();
  return missing;
}

std::int64_t ProxyTable::clock_offset_us() const {
  std::int64_t furthest = 0;
  for (const auto& [key, proxy] : proxies_) {
    if (std::abs(last_us_ - proxy.clock.last_us()) > kSilentUs) continue;
    const std::int64_t offset = proxy.clock.offset_us();
    if (std::abs(offset) > std::abs(furthest)) furthest = offset;
  }
  return furthest;
}

}  // namespace auspex::telemetry
