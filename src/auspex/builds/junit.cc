// Reports of tests in the form of Ant's JUnit task, as Maven Surefire (surefire-test-report.xsd)
// and most others write it. pugixml expands none but the five entities of XML itself, skips a
// DOCTYPE, and neither its parser nor ours recurses.
#include <fmt/format.h>

#include <cstring>
#include <map>
#include <pugixml.hpp>

#include "auspex/base/sha256.h"
#include "auspex/builds/json_fields.h"

namespace auspex::builds {
namespace {

enum class End { kPassed, kFailed, kSkipped };

// The tries of one test, in the order of the report.
struct Tries {
  std::int64_t passed = 0;
  std::int64_t failed = 0;
  bool flaky = false;  // as the report says itself
  End last = End::kPassed;
};

// One pass over the tree, which has a stack of its own.
class TestCounter : public pugi::xml_tree_walker {
 public:
  bool for_each(
      pugi::xml_node& node) override {  // NOLINT(readability-identifier-naming): pugixml's
    if (depth() > static_cast<int>(kMaxNesting)) {
      too_deep_ = true;
      return false;
    }
    if (std::strcmp(node.name(), "testcase") == 0) Take(node);
    return true;
  }

  [[nodiscard]] bool too_deep() const { return too_deep_; }
  [[nodiscard]] bool any() const { return any_; }

  // A test that failed and then passed is flaky, and its failures are none.
  [[nodiscard]] TestCounts Counts() const {
    TestCounts counts{.passed = 0, .failed = 0, .skipped = skipped_, .flaky = 0};
    for (const auto& [name, tries] : tests_) {
      const bool passed_after_all = tries.failed > 0 && tries.last == End::kPassed;
      *counts.passed += tries.passed;
      if (!passed_after_all) *counts.failed += tries.failed;
      if (passed_after_all || tries.flaky) ++*counts.flaky;
    }
    return counts;
  }

 private:
  void Take(const pugi::xml_node& test) {
    any_ = true;
    // GoogleTest says so of a test that is disabled, or that skips itself.
    const std::string_view result = test.attribute("result").value();
    const bool not_run = result == "suppressed" || result == "skipped" ||
                         std::string_view(test.attribute("status").value()) == "notrun";
    End end = not_run ? End::kSkipped : End::kPassed;
    bool flaky = false;
    for (const pugi::xml_node& child : test.children()) {
      const std::string_view name = child.name();
      if (name == "failure" || name == "error") end = End::kFailed;
      if (name == "skipped" && end != End::kFailed) end = End::kSkipped;
      flaky = flaky || name == "flakyFailure" || name == "flakyError";
    }
    if (end == End::kSkipped) {
      ++skipped_;
      return;
    }
    Tries& tries = tests_[fmt::format("{}\n{}", test.attribute("classname").value(),
                                      test.attribute("name").value())];
    ++(end == End::kFailed ? tries.failed : tries.passed);
    tries.flaky = tries.flaky || (flaky && end == End::kPassed);
    tries.last = end;
  }

  std::map<std::string, Tries> tests_;
  std::int64_t skipped_ = 0;
  bool any_ = false;
  bool too_deep_ = false;
};

std::string PlaceIn(std::string_view text, std::ptrdiff_t offset) {
  const std::string_view before = text.substr(
      0, std::min(text.size(), static_cast<std::size_t>(std::max<std::ptrdiff_t>(offset, 0))));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  return fmt::format("line {}, column {}", line,
                     start == std::string_view::npos ? before.size() + 1 : before.size() - start);
}

}  // namespace

void ReadJunit(std::string_view body, const Reading& reading) {
  std::vector<PayloadProblem>* problems = &reading.out->problems;
  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(body.data(), body.size(), pugi::parse_default & ~pugi::parse_doctype);
  if (!parsed) {
    Note(problems, "",
         fmt::format("the XML cannot be read at {}: {}", PlaceIn(body, parsed.offset),
                     parsed.description()));
    return;
  }
  const std::string_view root = document.document_element().name();
  if (root != "testsuites" && root != "testsuite") {
    Note(problems, "",
         fmt::format("<{:.60}> is no JUnit report: <testsuites> or <testsuite> is", root));
    return;
  }
  TestCounter counter;
  document.traverse(counter);
  if (counter.too_deep()) {
    Note(problems, "", fmt::format("the XML is nested deeper than {} levels", kMaxNesting));
    return;
  }
  if (!counter.any()) {
    reading.out->ignored.emplace_back("a JUnit report without a test case");
    return;
  }
  const PayloadDefaults& defaults = reading.defaults;
  TestRun run{
      .build = defaults.build, .commit = defaults.commit, .tests = counter.Counts(), .failed = {}};
  run.failed = *run.tests.failed > 0;
  // A report has no id of its own, and its time has no zone.
  const std::string hash = ToHex(HashSha256(body)).substr(0, 32);
  AddFact({.source = "junit",
           .id = defaults.build.empty() ? hash : fmt::format("{}/{}", defaults.build, hash),
           .service = {},
           .at = defaults.received,
           .known_at = {},
           .what = std::move(run)},
          "", reading);
}

}  // namespace auspex::builds
