#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "auspex/base/result.h"
#include "auspex/storage/audit.h"
#include "auspex/storage/object_store.h"

// backup copies a ledger with the objects that it refers to, while a daemon writes it or not, and
// puts such a copy in place again. A copy counts once it has proven itself: its chain and each
// object are verified before it gets its name.
//
//   AUSPEX_TRY(const auto copy, BackUpLedger({.ledger = "var/auspex.db", .objects = objects.get(),
//                                             .file = "/backups/monday.db"}));
//
// A copy is one moment of the ledger. Its objects lie in an ObjectStore of the caller's, or, where
// none is given, in a table of the copy itself: one file that is whole, and that VerifyLedgerFile
// proves alone.
namespace auspex::storage {

struct CopyProgress {
  std::string_view doing;  // "ledger", "objects" or "verify"
  std::string_view unit;   // "pages" of 4096 bytes, "objects" or "entries"
  std::int64_t done = 0;
  std::int64_t all = 0;  // 0: not known
};
using OnCopyProgress = std::function<void(const CopyProgress&)>;

struct CopyReport {
  AuditReport audit;         // of the copy; sound, and nothing in it unproven
  std::int64_t objects = 0;  // that the ledger refers to
  std::int64_t object_bytes = 0;
  std::int64_t file_bytes = 0;  // of the copied ledger file
};

// Neither pointer is owned; both outlive the call.
struct BackupPlan {
  std::string ledger;
  ObjectStore* objects = nullptr;  // the ledger's; may be null where it refers to none
  std::string file;                // the copy; its folder must exist
  ObjectStore* into = nullptr;     // for the copy's objects; null: into `file`
  OnCopyProgress on_progress = {};
};

// Reads the ledger without its lock, so a daemon goes on writing; its log of changes cannot shrink
// meanwhile. What fails leaves neither `file` nor objects in `into`. Errors: kConflict (`file` is
// there, or `<file>.partial` of a backup that runs or was killed); kNotFound (no ledger);
// kInvalidArgument (not a ledger; it needs an object store); kDataLoss (the copy does not prove
// itself, so the ledger is damaged: the message says where); kPermissionDenied; kUnavailable (disk
// full: retry). Defined in sqlite/sqlite_backup.cc.
Result<CopyReport> BackUpLedger(const BackupPlan& plan);

struct RestorePlan {
  std::string file;             // the ledger file of a backup
  ObjectStore* from = nullptr;  // its objects; null: those inside `file`
  std::string ledger;           // where it goes; its folder is made
  // Makes the store for the objects; called once the backup has proven itself.
  std::function<Result<std::unique_ptr<ObjectStore>>()> open_objects;
  OnCopyProgress on_progress = {};
};

// Verifies first, overwrites nothing, and holds the ledger's lock meanwhile. What fails leaves
// neither a ledger nor new objects. Errors: kConflict (a ledger is there, or what belongs to one; a
// process holds the lock: named; an object of the same name has other bytes); kNotFound (no
// backup); kInvalidArgument (not a ledger; its objects are not there); kDataLoss (the backup does
// not prove itself); kPermissionDenied; kUnavailable. Defined in sqlite/sqlite_restore.cc.
Result<CopyReport> RestoreLedger(const RestorePlan& plan);

}  // namespace auspex::storage
