#include "auspex/storage/backup.h"

#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "auspex/cli/commands.h"
#include "auspex/cli/copy_meter.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/ledger_sight.h"
#include "auspex/storage/filesystem/filesystem_store.h"

namespace auspex::cli {
namespace {

namespace fs = std::filesystem;
using Store = std::unique_ptr<storage::ObjectStore>;

bool IsFolderName(const std::string& path) {
  std::error_code ignored;
  return path.ends_with('/') || fs::is_directory(path, ignored);
}

// A folder of objects that is there; null if it is not. It is not made.
Result<Store> OpenThere(const std::string& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return Store();
  return storage::FilesystemStore::Open(folder);
}

// In a folder that is there: a path that was spelt wrong must not become one of its own.
Status CheckIsThere(const fs::path& folder) {
  std::error_code ignored;
  if (fs::is_directory(folder, ignored)) return {};
  return Fail(ErrorCode::kNotFound,
              "there is no folder '{}': `mkdir -p` it first, or give another --to",
              folder.string());
}

Status MakeFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (!error) return {};
  return Fail(ErrorCode::kPermissionDenied, "making folder '{}': {}", folder.string(),
              error.message());
}

void Report(const char* done, const std::string& from, const std::string& to,
            const storage::CopyReport& report, bool json) {
  if (json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"from", from},
                                              {"to", to},
                                              {"entries", report.audit.entries},
                                              {"expired", report.audit.expired},
                                              {"head_seq", report.audit.head_seq},
                                              {"head_hash", ToHex(report.audit.head_hash)},
                                              {"objects", report.objects},
                                              {"object_bytes", report.object_bytes},
                                              {"ledger_bytes", report.file_bytes}}
                           .dump());
    return;
  }
  fmt::print("{} {} to {}: {} entries, {} objects, {:.1f} MB; the copy proves itself\nhead {} {}\n",
             done, from, to, report.audit.entries, report.objects,
             static_cast<double>(report.file_bytes + report.object_bytes) / 1e6,
             report.audit.head_seq, ToHex(report.audit.head_hash));
}

Result<storage::CopyReport> BackUp(const LedgerOptions& options, const std::string& to) {
  const RealClock clock;
  CopyMeter meter(clock);
  AUSPEX_TRY(const Store objects, OpenThere(options.objects));
  storage::BackupPlan plan{.ledger = options.ledger, .objects = objects.get(), .file = to};
  plan.on_progress = [&meter](const storage::CopyProgress& progress) { meter.Show(progress); };
  std::error_code ignored;
  if (!fs::exists(options.ledger, ignored)) {
    return Fail(ErrorCode::kNotFound, "there is no ledger '{}': give its path with --ledger",
                options.ledger);
  }
  if (!IsFolderName(to)) {
    AUSPEX_TRY(CheckIsThere(fs::absolute(to).parent_path()));
    return storage::BackUpLedger(plan);
  }
  const fs::path folder(to);
  const fs::path plain = folder.has_filename() ? folder : folder.parent_path();  // without its '/'
  AUSPEX_TRY(CheckIsThere(fs::absolute(plain).parent_path()));
  AUSPEX_TRY(MakeFolder(plain));
  AUSPEX_TRY(const Store into, storage::FilesystemStore::Open((folder / kObjectsName).string()));
  plan.file = (folder / kLedgerName).string();
  plan.into = into.get();
  return storage::BackUpLedger(plan);
}

Result<storage::CopyReport> TakeBack(const LedgerOptions& options, const std::string& from) {
  const RealClock clock;
  CopyMeter meter(clock);
  storage::RestorePlan plan{.file = from, .ledger = options.ledger, .open_objects = [&options] {
                              return storage::FilesystemStore::Open(options.objects);
                            }};
  plan.on_progress = [&meter](const storage::CopyProgress& progress) { meter.Show(progress); };
  Store objects;
  if (IsFolderName(from)) {
    plan.file = (fs::path(from) / kLedgerName).string();
    AUSPEX_TRY(objects, OpenThere((fs::path(from) / kObjectsName).string()));
    plan.from = objects.get();
  }
  std::error_code ignored;
  if (!fs::exists(plan.file, ignored)) {
    return Fail(ErrorCode::kNotFound,
                "there is no backup '{}': give the file or folder that `auspex backup --to` made",
                plan.file);
  }
  return storage::RestoreLedger(plan);
}

}  // namespace

int Backup(const LedgerOptions& options, const std::string& to) {
  const auto report = BackUp(options, to);
  if (!report.ok()) return ComplainOfLedger("backup", report.error(), options.ledger);
  Report("backed up", options.ledger, to, *report, options.json);
  return kGood;
}

int Restore(const LedgerOptions& options, const std::string& from) {
  const auto report = TakeBack(options, from);
  if (!report.ok()) {
    const int code = Complain("restore", report.error());
    if (report.error().code == ErrorCode::kDataLoss)
      fmt::print(stderr, "{} is no good: take another backup; nothing was changed\n", from);
    return code;
  }
  Report("restored", from, options.ledger, *report, options.json);
  return kGood;
}

}  // namespace auspex::cli
