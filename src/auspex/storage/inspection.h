#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auspex/base/result.h"

namespace auspex::storage {

// Who has a ledger open for writing.
struct LedgerHolder {
  std::string pid;      // empty: not written yet
  std::string address;  // where it listens; may be empty
};

// What can be seen of a ledger file from outside, without reading its entries.
struct LedgerInspection {
  bool exists = false;  // false: it would be made, and all but the last three fields say nothing
  int version = 0;
  bool migrates = false;      // older than this program: the next start brings it up to date
  std::int64_t last_seq = 0;  // of the last entry, by the head
  std::int64_t running = 0;   // deployments that have not ended
  std::int64_t bytes = 0;     // of the file and its log
  std::optional<LedgerHolder> holder;
  bool writable = false;        // the file, or the folder where it would be made
  std::int64_t free_bytes = 0;  // of its disk, for this user
};

// Takes no lock and makes no file. Errors: as SqliteLedger::OpenReadOnly, less kNotFound. Defined
// in sqlite/sqlite_inspection.cc.
Result<LedgerInspection> InspectLedgerFile(const std::string& path);

}  // namespace auspex::storage
