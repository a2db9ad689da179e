#include "tests/traffic/haproxy_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include "auspex/traffic/haproxy/runtime_socket.h"
#include "tests/traffic/tiny_http.h"

namespace auspex::testing {
namespace {

std::string File(std::string_view socket, std::string_view operator_socket,
                 std::string_view user_socket, int listener, int tcp_listener,
                 std::string_view backends) {
  return fmt::format(R"(global
  maxconn 200
  stats socket "{}" mode 600 level admin
  stats socket "{}" mode 600 level operator
  stats socket "{}" mode 600 level user
  stats socket fd@{} level admin
defaults
  mode http
  option http-keep-alive
  timeout connect 2s
  timeout client 30s
  timeout server 10s
  timeout http-request 10s
  retries 0
frontend shop
  bind fd@{}
  default_backend checkout
{})",
                     socket, operator_socket, user_socket, tcp_listener, listener, backends);
}

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void Become(char* const arguments[], int log, std::array<int, 2> inherited) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  for (const int fd : inherited) ::fcntl(fd, F_SETFD, 0);
  ::execvp("haproxy", arguments);
  ::execv("/usr/sbin/haproxy", arguments);
  ::_exit(127);
}

// Whether the master's command line at this path says anything. It keeps the connection open, so
// that RuntimeSocket would wait for more.
bool Answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  constexpr std::string_view kCommand = "show version\n";
  char byte = 0;
  const bool answered =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::send(fd, kCommand.data(), kCommand.size(), MSG_NOSIGNAL) > 0 &&
      ::recv(fd, &byte, 1, 0) == 1;
  ::close(fd);
  return answered;
}

}  // namespace

Result<std::unique_ptr<HaproxyRig>> HaproxyRig::Start(std::string_view backends, HaproxyMode mode) {
  std::unique_ptr<HaproxyRig> rig(new HaproxyRig(mode));
  std::string folder = std::filesystem::temp_directory_path() / "auspex-haproxy-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    return Fail(ErrorCode::kUnavailable, "mkdtemp {}: {}", folder,
                std::generic_category().message(errno));
  }
  rig->folder_ = folder;
  rig->socket_ = folder + "/haproxy.sock";
  rig->operator_socket_ = folder + "/operator.sock";
  rig->user_socket_ = folder + "/user.sock";
  rig->listener_ = ListenOnLoopback();
  rig->port_ = PortOf(rig->listener_);
  rig->tcp_listener_ = ListenOnLoopback();
  rig->tcp_socket_ = fmt::format("ipv4@127.0.0.1:{}", PortOf(rig->tcp_listener_));
  std::ofstream(rig->folder_ / "haproxy.cfg")
      << File(rig->socket_, rig->operator_socket_, rig->user_socket_, rig->listener_,
              rig->tcp_listener_, backends);
  AUSPEX_TRY(rig->Launch());
  return rig;
}

HaproxyRig::~HaproxyRig() {
  Kill();
  ::close(listener_);
  ::close(tcp_listener_);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void HaproxyRig::Kill() {
  for (const pid_t old : std::exchange(retired_, {})) {
    ::kill(old, SIGKILL);
    ::waitpid(old, nullptr, 0);
  }
  if (pid_ <= 0) return;
  // A master whose worker is killed ends, with all other workers.
  const pid_t serving = mode_ == HaproxyMode::kMasterWorker ? ServingPid() : pid_;
  ::kill(serving > 0 ? serving : pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

Status HaproxyRig::Restart() {
  Kill();
  return Launch();
}

void HaproxyRig::Freeze() const {
  ::kill(pid_, SIGSTOP);
  // The signal is on its way: wait until it has stopped.
  ::waitpid(pid_, nullptr, WUNTRACED);
}

void HaproxyRig::Thaw() const { ::kill(pid_, SIGCONT); }

std::string HaproxyRig::MasterSocket() const { return folder_ / "master.sock"; }

void HaproxyRig::Reload() {
  if (mode_ == HaproxyMode::kMasterWorker) {
    ::kill(pid_, SIGUSR2);
    return;
  }
  retired_.push_back(pid_);
  pid_ = Fork(pid_);
}

pid_t HaproxyRig::ServingPid() const {
  const auto socket = traffic::RuntimeSocket::Parse(socket_);
  if (!socket.ok()) return -1;
  const auto answer = socket->Ask("show info", std::chrono::steady_clock::now() + 2s);
  constexpr std::string_view kKey = "\nPid: ";
  const auto at = answer.ok() ? answer->find(kKey) : std::string::npos;
  return at == std::string::npos ? -1 : std::stoi(answer->substr(at + kKey.size()));
}

pid_t HaproxyRig::Fork(pid_t old) const {
  std::vector<std::string> words = {"haproxy", "-db", "-f", folder_ / "haproxy.cfg"};
  if (mode_ == HaproxyMode::kMasterWorker) words.insert(words.end(), {"-W", "-S", MasterSocket()});
  if (old > 0) words.insert(words.end(), {"-sf", fmt::format("{}", old)});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string log_file = folder_ / "haproxy.log";
  const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const pid_t child = ::fork();
  if (child == 0) Become(arguments.data(), log, {listener_, tcp_listener_});
  ::close(log);
  return child;
}

Status HaproxyRig::Launch() {
  pid_ = Fork(-1);
  return WaitUntilItAnswers();
}

Status HaproxyRig::WaitUntilItAnswers() {
  AUSPEX_TRY(const auto socket, traffic::RuntimeSocket::Parse(socket_));
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < limit) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return Fail(ErrorCode::kUnavailable, "haproxy ended: {}", Printed());
    }
    // A master that has not started itself anew for its waiting would lose a signal.
    const bool master_waits = mode_ == HaproxyMode::kOneProcess || Answers(MasterSocket());
    if (master_waits && socket.Ask("show version", std::chrono::steady_clock::now() + 1s).ok()) {
      return {};
    }
    std::this_thread::sleep_for(5ms);
  }
  Kill();
  return Fail(ErrorCode::kUnavailable, "haproxy does not answer: {}", Printed());
}

std::string HaproxyRig::Printed() const {
  std::ostringstream printed;
  printed << std::ifstream(folder_ / "haproxy.log").rdbuf();
  return printed.str();
}

}  // namespace auspex::testing
