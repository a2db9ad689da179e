#pragma once

#include <string>

#include "auspex/storage/inspection.h"

namespace auspex::cli {

// A disk with less than this is nearly full for a ledger. Its log of changes may keep 64 MiB
// (journal_size_limit in sqlite_ledger.cc).
inline constexpr std::int64_t kLeastFreeBytes = 64 * 1024 * 1024;

// What `check` and `doctor` say of a ledger, in a sentence without an end.
[[nodiscard]] std::string DescribeLedger(const std::string& path,
                                         const storage::LedgerInspection& found);

// What would keep a daemon from using it, and the mend; empty: nothing. A daemon that runs already
// is none.
[[nodiscard]] std::string LedgerTrouble(const std::string& path,
                                        const storage::LedgerInspection& found);

}  // namespace auspex::cli
