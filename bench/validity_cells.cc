// False alarms of one metric in 96 cells (section 9.4): validity_cells [RUNS], default 20,000 a
// cell, on all cores. Prints a row a cell: the share of runs in which E reached 1/alpha at any of
// 720 looks, for alpha .05 and .01. Exit 1 if one is above its alpha.

#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "tests/evidence/tolerated_canary.h"

int main(int argc, char** argv) {
  using namespace auspex::evidence;
  const int runs = argc > 1 ? std::atoi(argv[1]) : 20'000;
  if (runs <= 0) {
    fmt::print(stderr, "usage: validity_cells [RUNS], RUNS above 0\n");
    return 2;
  }
  std::vector<ToleratedCanary> cells;
  for (const double ratio : {1.0, kToleratedRatio}) {
    for (const Load load : {Load::kStationary, Load::kDiurnal, Load::kDiurnalWithOutages}) {
      for (const double rate : {1.0, 10.0, 100.0, 10'000.0}) {
        for (const double p : {1e-5, 1e-4, 1e-3, 1e-2})
          cells.push_back({.requests_per_s = rate, .error_rate = p, .ratio = ratio, .load = load});
      }
    }
  }
  std::vector<FalseAlarmCounts> counts(cells.size());
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
      workers.emplace_back([&] {
        for (std::size_t cell = next++; cell < cells.size(); cell = next++)
          counts[cell] = CountFalseAlarms(cells[cell], runs);
      });
    }
  }
  bool kept = true;
  fmt::print("{:<44} {:>10} {:>10}\n", "cell", "alpha .05", "alpha .01");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double at_05 = static_cast<double>(counts[i].at_05) / runs;
    const double at_01 = static_cast<double>(counts[i].at_01) / runs;
    kept = kept && at_05 <= .05 && at_01 <= .01;
    fmt::print("{:<44} {:>10.5f} {:>10.5f}\n", NameOf(cells[i]), at_05, at_01);
  }
  return kept ? 0 : 1;
}
