#include "auspex/change/szz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace auspex::change {

// Found by GoogleTest, which asks for this name.
void PrintTo(const LineRange& range, std::ostream* out) {
  *out << range.first << "-" << range.last;
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Lines = std::vector<std::string>;

std::vector<LineRange> Traced(const std::string& path, const Lines& removed, const Lines& added) {
  const std::vector<FilePatch> fix = {{path, path, {{10, removed, added}}}};
  const auto traced = LinesToTrace(fix);
  return traced.empty() ? std::vector<LineRange>() : traced[0].ranges;
}

TEST(LinesToTrace, TakesWhatIsReplacedOrDeleted) {
  EXPECT_THAT(Traced("a.c", {"x = 1;", "y = 2;"}, {"x = 2;"}), ElementsAre(LineRange{10, 11}));
  EXPECT_THAT(Traced("a.c", {"x = 1;"}, {}), ElementsAre(LineRange{10, 10}));
}

// Ghosts: there is no line whose writer could be asked but those beside it.
TEST(LinesToTrace, TakesTheNeighboursOfPureAdditions) {
  EXPECT_THAT(Traced("a.c", {}, {"if (x == NULL) return;"}), ElementsAre(LineRange{10, 11}));
  EXPECT_THAT(Traced("a.c", {}, {"// why", "", "}"}), IsEmpty());
  const std::vector<FilePatch> fix = {
      {"a.c", "a.c", {{0, {}, {"a();"}}, {3, {}, {"b();"}}, {4, {}, {"c();"}}, {5, {}, {"d();"}}}}};
  EXPECT_THAT(LinesToTrace(fix), ElementsAre(TracedFile{"a.c", {{3, 4}, {5, 5}, {6, 6}}}));
  // Where a line is replaced too, it says more.
  const std::vector<FilePatch> both = {
      {"a.c", "a.c", {{3, {}, {"b();"}}, {9, {"c();"}, {"d();"}}}}};
  EXPECT_THAT(LinesToTrace(both), ElementsAre(TracedFile{"a.c", {{9, 9}}}));
}

TEST(LinesToTrace, PassesOverBlanksCommentsAndBrackets) {
  EXPECT_THAT(Traced("a.c",
                     {"", "  ", "// old", "/* a", "   b */", " * c", "}", "});", "else",
                      "#include <x.h>", "x = 1;"},
                     {"x = 2;"}),
              ElementsAre(LineRange{20, 20}));
  EXPECT_THAT(Traced("a.c", {"*p = 1;"}, {"*p = 2;"}), ElementsAre(LineRange{10, 10}));
  EXPECT_THAT(Traced("a.py", {"# old", "import os", "pass", "x = 1  # why"}, {"x = 2"}),
              ElementsAre(LineRange{13, 13}));
  EXPECT_THAT(Traced("a.sql", {"-- old", "DROP TABLE t;"}, {}), ElementsAre(LineRange{11, 11}));
  EXPECT_THAT(Traced("a.lisp", {"; old"}, {"; new"}), IsEmpty());
  EXPECT_THAT(Traced("a.c", {"#define APP_VERSION \"1.2\""}, {"#define APP_VERSION \"1.3\""}),
              IsEmpty());
  EXPECT_THAT(Traced("a.c", {"if (version < 3) {"}, {"if (version < 4) {"}),
              ElementsAre(LineRange{10, 10}));
  // A sign of comment within a text is none.
  EXPECT_THAT(Traced("a.js", {"u = 'http://a';"}, {"u = 'http://b';"}),
              ElementsAre(LineRange{10, 10}));
}

TEST(LinesToTrace, PassesOverChangesOfLayoutAlone) {
  EXPECT_THAT(Traced("a.c", {"f(a, b);"}, {"f(a,", "  b);"}), IsEmpty());
  EXPECT_THAT(Traced("a.c", {"int x = 1; // one"}, {"int x = 1; // 1"}), IsEmpty());
  EXPECT_THAT(Traced("a.c", {"if(x) {"}, {"if (x)", "{"}), IsEmpty());
}

TEST(LinesToTrace, PassesOverLinesThatTheFixMoves) {
  const std::vector<FilePatch> fix = {{"a.c", "a.c", {{1, {"int x = 1;", "y = 2;"}, {"z();"}}}},
                                      {"b.c", "b.c", {{5, {}, {"  int x = 1;"}}}}};
  EXPECT_THAT(LinesToTrace(fix), ElementsAre(TracedFile{"a.c", {{2, 2}}}));
  // Each added line takes one moved line in.
  const std::vector<FilePatch> twice = {
      {"a.c", "a.c", {{1, {"f(x);", "f(x);"}, {}}, {9, {}, {"f(x);"}}}}};
  EXPECT_THAT(LinesToTrace(twice), ElementsAre(TracedFile{"a.c", {{2, 2}}}));
}

TEST(LinesToTrace, TracesTheProgramAlone) {
  for (const std::string path : {"docs/a.md", "tests/a_test.c", "src/test/java/ATest.java",
                                 "vendor/x/a.go", "package-lock.json"}) {
    EXPECT_THAT(Traced(path, {"x = 1"}, {"x = 2"}), IsEmpty()) << path;
  }
  for (const std::string path : {"src/a.c", "db/migrations/001_a.sql", "config/app.yaml"}) {
    EXPECT_THAT(Traced(path, {"x: 1"}, {"x: 2"}), ElementsAre(LineRange{10, 10})) << path;
  }
  const std::vector<FilePatch> new_file = {{"", "a.c", {{0, {}, {"x = 1;"}}}}};
  EXPECT_THAT(LinesToTrace(new_file), IsEmpty());
  // A renamed file is traced by its name before the fix.
  const std::vector<FilePatch> renamed = {{"a.c", "b.c", {{3, {"x = 1;"}, {"x = 2;"}}}}};
  EXPECT_THAT(LinesToTrace(renamed), ElementsAre(TracedFile{"a.c", {{3, 3}}}));
}

TEST(LinesToTrace, LeavesLargeFixesAlone) {
  std::vector<FilePatch> fix;
  for (std::size_t i = 0; i < kMostFixFiles; ++i) {
    const auto path = "f" + std::to_string(i) + ".c";
    fix.push_back({path, path, {{1, {"x = 1;"}, {"x = " + std::to_string(i) + "0;"}}}});
  }
  EXPECT_EQ(LinesToTrace(fix).size(), kMostFixFiles);
  fix.push_back({"one_more.c", "one_more.c", {{1, {"x = 1;"}, {"x = 2;"}}}});
  EXPECT_THAT(LinesToTrace(fix), IsEmpty());
  Lines many;
  for (std::int64_t i = 0; i < kMostFixLines; ++i) many.push_back("x = " + std::to_string(i) + ";");
  EXPECT_THAT(Traced("a.c", many, {}), ElementsAre(LineRange{10, 9 + kMostFixLines}));
  std::vector<FilePatch> additions = {{"a.c", "a.c", {}}};
  for (std::int64_t i = 0; i < kMostFixLines / 2; ++i) {
    additions[0].hunks.push_back({10 * i + 1, {}, {"f();"}});
  }
  EXPECT_EQ(LinesToTrace(additions).size(), 1U);
  additions[0].hunks.push_back({10 * kMostFixLines, {}, {"f();"}});
  EXPECT_THAT(LinesToTrace(additions), IsEmpty());
  many.emplace_back("y = 0;");
  EXPECT_THAT(Traced("a.c", many, {}), IsEmpty());
}

// Whatever a fix looks like, what is traced lies within what it removes, in order and apart.
RC_GTEST_PROP(LinesToTrace, StaysWithinTheRemovedLines, ()) {
  const auto line = rc::gen::element<std::string>("x = 1;", "y();", "}", "", "// c", "/*", "*/",
                                                  "'", "\"", "\\", "else");
  const auto lines = rc::gen::resize(8, rc::gen::container<Lines>(line));
  const auto removed = *lines;
  const auto added = *lines;
  const auto ranges = Traced("a.c", removed, added);
  std::int64_t last = 9;
  for (const auto& range : ranges) {
    RC_ASSERT(range.first > last);
    RC_ASSERT(range.last >= range.first);
    last = range.last;
  }
  // Beside an addition: the line before it and the one behind.
  const auto most = removed.empty() ? 11 : 9 + static_cast<std::int64_t>(removed.size());
  RC_ASSERT(last <= most);
  if (removed == added) RC_ASSERT(ranges.empty());
}

}  // namespace
}  // namespace auspex::change
