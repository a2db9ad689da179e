#pragma once

#include "auspex/base/result.h"
#include "auspex/storage/sqlite/database.h"

namespace auspex::storage::sqlite {

inline constexpr int kSchemaVersion = 4;

// The oldest version that is read as it is: since then, what readers look at (entries, head, packs,
// deployments, baselines) has not changed. A ledger can be audited and backed up before it is
// brought up to date.
inline constexpr int kReadableVersion = 2;

// Says whether the file is a ledger of this version (to read: or a readable one; for kReadWrite: or
// one that can become one, empty or older). Errors: kInvalidArgument (another program's database),
// kConflict (a version this program cannot use; for kReadWrite: a backup file).
Status CheckSchema(Database& database, Database::Mode mode);

// Each missing version in a transaction of its own.
Status Migrate(Database& database);

}  // namespace auspex::storage::sqlite
