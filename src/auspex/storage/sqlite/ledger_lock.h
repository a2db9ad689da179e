#pragma once

#include <optional>
#include <string>

#include "auspex/base/result.h"
#include "auspex/storage/inspection.h"

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

// Who holds it now, if anybody. A lock file whose holder was killed is told from a held one by
// trying its lock, shared and for a moment. Error: kPermissionDenied, kUnavailable.
Result<std::optional<LedgerHolder>> FindHolder(const std::string& ledger);

// One name for a ledger's file, so that two ways to write it meet at one lock; makes its folder.
// Errors: kInvalidArgument (empty); kPermissionDenied; kUnavailable.
Result<std::string> RealLedgerPath(const std::string& path);

}  // namespace auspex::storage::sqlite
