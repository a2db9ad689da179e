#include "auspex/change/dependencies/delta.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "auspex/change/dependencies/text.h"

namespace auspex::change {
namespace {

// What InWords shows of each text.
constexpr std::size_t kMostShownBytes = 200;

// "example.com/x/v2" and "gopkg.in/x.v2" without their major version: Go's next one is another
// path.
std::string_view FamilyOf(Ecosystem ecosystem, std::string_view name) {
  if (ecosystem != Ecosystem::kGo) return name;
  auto end = name.size();
  while (end > 0 && IsDigit(name[end - 1])) --end;
  const bool versioned = end < name.size() && end >= 2 && name[end - 1] == 'v' &&
                         (name[end - 2] == '/' || name[end - 2] == '.');
  return versioned ? name.substr(0, end - 2) : name;
}

// The version that one clause of a range begins with: "^17.0.2" → "17.0.2".
std::string_view FirstVersion(std::string_view clause) {
  for (std::size_t i = 0; i < clause.size(); ++i) {
    const bool begins = i == 0 || !(IsLetter(clause[i - 1]) || IsDigit(clause[i - 1]));
    const bool v = clause[i] == 'v' && i + 1 < clause.size() && IsDigit(clause[i + 1]);
    if (!begins || (!IsDigit(clause[i]) && !v)) continue;
    return clause.substr(i, clause.find_first_of(" ,<>|)]", i) - i);
  }
  return {};
}

// What of a requirement is compared: the least version it takes, of alternatives the highest; of a
// location its tag. Empty where it names none.
std::string_view BaseVersion(Ecosystem ecosystem, std::string_view version) {
  if (ecosystem == Ecosystem::kImage) return version;
  if (version.find("${") != std::string_view::npos) return {};
  if (version.find('/') != std::string_view::npos && !version.starts_with("npm:")) {
    const auto ref = version.find_last_of("#@");
    // "v1.2.3 => ../fork" of go.mod.
    if (ecosystem == Ecosystem::kGo) return FirstVersion(version.substr(0, version.find(' ')));
    return ref == std::string_view::npos ? std::string_view() : FirstVersion(version.substr(ref));
  }
  std::string_view highest;
  for (std::size_t from = 0; from <= version.size();) {
    const auto bar = std::min(version.find("||", from), version.size());
    std::string_view least;
    for (auto clause : Split(version.substr(from, bar - from), ',')) {
      clause = Trim(clause);
      if (clause.starts_with('<') || clause.starts_with('!')) continue;
      least = FirstVersion(clause);
      if (!least.empty()) break;
    }
    if (highest.empty() || CompareVersions(SchemeOf(ecosystem), least, highest) > 0) {
      highest = least;
    }
    from = bar + 2;
  }
  return highest;
}

struct Item {
  const Dependency* dependency;
  std::string_view base;
};

bool SameText(const Item& a, const Item& b) {
  return a.dependency->name == b.dependency->name && a.dependency->version == b.dependency->version;
}

using Families = std::map<std::string_view, std::pair<std::vector<Item>, std::vector<Item>>>;

// `a` without what also stands in `b`, and the other way round; both lowest first.
void DropCommon(Ecosystem ecosystem, std::vector<Item>* a, std::vector<Item>* b) {
  const auto before = [](const Item& x, const Item& y) {
    return std::tie(x.dependency->name, x.dependency->version) <
           std::tie(y.dependency->name, y.dependency->version);
  };
  for (auto* items : {a, b}) {
    std::sort(items->begin(), items->end(), before);
    items->erase(std::unique(items->begin(), items->end(), SameText), items->end());
  }
  std::vector<Item> only_a;
  std::vector<Item> only_b;
  std::set_difference(a->begin(), a->end(), b->begin(), b->end(), std::back_inserter(only_a),
                      before);
  std::set_difference(b->begin(), b->end(), a->begin(), a->end(), std::back_inserter(only_b),
                      before);
  const auto scheme = SchemeOf(ecosystem);
  for (auto* items : {&only_a, &only_b}) {
    // stable_sort: Maven's order is not always transitive (version.h).
    std::stable_sort(items->begin(), items->end(), [scheme](const Item& x, const Item& y) {
      return CompareVersions(scheme, x.base, y.base) < 0;
    });
  }
  *a = std::move(only_a);
  *b = std::move(only_b);
}

DependencyChange Describe(Ecosystem ecosystem, const Item* before, const Item* after,
                          const std::string& file) {
  const auto scheme = SchemeOf(ecosystem);
  DependencyChange change;
  change.ecosystem = ecosystem;
  change.file = file;
  change.name = (after != nullptr ? after : before)->dependency->name;
  change.kind = before == nullptr  ? DependencyChangeKind::kAdded
                : after == nullptr ? DependencyChangeKind::kRemoved
                                   : DependencyChangeKind::kMoved;
  if (before != nullptr) change.before = before->dependency->version;
  if (after != nullptr) {
    change.after = after->dependency->version;
    change.pre_release = IsPreRelease(scheme, after->base) &&
                         (before == nullptr || !IsPreRelease(scheme, before->base));
    change.unpinned =
        after->dependency->unpinned && (before == nullptr || !before->dependency->unpinned);
  }
  if (before == nullptr || after == nullptr) return change;
  change.step = StepBetween(scheme, before->base, after->base);
  // Another range with the same least version, another fork, another digest.
  if (change.step == VersionStep::kNone) change.step = VersionStep::kOther;
  // What has no version to compare moved, in no direction; images of one number differ in kind.
  const bool comparable = !before->base.empty() && !after->base.empty() &&
                          !(ecosystem == Ecosystem::kImage && change.step == VersionStep::kOther);
  change.downgrade = comparable && CompareVersions(scheme, before->base, after->base) > 0;
  return change;
}

std::vector<DependencyChange> CompareLists(Ecosystem ecosystem, const std::string& file,
                                           const std::vector<Dependency>& before,
                                           const std::vector<Dependency>& after) {
  Families families;
  for (const auto& dependency : before) {
    families[FamilyOf(ecosystem, dependency.name)].first.push_back(
        {&dependency, BaseVersion(ecosystem, dependency.version)});
  }
  for (const auto& dependency : after) {
    families[FamilyOf(ecosystem, dependency.name)].second.push_back(
        {&dependency, BaseVersion(ecosystem, dependency.version)});
  }
  std::vector<DependencyChange> changes;
  for (auto& [family, sides] : families) {
    auto& [old_items, new_items] = sides;
    DropCommon(ecosystem, &old_items, &new_items);
    // From the highest down: of npm's copies of a package the newest is moved.
    while (!old_items.empty() || !new_items.empty()) {
      const Item* a = old_items.empty() ? nullptr : &old_items.back();
      const Item* b = new_items.empty() ? nullptr : &new_items.back();
      changes.push_back(Describe(ecosystem, a, b, file));
      if (a != nullptr) old_items.pop_back();
      if (b != nullptr) new_items.pop_back();
    }
  }
  return changes;
}

std::string_view FolderOf(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash + 1);
}

// Drops a manifest's changes that a lock file beside or above it also shows.
void DropShadowed(std::vector<DependencyChange>* changes) {
  std::map<std::pair<Ecosystem, std::string>, std::vector<std::size_t>> locked;
  for (std::size_t i = 0; i < changes->size(); ++i) {
    const auto& change = (*changes)[i];
    if (IsLock(*DependencyFormatOf(change.file))) {
      locked[{change.ecosystem, change.name}].push_back(i);
    }
  }
  std::vector<bool> dropped(changes->size(), false);
  for (std::size_t i = 0; i < changes->size(); ++i) {
    auto& change = (*changes)[i];
    const auto found = locked.find({change.ecosystem, change.name});
    if (found == locked.end() || IsLock(*DependencyFormatOf(change.file))) continue;
    for (const auto lock : found->second) {
      if (!change.file.starts_with(FolderOf((*changes)[lock].file))) continue;
      dropped[i] = true;
      (*changes)[lock].unpinned = (*changes)[lock].unpinned || change.unpinned;
      break;
    }
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < changes->size(); ++i) {
    if (dropped[i]) continue;
    if (kept != i) (*changes)[kept] = std::move((*changes)[i]);
    ++kept;
  }
  changes->resize(kept);
}

std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, kMostShownBytes));
  if (shown.size() < text.size()) {
    // Not within a UTF-8 sequence.
    while (!shown.empty() && (static_cast<unsigned char>(shown.back()) & 0xC0U) == 0x80U) {
      shown.pop_back();
    }
    if (!shown.empty() && static_cast<unsigned char>(shown.back()) >= 0xC0U) shown.pop_back();
    shown += "…";
  }
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return shown.empty() ? "(no version)" : shown;
}

std::string_view Name(VersionStep step) {
  switch (step) {
    case VersionStep::kNone:
      return "same version";
    case VersionStep::kMajor:
      return "major";
    case VersionStep::kMinor:
      return "minor";
    case VersionStep::kPatch:
      return "patch";
    case VersionStep::kOther:
      return "less than a patch";
  }
  return "";
}

}  // namespace

DependencyDelta CompareDependencies(std::span<const FileVersions> files) {
  DependencyDelta delta;
  for (const auto& file : files) {
    const auto format = DependencyFormatOf(file.path);
    if (!format) continue;
    const auto read = [&](const std::optional<std::string>& bytes) {
      return bytes ? ReadDependencies(*format, *bytes)
                   : Result<std::vector<Dependency>>(std::vector<Dependency>());
    };
    const auto before = read(file.before);
    const auto after = read(file.after);
    if (!before.ok() || !after.ok()) {
      const auto& error = before.ok() ? after.error() : before.error();
      delta.unreadable.push_back(fmt::format("{} {} the change: {}", Shown(file.path),
                                             before.ok() ? "after" : "before", error.message));
      continue;
    }
    auto changes = CompareLists(EcosystemOf(*format), file.path, *before, *after);
    std::move(changes.begin(), changes.end(), std::back_inserter(delta.changes));
  }
  DropShadowed(&delta.changes);
  return delta;
}

std::string InWords(const DependencyChange& change) {
  std::string words;
  switch (change.kind) {
    case DependencyChangeKind::kAdded:
      words = fmt::format("adds {} {}", Shown(change.name), Shown(change.after));
      break;
    case DependencyChangeKind::kRemoved:
      words = fmt::format("removes {} {}", Shown(change.name), Shown(change.before));
      break;
    case DependencyChangeKind::kMoved:
      words = fmt::format("{} {} → {}, {}", Shown(change.name), Shown(change.before),
                          Shown(change.after), Name(change.step));
      break;
  }
  const auto zero = change.before.find_first_of("0123456789");
  if (change.step == VersionStep::kMajor && zero != std::string::npos &&
      change.before.compare(zero, 2, "0.") == 0)
    words += " (of 0.x a minor version may break)";
  if (change.downgrade) words += ", a downgrade";
  if (change.pre_release) words += ", before its release";
  if (change.unpinned) words += ", version left open";
  return fmt::format("{} ({})", words, Shown(change.file));
}

std::vector<double> DependencyFeatures(const DependencyDelta& delta) {
  if (delta.changes.empty() && !delta.unreadable.empty()) {
    return std::vector<double>(kDependencyFeatures.size(),
                               std::numeric_limits<double>::quiet_NaN());
  }
  // A package that several files of a workspace move counts once.
  std::array<std::set<std::pair<Ecosystem, std::string_view>>, kDependencyFeatures.size()> counted;
  for (const auto& change : delta.changes) {
    const auto count = [&](std::size_t feature) {
      counted[feature].emplace(change.ecosystem, change.name);
    };
    if (change.kind == DependencyChangeKind::kAdded) count(0);
    if (change.kind == DependencyChangeKind::kRemoved) count(1);
    if (change.step == VersionStep::kMajor) count(2);
    if (change.step == VersionStep::kMinor) count(3);
    if (change.step == VersionStep::kPatch || change.step == VersionStep::kOther) count(4);
    if (change.downgrade) count(5);
    if (change.pre_release) count(6);
    if (change.unpinned) count(7);
    if (change.ecosystem == Ecosystem::kImage) count(8);
  }
  std::vector<double> features;
  features.reserve(counted.size());
  for (const auto& names : counted) features.push_back(static_cast<double>(names.size()));
  return features;
}

}  // namespace auspex::change
