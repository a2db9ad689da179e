#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/base/sha256.h"
#include "auspex/storage/ledger.h"
#include "auspex/storage/sqlite/database.h"

// The SQL of a ledger, one function a statement. The callers hold the lock and the transaction.
namespace auspex::storage::sqlite {

struct Head {
  std::int64_t seq = 0;
  Sha256 hash{};
  friend bool operator==(const Head&, const Head&) = default;
};

struct PackRef {
  std::string name;
  Sha256 sha256{};
  bool expired = false;
};

struct StoredEntry {
  Entry entry;  // its body empty if packed
  Sha256 body_sha256{};
  std::optional<PackRef> pack;
};

// The names and sizes that ledger.h asks for. Error: kInvalidArgument.
Status CheckBatch(const Batch& batch);

Result<Head> ReadHead(Database& database);
// Error: kDataLoss unless the last entry is the head.
Status CheckHead(Database& database, const Head& head);
// Moves `head`, here and in the file. Error: kConflict if the file's head is another.
Result<std::vector<Entry>> AppendEntries(Database& database, Head& head,
                                         const std::vector<NewEntry>& entries);
Result<std::vector<StoredEntry>> SelectEntries(Database& database, const Ledger::EntryQuery& query);

Status StoreDeployment(Database& database, const DeploymentRow& row);
Result<DeploymentRow> FindDeployment(Database& database, std::string_view id);
Result<std::vector<DeploymentRow>> SelectDeployments(Database& database,
                                                     const DeploymentQuery& query);

Status StoreBaseline(Database& database, const BaselineRow& row);
Result<std::vector<BaselineRow>> SelectBaselines(Database& database, std::string_view service,
                                                 WallTime since);

}  // namespace auspex::storage::sqlite
