#include "auspex/base/clock.h"

#include <cctype>
#include <charconv>
#include <cmath>

namespace auspex {
namespace {

using std::chrono::duration_cast;
using std::chrono::floor;

// `digits` as an integer that fills the whole text.
bool ReadInt(std::string_view digits, int* value) {
  if (digits.empty()) return false;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
  }
  return std::from_chars(digits.data(), digits.data() + digits.size(), *value).ec == std::errc();
}

Failure NotATime(std::string_view text) {
  return Fail(ErrorCode::kInvalidArgument,
              "'{}' is not a time; write RFC 3339 (2026-11-24T09:30:00Z) or seconds (not "
              "milliseconds) since 1970",
              text);
}

}  // namespace

MonotonicTime RealClock::Now() const { return std::chrono::steady_clock::now(); }

WallTime RealClock::Wall() const {
  return floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

SimulatedClock::SimulatedClock(WallTime start) : wall_(start) {}

MonotonicTime SimulatedClock::Now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

WallTime SimulatedClock::Wall() const {
  const std::lock_guard lock(mutex_);
  return wall_;
}

void SimulatedClock::Advance(Duration by) {
  const std::lock_guard lock(mutex_);
  now_ += by;
  wall_ += duration_cast<std::chrono::microseconds>(by);
}

void SimulatedClock::JumpWall(Duration by) {
  const std::lock_guard lock(mutex_);
  wall_ += duration_cast<std::chrono::microseconds>(by);
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Duration FromSeconds(double seconds) {
  return Duration(static_cast<std::int64_t>(std::llround(seconds * 1e9)));
}

std::int64_t MicrosSinceEpoch(WallTime time) { return time.time_since_epoch().count(); }

WallTime FromMicros(std::int64_t micros) { return WallTime(std::chrono::microseconds(micros)); }

std::string ToRfc3339(WallTime time) {
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(floor<std::chrono::milliseconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<WallTime> ParseTime(std::string_view text) {
  double seconds = 0.0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failed == std::errc() && end == text.data() + text.size()) {
    // The year 5138: what is more was meant as milliseconds.
    if (!(std::abs(seconds) < 1e11)) return NotATime(text);
    return WallTime(std::chrono::microseconds(std::llround(seconds * 1e6)));
  }
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' ||
      text[16] != ':') {
    return NotATime(text);
  }
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!ReadInt(text.substr(0, 4), &year) || !ReadInt(text.substr(5, 2), &month) ||
      !ReadInt(text.substr(8, 2), &day) || !ReadInt(text.substr(11, 2), &hour) ||
      !ReadInt(text.substr(14, 2), &minute) || !ReadInt(text.substr(17, 2), &second)) {
    return NotATime(text);
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return NotATime(text);
  std::size_t at = 19;
  std::int64_t micros = 0;
  if (text[at] == '.') {
    std::int64_t unit = 100'000;
    std::size_t digits = 0;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits) {
      micros += unit * (text[at] - '0');
      unit /= 10;
    }
    if (digits == 0) return NotATime(text);
  }
  const std::string_view zone = text.substr(at);
  int offset_minutes = 0;
  if (zone != "Z" && zone != "z") {
    int hours = 0, minutes = 0;
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' ||
        !ReadInt(zone.substr(1, 2), &hours) || !ReadInt(zone.substr(4, 2), &minutes) ||
        hours > 23 || minutes > 59) {
      return NotATime(text);
    }
    offset_minutes = (zone[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
  }
  return WallTime(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                  std::chrono::minutes(minute - offset_minutes) + std::chrono::seconds(second) +
                  std::chrono::microseconds(micros));
}

Result<Duration> ParseDuration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  static constexpr Unit kUnits[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1},
                                    {"m", 60},    {"h", 3600},  {"d", 86400}};
  constexpr double kTenYears = 10 * 366 * 86400.0;
  double total = 0.0;
  std::string_view rest = text;
  bool good = !rest.empty();
  while (good && !rest.empty()) {
    double number = 0.0;
    const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    good = failed == std::errc() && number >= 0.0;
    if (!good) break;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    std::size_t letters = 0;
    while (letters < rest.size() && std::isalpha(static_cast<unsigned char>(rest[letters])) != 0)
      ++letters;
    good = false;
    for (const Unit& unit : kUnits) {
      if (rest.substr(0, letters) != unit.name) continue;
      total += number * unit.seconds;
      good = true;
    }
    rest.remove_prefix(letters);
  }
  if (!good || !(total <= kTenYears)) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not a duration; write 500ms, 10s, 5m or 2h",
                text);
  }
  return FromSeconds(total);
}

std::string ToText(Duration duration) {
  const double seconds = Seconds(duration);
  if (seconds < 0) return "-" + ToText(-duration);
  if (seconds < 1) return fmt::format("{:g}ms", std::round(seconds * 1e4) / 10);
  if (seconds < 60) return fmt::format("{:g}s", std::round(seconds * 10) / 10);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) {
    return whole % 60 == 0 ? fmt::format("{}m", whole / 60)
                           : fmt::format("{}m{}s", whole / 60, whole % 60);
  }
  return whole % 3600 < 60 ? fmt::format("{}h", whole / 3600)
                           : fmt::format("{}h{}m", whole / 3600, whole % 3600 / 60);
}

}  // namespace auspex
