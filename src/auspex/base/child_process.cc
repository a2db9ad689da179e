#include "auspex/base/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace auspex {
namespace {

Failure FailErrno(std::string_view what) {
  return Fail(ErrorCode::kUnavailable, "{}: {}", what, std::system_category().message(errno));
}

// The strings, and the null-terminated list of them that exec wants.
class CStrings {
 public:
  explicit CStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
    for (std::string& text : strings_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  [[nodiscard]] char** data() { return pointers_.data(); }

 private:
  std::vector<std::string> strings_;
  std::vector<char*> pointers_;
};

struct ChildPlan {
  const ChildOptions& options;
  char** argv;
  char** env;
  const std::string& oom_score_adj;  // as a text; empty: as ours
  int told;  // where errno goes if chdir or exec fails; closed by an exec that succeeds
  pid_t parent;
};

// Between fork and exec, in what may be a copy of a threaded process: only calls that are safe in a
// signal handler, no memory.
[[noreturn]] void BecomeChild(const ChildPlan& plan) {
  const ChildOptions& options = plan.options;
  if (options.leads_group) setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have gone before the line above took effect.
  if (getppid() != plan.parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (options.nice != 0) setpriority(PRIO_PROCESS, 0, options.nice);
  if (!plan.oom_score_adj.empty()) {
    const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    [[maybe_unused]] const auto set =
        write(file, plan.oom_score_adj.data(), plan.oom_score_adj.size());
  }
  dup2(options.input, STDIN_FILENO);
  dup2(options.output, STDOUT_FILENO);
  dup2(options.errors, STDERR_FILENO);
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (options.folder.empty() || chdir(options.folder.c_str()) == 0)
    execve(options.program.c_str(), plan.argv, plan.env);
  const int error = errno;
  [[maybe_unused]] const auto told = write(plan.told, &error, sizeof(error));
  _exit(127);
}

Result<PipeEnds> HighEnds(const std::array<int, 2>& low) {
  const Fd first(low[0]);
  const Fd second(low[1]);
  AUSPEX_TRY(Fd ours, DuplicateHigh(first));
  AUSPEX_TRY(Fd theirs, DuplicateHigh(second));
  return PipeEnds{std::move(ours), std::move(theirs)};
}

// What chdir or exec said, 0 if they succeeded. Ends as the child execs or exits: both close it.
int ExecError(const Fd& pipe) {
  int error = 0;
  ssize_t got = -1;
  do {
    got = read(pipe.get(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  return got == ssize_t{sizeof(error)} ? error : 0;
}

}  // namespace

Result<Fd> DuplicateHigh(const Fd& fd) {
  Fd high(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!high.valid()) return FailErrno("no more descriptors");
  return high;
}

Result<PipeEnds> PipeFromChild() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return FailErrno("a pipe");
  return HighEnds(ends);
}

Result<PipeEnds> SocketToChild() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return FailErrno("a socket");
  return HighEnds(ends);
}

Result<pid_t> StartChild(const ChildOptions& options) {
  CStrings argv(options.argv);
  CStrings env(options.env);
  AUSPEX_TRY(auto told, PipeFromChild());
  const std::string oom_score_adj =
      options.oom_score_adj == 0 ? "" : std::to_string(options.oom_score_adj);
  const ChildPlan plan{options,       argv.data(),       env.data(),
                       oom_score_adj, told.theirs.get(), getpid()};
  const pid_t pid = fork();
  if (pid < 0) return FailErrno(fmt::format("start {}", options.program));
  if (pid == 0) BecomeChild(plan);
  // Also here, so that the group is there before anybody kills it.
  if (options.leads_group) setpgid(pid, pid);
  told.theirs.Reset();
  const int error = ExecError(told.ours);
  if (error == 0) return pid;
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  const bool missing = error == ENOENT || error == ENOTDIR;
  const std::string in = options.folder.empty() ? "" : fmt::format(" in {}", options.folder);
  return Fail(missing ? ErrorCode::kNotFound : ErrorCode::kPermissionDenied,
              "cannot start {}{}: {}", options.program, in, std::system_category().message(error));
}

}  // namespace auspex
