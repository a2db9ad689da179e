#include "auspex/cli/copy_meter.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace auspex::cli {
namespace {

constexpr Duration kPatience = 1s;
constexpr Duration kEachOnTerminal = 200ms, kEachElsewhere = 5s;

}  // namespace

std::string ProgressText(const storage::CopyProgress& progress, Duration elapsed) {
  if (progress.all <= 0) return fmt::format("{}: begins", progress.doing);
  std::string text = fmt::format("{}: {} of {} {} ({} %)", progress.doing, progress.done,
                                 progress.all, progress.unit, 100 * progress.done / progress.all);
  if (progress.done <= 0 || elapsed <= Duration::zero()) return text;
  const double rate = static_cast<double>(progress.done) / Seconds(elapsed);
  return text + fmt::format(", {:.{}f} {}/s, {:.0f} s left", rate, rate < 10 ? 1 : 0, progress.unit,
                            static_cast<double>(progress.all - progress.done) / rate);
}

CopyMeter::CopyMeter(const Clock& clock)
    : clock_(clock),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(clock.Now()),
      part_start_(start_) {}

CopyMeter::~CopyMeter() {
  if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
}

void CopyMeter::Show(const storage::CopyProgress& progress) {
  const MonotonicTime now = clock_.Now();
  if (doing_ != progress.doing) {
    doing_ = progress.doing;
    part_start_ = now;
  }
  if (now - start_ < kPatience) return;
  const Duration each = terminal_ ? kEachOnTerminal : kEachElsewhere;
  if (shown_ && now - *shown_ < each) return;
  shown_ = now;
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "",
             ProgressText(progress, now - part_start_), terminal_ ? "" : "\n");
  std::fflush(stderr);
}

}  // namespace auspex::cli
