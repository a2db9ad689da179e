#include "auspex/api/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace auspex::api {
namespace {

HttpCall CallWith(Headers headers) {
  HttpCall call;
  call.headers = std::move(headers);
  return call;
}

int RefusalOf(Headers headers, bool host_required = true) {
  const auto refusal = RefuseForeign(CallWith(std::move(headers)), host_required);
  return refusal ? refusal->status : 0;
}

TEST(PercentDecode, DecodesAndLeavesThePlusOfPaths) {
  EXPECT_EQ(PercentDecode("a%20b%2Fc%c3%a9", Plus::kPlus), std::string("a b/c\xc3\xa9"));
  EXPECT_EQ(PercentDecode("a+b", Plus::kPlus), std::string("a+b"));
  EXPECT_EQ(PercentDecode("a+b%2B", Plus::kSpace), std::string("a b+"));
  EXPECT_EQ(PercentDecode("", Plus::kPlus), std::string());
}

TEST(PercentDecode, RefusesHalvesAndWhatIsNotUtf8) {
  for (const char* bad : {"%", "%4", "a%", "%zz", "%4g", "%%41", "%ff", "%c3", "\xff"}) {
    const auto decoded = PercentDecode(bad, Plus::kPlus);
    ASSERT_FALSE(decoded.ok()) << bad;
    EXPECT_EQ(decoded.error().code, ErrorCode::kInvalidArgument);
  }
}

RC_GTEST_PROP(PercentDecode, UndoesTheEncodingOfEveryAsciiByte, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
  std::string encoded;
  for (const char c : text) encoded += fmt::format("%{:02X}", static_cast<unsigned>(c));
  RC_ASSERT(PercentDecode(encoded, Plus::kSpace) == text);
}

TEST(ParseTarget, SplitsPathAndQuery) {
  const auto target = ParseTarget("/a%20b?x=1&y=a+b%26&x=2&flag&=v&&");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/a%20b");
  EXPECT_TRUE(target->authority.empty());
  EXPECT_EQ(target->query, (Query{{"", "v"}, {"flag", ""}, {"x", "1"}, {"x", "2"}, {"y", "a b&"}}));
}

TEST(ParseTarget, ReadsTheAbsoluteForm) {
  const auto target = ParseTarget("http://evil.example:80/a?b=c");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->authority, "evil.example:80");
  EXPECT_EQ(target->path, "/a");
  EXPECT_EQ(target->query.count("b"), 1U);
}

TEST(ParseTarget, RefusesOtherForms) {
  for (const char* bad : {"", "*", "a", "localhost:80", "ftp://localhost/", "http://localhost",
                          "/a#b", "/a?x=%", "/a?%zz=1"}) {
    EXPECT_FALSE(ParseTarget(bad).ok()) << bad;
  }
}

TEST(LoopbackAuthority, IsTheNamesOfThisMachineAlone) {
  for (const char* good : {"localhost", "LocalHost:8400", "127.0.0.1", "127.0.0.1:1", "127.9.9.9",
                           "[::1]", "[::1]:65535", "localhost:"}) {
    EXPECT_TRUE(IsLoopbackAuthority(good)) << good;
  }
  for (const char* bad :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1",
        "128.0.0.1", "[::2]", "::1", "[::1", "localhost:80@evil", "localhost:123456",
        "user@localhost", "0.0.0.0", "localhost:8 0", "127.1"}) {
    EXPECT_FALSE(IsLoopbackAuthority(bad)) << bad;
  }
}

TEST(RefuseForeign, KnowsHostAndOrigin) {
  EXPECT_EQ(RefusalOf({{"host", "localhost:8400"}}), 0);
  EXPECT_EQ(RefusalOf({{"host", "rebound.example"}}), 421);
  EXPECT_EQ(RefusalOf({}), 400);
  EXPECT_EQ(RefusalOf({}, /*host_required=*/false), 0);
  EXPECT_EQ(RefusalOf({{"Host", "localhost"}, {"host", "localhost"}}), 400);
  EXPECT_EQ(RefusalOf({{"Host", "localhost"}, {"Origin", "http://localhost:5173"}}), 0);
  EXPECT_EQ(RefusalOf({{"Host", "localhost"}, {"Origin", "https://evil.example"}}), 403);
  EXPECT_EQ(RefusalOf({{"Host", "localhost"}, {"Origin", "null"}}), 403);
}

TEST(RenderHead, CarriesTheFieldsOfEveryAnswer) {
  HttpReply reply;
  reply.status = 201;
  reply.body = "{}";
  reply.headers.emplace_back("Location", "/api/v1/deployments/d1");
  EXPECT_EQ(RenderHead(reply, true, FromMicros(784'111'777'000'000)),
            "HTTP/1.1 201 Created\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"  // the example of RFC 9110 §5.6.7
            "Connection: keep-alive\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: 2\r\n"
            "Location: /api/v1/deployments/d1\r\n"
            "Cache-Control: no-store\r\n\r\n");
}

TEST(RenderHead, LeavesCachingOfFilesToTheHandler) {
  HttpReply reply;
  reply.content_type = "text/css";
  EXPECT_EQ(RenderHead(reply, true, {}).find("Cache-Control"), std::string::npos);
  reply.content_type = "application/json";
  reply.headers.emplace_back("cache-control", "max-age=60");
  EXPECT_EQ(RenderHead(reply, true, {}).find("no-store"), std::string::npos);
}

TEST(RenderHead, LetsNoValueWriteFieldsOfItsOwn) {
  HttpReply reply;
  reply.headers.emplace_back("Location", "/a\r\nSet-Cookie: x=1");
  EXPECT_EQ(RenderHead(reply, true, {}).find("Set-Cookie"), std::string::npos);
}

TEST(RenderHead, GivesNoLengthWhereThereIsNoBody) {
  HttpReply reply;
  reply.status = 204;
  const std::string head = RenderHead(reply, false, {});
  EXPECT_EQ(head.find("Content-"), head.find("Content-Type-Options"));
  EXPECT_NE(head.find("Connection: close"), std::string::npos);
}

}  // namespace
}  // namespace auspex::api
