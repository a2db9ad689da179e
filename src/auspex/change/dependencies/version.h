#pragma once

#include <cstdint>
#include <string_view>

namespace auspex::change {

// The rules by which versions are ordered.
enum class VersionScheme {
  kSemVer,  // SemVer 2.0.0 §11, as npm, Cargo and Go read it; Go's pseudo-versions are pre-releases
  kPep440,  // PEP 440: epochs, a/b/rc, post, dev and local releases
  kMaven,   // "Version Order Specification" of Maven's POM reference
  kRuby,    // Gem::Version: a letter makes a pre-release
  kTag,     // image tags: the number in front, then the rest as bytes
};

// How far apart two versions are: the most significant part in which they differ.
enum class VersionStep {
  kNone,   // equal by the rules of the scheme
  kMajor,  // what may break by the ecosystem's own promise: see StepBetween
  kMinor,
  kPatch,
  kOther,  // less than a patch: pre-release, build of the same release, revision, image variant
};

// -1, 0 or 1 as `a` is before, equal to or after `b`, for any texts: numbers are of any length, and
// a text without one counts as 0. Swapping the two changes the sign. Maven's rules are
// not transitive where a word follows zeros ("1" < "1-foo" < "1.0.0.alpha" < "1"): whoever sorts by
// them takes a sort that survives it (std::stable_sort of libstdc++ stays within its range).
[[nodiscard]] int CompareVersions(VersionScheme scheme, std::string_view a, std::string_view b);

// Of the release numbers (epoch first) the first that differs; kOther for two different texts
// without any. SemVer promises nothing below 1.0.0: there, as for `^` in npm and Cargo, 0.3 → 0.4
// is kMajor. (0.0.3 → 0.0.4 is kPatch: it breaks by the letter, and is used as a patch.)
[[nodiscard]] VersionStep StepBetween(VersionScheme scheme, std::string_view a, std::string_view b);

// Whether the version is one before a release: alpha, beta, rc, dev, SNAPSHOT, a Go pseudo-version.
[[nodiscard]] bool IsPreRelease(VersionScheme scheme, std::string_view version);

}  // namespace auspex::change
