#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/change/change.h"
#include "auspex/change/szz.h"

namespace auspex::change::git {

// What a commit changes, line by line.
struct CommitPatch {
  CommitId id;
  std::vector<FilePatch> files;  // binary files have no hunks
  bool cut = false;              // larger than is kept: nothing of it can be relied on
};

// Reads what `git diff-tree --stdin -p -U0` says of commits, from its bytes in whatever pieces they
// come. A hunk's header counts its lines, so that no content passes for a header. Pure; memory is
// bounded by kLinesMost lines of kLineBytesMost bytes. Not thread-safe.
class PatchParser {
 public:
  static constexpr std::size_t kLinesMost = 20'000;     // of one commit
  static constexpr std::size_t kLineBytesMost = 1'024;  // longer ones are cut

  // Error: kInvalidArgument for what is no such output, with the line; nothing more is read then.
  Status Feed(std::string_view bytes);
  // Error: kInvalidArgument (within a hunk).
  Status Finish();
  // The next complete commit.
  std::optional<CommitPatch> Next();

 private:
  Status Take(std::string_view line);
  Status TakeHunkLine(std::string_view line);
  Status TakeHunkHeader(std::string_view line);
  void TakeHeader(std::string_view line);
  [[nodiscard]] Failure Refuse(std::string_view what) const;

  std::string partial_;
  std::int64_t line_ = 0;
  std::optional<CommitPatch> commit_;
  std::size_t kept_ = 0;  // lines of the commit
  std::int64_t removed_left_ = 0, added_left_ = 0;
  std::deque<CommitPatch> ready_;
};

// A path as git prints it in a header: in double quotes with C's escapes where it holds such bytes.
[[nodiscard]] std::string UnquotePath(std::string_view text);

}  // namespace auspex::change::git
