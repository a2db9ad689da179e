#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "auspex/api/tokens.h"
#include "auspex/base/clock.h"
#include "auspex/base/ids.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"

namespace auspex::cli {
namespace {

using nlohmann::ordered_json;

constexpr Duration kLeastLife = 1s;

ordered_json ExpiryJson(const api::Token& token) {
  return token.expires_at ? ordered_json(ToRfc3339(*token.expires_at)) : ordered_json(nullptr);
}

Status Add(std::vector<api::Token>* tokens, api::Token token, const std::string& file) {
  for (const api::Token& other : *tokens) {
    if (other.name == token.name) {
      return Fail(ErrorCode::kConflict,
                  "'{}' has a token '{}' already: take another name, or `auspex token revoke` it "
                  "first",
                  file, token.name);
    }
  }
  tokens->push_back(std::move(token));
  return {};
}

Status Remove(std::vector<api::Token>* tokens, const TokenOptions& options) {
  const auto removed = std::erase_if(
      *tokens, [&options](const api::Token& token) { return token.name == options.name; });
  if (removed > 0) return {};
  return Fail(ErrorCode::kNotFound, "'{}' has no token '{}'; `auspex token list` shows them",
              options.file, options.name);
}

// Nothing: never.
Result<std::optional<WallTime>> ExpiryOf(const TokenOptions& options, WallTime now) {
  if (options.expires.empty()) return std::optional<WallTime>();
  const auto good = ParseDuration(options.expires);
  if (!good.ok()) return Within("--expires", good.error());
  if (*good < kLeastLife) {
    return Fail(ErrorCode::kInvalidArgument, "--expires: at least {}, not '{}'", ToText(kLeastLife),
                options.expires);
  }
  return std::optional(now + std::chrono::duration_cast<WallTime::duration>(*good));
}

std::string ExpiryText(const api::Token& token, WallTime now) {
  if (!token.expires_at) return "never";
  return ToRfc3339(*token.expires_at) + (token.IsExpired(now) ? " (expired)" : "");
}

Result<Secret> Create(const TokenOptions& options, api::Token* made) {
  api::Token token;
  AUSPEX_TRY(CheckName("token", options.name));
  token.name = options.name;
  AUSPEX_TRY(token.role, api::ParseRole(options.role));
  AUSPEX_TRY(Secret text, api::DrawTokenText());
  token.hash = HashSha256(text.Reveal());
  token.created_at = RealClock().Wall();
  AUSPEX_TRY(token.expires_at, ExpiryOf(options, token.created_at));
  AUSPEX_TRY(api::EditTokenFile(
      options.file, [&](std::vector<api::Token>* all) { return Add(all, token, options.file); }));
  *made = std::move(token);
  return text;
}

}  // namespace

int TokenCreate(const TokenOptions& options) {
  api::Token made;
  const Result<Secret> text = Create(options, &made);
  if (!text.ok()) return Complain("token create", text.error());
  if (options.json) {
    fmt::print("{}\n", ordered_json{{"name", options.name},
                                    {"role", options.role},
                                    {"token", text->Reveal()},
                                    {"expires_at", ExpiryJson(made)},
                                    {"file", options.file}}
                           .dump());
    return kGood;
  }
  fmt::print("{}\n", text->Reveal());
  fmt::print(
      stderr,
      "This is shown once: '{}' keeps only its SHA-256. Give it to commands as AUSPEX_TOKEN. "
      "A daemon that uses the file takes it within seconds.{}\n",
      options.file, made.expires_at ? " It expires at " + ToRfc3339(*made.expires_at) + "." : "");
  return kGood;
}

int TokenList(const TokenOptions& options) {
  const auto tokens = api::ReadTokenFile(options.file);
  if (!tokens.ok()) return Complain("token list", tokens.error());
  const WallTime now = RealClock().Wall();
  if (!options.json) fmt::print("{:<32} {:<10} {:<25} {}\n", "NAME", "ROLE", "CREATED", "EXPIRES");
  for (const api::Token& token : *tokens) {
    const std::string created = ToRfc3339(token.created_at);
    if (options.json) {
      fmt::print("{}\n", ordered_json{{"name", token.name},
                                      {"role", api::Name(token.role)},
                                      {"created_at", created},
                                      {"expires_at", ExpiryJson(token)},
                                      {"expired", token.IsExpired(now)}}
                             .dump());
    } else {
      fmt::print("{:<32} {:<10} {:<25} {}\n", token.name, api::Name(token.role), created,
                 ExpiryText(token, now));
    }
  }
  return kGood;
}

int TokenRevoke(const TokenOptions& options) {
  const Status revoked = api::EditTokenFile(
      options.file, [&](std::vector<api::Token>* all) { return Remove(all, options); });
  if (!revoked.ok()) return Complain("token revoke", revoked.error());
  if (options.json) {
    fmt::print("{}\n", ordered_json{{"name", options.name}, {"revoked", true}}.dump());
  } else {
    fmt::print("revoked {}; a daemon that uses the file refuses it within seconds\n", options.name);
  }
  return kGood;
}

}  // namespace auspex::cli
