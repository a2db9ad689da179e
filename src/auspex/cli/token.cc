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

Result<Secret> Create(const TokenOptions& options) {
  api::Token token;
  AUSPEX_TRY(CheckName("token", options.name));
  token.name = options.name;
  AUSPEX_TRY(token.role, api::ParseRole(options.role));
  AUSPEX_TRY(Secret text, api::DrawTokenText());
  token.hash = HashSha256(text.Reveal());
  token.created_at = RealClock().Wall();
  AUSPEX_TRY(api::EditTokenFile(
      options.file, [&](std::vector<api::Token>* all) { return Add(all, token, options.file); }));
  return text;
}

}  // namespace

int TokenCreate(const TokenOptions& options) {
  const Result<Secret> text = Create(options);
  if (!text.ok()) return Complain("token create", text.error());
  if (options.json) {
    fmt::print("{}\n", ordered_json{{"name", options.name},
                                    {"role", options.role},
                                    {"token", text->Reveal()},
                                    {"file", options.file}}
                           .dump());
    return kGood;
  }
  fmt::print("{}\n", text->Reveal());
  fmt::print(
      stderr,
      "This is shown once: '{}' keeps only its SHA-256. Give it to commands as AUSPEX_TOKEN. "
      "A daemon that uses the file takes it within seconds.\n",
      options.file);
  return kGood;
}

int TokenList(const TokenOptions& options) {
  const auto tokens = api::ReadTokenFile(options.file);
  if (!tokens.ok()) return Complain("token list", tokens.error());
  if (!options.json) fmt::print("{:<32} {:<10} {}\n", "NAME", "ROLE", "CREATED");
  for (const api::Token& token : *tokens) {
    const std::string created = ToRfc3339(token.created_at);
    if (options.json) {
      fmt::print("{}\n",
                 ordered_json{
                     {"name", token.name}, {"role", api::Name(token.role)}, {"created_at", created}}
                     .dump());
    } else {
      fmt::print("{:<32} {:<10} {}\n", token.name, api::Name(token.role), created);
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
