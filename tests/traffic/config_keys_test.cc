#include "auspex/traffic/config_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auspex/traffic/register_routers.h"

namespace auspex::traffic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Error RefusalOf(const std::string& router, const RouterConfig& config) {
  RouterRegistry routers;
  RegisterRouters(routers);
  const auto made = routers.Create(router, config);
  return made.ok() ? Error{ErrorCode::kInternal, "was accepted"} : made.error();
}

TEST(RegisterRouters, RegistersEveryAdapter) {
  RouterRegistry routers;
  RegisterRouters(routers);
  EXPECT_THAT(routers.Names(), ElementsAre("haproxy", "memory"));
}

// The reader of the file finds the place of the key that a message begins with.
TEST(RouterConfig, RefusesAKeyThatNobodyReads) {
  const auto error =
      RefusalOf("haproxy", {.service = "checkout", .keys = {{"socket", "/s"}, {"sokcet", "/s"}}});
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message, StartsWith("sokcet: this router has no such key; there is router, "
                                        "backend, servers, socket, sockets"));
  EXPECT_THAT(
      RefusalOf("memory", {.service = "x", .keys = {}, .lists = {{"sockets", {"/s"}}}}).message,
      StartsWith("sockets: this router has no such key"));
}

TEST(RouterConfig, HaproxyNeedsASocket) {
  const auto error =
      RefusalOf("haproxy", {.service = "checkout", .keys = {{"backend", "checkout"}}});
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("traffic needs the key 'socket'"));
  EXPECT_THAT(RefusalOf("haproxy", {.service = "checkout", .keys = {{"socket", ""}}}).message,
              StartsWith("socket: the path of haproxy's 'stats socket' is wanted"));
}

TEST(RouterConfig, HaproxyTakesRelativePathsAndTheKeysThatAllServicesHave) {
  RouterRegistry routers;
  RegisterRouters(routers);
  RouterConfig config{.service = "checkout",
                      .keys = {{"router", "haproxy"},
                               {"socket", "run/haproxy.sock"},
                               {"backend", "checkout"},
                               {"timeout", "500ms"},
                               {"drain", "0s"}},
                      .lists = {{"servers", {"a", "b"}}}};
  EXPECT_TRUE(routers.Create("haproxy", config).ok());
  config.keys.erase("socket");
  config.lists["sockets"] = {"run/a.sock", "unix@/run/b.sock", "ipv4@127.0.0.1:9999"};
  EXPECT_TRUE(routers.Create("haproxy", config).ok());
}

TEST(RouterConfig, HaproxyRefusesSocketsThatCannotBeMeant) {
  const auto refusal = [](std::vector<std::string> sockets) {
    return RefusalOf("haproxy",
                     {.service = "x", .keys = {}, .lists = {{"sockets", std::move(sockets)}}})
        .message;
  };
  EXPECT_THAT(refusal({}), StartsWith("sockets: 1 to 16 are wanted, not 0"));
  EXPECT_THAT(refusal(std::vector<std::string>(17, "/s")), HasSubstr("not 17"));
  EXPECT_THAT(refusal({"/run/a.sock", "/run/b.sock", "/run/a.sock"}),
              StartsWith("sockets: '/run/a.sock' stands twice"));
  EXPECT_THAT(refusal({"/run/a.sock", ""}), StartsWith("sockets: "));
  EXPECT_THAT(refusal({"ipv4@localhost:80"}), StartsWith("sockets: socket 'ipv4@localhost:80'"));
  EXPECT_THAT(
      RefusalOf("haproxy",
                {.service = "x", .keys = {{"socket", "/s"}}, .lists = {{"sockets", {"/t"}}}})
          .message,
      StartsWith("sockets: 'socket' is given too"));
}

TEST(RouterConfig, HaproxyRefusesDurationsOutOfRange) {
  for (const std::string timeout : {"0s", "2h", "5", "-1s", ""}) {
    const auto error = RefusalOf(
        "haproxy", {.service = "checkout", .keys = {{"socket", "/s"}, {"timeout", timeout}}});
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << timeout;
    EXPECT_THAT(error.message, StartsWith("timeout: ")) << timeout;
  }
  EXPECT_EQ(
      RefusalOf("haproxy", {.service = "x", .keys = {{"socket", "/s"}, {"drain", "11s"}}}).message,
      "drain: '11s' is not 0ms to 10s");
}

TEST(RouterConfig, MemoryRefusesServersThatAreNotTwoAndStepsOutOfRange) {
  for (const std::vector<std::string>& servers :
       std::vector<std::vector<std::string>>{{}, {"a"}, {"a", ""}, {"a", "a"}, {"a", "b", "c"}}) {
    const auto error =
        RefusalOf("memory", {.service = "checkout", .keys = {}, .lists = {{"servers", servers}}});
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.message, StartsWith("servers: "));
  }
  for (const std::string step : {"0", "60%", "x"}) {
    const auto error = RefusalOf("memory", {.service = "checkout", .keys = {{"step", step}}});
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << step;
    EXPECT_THAT(error.message, StartsWith("step: ")) << step;
  }
}

// A name goes into a line of commands: nothing that ends or chains one may pass.
TEST(CheckRoute, RefusesNamesThatCouldCarryACommand) {
  for (const std::string name : {"", "a b", "a;quit", "a\nquit", "a/b", "#1", "a\"", "-1"}) {
    EXPECT_FALSE(CheckRoute({.backend = name, .baseline = "a", .canary = "b"}).ok()) << name;
    EXPECT_FALSE(CheckRoute({.backend = "x", .baseline = name, .canary = "b"}).ok()) << name;
    EXPECT_FALSE(CheckRoute({.backend = "x", .baseline = "a", .canary = name}).ok()) << name;
  }
}

TEST(CheckRoute, RefusesOneServerForBothSlots) {
  const auto checked = CheckRoute({.backend = "checkout", .baseline = "a", .canary = "a"});
  ASSERT_FALSE(checked.ok());
  EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(checked.error().message, HasSubstr("both server 'a'"));
}

}  // namespace
}  // namespace auspex::traffic
