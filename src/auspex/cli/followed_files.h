#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace auspex::cli {

// Files that the daemon reads again when they change. Not thread-safe.
class FollowedFiles {
 public:
  // As they are now; they have been, or are about to be, read.
  explicit FollowedFiles(std::vector<std::string> paths);

  // Whether they changed since they were last reported, and have been still since the last call: a
  // certificate and its key are replaced one after the other.
  bool Changed();

 private:
  struct State {
    dev_t device = 0;
    ino_t inode = 0;
    std::int64_t bytes = -1;  // -1: not there
    std::int64_t changed_ns = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  [[nodiscard]] std::vector<State> Look() const;

  std::vector<std::string> paths_;
  std::vector<State> reported_;
  std::vector<State> seen_;
};

}  // namespace auspex::cli
