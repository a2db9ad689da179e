#include "auspex/cli/ledger_sight.h"

#include <fmt/core.h>

#include <filesystem>

#include "auspex/cli/exit_code.h"

namespace auspex::cli {
namespace {

double Megabytes(std::int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

std::string HeldBy(const storage::LedgerHolder& holder) {
  return fmt::format("; process {} has it{}{}", holder.pid, holder.address.empty() ? "" : " at ",
                     holder.address);
}

}  // namespace

std::string DescribeLedger(const std::string& path, const storage::LedgerInspection& found) {
  if (!found.exists) {
    return fmt::format("{} will be made; {:.0f} MB are free", path, Megabytes(found.free_bytes));
  }
  return fmt::format(
      "{}: version {}{}, {} entries, {} running deployments, {:.1f} MB, {:.0f} MB "
      "free{}",
      path, found.version, found.migrates ? " (older; the next start brings it up to date)" : "",
      found.last_seq, found.running, Megabytes(found.bytes), Megabytes(found.free_bytes),
      found.holder ? HeldBy(*found.holder) : "");
}

std::string LedgerTrouble(const std::string& path, const storage::LedgerInspection& found) {
  if (!found.exists && found.holder) {
    return fmt::format(
        "{} is gone, and process {} still writes to it: what it decides is lost with the process; "
        "stop it, put a backup in place with `auspex restore` and start it again",
        path, found.holder->pid);
  }
  if (!found.writable) {
    return fmt::format(
        "{} cannot be written; change its owner, mount its disk for writing, or "
        "change spec.ledger.path",
        path);
  }
  if (found.free_bytes < kLeastFreeBytes) {
    return fmt::format(
        "{:.0f} MB are free on the disk of {}, and rollouts hold when it is full; "
        "free some, or shorten spec.objects.keep_ticks",
        Megabytes(found.free_bytes), path);
  }
  return "";
}

int ComplainOfLedger(std::string_view command, const Error& error, const std::string& path) {
  const int code = Complain(command, error);
  if (error.code == ErrorCode::kDataLoss) {
    fmt::print(stderr,
               "`auspex audit verify {0}` tells what is damaged. To go back to a backup, move {0}, "
               "{0}-wal and {0}-shm away, then `auspex restore BACKUP --ledger {0}`\n",
               path);
  }
  return code;
}

Result<LedgerOptions> InFolder(LedgerOptions options) {
  std::error_code ignored;
  const std::filesystem::path folder(options.ledger);
  if (!std::filesystem::is_directory(folder, ignored)) return options;
  const std::filesystem::path file = folder / kLedgerName;
  if (!std::filesystem::exists(file, ignored)) {
    return Fail(ErrorCode::kNotFound, "there is no {} in the folder '{}': give the ledger's file",
                kLedgerName, options.ledger);
  }
  if (options.objects == LedgerOptions().objects)
    options.objects = (folder / kObjectsName).string();
  options.ledger = file.string();
  return options;
}

}  // namespace auspex::cli
