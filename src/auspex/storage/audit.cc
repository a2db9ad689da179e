#include "auspex/storage/audit.h"

#include <fmt/format.h>

namespace auspex::storage {

std::optional<std::string> ChainWalk::Take(const StoredLink& entry) {
  if (entry.link.seq != seq_) {
    return fmt::format("entry {} is missing: the next one is {}", seq_, entry.link.seq);
  }
  if (entry.body && HashSha256(*entry.body) != entry.link.body_sha256) {
    return fmt::format("entry {}: its body does not match its SHA-256", seq_);
  }
  if (ChainHash(hash_, entry.link) != entry.hash) {
    return fmt::format("entry {}: its hash {} does not match its fields and the entry before it",
                       seq_, ToHex(entry.hash));
  }
  hash_ = entry.hash;
  ++seq_;
  return std::nullopt;
}

std::optional<std::string> ChainWalk::Finish(std::int64_t head_seq, const Sha256& head_hash) {
  const std::int64_t last = seq_ - 1;
  if (head_seq > last) {
    return fmt::format("entry {} is missing: the head says {}", seq_, head_seq);
  }
  if (head_seq < last) {
    seq_ = head_seq + 1;
    return fmt::format("entry {} was not committed: the head says {}", seq_, head_seq);
  }
  if (head_hash == hash_) return std::nullopt;
  seq_ = last;
  return fmt::format("entry {}: its hash {} is not the head's {}", last, ToHex(hash_),
                     ToHex(head_hash));
}

}  // namespace auspex::storage
