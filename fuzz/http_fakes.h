#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/rollout/engine.h"
#include "auspex/storage/ledger.h"
#include "fuzz/check.h"

// What the HTTP routes stand on, in memory: one deployment, `d1` of the service `shop`, whatever is
// asked of it.
namespace auspex::fuzz {

class FakeEngine final : public rollout::Engine {
 public:
  FakeEngine() {
    services_.emplace_back().name = "shop";
    view_.id = "d1";
    view_.service = "shop";
    view_.version = "v2";
    view_.state = "running";
  }
  Result<rollout::DeploymentView> Announce(const Announcement& announcement) override {
    if (announcement.service != "shop") return Unknown(announcement.service);
    AUSPEX_FUZZ_CHECK(!announcement.risk || (*announcement.risk >= 0 && *announcement.risk <= 1),
                      "risk");
    rollout::DeploymentView view = view_;
    view.version = announcement.version;
    return view;
  }
  Result<rollout::DeploymentView> Give(std::string_view id, const rollout::Order& order,
                                       const std::optional<storage::KeyedCall>&) override {
    if (id != view_.id) return Unknown(id);
    if (order.reason.empty()) return Fail(ErrorCode::kInvalidArgument, "a reason is needed");
    return view_;
  }
  Result<rollout::DeploymentView> Get(std::string_view id) const override {
    if (id != view_.id) return Unknown(id);
    return view_;
  }
  Result<std::string> Evidence(std::string_view id) override {
    if (id != view_.id) return Unknown(id);
    return std::string(R"({"deployment":"d1"})");
  }
  [[nodiscard]] std::vector<rollout::DeploymentView> Running() const override { return {view_}; }
  [[nodiscard]] const std::vector<rollout::ServiceConfig>& services() const override {
    return services_;
  }
  [[nodiscard]] Counters counters() const override { return {}; }
  [[nodiscard]] std::vector<rollout::EndCounter::Count> Ends() const override { return {}; }
  [[nodiscard]] std::string LedgerTrouble() const override { return ""; }

 private:
  static Failure Unknown(std::string_view id) { return Fail(ErrorCode::kNotFound, "no '{}'", id); }

  std::vector<rollout::ServiceConfig> services_;
  rollout::DeploymentView view_;
};

class FakeLedger final : public storage::Ledger {
 public:
  Result<std::vector<storage::Entry>> Commit(const storage::Batch&) override { return None(); }
  Result<std::vector<storage::Entry>> Entries(const EntryQuery& query) override {
    AUSPEX_FUZZ_CHECK(query.limit >= 1 && query.limit <= 1000 && query.after >= 0, "a page");
    storage::Entry tick;
    tick.seq = 7;
    tick.deployment = query.deployment;
    tick.kind = "tick";
    tick.body = R"({"in":{"orders":[{"actor":"ann"}]},"out":{"decision":"hold"}})";
    return std::vector{tick};
  }
  Result<std::vector<storage::DeploymentRow>> Deployments(
      const storage::DeploymentQuery& query) override {
    AUSPEX_FUZZ_CHECK(query.limit >= 1 && query.limit <= 1000, "a page");
    return std::vector{Row()};
  }
  Result<storage::DeploymentRow> Deployment(std::string_view id) override {
    if (id != "d0") return Fail(ErrorCode::kNotFound, "no '{}'", id);
    return Row();
  }
  Result<std::vector<storage::BaselineRow>> Baselines(std::string_view, WallTime) override {
    return std::vector<storage::BaselineRow>{};
  }
  Result<std::vector<std::string>> Unpacked(std::size_t) override {
    return std::vector<std::string>{};
  }
  Result<std::optional<storage::KeptAnswer>> ClaimKey(const storage::KeyedCall& claim, WallTime,
                                                      WallTime) override {
    const auto [kept, taken] = kept_.try_emplace(claim.key);
    if (!taken) return std::optional(kept->second);
    kept->second.call = claim.call;
    return std::optional<storage::KeptAnswer>();
  }
  Status KeepAnswer(std::string_view, std::string_view key, std::string_view answer) override {
    kept_[std::string(key)].answer = answer;
    if (answer.empty()) kept_.erase(std::string(key));
    return {};
  }
  Status Pack(std::string_view, WallTime) override { return {}; }
  Result<std::int64_t> Expire(WallTime) override { return std::int64_t{0}; }

 private:
  static Result<std::vector<storage::Entry>> None() { return std::vector<storage::Entry>{}; }
  static storage::DeploymentRow Row() {
    storage::DeploymentRow row;
    row.id = "d0";
    row.service = "shop";
    row.body = R"({"id":"d0"})";
    return row;
  }
  std::map<std::string, storage::KeptAnswer> kept_;
};

}  // namespace auspex::fuzz
