#include "auspex/base/config.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <tuple>

#include "auspex/base/nearest.h"
#include "auspex/base/weight.h"

namespace auspex {

struct ConfigSection::Node {
  YAML::Node yaml;
};

namespace {

constexpr std::size_t kLargestFile = 1 << 20;
constexpr std::size_t kDeepest = 32;
constexpr std::size_t kLongestSecret = 1 << 16;

std::string PlaceOf(const std::string& file, const YAML::Mark& mark) {
  return mark.is_null() ? file : fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
}

// What must not reach yaml-cpp's tree: aliases (`&a [*a]` has no end, and a few nested ones have a
// billion leaves), depth that exhausts the stack, and equal keys, of which the tree keeps one
// without a word.
class Screen final : public YAML::EventHandler {
 public:
  Screen(std::string file, ConfigErrors* errors) : file_(std::move(file)), errors_(errors) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // For a text that begins with ',' the parser finds empty documents at the same place for ever.
    if (mark.pos <= last_start_) throw YAML::ParserException(mark, "no document can begin here");
    last_start_ = mark.pos;
    open_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Take(mark, nullptr); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw YAML::ParserException(mark, "aliases (*name) are not read; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string& value) override {
    Take(mark, &value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value style) override {
    Open(mark, style, false);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value style) override {
    Open(mark, style, true);
  }
  void OnMapEnd() override { open_.pop_back(); }

  // Where the innermost bracket that is still open stands: the parser names the start of the file
  // for one that is never closed.
  [[nodiscard]] std::string OpenBracket() const {
    if (open_.empty() || !open_.back().flow) return "";
    return fmt::format(" (inside the bracket opened at {})", PlaceOf(file_, open_.back().mark));
  }

 private:
  struct Level {
    YAML::Mark mark;
    bool map = false;
    bool flow = false;
    bool key_next = true;
    std::set<std::string> keys;
  };

  // A key or a value of the innermost level; `key` is null for what is no text.
  void Take(const YAML::Mark& mark, const std::string* key) {
    if (open_.empty() || !open_.back().map) return;
    Level& level = open_.back();
    if (level.key_next && key == nullptr)
      errors_->Add(PlaceOf(file_, mark), "a key must be a plain text");
    if (level.key_next && key != nullptr && !level.keys.insert(*key).second) {
      errors_->Add(PlaceOf(file_, mark), fmt::format("'{}' stands here twice; keep one", *key));
    }
    level.key_next = !level.key_next;
  }

  void Open(const YAML::Mark& mark, YAML::EmitterStyle::value style, bool map) {
    Take(mark, nullptr);
    if (open_.size() >= kDeepest)
      throw YAML::ParserException(mark, fmt::format("nested deeper than {} levels", kDeepest));
    open_.push_back({.mark = mark,
                     .map = map,
                     .flow = style == YAML::EmitterStyle::Flow,
                     .key_next = true,
                     .keys = {}});
  }

  std::string file_;
  ConfigErrors* errors_;
  std::vector<Level> open_;
  int last_start_ = -1;  // byte of the document under way
};

// yaml-cpp reads byte 4 as the end of the text, so what stands behind it would be lost silently.
Status RefuseControlCharacters(std::string_view text, const std::string& file) {
  int line = 1, column = 1;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f) {
      return Fail(ErrorCode::kInvalidArgument,
                  "{}:{}:{}: control character 0x{:02x}; a configuration is UTF-8 text", file, line,
                  column, byte);
    }
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n';
  }
  return {};
}

// At most `limit` + 1 bytes, so that an endless file ends too.
std::string ReadSome(std::istream& file, std::size_t limit) {
  std::string text(limit + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

bool IsVariableName(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  });
}

Result<Secret> ReadSecretFile(const std::string& path) {
  std::error_code unknown;
  // A pipe could keep us waiting for ever.
  if (std::filesystem::exists(path, unknown) && !std::filesystem::is_regular_file(path, unknown)) {
    return Fail(ErrorCode::kInvalidArgument, "the secret's file {} is not a regular file", path);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Fail(ErrorCode::kPermissionDenied, "the secret's file {} cannot be read: {}", path,
                std::generic_category().message(errno));
  std::string text = ReadSome(file, kLongestSecret);
  if (text.size() > kLongestSecret)
    return Fail(ErrorCode::kInvalidArgument, "the secret's file {} is longer than {} bytes", path,
                kLongestSecret);
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

template <typename T>
Result<T> InRange(Result<T> read, const std::string& text, T low, T high) {
  if (!read.ok() || (*read >= low && *read <= high)) return read;
  return Fail(ErrorCode::kInvalidArgument, "{} is out of range; {:g} to {:g} is allowed", text,
              static_cast<double>(low), static_cast<double>(high));
}

// "auspex.yaml:12:5" into its parts; a place without numbers stands first in its file.
std::tuple<std::string, long, long> Split(std::string_view place) {
  const auto take = [&place](long fallback) {
    const std::size_t colon = place.rfind(':');
    long number = fallback;
    if (colon == std::string_view::npos) return number;
    const auto [end, failed] =
        std::from_chars(place.data() + colon + 1, place.data() + place.size(), number);
    if (failed != std::errc() || end != place.data() + place.size()) return fallback;
    place = place.substr(0, colon);
    return number;
  };
  const long column = take(0);
  const long line = take(0);
  return {std::string(place), line, column};
}

}  // namespace

void ConfigErrors::Add(std::string_view place, std::string_view message) {
  // A value in it may hold what "\n" or "\e" in YAML stand for: one line each, and nothing that
  // moves a terminal's cursor.
  std::string line;
  for (const char c : fmt::format("{}: {}", place, message)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = byte < 0x20 || byte == 0x7f;
    line += control ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  if (std::find(lines_.begin(), lines_.end(), line) != lines_.end()) return;
  const auto [file, row, column] = Split(place);
  const auto known = std::find(files_.begin(), files_.end(), file);
  const Order order{static_cast<std::size_t>(known - files_.begin()), row, column};
  if (known == files_.end()) files_.push_back(file);
  const auto at = std::upper_bound(order_.begin(), order_.end(), order) - order_.begin();
  order_.insert(order_.begin() + at, order);
  lines_.insert(lines_.begin() + at, std::move(line));
}

std::string ConfigErrors::ToText() const { return fmt::format("{}", fmt::join(lines_, "\n")); }

ConfigSection::ConfigSection(std::shared_ptr<const Node> node, std::string file, std::string path,
                             ConfigErrors* errors)
    : node_(std::move(node)), file_(std::move(file)), path_(std::move(path)), errors_(errors) {}

bool ConfigSection::Has(std::string_view key) const {
  if (!node_) return false;
  const YAML::Node found = node_->yaml[std::string(key)];
  return found.IsDefined() && !found.IsNull();
}

bool ConfigSection::Present(std::string_view key) {
  asked_.emplace(key);
  if (!node_) return false;
  const YAML::Node found = node_->yaml[std::string(key)];
  if (!found.IsDefined()) return false;
  if (found.IsNull())
    Refuse(key, fmt::format("{}: there is no value; give one or take the key away", key));
  return !found.IsNull();
}

std::optional<std::string> ConfigSection::Scalar(std::string_view key) {
  if (!Present(key)) return std::nullopt;
  const YAML::Node found = node_->yaml[std::string(key)];
  if (found.IsScalar()) return found.Scalar();
  Refuse(key, fmt::format("{}: one value is wanted here, not a {}", key,
                          found.IsMap() ? "mapping" : "list"));
  return std::nullopt;
}

template <typename T>
T ConfigSection::Taken(std::string_view key, Result<T> read, T fallback) {
  if (read.ok()) return *std::move(read);
  Refuse(key, fmt::format("{}: {}", key, read.error().message));
  return fallback;
}

std::string ConfigSection::Text(std::string_view key) {
  const bool there = node_ != nullptr && node_->yaml[std::string(key)].IsDefined();
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
  Result<double> number = InRange(ParseWhole<double>(*text, "a number"), *text, low, high);
  return Taken(key, std::move(number), fallback);
}

std::int64_t ConfigSection::Integer(std::string_view key, std::int64_t fallback, std::int64_t low,
                                    std::int64_t high) {
  const auto text = Scalar(key);
  if (!text) return fallback;
  Result<std::int64_t> number =
      InRange(ParseWhole<std::int64_t>(*text, "a whole number"), *text, low, high);
  return Taken(key, std::move(number), fallback);
}

bool ConfigSection::Flag(std::string_view key, bool fallback) {
  return Choice(key, fallback ? "true" : "false", {"true", "false"}) == "true";
}

Duration ConfigSection::DurationOf(std::string_view key, Duration fallback) {
  const auto text = Scalar(key);
  return text ? Taken(key, ParseDuration(*text), fallback) : fallback;
}

double ConfigSection::Share(std::string_view key, double fallback, double low, double high) {
  const auto text = Scalar(key);
  if (!text) return fallback;
  Result<double> share = InRange(ParseShare(*text), *text, low, high);
  if (!share.ok()) {
    // `alpha: 1` was meant as 1 %, which ParseShare reads as all.
    const auto percent = ParseShare(*text + "%");
    if (percent.ok() && *percent >= low && *percent <= high && ParseShare(*text).ok())
      share = Fail(share.error().code, "{}; did you mean {}%?", share.error().message, *text);
  }
  return Taken(key, std::move(share), fallback);
}

std::string ConfigSection::Choice(std::string_view key, std::string_view fallback,
                                  std::initializer_list<std::string_view> allowed) {
  const auto text = Scalar(key);
  if (!text) return std::string(fallback);
  if (std::find(allowed.begin(), allowed.end(), *text) != allowed.end()) return *text;
  const auto near = Nearest(*text, std::vector<std::string>(allowed.begin(), allowed.end()));
  Refuse(key, fmt::format("{}: '{}' is not one of {}{}", key, *text, fmt::join(allowed, ", "),
                          near ? fmt::format("; did you mean {}?", *near) : ""));
  return std::string(fallback);
}

std::vector<std::string> ConfigSection::Texts(std::string_view key) {
  std::vector<std::string> texts;
  if (!Present(key)) return texts;
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
  const std::string path = path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  ConfigSection section(nullptr, Place(), path, errors_);
  if (Present(key)) {
    const YAML::Node found = node_->yaml[std::string(key)];
    if (found.IsMap()) return {std::make_shared<const Node>(Node{found}), file_, path, errors_};
    Refuse(key, fmt::format("{}: a mapping is wanted, as {{key: value}}", key));
  }
  section.silent_ = silent_ || Refused(key);
  return section;
}

std::vector<ConfigSection> ConfigSection::Sections(std::string_view key) {
  std::vector<ConfigSection> sections;
  if (!Present(key)) return sections;
  const YAML::Node found = node_->yaml[std::string(key)];
  bool good = found.IsSequence();
  for (std::size_t i = 0; good && i < found.size(); ++i) {
    good = found[i].IsMap();
    if (good)
      sections.emplace_back(std::make_shared<const Node>(Node{found[i]}), file_,
                            fmt::format("{}.{}[{}]", path_, key, i), errors_);
  }
  if (!good) Refuse(key, fmt::format("{}: a list of mappings is wanted, as [{{name: a}}]", key));
  return sections;
}

std::optional<Secret> ConfigSection::SecretOf(std::string_view key) {
  if (!Present(key)) return std::nullopt;
  if (!node_->yaml[std::string(key)].IsMap()) {
    Refuse(key,
           fmt::format(
               "{}: secrets do not stand in configuration; write {{env: NAME}} or {{file: PATH}}",
               key));
    return std::nullopt;
  }
  ConfigSection source = Section(key);
  const std::string variable = source.Text("env", ""), path = source.Text("file", "");
  source.Finish();
  if (variable.empty() == path.empty()) {
    Refuse(key, fmt::format("{}: one of {{env: NAME}} and {{file: PATH}} is wanted", key));
    return std::nullopt;
  }
  if (!path.empty()) {
    Result<Secret> secret = ReadSecretFile(path);
    if (secret.ok()) return *std::move(secret);
    Refuse(key, fmt::format("{}: {}", key, secret.error().message));
    return std::nullopt;
  }
  if (!IsVariableName(variable)) {
    // It may be the secret itself, put in the wrong place: not repeated.
    Refuse(key,
           fmt::format("{}: env takes the name of an environment variable: letters, digits and _",
                       key));
    return std::nullopt;
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read at the start, before there are other threads
  const char* value = std::getenv(variable.c_str());
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

void ConfigSection::Refuse(std::string_view key, std::string_view message) const {
  if (silent_) return;
  refused_.emplace(key);
  errors_->Add(Place(key), message);
}

void ConfigSection::Finish() const {
  if (!node_) return;
  const std::vector<std::string> known(asked_.begin(), asked_.end());
  for (const auto& entry : node_->yaml) {
    if (!entry.first.IsScalar() || asked_.contains(entry.first.Scalar())) continue;
    const auto near = Nearest(entry.first.Scalar(), known);
    errors_->Add(PlaceOf(file_, entry.first.Mark()),
                 fmt::format("unknown key '{}'{}", entry.first.Scalar(),
                             near ? fmt::format("; did you mean {}?", *near)
                                  : fmt::format("; known here are {}", fmt::join(known, ", "))));
  }
}

Result<std::vector<ConfigSection>> ParseConfigText(std::string_view text, const std::string& file,
                                                   ConfigErrors* errors) {
  if (text.size() > kLargestFile)
    return Fail(ErrorCode::kInvalidArgument, "{}: a configuration has at most {} bytes", file,
                kLargestFile);
  AUSPEX_TRY(RefuseControlCharacters(text, file));
  Screen screen(file, errors);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(screen)) {
    }
    std::vector<ConfigSection> sections;
    for (const YAML::Node& document : YAML::LoadAll(std::string(text))) {
      if (!document.IsDefined() || document.IsNull()) continue;
      if (!document.IsMap()) {
        return Fail(ErrorCode::kInvalidArgument,
                    "{}: a document is a mapping (apiVersion, kind, metadata, spec)",
                    PlaceOf(file, document.Mark()));
      }
      sections.emplace_back(
          std::make_shared<const ConfigSection::Node>(ConfigSection::Node{document}), file, "",
          errors);
    }
    if (sections.empty())
      return Fail(ErrorCode::kInvalidArgument, "{}: there is no document in it", file);
    return sections;
  } catch (const YAML::Exception& error) {
    return Fail(ErrorCode::kInvalidArgument, "{}: {}{}", PlaceOf(file, error.mark), error.msg,
                screen.OpenBracket());
  }
}

Result<std::vector<ConfigSection>> ParseConfigFile(const std::string& path, ConfigErrors* errors) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown))
    return Fail(ErrorCode::kPermissionDenied, "{} is a folder; name a file in it", path);
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kPermissionDenied,
                "{} cannot be read: {}", path, std::generic_category().message(errno));
  }
  return ParseConfigText(ReadSome(file, kLargestFile), path, errors);
}

}  // namespace auspex
