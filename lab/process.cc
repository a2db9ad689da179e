#include "lab/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <random>
#include <system_error>
#include <thread>

#include "auspex/base/child_process.h"
#include "lab/posix.h"

namespace auspex::lab {
namespace {

constexpr Duration kPollEvery = 10ms;
constexpr Duration kGraceAtTheEnd = 2s;
constexpr std::uint16_t kFirstPort = 10'000;  // below it stand the ports that programs are known by
constexpr int kPortAttempts = 100;

std::vector<std::string> Environment(const ProcessOptions& options) {
  std::vector<std::string> entries;
  const auto replaced = [&](std::string_view entry) {
    return std::any_of(options.env.begin(), options.env.end(), [&](const auto& variable) {
      return entry.substr(0, entry.find('=')) == variable.first;
    });
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!replaced(*entry)) entries.emplace_back(*entry);
  }
  for (const auto& [name, value] : options.env)
    entries.push_back(fmt::format("{}={}", name, value));
  return entries;
}

Result<Fd> OpenHigh(const std::filesystem::path& path, int flags) {
  const Fd low(open(path.c_str(), flags | O_CLOEXEC, 0644));
  if (!low.valid()) {
    return Fail(ErrorCode::kPermissionDenied, "cannot open {}: {}", path.string(),
                std::system_category().message(errno));
  }
  return DuplicateHigh(low);
}

// Where the ports that the system gives to connections begin (ip(7)).
std::uint16_t FirstPortOfConnections() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  std::uint16_t first = 32'768;
  file >> first;
  return first;
}

ExitStatus FromWait(int status) {
  return WIFSIGNALED(status) ? ExitStatus{0, WTERMSIG(status)} : ExitStatus{WEXITSTATUS(status), 0};
}

}  // namespace

std::string ToText(const ExitStatus& status) {
  return status.signal != 0 ? fmt::format("signal {}", status.signal)
                            : fmt::format("exit status {}", status.code);
}

Result<Process> Process::Start(const ProcessOptions& options) {
  if (options.argv.empty()) return Fail(ErrorCode::kInvalidArgument, "no program to start");
  AUSPEX_TRY(const Fd input, OpenHigh("/dev/null", O_RDONLY));
  const bool discard = options.output.empty();
  AUSPEX_TRY(const Fd output,
             OpenHigh(discard ? "/dev/null" : options.output, O_WRONLY | O_CREAT | O_APPEND));
  AUSPEX_TRY(const pid_t pid, StartChild({.program = options.argv[0],
                                          .argv = options.argv,
                                          .env = Environment(options),
                                          .input = input.get(),
                                          .output = output.get(),
                                          .errors = output.get(),
                                          .nice = options.nice}));
  return Process(pid);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), ended_(other.ended_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    if (pid_ > 0) Stop(kGraceAtTheEnd);
    pid_ = std::exchange(other.pid_, -1);
    ended_ = other.ended_;
  }
  return *this;
}

Process::~Process() {
  if (pid_ > 0) Stop(kGraceAtTheEnd);
}

bool Process::Reap(int flags) {
  if (ended_) return true;
  int status = 0;
  pid_t got = -1;
  do {
    got = waitpid(pid_, &status, flags);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return false;
  // ECHILD: somebody ignores SIGCHLD or waits for every child; how it ended is lost.
  ended_ = got == pid_ ? FromWait(status) : ExitStatus{-1, 0};
  return true;
}

bool Process::Running() { return !Reap(WNOHANG); }

Result<ExitStatus> Process::Wait(Duration limit) {
  if (!WaitUntil([this] { return !Running(); }, limit)) {
    return Fail(ErrorCode::kUnavailable, "process {} has not ended after {}", pid_,
                auspex::ToText(limit));
  }
  return *ended_;
}

void Process::Signal(int signal) {
  if (Running()) kill(pid_, signal);
}

ExitStatus Process::Stop(Duration grace) {
  Signal(SIGTERM);
  if (auto ended = Wait(grace); ended.ok()) return *ended;
  Signal(SIGKILL);
  Reap(0);  // SIGKILL cannot be caught
  return *ended_;
}

Result<std::uint16_t> FreePort() {
  const std::uint16_t end = FirstPortOfConnections();
  std::random_device device;
  for (int attempt = 0; attempt < kPortAttempts && end > kFirstPort; ++attempt) {
    std::uniform_int_distribution<std::uint16_t> any(kFirstPort, end - 1);
    if (const auto listener = ListenLoopback(any(device)); listener.ok()) return listener->port;
  }
  AUSPEX_TRY(const Listener listener, ListenLoopback(0));
  return listener.port;
}

Result<TempDir> TempDir::Create(std::string_view prefix) {
  std::string path = fmt::format("/tmp/{}-XXXXXX", prefix);
  if (mkdtemp(path.data()) == nullptr) {
    return Fail(ErrorCode::kPermissionDenied, "cannot make a folder like {}: {}", path,
                std::system_category().message(errno));
  }
  return TempDir(path);
}

TempDir::TempDir(TempDir&& other) noexcept
    : path_(std::exchange(other.path_, {})), kept_(other.kept_) {}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  if (this != &other) {
    Remove();
    path_ = std::exchange(other.path_, {});
    kept_ = other.kept_;
  }
  return *this;
}

TempDir::~TempDir() { Remove(); }

void TempDir::Remove() {
  if (path_.empty() || kept_) return;
  std::error_code ignored;  // what is left in /tmp harms nobody
  std::filesystem::remove_all(path_, ignored);
}

bool WaitUntil(const std::function<bool()>& condition, Duration limit) {
  const MonotonicTime end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPollEvery);
  }
  return true;
}

Result<std::filesystem::path> FindProgram(std::string_view name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread of ours changes the environment
  const char* const path = std::getenv("PATH");
  const std::string folders =
      fmt::format("{}:/usr/sbin:/usr/local/sbin", path == nullptr ? "/usr/bin:/bin" : path);
  for (std::size_t begin = 0; begin < folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    auto candidate = std::filesystem::path(folders.substr(begin, end - begin)) / name;
    std::error_code ignored;
    if (end > begin && std::filesystem::is_regular_file(candidate, ignored) &&
        access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    begin = end + 1;
  }
  return Fail(ErrorCode::kNotFound, "there is no program '{}' on PATH or in /usr/sbin", name);
}

}  // namespace auspex::lab
