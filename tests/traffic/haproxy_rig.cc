#include "tests/traffic/haproxy_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include "auspex/traffic/haproxy/runtime_socket.h"
#include "tests/traffic/tiny_http.h"

namespace auspex::testing {
namespace {

std::string File(std::string_view socket, std::string_view operator_socket, int listener,
                 int tcp_listener, std::string_view backends) {
  return fmt::format(R"(global
  maxconn 200
  stats socket "{}" mode 600 level admin
  stats socket "{}" mode 600 level operator
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
                     socket, operator_socket, tcp_listener, listener, backends);
}

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void Become(const char* file, int log, std::array<int, 2> inherited) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  for (const int fd : inherited) ::fcntl(fd, F_SETFD, 0);
  ::execlp("haproxy", "haproxy", "-db", "-f", file, nullptr);
  ::execl("/usr/sbin/haproxy", "haproxy", "-db", "-f", file, nullptr);
  ::_exit(127);
}

}  // namespace

Result<std::unique_ptr<HaproxyRig>> HaproxyRig::Start(std::string_view backends) {
  std::unique_ptr<HaproxyRig> rig(new HaproxyRig());
  std::string folder = std::filesystem::temp_directory_path() / "auspex-haproxy-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    return Fail(ErrorCode::kUnavailable, "mkdtemp {}: {}", folder,
                std::generic_category().message(errno));
  }
  rig->folder_ = folder;
  rig->socket_ = folder + "/haproxy.sock";
  rig->operator_socket_ = folder + "/operator.sock";
  rig->listener_ = ListenOnLoopback();
  rig->port_ = PortOf(rig->listener_);
  rig->tcp_listener_ = ListenOnLoopback();
  rig->tcp_socket_ = fmt::format("ipv4@127.0.0.1:{}", PortOf(rig->tcp_listener_));
  std::ofstream(rig->folder_ / "haproxy.cfg")
      << File(rig->socket_, rig->operator_socket_, rig->listener_, rig->tcp_listener_, backends);
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
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
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

Status HaproxyRig::Launch() {
  const std::string file = folder_ / "haproxy.cfg";
  const std::string log_file = folder_ / "haproxy.log";
  const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  pid_ = ::fork();
  if (pid_ == 0) Become(file.c_str(), log, {listener_, tcp_listener_});
  ::close(log);
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
    if (socket.Ask("show version", std::chrono::steady_clock::now() + 1s).ok()) return {};
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
