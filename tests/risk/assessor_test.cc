#include "auspex/risk/assessor.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "tests/storage/troubled_ledger.h"

namespace auspex::risk {
namespace {

WallTime At(std::int64_t second) { return FromMicros(1'767'225'600'000'000 + second * 1'000'000); }

// A ledger as a daemon leaves it: deployments with what was predicted of them.
class World {
 public:
  World() {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
    auto opened = storage::SqliteLedger::Open({.path = path_ + "/ledger.db"});
    EXPECT_TRUE(opened.ok());
    ledger_ = *std::move(opened);
  }
  ~World() {
    ledger_.reset();
    std::filesystem::remove_all(path_);
  }
  Assessor Make(std::function<std::vector<builds::FactLog::Told>(std::size_t* from)> told = {}) {
    return Assessor({.ledger = &troubled(),
                     .clock = &clock_,
                     .log = &log_,
                     .facts = {},
                     .told = std::move(told)});
  }
  void Begin(const std::string& id, const Prediction& prediction, std::int64_t second) {
    storage::Batch batch;
    batch.entries = {{At(second), id, "announced", "{}"},
                     {At(second), id, "prediction", ToJson(prediction)}};
    batch.deployments = {{id, prediction.service, false, At(second), {}, "{}"}};
    ASSERT_TRUE(ledger_->Commit(batch).ok());
  }
  void End(const std::string& id, const std::string& service, const char* body, std::int64_t began,
           std::int64_t second) {
    storage::Batch batch;
    batch.deployments = {{id, service, true, At(began), At(second), body}};
    ASSERT_TRUE(ledger_->Commit(batch).ok());
  }
  // One that has ended, whose prediction cannot be read.
  void Damage(const std::string& id, std::int64_t second) {
    storage::Batch batch;
    batch.entries = {{At(second), id, "prediction", "{}"}};
    batch.deployments = {{id, "cart", true, At(second), At(second + 1), "{}"}};
    ASSERT_TRUE(ledger_->Commit(batch).ok());
  }
  storage::testing::TroubledLedger& troubled() {
    if (!troubled_) troubled_.emplace(ledger_.get());
    return *troubled_;
  }
  SimulatedClock clock_{At(7)};

 private:
  std::string path_ = ::testing::TempDir() + "assessor-XXXXXX";
  Logger log_{LogLevel::kError, [](std::string_view) {}};
  std::unique_ptr<storage::Ledger> ledger_;
  std::optional<storage::testing::TroubledLedger> troubled_;
};

// As FactLog::ToldOutcomes, of a list that outlives it.
auto From(const std::vector<builds::FactLog::Told>& told) {
  return [&told](std::size_t* from) {
    const std::size_t first = std::exchange(*from, told.size());
    return std::vector(told.begin() + static_cast<std::ptrdiff_t>(first), told.end());
  };
}

constexpr const char* kFailed = R"({"decision":"roll_back","verdict":"fail"})";
constexpr const char* kPassed = R"({"decision":"promote","verdict":"pass"})";
constexpr const char* kTeachNothing[] = {
    R"({"decision":"roll_back","verdict":"not_proven","by":"manual"})",
    R"({"decision":"promote","verdict":"not_proven","by":"deadline"})",
    R"({"decision":"promote","verdict":null,"by":"manual"})",
    R"({"decision":"roll_back","verdict":"fail","by":"prediction"})", "{}"};

TEST(Assessor, AnswersTheBaseOnTheFirstDay) {
  World world;
  const Prediction first = world.Make().Predict({.service = "cart", .version = "1"});
  EXPECT_NEAR(first.assessment.p_fail, .15, 1e-12);
  EXPECT_NEAR(first.risk(), .15, 1e-12);
}

TEST(Assessor, LearnsFromWhatHasEndedAndFromNothingElse) {
  World world;
  Assessor assessor = world.Make();
  const auto p = [&assessor] {
    return assessor.Predict({.service = "cart", .version = "9"}).assessment.p_fail;
  };
  const Prediction made = assessor.Predict({.service = "cart", .version = "1"});
  world.Begin("cart-1", made, 10);
  EXPECT_NEAR(p(), .15, 1e-12);
  world.End("cart-1", "cart", kTeachNothing[0], 10, 20);
  EXPECT_NEAR(p(), .15, 1e-12);
  int number = 0;
  for (const char* body : kTeachNothing) {
    const std::string id = "cart-x" + std::to_string(number++);
    world.Begin(id, made, 21);
    world.End(id, "cart", body, 21, 22);
    EXPECT_NEAR(p(), .15, 1e-12) << body;
  }
  world.Begin("cart-2", made, 30);
  world.Begin("cart-3", made, 40);
  // The one that began later ends first.
  world.End("cart-3", "cart", kPassed, 40, 50);
  const double after_pass = p();
  EXPECT_LT(after_pass, .15);
  world.End("cart-2", "cart", kFailed, 30, 60);
  const double after_fail = p();
  EXPECT_GT(after_fail, after_pass);
  EXPECT_EQ(p(), after_fail);  // none counts twice
  // A daemon that starts anew has learned the same.
  EXPECT_EQ(world.Make().Predict({.service = "cart", .version = "9"}).assessment.p_fail,
            after_fail);
}

TEST(Assessor, ComesBackToWhatTheLedgerCouldNotRead) {
  World world;
  Assessor assessor = world.Make();
  const auto p = [&assessor] {
    return assessor.Predict({.service = "cart", .version = "9"}).assessment.p_fail;
  };
  const Prediction made = assessor.Predict({.service = "cart", .version = "1"});
  world.Begin("cart-1", made, 10);
  world.End("cart-1", "cart", kFailed, 10, 20);
  // Another that began later has ended, too.
  world.Begin("pay-1", made, 30);
  world.End("pay-1", "pay", kTeachNothing[0], 30, 40);
  world.troubled().unreadable = true;
  EXPECT_NEAR(p(), .15, 1e-12);
  world.troubled().unreadable = false;
  EXPECT_GT(p(), .15);
}

TEST(Assessor, WhoeverIsToldHowItEndedKnowsBetter) {
  World world;
  std::vector<builds::FactLog::Told> told;
  Assessor assessor = world.Make(From(told));
  const auto p = [&assessor] {
    return assessor.Predict({.service = "cart", .version = "9"}).assessment.p_fail;
  };
  const Prediction made = assessor.Predict({.service = "cart", .version = "1"});
  world.Begin("cart-1", made, 10);
  world.End("cart-1", "cart", kPassed, 10, 20);
  const double passed = p();
  EXPECT_LT(passed, .15);
  told.push_back({"other", "cart-1", true});  // of another service: none of ours
  told.push_back({"cart", "nowhere", true});
  EXPECT_EQ(p(), passed);
  told.push_back({"cart", "cart-1", true});
  told.push_back({"other", "cart-1", false});
  const double failed = p();
  EXPECT_GT(failed, .15);
  // Told while it runs, and after an end that alone would teach nothing.
  world.Begin("cart-2", made, 30);
  told.push_back({"cart", "cart-2", true});
  EXPECT_EQ(p(), failed);
  world.End("cart-2", "cart", kTeachNothing[0], 30, 40);
  const double twice = p();
  EXPECT_GT(twice, failed);
  // The last word counts; a daemon that starts anew has learned the same.
  told.push_back({"cart", "cart-1", false});
  EXPECT_LT(p(), twice);
  const double last = p();
  Assessor anew = world.Make([&told](std::size_t*) { return told; });
  EXPECT_EQ(anew.Predict({.service = "cart", .version = "9"}).assessment.p_fail, last);
}

TEST(Assessor, WhatWasToldStaysWhereTheLedgerFailsAMoment) {
  World world;
  std::vector<builds::FactLog::Told> told{{"cart", "cart-1", true}};
  Assessor assessor = world.Make(From(told));
  const auto p = [&assessor] {
    return assessor.Predict({.service = "cart", .version = "9"}).assessment.p_fail;
  };
  const Prediction made = world.Make().Predict({.service = "cart", .version = "1"});
  world.Begin("cart-1", made, 10);
  world.End("cart-1", "cart", kPassed, 10, 20);
  world.troubled().unreadable = true;
  EXPECT_NEAR(p(), .15, 1e-12);
  world.troubled().unreadable = false;
  EXPECT_GT(p(), .15);
  EXPECT_GT(p(), .15);
  // A prediction that is damaged keeps nobody else's from being learned.
  const double before = p();
  world.Damage("cart-2", 30);
  world.Begin("cart-3", made, 40);
  world.End("cart-3", "cart", kPassed, 40, 50);
  told.push_back({"cart", "cart-2", true});
  told.push_back({"cart", "cart-3", true});
  EXPECT_GT(p(), before);
}

TEST(Assessor, ANewServiceBorrowsAndSaysSo) {
  World world;
  Assessor assessor = world.Make();
  for (int i = 0; i < 8; ++i) {
    const std::string id = "cart-" + std::to_string(i);
    world.Begin(id, assessor.Predict({.service = "cart", .version = "1"}), 10 * i);
    world.End(id, "cart", kFailed, 10 * i, 10 * i + 5);
  }
  const Prediction other = assessor.Predict({.service = "pay", .version = "1"});
  EXPECT_GT(other.assessment.p_fail, .15);
  EXPECT_EQ(other.assessment.basis,
            "no outcome of pay is known yet: borrowed from 8 of other services");
}

TEST(Assessor, WhatWasGivenIsUsedAndBothAreKept) {
  World world;
  const Prediction made = world.Make().Predict({.service = "cart", .version = "1", .given = .4});
  EXPECT_EQ(made.risk(), .4);
  EXPECT_NEAR(made.assessment.p_fail, .15, 1e-12);
}

TEST(Assessor, ANameThatIsNoFeatureIsTold) {
  World world;
  ChangeFacts change;
  change.known = {{"files_migrtion", 2}, {"deps_major", 1}};
  const Prediction made =
      world.Make().Predict({.service = "cart", .version = "2", .change = change});
  ASSERT_EQ(made.notes.size(), 1U);
  EXPECT_EQ(made.notes[0],
            "'files_migrtion' counts for nothing: it is no feature that is known here; did you "
            "mean files_migration?");
}

TEST(Prediction, ComesBackAsItWasWritten) {
  World world;
  ChangeFacts change;
  change.range = "v1..v2";
  change.head = std::string(40, 'a');
  change.commits = 3;
  change.authors = {"a@example.com"};
  for (const std::string& name : FeatureNames()) change.known[name] = 1;  // each of them is one
  change.known["files_migration"] = 2;
  change.known["change_log_odds"] = 1.5;
  change.reasons = {{"la", 900, 1.5, "adds 900 lines"}};
  change.alternatives = {{"split it", {{"change_log_odds", .25}}}};
  change.model = "2,000 commits";
  const Prediction made =
      world.Make().Predict({.service = "cart", .version = "2", .change = change});
  const std::string text = ToJson(made);
  const auto read = PredictionFromJson(text);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(ToJson(*read), text);
  EXPECT_EQ(read->change.alternatives[0].known.at("change_log_odds"), .25);
  EXPECT_FALSE(read->assessment.lowering.empty());
  EXPECT_TRUE(read->notes.empty());
}

TEST(ChangeFacts, RefusesWhatIsWrongWithItsPlace) {
  const auto refusal = [](std::string_view json) {
    const auto facts = ChangeFactsFromJson(json);
    return facts.ok() ? std::string()
                      : facts.error().message.substr(0, facts.error().message.find(':'));
  };
  EXPECT_EQ(refusal("{}"), "");
  EXPECT_EQ(refusal("[]"), "/");
  EXPECT_EQ(refusal(R"({"knwon":{}})"), "/knwon");
  EXPECT_EQ(refusal(R"({"known":{"la":"many"}})"), "/known/la");
  EXPECT_EQ(refusal(R"({"commits":-1})"), "/commits");
  EXPECT_EQ(refusal(R"({"authors":[1]})"), "/authors");
  EXPECT_EQ(refusal(R"({"reasons":[{"feature":"la"}]})"), "/reasons/0/value");
  EXPECT_EQ(refusal(R"({"alternatives":[{"action":"x","known":[]}]})"), "/alternatives/0/known");
  EXPECT_EQ(refusal(R"({"range":")" + std::string(2000, 'x') + R"("})"), "/range");
  std::string many = R"({"known":{)";
  for (int i = 0; i < 300; ++i) many += (i == 0 ? "\"x" : ",\"x") + std::to_string(i) + "\":1";
  EXPECT_EQ(refusal(many + "}}"), "/known");
}

}  // namespace
}  // namespace auspex::risk
