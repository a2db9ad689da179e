// ReadDependencies and CompareDependencies: the first byte picks the format, a 0 byte after it
// divides the file before the change from the one after.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auspex/change/dependencies/delta.h"
#include "fuzz/check.h"

namespace {

using auspex::change::DependencyChangeKind;

constexpr std::array<std::string_view, 16> kNames = {
    "package.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock",        "go.mod",
    "go.sum",       "Cargo.toml",        "Cargo.lock",     "requirements.txt", "pyproject.toml",
    "uv.lock",      "Pipfile.lock",      "pom.xml",        "gradle.lockfile",  "Dockerfile",
    "Gemfile.lock"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string name(kNames[data[0] % kNames.size()]);
  const std::string all(data + 1, data + size);
  const auto middle = std::min(all.find('\0'), all.size());
  const std::string before = all.substr(0, middle);
  const std::string after = middle < all.size() ? all.substr(middle + 1) : std::string();

  const std::array files = {auspex::change::FileVersions{name, before, after}};
  const auto delta = auspex::change::CompareDependencies(files);
  for (const auto& change : delta.changes) {
    const auto words = InWords(change);
    AUSPEX_FUZZ_CHECK(words.size() < 1000, words);
    AUSPEX_FUZZ_CHECK(words.find('\x1b') == std::string::npos, words);
    const bool moved = change.kind == DependencyChangeKind::kMoved;
    AUSPEX_FUZZ_CHECK(moved == (change.step != auspex::change::VersionStep::kNone), words);
    AUSPEX_FUZZ_CHECK(moved || !change.downgrade, words);
  }
  for (const double count : DependencyFeatures(delta)) {
    AUSPEX_FUZZ_CHECK(!(count < 0), name);
  }
  const std::array same = {auspex::change::FileVersions{name, before, before}};
  AUSPEX_FUZZ_CHECK(CompareDependencies(same).changes.empty(), name);
  return 0;
}
