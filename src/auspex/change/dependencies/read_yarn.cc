#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <string>
#include <utility>

#include "auspex/change/dependencies/readers.h"
#include "auspex/change/dependencies/text.h"

namespace auspex::change {
namespace {

// Lock files are five levels deep. The parser recurses: this bounds its stack.
constexpr std::size_t kMostDepth = 32;

// Hands on the scalars of nested mappings with the keys above them; builds no tree, so a lock file
// costs no more than its longest line, and an alias nothing.
class MappingReader : public YAML::EventHandler {
 public:
  // Called for each scalar value of a mapping, with the keys above it, its own last; and for each
  // mapping that begins, with an empty value.
  virtual void OnEntry(const std::vector<std::string>& keys, const std::string& value) = 0;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override { Scalar(""); }
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { Scalar(""); }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string& value) override {
    Scalar(value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Enter(mark, false);
  }
  void OnSequenceEnd() override { Leave(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    if (!levels_.empty() && levels_.back().mapping && levels_.back().has_key && sequences_ == 0) {
      OnEntry(keys_, "");
    }
    Enter(mark, true);
  }
  void OnMapEnd() override { Leave(); }

 private:
  struct Level {
    bool mapping = false;
    bool has_key = false;
  };

  void Enter(const YAML::Mark& mark, bool mapping) {
    if (levels_.size() >= kMostDepth) throw YAML::ParserException(mark, "nested too deeply");
    levels_.push_back({mapping, false});
    sequences_ += mapping ? 0 : 1;
  }

  void Leave() {
    sequences_ -= levels_.back().mapping ? 0 : 1;
    levels_.pop_back();
    CloseValue();
  }

  void CloseValue() {
    if (levels_.empty() || !levels_.back().mapping) return;
    if (levels_.back().has_key) {
      keys_.pop_back();
      levels_.back().has_key = false;
    } else {
      keys_.emplace_back();  // a key that is no scalar
      levels_.back().has_key = true;
    }
  }

  void Scalar(const std::string& value) {
    if (levels_.empty() || !levels_.back().mapping) return;
    if (!levels_.back().has_key) {
      keys_.push_back(value);
      levels_.back().has_key = true;
      return;
    }
    if (sequences_ == 0) OnEntry(keys_, value);
    CloseValue();
  }

  std::vector<Level> levels_;
  std::vector<std::string> keys_;
  int sequences_ = 0;
};

Status ReadYaml(std::string_view bytes, MappingReader* reader) {
  try {
    std::istringstream in{std::string(bytes)};
    YAML::Parser parser(in);
    parser.HandleNextDocument(*reader);
  } catch (const YAML::Exception& e) {
    return Fail(ErrorCode::kInvalidArgument, "not YAML: line {}, column {}: {}", e.mark.line + 1,
                e.mark.column + 1, e.msg);
  }
  return {};
}

// The keys of `packages`: "/react/17.0.2_peer" (5), "/react@17.0.2(peer)" (6), "react@17.0.2" (9).
class PnpmReader : public MappingReader {
 public:
  void OnEntry(const std::vector<std::string>& keys, const std::string&) override {
    if (keys.size() != 2 || keys[0] != "packages") return;
    std::string_view key = keys[1];
    if (key.starts_with('/')) key.remove_prefix(1);
    key = key.substr(0, key.find('('));
    if (key.starts_with("file:") || key.starts_with("link:")) return;
    // The @ of a scope is in front.
    auto at = key.find('@', 1);
    if (const auto slash = VersionSlash(key); slash < at) {
      at = slash;
      key = key.substr(0, key.find('_', slash));
    }
    if (at == std::string_view::npos || at + 1 >= key.size()) return;
    found.push_back({std::string(key.substr(0, at)), std::string(key.substr(at + 1)), false});
  }
  std::vector<Dependency> found;

 private:
  // The slash between name and version of format 5: the first that "1." or the like follows.
  static std::size_t VersionSlash(std::string_view key) {
    for (auto at = key.find('/'); at != std::string_view::npos; at = key.find('/', at + 1)) {
      const auto end = key.find_first_not_of("0123456789", at + 1);
      if (end != at + 1 && end != std::string_view::npos && key[end] == '.') return at;
    }
    return std::string_view::npos;
  }
};

// "react@npm:^18.0.0, react@npm:^18.2.0": {version: 18.2.0, resolution: "react@npm:18.2.0"}
class BerryReader : public MappingReader {
 public:
  void OnEntry(const std::vector<std::string>& keys, const std::string& value) override {
    if (keys.size() != 2) return;
    if (keys[1] == "version") version_ = value;
    if (keys[1] != "resolution") return;
    const auto at = value.find('@', 1);
    // What stands in the repository itself has a resolution "…@workspace:…".
    if (at != std::string::npos && value.find("@workspace:") == std::string::npos) {
      found.push_back({value.substr(0, at), version_, false});
    }
  }
  std::vector<Dependency> found;

 private:
  std::string version_;
};

std::string_view Unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

// Classic yarn.lock, which is no YAML: `"a@^1", a@^2:` and, indented by two, `version "1.2.0"`.
std::vector<Dependency> ReadClassic(std::string_view bytes) {
  std::vector<Dependency> found;
  std::string_view name;
  for (auto line : Split(bytes, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    if (line.front() != ' ') {
      auto first = line.substr(0, line.find(','));
      if (first.ends_with(':')) first.remove_suffix(1);
      first = Unquoted(first);
      name = first.substr(0, first.find('@', 1));
    } else if (line.starts_with("  version ") && !name.empty()) {
      found.push_back({std::string(name), std::string(Unquoted(Trim(line.substr(10)))), false});
      name = {};
    }
  }
  return found;
}

}  // namespace

DependencyList ReadPnpmLock(std::string_view bytes) {
  PnpmReader reader;
  AUSPEX_TRY(ReadYaml(bytes, &reader));
  return std::move(reader.found);
}

DependencyList ReadYarnLock(std::string_view bytes) {
  // Berry writes a __metadata entry; classic a comment "# yarn lockfile v1".
  if (bytes.find("__metadata:") == std::string_view::npos) return ReadClassic(bytes);
  BerryReader reader;
  AUSPEX_TRY(ReadYaml(bytes, &reader));
  return std::move(reader.found);
}

}  // namespace auspex::change
