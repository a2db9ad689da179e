#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/api/daemon_rig.h"

// What is known of a change moves the risk that its rollout begins with, and is kept.
namespace auspex::api {
namespace {

using nlohmann::json;

class PredictionTest : public ::testing::Test {
 protected:
  PredictionTest() {
    std::string name =
        (std::filesystem::temp_directory_path() / "auspex-prediction-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    daemon_ = std::make_unique<Daemon>(folder_, "");
  }
  ~PredictionTest() override {
    daemon_.reset();
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] HttpReply Get(const std::string& path) const {
    HttpCall call;
    call.method = "GET";
    call.path = path;
    call.caller = {.name = "ann", .role = Role::kViewer, .token = {}};
    return daemon_->handler(call);
  }
  [[nodiscard]] HttpReply Announce(const std::string& more) {
    return daemon_->Post("/api/v1/deployments", R"({"service":"shop","version":"v2")" + more + "}",
                         std::to_string(++calls_));
  }

  std::string folder_;
  std::unique_ptr<Daemon> daemon_;
  int calls_ = 0;
};

TEST_F(PredictionTest, AHarmlessChangeBeginsWithTheUsualRiskAndAlertsNobody) {
  const json begun = json::parse(Announce("").body);
  EXPECT_NEAR(begun["risk"].get<double>(), .15, 1e-12);
  const HttpReply kept =
      Get("/api/v1/deployments/" + begun["id"].get<std::string>() + "/prediction");
  ASSERT_EQ(kept.status, 200) << kept.body;
  EXPECT_EQ(json::parse(kept.body)["risk"], begun["risk"]);
  EXPECT_TRUE(daemon_->foretold.empty());
}

TEST_F(PredictionTest, ARiskyChangeIsForetoldBeforeItIsStored) {
  const json begun = json::parse(
      Announce(
          R"(,"change":{"range":"v1..v2","commits":4,"known":{"files_migration":4,"deps_major":3,"build_retries":3}})")
          .body);
  EXPECT_GT(begun["risk"].get<double>(), .5);
  ASSERT_EQ(daemon_->foretold.size(), 1U);
  EXPECT_EQ(daemon_->foretold[0].first, begun["id"]);
  EXPECT_EQ(daemon_->foretold[0].second.assessment.reasons[0].text, "touches 4 migrations");
  EXPECT_EQ(daemon_->entries_when_told, 0U);
  const json kept = json::parse(
      Get("/api/v1/deployments/" + begun["id"].get<std::string>() + "/prediction").body);
  EXPECT_EQ(kept["change"]["commits"], 4);
  EXPECT_GE(kept["lowering"].size(), 2U);
}

TEST_F(PredictionTest, WhoeverAnnouncesItKnowsBetter) {
  const json begun =
      json::parse(Announce(R"(,"risk":0.02,"change":{"known":{"files_migration":9}})").body);
  EXPECT_EQ(begun["risk"], .02);
  EXPECT_TRUE(daemon_->foretold.empty());
}

TEST_F(PredictionTest, NobodyIsToldOfWhatDoesNotBegin) {
  ASSERT_EQ(Announce("").status, 201);
  const HttpReply second = Announce(R"(,"risk":0.9)");
  EXPECT_EQ(second.status, 409) << second.body;
  EXPECT_TRUE(daemon_->foretold.empty());
}

TEST_F(PredictionTest, WhatIsWrongWithTheChangeIsRefusedWithItsPlace) {
  const HttpReply refused = Announce(R"(,"change":{"known":{"la":"many"}})");
  ASSERT_EQ(refused.status, 400);
  EXPECT_EQ(json::parse(refused.body)["errors"][0]["pointer"], "/change/known/la");
  EXPECT_EQ(json::parse(Announce(R"(,"change":[])").body)["errors"][0]["pointer"], "/change");
}

TEST_F(PredictionTest, OfAnUnknownDeploymentThereIsNone) {
  EXPECT_EQ(Get("/api/v1/deployments/nobody/prediction").status, 404);
}

}  // namespace
}  // namespace auspex::api
