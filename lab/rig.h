#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "lab/faults.h"
#include "lab/load.h"

namespace auspex::lab {

struct RigOptions {
  // What runs LabMain() in a process of its own, as {"/proc/self/exe", "lab"}.
  std::vector<std::string> lab_command = {};
  // How the proxy logs its requests, as in HaproxyConfig (telemetry::ProxyLog offers both texts);
  // empty: it does not.
  std::string log_sections = {};
  std::string log_lines = {};
  std::string baseline_version = "v1";
  std::string canary_version = "v2";
  Fault fault = Fault::kNone;  // of the canary; kDependency: of both
  std::uint64_t seed = 1;
  double rps = 500.0;
  double base_error_rate = 0.01;
  Duration latency_median = 20ms;
  Duration load_duration{};  // 0: until StopLoad() or Stop()
  bool keep_files = false;   // leave the folder with configuration and output in place
};

// The whole of the lab on free ports of 127.0.0.1, each part a child process: HAProxy in front of
// server `a` (baseline, all of the traffic) and `b` (canary, none of it), Prometheus beside them,
// and open-loop load. All of it ends with the Rig, and is killed if the thread that started it
// ends.
//
//   AUSPEX_TRY(const auto rig, Rig::Start({.lab_command = {"/proc/self/exe", "lab"}, …}));
//   … steer rig->haproxy_socket() …
//   AUSPEX_TRY(rig->StartFaultClock());
//
// Not thread-safe.
class Rig {
 public:
  // Returns once all of it answers. Errors: kNotFound (haproxy or prometheus is not installed, and
  // how to), kInvalidArgument (options), kUnavailable (a part did not come up, with its last
  // words).
  static Result<std::unique_ptr<Rig>> Start(const RigOptions& options);
  ~Rig();  // Stop()

  [[nodiscard]] std::uint16_t proxy_port() const;
  [[nodiscard]] std::filesystem::path haproxy_socket() const;
  [[nodiscard]] std::string prometheus_url() const;  // http://127.0.0.1:PORT
  [[nodiscard]] std::uint16_t baseline_port() const;
  [[nodiscard]] std::uint16_t canary_port() const;
  [[nodiscard]] std::filesystem::path folder() const;

  // -1 where it does not run.
  struct Pids {
    pid_t baseline = -1, canary = -1, haproxy = -1, prometheus = -1, load = -1;
  };
  [[nodiscard]] Pids pids();

  // Timed faults go by it. Again: nothing changes. Error: kUnavailable.
  Status StartFaultClock();
  // Ends the load and gives its summary, one JSON object (load.h). Error: kUnavailable.
  Result<std::string> StopLoad();

  // SIGKILL, as in a crash; and the same configuration (so the first weights) on the same port.
  void KillHaproxy();
  Status RestartHaproxy();
  // SIGKILL to the canary's process; it stays away.
  void KillCanary();
  // SIGKILL to Prometheus; and the same again on the same port, with what it had stored.
  void KillPrometheus();
  Status RestartPrometheus();

  // Ends every process and removes the folder, unless files are kept. Idempotent.
  void Stop();

 private:
  class Impl;
  explicit Rig(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace auspex::lab
