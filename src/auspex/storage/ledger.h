#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "auspex/base/sha256.h"

// storage keeps what happened. A Ledger is an append-only, hash-chained record of deployments,
// inputs, decisions, router observations and outcomes; an ObjectStore keeps larger immutable
// things.
//
//   Batch pass;
//   pass.entries.push_back({.at = now, .deployment = id, .kind = "order", .body = json});
//   AUSPEX_TRY(const auto stored, ledger->Commit(pass));  // durable: the order may be carried out
//
// The chain: hash(0) is 32 zero bytes and
//   hash(n) = SHA-256(hash(n-1) || seq || at_us || deployment || kind || SHA-256(body)),
// integers big-endian in 8 bytes, texts behind their length in 8 bytes. A body may move to an
// object
// ("packed"); its SHA-256 stays, so the chain still proves it.
//
// Read next: object_store.h, sqlite/sqlite_ledger.h, audit.h,
// tests/contract/ledger_contract_test.cc.
namespace auspex::storage {

// Of an entry's, a deployment's or a baseline's body.
inline constexpr std::size_t kMaxBodyBytes = 4 * 1024 * 1024;

struct NewEntry {
  WallTime at;
  std::string deployment;  // a DeploymentId's text; empty for entries about none
  std::string kind;        // "announced", "tick", "order", …: a name by CheckName (base/ids.h);
                           // "packed" and "expired" are the ledger's own
  std::string body;        // JSON, kept byte for byte; at most kMaxBodyBytes
};

struct Entry {
  std::int64_t seq = 0;  // 1, 2, … without a gap, over all deployments
  WallTime at;
  std::string deployment;
  std::string kind;
  std::string body;
  Sha256 hash{};
};

// The present summary of a deployment: derived from entries, kept for lists, outside the chain.
struct DeploymentRow {
  std::string id;
  std::string service;
  bool ended = false;
  WallTime started_at;
  std::optional<WallTime> ended_at;  // has a value where `ended`
  std::string body;                  // JSON, the API's deployment object
};

// Aggregates of a baseline's traffic in one deployment, for the history of later ones.
struct BaselineRow {
  std::string service;
  WallTime at;
  std::string body;  // JSON
};

// A call of the API under the key that its caller chose, so that one that is repeated is not
// carried out twice. Its answer is kept under the key, and what it did is stored with the key in
// one transaction. Outside the chain: it proves nothing.
struct KeyedCall {
  std::string caller;  // keys of different callers have nothing to do with each other
  std::string key;
  Sha256 call{};  // of all that must be the same when it is repeated
};
struct KeptAnswer {
  Sha256 call{};
  std::string answer;  // empty: claimed, and not answered (yet, or ever)
  // The deployment that the call began or changed; empty where an older program took the key and
  // did not say; nullopt: nothing that the call did is stored.
  std::optional<std::string> effect = {};
};

// That this batch is what a keyed call does.
struct KeyedEffect {
  KeyedCall call;
  std::string deployment;
};

struct Batch {
  std::vector<NewEntry> entries = {};
  std::vector<DeploymentRow> deployments = {};  // inserted, or replaced by id
  std::vector<BaselineRow> baselines = {};
  std::vector<KeyedEffect> effects = {};  // each call was claimed, and has no effect yet
};
inline constexpr std::int64_t kMaxKeptAnswers = 100'000;

inline constexpr std::int64_t kMostExpired = 100;  // objects that one Expire deletes

struct DeploymentQuery {
  std::optional<std::string> service = {};
  std::optional<bool> ended = {};
  std::size_t limit = 100;
  std::string after_id = {};  // of the last row of the page before; newest first
};

// Thread-safe. Errors of every call: kUnavailable (locked, disk full: retry), kPermissionDenied
// (read-only), kDataLoss (damaged: the message says where).
class Ledger {
 public:
  virtual ~Ledger() = default;

  // All or nothing, and on disk when it returns. The stored entries, in order. After an error
  // nothing of the batch is there; only a machine that dies in that same moment may keep it, whole.
  // Errors: kInvalidArgument for a name or body outside the bounds above; the message says which;
  // kConflict for an effect of a call that is not claimed now, or has one already.
  virtual Result<std::vector<Entry>> Commit(const Batch& batch) = 0;

  // Entries of one deployment with seq > `after`, ascending, at most `limit`; packed bodies are
  // unpacked. `kind` empty: all kinds. An unknown deployment has none. Error: kNotFound if a body
  // of the answer has expired; the other kinds of that deployment can still be asked for.
  struct EntryQuery {
    std::string deployment = {};
    std::string kind = {};
    std::int64_t after = 0;
    std::size_t limit = 1000;
  };
  virtual Result<std::vector<Entry>> Entries(const EntryQuery& query) = 0;

  // By start, newest first. Error: kInvalidArgument if there is no deployment `after_id`.
  virtual Result<std::vector<DeploymentRow>> Deployments(const DeploymentQuery& query) = 0;
  // Error: kNotFound.
  virtual Result<DeploymentRow> Deployment(std::string_view id) = 0;
  // Of a service, `since` or later, oldest first.
  virtual Result<std::vector<BaselineRow>> Baselines(std::string_view service, WallTime since) = 0;

  // Takes a key, durably. What it was taken for before, where it was; then nothing changes. Forgets
  // keys taken before `expired`, and the oldest beyond kMaxKeptAnswers.
  virtual Result<std::optional<KeptAnswer>> ClaimKey(const KeyedCall& claim, WallTime now,
                                                     WallTime expired) = 0;
  // The answer for a key that was claimed; it stays until it expires. An empty one gives the key
  // back, unless an effect of the call is stored.
  virtual Status KeepAnswer(std::string_view caller, std::string_view key,
                            std::string_view answer) = 0;

  // Moves the "tick" bodies of an ended deployment into zstd objects (one, unless they are very
  // large) and adds a "packed" entry for each. Idempotent. Errors: kNotFound (no such deployment);
  // kConflict (it has not ended); kInvalidArgument (the ledger has no object store).
  virtual Status Pack(std::string_view deployment, WallTime now) = 0;
  // Ended deployments whose newest tick is not packed, at most `limit`.
  virtual Result<std::vector<std::string>> Unpacked(std::size_t limit) = 0;
  // Deletes packed objects of deployments that ended before `before`, after adding an "expired"
  // entry for each; the chain of hashes stays. Returns how many it deleted: at most kMostExpired,
  // so that it ends soon; where it is that many, there may be more. Error: kInvalidArgument (as
  // above), kUnavailable, kPermissionDenied (the store; what it did delete stays deleted).
  virtual Result<std::int64_t> Expire(WallTime before) = 0;
};

}  // namespace auspex::storage
