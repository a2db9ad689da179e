#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace auspex::change {

// Which lines of a fix are traced to the commits that wrote them: the S of SZZ (Śliwerski,
// Zimmermann and Zeller, "When do changes induce fixes?", MSR 2005). Pure. What is done, and from
// where:
// - Deleted and changed lines are traced; a line that a fix only adds has no writer to blame
// (B-SZZ;
//   for such "ghosts" see Rezk, Kamei and McIntosh, TSE 2021).
// - Blank lines, comments, and changes of format alone are not (AG-SZZ: Kim, Zimmermann, Pan and
//   Whitehead, ASE 2006), told within a line, and over the lines of a hunk that says the same
//   after it; nor lines of brackets and keywords alone, imports, or version numbers (ours).
// - A line that the same fix adds elsewhere was moved (after RA-SZZ: Neto, da Costa and Kulesza,
//   SANER 2018, who find more refactorings than moves, for Java).
// - Commits that rename a name or tidy all over the tree are passed through (kMechanicalFiles), by
//   blame's own way to ignore a revision; so are those that the repository's file
//   .git-blame-ignore-revs lists.
// - Merges, and commits that only copy or rename, are neither fixes nor blamed (MA-SZZ: da Costa,
//   McIntosh, Shang, Kulesza, Coelho and Hassan, TSE 2017): blame passes through them.
// - Only files of kind source, configuration and migration are traced.
// - A fix over kMostFixFiles or kMostFixLines is not traced at all: it does more than mend (Herzig
//   and Zeller, "The impact of tangled code changes", MSR 2013).

// Lines that a fix replaces: `removed` (from line `old_line`, 1-based) by `added`; either may be
// empty. Without line ends.
struct Hunk {
  std::int64_t old_line = 0;
  std::vector<std::string> removed;
  std::vector<std::string> added;
  friend bool operator==(const Hunk&, const Hunk&) = default;
};

struct FilePatch {
  std::string old_path;  // before the fix; empty: the fix adds the file
  std::string new_path;  // empty: it deletes the file
  std::vector<Hunk> hunks;
  friend bool operator==(const FilePatch&, const FilePatch&) = default;
};

// 1-based, both ends included.
struct LineRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
  friend auto operator<=>(const LineRange&, const LineRange&) = default;
};

struct TracedFile {
  std::string path;               // before the fix
  std::vector<LineRange> ranges;  // ascending, apart
  friend bool operator==(const TracedFile&, const TracedFile&) = default;
};

// Files of the kinds above that a fix touches. Chosen on pairs of fix and origin that developers
// wrote down: docs/labels.md has the table.
inline constexpr std::size_t kMostFixFiles = 10;
// Lines to trace, of all its files, the neighbours of additions too.
inline constexpr std::int64_t kMostFixLines = 200;

// Empty where nothing of the fix is traced.
[[nodiscard]] std::vector<TracedFile> LinesToTrace(std::span<const FilePatch> fix);

// Above these a commit is not blamed for one fault: an import, a reformatting, a move of the tree.
// The bounds of McIntosh and Kamei, "Are fix-inducing changes a moving target?", TSE
// 2018.
inline constexpr std::int64_t kMostBlamedFiles = 100;
inline constexpr std::int64_t kMostBlamedLines = 10'000;  // added

// A commit that puts as many lines into each file as it takes out, in at least so many files and
// lines, renames or tidies: of the newest 15,000 commits of curl and all of redis each of the 60
// looked at did (names, printf masks, white space, versions of actions).
inline constexpr std::int64_t kMechanicalFiles = 5;
inline constexpr std::int64_t kMechanicalLines = 50;  // in all

}  // namespace auspex::change
