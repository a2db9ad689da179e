#pragma once

#include <string>

#include "auspex/base/result.h"
#include "auspex/cli/commands.h"
#include "auspex/storage/inspection.h"

namespace auspex::cli {

// A disk with less than this is nearly full for a ledger. Its log of changes may keep 64 MiB
// (journal_size_limit in sqlite_ledger.cc).
inline constexpr std::int64_t kLeastFreeBytes = 64 * 1024 * 1024;

// What a folder holds that is a backup, or a daemon's ledger by default.
inline constexpr const char* kLedgerName = "auspex.db";
inline constexpr const char* kObjectsName = "objects";

// What `check` and `doctor` say of a ledger, in a sentence without an end.
[[nodiscard]] std::string DescribeLedger(const std::string& path,
                                         const storage::LedgerInspection& found);

// What would keep a daemon from using it, and the mend; empty: nothing. A daemon that runs already
// is none.
[[nodiscard]] std::string LedgerTrouble(const std::string& path,
                                        const storage::LedgerInspection& found);

// As Complain (exit_code.h); where the ledger at `path` is damaged, also how to get it back.
int ComplainOfLedger(std::string_view command, const Error& error, const std::string& path);

// The ledger that a folder holds, as `auspex backup --to FOLDER/` makes it: auspex.db, and objects/
// unless other objects are named. A file is left as it is. Error: kNotFound (a folder without one).
Result<LedgerOptions> InFolder(LedgerOptions options);

}  // namespace auspex::cli
