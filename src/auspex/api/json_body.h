#pragma once

// Private to this module: what the endpoints share, on parsed JSON.

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/api/http.h"
#include "auspex/api/problem.h"

namespace auspex::api {

using Json = nlohmann::ordered_json;

inline constexpr std::size_t kDefaultLimit = 100, kMostLimit = 1000;

[[nodiscard]] HttpReply Reply(std::string json, int status = 200);
[[nodiscard]] std::string Dump(const Json& json);

// A body that must be an object with none but the known keys; all that is wrong is noted.
class Body {
 public:
  Body(const HttpCall& call, std::initializer_list<std::string_view> known);
  std::string Text(const char* key, bool required);
  std::optional<double> Share(const char* key, bool required);
  // An object as JSON text; empty where the key is absent.
  std::string Object(const char* key);
  [[nodiscard]] bool Has(const char* key) const { return Find(key) != nullptr; }  // null: not there
  void Refuse(std::string pointer, std::string detail);
  [[nodiscard]] bool good() const { return errors_.empty(); }
  [[nodiscard]] HttpReply Refusal() const { return Problem(400, "the body has errors", errors_); }

 private:
  const Json* Find(const char* key) const;
  Json json_;
  std::vector<InputError> errors_;
};

// `?limit` and `?cursor` of a list. Error: kInvalidArgument.
Result<std::size_t> Limit(const HttpCall& call);
Result<std::int64_t> SeqCursor(const HttpCall& call);

}  // namespace auspex::api
