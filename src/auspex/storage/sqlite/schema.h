#pragma once

#include "auspex/base/result.h"
#include "auspex/storage/sqlite/database.h"

namespace auspex::storage::sqlite {

inline constexpr int kSchemaVersion = 2;

// Says whether the file is a ledger of this version (or, for kReadWrite, one that can become one:
// empty or older). Errors: kInvalidArgument (another program's database), kConflict (a version this
// program cannot use).
Status CheckSchema(Database& database, Database::Mode mode);

// Each missing version in a transaction of its own.
Status Migrate(Database& database);

}  // namespace auspex::storage::sqlite
