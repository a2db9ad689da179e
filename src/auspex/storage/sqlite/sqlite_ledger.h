#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "auspex/storage/ledger.h"
#include "auspex/storage/object_store.h"

namespace auspex::storage {

// What is not owned must outlive the ledger.
struct SqliteLedgerConfig {
  std::string path;                // its folder is made if there is none
  ObjectStore* objects = nullptr;  // for packed ticks; null: Pack and Expire are refused
  const Clock* clock = nullptr;    // dates "expired" entries; null: the machine's clock
  std::string address = {};        // where this process listens; told to whoever opens second
  Duration busy_timeout = 2s;      // how long a call waits for another connection; at most 1 min
  std::int64_t max_pages = 0;      // of 4096 bytes, the most the file may have; 0: no limit
};

// A Ledger in one SQLite file: write-ahead log, an fsync for each Commit, strict tables. One
// process writes; `<path>.lock` says which. Others read, with OpenReadOnly or VerifyLedgerFile
// (audit.h).
struct SqliteLedger {
  // Makes the file or brings it to the present version. Errors: kConflict (another process has it,
  // named; or a newer program wrote it); kInvalidArgument (another program's database, or the
  // configuration); kDataLoss (not a database, or its last entry is not its head);
  // kPermissionDenied; kUnavailable.
  static Result<std::unique_ptr<Ledger>> Open(const SqliteLedgerConfig& config);

  // Takes no lock, so it works while a daemon writes, and sees each of its commits. Commit, Pack
  // and Expire fail with kPermissionDenied. Opens a ledger whose entries are damaged, too. Errors:
  // kNotFound; otherwise as Open.
  static Result<std::unique_ptr<Ledger>> OpenReadOnly(const std::string& path,
                                                      ObjectStore* objects);
};

}  // namespace auspex::storage
