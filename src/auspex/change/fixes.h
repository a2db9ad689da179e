#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace auspex::change {

// Why a commit counts as a fix, the surest last.
enum class FixEvidence : std::uint8_t {
  kNone,
  kWords,   // its subject says so
  kIssue,   // it says which issue it fixes
  kOrigin,  // it names the commit that it mends
  kRevert,  // it takes a commit back
};

// What a message says of a fix. Views into the message.
struct FixMessage {
  FixEvidence evidence = FixEvidence::kNone;
  // Commits that brought what is mended, as written: 7 to 64 hexadecimal digits. The kernel's
  // `Fixes: 1a2b3c4d5e6f ("subject")`, "regression from", "introduced in", "broken by", … They say
  // more than any tracing of lines: fixes that name one are not traced.
  std::vector<std::string_view> origins;
  // Commits that are taken back, as git writes it: "This reverts commit …".
  std::vector<std::string_view> reverts;
  // The subject in `Revert "subject"` where no commit is named; empty otherwise.
  std::string_view reverted_subject;
  std::vector<std::string_view> issues;  // "#123", "GH-12", "QTBUG-12"
};

// Reads a message by these rules; any bytes.
// - A revert of a revert takes nothing back: the change is there again.
// - Words of a subject: the fix family ("fix", "bugfix", "hotfix", …), the bug family ("bug",
//   "defect", "regression"), or a symptom with a verb against it ("avoid a crash", "plug the
//   leak"): Mockus and Votta, ICSM 2000; Śliwerski, Zimmermann and Zeller, MSR 2005.
// - Not a fix of the program: typos, comments, documentation, warnings, formatting, tests, CI
//   ("fix typo", "docs: fix …", "fix flaky test"), unless a symptom stands beside it; "fixed-size",
//   "fixture", "bug report"; nor a release with the fixes that it brings ("bump to 1.2 with minor
//   fixes").
// - An issue counts with its verb ("Fixes #12", "Closes-Bug: #12", "Fixes: QTBUG-12"; not "Closes
//   #12", which closes pull requests too), unless the subject says that something is added.
[[nodiscard]] FixMessage ReadFixMessage(std::string_view message);

// Whether it mends something: any evidence but a revert alone.
[[nodiscard]] bool IsFix(std::string_view message);

}  // namespace auspex::change
