#include "auspex/storage/sqlite/ledger_rows.h"

#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/base/clock.h"
#include "auspex/base/ids.h"
#include "auspex/storage/chain.h"

namespace auspex::storage::sqlite {
namespace {

std::int64_t ToLimit(std::size_t limit) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  return limit > static_cast<std::size_t>(kMost) ? kMost : static_cast<std::int64_t>(limit);
}

Status CheckBody(std::string_view what, std::string_view name, const std::string& body) {
  if (body.size() > kMaxBodyBytes) {
    return Fail(ErrorCode::kInvalidArgument, "the body of {} '{}' has {} bytes; {} is the most",
                what, name, body.size(), kMaxBodyBytes);
  }
  if (nlohmann::json::accept(body)) return {};
  return Fail(ErrorCode::kInvalidArgument, "the body of {} '{}' is not JSON: {:.60}", what, name,
              body);
}

Status CheckEntry(const NewEntry& entry) {
  AUSPEX_TRY(CheckName("the kind of an entry", entry.kind));
  if (entry.kind == "packed" || entry.kind == "expired") {
    return Fail(ErrorCode::kInvalidArgument, "an entry of kind '{}' is made by the ledger alone",
                entry.kind);
  }
  if (!entry.deployment.empty()) AUSPEX_TRY(CheckName("a deployment", entry.deployment));
  return CheckBody("entry", entry.kind, entry.body);
}

Status InsertEntry(Database& database, const Entry& entry, const Sha256& body_sha256) {
  AUSPEX_TRY(Query insert,
             database.Use("INSERT INTO entries (seq, at_us, deployment, kind, body_sha256, hash, "
                          "body) VALUES (?, ?, ?, ?, ?, ?, ?)"));
  return insert.Bind(entry.seq)
      .Bind(MicrosSinceEpoch(entry.at))
      .Bind(entry.deployment)
      .Bind(entry.kind)
      .Bind(body_sha256)
      .Bind(entry.hash)
      .Bind(entry.body)
      .Run();
}

Status MoveHead(Database& database, const Head& from, const Head& to) {
  {
    AUSPEX_TRY(Query update,
               database.Use("UPDATE head SET seq = ?, hash = ? WHERE seq = ? AND hash = ?"));
    AUSPEX_TRY(update.Bind(to.seq).Bind(to.hash).Bind(from.seq).Bind(from.hash).Run());
  }
  if (database.Changes() == 1) return {};
  return Fail(
      ErrorCode::kConflict,
      "'{}': entry {} is no longer the last one: another program has written to the ledger; "
      "end that program, then start the daemon again",
      database.path(), from.seq);
}

Result<StoredEntry> ReadEntry(const Query& row) {
  StoredEntry stored;
  stored.entry.seq = row.Int(0);
  stored.entry.at = FromMicros(row.Int(1));
  stored.entry.deployment = row.Text(2);
  stored.entry.kind = row.Text(3);
  AUSPEX_TRY(stored.body_sha256, row.Hash(4));
  AUSPEX_TRY(stored.entry.hash, row.Hash(5));
  stored.entry.body = row.Text(6);
  if (!row.IsNull(7)) {
    AUSPEX_TRY(const Sha256 sha256, row.Hash(8));
    stored.pack = PackRef{std::string(row.Text(7)), sha256, row.Int(9) != 0};
  }
  return stored;
}

DeploymentRow ReadDeployment(const Query& row) {
  DeploymentRow deployment;
  deployment.id = row.Text(0);
  deployment.service = row.Text(1);
  deployment.ended = row.Int(2) != 0;
  deployment.started_at = FromMicros(row.Int(3));
  if (!row.IsNull(4)) deployment.ended_at = FromMicros(row.Int(4));
  deployment.body = row.Text(5);
  return deployment;
}

std::string DeploymentsSql(const DeploymentQuery& query) {
  std::string sql =
      "SELECT id, service, ended, started_us, ended_us, body FROM deployments WHERE 1";
  if (query.service) sql += " AND service = ?";
  if (query.ended) sql += " AND ended = ?";
  if (!query.after_id.empty()) sql += " AND (started_us, id) < (?, ?)";
  return sql + " ORDER BY started_us DESC, id DESC LIMIT ?";
}

}  // namespace

Status CheckBatch(const Batch& batch) {
  for (const NewEntry& entry : batch.entries) AUSPEX_TRY(CheckEntry(entry));
  for (const DeploymentRow& row : batch.deployments) {
    AUSPEX_TRY(CheckName("a deployment", row.id));
    AUSPEX_TRY(CheckName("a service", row.service));
    AUSPEX_TRY(CheckBody("deployment", row.id, row.body));
  }
  for (const BaselineRow& row : batch.baselines) {
    AUSPEX_TRY(CheckName("a service", row.service));
    AUSPEX_TRY(CheckBody("baseline", row.service, row.body));
  }
  return {};
}

Result<Head> ReadHead(Database& database) {
  AUSPEX_TRY(Query query, database.Use("SELECT seq, hash FROM head WHERE id = 1"));
  AUSPEX_TRY(const bool found, query.Next());
  if (!found) return Fail(ErrorCode::kDataLoss, "'{}' has lost its head row", database.path());
  AUSPEX_TRY(const Sha256 hash, query.Hash(1));
  return Head{query.Int(0), hash};
}

Status CheckHead(Database& database, const Head& head) {
  AUSPEX_TRY(Query query, database.Use("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1"));
  AUSPEX_TRY(const bool found, query.Next());
  Head last;
  if (found) {
    AUSPEX_TRY(const Sha256 hash, query.Hash(1));
    last = Head{query.Int(0), hash};
  }
  if (last == head) return {};
  return Fail(ErrorCode::kDataLoss,
              "'{}' ends with entry {} {:.16}, but its head says {} {:.16}: `auspex audit verify` "
              "tells what is damaged",
              database.path(), last.seq, ToHex(last.hash), head.seq, ToHex(head.hash));
}

Result<std::vector<Entry>> AppendEntries(Database& database, Head& head,
                                         const std::vector<NewEntry>& entries) {
  const Head before = head;
  std::vector<Entry> stored;
  stored.reserve(entries.size());
  for (const NewEntry& entry : entries) {
    const Sha256 body_sha256 = HashSha256(entry.body);
    ++head.seq;
    head.hash = ChainHash(head.hash, {head.seq, MicrosSinceEpoch(entry.at), entry.deployment,
                                      entry.kind, body_sha256});
    stored.push_back({head.seq, entry.at, entry.deployment, entry.kind, entry.body, head.hash});
    AUSPEX_TRY(InsertEntry(database, stored.back(), body_sha256));
  }
  if (!entries.empty()) AUSPEX_TRY(MoveHead(database, before, head));
  return stored;
}

Result<std::vector<StoredEntry>> SelectEntries(Database& database,
                                               const Ledger::EntryQuery& query) {
  const std::string sql = fmt::format(
      "SELECT e.seq, e.at_us, e.deployment, e.kind, e.body_sha256, e.hash, e.body, p.name, "
      "p.sha256, p.state FROM entries e LEFT JOIN packs p ON p.id = e.pack "
      "WHERE e.deployment = ? AND e.seq > ?{} ORDER BY e.seq LIMIT ?",
      query.kind.empty() ? "" : " AND e.kind = ?");
  AUSPEX_TRY(Query rows, database.Use(sql));
  rows.Bind(query.deployment).Bind(query.after);
  if (!query.kind.empty()) rows.Bind(query.kind);
  rows.Bind(ToLimit(query.limit));
  std::vector<StoredEntry> entries;
  while (true) {
    AUSPEX_TRY(const bool found, rows.Next());
    if (!found) return entries;
    auto entry = ReadEntry(rows);
    if (!entry.ok()) return Within(fmt::format("entry {}", rows.Int(0)), entry.error());
    entries.push_back(*std::move(entry));
  }
}

Status StoreDeployment(Database& database, const DeploymentRow& row) {
  AUSPEX_TRY(Query upsert,
             database.Use("INSERT INTO deployments (id, service, ended, started_us, ended_us, "
                          "body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                          "service = excluded.service, ended = excluded.ended, "
                          "started_us = excluded.started_us, ended_us = excluded.ended_us, "
                          "body = excluded.body"));
  upsert.Bind(row.id)
      .Bind(row.service)
      .Bind(std::int64_t{row.ended ? 1 : 0})
      .Bind(MicrosSinceEpoch(row.started_at));
  row.ended_at ? upsert.Bind(MicrosSinceEpoch(*row.ended_at)) : upsert.BindNull();
  return upsert.Bind(row.body).Run();
}

Result<DeploymentRow> FindDeployment(Database& database, std::string_view id) {
  AUSPEX_TRY(Query query, database.Use("SELECT id, service, ended, started_us, ended_us, body "
                                       "FROM deployments WHERE id = ?"));
  AUSPEX_TRY(const bool found, query.Bind(id).Next());
  if (!found) return Fail(ErrorCode::kNotFound, "no deployment '{}'", id);
  return ReadDeployment(query);
}

Result<std::vector<DeploymentRow>> SelectDeployments(Database& database,
                                                     const DeploymentQuery& query) {
  WallTime after_start;
  if (!query.after_id.empty()) {
    const auto after = FindDeployment(database, query.after_id);
    if (!after.ok() && after.error().code == ErrorCode::kNotFound) {
      return Fail(ErrorCode::kInvalidArgument, "no deployment '{}' to list on from",
                  query.after_id);
    }
    if (!after.ok()) return Failure{after.error()};
    after_start = after->started_at;
  }
  AUSPEX_TRY(Query rows, database.Use(DeploymentsSql(query)));
  if (query.service) rows.Bind(*query.service);
  if (query.ended) rows.Bind(std::int64_t{*query.ended ? 1 : 0});
  if (!query.after_id.empty()) rows.Bind(MicrosSinceEpoch(after_start)).Bind(query.after_id);
  rows.Bind(ToLimit(query.limit));
  std::vector<DeploymentRow> deployments;
  while (true) {
    AUSPEX_TRY(const bool found, rows.Next());
    if (!found) return deployments;
    deployments.push_back(ReadDeployment(rows));
  }
}

Status StoreBaseline(Database& database, const BaselineRow& row) {
  AUSPEX_TRY(Query insert,
             database.Use("INSERT INTO baselines (service, at_us, body) VALUES (?, ?, ?)"));
  return insert.Bind(row.service).Bind(MicrosSinceEpoch(row.at)).Bind(row.body).Run();
}

Result<std::vector<BaselineRow>> SelectBaselines(Database& database, std::string_view service,
                                                 WallTime since) {
  AUSPEX_TRY(Query rows, database.Use("SELECT service, at_us, body FROM baselines WHERE "
                                      "service = ? AND at_us >= ? ORDER BY at_us, id"));
  rows.Bind(service).Bind(MicrosSinceEpoch(since));
  std::vector<BaselineRow> baselines;
  while (true) {
    AUSPEX_TRY(const bool found, rows.Next());
    if (!found) return baselines;
    baselines.push_back(
        {std::string(rows.Text(0)), FromMicros(rows.Int(1)), std::string(rows.Text(2))});
  }
}

}  // namespace auspex::storage::sqlite
