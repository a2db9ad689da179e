#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "lab/simulator/cases.h"
#include "lab/simulator/policy.h"
#include "lab/simulator/summary.h"
#include "lab/simulator/svg_plot.h"

namespace auspex::cli {
namespace {

namespace simulator = lab::simulator;

// Whose harm the ratios are over.
constexpr const char* kReference = "classic-balanced";

// Shows on standard error how far it is, once it takes more than a second: on a terminal a line
// that is written over, else a line every ten seconds.
class Meter {
 public:
  explicit Meter(std::size_t whole) : whole_(whole), start_(Clock::now()), shown_(start_) {}
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;
  ~Meter() {
    if (drawn_ && terminal_) fmt::print(stderr, "\r\033[K");
  }
  void Show(std::size_t done) {
    const Clock::time_point now = Clock::now();
    const double elapsed_s = Seconds(now - start_);
    if (elapsed_s < 1.0 || Seconds(now - shown_) < (terminal_ ? .2 : 10.0) || done == 0) return;
    shown_ = now;
    drawn_ = true;
    const double rate = static_cast<double>(done) / elapsed_s;
    fmt::print(stderr, "{}simulate: {} of {} deployments ({:.0f} %), {:.1f}/s, {:.0f} s left{}",
               terminal_ ? "\r\033[K" : "", done, whole_,
               100.0 * static_cast<double>(done) / static_cast<double>(whole_), rate,
               static_cast<double>(whole_ - done) / rate, terminal_ ? "" : "\n");
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double Seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }
  const std::size_t whole_;
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  const Clock::time_point start_;
  Clock::time_point shown_;
  bool drawn_ = false;
};

constexpr std::size_t kCaseRuns = 2000;

int SimulateCases(const SimulateOptions& options) {
  std::vector<simulator::CaseResult> results;
  for (const simulator::Case& known : simulator::KnownCases())
    results.push_back(simulator::JudgeCase(known, kCaseRuns, options.seed));
  fmt::print("{}\n", options.json ? ToJson(results, kCaseRuns) : ToText(results, kCaseRuns));
  return kGood;
}

}  // namespace

int Simulate(const SimulateOptions& options) {
  if (options.cases) return SimulateCases(options);
  auto policies = simulator::FindPolicies(options.policies);
  if (!policies.ok()) return Complain("simulate", policies.error());
  // Opened first: a place that cannot be written to is known before the work, not after it.
  std::ofstream plot;
  if (!options.plot.empty()) {
    plot.open(options.plot);
    if (!plot) {
      return Complain("simulate",
                      Fail(ErrorCode::kInvalidArgument,
                           "--plot: '{}' cannot be written; name a file in a folder that is there",
                           options.plot)
                          .error);
    }
  }
  simulator::StudyOptions study{.policies = *std::move(policies),
                                .first = options.seed,
                                .deployments = options.deployments,
                                .jobs = options.jobs};
  if (study.jobs == 0) study.jobs = std::max(1U, std::thread::hardware_concurrency());
  Meter meter(study.deployments);
  const simulator::Summary summary =
      simulator::Summarize(simulator::Conduct(study, [&](std::size_t done) { meter.Show(done); }),
                           {.reference = kReference});
  fmt::print("{}\n", options.json ? ToJson(summary) : ToText(summary));
  if (plot.is_open() && !(plot << simulator::HarmPlot(summary) << std::flush)) {
    return Complain(
        "simulate",
        Fail(ErrorCode::kUnavailable, "--plot: writing '{}' failed", options.plot).error);
  }
  return kGood;
}

}  // namespace auspex::cli
