#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/storage/ledger.h"

namespace auspex::storage::testing {

// A ledger whose disk takes nothing while `refuses` is set, and whose entries cannot be read while
// `unreadable` is.
class TroubledLedger final : public Ledger {
 public:
  explicit TroubledLedger(Ledger* ledger) : ledger_(ledger) {}
  std::atomic<bool> refuses = false;
  std::atomic<bool> unreadable = false;

  Result<std::vector<Entry>> Commit(const Batch& batch) override {
    if (refuses) return Fail(ErrorCode::kUnavailable, "the disk is full");
    return ledger_->Commit(batch);
  }
  Result<std::vector<Entry>> Entries(const EntryQuery& query) override {
    if (unreadable) return Fail(ErrorCode::kUnavailable, "the ledger is locked");
    return ledger_->Entries(query);
  }
  Result<std::vector<DeploymentRow>> Deployments(const DeploymentQuery& query) override {
    return ledger_->Deployments(query);
  }
  Result<DeploymentRow> Deployment(std::string_view id) override { return ledger_->Deployment(id); }
  Result<std::vector<BaselineRow>> Baselines(std::string_view service, WallTime since) override {
    return ledger_->Baselines(service, since);
  }
  Status Pack(std::string_view deployment, WallTime now) override {
    return ledger_->Pack(deployment, now);
  }
  Result<std::vector<std::string>> Unpacked(std::size_t limit) override {
    return ledger_->Unpacked(limit);
  }
  Result<std::int64_t> Expire(WallTime before) override { return ledger_->Expire(before); }
  Result<std::optional<KeptAnswer>> ClaimKey(const KeyedCall& claim, WallTime now,
                                             WallTime expired) override {
    return ledger_->ClaimKey(claim, now, expired);
  }
  Status KeepAnswer(std::string_view caller, std::string_view key,
                    std::string_view answer) override {
    return ledger_->KeepAnswer(caller, key, answer);
  }

 private:
  Ledger* ledger_;
};

}  // namespace auspex::storage::testing
