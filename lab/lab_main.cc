#include "lab/lab_main.h"

#include <fmt/format.h>
#include <signal.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "auspex/telemetry/sources/proxy_log.h"
#include "lab/load.h"
#include "lab/rig.h"
#include "lab/rig_config.h"
#include "lab/sample_service.h"

namespace auspex::lab {
namespace {

constexpr int kWrongUse = 2;
constexpr int kOutside = 3;

using Flags = std::map<std::string_view, std::function<Status(std::string_view)>>;

template <typename T>
Status ReadNumber(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return {};
  return Fail(ErrorCode::kInvalidArgument, "'{}' is not a number in its range", text);
}

template <typename T>
std::function<Status(std::string_view)> Number(T& value) {
  return [&value](std::string_view text) { return ReadNumber(text, value); };
}

// A number of `unit`s, up to a day.
std::function<Status(std::string_view)> Time(Duration& value, Duration unit) {
  return [&value, unit](std::string_view text) -> Status {
    double number = 0.0;
    AUSPEX_TRY(ReadNumber(text, number));
    const double seconds = number * Seconds(unit);
    if (!(seconds >= 0.0 && seconds <= 86400.0)) {
      return Fail(ErrorCode::kInvalidArgument, "'{}' is not a time between 0 and a day", text);
    }
    value = FromSeconds(seconds);
    return {};
  };
}

Status ReadFlags(const std::vector<std::string_view>& words, const Flags& flags) {
  std::string names;
  for (const auto& [name, read] : flags) names += fmt::format(" {}", name);
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const auto flag = flags.find(words[i]);
    if (flag == flags.end()) {
      return Fail(ErrorCode::kInvalidArgument, "no flag '{}'; there is{}", words[i], names);
    }
    if (i + 1 == words.size()) {
      return Fail(ErrorCode::kInvalidArgument, "{} needs a value", words[i]);
    }
    const Status read = flag->second(words[i + 1]);
    if (!read.ok()) return Within(words[i], read.error());
  }
  return {};
}

int Refuse(std::string_view command, const Error& error) {
  fmt::print(stderr, "error: lab {}: {}\n", command, error.message);
  return kWrongUse;
}

int ServiceMain(const std::vector<std::string_view>& words) {
  ServiceOptions options;
  std::uint32_t memory_mib = 32;
  const Flags flags = {
      {"--port", Number(options.port)},
      {"--port-file",
       [&](std::string_view text) -> Status {
         options.port_file = text;
         return {};
       }},
      {"--version",
       [&](std::string_view text) -> Status {
         options.version = text;
         return {};
       }},
      {"--fault",
       [&](std::string_view text) -> Status {
         AUSPEX_TRY(options.fault, ParseFault(text));
         return {};
       }},
      {"--seed", Number(options.seed)},
      {"--error-rate", Number(options.base_error_rate)},
      {"--latency-ms", Time(options.latency_median, 1ms)},
      {"--latency-sigma", Number(options.latency_sigma)},
      {"--cold-s", Time(options.cold_for, 1s)},
      {"--cold-factor", Number(options.cold_factor)},
      {"--total-rps", Number(options.total_rps)},
      {"--memory-mib",
       [&](std::string_view text) -> Status {
         AUSPEX_TRY(ReadNumber(text, memory_mib));
         if (memory_mib > 65536) return Fail(ErrorCode::kInvalidArgument, "65536 MiB at most");
         return {};
       }},
  };
  if (const Status read = ReadFlags(words, flags); !read.ok())
    return Refuse("service", read.error());
  options.memory_bytes = std::size_t{memory_mib} << 20U;
  return RunSampleService(options);
}

int LoadMain(const std::vector<std::string_view>& words) {
  LoadOptions options;
  const Flags flags = {
      {"--port", Number(options.port)},
      {"--rps", Number(options.rps)},
      {"--seconds", Time(options.duration, 1s)},
      {"--seed", Number(options.seed)},
      {"--timeout-s", Time(options.timeout, 1s)},
      {"--connections", Number(options.max_connections)},
  };
  if (const Status read = ReadFlags(words, flags); !read.ok()) return Refuse("load", read.error());
  return RunLoad(options);
}

// Blocks SIGTERM and SIGINT in this thread and those that it starts; tells of the next one.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int number : {SIGTERM, SIGINT}) sigaddset(&set_, number);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  void Wait() const {
    int number = 0;
    ::sigwait(&set_, &number);
  }

 private:
  sigset_t set_{};
};

int RigMain(const std::vector<std::string_view>& words) {
  RigOptions options{.lab_command = {"/proc/self/exe", "lab"}};
  std::uint16_t feed_port = 0;
  const Flags flags = {
      {"--feed-port", Number(feed_port)},
      {"--fault",
       [&](std::string_view text) -> Status {
         AUSPEX_TRY(options.fault, ParseFault(text));
         return {};
       }},
      {"--rps", Number(options.rps)},
      {"--seed", Number(options.seed)},
  };
  if (const Status read = ReadFlags(words, flags); !read.ok()) return Refuse("rig", read.error());
  if (feed_port != 0) {
    options.log_sections =
        telemetry::ProxyLog::RingSection({.address = "127.0.0.1", .port = feed_port});
    options.log_lines = telemetry::ProxyLog::LogFormat();
  }
  const Signals signals;
  const auto rig = Rig::Start(options);
  if (!rig.ok()) {
    fmt::print(stderr, "error: lab rig: {}\n", rig.error().message);
    return kOutside;
  }
  fmt::print(
      R"({{"socket":"{}","backend":"{}","servers":["{}","{}"],"proxy_port":{},"prometheus":"{}"}})"
      "\n",
      (*rig)->haproxy_socket().string(), kBackend, kServerA, kServerB, (*rig)->proxy_port(),
      (*rig)->prometheus_url());
  std::fflush(stdout);
  signals.Wait();
  return 0;
}

}  // namespace

int LabMain(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  const std::vector<std::string_view> words(argv + (argc > 1 ? 2 : argc), argv + argc);
  if (command == "service") return ServiceMain(words);
  if (command == "load") return LoadMain(words);
  if (command == "rig") return RigMain(words);
  fmt::print(stderr, "error: lab: '{}' is none of service, load, rig\n", command);
  return kWrongUse;
}

}  // namespace auspex::lab
