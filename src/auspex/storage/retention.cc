#include "auspex/storage/retention.h"

namespace auspex::storage {

Retention::Retention(Ledger* ledger, const Clock* clock, const Logger* log, const Options& options)
    : ledger_(ledger), clock_(clock), log_(log), options_(options) {
  thread_ = std::thread([this] { Run(); });
}

Retention::~Retention() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Retention::Run() {
  while (true) {
    const Duration pause = Expire() ? Duration::zero() : options_.every;
    MutexLock lock(mutex_);
    if (wake_.wait_for(lock.native(), pause,
                       [this]() AUSPEX_REQUIRES(mutex_) { return stopping_; }))
      return;
  }
}

bool Retention::Expire() {
  const auto expired = ledger_->Expire(
      clock_->Wall() - std::chrono::duration_cast<WallTime::duration>(options_.keep));
  if (!expired.ok()) {
    log_->Warn("expire_failed", {{"error", expired.error().message}});
    return false;
  }
  if (*expired > 0) log_->Info("ticks_expired", {{"objects", *expired}});
  return *expired >= kMostExpired;
}

}  // namespace auspex::storage
