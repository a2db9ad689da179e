#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"

namespace auspex {

// A text that is never printed: `***` in logs and messages.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  [[nodiscard]] const std::string& Reveal() const { return value_; }
  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

 private:
  std::string value_;
};

// Found by nlohmann::json, which asks for this name.
template <typename Json>
requires std::constructible_from<Json, std::string>
void to_json(Json& json, const Secret&) {  // NOLINT(readability-identifier-naming)
  json = Json(std::string("***"));
}

// Everything that is wrong with a configuration, each with its place.
class ConfigErrors {
 public:
  // `place`: "auspex.yaml:12:5". Control characters are shown as \x1b. Errors stand in the order of
  // their files' first errors, then by line and column; what two readers of one section find stands
  // once.
  void Add(std::string_view place, std::string_view message);
  [[nodiscard]] bool empty() const { return lines_.empty(); }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] std::string ToText() const;  // one a line

 private:
  struct Order {
    std::size_t file = 0;  // of files_
    long line = 0;
    long column = 0;
    friend auto operator<=>(const Order&, const Order&) = default;
  };
  std::vector<std::string> lines_;
  std::vector<Order> order_;  // of lines_
  std::vector<std::string> files_;
};

// One mapping of a YAML document. Readers note what is wrong in the shared ConfigErrors and give
// the fallback, so that one run names all errors; Finish() refuses keys that this object did not
// read, so each section is finished by its reader (asking for a section twice gives two readers). A
// key without a value (`tick:`) is an error for whoever reads it. Not thread-safe.
//
//   ConfigErrors errors;
//   AUSPEX_TRY(auto documents, ParseConfigFile("auspex.yaml", &errors));
//   const Duration tick = documents[0].Section("limits").DurationOf("tick", 10s);
class ConfigSection {
 public:
  struct Node;  // of the YAML library
  ConfigSection(std::shared_ptr<const Node> node, std::string file, std::string path,
                ConfigErrors* errors);

  [[nodiscard]] bool Has(std::string_view key) const;
  std::string Text(std::string_view key);  // required
  std::string Text(std::string_view key, std::string_view fallback);
  double Number(std::string_view key, double fallback, double low, double high);
  std::int64_t Integer(std::string_view key, std::int64_t fallback, std::int64_t low,
                       std::int64_t high);
  bool Flag(std::string_view key, bool fallback);
  Duration DurationOf(std::string_view key, Duration fallback);  // `10s`, `5m`
  // `5%` or 0.05
  double Share(std::string_view key, double fallback, double low = 0.0, double high = 1.0);
  std::string Choice(std::string_view key, std::string_view fallback,
                     std::initializer_list<std::string_view> allowed);
  std::vector<std::string> Texts(std::string_view key);  // a list of texts; empty where absent
  // An empty one where absent. Where there is something else than a mapping, one that is refused as
  // a whole: what its reader misses in it would be a second error for one mistake.
  ConfigSection Section(std::string_view key);
  std::vector<ConfigSection> Sections(
      std::string_view key);  // a list of mappings; empty where absent
  // `{env: NAME}` or `{file: PATH}`; a literal is refused, so that secrets stay out of
  // configuration files. PATH is a regular file of at most 64 KiB; newlines at its end are dropped.
  // nullopt where absent or refused. No message repeats a value.
  std::optional<Secret> SecretOf(std::string_view key);
  // All scalar keys as texts.
  std::map<std::string, std::string> TextMap();

  // Notes an error at this key (or the section where there is no such key).
  void Refuse(std::string_view key, std::string_view message) const;
  // Whether this reader noted an error at the key: what follows from its fallback is no error then.
  [[nodiscard]] bool Refused(std::string_view key) const { return refused_.contains(key); }
  // Notes each key that was not read, with the nearest that could have been meant.
  void Finish() const;
  [[nodiscard]] std::string Place(std::string_view key = {}) const;

 private:
  // Marks the key as read. False where it is absent, or has no value, which is noted.
  bool Present(std::string_view key);
  std::optional<std::string> Scalar(std::string_view key);
  template <typename T>
  T Taken(std::string_view key, Result<T> read, T fallback);

  std::shared_ptr<const Node> node_;  // null: absent
  std::string file_;
  std::string path_;  // "spec.limits", for messages
  ConfigErrors* errors_;
  std::set<std::string, std::less<>> asked_;
  mutable std::set<std::string, std::less<>> refused_;
  bool silent_ = false;  // refused as a whole
};

// All documents of a file that are not empty. Errors: kInvalidArgument (syntax, with
// file:line:column; over 1 MiB; deeper than 32 levels; an alias; a control character; a document
// that is no mapping; no document); kNotFound, kPermissionDenied (the file). Keys that stand twice
// are added to `errors`, which outlives the sections.
Result<std::vector<ConfigSection>> ParseConfigText(std::string_view text, const std::string& file,
                                                   ConfigErrors* errors);
Result<std::vector<ConfigSection>> ParseConfigFile(const std::string& path, ConfigErrors* errors);

}  // namespace auspex

template <>
struct fmt::formatter<auspex::Secret> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const auspex::Secret&,
              Context& context) const {  // NOLINT(readability-identifier-naming)
    return fmt::formatter<std::string_view>::format("***", context);
  }
};
