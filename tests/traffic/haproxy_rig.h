#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex::testing {

// A real HAProxy, in a folder of its own that goes with it:
//
//   auto proxy = HaproxyRig::Start("backend checkout\n  server a 127.0.0.1:9 weight 256\n");
//
// Its frontend "shop" listens on port() and sends everything to the backend "checkout". The child
// is ended by its pid, also when the test dies. Not thread-safe.
class HaproxyRig {
 public:
  // Returns once the runtime socket answers. Error: kUnavailable, with what HAProxy printed.
  static Result<std::unique_ptr<HaproxyRig>> Start(std::string_view backends);
  HaproxyRig(const HaproxyRig&) = delete;
  HaproxyRig& operator=(const HaproxyRig&) = delete;
  ~HaproxyRig();

  [[nodiscard]] const std::string& socket() const { return socket_; }  // level admin
  // Of level operator, which may look and not touch.
  [[nodiscard]] const std::string& operator_socket() const { return operator_socket_; }
  // Of level admin over TCP, as `ipv4@ADDRESS:PORT`.
  [[nodiscard]] const std::string& tcp_socket() const { return tcp_socket_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  // As `kill -9`. Nothing if it is not running.
  void Kill();
  // With the same file, socket and port; kills it first. Error as Start.
  Status Restart();
  // SIGSTOP: connections are still taken by the system, and nobody answers.
  void Freeze() const;
  void Thaw() const;

 private:
  HaproxyRig() = default;
  Status Launch();
  Status WaitUntilItAnswers();
  [[nodiscard]] std::string Printed() const;

  std::filesystem::path folder_;
  std::string socket_;
  std::string operator_socket_;
  std::string tcp_socket_;
  int listener_ = -1;      // the frontend's, ours: a port that nobody takes between two starts
  int tcp_listener_ = -1;  // the TCP runtime socket's
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace auspex::testing
