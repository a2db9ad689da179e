#include "auspex/cli/risk_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace auspex::cli {
namespace {

RiskReport Sample() {
  RiskReport report;
  report.assessment = {.p_fail = .42,
                       .low = .2,
                       .high = .7,
                       .reasons = {{"files_migration", 3, .69, "touches 3 migrations"},
                                   {"files_test", 2, -.22, "touches 2 test files"}},
                       .lowering = {{"deploy the migrations on their own", .3}},
                       .basis = "no outcome is known yet"};
  report.change.facts.range = "v1..v2";
  report.change.facts.head = std::string(40, 'a');
  report.change.facts.commits = 2;
  report.change.facts.known = {{"files_migration", 3}};
  report.change.facts.model = "learned from 900 commits";
  report.change.commits = {{std::string(40, 'b'), "rewrite | of `cart` 100%", .6}};
  return report;
}

TEST(RiskReport, TellsAPersonWhyAndWhatToDo) {
  EXPECT_EQ(RiskAsText(Sample()),
            "P(fail) 42 % (20 % to 70 %) for v1..v2, 2 commits; a usual deployment has 15 %\n"
            "\nwhy (times the odds)\n"
            "  x 2     touches 3 migrations\n"
            "  x 0.8   touches 2 test files\n"
            "  x 2.6   all that is not listed, and what is not known\n"
            "\nwhat would lower it (P(fail) of what is left of it)\n"
            "  30 %    deploy the migrations on their own\n"
            "\nriskiest commits (P(it has to be mended later))\n"
            "  60 %    bbbbbbbbbb rewrite | of `cart` 100%\n"
            "\n  learned from 900 commits\n  no outcome is known yet\n");
}

TEST(RiskReport, MarkdownKeepsItsTableWhateverACommitIsCalled) {
  const std::string text = RiskAsMarkdown(Sample());
  EXPECT_NE(text.find("| 60 % | bbbbbbbbbb | rewrite \\| of \\`cart\\` 100% |\n"),
            std::string::npos)
      << text;
  EXPECT_TRUE(text.starts_with("### Deployment risk: 42 %\n"));
}

TEST(RiskReport, AnAnnotationIsOneLineAndAnErrorAboveTheLimit) {
  const std::string error = RiskAsAnnotation(Sample(), .4);
  EXPECT_TRUE(error.starts_with("::error title=Deployment risk 42 %25::P(fail) 42 %25")) << error;
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1);
  EXPECT_NE(error.find("%0Ax 2 touches 3 migrations"), std::string::npos) << error;
  EXPECT_TRUE(RiskAsAnnotation(Sample(), .42).starts_with("::notice "));
}

TEST(RiskReport, JsonHoldsWhatAnAnnouncementTakes) {
  const auto json = nlohmann::json::parse(RiskAsJson(Sample()));
  EXPECT_EQ(json["p_fail"], .42);
  const auto facts = risk::ChangeFactsFromJson(json["change"].dump());
  ASSERT_TRUE(facts.ok()) << facts.error().message;
  EXPECT_EQ(facts->known.at("files_migration"), 3);
  EXPECT_EQ(json["commits"][0]["subject"], "rewrite | of `cart` 100%");
}

TEST(RiskReport, KnowsItsFormats) {
  for (const char* format : {"text", "json", "markdown", "github"})
    EXPECT_TRUE(RiskAs(format, Sample(), 1.0).ok()) << format;
  EXPECT_EQ(RiskAs("sarif", Sample(), 1.0).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace auspex::cli
