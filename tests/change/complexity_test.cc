#include "auspex/change/complexity.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "auspex/change/content.h"
#include "tests/change/made_commits.h"

namespace auspex::change {
namespace {

std::int64_t Decisions(Language language, const std::string& text) {
  return DecisionsIn(TokensOf(text, language), language);
}

std::vector<std::string> Words(Language language, const std::string& text) {
  std::vector<std::string> words;
  for (const Token& token : TokensOf(text, language)) words.emplace_back(token.text);
  return words;
}

TEST(Nesting, CountsLevelsByTheTextsOwnStep) {
  EXPECT_EQ(NestingOf(""), 0);
  EXPECT_EQ(NestingOf("a\n\tb\n\t\tc\n\n\td\n"), 4);
  EXPECT_EQ(NestingOf("a\n  b\n    c\n      d\n"), 6);
  EXPECT_EQ(NestingOf("a\n    b\n        c\n"), 3);
  EXPECT_EQ(NestingOf("a\r\n    b\r\n    \r\n"), 1) << "a line of blanks is blank";
  EXPECT_EQ(NestingOf(std::string("\0\xff  \n  x", 8)), 1) << "any bytes";
}

TEST(Decisions, AreThoseOfEachLanguage) {
  EXPECT_EQ(
      Decisions(Language::kC, "int f(int a) { if (a && b || c) return 1; return a ? 2 : 3; }"), 4);
  EXPECT_EQ(Decisions(Language::kCpp, "for (;;) { while (x) { try {} catch (...) {} } }"), 3);
  EXPECT_EQ(Decisions(Language::kCpp, "switch (a) { case 1: case 2: default: break; }"), 2);
  EXPECT_EQ(Decisions(Language::kCpp, "if (a and not b or c) {}"), 3);
  EXPECT_EQ(Decisions(Language::kJava, "List<?> a; if (x) { y = b ? c : d; }"), 2);
  EXPECT_EQ(Decisions(Language::kGo, "for i := range x { if a && b { } }\nselect { case <-c: }"),
            4);
  EXPECT_EQ(
      Decisions(Language::kPython, "if a and b:\n  pass\nelif c:\n  x = [y for y in z if y]\n"), 5);
  EXPECT_EQ(Decisions(Language::kPython, "try:\n  pass\nexcept E:\n  pass\n"), 1);
  EXPECT_EQ(Decisions(Language::kJavaScript, "a?.b ?? c; x = y ? 1 : 2; if (z) {}"), 3);
  EXPECT_EQ(Decisions(Language::kJavaScript, "function f(a?: number, b?) { o.if(); }"), 0);
  EXPECT_EQ(Decisions(Language::kRust, "match x { A => 1, B(y) => 2, _ => 3 }"), 2);
  EXPECT_EQ(Decisions(Language::kRust,
                      "impl Foo for Bar { fn f() { for i in 0..2 { if let A = b {} } } }"),
            2);
  EXPECT_EQ(Decisions(Language::kRust, "let f = || 1; let g = move || 2; if a || b { x?; }"), 2);
  EXPECT_EQ(Decisions(Language::kOther, "if (a) {}"), 0);
}

TEST(Decisions, AreNotWhatCommentsAndStringsSay) {
  EXPECT_EQ(Decisions(Language::kC,
                      "// if\n/* if && */ \"if \\\" if\" 'i'\n#if A && B\n#define F \\\n if\nx"),
            0);
  EXPECT_EQ(Decisions(Language::kCpp, "R\"x(if )\" if)x\" + 1'000'000 + u8R\"(if)\"; if (a) {}"),
            1);
  EXPECT_EQ(Decisions(Language::kJava, "\"\"\"\nif \"quoted\" if\n\"\"\" if"), 1);
  EXPECT_EQ(Decisions(Language::kGo, "`if \\` + \"if\" // if\nif a {}"), 1);
  EXPECT_EQ(
      Decisions(Language::kPython, "\"\"\"if\n'''if\"\"\"\nx = 'if' # if\nr'if\\'\nif a: pass"), 1)
      << "a string of one line ends with it";
  EXPECT_EQ(Decisions(Language::kJavaScript,
                      "x = /if[/]if/g.test(y) / 2; `if ${a ? `if ${b}` : c} if`; if (d) {}"),
            2);
  EXPECT_EQ(Decisions(Language::kRust,
                      "/* if /* if */ if */ r#\"if \" if\"# 'a' '\\'' f::<'a>(x) if y {}"),
            1);
}

TEST(Lexer, KnowsWhereARegularExpressionMayStand) {
  EXPECT_EQ(Words(Language::kJavaScript, "a / b / c"),
            (std::vector<std::string>{"a", "/", "b", "/", "c"}));
  EXPECT_EQ(Words(Language::kJavaScript, "return /if/"), (std::vector<std::string>{"return"}));
  EXPECT_EQ(Words(Language::kJavaScript, "x = /unended\ny"),
            (std::vector<std::string>{"x", "=", "/", "unended", "y"}));
}

TEST(Declarations, AreThoseThatOthersSee) {
  const auto count = [](Language language, const std::string& text) {
    return PublicDeclarations(TokensOf(text, language), language).size();
  };
  EXPECT_EQ(count(Language::kGo,
                  "func Open() {}\nfunc shut() {}\nfunc (s *S) Get() {}\nfunc (s *S) set() "
                  "{}\ntype T struct{}\n"),
            3U);
  EXPECT_EQ(
      count(Language::kJava, "public class A {\n  public int f() {}\n  private int g() {}\n}\n"),
      2U);
  EXPECT_EQ(count(Language::kRust, "pub fn a() {}\npub(crate) fn b() {}\nfn c() {}\n"), 1U);
  EXPECT_EQ(
      count(Language::kJavaScript, "export const a = 1\nfunction b() {}\nmodule.exports = b\n"),
      2U);
  EXPECT_EQ(
      count(Language::kPython,
            "def a():\n  def inner(): pass\nclass B: pass\ndef _c(): pass\nasync def d(): pass\n"),
      3U);
}

TEST(ContentDelta, SumsOverFilesAndCountsAChangedDeclarationTwice) {
  ContentDelta delta;
  delta.Add(Changed("a.go", 1, 1), "func Open(a int) {\n}\n",
            "func Open(a, b int) {\n\tif a {\n\t\treturn\n\t}\n}\n");
  delta.Add(Changed("b.sh", 1, 1), "if a\n\tb\n", "b\n");
  delta.Add(Changed("c.go", 1, 1), std::string("\0if", 3), "if a {\n\t}\n");
  FeatureRow row(kFeatureCount, 0.0);
  delta.Fill(&row);
  EXPECT_EQ(At(row, Feature::kComplexityDelta), 4 - 1);
  EXPECT_EQ(At(row, Feature::kCyclomaticDelta), 1);
  EXPECT_EQ(At(row, Feature::kInterfaceDelta), 2);
}

// Any bytes: it ends, words and signs stand in the text in order, and none overlap.
RC_GTEST_PROP(Lexer, TakesAnyBytes, (const std::string& noise)) {
  const auto snippet = *rc::gen::container<std::string>(
      rc::gen::elementOf(std::string("\"'`/*\\#${}()[]?&|=>rR \nabif1_.\xff")));
  for (const std::string& text : {noise, snippet, noise + snippet}) {
    for (const Language language : {Language::kC, Language::kCpp, Language::kJava, Language::kGo,
                                    Language::kPython, Language::kJavaScript, Language::kRust}) {
      const char* end = text.data();
      for (const Token& token : TokensOf(text, language)) {
        RC_ASSERT(!token.text.empty());
        RC_ASSERT(token.text.data() >= end);
        end = token.text.data() + token.text.size();
      }
      RC_ASSERT(end <= text.data() + text.size());
    }
  }
}

}  // namespace
}  // namespace auspex::change
