#include "auspex/api/tokens.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/api/certificates.h"

namespace auspex::api {
namespace {

Token MakeToken(const std::string& name, Role role, const std::string& text) {
  return {.name = name, .role = role, .hash = HashSha256(text), .created_at = FromMicros(0)};
}

Status Write(const std::string& path, const std::vector<Token>& tokens) {
  return EditTokenFile(path, [&tokens](std::vector<Token>* all) -> Status {
    *all = tokens;
    return {};
  });
}

std::string Text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(TokenText, Has256BitsOfChance) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string text = DrawTokenText()->Reveal();
    EXPECT_EQ(text.size(), 50U);
    EXPECT_TRUE(text.starts_with("auspex_"));
    EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-_"),
              std::string::npos);
    EXPECT_TRUE(seen.insert(text).second);
  }
}

TEST(TokenFile, ComesBackAsItWasWritten) {
  const Folder folder;
  const std::string path = folder.Path("tokens.json");
  ASSERT_TRUE(
      Write(path, {MakeToken("a", Role::kViewer, "1"), MakeToken("b", Role::kAdmin, "2")}).ok());
  const auto tokens = ReadTokenFile(path);
  ASSERT_TRUE(tokens.ok()) << tokens.error().message;
  ASSERT_EQ(tokens->size(), 2U);
  EXPECT_EQ((*tokens)[1].name, "b");
  EXPECT_EQ((*tokens)[1].role, Role::kAdmin);
  EXPECT_EQ((*tokens)[1].hash, HashSha256("2"));
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(TokenFile, AnEditThatFailsChangesNothing) {
  const Folder folder;
  const std::string path = folder.Path("tokens.json");
  ASSERT_TRUE(Write(path, {MakeToken("a", Role::kViewer, "1")}).ok());
  const std::string before = Text(path);
  const Status failed = EditTokenFile(path, [](std::vector<Token>* all) -> Status {
    all->clear();
    return Fail(ErrorCode::kConflict, "no");
  });
  EXPECT_EQ(failed.error().code, ErrorCode::kConflict);
  EXPECT_EQ(Text(path), before);
  EXPECT_TRUE(Write(path, {}).ok()) << "its lock is gone";
}

TEST(TokenFile, OneCommandAtATimeEdits) {
  const Folder folder;
  const std::string path = folder.Path("tokens.json");
  folder.Write("tokens.json.new", "");
  const Status refused = Write(path, {});
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find("tokens.json.new"), std::string::npos);
}

TEST(TokenFile, RefusesWhatIsNoTokenFile) {
  const Folder folder;
  const std::string hash(64, '0');
  const auto token = [&hash](const std::string& name, const std::string& role) {
    return R"({"name":")" + name + R"(","role":")" + role + R"(","sha256":")" + hash +
           R"(","created_at":"2026-01-01T00:00:00Z"})";
  };
  const auto file = [](const std::string& tokens) {
    return R"({"version":1,"tokens":[)" + tokens + "]}";
  };
  EXPECT_TRUE(ReadTokenFile(folder.Write("good", file(token("a", "viewer")))).ok());
  const std::string bad[] = {"",
                             "[]",
                             "{}",
                             R"({"version":2,"tokens":[]})",
                             R"({"version":1,"tokens":{}})",
                             R"({"version":1,"tokens":[],"more":1})",
                             file("1"),
                             file(R"({"name":"a"})"),
                             file(token("a", "root")),
                             file(token("a b", "viewer")),
                             file(token("", "viewer")),
                             file(token("a", "viewer") + "," + token("a", "viewer")),
                             file(token("a", "viewer") + "," + token("b", "viewer")),
                             std::string(100'000, '[')};
  for (const std::string& text : bad) {
    const auto tokens = ReadTokenFile(folder.Write("bad", text));
    ASSERT_FALSE(tokens.ok()) << text.substr(0, 100);
    EXPECT_EQ(tokens.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(tokens.error().message.find(folder.Path("bad")), std::string::npos);
  }
  EXPECT_EQ(ReadTokenFile(folder.Path("none")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ReadTokenFile(folder.Path("")).error().code, ErrorCode::kInvalidArgument);
  const std::string open = folder.Write("open", file(token("a", "admin")));
  ::chmod(open.c_str(), 0666);
  EXPECT_NE(ReadTokenFile(open).error().message.find("chmod"), std::string::npos);
}

const WallTime kNow = FromMicros(1'000'000);

TEST(TokenStore, RefusesATokenFromItsEndOn) {
  Token token = MakeToken("a", Role::kViewer, "one");
  token.expires_at = kNow;
  const TokenStore store({token, MakeToken("b", Role::kViewer, "two")});
  const auto caller = store.Identify("one", kNow - 1us);
  ASSERT_TRUE(caller.has_value());
  EXPECT_TRUE(store.Knows(*caller, kNow - 1us));
  EXPECT_FALSE(store.Identify("one", kNow).has_value());
  EXPECT_FALSE(store.Knows(*caller, kNow)) << "a stream that it opened ends";
  EXPECT_EQ(store.ExpiredAt("one", kNow), kNow);
  EXPECT_EQ(store.ExpiredAt("one", kNow - 1us), std::nullopt);
  EXPECT_EQ(store.ExpiredAt("two", kNow), std::nullopt);
  EXPECT_EQ(store.ExpiredAt("three", kNow), std::nullopt);
}

TEST(TokenFile, KeepsTheEndOfATokenThatHasOne) {
  const Folder folder;
  const std::string path = folder.Path("tokens.json");
  Token token = MakeToken("a", Role::kViewer, "1");
  token.expires_at = FromMicros(1'800'000'000'000'000);
  ASSERT_TRUE(Write(path, {token, MakeToken("b", Role::kAdmin, "2")}).ok());
  const auto tokens = ReadTokenFile(path);
  ASSERT_TRUE(tokens.ok()) << tokens.error().message;
  EXPECT_EQ((*tokens)[0].expires_at, token.expires_at);
  EXPECT_EQ((*tokens)[1].expires_at, std::nullopt);
  EXPECT_EQ(Text(path).find("expires_at"), Text(path).rfind("expires_at"));
}

TEST(TokenStore, KnowsATokenByItsHash) {
  TokenStore store({MakeToken("a", Role::kViewer, "one"), MakeToken("b", Role::kOperator, "two")});
  const auto caller = store.Identify("two", kNow);
  ASSERT_TRUE(caller.has_value());
  EXPECT_EQ(caller->name, "b");
  EXPECT_EQ(caller->role, Role::kOperator);
  EXPECT_TRUE(store.Knows(*caller, kNow));
  for (const char* wrong : {"", "tw", "two ", "Two", "three"}) {
    EXPECT_FALSE(store.Identify(wrong, kNow).has_value()) << wrong;
  }
  EXPECT_FALSE(store.Identify(ToHex(HashSha256("two")), kNow).has_value())
      << "the hash is no token";
}

TEST(TokenStore, ForgetsWhatIsReplaced) {
  TokenStore store({MakeToken("a", Role::kAdmin, "one"), MakeToken("b", Role::kAdmin, "two")});
  const Caller a = *store.Identify("one", kNow);
  const Caller b = *store.Identify("two", kNow);
  store.Replace({MakeToken("b", Role::kViewer, "two")});
  EXPECT_FALSE(store.Identify("one", kNow).has_value());
  EXPECT_FALSE(store.Knows(a, kNow));
  EXPECT_FALSE(store.Knows(b, kNow)) << "it has another role now";
  EXPECT_EQ(store.Identify("two", kNow)->role, Role::kViewer);
  EXPECT_FALSE(store.Knows(Caller{.name = "b", .role = Role::kViewer, .token = {}}, kNow));
}

}  // namespace
}  // namespace auspex::api
