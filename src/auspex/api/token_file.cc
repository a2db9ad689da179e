// The token file: tokens.h says what stands in it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "auspex/api/tokens.h"
#include "auspex/base/fd.h"
#include "auspex/base/ids.h"

namespace auspex::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr off_t kMostBytes = 1 << 20;

Failure FileFailure(std::string_view doing, const std::string& path, int why) {
  const ErrorCode code = why == ENOENT ? ErrorCode::kNotFound
                         : why == EACCES || why == EPERM || why == EROFS
                             ? ErrorCode::kPermissionDenied
                             : ErrorCode::kUnavailable;
  return Fail(code, "{} the token file '{}': {}", doing, path,
              std::generic_category().message(why));
}

Result<std::string> ReadAll(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found {};
  if (!file.valid() || ::fstat(file.get(), &found) != 0) {
    return FileFailure("reading", path, errno);
  }
  if (!S_ISREG(found.st_mode) || found.st_size > kMostBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "the token file '{}' is not a regular file of at most 1 MiB", path);
  }
  if ((found.st_mode & S_IWOTH) != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "anybody may write the token file '{}': chmod 600 it, and look at what it holds",
                path);
  }
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0) return FileFailure("reading", path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

bool HasOnly(const Json& object, std::initializer_list<std::string_view> keys,
             const std::string& optional = "") {
  if (!object.is_object()) return false;
  const std::size_t more = !optional.empty() && object.contains(optional) ? 1 : 0;
  if (object.size() != keys.size() + more) return false;
  for (const std::string_view key : keys) {
    if (!object.contains(std::string(key))) return false;
  }
  return true;
}

Result<Token> ReadToken(const Json& item) {
  if (!HasOnly(item, {"name", "role", "sha256", "created_at"}, "expires_at")) {
    return Fail(ErrorCode::kInvalidArgument,
                "an object with name, role, sha256, created_at and perhaps expires_at is wanted, "
                "and nothing else");
  }
  for (const auto& [key, value] : item.items()) {
    if (!value.is_string()) return Fail(ErrorCode::kInvalidArgument, "{} is not a text", key);
  }
  Token token{.name = item["name"], .role = {}, .hash = {}, .created_at = {}};
  AUSPEX_TRY(CheckName("token", token.name));
  AUSPEX_TRY(token.role, ParseRole(item["role"].get_ref<const std::string&>()));
  AUSPEX_TRY(token.hash, Sha256FromHex(item["sha256"].get_ref<const std::string&>()));
  AUSPEX_TRY(token.created_at, ParseTime(item["created_at"].get_ref<const std::string&>()));
  if (item.contains("expires_at")) {
    AUSPEX_TRY(token.expires_at, ParseTime(item["expires_at"].get_ref<const std::string&>()));
  }
  return token;
}

Result<std::vector<Token>> ReadTokens(std::string_view text) {
  const Json document = Json::parse(text, nullptr, false);
  const bool good = HasOnly(document, {"version", "tokens"}) && document["version"] == 1 &&
                    document["tokens"].is_array();
  if (!good) {
    return Fail(ErrorCode::kInvalidArgument,
                "not a file of tokens; make one with `auspex token create --role viewer --name "
                "NAME --file FILE`");
  }
  std::vector<Token> tokens;
  std::set<std::string> names;
  std::set<Sha256> hashes;
  for (const Json& item : document["tokens"]) {
    auto token = ReadToken(item);
    const std::string where = fmt::format("token {}", tokens.size() + 1);
    if (!token.ok()) return Within(where, token.error());
    if (!names.insert(token->name).second || !hashes.insert(token->hash).second) {
      return Fail(ErrorCode::kInvalidArgument, "{}: '{}' or its hash stands twice", where,
                  token->name);
    }
    tokens.push_back(*std::move(token));
  }
  return tokens;
}

Status WriteAndSync(const Fd& file, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::write(file.get(), text.data(), text.size());
    if (sent < 0) return FileFailure("writing", path, errno);
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  if (::fsync(file.get()) != 0) return FileFailure("writing", path, errno);
  return {};
}

std::string ToText(const std::vector<Token>& tokens) {
  Json document{{"version", 1}, {"tokens", Json::array()}};
  for (const Token& token : tokens) {
    document["tokens"].push_back({{"name", token.name},
                                  {"role", Name(token.role)},
                                  {"sha256", ToHex(token.hash)},
                                  {"created_at", ToRfc3339(token.created_at)}});
    if (token.expires_at) document["tokens"].back()["expires_at"] = ToRfc3339(*token.expires_at);
  }
  return document.dump(2) + "\n";
}

Status Edit(const Fd& next, const std::string& path, const TokenEdit& edit) {
  auto tokens = ReadTokenFile(path);
  const bool first = !tokens.ok() && tokens.error().code == ErrorCode::kNotFound;
  if (!tokens.ok() && !first) return Failure{tokens.error()};
  std::vector<Token> edited = first ? std::vector<Token>() : *std::move(tokens);
  AUSPEX_TRY(edit(&edited));
  return WriteAndSync(next, path, ToText(edited));
}

}  // namespace

Result<std::vector<Token>> ReadTokenFile(const std::string& path) {
  AUSPEX_TRY(const std::string text, ReadAll(path));
  auto tokens = ReadTokens(text);
  if (!tokens.ok()) return Within(fmt::format("the token file '{}'", path), tokens.error());
  return tokens;
}

Status EditTokenFile(const std::string& path, const TokenEdit& edit) {
  // Made anew by this command alone, so it is the lock as well.
  const std::string next = path + ".new";
  const Fd file(::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid() && errno == EEXIST) {
    return Fail(ErrorCode::kConflict,
                "another command writes the token file '{}'; if none does, remove '{}'", path,
                next);
  }
  if (!file.valid()) return FileFailure("writing", path, errno);
  Status edited = Edit(file, path, edit);
  if (edited.ok() && ::rename(next.c_str(), path.c_str()) != 0) {
    edited = FileFailure("replacing", path, errno);
  }
  if (!edited.ok()) ::unlink(next.c_str());
  return edited;
}

}  // namespace auspex::api
