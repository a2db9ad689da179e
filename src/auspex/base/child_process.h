#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "auspex/base/fd.h"
#include "auspex/base/result.h"

namespace auspex {

struct PipeEnds {
  Fd ours, theirs;
};
// A pipe that the child writes, both ends numbered above the standard three: dup2() onto itself
// would keep close-on-exec. Error: kUnavailable.
Result<PipeEnds> PipeFromChild();
// A socket pair, for what the child reads: a write to a pipe whose reader has gone raises SIGPIPE
// in the whole process. Numbered alike. Error: kUnavailable.
Result<PipeEnds> SocketToChild();
// A duplicate of `fd`, numbered alike. Error: kUnavailable.
Result<Fd> DuplicateHigh(const Fd& fd);

struct ChildOptions {
  std::string program = {};                  // a path; nothing is looked up
  std::vector<std::string> argv = {};        // with [0]
  std::vector<std::string> env = {};         // NAME=value, all of it
  std::string folder = {};                   // to run in; empty: ours
  int input = -1, output = -1, errors = -1;  // become the standard three; above them here
  int nice = 0;  // scheduling priority, -20 first … 19 last; kept as ours where it may not be had
  // Which process the system ends first where memory runs out: 0 as ours … 1000 this one.
  int oom_score_adj = 0;
  bool leads_group = false;  // a process group of its own
};
// Starts a program and returns once it runs. It is killed when the *thread* that starts it ends
// (PR_SET_PDEATHSIG), signals are unblocked, and no other descriptor is inherited. Errors:
// kNotFound (no such program or folder), kPermissionDenied (it may not be executed), kUnavailable
// (the system refuses a process). Thread-safe.
Result<pid_t> StartChild(const ChildOptions& options);

}  // namespace auspex
