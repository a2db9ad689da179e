#pragma once

#include <cstdint>
#include <string_view>

#include "auspex/base/sha256.h"

namespace auspex::storage {

// What an entry's hash covers beside the hash before it.
struct ChainLink {
  std::int64_t seq = 0;
  std::int64_t at_us = 0;  // microseconds since 1970, UTC
  std::string_view deployment;
  std::string_view kind;
  Sha256 body_sha256{};
};

// The hash before the first entry: 32 zero bytes.
inline constexpr Sha256 kChainStart{};

// hash(n), by the formula at the top of ledger.h. Pure.
[[nodiscard]] Sha256 ChainHash(const Sha256& previous, const ChainLink& link);

}  // namespace auspex::storage
