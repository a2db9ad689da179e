#pragma once

// Private to this module: parsed JSON, read with the place of what is wrong.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/builds/payload.h"

namespace auspex::builds {

using Json = nlohmann::ordered_json;

// How strict a reader is. What others send may be long, and has keys by the hundred; our own JSON
// is written by hand, where a misspelt key would be a fact without it.
enum class Strictness { kOurs, kForeign };

// The members of one object. Readers note what is wrong and give nothing. Not thread-safe.
class Fields {
 public:
  // `node` outlives it. No object: one that has no members.
  Fields(const Json& node, std::string pointer, Strictness strictness,
         std::vector<PayloadProblem>* problems);

  [[nodiscard]] bool Has(std::string_view key) const { return Find(key) != nullptr; }
  // "" where absent or null, and where wrong. Numbers are read as texts too: ids are both.
  std::string Text(std::string_view key);
  std::string RequiredText(std::string_view key);
  std::optional<std::int64_t> Count(std::string_view key);  // a whole number >= 0
  // A number in [low, high].
  std::optional<double> Number(std::string_view key, double low, double high);
  std::optional<bool> Flag(std::string_view key);
  // RFC 3339, "2016-08-12 15:23:28 UTC", or seconds since 1970.
  std::optional<WallTime> Time(std::string_view key);
  std::optional<WallTime> TimeMs(std::string_view key);  // milliseconds since 1970
  std::vector<std::string> Texts(std::string_view key);  // a list, at most kMaxList of it
  // Of what is no object: one without members.
  Fields Object(std::string_view key);
  std::vector<Fields> Objects(std::string_view key);  // the objects of a list

  void Refuse(std::string_view key, std::string detail);
  // kOurs: notes each key that nobody asked for. The last call to a reader.
  void Finish();
  [[nodiscard]] const std::string& pointer() const { return pointer_; }

 private:
  [[nodiscard]] const Json* Find(std::string_view key) const;
  [[nodiscard]] std::string Pointer(std::string_view key) const;

  const Json* node_;
  std::string pointer_;
  Strictness strictness_;
  std::vector<PayloadProblem>* problems_;
  std::vector<std::string> asked_;
};

inline constexpr std::size_t kMaxList = 1000;

void Note(std::vector<PayloadProblem>* problems, std::string pointer, std::string detail);
// At most `bytes`, ending before a character that would be cut.
[[nodiscard]] std::string Clip(std::string text, std::size_t bytes = 4 * kMaxText);
[[nodiscard]] std::size_t Characters(std::string_view utf8);
// What stands behind the last '/' of a path or URL, without a query.
[[nodiscard]] std::string LastSegment(std::string_view path);

// One format's reader. `root`: the payload, or an event of it, which stands at `pointer`.
struct Reading {
  const PayloadDefaults& defaults;
  ParsedPayload* out;
};
void ReadOwnBuild(const Json& root, const std::string& pointer, const Reading& reading);
void ReadOwnOutcome(const Json& root, const std::string& pointer, const Reading& reading);
void ReadOwnChange(const Json& root, const std::string& pointer, const Reading& reading);
void ReadGithub(const Json& root, const Reading& reading);
void ReadGitlab(const Json& root, const Reading& reading);
void ReadJenkins(const Json& root, const Reading& reading);
void ReadCdEvent(const Json& root, const std::string& pointer, const Reading& reading);
void ReadJunit(std::string_view body, const Reading& reading);

// Completes a fact by the defaults and adds it, or notes why not. `service_at`: where the payload
// names the service, or could.
void AddFact(Fact fact, const std::string& service_at, const Reading& reading);

}  // namespace auspex::builds
