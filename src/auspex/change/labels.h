#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "auspex/change/change.h"
#include "auspex/change/fixes.h"

namespace auspex::change {

// A commit that mends something.
struct Fix {
  CommitId id;
  CommitId parent;        // its first; what it mended stands there
  std::int64_t at_s = 0;  // its commit time: when it could first tell
  FixEvidence evidence = FixEvidence::kNone;
  std::vector<CommitId> named;  // commits that it says it mends or takes back
  // Whether its lines are to be traced: it names nobody that is known here.
  [[nodiscard]] bool traced() const { return named.empty(); }
};

struct Label {
  bool bug = false;             // a later fix blames it
  std::int64_t known_at_s = 0;  // seconds since 1970: see LabelBook
  friend bool operator==(const Label&, const Label&) = default;
};

// How many lines of a fix a commit wrote.
struct Blame {
  CommitId origin;
  std::int64_t lines = 0;
  friend bool operator==(const Blame&, const Blame&) = default;
};

// Turns a history into labels: commits come in, fixes come out, what blame says of them goes in,
// labels come out. Pure. 90 bytes a commit. Not thread-safe.
//
//   LabelBook book;
//   for (…) book.Add(commit);                                // oldest first
//   for (const Fix& fix : book.Fixes())
//     if (fix.traced()) book.AddBlame(fix, blames);          // git/blame.h
//     else book.AddNamed(fix);
//   book.LabelOf(id);                                        // git/mine_labels.h does all of it
//
// When a label is known (`known_at_s`): of a commit with a bug at the commit time of the first fix
// that blames it. A clean one is never certain: it is taken as clean once wait_s() has gone by
// since its commit time, so that what is too young to tell has a time that is still to come, and
// whoever trains as of a day leaves it out.
class LabelBook {
 public:
  // The rule of the waiting time: the kWaitQuantile of the times from bug to fix of this
  // repository, over the commits of the older half of its history, whose bugs had time to show;
  // within [kLeastWait, kMostWait]. With less than kLeastBugs of them kUsualWait, that of Cabral,
  // Minku, Shihab and Mujahid, "Class imbalance evolution and verification latency in just-in-time
  // software defect prediction", ICSE 2019.
  static constexpr double kWaitQuantile = 0.75;
  static constexpr std::int64_t kDay = 86'400;
  static constexpr std::int64_t kUsualWait = 90 * kDay;
  static constexpr std::int64_t kLeastWait = 30 * kDay;
  static constexpr std::int64_t kMostWait = 365 * kDay;
  static constexpr std::size_t kLeastBugs = 50;

  // No merges; parents before children.
  void Add(const Commit& commit);

  // All fixes so far, oldest first, with what they name resolved: an abbreviation to the one commit
  // before the fix that begins so, a quoted subject to the last such commit before it.
  [[nodiscard]] std::vector<Fix> Fixes() const;

  // Commits that only replace line by line, all over the tree: renames of names, tidying. Blame
  // passes through them to who wrote the line before (szz.h, kMechanicalFiles).
  [[nodiscard]] std::vector<CommitId> Mechanical() const;

  // What blame says of a fix; who is to blame, nullopt where nobody is: the latest of the writers
  // (R-SZZ: Davies, Roper and Wood, "Comparing text-based and dependence-based approaches for
  // determining the origins of bugs", J. Softw. Evol. Process 2014; docs/labels.md has what the
  // others would cost). Passed over: commits that are not known here (merges, what a shallow clone
  // lacks), that are not earlier than the fix, the fix itself, mechanical ones, and those over
  // kMostBlamedFiles or kMostBlamedLines (szz.h).
  std::optional<CommitId> AddBlame(const Fix& fix, const std::vector<Blame>& blames);
  void AddNamed(const Fix& fix);  // whatever their size: a person said so

  [[nodiscard]] std::int64_t wait_s() const;
  // nullopt for a commit that was not added. Costs a look-up, after the first call.
  [[nodiscard]] std::optional<Label> LabelOf(const CommitId& id) const;
  [[nodiscard]] std::size_t bugs() const { return first_fix_.size(); }

 private:
  struct Entry {
    CommitId id;
    std::int64_t at_s = 0;  // commit time
    std::int64_t lines = 0;
    std::int64_t files = 0;
    bool mechanical = false;
    std::uint64_t subject = 0;  // hash
  };
  struct Candidate {
    std::size_t entry = 0;
    CommitId parent;
    FixEvidence evidence = FixEvidence::kNone;
    std::vector<std::string> names;  // abbreviations
    std::uint64_t subject = 0;       // of the commit that is taken back; 0: none quoted
  };

  [[nodiscard]] std::optional<std::size_t> Find(const CommitId& id) const;
  [[nodiscard]] std::optional<std::size_t> FindAbbreviated(const std::string& hex,
                                                           std::size_t before) const;
  [[nodiscard]] std::optional<std::size_t> FindSubject(std::uint64_t subject,
                                                       std::size_t before) const;
  void Mark(std::size_t entry, std::int64_t at_s);
  void SortIds() const;

  std::vector<Entry> entries_;
  std::vector<Candidate> candidates_;
  std::unordered_map<std::size_t, std::int64_t> first_fix_;  // by entry
  mutable std::vector<std::size_t> by_id_;                   // entries by id; empty: to be made
  mutable std::optional<std::int64_t> wait_s_;
};

}  // namespace auspex::change
