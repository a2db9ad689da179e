#include "auspex/builds/fact_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "tests/builds/facts.h"

namespace auspex::builds {
namespace {

RC_GTEST_PROP(FactCodec, ReadsBackWhatItWrote, ()) {
  const Fact fact = *AnyFact();
  const auto again = FactFromJson(KindOf(fact), ToJson(fact));
  RC_ASSERT(again.ok());
  RC_ASSERT(*again == fact);
}

TEST(FactCodec, ToleratesKeysOfANewerProgramAndNoDamage) {
  const std::string good =
      R"({"source":"s","id":"1","service":"shop","at_us":1,"known_at_us":1,"status":"failed","new":1})";
  const auto fact = FactFromJson("build", good);
  ASSERT_TRUE(fact.ok()) << fact.error().message;
  EXPECT_EQ(std::get<Build>(fact->what).status, BuildStatus::kFailed);
  for (const char* bad :
       {"", "[]", "{}", R"({"source":"s","id":"1","service":"a b","at_us":1,"known_at_us":1})"})
    EXPECT_EQ(FactFromJson("build", bad).error().code, ErrorCode::kDataLoss) << bad;
  EXPECT_FALSE(FactFromJson("tick", good).ok());
}

}  // namespace
}  // namespace auspex::builds
