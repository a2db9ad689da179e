#include "auspex/rollout/decide.h"

#include <fmt/core.h>

#include <iostream>
#include <string>

#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/lines.h"

namespace auspex::cli {

int DecideStreamCommand() {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  rollout::DecideStream stream;
  LineReader lines(std::cin, rollout::DecideStream::kLongestLine);
  for (std::string line; lines.Next(&line);) {
    if (const auto answer = stream.Handle(line))
      std::cout << *answer << std::endl;  // flushed: the other side waits for it
    if (!std::cout) {
      fmt::print(stderr, "auspex decide: standard output takes no more answers; line {} got none\n",
                 lines.number());
      return kOutside;
    }
  }
  return kGood;
}

}  // namespace auspex::cli
