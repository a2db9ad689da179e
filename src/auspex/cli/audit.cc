#include "auspex/storage/audit.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "auspex/cli/commands.h"
#include "auspex/cli/copy_meter.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/in_words.h"
#include "auspex/cli/ledger_sight.h"
#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"

namespace auspex::cli {
namespace {

constexpr const char* kWayBack =
    "`auspex restore BACKUP --ledger FILE` makes a ledger of a backup, at a path where none is";

// The line of progress is gone when it returns.
Result<storage::AuditReport> Verify(const std::string& ledger, storage::ObjectStore* objects) {
  const RealClock clock;
  CopyMeter meter(clock);
  return storage::VerifyLedgerFile(ledger, objects, [&](std::int64_t done, std::int64_t all) {
    meter.Show({.doing = "verify", .unit = "entries", .done = done, .all = all});
  });
}

// Of one deployment, all of them.
Result<std::vector<storage::Entry>> OrderEntries(const LedgerOptions& options,
                                                 const std::string& deployment) {
  std::unique_ptr<storage::ObjectStore> objects;
  if (std::filesystem::is_directory(options.objects)) {
    AUSPEX_TRY(objects, storage::FilesystemStore::Open(options.objects));
  }
  AUSPEX_TRY(const auto ledger, storage::SqliteLedger::OpenReadOnly(options.ledger, objects.get()));
  if (!ledger->Deployment(deployment).ok()) {
    return Fail(ErrorCode::kNotFound,
                "{} has no deployment '{}'; `auspex rollout list --all` shows the ids, --ledger "
                "names another ledger",
                options.ledger, deployment);
  }
  std::vector<storage::Entry> all;
  while (true) {
    AUSPEX_TRY(std::vector<storage::Entry> page,
               ledger->Entries({.deployment = deployment,
                                .kind = "order",
                                .after = all.empty() ? 0 : all.back().seq}));
    if (page.empty()) return all;
    std::move(page.begin(), page.end(), std::back_inserter(all));
  }
}

}  // namespace

int AuditOrders(const LedgerOptions& given, const std::string& deployment) {
  const Result<LedgerOptions> options = InFolder(given);
  if (!options.ok()) return Complain("audit orders", options.error());
  const auto entries = OrderEntries(*options, deployment);
  if (!entries.ok()) return ComplainOfLedger("audit orders", entries.error(), options->ledger);
  for (const storage::Entry& entry : *entries) {
    nlohmann::ordered_json order = nlohmann::ordered_json::parse(entry.body, nullptr, false);
    if (!order.is_object()) continue;  // `audit verify` tells of damage
    order["at"] = ToRfc3339(entry.at);
    order["seq"] = entry.seq;
    order["hash"] = ToHex(entry.hash);
    if (order.value("order", "") != "weight") order.erase("weight");
    fmt::print("{}\n", options->json ? order.dump() : OrderInWords(order.dump()));
  }
  if (entries->empty() && !options->json)
    fmt::print("nobody ordered anything for {}\n", deployment);
  return kGood;
}

int AuditVerify(const LedgerOptions& given) {
  const Result<LedgerOptions> found = InFolder(given);
  if (!found.ok()) return Complain("audit verify", found.error());
  const LedgerOptions& options = *found;
  std::unique_ptr<storage::ObjectStore> objects;
  // Without the folder packed ticks count as unproven; it is not made by a command that changes
  // nothing.
  if (std::filesystem::is_directory(options.objects)) {
    auto opened = storage::FilesystemStore::Open(options.objects);
    if (!opened.ok()) return Complain("audit verify", opened.error());
    objects = *std::move(opened);
  }
  const auto report = Verify(options.ledger, objects.get());
  if (!report.ok()) {
    const int code = Complain("audit verify", report.error());
    if (report.error().code == ErrorCode::kDataLoss)
      fmt::print(stderr, "{} is no ledger, or damaged: {}\n", options.ledger, kWayBack);
    return code;
  }
  const bool sound = report->Sound() && report->unproven == 0;
  if (options.json) {
    nlohmann::ordered_json out{
        {"ledger", options.ledger},     {"valid", sound},
        {"entries", report->entries},   {"packed", report->packed},
        {"expired", report->expired},   {"unproven", report->unproven},
        {"broken_seq", nullptr},        {"finding", report->finding},
        {"head_seq", report->head_seq}, {"head_hash", ToHex(report->head_hash)}};
    if (report->broken_seq) out["broken_seq"] = *report->broken_seq;
    fmt::print("{}\n", out.dump());
  } else if (!report->Sound()) {
    fmt::print("broken: {}\n{} entries before it match; {}\n", report->finding, report->entries,
               kWayBack);
  } else {
    fmt::print(
        "valid: {} entries, {} of them proven through packed objects, {} expired\nhead {} {}\n",
        report->entries, report->packed, report->expired, report->head_seq,
        ToHex(report->head_hash));
    if (report->unproven > 0)
      fmt::print("{} packed entries could not be proven: the folder {} is not there (--objects)\n",
                 report->unproven, options.objects);
  }
  return !report->Sound() ? kBad : sound ? kGood : kNoAnswer;
}

}  // namespace auspex::cli
