#include "auspex/base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "auspex/base/nearest.h"

namespace auspex {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// The first document of `text`, which is well formed.
ConfigSection Read(std::string_view text, ConfigErrors* errors) {
  auto documents = ParseConfigText(text, "a.yaml", errors);
  EXPECT_TRUE(documents.ok()) << documents.error().message;
  return documents.ok() ? documents->front() : ConfigSection(nullptr, "a.yaml", "", errors);
}

std::string SyntaxError(std::string_view text) {
  ConfigErrors errors;
  const auto documents = ParseConfigText(text, "a.yaml", &errors);
  if (documents.ok()) return "read";
  EXPECT_EQ(documents.error().code, ErrorCode::kInvalidArgument);
  return documents.error().message;
}

class ConfigFiles : public ::testing::Test {
 protected:
  ConfigFiles() {
    std::string name = (std::filesystem::temp_directory_path() / "auspex-config-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ConfigFiles() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& name, std::string_view text) const {
    const auto path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  std::filesystem::path folder_;
};

TEST(Config, AnErrorIsOneLineAndMovesNoCursor) {
  ConfigErrors errors;
  auto s = Read("mode: \"\\e[2J\\na.yaml:1:1: all is well\"\n", &errors);
  s.Choice("mode", "fast", {"fast"});
  EXPECT_THAT(errors.lines(), ElementsAre(HasSubstr("'\\x1b[2J\\x0aa.yaml:1:1: all is well'")));
}

TEST(Config, ReadsEachType) {
  ConfigErrors errors;
  auto s = Read(
      "t: word\nn: 2.5\ni: 7\nf: true\nd: 1.5s\np: 5%\nq: 0.05\nc: fast\nl: [a, 1]\nm: {k: v}\nv: "
      "1.10\n",
      &errors);
  EXPECT_EQ(s.Text("t"), "word");
  EXPECT_EQ(s.Number("n", 0, 0, 10), 2.5);
  EXPECT_EQ(s.Integer("i", 0, 0, 10), 7);
  EXPECT_TRUE(s.Flag("f", false));
  EXPECT_EQ(s.DurationOf("d", 0s), 1500ms);
  EXPECT_DOUBLE_EQ(s.Share("p", 0), 0.05);
  EXPECT_DOUBLE_EQ(s.Share("q", 0), 0.05);
  EXPECT_EQ(s.Choice("c", "slow", {"slow", "fast"}), "fast");
  EXPECT_THAT(s.Texts("l"), ElementsAre("a", "1"));
  auto m = s.Section("m");
  EXPECT_EQ(m.Text("k"), "v");
  EXPECT_EQ(s.Text("v"), "1.10");
  m.Finish();
  s.Finish();
  EXPECT_TRUE(errors.empty()) << errors.ToText();
}

TEST(Config, GivesTheFallbackForAnAbsentKeyAndAnAbsentSection) {
  ConfigErrors errors;
  auto s = Read("a: 1\n", &errors);
  auto none = s.Section("limits");
  EXPECT_EQ(none.DurationOf("tick", 10s), 10s);
  EXPECT_FALSE(none.Has("tick"));
  EXPECT_EQ(s.Number("n", 0.5, 0, 1), 0.5);
  EXPECT_THAT(s.Texts("l"), IsEmpty());
  EXPECT_THAT(s.Sections("m"), IsEmpty());
  EXPECT_EQ(s.SecretOf("k"), std::nullopt);
  EXPECT_TRUE(errors.empty()) << errors.ToText();
}

TEST(Config, NamesEveryErrorWithItsPlace) {
  ConfigErrors errors;
  auto s = Read("tick: 10\nalpha: 3\nmode: balancd\nsteps: 4\nflag: yes\nwarmup: 1s\n", &errors);
  EXPECT_EQ(s.DurationOf("tick", 1s), 1s);
  EXPECT_EQ(s.Number("alpha", 0.01, 0, 1), 0.01);
  EXPECT_EQ(s.Choice("mode", "fast", {"fast", "balanced"}), "fast");
  EXPECT_THAT(s.Sections("steps"), IsEmpty());
  EXPECT_FALSE(s.Flag("flag", false));
  EXPECT_EQ(s.DurationOf("warm_up", 2s), 2s);
  s.Finish();
  EXPECT_THAT(
      errors.lines(),
      ElementsAre(AllOf(StartsWith("a.yaml:1:7: tick"), HasSubstr("'10'"), HasSubstr("10s")),
                  AllOf(StartsWith("a.yaml:2:8: alpha"), HasSubstr("0 to 1")),
                  AllOf(StartsWith("a.yaml:3:7: mode"), HasSubstr("did you mean balanced")),
                  AllOf(StartsWith("a.yaml:4:8: steps"), HasSubstr("list of mappings")),
                  AllOf(StartsWith("a.yaml:5:7: flag"), HasSubstr("true, false")),
                  AllOf(StartsWith("a.yaml:6:1:"), HasSubstr("'warmup'"),
                        HasSubstr("did you mean warm_up"))));
}

TEST(Config, RefusesNumbersThatAreNone) {
  for (const char* bad : {"nan", "inf", "1x", "0x10", "''", "[1]", "{a: 1}", "1e999"}) {
    ConfigErrors errors;
    auto s = Read(fmt::format("n: {}\n", bad), &errors);
    EXPECT_EQ(s.Number("n", 7, 0, 10), 7) << bad;
    EXPECT_EQ(errors.lines().size(), 1U) << bad;
  }
}

TEST(Config, NamesAMissingKeyWithItsPath) {
  ConfigErrors errors;
  auto s = Read("metadata: {labels: {}}\n", &errors);
  EXPECT_EQ(s.Section("metadata").Text("name"), "");
  EXPECT_THAT(errors.lines(), ElementsAre("a.yaml:1:11: metadata.name is missing"));
}

TEST(Config, RefusesAKeyWithoutAValueWhateverIsWanted) {
  ConfigErrors errors;
  auto s = Read("a:\nb: ~\nc:\nd: null\ne:\n", &errors);
  EXPECT_EQ(s.Text("a"), "");
  EXPECT_EQ(s.Number("b", 1, 0, 2), 1);
  EXPECT_FALSE(s.Section("c").Has("x"));
  EXPECT_THAT(s.Texts("d"), IsEmpty());
  EXPECT_EQ(s.SecretOf("e"), std::nullopt);
  EXPECT_EQ(errors.lines().size(), 5U) << errors.ToText();
  for (const std::string& line : errors.lines()) EXPECT_THAT(line, HasSubstr("there is no value"));
}

TEST(Config, RefusesAKeyThatStandsTwiceAlsoDeepInside) {
  ConfigErrors errors;
  Read("a: 1\nb: {c: 1, c: 2}\nl: [{x: 1, x: 2}]\na: 3\n", &errors);
  EXPECT_THAT(errors.lines(), ElementsAre("a.yaml:2:11: 'c' stands here twice; keep one",
                                          "a.yaml:3:12: 'x' stands here twice; keep one",
                                          "a.yaml:4:1: 'a' stands here twice; keep one"));
}

TEST(Config, AValueEqualToAKeyIsNoDuplicate) {
  ConfigErrors errors;
  Read("a: b\nb: a\nc: [a, a]\nd: {a: a}\n", &errors);
  EXPECT_TRUE(errors.empty()) << errors.ToText();
}

TEST(Config, ReadsSeveralDocumentsAndLeavesEmptyOnesOut) {
  ConfigErrors errors;
  auto documents = ParseConfigText("kind: A\n---\n---\nkind: B\n---\n", "a.yaml", &errors);
  ASSERT_TRUE(documents.ok());
  ASSERT_EQ(documents->size(), 2U);
  EXPECT_EQ((*documents)[1].Text("kind"), "B");
  EXPECT_EQ((*documents)[1].Place("kind"), "a.yaml:4:7");
}

TEST(Config, AShareMayHaveARange) {
  ConfigErrors errors;
  auto s = Read("{a: 1%, b: 0.01, c: 60%, d: 0}", &errors);
  EXPECT_DOUBLE_EQ(s.Share("a", 0.5, 1e-9, 0.5), 0.01);
  EXPECT_DOUBLE_EQ(s.Share("b", 0.5, 1e-9, 0.5), 0.01);
  EXPECT_DOUBLE_EQ(s.Share("c", 0.2, 1e-9, 0.5), 0.2);
  EXPECT_DOUBLE_EQ(s.Share("d", 0.2, 1e-9, 0.5), 0.2);
  EXPECT_THAT(errors.lines(),
              ElementsAre(HasSubstr("c: 60% is out of range"), HasSubstr("d: 0 is out of range")));
}

TEST(Config, WhatIsNoMappingIsOneError) {
  ConfigErrors errors;
  auto s = Read("{spec: 5, other: {}}", &errors);
  auto spec = s.Section("spec");
  EXPECT_EQ(spec.Text("name"), "");
  EXPECT_EQ(spec.Section("inner").Text("name"), "");
  spec.Refuse("name", "follows from the first");
  static_cast<void>(s.Section("spec"));  // by another reader
  EXPECT_TRUE(s.Refused("spec"));
  EXPECT_FALSE(s.Refused("other"));
  EXPECT_THAT(errors.lines(), ElementsAre(HasSubstr("spec: a mapping is wanted")));
  EXPECT_EQ(s.Section("other").Text("name"), "");
  EXPECT_EQ(errors.lines().size(), 2U);
}

TEST(Config, ListsOfSectionsKeepTheirPaths) {
  ConfigErrors errors;
  auto s = Read("spec:\n  signals:\n  - {name: a}\n  - {nam: b}\n", &errors);
  auto signals = s.Section("spec").Sections("signals");
  ASSERT_EQ(signals.size(), 2U);
  EXPECT_EQ(signals[0].Text("name"), "a");
  EXPECT_EQ(signals[1].Text("name"), "");
  signals[1].Finish();
  EXPECT_THAT(errors.lines(), ElementsAre(HasSubstr("spec.signals[1].name is missing"),
                                          HasSubstr("did you mean name")));
}

TEST(Config, TextMapKnowsTheScalarKeysOnly) {
  ConfigErrors errors;
  auto s = Read("router: haproxy\nport: 80\nservers: [a, b]\n", &errors);
  EXPECT_EQ(s.TextMap(),
            (std::map<std::string, std::string>{{"port", "80"}, {"router", "haproxy"}}));
  s.Finish();
  EXPECT_THAT(errors.lines(), ElementsAre(HasSubstr("unknown key 'servers'")));
}

TEST(Config, SyntaxErrorsSayWhere) {
  EXPECT_THAT(SyntaxError("a: 1\n]"), StartsWith("a.yaml:2:1: "));
  EXPECT_THAT(SyntaxError("x: 1\na: [1, 2\n"),
              HasSubstr("inside the bracket opened at a.yaml:2:4"));
  EXPECT_THAT(SyntaxError("- a\n"), AllOf(StartsWith("a.yaml:1:1: "), HasSubstr("mapping")));
  EXPECT_THAT(SyntaxError(""), HasSubstr("no document"));
  EXPECT_THAT(SyntaxError("# nothing\n"), HasSubstr("no document"));
}

// yaml-cpp finds empty documents there without an end.
TEST(Config, EndsWhereTheParserWouldNot) {
  for (const char* text : {", ", "\"\", ", "!|\n? ", "a: 1\n---\n, "})
    EXPECT_THAT(SyntaxError(text), Not("read")) << text;
}

// An alias to the list that holds it has no end, and nine levels of nine have half a billion
// leaves.
TEST(Config, RefusesAliases) {
  EXPECT_THAT(SyntaxError("a: &x [*x]\n"), AllOf(StartsWith("a.yaml:1:8: "), HasSubstr("aliases")));
  EXPECT_THAT(SyntaxError("a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n"), HasSubstr("a.yaml:2:8: "));
}

TEST(Config, BoundsDepthHoweverItIsWritten) {
  std::string block, flow = "a: ";
  for (int i = 0; i < 200; ++i) block += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  flow += std::string(100'000, '[');
  for (const std::string& text :
       {block, flow, std::string(1000, '-') + "\n",
        "a:\n " + fmt::format("{}x", fmt::join(std::vector<std::string>(500, "- "), ""))}) {
    EXPECT_THAT(SyntaxError(text), Not("read")) << text.substr(0, 20);
  }
  EXPECT_THAT(SyntaxError(block), HasSubstr("deeper than 32"));
  EXPECT_THAT(SyntaxError(flow), HasSubstr("deeper than 32"));
}

TEST(Config, BracketsInCommentsAndTextsAreNoDepth) {
  EXPECT_EQ(
      SyntaxError("a: 1  # " + std::string(100, '[') + "\nb: '" + std::string(100, '{') + "'\n"),
      "read");
}

TEST(Config, RefusesControlCharactersAndOverlongTexts) {
  EXPECT_THAT(SyntaxError(std::string_view("a: 1\n b\0c", 9)),
              StartsWith("a.yaml:2:3: control character 0x00"));
  EXPECT_THAT(SyntaxError("a: 1\n\x04"
                          "b: 2\n"),
              StartsWith("a.yaml:2:1: control character 0x04"));
  EXPECT_THAT(SyntaxError("a: " + std::string(1 << 20, 'x')), HasSubstr("at most 1048576 bytes"));
}

RC_GTEST_PROP(Config, NoBytesMakeItThrow, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "a", ": ", "\n", "- ", "[", "]", "{", "}", ", ", "&x ", "*x", "? ", "'", "\"", "#", "|", ">",
      "---\n", "...\n", "  ", "!", "%", "~", "\\", "\t"));
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  ConfigErrors errors;
  auto documents = ParseConfigText(text, "a.yaml", &errors);
  if (!documents.ok()) {
    RC_ASSERT(documents.error().message.starts_with("a.yaml"));
    return;
  }
  for (ConfigSection& section : *documents) {
    static_cast<void>(section.Text("a"));
    static_cast<void>(section.Section("b"));
    static_cast<void>(section.SecretOf("c"));
    section.Finish();
  }
}

TEST(Nearest, FindsASlipAndNothingFar) {
  const std::vector<std::string> known{"warm_up", "tick", "deadline", "bake"};
  EXPECT_EQ(Nearest("warmup", known), "warm_up");
  EXPECT_EQ(Nearest("deadlien", known), "deadline");
  EXPECT_EQ(Nearest("tikc", known), "tick");
  EXPECT_EQ(Nearest("colour", known), std::nullopt);
  EXPECT_EQ(Nearest("ab", {"xy"}), std::nullopt);
  EXPECT_EQ(Nearest("", known), std::nullopt);
}

RC_GTEST_PROP(Nearest, ALetterLeftOutIsASlip, ()) {
  const auto word =
      *rc::gen::suchThat(rc::gen::container<std::string>(rc::gen::inRange<char>('a', 'z' + 1)),
                         [](const std::string& text) { return text.size() >= 3; });
  std::string slip = word;
  slip.erase(*rc::gen::inRange<std::size_t>(0, word.size()), 1);
  RC_ASSERT(Nearest(slip, {word}) == word);
  RC_ASSERT(Nearest(word, {slip, word}) == word);
}

TEST(Secret, PrintsItsMaskEverywhere) {
  const Secret secret("hunter2");
  std::ostringstream out;
  out << secret;
  EXPECT_EQ(out.str(), "***");
  EXPECT_EQ(fmt::format("{}|{:>5}", secret, secret), "***|  ***");
  EXPECT_EQ(nlohmann::json({{"token", secret}}).dump(), R"({"token":"***"})");
  EXPECT_EQ(::testing::PrintToString(secret), "***");
  EXPECT_EQ(secret.Reveal(), "hunter2");
}

TEST_F(ConfigFiles, SecretsComeFromTheEnvironmentAndFromFiles) {
  const std::string path = Write("token", "from file\n");
  ::setenv("AUSPEX_CONFIG_TEST", "from env", 1);
  ConfigErrors errors;
  auto s = Read(fmt::format("a: {{env: AUSPEX_CONFIG_TEST}}\nb: {{file: {}}}\n", path), &errors);
  const auto a = s.SecretOf("a"), b = s.SecretOf("b");
  ::unsetenv("AUSPEX_CONFIG_TEST");
  ASSERT_TRUE(a && b) << errors.ToText();
  EXPECT_EQ(a->Reveal(), "from env");
  EXPECT_EQ(b->Reveal(), "from file");
}

TEST_F(ConfigFiles, RefusesSecretsThatAreNoneAndRepeatsNoValue) {
  const std::string fifo = (folder_ / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const std::string empty = Write("empty", "\n"),
                    large = Write("large", std::string((1 << 16) + 1, 'x'));
  struct Case {
    std::string yaml;
    std::string says;
  };
  const std::vector<Case> cases{
      {"hunter2", "{env: NAME}"},
      {"[hunter2]", "{env: NAME}"},
      {"{value: hunter2}", "unknown key 'value'"},
      {"{env: hunter2-literal}", "the name of an environment variable"},
      {"{env: AUSPEX_NOT_SET}", "AUSPEX_NOT_SET is not set"},
      {"{env: A, file: B}", "one of"},
      {fmt::format("{{file: {}/none}}", folder_.string()), "/none cannot be read: No such file"},
      {fmt::format("{{file: {}}}", folder_.string()), "not a regular file"},
      {fmt::format("{{file: {}}}", fifo), "not a regular file"},
      {fmt::format("{{file: {}/below}}", empty), "/below cannot be read: Not a directory"},
      {fmt::format("{{file: {}}}", empty), "is empty"},
      {fmt::format("{{file: {}}}", large), "longer than"},
  };
  for (const Case& c : cases) {
    ConfigErrors errors;
    auto s = Read(fmt::format("token: {}\n", c.yaml), &errors);
    EXPECT_EQ(s.SecretOf("token"), std::nullopt) << c.yaml;
    EXPECT_THAT(errors.lines(), Contains(HasSubstr(c.says))) << c.yaml;
    EXPECT_THAT(errors.ToText(), AllOf(Not(HasSubstr("hunter2")), Not(HasSubstr("xxxx"))))
        << c.yaml;
  }
}

// Root reads every file, so it steps back to a user who owns none.
class WithoutRights {
 public:
  WithoutRights() : root_(::geteuid() == 0) {
    if (root_) {
      EXPECT_EQ(::seteuid(65534), 0);
    }
  }
  ~WithoutRights() {
    if (root_) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }
  WithoutRights(const WithoutRights&) = delete;
  WithoutRights& operator=(const WithoutRights&) = delete;

 private:
  bool root_;
};

TEST_F(ConfigFiles, AFileThatMayNotBeReadIsRefusedWithTheReason) {
  const std::string path = Write("token", "hunter2\n");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  ConfigErrors errors;
  auto s = Read(fmt::format("token: {{file: {}}}\n", path), &errors);
  Result<std::vector<ConfigSection>> documents = std::vector<ConfigSection>{};
  {
    const WithoutRights stranger;
    EXPECT_EQ(s.SecretOf("token"), std::nullopt);
    documents = ParseConfigFile(path, &errors);
  }
  EXPECT_THAT(errors.lines(), ElementsAre(AllOf(StartsWith("a.yaml:1:8: token"), HasSubstr(path),
                                                HasSubstr("Permission denied"))));
  ASSERT_FALSE(documents.ok());
  EXPECT_EQ(documents.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(documents.error().message, AllOf(HasSubstr(path), HasSubstr("Permission denied")));
}

TEST_F(ConfigFiles, ReadsAFileAndSaysWhyNot) {
  ConfigErrors errors;
  const std::string path = Write("auspex.yaml", "kind: Service\n");
  auto documents = ParseConfigFile(path, &errors);
  ASSERT_TRUE(documents.ok());
  EXPECT_EQ(documents->front().Place("kind"), path + ":1:7");
  EXPECT_EQ(ParseConfigFile((folder_ / "none").string(), &errors).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(ParseConfigFile(folder_.string(), &errors).error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(ParseConfigFile("/dev/zero", &errors).error().code,
            ErrorCode::kInvalidArgument);  // endless
}

TEST(ConfigErrors, StandByFileThenLineThenColumn) {
  ConfigErrors errors;
  for (const char* place : {"b.yaml:10:2", "b.yaml:9:3", "a.yaml:1:1", "b.yaml:9:1", "b.yaml"})
    errors.Add(place, "wrong");
  EXPECT_EQ(errors.ToText(),
            "b.yaml: wrong\nb.yaml:9:1: wrong\nb.yaml:9:3: wrong\nb.yaml:10:2: wrong\n"
            "a.yaml:1:1: wrong");
}

}  // namespace
}  // namespace auspex
