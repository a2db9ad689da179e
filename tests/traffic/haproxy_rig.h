#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"

namespace auspex::testing {

// As systemd starts HAProxy (a master that starts workers), or as one process that a new one takes
// over from (`-sf`).
enum class HaproxyMode { kOneProcess, kMasterWorker };

// A real HAProxy, in a folder of its own that goes with it:
//
//   auto proxy = HaproxyRig::Start("backend checkout\n  server a 127.0.0.1:9 weight 256\n");
//
// Its frontend "shop" listens on port() and sends everything to the backend "checkout". The child
// is ended by its pid, also when the test dies. Not thread-safe, but for ServingPid.
class HaproxyRig {
 public:
  // Returns once the runtime socket answers. Error: kUnavailable, with what HAProxy printed.
  static Result<std::unique_ptr<HaproxyRig>> Start(std::string_view backends,
                                                   HaproxyMode mode = HaproxyMode::kOneProcess);
  HaproxyRig(const HaproxyRig&) = delete;
  HaproxyRig& operator=(const HaproxyRig&) = delete;
  ~HaproxyRig();

  [[nodiscard]] const std::string& socket() const { return socket_; }  // level admin
  // Of level operator, which may look and not touch.
  [[nodiscard]] const std::string& operator_socket() const { return operator_socket_; }
  // Of level user, which sees less.
  [[nodiscard]] const std::string& user_socket() const { return user_socket_; }
  // Of level admin over TCP, as `ipv4@ADDRESS:PORT`.
  [[nodiscard]] const std::string& tcp_socket() const { return tcp_socket_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  // As `kill -9` of the process that serves. Nothing if it is not running.
  void Kill();
  // With the same file, socket and port; kills it first. Error as Start.
  Status Restart();
  // Begins a reload of the same file and does not wait: for a moment the old process answers.
  void Reload();
  // Of the process that answers on the runtime socket; -1 if none does.
  [[nodiscard]] pid_t ServingPid() const;
  // SIGSTOP: connections are still taken by the system, and nobody answers.
  void Freeze() const;
  void Thaw() const;

 private:
  explicit HaproxyRig(HaproxyMode mode) : mode_(mode) {}
  [[nodiscard]] std::string MasterSocket() const;
  // In place of `old` unless it is -1.
  [[nodiscard]] pid_t Fork(pid_t old) const;
  Status Launch();
  Status WaitUntilItAnswers();
  [[nodiscard]] std::string Printed() const;

  std::filesystem::path folder_;
  std::string socket_;
  std::string operator_socket_;
  std::string user_socket_;
  std::string tcp_socket_;
  int listener_ = -1;      // the frontend's, ours: a port that nobody takes between two starts
  int tcp_listener_ = -1;  // the TCP runtime socket's
  std::uint16_t port_ = 0;
  const HaproxyMode mode_;
  pid_t pid_ = -1;              // the master's, or the process's
  std::vector<pid_t> retired_;  // processes that a new one took over from
};

}  // namespace auspex::testing
