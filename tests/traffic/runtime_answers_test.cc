#include "auspex/traffic/haproxy/runtime_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace auspex::traffic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// As HAProxy 2.6.12 wrote it: `a` down by its check, `b` in drain, `c` in maintenance.
constexpr std::string_view kState =
    "1\n"
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
    "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl "
    "srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"
    "3 checkout 1 a 127.0.0.1 0 0 256 256 1 8 2 0 6 0 0 0 - 18991 - 0 0 - - 0\n"
    "3 checkout 2 b 127.0.0.1 2 8 13 0 1 1 0 2 0 0 0 0 - 18992 - 0 0 - - 0\n"
    "3 checkout 3 c 127.0.0.1 0 1 0 0 1 1 0 2 0 0 0 0 - 18992 - 0 0 - - 0\n";

std::string With(std::string_view text, std::string_view from, std::string_view to) {
  std::string changed(text);
  const auto at = changed.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return changed.replace(at, from.size(), to);
}

TEST(ParseServersState, ReadsWeightsAndHealth) {
  const auto servers = ParseServersState(kState);
  ASSERT_TRUE(servers.ok()) << servers.error().message;
  EXPECT_THAT(
      *servers,
      ElementsAre(
          ServerState{.name = "a", .backend_id = 3, .weight = 256, .up = false, .checked = true},
          ServerState{.name = "b", .backend_id = 3, .weight = 13, .up = true, .admin_state = 8},
          ServerState{.name = "c", .backend_id = 3, .weight = 0, .up = false, .admin_state = 1}));
  EXPECT_FALSE(servers->at(0).set_aside());
  EXPECT_TRUE(servers->at(1).set_aside());
  EXPECT_FALSE(servers->at(1).maintenance());
  EXPECT_TRUE(servers->at(2).maintenance());
}

TEST(ParseServersState, GoesByTheNamesOfTheColumnsNotTheirPlaces) {
  const auto servers = ParseServersState(
      "1\n# srv_uweight new_column srv_name be_id srv_op_state srv_admin_state\n7 x web-1 12 2 "
      "4\n");
  ASSERT_TRUE(servers.ok()) << servers.error().message;
  EXPECT_THAT(*servers,
              ElementsAre(ServerState{
                  .name = "web-1", .backend_id = 12, .weight = 7, .up = true, .admin_state = 4}));
}

TEST(ParseServersState, TellsWhatHaproxyRefused) {
  const auto absent = ParseServersState("Can't find backend.\n");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error(), (Error{ErrorCode::kNotFound, "haproxy answers 'Can't find backend.'"}));
  const auto forbidden = ParseServersState("Permission denied\n");
  ASSERT_FALSE(forbidden.ok());
  EXPECT_EQ(forbidden.error().code, ErrorCode::kPermissionDenied);
}

TEST(ParseServersState, SaysWhatCameInsteadOfAnAnswer) {
  const std::string garbage = "HTTP/1.1 400 Bad request\r\nServer: " + std::string(200, 'x');
  const auto servers = ParseServersState(garbage);
  ASSERT_FALSE(servers.ok());
  EXPECT_EQ(servers.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(servers.error().message, HasSubstr("HTTP/1.1 400 Bad request  Server: xxx"));
  EXPECT_LT(servers.error().message.size(), 140u);
}

TEST(ParseServersState, RefusesWhatIsNotItsFormat) {
  const struct {
    std::string answer;
    std::string says;
  } cases[] = {
      {"", "no answer"},
      {"\n", "no answer"},
      {With(kState, "1\n", "2\n"), "no answer"},
      {With(kState, "srv_uweight", "srv_weight"), "no column 'srv_uweight'"},
      {With(kState, "2 8 13 0", "2 8 257 0"), "'257' for srv_uweight"},
      {With(kState, "2 8 13 0", "2 8 -1 0"), "'-1' for srv_uweight"},
      {With(kState, "2 8 13 0", "2 8 13x 0"), "'13x' for srv_uweight"},
      {With(kState, "3 checkout 3 c 127.0.0.1 0 1 0", "3 checkout\n"), "a row of 2 columns"},
  };
  for (const auto& [answer, says] : cases) {
    const auto servers = ParseServersState(answer);
    ASSERT_FALSE(servers.ok()) << says;
    EXPECT_EQ(servers.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(servers.error().message, HasSubstr(says));
  }
}

TEST(ParseServerStats, ReadsByTheNamesOfTheColumns) {
  const auto stats = ParseServerStats(
      "# pxname,svname,scur,stot,status,bck,last_chk,\n"
      "checkout,a,3,1200,UP,0,,\n"
      "checkout,b,0,7,DOWN,1,\"Layer7 \"\"odd\"\", with comma\nand line end\",\n\n");
  ASSERT_TRUE(stats.ok()) << stats.error().message;
  EXPECT_THAT(
      *stats,
      ElementsAre(ServerStat{.name = "a", .backup = false, .in_flight = 3, .requests_total = 1200},
                  ServerStat{.name = "b", .backup = true, .in_flight = 0, .requests_total = 7}));
}

// As HAProxy 2.6.12 counts: three requests with three retries each; 20 that were redispatched to
// the other server, 19 of them at once; 24 answers of 503 that were retried there (`retry-on`).
TEST(ParseServerStats, AnAttemptThatWasRepeatedIsNoRequest) {
  const auto stats = ParseServerStats(
      "# pxname,svname,scur,stot,bck,wretr,wredis,\n"
      "dead,dead,0,12,0,9,0,\nmixed,good,0,20,0,0,0,\nmixed,bad,0,19,0,0,19,\n"
      "l7,good,0,25,0,0,0,\nl7,bad,0,24,0,24,24,\n");
  ASSERT_TRUE(stats.ok()) << stats.error().message;
  std::vector<std::int64_t> requests;
  for (const ServerStat& stat : *stats) requests.push_back(stat.requests_total);
  EXPECT_THAT(requests, ElementsAre(3, 20, 0, 25, 0));
  EXPECT_EQ(ParseServerStats("# pxname,svname,scur,stot,bck,wretr,\nc,a,0,1,0,x,\n").error().code,
            ErrorCode::kUnavailable);
}

TEST(ParseServerStats, ReadsQueueAndMaxconnWhereTheyAreTold) {
  const auto stats = ParseServerStats(
      "# pxname,svname,qcur,scur,slim,stot,bck,\n"
      "checkout,a,2,8,8,1200,0,\ncheckout,b,0,0,,7,0,\n");
  ASSERT_TRUE(stats.ok()) << stats.error().message;
  EXPECT_THAT(*stats, ElementsAre(ServerStat{.name = "a",
                                             .in_flight = 8,
                                             .requests_total = 1200,
                                             .queued = 2,
                                             .most_in_flight = 8},
                                  ServerStat{.name = "b", .requests_total = 7}));
}

// As HAProxy 2.6.12 wrote it, without most columns: a backend counts its backup servers in `bck`.
constexpr std::string_view kWithBackend =
    "# pxname,svname,scur,stot,status,act,bck,type,algo,\n"
    "checkout,a,3,1200,UP,1,0,2,,\n"
    "checkout,BACKEND,3,1210,UP,2,3,1,roundrobin,\n\n";

TEST(ParseServerStats, LeavesTheBackendOut) {
  const auto stats = ParseServerStats(kWithBackend);
  ASSERT_TRUE(stats.ok()) << stats.error().message;
  EXPECT_THAT(*stats, ElementsAre(ServerStat{.name = "a", .in_flight = 3, .requests_total = 1200}));
}

TEST(ParseAlgorithm, IsThatOfTheBackendsRow) {
  EXPECT_EQ(ParseAlgorithm(kWithBackend), "roundrobin");
  EXPECT_EQ(ParseAlgorithm(With(kWithBackend, "1,roundrobin", "1,")), "");
  EXPECT_EQ(ParseAlgorithm(With(kWithBackend, "roundrobin", std::string(99, 'x') + '\x1b')),
            std::string(80, 'x'));
}

TEST(ParseAlgorithm, IsEmptyWhereHaproxyDoesNotTellIt) {
  EXPECT_EQ(ParseAlgorithm("# pxname,svname,type,\ncheckout,BACKEND,1,\n"), "");
  EXPECT_EQ(ParseAlgorithm("# pxname,svname,scur,stot,bck,\ncheckout,a,3,1200,0,\n"), "");
}

TEST(ParseAlgorithm, RefusesWhatIsNotItsFormat) {
  EXPECT_EQ(ParseAlgorithm("No such proxy.\n").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ParseAlgorithm("").error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(ParseAlgorithm("# pxname,svname,type,algo\nc,BACKEND,1\n").error().message,
              HasSubstr("without 'algo'"));
  EXPECT_THAT(ParseAlgorithm("# pxname,svname,type,algo\nc,BACKEND,x,random\n").error().message,
              HasSubstr("'x' for type"));
}

TEST(ParseServerStats, RefusesWhatIsNotItsFormat) {
  const struct {
    std::string answer;
    ErrorCode code;
    std::string says;
  } cases[] = {
      {"No such proxy.\n", ErrorCode::kNotFound, "No such proxy."},
      {"", ErrorCode::kUnavailable, "no answer"},
      {"# pxname,svname,scur,bck\nc,a,1,0\n", ErrorCode::kUnavailable, "no column 'stot'"},
      {"# pxname,svname,scur,stot,bck\nc,a,,1,0\n", ErrorCode::kUnavailable, "'' for scur"},
      {"# pxname,svname,scur,stot,bck\nc,a\n", ErrorCode::kUnavailable, "a row of 2 columns"},
      {"# pxname,svname,scur,stot,bck\nc,\"a,1,2,0\n", ErrorCode::kUnavailable, "a row of 2"},
  };
  for (const auto& [answer, code, says] : cases) {
    const auto stats = ParseServerStats(answer);
    ASSERT_FALSE(stats.ok()) << says;
    EXPECT_EQ(stats.error().code, code) << says;
    EXPECT_THAT(stats.error().message, HasSubstr(says));
  }
}

TEST(ParseProcessInfo, ReadsHostAndProcess) {
  EXPECT_EQ(ParseProcessInfo("Name: HAProxy\nPid: 4711\nUptime: 0d\nnode: web1\n"),
            (ProcessInfo{.node = "web1", .process = 4711}));
  EXPECT_EQ(ParseProcessInfo("Pid: 1\n"), (ProcessInfo{.node = "", .process = 1}));
  EXPECT_EQ(ParseProcessInfo("Permission denied\n").error().code, ErrorCode::kPermissionDenied);
  for (const char* answer : {"", "Name: HAProxy\n", "Pid: \n", "Pid: 12x\n", "Pid: -3\n"})
    EXPECT_EQ(ParseProcessInfo(answer).error().code, ErrorCode::kUnavailable) << answer;
}

TEST(ParseSetServer, AnEmptyAnswerIsSuccessAndAnyOtherAnError) {
  EXPECT_TRUE(ParseSetServer("").ok());
  EXPECT_TRUE(ParseSetServer("\n").ok());
  EXPECT_EQ(ParseSetServer("No such server.\n").error(),
            (Error{ErrorCode::kNotFound, "haproxy answers 'No such server.'"}));
  EXPECT_EQ(ParseSetServer("Permission denied\n").error().code, ErrorCode::kPermissionDenied);
  const auto refused = ParseSetServer("Absolute weight can only be between 0 and 256 inclusive.\n");
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("between 0 and 256 inclusive."));
}

// Bytes from outside: any damage is read or refused, never more.
RC_GTEST_PROP(RuntimeAnswers, SurviveAnyDamage, ()) {
  std::string state(kState);
  std::string stats =
      "# pxname,svname,scur,stot,status,bck,last_chk,\ncheckout,a,3,1200,UP,0,\"x\",\n";
  for (std::string* text : {&state, &stats}) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text->size());
    text->replace(at, *rc::gen::inRange<std::size_t>(0, 9), *rc::gen::arbitrary<std::string>());
  }
  const auto servers = ParseServersState(state);
  if (servers.ok()) {
    for (const auto& server : *servers) RC_ASSERT(server.weight >= 0 && server.weight <= 256);
  }
  const auto counts = ParseServerStats(stats);
  if (counts.ok()) {
    for (const auto& count : *counts) RC_ASSERT(count.requests_total >= 0);
  }
}

}  // namespace
}  // namespace auspex::traffic
