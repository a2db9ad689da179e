#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/mutex.h"
#include "auspex/base/result.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/storage/object_store.h"
#include "auspex/storage/sqlite/database.h"
#include "auspex/storage/sqlite/ledger_rows.h"

namespace auspex::storage::sqlite {

// What the calls of one open ledger share.
struct Core {
  Database database;  // guarded by `mutex`, but for its path
  Head head AUSPEX_GUARDED_BY(mutex);
  Mutex mutex;    // never held while an object is read or written
  Mutex packing;  // one Pack or Expire at a time; taken before `mutex`
};

// As Ledger::Pack. The object first, then rows and "packed" entry in one transaction: a crash in
// between leaves an object that the next call writes again.
Status PackTicks(Core& core, ObjectStore& objects, std::string_view deployment, WallTime now);

// As Ledger::Unpacked.
Result<std::vector<std::string>> SelectUnpacked(Core& core, std::size_t limit);

// As Ledger::Expire. The "expired" entries first, dated `now`, then the objects: a crash in between
// leaves objects that the next call deletes.
Result<std::int64_t> ExpirePacks(Core& core, ObjectStore& objects, WallTime before, WallTime now);

}  // namespace auspex::storage::sqlite
