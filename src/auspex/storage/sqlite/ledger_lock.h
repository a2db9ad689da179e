#pragma once

#include <string>

#include "auspex/base/result.h"

namespace auspex::storage::sqlite {

// Keeps a ledger for one process: an exclusive flock on `<ledger>.lock`, which holds this process's
// id and `address` for whoever comes second. The kernel frees it when the process ends, however.
class LedgerLock {
 public:
  // Errors: kConflict, naming the holder; kPermissionDenied; kUnavailable.
  static Result<LedgerLock> Take(const std::string& ledger, const std::string& address);
  LedgerLock(LedgerLock&& other) noexcept;
  LedgerLock& operator=(LedgerLock&&) = delete;
  ~LedgerLock();

 private:
  explicit LedgerLock(int file) : file_(file) {}
  int file_;
};

}  // namespace auspex::storage::sqlite
