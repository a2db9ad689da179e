#pragma once

#include <optional>
#include <string_view>

#include "auspex/base/result.h"
#include "auspex/storage/ledger.h"
#include "auspex/storage/sqlite/database.h"

// The SQL of ClaimKey, KeepAnswer and a batch's effects (ledger.h). The caller holds the lock.
namespace auspex::storage::sqlite {

Result<std::optional<KeptAnswer>> ClaimKey(Database& database, const KeyedCall& claim, WallTime now,
                                           WallTime expired);
Status StoreAnswer(Database& database, std::string_view caller, std::string_view key,
                   std::string_view answer);
// Within the transaction that stores what the call does.
Status StoreEffect(Database& database, const KeyedEffect& effect);

}  // namespace auspex::storage::sqlite
