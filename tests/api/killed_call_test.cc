#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/api/daemon_rig.h"

// Calls with an Idempotency-Key to a daemon that is killed in the middle of them (SIGKILL), and
// repeated to the next one.
namespace auspex::api {
namespace {

class KilledCall : public ::testing::Test {
 protected:
  KilledCall() {
    std::string name = (std::filesystem::temp_directory_path() / "auspex-killed-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~KilledCall() override { std::filesystem::remove_all(folder_); }

  // A daemon that is killed at this event of its log, while it carries the call out.
  void AskOneThatIsKilledAt(const std::string& event, const std::string& path,
                            const std::string& body) {
    const pid_t child = ::fork();  // this process has no other threads yet
    if (child == 0) {
      const Daemon daemon(folder_, event);
      static_cast<void>(daemon.Post(path, body, "k"));
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }
  static std::string IdOf(const HttpReply& reply) {
    return nlohmann::json::parse(reply.body, nullptr, false).value("id", "");
  }
  static bool IsRepeated(const HttpReply& reply) {
    for (const auto& [name, value] : reply.headers) {
      if (name == "Idempotency-Replayed") return value == "true";
    }
    return false;
  }

  std::string folder_;
  const std::string announcement_ = R"({"service":"shop","version":"v2"})";
};

TEST_F(KilledCall, AnAnnouncementBeginsOneDeployment) {
  AskOneThatIsKilledAt("deployment_announced", "/api/v1/deployments", announcement_);
  std::string id;
  for (int repeat = 0; repeat < 2; ++repeat) {
    const Daemon daemon(folder_, "");
    const HttpReply reply = daemon.Post("/api/v1/deployments", announcement_, "k");
    EXPECT_EQ(reply.status, 201) << reply.body;
    EXPECT_TRUE(IsRepeated(reply));
    ASSERT_NE(IdOf(reply), "") << reply.body;
    EXPECT_TRUE(id.empty() || IdOf(reply) == id);
    id = IdOf(reply);
    EXPECT_EQ(daemon.Entries(id, "announced"), 1u);
    EXPECT_EQ(daemon.engine->Running().size(), 1u);
  }
}

TEST_F(KilledCall, AnOrderIsGivenOnce) {
  std::string id;
  {
    const Daemon daemon(folder_, "");
    id = IdOf(daemon.Post("/api/v1/deployments", announcement_, "first"));
    ASSERT_NE(id, "");
  }
  const std::string path = "/api/v1/deployments/" + id + "/pause";
  const std::string body = R"({"reason":"lunch"})";
  AskOneThatIsKilledAt("order", path, body);
  for (int repeat = 0; repeat < 2; ++repeat) {
    const Daemon daemon(folder_, "");
    const HttpReply reply = daemon.Post(path, body, "k");
    EXPECT_EQ(reply.status, 202) << reply.body;
    EXPECT_TRUE(IsRepeated(reply));
    EXPECT_EQ(IdOf(reply), id);
    EXPECT_EQ(daemon.Entries(id, "order"), 1u);
  }
}

// Killed after the key was taken, before anything was done: nobody is left that could do it.
TEST_F(KilledCall, WhatTookNoEffectIsCarriedOutByTheNext) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto ledger = storage::SqliteLedger::Open({.path = folder_ + "/ledger.db"});
    const WallTime now = RealClock().Wall();
    const bool claimed =
        ledger.ok() &&
        (*ledger)
            ->ClaimKey({.caller = "ann",
                        .key = "k",
                        .call = HashSha256("POST /api/v1/deployments\n" + announcement_)},
                       now, now - 1h)
            .ok();
    if (claimed) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  const Daemon daemon(folder_, "");
  const HttpReply reply = daemon.Post("/api/v1/deployments", announcement_, "k");
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_FALSE(IsRepeated(reply));
  EXPECT_EQ(daemon.Entries(IdOf(reply), "announced"), 1u);
}

}  // namespace
}  // namespace auspex::api
