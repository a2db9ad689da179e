#include "auspex/storage/sqlite/keyed_answers.h"

#include <utility>

namespace auspex::storage::sqlite {
namespace {

Status Forget(Database& database, WallTime expired) {
  {
    AUSPEX_TRY(Query old, database.Use("DELETE FROM keyed_answers WHERE at_us < ?"));
    AUSPEX_TRY(old.Bind(MicrosSinceEpoch(expired)).Run());
  }
  // Ids grow with time, so this needs no count.
  AUSPEX_TRY(Query surplus, database.Use("DELETE FROM keyed_answers WHERE id <= "
                                         "(SELECT max(id) FROM keyed_answers) - ?"));
  return surplus.Bind(kMaxKeptAnswers - 1).Run();
}

Result<std::optional<KeptAnswer>> Find(Database& database, const KeyedCall& claim) {
  AUSPEX_TRY(Query query, database.Use("SELECT call, answer, effect FROM keyed_answers WHERE "
                                       "caller = ? AND key = ?"));
  AUSPEX_TRY(const bool found, query.Bind(claim.caller).Bind(claim.key).Next());
  if (!found) return std::optional<KeptAnswer>();
  KeptAnswer kept;
  AUSPEX_TRY(kept.call, query.Hash(0));
  kept.answer = query.Text(1);
  if (!query.IsNull(2)) kept.effect = query.Text(2);
  return std::optional(std::move(kept));
}

}  // namespace

Result<std::optional<KeptAnswer>> ClaimKey(Database& database, const KeyedCall& claim, WallTime now,
                                           WallTime expired) {
  AUSPEX_TRY(Transaction transaction, Transaction::Begin(database, Transaction::Kind::kWrite));
  AUSPEX_TRY(Forget(database, expired));
  AUSPEX_TRY(std::optional<KeptAnswer> kept, Find(database, claim));
  if (!kept) {
    AUSPEX_TRY(Query insert, database.Use("INSERT INTO keyed_answers (caller, key, call, at_us) "
                                          "VALUES (?, ?, ?, ?)"));
    AUSPEX_TRY(insert.Bind(claim.caller)
                   .Bind(claim.key)
                   .Bind(claim.call)
                   .Bind(MicrosSinceEpoch(now))
                   .Run());
  }
  AUSPEX_TRY(transaction.Commit());
  return kept;
}

Status StoreAnswer(Database& database, std::string_view caller, std::string_view key,
                   std::string_view answer) {
  if (answer.empty()) {
    AUSPEX_TRY(Query release,
               database.Use("DELETE FROM keyed_answers WHERE caller = ? AND key = ? AND effect IS "
                            "NULL"));
    return release.Bind(caller).Bind(key).Run();
  }
  AUSPEX_TRY(Query update, database.Use("UPDATE keyed_answers SET answer = ? WHERE caller = ? AND "
                                        "key = ?"));
  return update.Bind(answer).Bind(caller).Bind(key).Run();
}

Status StoreEffect(Database& database, const KeyedEffect& effect) {
  AUSPEX_TRY(Query update,
             database.Use("UPDATE keyed_answers SET effect = ? WHERE caller = ? AND key = ? AND "
                          "call = ? AND effect IS NULL RETURNING id"));
  const KeyedCall& call = effect.call;
  update.Bind(effect.deployment).Bind(call.caller).Bind(call.key).Bind(call.call);
  AUSPEX_TRY(const bool stored, update.Next());
  if (stored) return {};
  return Fail(ErrorCode::kConflict,
              "the call with the key '{}' has taken effect already, or was given up", call.key);
}

}  // namespace auspex::storage::sqlite
