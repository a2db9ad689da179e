#pragma once

#include <string>
#include <vector>

#include "auspex/base/result.h"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

// How the command line is explained, and what is said of one that cannot be read.
namespace auspex::cli {

// Help of `app` and of the commands made below it from now on: the footer, which holds examples,
// comes first.
void PutExamplesFirst(CLI::App* app);

// What `--help` of the command that `words` name below `app` prints. Error: kInvalidArgument where
// there is no such command, with the nearest that there is.
Result<std::string> HelpOf(const CLI::App& app, const std::vector<std::string>& words);

// Why `app` refused `words` (the line without the program's name) with `error`: the command it is
// of, what is wrong, what may have been meant, and where the help is. A word that nobody knows
// comes before what the parser says is missing, which may be that word spelt well.
std::string ExplainMisuse(const CLI::App& app, const std::vector<std::string>& words,
                          const CLI::ParseError& error);

}  // namespace auspex::cli
