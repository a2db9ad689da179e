#include "auspex/base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

#include "auspex/base/child_process.h"

namespace auspex {
namespace {

constexpr std::size_t kQueuedMost = std::size_t{64} << 20U;
constexpr Duration kPollWhileEnding = 1ms;

Failure FailErrno(ErrorCode code, std::string_view what) {
  return Fail(code, "{}: {}", what, std::system_category().message(errno));
}

Result<std::string> ProgramPath(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread of ours changes the environment
  const char* const set = std::getenv("PATH");
  const std::string folders = set == nullptr ? "/usr/bin:/bin" : set;
  for (std::size_t begin = 0; begin < folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    const auto candidate = std::filesystem::path(folders.substr(begin, end - begin)) / name;
    std::error_code ignored;
    // Only absolute folders: a "." on PATH would run what lies in a stranger's repository.
    if (candidate.is_absolute() && std::filesystem::is_regular_file(candidate, ignored) &&
        access(candidate.c_str(), X_OK) == 0)
      return candidate.string();
    begin = end + 1;
  }
  return Fail(ErrorCode::kNotFound, "there is no program '{}' on PATH", name);
}

bool HasNul(const SubprocessOptions& options) {
  const auto nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  return std::any_of(options.argv.begin(), options.argv.end(), nul) || nul(options.folder);
}

// As poll(2) counts, rounded up so that a wait never spins on the last millisecond.
int PollMillis(Duration left) {
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<std::int64_t>(millis, 0, 60'000));
}

}  // namespace

std::string ToText(const SubprocessEnd& end) {
  return end.signal != 0 ? fmt::format("signal {}", end.signal)
                         : fmt::format("exit status {}", end.code);
}

Result<Subprocess> Subprocess::Start(const SubprocessOptions& options) {
  if (options.argv.empty()) return Fail(ErrorCode::kInvalidArgument, "no program to start");
  if (HasNul(options))
    return Fail(ErrorCode::kInvalidArgument, "an argument for {} has a NUL byte in it",
                options.argv[0]);
  AUSPEX_TRY(const std::string program, ProgramPath(options.argv[0]));
  std::vector<std::string> variables;
  for (const auto& [name, value] : options.env)
    variables.push_back(fmt::format("{}={}", name, value));
  AUSPEX_TRY(auto input, SocketToChild());
  AUSPEX_TRY(auto output, PipeFromChild());
  AUSPEX_TRY(auto errors, PipeFromChild());
  AUSPEX_TRY(const pid_t pid, StartChild({.program = program,
                                          .argv = options.argv,
                                          .env = std::move(variables),
                                          .folder = options.folder,
                                          .input = input.theirs.get(),
                                          .output = output.theirs.get(),
                                          .errors = errors.theirs.get(),
                                          .nice = options.nice,
                                          .oom_score_adj = options.oom_score_adj,
                                          .leads_group = true}));
  Subprocess process(pid, options);
  process.input_ = std::move(input.ours);
  process.output_ = std::move(output.ours);
  process.error_output_ = std::move(errors.ours);
  fcntl(process.input_.get(), F_SETFL, O_NONBLOCK);
  fcntl(process.error_output_.get(), F_SETFL, O_NONBLOCK);
  return process;
}

Subprocess::Subprocess(pid_t pid, const SubprocessOptions& options)
    : pid_(pid),
      name_(options.argv[0]),
      output_left_(options.output_bytes_most),
      stop_(options.stop),
      error_bytes_kept_(options.error_bytes_kept) {
  Allow(options.limit);
}

Subprocess::Subprocess(Subprocess&& other) noexcept { *this = std::move(other); }

Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  if (this == &other) return *this;
  Kill();
  pid_ = std::exchange(other.pid_, -1);
  name_ = std::move(other.name_);
  input_ = std::move(other.input_);
  output_ = std::move(other.output_);
  error_output_ = std::move(other.error_output_);
  queued_ = std::move(other.queued_);
  sent_ = other.sent_;
  input_closes_ = other.input_closes_;
  stop_ = other.stop_;
  deadline_ = other.deadline_;
  limit_ = other.limit_;
  output_left_ = other.output_left_;
  error_bytes_kept_ = other.error_bytes_kept_;
  errors_ = std::move(other.errors_);
  end_ = other.end_;
  return *this;
}

Subprocess::~Subprocess() { Kill(); }

void Subprocess::Allow(Duration limit) {
  limit_ = limit;
  deadline_ = std::chrono::steady_clock::now() + limit;
}

Status Subprocess::Send(std::string_view bytes) {
  if (!input_.valid() || input_closes_)
    return Fail(ErrorCode::kInvalidArgument, "the input of {} is closed", name_);
  if (queued_.size() - sent_ + bytes.size() > kQueuedMost)
    return Fail(ErrorCode::kInvalidArgument, "over {} bytes wait for {}", kQueuedMost, name_);
  queued_.erase(0, std::exchange(sent_, 0));
  queued_ += bytes;
  SendSome();
  return {};
}

void Subprocess::CloseInput() {
  input_closes_ = true;
  SendSome();
}

void Subprocess::SendSome() {
  while (input_.valid() && sent_ < queued_.size()) {
    const ssize_t sent =
        send(input_.get(), queued_.data() + sent_, queued_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (sent < 0) {  // it no longer listens; how it ends tells why
      input_.Reset();
      return;
    }
    sent_ += static_cast<std::size_t>(sent);
  }
  if (input_closes_) input_.Reset();
}

void Subprocess::ReadErrors() {
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = read(error_output_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;  // nothing now
    if (got == 0) {
      error_output_.Reset();
      return;
    }
    const std::size_t room = error_bytes_kept_ - std::min(error_bytes_kept_, errors_.size());
    errors_.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
  }
}

Failure Subprocess::Ended(std::string_view why) {
  Kill();
  return Fail(ErrorCode::kUnavailable, "{} {}; it was ended", name_, why);
}

Result<Duration> Subprocess::Left() {
  if (stop_ != nullptr && *stop_) return Ended("was stopped");
  const Duration left = deadline_ - std::chrono::steady_clock::now();
  if (left <= Duration::zero())
    return Ended(fmt::format("ran past its limit of {}", auspex::ToText(limit_)));
  return stop_ != nullptr ? std::min(left, kStopWithin) : left;
}

Result<bool> Subprocess::Pump() {
  SendSome();
  AUSPEX_TRY(const Duration left, Left());
  const bool sends = input_.valid() && sent_ < queued_.size();
  // poll(2) passes over a descriptor of -1.
  std::array<pollfd, 3> watched{pollfd{output_.get(), POLLIN, 0},
                                pollfd{error_output_.get(), POLLIN, 0},
                                pollfd{sends ? input_.get() : -1, POLLOUT, 0}};
  if (poll(watched.data(), watched.size(), PollMillis(left)) < 0 && errno != EINTR)
    return FailErrno(ErrorCode::kUnavailable, fmt::format("wait for {}", name_));
  if (watched[1].revents != 0) ReadErrors();
  return watched[0].revents != 0;
}

Result<std::size_t> Subprocess::Read(char* to, std::size_t most) {
  while (output_.valid()) {
    AUSPEX_TRY(const bool readable, Pump());
    if (!readable) continue;
    const ssize_t got = read(output_.get(), to, most);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(ErrorCode::kUnavailable, fmt::format("read from {}", name_));
    if (got == 0) {
      output_.Reset();
      return std::size_t{0};
    }
    output_left_ -= got;
    if (output_left_ < 0) return Ended("says more than is allowed");
    return static_cast<std::size_t>(got);
  }
  return std::size_t{0};
}

Result<SubprocessEnd> Subprocess::Wait() {
  output_.Reset();
  input_closes_ = true;
  while (!end_) {
    // Standard error tells by its end, mostly, that the process has ended.
    if (error_output_.valid()) {
      AUSPEX_TRY(Pump());
    } else {
      AUSPEX_TRY(const Duration left, Left());
      static_cast<void>(left);
    }
    int status = 0;
    const pid_t got = waitpid(pid_, &status, WNOHANG);
    if (got == pid_) {
      end_ = WIFSIGNALED(status) ? SubprocessEnd{0, WTERMSIG(status)}
                                 : SubprocessEnd{WEXITSTATUS(status), 0};
    } else if (got < 0 && errno != EINTR) {
      // Somebody ignores SIGCHLD or waits for every child; how it ended is lost.
      end_ = SubprocessEnd{-1, 0};
    } else if (!error_output_.valid()) {
      std::this_thread::sleep_for(kPollWhileEnding);
    }
  }
  if (error_output_.valid()) ReadErrors();
  return *end_;
}

void Subprocess::Kill() {
  if (pid_ <= 0) return;
  if (!end_) {
    kill(-pid_, SIGKILL);
    int status = 0;
    pid_t got = -1;
    do {
      got = waitpid(pid_, &status, 0);  // SIGKILL cannot be caught
    } while (got < 0 && errno == EINTR);
    end_ = SubprocessEnd{0, SIGKILL};
  }
  input_.Reset();
  output_.Reset();
  error_output_.Reset();
}

Result<SubprocessOutput> RunSubprocess(const SubprocessOptions& options, std::string_view input) {
  AUSPEX_TRY(Subprocess process, Subprocess::Start(options));
  AUSPEX_TRY(process.Send(input));
  process.CloseInput();
  SubprocessOutput result;
  std::array<char, 65536> buffer{};
  while (true) {
    AUSPEX_TRY(const std::size_t got, process.Read(buffer.data(), buffer.size()));
    if (got == 0) break;
    result.output.append(buffer.data(), got);
  }
  AUSPEX_TRY(result.end, process.Wait());
  result.errors = process.errors();
  return result;
}

}  // namespace auspex
