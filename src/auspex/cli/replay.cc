#include "auspex/rollout/replay.h"

#include <fmt/core.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/rollout/decide.h"
#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"

namespace auspex::cli {
namespace {

using nlohmann::json;

struct Outcome {
  std::int64_t decisions = 0;
  std::vector<std::string> differences;
  std::vector<std::string> lines;
};

int Report(const std::string& what, const Outcome& outcome, bool as_json) {
  if (as_json) {
    for (const std::string& line : outcome.lines) fmt::print("{}\n", line);
  }
  for (const std::string& difference : outcome.differences) fmt::print(stderr, "{}\n", difference);
  if (!as_json) {
    fmt::print("{}: {} decisions decided again, {}\n", what, outcome.decisions,
               outcome.differences.empty() ? "all the same bit for bit"
                                           : fmt::format("{} differ", outcome.differences.size()));
  }
  return outcome.differences.empty() ? kGood : kBad;
}

// Equal but for reasons; numbers to 1e-9, since a file may come from another implementation.
bool Same(const json& stored, const json& decided) {
  for (const auto& [key, value] : stored.items()) {
    if (key == "reason") continue;
    if (!decided.contains(key)) return false;
    const json& other = decided[key];
    if (value.is_number() && other.is_number()) {
      const double a = value.get<double>(), b = other.get<double>();
      if (std::abs(a - b) > 1e-9 * std::max(1.0, std::abs(a))) return false;
    } else if (value != other) {
      return false;
    }
  }
  return true;
}

Result<Outcome> ReplayFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Fail(ErrorCode::kNotFound, "{} cannot be read", path);
  rollout::DecideStream stream;
  Outcome outcome;
  std::optional<std::string> answer;
  std::int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const json entry = json::parse(line, nullptr, false);
    if (entry.is_object() && entry.contains("in")) {
      answer = stream.Handle(entry["in"].dump());
    } else if (entry.is_object() && entry.contains("out")) {
      ++outcome.decisions;
      if (!answer || !Same(entry["out"], json::parse(*answer))) {
        outcome.differences.push_back(fmt::format("line {}: stored {} decided {}", number,
                                                  entry["out"].dump(), answer.value_or("nothing")));
      }
      if (answer) outcome.lines.push_back(*answer);
    } else {
      return Fail(ErrorCode::kInvalidArgument, "{}:{}: a line is {{\"in\":…}} or {{\"out\":…}}",
                  path, number);
    }
  }
  return outcome;
}

Result<Outcome> ReplayDeployment(const LedgerOptions& options, const std::string& id) {
  std::unique_ptr<storage::ObjectStore> objects;
  if (std::filesystem::is_directory(options.objects)) {
    AUSPEX_TRY(objects, storage::FilesystemStore::Open(options.objects));
  }
  AUSPEX_TRY(const auto ledger, storage::SqliteLedger::OpenReadOnly(options.ledger, objects.get()));
  AUSPEX_TRY(const std::vector<storage::Entry> entries, rollout::AllEntries(ledger.get(), id));
  auto replayed = rollout::Replay(entries);
  if (!replayed.ok()) return Within(fmt::format("{} in {}", id, options.ledger), replayed.error());
  return Outcome{.decisions = replayed->decisions,
                 .differences = replayed->differences,
                 .lines = replayed->lines};
}

}  // namespace

int Replay(const LedgerOptions& options, const std::string& what) {
  const bool is_file = std::filesystem::is_regular_file(what);
  const Result<Outcome> outcome = is_file ? ReplayFile(what) : ReplayDeployment(options, what);
  return outcome.ok() ? Report(what, *outcome, options.json) : Complain("replay", outcome.error());
}

}  // namespace auspex::cli
