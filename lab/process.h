#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"

namespace auspex::lab {

struct ExitStatus {
  int code = 0;    // where signal is 0
  int signal = 0;  // what ended it
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

// "exit status 3", "signal 9".
[[nodiscard]] std::string ToText(const ExitStatus& status);

struct ProcessOptions {
  std::vector<std::string> argv = {};                         // [0] is a path; nothing is looked up
  std::vector<std::pair<std::string, std::string>> env = {};  // added to this process's own
  std::filesystem::path output = {};  // standard output and error are appended; empty: /dev/null
  int nice = 0;  // scheduling priority, -20 first … 19 last; kept as ours where it may not be had
};

// A child process. It is killed when the *thread* that started it ends (PR_SET_PDEATHSIG), so that
// nothing outlives a crashed parent: start it from a thread that lives as long as it should.
// Standard input is /dev/null, signals are unblocked, no other descriptor is inherited.
// Not thread-safe.
class Process {
 public:
  // Errors: kInvalidArgument (no argv), kNotFound (no such program), kPermissionDenied (it may not
  // be executed; the output file), kUnavailable (the system refuses).
  static Result<Process> Start(const ProcessOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  // Terminates it, at the latest after two seconds by SIGKILL.
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool Running();
  // Until it ends. Error: kUnavailable once `limit` is over.
  Result<ExitStatus> Wait(Duration limit);
  // A signal to this very process; nothing where it has ended.
  void Signal(int signal);
  // SIGTERM, SIGKILL after `grace`; returns once it has ended. Again: the same answer.
  ExitStatus Stop(Duration grace);

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  bool Reap(int flags);

  pid_t pid_ = -1;  // not waited for while `ended_` is empty, so the number cannot be another's
  std::optional<ExitStatus> ended_;
};

// A port of 127.0.0.1 that nobody listened on a moment ago, drawn from below the range out of which
// the system gives ports to connections, so none of those takes it. Another listener may before you
// do: be ready to try again with another. Error: kUnavailable.
Result<std::uint16_t> FreePort();

// A folder of its own under /tmp: short, as the path of a Unix socket ends at 107 bytes.
class TempDir {
 public:
  // Error: kPermissionDenied.
  static Result<TempDir> Create(std::string_view prefix = "auspex");
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&& other) noexcept;
  // Removes it and all within, unless it is kept.
  ~TempDir();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void Keep() { kept_ = true; }

 private:
  explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}
  void Remove();

  std::filesystem::path path_;
  bool kept_ = false;
};

// True as soon as `condition` holds, looked at every 10 ms; false once `limit` is over.
[[nodiscard]] bool WaitUntil(const std::function<bool()>& condition, Duration limit);

// `name` on PATH, else in /usr/sbin or /usr/local/sbin, which a user's PATH may lack.
// Error: kNotFound.
Result<std::filesystem::path> FindProgram(std::string_view name);

}  // namespace auspex::lab
