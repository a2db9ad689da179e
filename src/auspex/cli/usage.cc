#include "auspex/cli/usage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <regex>
#include <sstream>
#include <string_view>
#include <utility>

#include "auspex/base/nearest.h"

namespace auspex::cli {
namespace {

class ExampleFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    const std::string examples = app->get_footer();
    std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
    if (examples.empty()) return help;
    const std::size_t at = help.find(examples);
    if (at != std::string::npos) help.erase(at, examples.size());
    return "Examples:\n" + examples + "\n\n" + help;
  }
};

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) { return app.get_subcommands({}); }

std::vector<std::string> NamesOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : CommandsOf(app)) names.push_back(command->get_name());
  return names;
}

// The command that the first words name.
struct Found {
  const CLI::App* command;
  std::string name;   // "auspex rollout pause"
  std::size_t words;  // that name it
};

Found Find(const CLI::App& app, const std::vector<std::string>& words) {
  Found found{&app, app.get_name(), 0};
  while (found.words < words.size()) {
    const CLI::App* next = nullptr;
    for (const CLI::App* command : CommandsOf(*found.command)) {
      if (command->get_name() == words[found.words]) next = command;
    }
    if (next == nullptr) break;
    found = {next, fmt::format("{} {}", found.name, next->get_name()), found.words + 1};
  }
  return found;
}

// `auspex pause ID` means `auspex rollout pause ID`; of several groups that have one, each.
std::optional<std::string> Below(const CLI::App& app, const std::string& name) {
  std::vector<std::string> found;
  for (const CLI::App* group : CommandsOf(app)) {
    for (const std::string& below : NamesOf(*group)) {
      if (below == name) found.push_back(fmt::format("{} {}", group->get_name(), name));
    }
  }
  if (found.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(found, " or "));
}

std::optional<std::string> MeantCommand(const CLI::App& group, const std::string& word) {
  if (auto below = Below(group, word)) return below;
  if (auto near = Nearest(word, NamesOf(group))) return near;
  std::vector<std::string> below;
  for (const CLI::App* command : CommandsOf(group)) {
    for (const std::string& name : NamesOf(*command)) below.push_back(name);
  }
  const auto near = Nearest(word, below);
  return near ? Below(group, *near) : std::nullopt;
}

std::string NoCommand(const CLI::App& group, const std::string& word) {
  if (const auto meant = MeantCommand(group, word))
    return fmt::format("no command '{}'; did you mean {}?", word, *meant);
  return fmt::format("no command '{}'; there is {}", word, fmt::join(NamesOf(group), ", "));
}

// The one name that begins so, or the nearest.
std::optional<std::string> MeantOption(const std::string& bare,
                                       const std::vector<std::string>& names) {
  const auto begins = [&bare](const std::string& name) { return name.starts_with(bare); };
  if (!bare.empty() && std::count_if(names.begin(), names.end(), begins) == 1)
    return *std::find_if(names.begin(), names.end(), begins);
  return Nearest(bare, names);
}

std::string NoOption(const CLI::App& command, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  const std::size_t bare = std::min(word.find_first_not_of('-'), word.size());
  if (const auto meant = MeantOption(word.substr(bare), names))
    return fmt::format("no option '{}'; did you mean --{}?", word, *meant);
  if (!CommandsOf(command).empty())
    return fmt::format("no option '{}' here; options stand after the command", word);
  return fmt::format("no option '{}'; there is --{}", word, fmt::join(names, ", --"));
}

// The first word after the command's name that looks like an option and is none of its own.
std::optional<std::string> UnknownOption(const CLI::App& command,
                                         const std::vector<std::string>& words, std::size_t from) {
  for (std::size_t i = from; i < words.size() && words[i] != "--"; ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    if (name.size() < 2 || name[0] != '-') continue;
    const CLI::Option* option = command.get_option_no_throw(name);
    if (option == nullptr) return name;
    if (equals == std::string::npos && option->get_items_expected_min() > 0) ++i;  // its value
  }
  return std::nullopt;
}

// "--rps: Value abc not in range 1.000000 to 20000.000000"; "--fault: x not in {none,errors}".
std::string NotAllowed(const std::string& said) {
  static const std::regex kRange(R"(^(.*): Value (.*) not in range (\S+) to (\S+)$)");
  static const std::regex kOneOf(R"(^(.*): (.*) not in \{(.*)\}$)");
  std::smatch parts;
  if (std::regex_match(said, parts, kRange)) {
    return fmt::format("{}: '{}' is not a number from {:g} to {:g}", parts[1].str(), parts[2].str(),
                       std::stod(parts[3]), std::stod(parts[4]));
  }
  if (!std::regex_match(said, parts, kOneOf)) return said;
  std::vector<std::string> allowed;
  std::istringstream list(parts[3].str());
  for (std::string one; std::getline(list, one, ',');) allowed.push_back(one);
  const auto meant = Nearest(parts[2].str(), allowed);
  return fmt::format("{}: '{}' is not one of {}{}", parts[1].str(), parts[2].str(),
                     fmt::join(allowed, ", "), meant ? "; did you mean " + *meant + "?" : "");
}

// "what is required": a positional's name alone tells little.
std::string Missing(const CLI::App& command, const std::string& said) {
  const CLI::Option* option = command.get_option_no_throw(said.substr(0, said.find(' ')));
  if (option == nullptr || !option->get_positional() || option->get_description().empty())
    return said;
  const std::string& text = option->get_description();
  return fmt::format("{}: {}", said, text.substr(0, text.find(';')));
}

// The parser's sentence, in ours where it has one that tells little.
std::string Refusal(const CLI::App& command, const CLI::ParseError& error) {
  std::string said = error.what();
  switch (static_cast<CLI::ExitCodes>(error.get_exit_code())) {
    case CLI::ExitCodes::ExtrasError: {  // "The following argument was not expected: more"
      std::string extra;
      for (const std::string& word : command.remaining()) extra += fmt::format(" '{}'", word);
      return fmt::format("more arguments than it takes:{}", extra);
    }
    case CLI::ExitCodes::RequiredError:
      return Missing(command, said);
    case CLI::ExitCodes::ValidationError:
      return NotAllowed(said);
    case CLI::ExitCodes::ArgumentMismatch:  // "--reason: 1 required TEXT missing"
      if (said.find("At Most 1") != std::string::npos)
        return said.substr(0, said.find(':')) + " is given more than once";
      return said.ends_with(" missing") ? said.substr(0, said.find(':')) + " needs a value" : said;
    case CLI::ExitCodes::ConversionError: {  // "Could not convert: --seed = abc"
      constexpr std::string_view kBefore = "Could not convert: ";
      const std::size_t equals = said.find(" = ");
      if (!said.starts_with(kBefore) || equals == std::string::npos) return said;
      return fmt::format("{}: '{}' cannot be read as its value",
                         said.substr(kBefore.size(), equals - kBefore.size()),
                         said.substr(equals + 3));
    }
    default:
      return said;
  }
}

std::string WhatIsWrong(const Found& found, const std::vector<std::string>& words,
                        const CLI::ParseError& error) {
  const CLI::App& command = *found.command;
  const bool is_group = !CommandsOf(command).empty();
  const bool more = found.words < words.size();
  if (is_group && more && words[found.words].substr(0, 1) != "-")
    return NoCommand(command, words[found.words]);
  if (const auto unknown = UnknownOption(command, words, found.words))
    return NoOption(command, *unknown);
  if (is_group)
    return fmt::format("a command is missing; there is {}", fmt::join(NamesOf(command), ", "));
  return Refusal(command, error);
}

}  // namespace

void PutExamplesFirst(CLI::App* app) { app->formatter(std::make_shared<ExampleFormatter>()); }

Result<std::string> HelpOf(const CLI::App& app, const std::vector<std::string>& words) {
  const Found found = Find(app, words);
  if (found.words < words.size()) {
    const std::string& word = words[found.words];
    return Fail(ErrorCode::kInvalidArgument, "{}",
                CommandsOf(*found.command).empty()
                    ? fmt::format("{} has no commands of its own, so no '{}'", found.name, word)
                    : NoCommand(*found.command, word));
  }
  return found.command->get_formatter()->make_help(found.command, found.name,
                                                   CLI::AppFormatMode::Normal);
}

std::string ExplainMisuse(const CLI::App& app, const std::vector<std::string>& words,
                          const CLI::ParseError& error) {
  const Found found = Find(app, words);
  const std::string wrong = WhatIsWrong(found, words, error);
  return fmt::format("{}: {}{} see `{} --help`", found.name, wrong, wrong.ends_with('?') ? "" : ";",
                     found.name);
}

}  // namespace auspex::cli
