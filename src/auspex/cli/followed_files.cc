#include "auspex/cli/followed_files.h"

#include <sys/stat.h>

#include <utility>

namespace auspex::cli {

FollowedFiles::FollowedFiles(std::vector<std::string> paths)
    : paths_(std::move(paths)), reported_(Look()), seen_(reported_) {}

std::vector<FollowedFiles::State> FollowedFiles::Look() const {
  std::vector<State> states;
  for (const std::string& path : paths_) {
    struct stat found {};
    State state;
    if (::stat(path.c_str(), &found) == 0) {
      // The time of the last change of content or place: nobody can set it back.
      state = {.device = found.st_dev,
               .inode = found.st_ino,
               .bytes = found.st_size,
               .changed_ns = found.st_ctim.tv_sec * 1'000'000'000 + found.st_ctim.tv_nsec};
    }
    states.push_back(state);
  }
  return states;
}

bool FollowedFiles::Changed() {
  std::vector<State> now = Look();
  const bool still = now == seen_;
  seen_ = std::move(now);
  if (!still || seen_ == reported_) return false;
  reported_ = seen_;
  return true;
}

}  // namespace auspex::cli
