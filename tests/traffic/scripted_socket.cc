#include "tests/traffic/scripted_socket.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace auspex::testing {

std::string ScriptedSocket::Connection::ReadLine() {
  std::string line;
  char byte = 0;
  while (::recv(fd_, &byte, 1, 0) == 1) {
    if (byte == '\n') return line;
    line.push_back(byte);
  }
  return {};
}

bool ScriptedSocket::Connection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void ScriptedSocket::Connection::WaitUntilThePeerLeaves() {
  char byte = 0;
  while (::recv(fd_, &byte, 1, 0) == 1) continue;
}

ScriptedSocket::ScriptedSocket(Script script) : script_(std::move(script)) {
  std::string folder = std::filesystem::temp_directory_path() / "auspex-socket-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return;
  folder_ = folder;
  path_ = folder_ / "s.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::listen(listener_, 16);
  thread_ = std::thread([this] { Run(); });
}

ScriptedSocket::Script ScriptedSocket::Answering(
    std::function<std::string(const std::string&)> answer) {
  return [answer = std::move(answer)](Connection& connection) {
    const std::string command = connection.ReadLine();
    if (!command.empty()) connection.Write(answer(command));
  };
}

ScriptedSocket::~ScriptedSocket() {
  ending_ = true;
  ::shutdown(listener_, SHUT_RDWR);  // wakes accept()
  if (thread_.joinable()) thread_.join();
  ::close(listener_);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void ScriptedSocket::Run() {
  while (!ending_) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    Connection connection(fd);
    script_(connection);
    ::close(fd);
  }
}

}  // namespace auspex::testing
