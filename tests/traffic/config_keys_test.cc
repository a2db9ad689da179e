#include "auspex/traffic/config_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auspex/traffic/register_routers.h"

namespace auspex::traffic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

TEST(RouterConfig, RefusesAKeyThatNobodyReads) {
  const auto error =
      RefusalOf("haproxy", {.service = "checkout", .keys = {{"socket", "/s"}, {"sokcet", "/s"}}});
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message,
              HasSubstr("no key 'sokcet'; there is router, backend, servers, socket"));
}

TEST(RouterConfig, HaproxyNeedsASocket) {
  const auto error =
      RefusalOf("haproxy", {.service = "checkout", .keys = {{"backend", "checkout"}}});
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("service 'checkout': traffic needs the key 'socket'"));
}

TEST(RouterConfig, HaproxyTakesARelativePathAndTheKeysThatAllServicesHave) {
  RouterRegistry routers;
  RegisterRouters(routers);
  const RouterConfig config{.service = "checkout",
                            .keys = {{"router", "haproxy"},
                                     {"socket", "run/haproxy.sock"},
                                     {"backend", "checkout"},
                                     {"servers", "[a, b]"},
                                     {"timeout", "500ms"}}};
  EXPECT_TRUE(routers.Create("haproxy", config).ok());
}

TEST(RouterConfig, HaproxyRefusesATimeoutOutOfRange) {
  for (const std::string timeout : {"0s", "2h", "5", "-1s", ""}) {
    const auto error = RefusalOf(
        "haproxy", {.service = "checkout", .keys = {{"socket", "/s"}, {"timeout", timeout}}});
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << timeout;
    EXPECT_THAT(error.message, HasSubstr("service 'checkout'")) << timeout;
  }
}

TEST(RouterConfig, MemoryRefusesServersThatAreNotTwoAndStepsOutOfRange) {
  for (const std::string servers : {"", "a", "a,", "a,a", "a,b,c"}) {
    const auto error = RefusalOf("memory", {.service = "checkout", .keys = {{"servers", servers}}});
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << servers;
  }
  for (const std::string step : {"0", "60%", "x"}) {
    const auto error = RefusalOf("memory", {.service = "checkout", .keys = {{"step", step}}});
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << step;
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
