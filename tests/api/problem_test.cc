#include "auspex/api/problem.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace auspex::api {
namespace {

TEST(Problem, OfHttpItselfIsAboutBlank) {
  const HttpReply reply = Problem(405, "no POST here");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.content_type, "application/problem+json");
  const auto document = nlohmann::json::parse(reply.body);
  EXPECT_EQ(document, nlohmann::json({{"type", "about:blank"},
                                      {"title", "Method Not Allowed"},
                                      {"status", 405},
                                      {"detail", "no POST here"}}));
}

TEST(Problem, OfAnErrorNamesItsCode) {
  const HttpReply reply = ProblemFrom({ErrorCode::kPermissionDenied, "role viewer may not abort"});
  const auto document = nlohmann::json::parse(reply.body);
  EXPECT_EQ(document["type"], "urn:auspex:problem:permission-denied");
  EXPECT_EQ(document["title"], "Permission denied");
  EXPECT_EQ(document["status"], 403);
  EXPECT_EQ(document["detail"], "role viewer may not abort");
  EXPECT_FALSE(document.contains("errors"));
}

TEST(Problem, ListsWhatIsWrongWithTheInput) {
  const HttpReply reply = ProblemFrom({ErrorCode::kInvalidArgument, "2 errors"},
                                      {{"/weight", "above 1"}, {"", "no reason"}});
  const auto errors = nlohmann::json::parse(reply.body)["errors"];
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0], nlohmann::json({{"pointer", "/weight"}, {"detail", "above 1"}}));
  EXPECT_EQ(errors[1], nlohmann::json({{"pointer", ""}, {"detail", "no reason"}}));
}

TEST(Problem, StaysJsonWhereItQuotesBytesThatAreNotUtf8) {
  EXPECT_FALSE(
      nlohmann::json::parse(Problem(400, "got \xff\xc0").body, nullptr, false).is_discarded());
}

TEST(Problem, EveryErrorCodeHasAStatus) {
  EXPECT_EQ(StatusOf(ErrorCode::kInvalidArgument), 400);
  EXPECT_EQ(StatusOf(ErrorCode::kNotFound), 404);
  EXPECT_EQ(StatusOf(ErrorCode::kConflict), 409);
  EXPECT_EQ(StatusOf(ErrorCode::kPermissionDenied), 403);
  EXPECT_EQ(StatusOf(ErrorCode::kNoData), 404);
  EXPECT_EQ(StatusOf(ErrorCode::kUnavailable), 503);
  EXPECT_EQ(StatusOf(ErrorCode::kDataLoss), 500);
  EXPECT_EQ(StatusOf(ErrorCode::kInternal), 500);
}

TEST(CatchExceptions, AnswersAndLogsWithoutTellingTheCaller) {
  std::string lines;
  const Logger log(LogLevel::kInfo, [&lines](std::string_view line) { lines += line; });
  HttpCall call;
  call.path = "/x";
  const auto throws = [](const HttpCall&) -> HttpReply { throw std::runtime_error("secret"); };
  const HttpReply reply = CatchExceptions(throws, log)(call);
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body.find("secret"), std::string::npos);
  EXPECT_NE(lines.find("secret"), std::string::npos);
  EXPECT_NE(lines.find("/x"), std::string::npos);
  const auto throws_int = [](const HttpCall&) -> HttpReply { throw 3; };
  EXPECT_EQ(CatchExceptions(throws_int, log)(call).status, 500);
}

}  // namespace
}  // namespace auspex::api
