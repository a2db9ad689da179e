#include "auspex/change/dependencies/version.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "auspex/change/dependencies/text.h"

namespace auspex::change {
namespace {

// Numbers compare by length once leading zeros are gone: no version overflows.
int CompareNumbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  const int order = a.compare(b);
  return (order > 0) - (order < 0);
}

int CompareBytes(std::string_view a, std::string_view b) {
  const int order = a.compare(b);
  return (order > 0) - (order < 0);
}

bool AllDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

std::string_view TakeDigits(std::string_view* text) {
  const auto end = std::find_if_not(text->begin(), text->end(), IsDigit);
  const auto digits = text->substr(0, static_cast<std::size_t>(end - text->begin()));
  text->remove_prefix(digits.size());
  return digits;
}

struct SemVer {
  std::vector<std::string_view> release;      // digits only
  std::vector<std::string_view> pre_release;  // identifiers; empty: a release
};

// "1.2.3" off the front; a leading v is no part of it.
std::vector<std::string_view> TakeRelease(std::string_view* text) {
  if (!text->empty() && (text->front() == 'v' || text->front() == 'V') && text->size() > 1 &&
      IsDigit((*text)[1])) {
    text->remove_prefix(1);
  }
  std::vector<std::string_view> release;
  while (!text->empty() && IsDigit(text->front())) {
    release.push_back(TakeDigits(text));
    if (text->size() < 2 || text->front() != '.' || !IsDigit((*text)[1])) break;
    text->remove_prefix(1);
  }
  return release;
}

int CompareReleases(const std::vector<std::string_view>& a,
                    const std::vector<std::string_view>& b) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const int order = CompareNumbers(i < a.size() ? a[i] : "", i < b.size() ? b[i] : "");
    if (order != 0) return order;
  }
  return 0;
}

SemVer ParseSemVer(std::string_view text) {
  SemVer parsed;
  parsed.release = TakeRelease(&text);
  text = text.substr(0, text.find('+'));  // the build does not order
  // "1.x" and the like order by their numbers alone.
  if (text.starts_with('-')) parsed.pre_release = Split(text.substr(1), '.');
  return parsed;
}

// SemVer §11.4: numbers below words, fewer identifiers below more, a release above all.
int ComparePreReleases(const std::vector<std::string_view>& a,
                       const std::vector<std::string_view>& b) {
  if (a.empty() || b.empty()) return static_cast<int>(a.empty()) - static_cast<int>(b.empty());
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const bool a_number = AllDigits(a[i]);
    const bool b_number = AllDigits(b[i]);
    if (a_number != b_number) return a_number ? -1 : 1;
    const int order = a_number ? CompareNumbers(a[i], b[i]) : CompareBytes(a[i], b[i]);
    if (order != 0) return order;
  }
  return (a.size() > b.size()) - (a.size() < b.size());
}

// PEP 440 in the order of packaging's key: epoch, release, pre, post, dev, local.
struct Pep440 {
  std::string_view epoch;
  std::vector<std::string_view> release;
  int phase = 0;  // of pre: 0 a, 1 b, 2 rc; -1: a bare dev release, before them; 3: none, after
  std::string_view pre;
  bool has_post = false;
  std::string_view post;
  bool has_dev = false;
  std::string_view dev;
  std::string_view local;
};

// `word` off the front, with the separator that PEP 440 allows before it and behind it; then
// digits.
bool TakePart(std::string_view* text, std::string_view word, std::string_view* number) {
  auto rest = *text;
  const auto skip_separator = [&rest] {
    if (!rest.empty() && (rest.front() == '.' || rest.front() == '-' || rest.front() == '_')) {
      rest.remove_prefix(1);
    }
  };
  skip_separator();
  if (!rest.starts_with(word)) return false;
  rest.remove_prefix(word.size());
  const auto before_separator = rest;
  skip_separator();
  *number = TakeDigits(&rest);
  *text = number->empty() ? before_separator : rest;
  return true;
}

// `lower`: in lower case; outlives the answer.
Pep440 ParsePep440(std::string_view lower) {
  Pep440 parsed;
  std::string_view text = lower;
  if (const auto local = text.find('+'); local != std::string_view::npos) {
    parsed.local = text.substr(local + 1);
    text = text.substr(0, local);
  }
  if (!text.empty() && text.front() == 'v') text.remove_prefix(1);
  if (const auto bang = text.find('!'); bang != std::string_view::npos) {
    parsed.epoch = text.substr(0, bang);
    text.remove_prefix(bang + 1);
  }
  parsed.release = TakeRelease(&text);
  // Longest first: "a" is the beginning of "alpha".
  constexpr std::array<std::pair<std::string_view, int>, 8> kPhases = {{{"alpha", 0},
                                                                        {"a", 0},
                                                                        {"beta", 1},
                                                                        {"b", 1},
                                                                        {"preview", 2},
                                                                        {"pre", 2},
                                                                        {"rc", 2},
                                                                        {"c", 2}}};
  parsed.phase = 3;
  for (const auto& [word, phase] : kPhases) {
    if (!TakePart(&text, word, &parsed.pre)) continue;
    parsed.phase = phase;
    break;
  }
  parsed.has_post = TakePart(&text, "post", &parsed.post) || TakePart(&text, "rev", &parsed.post) ||
                    TakePart(&text, "r", &parsed.post);
  if (!parsed.has_post && text.size() > 1 && text.front() == '-' && IsDigit(text[1])) {
    parsed.has_post = true;  // "1.0-1"
    text.remove_prefix(1);
    parsed.post = TakeDigits(&text);
  }
  parsed.has_dev = TakePart(&text, "dev", &parsed.dev);
  if (parsed.phase == 3 && parsed.has_dev && !parsed.has_post) parsed.phase = -1;
  return parsed;
}

int CompareLocals(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return static_cast<int>(!a.empty()) - static_cast<int>(!b.empty());
  const auto as = Split(a, '.');
  const auto bs = Split(b, '.');
  for (std::size_t i = 0; i < std::min(as.size(), bs.size()); ++i) {
    const bool a_number = AllDigits(as[i]);
    const bool b_number = AllDigits(bs[i]);
    if (a_number != b_number) return a_number ? 1 : -1;
    const int order = a_number ? CompareNumbers(as[i], bs[i]) : CompareBytes(as[i], bs[i]);
    if (order != 0) return order;
  }
  return (as.size() > bs.size()) - (as.size() < bs.size());
}

int ComparePep440(std::string_view a_text, std::string_view b_text) {
  const std::string a_lower = Lower(a_text);
  const std::string b_lower = Lower(b_text);
  const auto a = ParsePep440(a_lower);
  const auto b = ParsePep440(b_lower);
  if (const int order = CompareNumbers(a.epoch, b.epoch); order != 0) return order;
  if (const int order = CompareReleases(a.release, b.release); order != 0) return order;
  if (a.phase != b.phase) return a.phase < b.phase ? -1 : 1;
  if (const int order = CompareNumbers(a.pre, b.pre); order != 0) return order;
  if (a.has_post != b.has_post) return a.has_post ? 1 : -1;
  if (const int order = CompareNumbers(a.post, b.post); order != 0) return order;
  if (a.has_dev != b.has_dev) return a.has_dev ? -1 : 1;
  if (const int order = CompareNumbers(a.dev, b.dev); order != 0) return order;
  return CompareLocals(a.local, b.local);
}

// Gem::Version: runs of digits and of letters; a letter is before the number 0 that pads.
std::vector<std::string_view> RubySegments(std::string_view text) {
  std::vector<std::string_view> segments;
  while (!text.empty()) {
    if (IsDigit(text.front())) {
      segments.push_back(TakeDigits(&text));
    } else if (IsLetter(text.front())) {
      const auto end = std::find_if_not(text.begin(), text.end(), IsLetter);
      segments.push_back(text.substr(0, static_cast<std::size_t>(end - text.begin())));
      text.remove_prefix(segments.back().size());
    } else {
      text.remove_prefix(1);
    }
  }
  return segments;
}

int CompareRuby(std::string_view a_text, std::string_view b_text) {
  const auto a = RubySegments(a_text);
  const auto b = RubySegments(b_text);
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const auto x = i < a.size() ? a[i] : std::string_view("0");
    const auto y = i < b.size() ? b[i] : std::string_view("0");
    const bool x_number = AllDigits(x);
    const bool y_number = AllDigits(y);
    if (x_number != y_number) return x_number ? 1 : -1;
    const int order = x_number ? CompareNumbers(x, y) : CompareBytes(x, y);
    if (order != 0) return order;
  }
  return 0;
}

// One token of a Maven version with the separator in front of it.
struct MavenToken {
  char prefix = '.';
  std::string text;
  bool number = false;

  // What the specification calls a null value: it says nothing at the end of a version.
  [[nodiscard]] bool IsNull() const {
    if (number) return text.find_first_not_of('0') == std::string::npos;
    return text.empty() || text == "ga" || text == "final" || text == "release";
  }
};

std::vector<MavenToken> SplitMaven(std::string_view version) {
  std::vector<MavenToken> tokens;
  MavenToken token;
  const auto flush = [&](char next) {
    if (token.text.empty()) token = {token.prefix, "0", true};
    tokens.push_back(token);
    token = {next, "", false};
  };
  for (const char c : version) {
    if (c == '.' || c == '-' || c == '_') {
      flush(c == '_' ? '-' : c);
      continue;
    }
    if (!token.text.empty() && IsDigit(c) != token.number) {
      // "a1", "b1", "m1" are short for alpha, beta, milestone where a number follows directly.
      if (IsDigit(c) && token.text.size() == 1) {
        if (token.text == "a") token.text = "alpha";
        if (token.text == "b") token.text = "beta";
        if (token.text == "m") token.text = "milestone";
      }
      flush('-');
    }
    token.number = IsDigit(c);
    token.text += ToLower(c);
  }
  flush('.');
  return tokens;
}

// Null values are trimmed from the end, and before each hyphen from there to the front.
std::vector<MavenToken> TrimMaven(const std::vector<MavenToken>& tokens) {
  std::vector<MavenToken> kept;  // back to front
  bool at_end = true;
  for (auto token = tokens.rbegin(); token != tokens.rend(); ++token) {
    if (at_end && token->IsNull()) {
      continue;
    }
    kept.push_back(*token);
    at_end = token->prefix == '-';
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

// alpha < beta < milestone < rc < snapshot < release < sp < any other word.
int MavenRank(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, int>, 11> kRanks = {{{"alpha", 0},
                                                                        {"beta", 1},
                                                                        {"milestone", 2},
                                                                        {"rc", 3},
                                                                        {"cr", 3},
                                                                        {"snapshot", 4},
                                                                        {"", 5},
                                                                        {"final", 5},
                                                                        {"ga", 5},
                                                                        {"release", 5},
                                                                        {"sp", 6}}};
  for (const auto& [name, rank] : kRanks) {
    if (word == name) return rank;
  }
  return 7;
}

int CompareMavenTokens(const MavenToken& a, const MavenToken& b) {
  if (a.number && b.number && a.prefix == b.prefix) return CompareNumbers(a.text, b.text);
  // ".word" = "-word" < "-number" < ".number".
  const auto kind = [](const MavenToken& t) { return !t.number ? 0 : t.prefix == '-' ? 1 : 2; };
  if (kind(a) != kind(b)) return kind(a) < kind(b) ? -1 : 1;
  if (MavenRank(a.text) != MavenRank(b.text)) return MavenRank(a.text) < MavenRank(b.text) ? -1 : 1;
  return MavenRank(a.text) == 7 ? CompareBytes(a.text, b.text) : 0;
}

int CompareMaven(std::string_view a_text, std::string_view b_text) {
  const auto a = TrimMaven(SplitMaven(a_text));
  const auto b = TrimMaven(SplitMaven(b_text));
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    // The shorter is padded with the null value that the other's token asks for.
    const auto null_of = [](const MavenToken& other) {
      return MavenToken{other.prefix, other.number ? "0" : "", other.number};
    };
    const int order = CompareMavenTokens(i < a.size() ? a[i] : null_of(b[i]),
                                         i < b.size() ? b[i] : null_of(a[i]));
    if (order != 0) return order;
  }
  return 0;
}

int CompareTags(std::string_view a_text, std::string_view b_text) {
  const auto a_release = TakeRelease(&a_text);
  const auto b_release = TakeRelease(&b_text);
  if (const int order = CompareReleases(a_release, b_release); order != 0) return order;
  return CompareBytes(a_text, b_text);
}

int CompareSemVer(std::string_view a_text, std::string_view b_text) {
  const auto a = ParseSemVer(a_text);
  const auto b = ParseSemVer(b_text);
  if (const int order = CompareReleases(a.release, b.release); order != 0) return order;
  return ComparePreReleases(a.pre_release, b.pre_release);
}

// The numbers that a step is read from, the epoch in front where there is one.
std::vector<std::string> ReleaseOf(VersionScheme scheme, std::string_view version) {
  const std::string lower = Lower(version);
  std::vector<std::string> numbers;
  if (scheme == VersionScheme::kPep440) {
    for (const auto number : ParsePep440(lower).release) numbers.emplace_back(number);
    return numbers;
  }
  std::string_view text = lower;
  for (const auto number : TakeRelease(&text)) numbers.emplace_back(number);
  return numbers;
}

bool IsZero(std::string_view number) {
  return number.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

int CompareVersions(VersionScheme scheme, std::string_view a, std::string_view b) {
  switch (scheme) {
    case VersionScheme::kSemVer:
      return CompareSemVer(a, b);
    case VersionScheme::kPep440:
      return ComparePep440(a, b);
    case VersionScheme::kMaven:
      return CompareMaven(a, b);
    case VersionScheme::kRuby:
      return CompareRuby(a, b);
    case VersionScheme::kTag:
      return CompareTags(a, b);
  }
  return 0;
}

VersionStep StepBetween(VersionScheme scheme, std::string_view a, std::string_view b) {
  if (scheme == VersionScheme::kPep440) {
    const std::string a_lower = Lower(a);
    const std::string b_lower = Lower(b);
    const auto a_epoch = ParsePep440(a_lower).epoch;
    if (CompareNumbers(a_epoch, ParsePep440(b_lower).epoch) != 0) return VersionStep::kMajor;
  }
  const auto before = ReleaseOf(scheme, a);
  const auto after = ReleaseOf(scheme, b);
  if (before.empty() && after.empty()) return a == b ? VersionStep::kNone : VersionStep::kOther;
  constexpr std::array kSteps = {VersionStep::kMajor, VersionStep::kMinor, VersionStep::kPatch};
  bool zeros_so_far = scheme == VersionScheme::kSemVer;
  for (std::size_t i = 0; i < kSteps.size(); ++i) {
    const std::string_view x = i < before.size() ? std::string_view(before[i]) : "";
    const std::string_view y = i < after.size() ? std::string_view(after[i]) : "";
    if (CompareNumbers(x, y) != 0) {
      return zeros_so_far && i == 1 ? VersionStep::kMajor : kSteps[i];
    }
    zeros_so_far = zeros_so_far && IsZero(x);
  }
  return CompareVersions(scheme, a, b) == 0 ? VersionStep::kNone : VersionStep::kOther;
}

bool IsPreRelease(VersionScheme scheme, std::string_view version) {
  switch (scheme) {
    case VersionScheme::kSemVer: {
      const auto parsed = ParseSemVer(version);
      return !parsed.release.empty() && !parsed.pre_release.empty();
    }
    case VersionScheme::kPep440: {
      const std::string lower = Lower(version);
      const auto parsed = ParsePep440(lower);
      return !parsed.release.empty() && (parsed.phase != 3 || parsed.has_dev);
    }
    case VersionScheme::kMaven: {
      const auto tokens = SplitMaven(version);
      return std::any_of(tokens.begin(), tokens.end(), [](const MavenToken& token) {
        return !token.number && MavenRank(token.text) < MavenRank("");
      });
    }
    case VersionScheme::kRuby: {
      const auto segments = RubySegments(version);
      return !segments.empty() && AllDigits(segments.front()) &&
             std::any_of(segments.begin(), segments.end(),
                         [](std::string_view segment) { return IsLetter(segment.front()); });
    }
    case VersionScheme::kTag: {
      const std::string lower = Lower(version);
      for (const std::string_view word :
           {"alpha", "beta", "rc", "nightly", "snapshot", "preview"}) {
        const auto at = lower.find(word);
        // "alpine" is a variant; "rc" inside a word is none.
        const bool begins = at != std::string::npos && (at == 0 || !IsLetter(lower[at - 1]));
        if (begins && (at + word.size() == lower.size() || !IsLetter(lower[at + word.size()]))) {
          return true;
        }
      }
      return false;
    }
  }
  return false;
}

}  // namespace auspex::change
