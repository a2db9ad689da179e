#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/fd.h"
#include "auspex/base/input.h"
#include "auspex/base/result.h"

namespace auspex {

struct SubprocessOptions {
  // [0] is the program: with a slash a path, else a name that is looked up on PATH. No shell.
  std::vector<std::string> argv = {};
  std::vector<std::pair<std::string, std::string>> env = {};  // all of it; nothing is inherited
  std::string folder = {};                                    // to run in; empty: ours
  Duration limit = 10min;  // wall time from its start; Allow() sets it anew
  std::int64_t output_bytes_most = std::int64_t{1} << 40;
  std::size_t error_bytes_kept = 4096;  // the first of standard error; the rest is read and dropped
  int nice = 0;                         // these two as ChildOptions'
  int oom_score_adj = 0;
  // Ends it within kStopWithin of becoming true, as its limit would; outlives the process. May be
  // null.
  const std::atomic<bool>* stop = nullptr;
};

struct SubprocessEnd {
  int code = 0;    // where signal is 0
  int signal = 0;  // what ended it
  [[nodiscard]] bool good() const { return code == 0 && signal == 0; }
  friend bool operator==(const SubprocessEnd&, const SubprocessEnd&) = default;
};
// "exit status 3", "signal 9".
[[nodiscard]] std::string ToText(const SubprocessEnd& end);

// A program that is asked something: it gets what Send queues on standard input, its standard
// output is read as it comes. It leads a process group of its own, which is killed when this object
// goes, when the limit is over or the output too long, and (the leader alone) when the thread that
// started it ends. No other descriptor is inherited and signals are unblocked.
//
//   AUSPEX_TRY(auto git, Subprocess::Start({.argv = {"git", "--version"}}));
//   git.CloseInput();
//   for (char buffer[4096];;) { AUSPEX_TRY(auto got, git.Read(buffer, 4096)); if (!got) break; … }
//   AUSPEX_TRY(const SubprocessEnd end, git.Wait());
//
// For a child that runs beside us for long, see lab/process.h. Not thread-safe.
class Subprocess final : public Input {
 public:
  static constexpr Duration kStopWithin = 100ms;
  // Errors: kInvalidArgument (no argv, a NUL in it), kNotFound (no such program or folder),
  // kPermissionDenied (it may not be executed), kUnavailable (the system refuses a process).
  static Result<Subprocess> Start(const SubprocessOptions& options);
  Subprocess(Subprocess&& other) noexcept;
  Subprocess& operator=(Subprocess&& other) noexcept;
  ~Subprocess() override;

  // Queues bytes for its standard input; Read and Wait send them, so a child that answers before it
  // has read everything does not block us. Error: kInvalidArgument (closed, or over 64 MiB wait).
  Status Send(std::string_view bytes);
  // Its standard input ends once what was queued is sent.
  void CloseInput();
  // The next bytes of its standard output; 0 at the end. Errors: kUnavailable (the limit is over,
  // it was stopped, the output too long: it is killed then; the system could not read).
  Result<std::size_t> Read(char* to, std::size_t most) override;
  // Gives up what it has not yet said and waits for its end. Error: kUnavailable (as Read).
  Result<SubprocessEnd> Wait();
  void Kill();
  // It may run until `limit` from now.
  void Allow(Duration limit);
  // The first bytes of its standard error so far.
  [[nodiscard]] const std::string& errors() const { return errors_; }

 private:
  Subprocess(pid_t pid, const SubprocessOptions& options);
  // How long one round may wait. Errors: of Read.
  Result<Duration> Left();
  // One round of poll: sends, reads standard error, waits for standard output if it is open.
  // True where standard output can be read.
  Result<bool> Pump();
  void SendSome();
  void ReadErrors();
  Failure Ended(std::string_view why);

  pid_t pid_ = -1;  // not waited for while end_ is empty, so the number cannot be another's
  std::string name_;
  Fd input_, output_, error_output_;
  std::string queued_;
  std::size_t sent_ = 0;
  bool input_closes_ = false;
  MonotonicTime deadline_;
  Duration limit_{};
  std::int64_t output_left_ = 0;
  const std::atomic<bool>* stop_ = nullptr;
  std::size_t error_bytes_kept_ = 0;
  std::string errors_;
  std::optional<SubprocessEnd> end_;
};

struct SubprocessOutput {
  SubprocessEnd end;
  std::string output;
  std::string errors;
};
// Runs it to its end, with `input` on its standard input. Errors: of Start and Read.
Result<SubprocessOutput> RunSubprocess(const SubprocessOptions& options,
                                       std::string_view input = {});

}  // namespace auspex
