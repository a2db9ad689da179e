#pragma once

#include <optional>
#include <string>

#include "auspex/base/clock.h"
#include "auspex/storage/backup.h"

namespace auspex::cli {

// Shows on standard error how far a copy has come, with its rate and the time left, once it takes
// more than a second: on a terminal a line that is written over, else a line now and then. Not
// thread-safe.
class CopyMeter {
 public:
  explicit CopyMeter(const Clock& clock);
  CopyMeter(const CopyMeter&) = delete;
  CopyMeter& operator=(const CopyMeter&) = delete;
  ~CopyMeter();
  void Show(const storage::CopyProgress& progress);

 private:
  const Clock& clock_;
  const bool terminal_;
  MonotonicTime start_;       // of the whole
  MonotonicTime part_start_;  // of what is being done
  std::optional<MonotonicTime> shown_;
  std::string doing_;
};

// `ledger: 12800 of 51200 pages (25 %), 6400 pages/s, 6 s left`. `elapsed`: since the part began.
[[nodiscard]] std::string ProgressText(const storage::CopyProgress& progress, Duration elapsed);

}  // namespace auspex::cli
