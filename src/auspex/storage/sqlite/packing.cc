#include "auspex/storage/sqlite/packing.h"

#include <cstddef>
#include <string>
#include <utility>

#include "auspex/storage/tick_archive.h"

namespace auspex::storage::sqlite {
namespace {

struct Object {
  std::string name;
  Sha256 sha256{};
};

Status CheckEnded(Database& database, std::string_view id) {
  AUSPEX_TRY(const DeploymentRow deployment, FindDeployment(database, id));
  if (deployment.ended) return {};
  return Fail(ErrorCode::kConflict, "deployment '{}' has not ended, so its ticks stay", id);
}

// The next object's worth. Each body is proven first: packing must not give damage a new home.
Result<std::vector<ArchivedBody>> SelectTicks(Database& database, std::string_view deployment) {
  AUSPEX_TRY(Query rows,
             database.Use("SELECT seq, body, body_sha256 FROM entries WHERE deployment = ? AND "
                          "kind = 'tick' AND pack IS NULL ORDER BY seq LIMIT ?"));
  rows.Bind(deployment).Bind(static_cast<std::int64_t>(kMaxArchiveBodies));
  std::vector<ArchivedBody> ticks;
  std::size_t bytes = 0;
  while (bytes < kMaxArchiveBodyBytes) {
    AUSPEX_TRY(const bool found, rows.Next());
    if (!found) break;
    ArchivedBody tick{rows.Int(0), std::string(rows.Text(1))};
    const auto sha256 = rows.Hash(2);
    if (!sha256.ok() || HashSha256(tick.body) != *sha256) {
      return Fail(ErrorCode::kDataLoss, "'{}' entry {}: its body does not match its SHA-256",
                  database.path(), tick.seq);
    }
    bytes += tick.body.size();
    ticks.push_back(std::move(tick));
  }
  return ticks;
}

Result<std::int64_t> InsertPack(Database& database, std::string_view deployment,
                                const Object& object) {
  AUSPEX_TRY(Query insert, database.Use("INSERT INTO packs (name, sha256, deployment) "
                                        "VALUES (?, ?, ?) RETURNING id"));
  AUSPEX_TRY(const bool found,
             insert.Bind(object.name).Bind(object.sha256).Bind(deployment).Next());
  if (!found) return Fail(ErrorCode::kInternal, "SQLite gave no id for pack '{}'", object.name);
  const std::int64_t id = insert.Int(0);
  AUSPEX_TRY(insert.Run());
  return id;
}

Status MoveBodies(Database& database, std::string_view deployment, std::int64_t pack,
                  const std::vector<ArchivedBody>& ticks) {
  {
    AUSPEX_TRY(Query update,
               database.Use("UPDATE entries SET body = NULL, pack = ? WHERE deployment = ? AND "
                            "kind = 'tick' AND pack IS NULL AND seq BETWEEN ? AND ?"));
    AUSPEX_TRY(
        update.Bind(pack).Bind(deployment).Bind(ticks.front().seq).Bind(ticks.back().seq).Run());
  }
  if (database.Changes() == static_cast<std::int64_t>(ticks.size())) return {};
  return Fail(ErrorCode::kConflict, "'{}': the ticks of '{}' changed while they were packed",
              database.path(), deployment);
}

Status RecordPack(Core& core, std::string_view deployment, const Object& object,
                  const std::vector<ArchivedBody>& ticks, WallTime now) {
  const MutexLock lock(core.mutex);
  Head head = core.head;
  AUSPEX_TRY(Transaction transaction, Transaction::Begin(core.database, Transaction::Kind::kWrite));
  AUSPEX_TRY(const std::int64_t pack, InsertPack(core.database, deployment, object));
  AUSPEX_TRY(MoveBodies(core.database, deployment, pack, ticks));
  const NewEntry packed{
      now, std::string(deployment), "packed",
      fmt::format(R"({{"object":"{}","sha256":"{}","from_seq":{},"to_seq":{},"count":{}}})",
                  object.name, ToHex(object.sha256), ticks.front().seq, ticks.back().seq,
                  ticks.size())};
  AUSPEX_TRY(AppendEntries(core.database, head, {packed}));
  AUSPEX_TRY(transaction.Commit());
  core.head = head;
  return {};
}

// Marks what is to go and says so in the chain.
Status RecordExpired(Core& core, WallTime before, WallTime now) {
  const MutexLock lock(core.mutex);
  Head head = core.head;
  AUSPEX_TRY(Transaction transaction, Transaction::Begin(core.database, Transaction::Kind::kWrite));
  std::vector<NewEntry> entries;
  {
    AUSPEX_TRY(Query rows,
               core.database.Use("UPDATE packs SET state = 1 WHERE id IN (SELECT p.id FROM packs p "
                                 "JOIN deployments d ON d.id = p.deployment WHERE p.state = 0 AND "
                                 "d.ended = 1 AND d.ended_us < ? ORDER BY p.id LIMIT ?) "
                                 "RETURNING deployment, name, sha256"));
    rows.Bind(MicrosSinceEpoch(before)).Bind(kMostExpired);
    while (true) {
      AUSPEX_TRY(const bool found, rows.Next());
      if (!found) break;
      AUSPEX_TRY(const Sha256 sha256, rows.Hash(2));
      entries.push_back({now, std::string(rows.Text(0)), "expired",
                         fmt::format(R"({{"object":"{}","sha256":"{}","ended_before":"{}"}})",
                                     rows.Text(1), ToHex(sha256), ToRfc3339(before))});
    }
  }
  AUSPEX_TRY(AppendEntries(core.database, head, entries));
  AUSPEX_TRY(transaction.Commit());
  core.head = head;
  return {};
}

Result<std::vector<std::string>> PacksToDelete(Core& core) {
  const MutexLock lock(core.mutex);
  AUSPEX_TRY(Query rows, core.database.Use("SELECT name FROM packs WHERE state = 1 ORDER BY id "
                                           "LIMIT ?"));
  rows.Bind(kMostExpired);
  std::vector<std::string> names;
  while (true) {
    AUSPEX_TRY(const bool found, rows.Next());
    if (!found) return names;
    names.emplace_back(rows.Text(0));
  }
}

Status MarkDeleted(Core& core, const std::string& name) {
  const MutexLock lock(core.mutex);
  AUSPEX_TRY(Query update, core.database.Use("UPDATE packs SET state = 2 WHERE name = ?"));
  return update.Bind(name).Run();
}

}  // namespace

Status PackTicks(Core& core, ObjectStore& objects, std::string_view deployment, WallTime now) {
  const MutexLock packing(core.packing);
  while (true) {  // ends: an ended deployment's ticks are finite, and each turn packs some
    std::vector<ArchivedBody> ticks;
    {
      const MutexLock lock(core.mutex);
      AUSPEX_TRY(CheckEnded(core.database, deployment));
      AUSPEX_TRY(ticks, SelectTicks(core.database, deployment));
    }
    if (ticks.empty()) return {};
    AUSPEX_TRY(const std::string bytes, WriteTickArchive(ticks));
    const Sha256 sha256 = HashSha256(bytes);
    const Object object{fmt::format("ticks/{}-{:.16}.zst", deployment, ToHex(sha256)), sha256};
    AUSPEX_TRY(objects.Put(object.name, bytes));
    AUSPEX_TRY(RecordPack(core, deployment, object, ticks, now));
  }
}

Result<std::vector<std::string>> SelectUnpacked(Core& core, std::size_t limit) {
  const MutexLock lock(core.mutex);
  AUSPEX_TRY(Query rows,
             core.database.Use("SELECT d.id FROM deployments d JOIN entries e ON e.seq = (SELECT "
                               "max(seq) FROM entries WHERE deployment = d.id AND kind = 'tick') "
                               "WHERE d.ended = 1 AND e.pack IS NULL ORDER BY d.id LIMIT ?"));
  rows.Bind(static_cast<std::int64_t>(limit));
  std::vector<std::string> names;
  while (true) {
    AUSPEX_TRY(const bool found, rows.Next());
    if (!found) return names;
    names.emplace_back(rows.Text(0));
  }
}

Result<std::int64_t> ExpirePacks(Core& core, ObjectStore& objects, WallTime before, WallTime now) {
  const MutexLock packing(core.packing);
  AUSPEX_TRY(RecordExpired(core, before, now));
  AUSPEX_TRY(const std::vector<std::string> names, PacksToDelete(core));
  std::int64_t deleted = 0;
  std::optional<Error> first;  // one that cannot be deleted does not keep the others
  for (const std::string& name : names) {
    if (const Status gone = objects.Delete(name); !gone.ok()) {
      if (!first) first = gone.error();
      continue;
    }
    AUSPEX_TRY(MarkDeleted(core, name));
    ++deleted;
  }
  if (first) return Failure{*first};
  return deleted;
}

}  // namespace auspex::storage::sqlite
