#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "tests/api/daemon_rig.h"

// What people ordered can be read again, with who and why.
namespace auspex::api {
namespace {

using nlohmann::json;

class OrdersTest : public ::testing::Test {
 protected:
  OrdersTest() {
    std::string name = (std::filesystem::temp_directory_path() / "auspex-orders-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    daemon_ = std::make_unique<Daemon>(folder_, "");
  }
  ~OrdersTest() override {
    daemon_.reset();
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] HttpReply Get(const std::string& path, const Query& query = {}) const {
    HttpCall call;
    call.method = "GET";
    call.path = path;
    call.query = query;
    call.caller = {.name = "ann", .role = Role::kViewer, .token = {}};
    return daemon_->handler(call);
  }
  void Order(const std::string& path, const std::string& order, const std::string& body) const {
    ASSERT_EQ(daemon_->Post(path + "/" + order, body, order).status, 202);
  }

  std::string folder_;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(OrdersTest, AreListedAndStandWithTheDecisionThatObeyedThem) {
  const HttpReply begun =
      daemon_->Post("/api/v1/deployments", R"({"service":"shop","version":"v2"})", "k");
  ASSERT_EQ(begun.status, 201) << begun.body;
  const std::string path =
      "/api/v1/deployments/" + json::parse(begun.body)["id"].get<std::string>();
  EXPECT_EQ(json::parse(Get(path + "/orders").body)["items"].size(), 0u);
  Order(path, "pause", R"({"reason":"the database is slow"})");
  Order(path, "abort", R"({"reason":"INC-12"})");
  const json orders = json::parse(Get(path + "/orders").body);
  ASSERT_EQ(orders["items"].size(), 2u);
  const json& first = orders["items"][0];
  EXPECT_EQ(first["order"], "pause");
  EXPECT_EQ(first["actor"], "ann");
  EXPECT_EQ(first["reason"], "the database is slow");
  EXPECT_TRUE(first["at"].get<std::string>().ends_with("Z"));
  EXPECT_FALSE(first.contains("weight"));
  EXPECT_LT(first["seq"], orders["items"][1]["seq"]);
  const json page = json::parse(Get(path + "/orders", {{"limit", "1"}}).body);
  EXPECT_EQ(page["items"].size(), 1u);
  EXPECT_EQ(page["next_cursor"], std::to_string(first["seq"].get<int>()));
  EXPECT_EQ(Get("/api/v1/deployments/nobody/orders").status, 404);

  const MonotonicTime limit = daemon_->clock.Now() + 30s;
  while (json::parse(Get(path).body)["state"] != "ended") {
    ASSERT_LT(daemon_->clock.Now(), limit);
    std::this_thread::sleep_for(10ms);
  }
  std::vector<json> obeyed;
  const json decisions = json::parse(Get(path + "/decisions").body);
  for (const json& decision : decisions["items"]) {
    for (const json& order : decision.value("orders", json::array())) obeyed.push_back(order);
  }
  ASSERT_EQ(obeyed.size(), 2u);
  EXPECT_EQ(obeyed[0]["reason"], "the database is slow");
  EXPECT_EQ(obeyed[1]["reason"], "INC-12");
}

}  // namespace
}  // namespace auspex::api
