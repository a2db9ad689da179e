#include "lab/rig_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/ask_socket.h"

namespace auspex::lab {
namespace {

using testing::HasSubstr;

TEST(HaproxyText, HasWhatTheEvidenceReliesOn) {
  const auto text = HaproxyText({.port = 8080,
                                 .port_a = 8081,
                                 .port_b = 8082,
                                 .socket = "/tmp/x/haproxy.sock",
                                 .log_sections = "ring feed\n  format rfc5424",
                                 .log_lines = "  log ring@feed local0",
                                 .max_connections = 100});
  ASSERT_TRUE(text.ok());
  for (const char* line : {
           "  maxconn 100\n",
           "  stats socket /tmp/x/haproxy.sock mode 600 level admin",
           "\nring feed\n  format rfc5424\n",
           "  retries 0\n",
           "  timeout check 5s\n",
           "  bind 127.0.0.1:8080\n",
           "  http-request deny if { path_beg /lab/ }\n  log ring@feed local0\n",
           "backend checkout\n  balance random(1)\n  option httpchk GET /healthz\n",
           "  server a 127.0.0.1:8081 weight 256 check inter 500ms fall 2 rise 1\n",
           "  server b 127.0.0.1:8082 weight 0 check inter 500ms fall 2 rise 1\n",
       }) {
    EXPECT_THAT(*text, HasSubstr(line));
  }
  EXPECT_EQ(text->find("redispatch"), std::string::npos);
}

TEST(HaproxyText, RefusesASocketPathItCannotWrite) {
  for (const char* path : {"", "run/haproxy.sock", "/tmp/a b", "/tmp/a\nb", "/tmp/${HOME}"}) {
    const auto text = HaproxyText({.socket = path});
    ASSERT_FALSE(text.ok()) << path;
    EXPECT_EQ(text.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(PrometheusText, ScrapesBothEachSecondWithTheirVersions) {
  const std::string text = PrometheusText({1001, "v1"}, {1002, "v2"});
  EXPECT_THAT(text, HasSubstr("scrape_interval: 1s"));
  EXPECT_THAT(text, HasSubstr("['127.0.0.1:1001']\n        labels: {version: 'v1'}"));
  EXPECT_THAT(text, HasSubstr("['127.0.0.1:1002']\n        labels: {version: 'v2'}"));
}

TEST(AskSocket, SaysWhichSocketDoesNotAnswer) {
  const auto nobody = AskSocket("/tmp/no-such-socket", "show info", 1s);
  ASSERT_FALSE(nobody.ok());
  EXPECT_EQ(nobody.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(nobody.error().message, HasSubstr("/tmp/no-such-socket"));
  EXPECT_EQ(AskSocket("/tmp/" + std::string(120, 'x'), "show info", 1s).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace auspex::lab
