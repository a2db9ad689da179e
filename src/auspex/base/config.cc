#include "auspex/base/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "auspex/base/weight.h"

namespace auspex {

struct ConfigSection::Node {
  YAML::Node yaml;
};

namespace {

constexpr std::size_t kLargestFile = 1 << 20;
constexpr int kDeepest = 32;
constexpr std::size_t kLongestSecret = 1 << 16;

std::string PlaceOf(const std::string& file, const YAML::Mark& mark) {
  return mark.is_null() ? file : fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// Deep nesting would exhaust the parser's stack: indentation and brackets bound it before parsing.
bool TooDeep(std::string_view text) {
  int brackets = 0;
  std::size_t indent = 0;
  bool at_start = true;
  for (const char c : text) {
    if (c == '\n') {
      at_start = true;
      indent = 0;
      continue;
    }
    // `- - - x` nests as much as spaces do.
    if (at_start && (c == ' ' || c == '-')) ++indent;
    else at_start = false;
    brackets += (c == '[' || c == '{') - (c == ']' || c == '}');
    if (brackets > kDeepest || indent > 8 * kDeepest) return true;
  }
  return false;
}

// yaml-cpp keeps the last of two equal keys without a word.
void RefuseDuplicates(const YAML::Node& node, const std::string& file, ConfigErrors* errors) {
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) RefuseDuplicates(item, file, errors);
  }
  if (!node.IsMap()) return;
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      errors->Add(PlaceOf(file, entry.first.Mark()), "a key must be a plain text");
    } else if (!seen.insert(entry.first.Scalar()).second) {
      errors->Add(PlaceOf(file, entry.first.Mark()), fmt::format("'{}' stands here twice; keep one", entry.first.Scalar()));
    }
    RefuseDuplicates(entry.second, file, errors);
  }
}

Result<Secret> ReadSecretFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kPermissionDenied, "the secret's file {} cannot be read: {}", path, std::strerror(errno));
  std::string text(kLongestSecret + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kLongestSecret) return Fail(ErrorCode::kInvalidArgument, "the secret's file {} is longer than {} bytes", path, kLongestSecret);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return Fail(ErrorCode::kInvalidArgument, "the secret's file {} is empty", path);
  return Secret(std::move(text));
}

template <typename T>
Result<T> ParseWhole(const std::string& text, std::string_view what) {
  T value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not {}", text, what);
  }
  return value;
}

}  // namespace

std::optional<std::string> Nearest(std::string_view word, const std::vector<std::string>& known) {
  std::optional<std::string> best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < least) least = distance, best = candidate;
  }
  return best;
}

void ConfigErrors::Add(std::string_view place, std::string_view message) { lines_.push_back(fmt::format("{}: {}", place, message)); }

std::string ConfigErrors::ToText() const { return fmt::format("{}", fmt::join(lines_, "\n")); }

ConfigSection::ConfigSection(std::shared_ptr<const Node> node, std::string file, std::string path, ConfigErrors* errors)
    : node_(std::move(node)), file_(std::move(file)), path_(std::move(path)), errors_(errors) {}

bool ConfigSection::Has(std::string_view key) const {
  if (!node_) return false;
  const YAML::Node found = node_->yaml[std::string(key)];
  return found.IsDefined() && !found.IsNull();
}

std::optional<std::string> ConfigSection::Scalar(std::string_view key) {
  asked_.emplace(key);
  if (!Has(key)) return std::nullopt;
  const YAML::Node found = node_->yaml[std::string(key)];
  if (found.IsScalar()) return found.Scalar();
  Refuse(key, fmt::format("{}: one value is wanted here, not a {}", key, found.IsMap() ? "mapping" : "list"));
  return std::nullopt;
}

template <typename T>
T ConfigSection::Taken(std::string_view key, Result<T> read, T fallback) {
  if (read.ok()) return *std::move(read);
  Refuse(key, fmt::format("{}: {}", key, read.error().message));
  return fallback;
}

std::string ConfigSection::Text(std::string_view key) {
  const bool there = Has(key);
  if (const auto text = Scalar(key)) return *text;
  if (!there) Refuse({}, fmt::format("{}{} is missing", path_.empty() ? "" : path_ + ".", key));
  return "";
}

std::string ConfigSection::Text(std::string_view key, std::string_view fallback) {
  return Scalar(key).value_or(std::string(fallback));
}

double ConfigSection::Number(std::string_view key, double fallback, double low, double high) {
  const auto text = Scalar(key);
  if (!text) return fallback;
  Result<double> number = ParseWhole<double>(*text, "a number");
  if (number.ok() && !(*number >= low && *number <= high)) {
    number = Fail(ErrorCode::kInvalidArgument, "{} is out of range; {:g} to {:g} is allowed", *text, low, high);
  }
  return Taken(key, std::move(number), fallback);
}

std::int64_t ConfigSection::Integer(std::string_view key, std::int64_t fallback, std::int64_t low, std::int64_t high) {
  const auto text = Scalar(key);
  if (!text) return fallback;
  Result<std::int64_t> number = ParseWhole<std::int64_t>(*text, "a whole number");
  if (number.ok() && (*number < low || *number > high)) {
    number = Fail(ErrorCode::kInvalidArgument, "{} is out of range; {} to {} is allowed", *text, low, high);
  }
  return Taken(key, std::move(number), fallback);
}

bool ConfigSection::Flag(std::string_view key, bool fallback) {
  return Choice(key, fallback ? "true" : "false", {"true", "false"}) == "true";
}

Duration ConfigSection::DurationOf(std::string_view key, Duration fallback) {
  const auto text = Scalar(key);
  return text ? Taken(key, ParseDuration(*text), fallback) : fallback;
}

double ConfigSection::Share(std::string_view key, double fallback) {
  const auto text = Scalar(key);
  return text ? Taken(key, ParseShare(*text), fallback) : fallback;
}

std::string ConfigSection::Choice(std::string_view key, std::string_view fallback, std::initializer_list<std::string_view> allowed) {
  const auto text = Scalar(key);
  if (!text) return std::string(fallback);
  if (std::find(allowed.begin(), allowed.end(), *text) != allowed.end()) return *text;
  const auto near = Nearest(*text, std::vector<std::string>(allowed.begin(), allowed.end()));
  Refuse(key, fmt::format("{}: '{}' is not one of {}{}", key, *text, fmt::join(allowed, ", "),
                          near ? fmt::format("; did you mean {}?", *near) : ""));
  return std::string(fallback);
}

std::vector<std::string> ConfigSection::Texts(std::string_view key) {
  asked_.emplace(key);
  std::vector<std::string> texts;
  if (!Has(key)) return texts;
  const YAML::Node found = node_->yaml[std::string(key)];
  bool good = found.IsSequence();
  for (std::size_t i = 0; good && i < found.size(); ++i) {
    good = found[i].IsScalar();
    if (good) texts.push_back(found[i].Scalar());
  }
  if (!good) Refuse(key, fmt::format("{}: a list of texts is wanted, as [a, b]", key));
  return texts;
}

ConfigSection ConfigSection::Section(std::string_view key) {
  asked_.emplace(key);
  const std::string path = path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  if (!Has(key)) return {nullptr, Place(), path, errors_};
  const YAML::Node found = node_->yaml[std::string(key)];
  if (!found.IsMap()) {
    Refuse(key, fmt::format("{}: a mapping is wanted, as {{key: value}}", key));
    return {nullptr, Place(key), path, errors_};
  }
  return {std::make_shared<const Node>(Node{found}), file_, path, errors_};
}

std::vector<ConfigSection> ConfigSection::Sections(std::string_view key) {
  asked_.emplace(key);
  std::vector<ConfigSection> sections;
  if (!Has(key)) return sections;
  const YAML::Node found = node_->yaml[std::string(key)];
  bool good = found.IsSequence();
  for (std::size_t i = 0; good && i < found.size(); ++i) {
    good = found[i].IsMap();
    if (good) sections.emplace_back(std::make_shared<const Node>(Node{found[i]}), file_, fmt::format("{}.{}[{}]", path_, key, i), errors_);
  }
  if (!good) Refuse(key, fmt::format("{}: a list of mappings is wanted, as [{{name: a}}]", key));
  return sections;
}

std::optional<Secret> ConfigSection::SecretOf(std::string_view key) {
  if (!Has(key)) {
    asked_.emplace(key);
    return std::nullopt;
  }
  if (!node_->yaml[std::string(key)].IsMap()) {
    asked_.emplace(key);
    Refuse(key, fmt::format("{}: secrets do not stand in configuration; write {{env: NAME}} or {{file: PATH}}", key));
    return std::nullopt;
  }
  ConfigSection source = Section(key);
  const std::string variable = source.Text("env", ""), path = source.Text("file", "");
  source.Finish();
  if (variable.empty() == path.empty()) {
    Refuse(key, fmt::format("{}: one of {{env: NAME}} and {{file: PATH}} is wanted", key));
    return std::nullopt;
  }
  if (!path.empty()) return Taken(key, ReadSecretFile(path), Secret());
  const char* value = std::getenv(variable.c_str());  // NOLINT(concurrency-mt-unsafe): read at start, before threads
  if (value != nullptr && *value != '\0') return Secret(value);
  Refuse(key, fmt::format("{}: the environment variable {} is not set", key, variable));
  return std::nullopt;
}

std::map<std::string, std::string> ConfigSection::TextMap() {
  std::map<std::string, std::string> texts;
  if (!node_) return texts;
  for (const auto& entry : node_->yaml) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar()) continue;
    asked_.insert(entry.first.Scalar());
    texts[entry.first.Scalar()] = entry.second.Scalar();
  }
  return texts;
}

std::string ConfigSection::Place(std::string_view key) const {
  if (!node_) return file_;
  if (!key.empty()) {
    const YAML::Node found = node_->yaml[std::string(key)];
    if (found.IsDefined()) return PlaceOf(file_, found.Mark());
  }
  return PlaceOf(file_, node_->yaml.Mark());
}

void ConfigSection::Refuse(std::string_view key, std::string_view message) const { errors_->Add(Place(key), message); }

void ConfigSection::Finish() const {
  if (!node_) return;
  const std::vector<std::string> known(asked_.begin(), asked_.end());
  for (const auto& entry : node_->yaml) {
    if (!entry.first.IsScalar() || asked_.contains(entry.first.Scalar())) continue;
    const auto near = Nearest(entry.first.Scalar(), known);
    errors_->Add(PlaceOf(file_, entry.first.Mark()),
                 fmt::format("unknown key '{}'{}", entry.first.Scalar(),
                             near ? fmt::format("; did you mean {}?", *near) : fmt::format("; known here are {}", fmt::join(known, ", "))));
  }
}

Result<std::vector<ConfigSection>> ParseConfigText(std::string_view text, const std::string& file, ConfigErrors* errors) {
  if (text.size() > kLargestFile) return Fail(ErrorCode::kInvalidArgument, "{}: {} bytes; a configuration has at most {}", file, text.size(), kLargestFile);
  if (TooDeep(text)) return Fail(ErrorCode::kInvalidArgument, "{}: nested deeper than {} levels", file, kDeepest);
  try {
    std::vector<ConfigSection> sections;
    for (const YAML::Node& document : YAML::LoadAll(std::string(text))) {
      if (!document.IsDefined() || document.IsNull()) continue;
      if (!document.IsMap()) {
        return Fail(ErrorCode::kInvalidArgument, "{}: a document is a mapping (apiVersion, kind, metadata, spec)", PlaceOf(file, document.Mark()));
      }
      RefuseDuplicates(document, file, errors);
      sections.emplace_back(std::make_shared<const ConfigSection::Node>(ConfigSection::Node{document}), file, "", errors);
    }
    if (sections.empty()) return Fail(ErrorCode::kInvalidArgument, "{}: there is no document in it", file);
    return sections;
  } catch (const YAML::Exception& error) {
    return Fail(ErrorCode::kInvalidArgument, "{}: {}", PlaceOf(file, error.mark), error.msg);
  }
}

Result<std::vector<ConfigSection>> ParseConfigFile(const std::string& path, ConfigErrors* errors) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kPermissionDenied, "{} cannot be read: {}", path, std::strerror(errno));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return ParseConfigText(text.str(), path, errors);
}

}  // namespace auspex
