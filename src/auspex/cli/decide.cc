#include "auspex/rollout/decide.h"

#include <iostream>
#include <string>

#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"

namespace auspex::cli {

int DecideStreamCommand() {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  rollout::DecideStream stream;
  for (std::string line; std::getline(std::cin, line);) {
    if (const auto answer = stream.Handle(line))
      std::cout << *answer << std::endl;  // flushed: the other side waits for it
    if (!std::cout) return kOutside;
  }
  return kGood;
}

}  // namespace auspex::cli
