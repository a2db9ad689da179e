#include "auspex/change/fixes.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace auspex::change {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
constexpr bool IsLetter(char c) { return Lower(c) >= 'a' && Lower(c) <= 'z'; }
constexpr bool IsHex(char c) { return IsDigit(c) || (Lower(c) >= 'a' && Lower(c) <= 'f'); }

bool Same(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == y; });
}
bool Begins(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && Same(text.substr(0, lower.size()), lower);
}
template <std::size_t N>
bool OneOf(std::string_view word, const std::array<std::string_view, N>& known) {
  return std::any_of(known.begin(), known.end(),
                     [word](std::string_view one) { return Same(word, one); });
}

// Lower case, for Same.
constexpr std::array<std::string_view, 10> kFixWords = {
    "fix", "fixes", "fixed", "fixing", "bugfix", "bugfixes", "hotfix", "repair", "repairs", "fixe"};
constexpr std::array<std::string_view, 8> kBugWords = {
    "bug", "bugs", "defect", "defects", "regression", "regressions", "segfault", "segfaults"};
constexpr std::array<std::string_view, 21> kSymptoms = {
    "crash",    "crashes",    "crashing",  "leak",    "leaks",    "deadlock", "deadlocks",
    "overflow", "overflows",  "underflow", "overrun", "race",     "races",    "hang",
    "hangs",    "corruption", "panic",     "panics",  "segfault", "overread", "uninitialized"};
constexpr std::array<std::string_view, 24> kMendingVerbs = {
    "avoid", "avoids", "prevent", "prevents", "stop",     "stops",   "handle",   "handles",
    "plug",  "plugs",  "guard",   "correct",  "corrects", "resolve", "resolves", "eliminate",
    "fix",   "fixes",  "fixed",   "don",      "not",      "never",   "solve",    "solved"};
// What is fixed is not the program.
constexpr std::array<std::string_view, 38> kCosmetic = {
    "typo",     "typos",   "spelling",      "misspelling", "grammar",   "comment",    "comments",
    "doc",      "docs",    "documentation", "readme",      "changelog", "whitespace", "indentation",
    "indent",   "indents", "formatting",    "style",       "lint",      "linter",     "warning",
    "warnings", "nit",     "nits",          "test",        "tests",     "testsuite",  "flaky",
    "ci",       "link",    "links",         "wording",     "copyright", "license",    "translation",
    "doxygen",  "javadoc", "example"};
// Scopes of a subject ("docs: …", "test(api): …").
constexpr std::array<std::string_view, 16> kOtherScopes = {
    "doc",    "docs",   "readme", "test", "tests",     "testing",  "ci",       "gha",
    "github", "travis", "style",  "lint", "changelog", "runtests", "checksrc", "pytest"};
constexpr std::array<std::string_view, 14> kAddingVerbs = {
    "add",       "adds",    "added", "adding",  "implement", "implements", "implemented",
    "introduce", "support", "feat",  "feature", "allow",     "enable",     "document"};
// A subject that begins so tells of a release, with the fixes that it brings.
constexpr std::array<std::string_view, 7> kReleaseWords = {
    "version", "release", "released", "bump", "merge", "changelog", "prepare"};
// "fixed size" and the like say nothing of a fix.
constexpr std::array<std::string_view, 8> kFixedThings = {"size",   "sized",  "point",    "width",
                                                          "length", "number", "position", "rate"};

struct Word {
  std::string_view text;
  char before = ' ';  // the bytes around it; ' ' at the ends
  char after = ' ';
};

// Runs of ASCII letters.
std::vector<Word> WordsOfLine(std::string_view line) {
  std::vector<Word> words;
  for (std::size_t at = 0; at < line.size();) {
    if (!IsLetter(line[at])) {
      ++at;
      continue;
    }
    const auto begin = at;
    while (at < line.size() && IsLetter(line[at])) ++at;
    words.push_back({line.substr(begin, at - begin), begin > 0 ? line[begin - 1] : ' ',
                     at < line.size() ? line[at] : ' '});
  }
  return words;
}

std::string_view FirstLine(std::string_view text) { return text.substr(0, text.find('\n')); }

// "fix" in "fixed-size" and "bug" in "bug report" and "debug_bug" are other words.
bool SaysFix(const std::vector<Word>& words, std::size_t i) {
  const auto& word = words[i];
  const bool part_of_name = word.before == '_' || word.after == '_' || word.after == '(';
  const auto next = i + 1 < words.size() ? words[i + 1].text : std::string_view();
  if (OneOf(word.text, kFixWords)) {
    const bool adjective =
        Same(word.text, "fixed") && (word.after == '-' || OneOf(next, kFixedThings));
    // "fix(scope): …" of conventional commits.
    return !adjective && (!part_of_name || (i == 0 && word.after == '('));
  }
  if (!OneOf(word.text, kBugWords) || part_of_name) return false;
  return !Same(next, "report") && !Same(next, "reports") && !Same(next, "tracker") &&
         !Same(next, "template") && word.before != '.' && word.before != '/';
}

bool SubjectSaysFix(std::string_view subject) {
  const auto words = WordsOfLine(subject);
  if (words.empty()) return false;
  const auto colon = subject.find(':');
  const bool other_scope =
      colon != std::string_view::npos &&
      (OneOf(words[0].text, kOtherScopes) ||
       (words.size() > 1 && words[1].before == '/' && OneOf(words[1].text, kOtherScopes)));
  bool mends = false;
  bool fix = false;
  bool cosmetic = false;
  bool symptom = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    fix = fix || SaysFix(words, i);
    mends = mends || OneOf(words[i].text, kMendingVerbs);
    cosmetic = cosmetic || OneOf(words[i].text, kCosmetic);
    symptom = symptom || OneOf(words[i].text, kSymptoms);
  }
  if (other_scope || OneOf(words[0].text, kReleaseWords)) return false;
  if (fix) return !cosmetic || symptom;
  return symptom && mends && !cosmetic && !OneOf(words[0].text, kAddingVerbs);
}

bool SubjectAdds(std::string_view subject) {
  for (const auto& word : WordsOfLine(subject)) {
    if (OneOf(word.text, kAddingVerbs)) return true;
  }
  return false;
}

// A run of 7 to 64 hexadecimal digits at `at`, a word of its own; empty otherwise.
std::string_view HexAt(std::string_view text, std::size_t at) {
  auto end = at;
  while (end < text.size() && IsHex(text[end])) ++end;
  const auto length = end - at;
  const bool whole = end == text.size() || !(IsLetter(text[end]) || IsDigit(text[end]));
  return whole && length >= 7 && length <= 64 ? text.substr(at, length) : std::string_view();
}

std::string_view SkipTo(std::string_view text, std::size_t at) {
  return text.substr(std::min(at, text.size()));
}

// `text` begins behind "introduced", "regression", …: the commit that follows within a few words
// like "in commit [1a2b3c4…".
std::string_view CommitBehind(std::string_view text) {
  constexpr std::array<std::string_view, 14> kBetween = {
      "in",      "by",  "from", "since", "with", "of",  "commit",
      "commits", "the", "to",   "was",   "a",    "bug", "change"};
  for (std::size_t at = 0; at < text.size() && at < 60;) {
    const char c = text[at];
    if (const auto hex = HexAt(text, at); !hex.empty()) return hex;
    if (IsLetter(c) || IsDigit(c)) {
      auto end = at;
      while (end < text.size() && (IsLetter(text[end]) || IsDigit(text[end]))) ++end;
      if (!OneOf(text.substr(at, end - at), kBetween)) return {};
      at = end;
    } else if (c == '.' || c == ';') {
      return {};
    } else {
      ++at;
    }
  }
  return {};
}

void FindOrigins(std::string_view message, FixMessage* found) {
  constexpr std::array<std::string_view, 8> kBringing = {
      "introduced", "regression", "regressed", "broken", "broke", "caused", "bug", "fixes"};
  const auto words = WordsOfLine(message);
  for (const auto& word : words) {
    if (!OneOf(word.text, kBringing)) continue;
    const auto at = static_cast<std::size_t>(word.text.data() - message.data()) + word.text.size();
    const bool fixes = Same(word.text, "fixes");
    // "Fixes 1234567" could be an issue; the kernel writes a colon. "http://…/bug1234567" is none.
    if (fixes && word.after != ':') continue;
    const auto hex = CommitBehind(SkipTo(message, at));
    if (hex.empty()) continue;
    const bool known =
        std::find(found->origins.begin(), found->origins.end(), hex) != found->origins.end();
    if (!known) found->origins.push_back(hex);
  }
}

void FindReverts(std::string_view message, FixMessage* found) {
  const auto subject = FirstLine(message);
  const bool quoted = Begins(subject, "revert \"") || Begins(subject, "revert '");
  // Taking a revert back brings the change again.
  if (quoted && (Begins(subject.substr(8), "revert") || Begins(subject.substr(8), "reapply")))
    return;
  if (Begins(subject, "reapply ") || Begins(subject, "unrevert") || Begins(subject, "re-apply"))
    return;
  constexpr std::string_view kPhrase = "This reverts commit";
  for (auto at = message.find(kPhrase); at != std::string_view::npos;
       at = message.find(kPhrase, at + kPhrase.size())) {
    // "This reverts commits a, b and c."
    auto rest = SkipTo(message, at + kPhrase.size());
    if (rest.starts_with('s')) rest.remove_prefix(1);
    for (std::size_t i = 0; i < rest.size();) {
      if (const auto hex = HexAt(rest, i); !hex.empty()) {
        found->reverts.push_back(hex);
        i += hex.size();
      } else if (rest[i] == ' ' || rest[i] == ',' || rest[i] == '\n') {
        ++i;
      } else if (rest.substr(i).starts_with("and ")) {
        i += 4;
      } else {
        break;
      }
    }
  }
  if (!found->reverts.empty() || !quoted) return;
  const char quote = subject[7];
  const auto end = subject.rfind(quote);
  if (end > 8) found->reverted_subject = subject.substr(8, end - 8);
}

// "#12", "GH-12", "QTBUG-12", and the end of ".../issues/12".
std::string_view IssueAt(std::string_view text) {
  const auto digits_from = [text](std::size_t at) {
    auto end = at;
    while (end < text.size() && IsDigit(text[end])) ++end;
    return end > at ? text.substr(0, end) : std::string_view();
  };
  if (text.starts_with('#')) return digits_from(1);
  std::size_t at = 0;
  while (at < text.size() && text[at] >= 'A' && text[at] <= 'Z') ++at;
  if (at >= 2 && at < text.size() && text[at] == '-') return digits_from(at + 1);
  if (text.starts_with("https://") || text.starts_with("http://")) {
    return text.substr(0, text.find_first_of(" \n\t)>,"));
  }
  return {};
}

// Issues behind a verb that says what becomes of a fault.
void FindIssues(std::string_view message, FixMessage* found) {
  constexpr std::array<std::string_view, 6> kVerbs = {"fixes",    "fix",      "fixed",
                                                      "resolves", "resolved", "bug"};
  for (const auto& word : WordsOfLine(message)) {
    if (!OneOf(word.text, kVerbs)) continue;
    auto rest = SkipTo(
        message, static_cast<std::size_t>(word.text.data() - message.data()) + word.text.size());
    const bool trailer = rest.starts_with(':');
    if (trailer) rest.remove_prefix(1);
    // "Bug: 12" is Chromium's for every kind of issue; a link to a bug tracker is a bug.
    const bool bug = Same(word.text, "bug");
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
    if (Begins(rest, "issue")) rest = SkipTo(rest, rest.find_first_of("#0123456789"));
    const auto issue = IssueAt(rest);
    if (issue.empty()) continue;
    const bool closes_bug = bug && word.before == '-';  // OpenStack's "Closes-Bug: #12"
    if (bug && !closes_bug && !(trailer && issue.starts_with("http"))) continue;
    found->issues.push_back(issue);
  }
}

}  // namespace

FixMessage ReadFixMessage(std::string_view message) {
  FixMessage found;
  const auto subject = FirstLine(message);
  FindReverts(message, &found);
  FindOrigins(message, &found);
  FindIssues(message, &found);
  if (!found.reverts.empty() || !found.reverted_subject.empty()) {
    found.evidence = FixEvidence::kRevert;
  } else if (!found.origins.empty()) {
    found.evidence = FixEvidence::kOrigin;
  } else if (!found.issues.empty() && !SubjectAdds(subject)) {
    found.evidence = FixEvidence::kIssue;
  } else if (SubjectSaysFix(subject)) {
    found.evidence = FixEvidence::kWords;
  }
  return found;
}

bool IsFix(std::string_view message) {
  const auto evidence = ReadFixMessage(message).evidence;
  return evidence != FixEvidence::kNone && evidence != FixEvidence::kRevert;
}

}  // namespace auspex::change
