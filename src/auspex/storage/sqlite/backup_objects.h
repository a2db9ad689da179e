#pragma once

#include <memory>
#include <string>

#include "auspex/base/result.h"
#include "auspex/storage/object_store.h"
#include "auspex/storage/sqlite/database.h"

// The objects of a backup that is one file: rows of the table `backup_objects`, beside the ledger's
// own. A daemon's ledger never has that table.
namespace auspex::storage::sqlite {

Result<bool> HasBackupObjects(Database& database);

// Adds the table to a file that nobody else has open for writing; a connection of its own.
Result<std::unique_ptr<ObjectStore>> MakeBackupObjects(const std::string& path);

// Those of an open backup file, to read, by a connection of their own; null if it has no table.
Result<std::unique_ptr<ObjectStore>> OpenBackupObjects(Database& database);

}  // namespace auspex::storage::sqlite
