#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/storage/audit.h"
#include "auspex/storage/sqlite/backup_objects.h"
#include "auspex/storage/sqlite/database.h"
#include "auspex/storage/sqlite/ledger_rows.h"
#include "auspex/storage/sqlite/schema.h"
#include "auspex/storage/tick_archive.h"

namespace auspex::storage {
namespace sqlite {
namespace {

constexpr Duration kBusyTimeout = 10s;
constexpr std::int64_t kEntriesPerReport = 4096;  // some 15 ms

// What the chain itself says of an object, by its "packed" and "expired" entries.
struct Claim {
  std::string sha256_hex;
  bool expired = false;
};

struct PackedRow {
  std::int64_t seq = 0;
  Sha256 body_sha256{};
};

// The entries that say their bodies are in one object.
struct PackRows {
  std::int64_t id = 0;
  std::optional<PackRef> pack;  // none: the row of `packs` is gone
  std::string deployment;
  std::vector<PackedRow> rows;  // ascending, never empty
};

class Audit {
 public:
  Audit(Database& database, ObjectStore* objects, const OnEntries& on_entries)
      : database_(database), objects_(objects), on_entries_(on_entries) {}

  Result<AuditReport> Run();

 private:
  Status WalkChain();
  std::optional<std::string> TakeEntry(const Query& row, ChainWalk& walk);
  void TakeClaim(std::string_view kind, std::string_view body);
  Status WalkPacks();
  Status TakePack(const PackRows& packed);
  Status TakeBodies(const PackRows& packed);
  Status JudgeMissing();
  Status CheckStructure();
  // Damage that SQLite reports is a finding.
  Status Absorb(const Status& status);
  // Keeps the finding of the earliest entry.
  void Find(std::int64_t seq, std::string finding);

  Database& database_;
  ObjectStore* objects_;
  const OnEntries& on_entries_;
  AuditReport report_;
  std::map<std::string, Claim, std::less<>> claims_;
  std::vector<PackRows> missing_;  // whose object is not there
};

void Audit::Find(std::int64_t seq, std::string finding) {
  if (report_.broken_seq && *report_.broken_seq <= seq) return;
  report_.broken_seq = seq;
  report_.finding = std::move(finding);
}

Status Audit::Absorb(const Status& status) {
  if (status.ok()) return {};
  if (status.error().code != ErrorCode::kDataLoss) return Failure{status.error()};
  if (report_.Sound()) report_.finding = status.error().message;
  return {};
}

Result<AuditReport> Audit::Run() {
  {
    AUSPEX_TRY(const Transaction moment, Transaction::Begin(database_, Transaction::Kind::kRead));
    AUSPEX_TRY(Absorb(WalkChain()));
    if (report_.Sound()) AUSPEX_TRY(Absorb(WalkPacks()));
    if (report_.Sound()) AUSPEX_TRY(Absorb(CheckStructure()));
  }
  AUSPEX_TRY(Absorb(JudgeMissing()));
  return report_;
}

Status Audit::WalkChain() {
  AUSPEX_TRY(const Head head, ReadHead(database_));
  report_.head_seq = head.seq;
  report_.head_hash = head.hash;
  AUSPEX_TRY(Query rows, database_.Use("SELECT seq, at_us, deployment, kind, body_sha256, hash, "
                                       "body, pack FROM entries ORDER BY seq"));
  ChainWalk walk;
  while (true) {
    const auto found = rows.Next();
    if (!found.ok() && found.error().code == ErrorCode::kDataLoss) {
      Find(walk.seq(),
           fmt::format("entry {} cannot be read: {}", walk.seq(), found.error().message));
      return {};
    }
    if (!found.ok()) return Failure{found.error()};
    auto wrong = *found ? TakeEntry(rows, walk) : walk.Finish(head.seq, head.hash);
    if (wrong) {
      Find(walk.seq(), *std::move(wrong));
      return {};
    }
    if (!*found) return {};
    ++report_.entries;
    if (on_entries_ && report_.entries % kEntriesPerReport == 0)
      on_entries_(report_.entries, std::max(head.seq, report_.entries));
  }
}

std::optional<std::string> Audit::TakeEntry(const Query& row, ChainWalk& walk) {
  const auto body_sha256 = row.Hash(4);
  const auto hash = row.Hash(5);
  if (!body_sha256.ok() || !hash.ok()) {
    return fmt::format("entry {}: a stored SHA-256 does not have 32 bytes", walk.seq());
  }
  StoredLink stored{
      {row.Int(0), row.Int(1), row.Text(2), row.Text(3), *body_sha256}, std::nullopt, *hash};
  if (!row.IsNull(6)) stored.body = row.Text(6);
  if (!stored.body && row.IsNull(7) && stored.link.seq == walk.seq()) {
    return fmt::format("entry {} has no body, and no object that holds it", stored.link.seq);
  }
  if (auto wrong = walk.Take(stored)) return wrong;
  if (stored.body) TakeClaim(stored.link.kind, *stored.body);
  return std::nullopt;
}

void Audit::TakeClaim(std::string_view kind, std::string_view body) {
  if (kind != "packed" && kind != "expired") return;
  const auto parsed = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("object") || !parsed["object"].is_string() ||
      !parsed.contains("sha256") || !parsed["sha256"].is_string()) {
    return;  // then nothing speaks for the object, which WalkPacks finds
  }
  Claim& claim = claims_[parsed["object"].get<std::string>()];
  claim.sha256_hex = parsed["sha256"].get<std::string>();
  if (kind == "expired") claim.expired = true;
}

Status Audit::WalkPacks() {
  AUSPEX_TRY(Query rows,
             database_.Use("SELECT e.seq, e.body_sha256, e.deployment, e.pack, p.name, p.sha256 "
                           "FROM entries e LEFT JOIN packs p ON p.id = e.pack "
                           "WHERE e.pack IS NOT NULL AND e.body IS NULL ORDER BY e.pack, e.seq"));
  PackRows packed;
  while (true) {
    AUSPEX_TRY(const bool found, rows.Next());
    if (!packed.rows.empty() && (!found || rows.Int(3) != packed.id)) {
      AUSPEX_TRY(TakePack(packed));
      packed = {};
    }
    if (!found) return {};
    if (packed.rows.empty()) {
      packed.id = rows.Int(3);
      packed.deployment = rows.Text(2);
      if (!rows.IsNull(4)) {
        AUSPEX_TRY(const Sha256 sha256, rows.Hash(5));
        packed.pack = PackRef{std::string(rows.Text(4)), sha256};
      }
    }
    AUSPEX_TRY(const Sha256 body_sha256, rows.Hash(1));
    packed.rows.push_back({rows.Int(0), body_sha256});
  }
}

Status Audit::TakePack(const PackRows& packed) {
  const std::int64_t first = packed.rows.front().seq;
  const auto claim = packed.pack ? claims_.find(packed.pack->name) : claims_.end();
  if (claim == claims_.end()) {
    Find(first, fmt::format("entry {}: no \"packed\" entry speaks of the object that should hold "
                            "its body",
                            first));
    return {};
  }
  if (claim->second.sha256_hex != ToHex(packed.pack->sha256)) {
    Find(first, fmt::format("entry {}: the SHA-256 of object '{}' is not that of its \"packed\" "
                            "entry",
                            first, packed.pack->name));
    return {};
  }
  const auto count = static_cast<std::int64_t>(packed.rows.size());
  if (claim->second.expired) {
    report_.expired += count;
    return {};
  }
  if (objects_ == nullptr) {
    report_.unproven += count;
    return {};
  }
  return TakeBodies(packed);
}

Status Audit::TakeBodies(const PackRows& packed) {
  const auto bodies = LoadTickArchive(*objects_, packed.pack->name, packed.pack->sha256);
  const std::int64_t first = packed.rows.front().seq;
  if (!bodies.ok()) {
    switch (bodies.error().code) {
      case ErrorCode::kNotFound:
        missing_.push_back(packed);
        return {};
      case ErrorCode::kDataLoss:
        Find(first, fmt::format("entry {}: {}", first, bodies.error().message));
        return {};
      default:
        return Failure{bodies.error()};
    }
  }
  for (const PackedRow& row : packed.rows) {
    const auto body = bodies->find(row.seq);
    if (body == bodies->end() || HashSha256(body->second) != row.body_sha256) {
      Find(row.seq, fmt::format("entry {}: its body in object '{}' does not match its SHA-256",
                                row.seq, packed.pack->name));
      return {};
    }
    ++report_.packed;
  }
  return {};
}

// An object that went while we looked has an "expired" entry behind the head that we saw.
Status Audit::JudgeMissing() {
  for (const PackRows& packed : missing_) {
    const std::string& name = packed.pack->name;
    bool expired = false;
    AUSPEX_TRY(Query later, database_.Use("SELECT body FROM entries WHERE deployment = ? AND "
                                          "kind = 'expired' AND seq > ?"));
    later.Bind(packed.deployment).Bind(report_.head_seq);
    while (!expired) {
      AUSPEX_TRY(const bool found, later.Next());
      if (!found) break;
      TakeClaim("expired", later.Text(0));
      expired = claims_[name].expired;
    }
    const std::int64_t first = packed.rows.front().seq;
    if (expired) {
      report_.expired += static_cast<std::int64_t>(packed.rows.size());
    } else {
      Find(first,
           fmt::format("entry {}: object '{}', which holds its body, is missing", first, name));
    }
  }
  return {};
}

// Indexes and rows beside the entries, which the chain does not cover.
Status Audit::CheckStructure() {
  AUSPEX_TRY(Query check, database_.Use("PRAGMA integrity_check(1)"));
  AUSPEX_TRY(const bool found, check.Next());
  if (found && check.Text(0) != "ok") {
    report_.finding = fmt::format("'{}' is damaged: {}", database_.path(), check.Text(0));
  }
  return {};
}

}  // namespace
}  // namespace sqlite

Result<AuditReport> VerifyLedgerFile(const std::string& path, ObjectStore* objects,
                                     const OnEntries& on_entries) {
  using namespace sqlite;  // NOLINT(google-build-using-namespace): this file's own parts
  constexpr auto kMode = Database::Mode::kReadOnly;
  AUSPEX_TRY(Database database, Database::Open(path, kMode, kBusyTimeout));
  AUSPEX_TRY(CheckSchema(database, kMode));
  AUSPEX_TRY(const std::unique_ptr<ObjectStore> backup, OpenBackupObjects(database));
  return Audit(database, backup != nullptr ? backup.get() : objects, on_entries).Run();
}

}  // namespace auspex::storage
