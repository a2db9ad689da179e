#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "auspex/base/result.h"
#include "auspex/base/sha256.h"
#include "auspex/storage/chain.h"
#include "auspex/storage/object_store.h"

// audit proves a ledger: that no entry was changed, removed or added since it was committed.
//
//   AUSPEX_TRY(const auto report, VerifyLedgerFile("var/auspex.db", objects.get()));
//   if (!report.Sound()) std::puts(report.finding.c_str());
//
// The chain proves order and content up to its head. Whoever can write the whole file can also
// build a whole new chain: keep the head's hash elsewhere to notice that.
namespace auspex::storage {

struct AuditReport {
  std::int64_t entries = 0;   // that match
  std::int64_t packed = 0;    // of these: bodies proven through their object
  std::int64_t expired = 0;   // bodies whose object was deleted by age, as an "expired" entry says
  std::int64_t unproven = 0;  // packed bodies, where no object store was given
  std::int64_t head_seq = 0;  // of the last entry, by the head that every commit writes
  Sha256 head_hash{};
  // The first entry that does not match. Packed objects are looked at once the chain is sound. None
  // where something beside the entries is damaged, as an index.
  std::optional<std::int64_t> broken_seq;
  std::string finding;  // what does not match, in a sentence; empty: all does

  [[nodiscard]] bool Sound() const { return finding.empty(); }
};

// Reads a SQLite ledger, changes nothing, and sees one moment of it while another process writes.
// `objects` may be null: then packed bodies count as unproven. A backup file (backup.h) is proven
// with the objects inside it instead. Errors: kNotFound (no file), kDataLoss (not a database),
// kInvalidArgument (not a ledger), kPermissionDenied, kUnavailable. A damaged ledger is a finding,
// not an error. Defined in sqlite/sqlite_audit.cc.
// `on_entries` hears now and then how many entries of how many are proven.
using OnEntries = std::function<void(std::int64_t done, std::int64_t all)>;
Result<AuditReport> VerifyLedgerFile(const std::string& path, ObjectStore* objects,
                                     const OnEntries& on_entries = {});

// One stored entry as an audit meets it.
struct StoredLink {
  ChainLink link;
  std::optional<std::string_view> body;  // none: packed
  Sha256 hash{};
};

// The walk along a chain, from entry 1. Pure. Not thread-safe.
class ChainWalk {
 public:
  // What is wrong with this entry, if anything. `seq()` is then the broken one.
  std::optional<std::string> Take(const StoredLink& entry);
  // After the last entry: what is wrong with the chain's end, given the stored head.
  std::optional<std::string> Finish(std::int64_t head_seq, const Sha256& head_hash);

  // The entry that is, or was, to come next.
  [[nodiscard]] std::int64_t seq() const { return seq_; }

 private:
  std::int64_t seq_ = 1;
  Sha256 hash_ = kChainStart;
};

}  // namespace auspex::storage
