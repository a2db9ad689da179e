#include "auspex/rollout/replay.h"

#include <fmt/core.h>

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/ledger_sight.h"
#include "auspex/cli/lines.h"
#include "auspex/rollout/decide.h"
#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"

namespace auspex::cli {
namespace {

using nlohmann::ordered_json;

struct Outcome {
  std::int64_t decisions = 0;
  std::int64_t near = 0;  // of these: the same, but not to the last bit and letter
  std::vector<std::string> differences;
  std::vector<std::string> lines;
};

std::string Summary(const Outcome& outcome) {
  if (!outcome.differences.empty()) return fmt::format("{} differ", outcome.differences.size());
  if (outcome.near == 0) return "all the same bit for bit";
  return fmt::format(
      "all the same: {} bit for bit, {} in all that is stored but the reason, numbers to 1e-9",
      outcome.decisions - outcome.near, outcome.near);
}

int Report(const std::string& what, const Outcome& outcome, bool as_json) {
  if (as_json) {
    for (const std::string& line : outcome.lines) fmt::print("{}\n", line);
  }
  for (const std::string& difference : outcome.differences) fmt::print(stderr, "{}\n", difference);
  if (!outcome.differences.empty() || outcome.decisions > 0) {
    if (!as_json)
      fmt::print("{}: {} decisions decided again, {}\n", what, outcome.decisions, Summary(outcome));
    return outcome.differences.empty() ? kGood : kBad;
  }
  fmt::print(stderr, "auspex replay: {} holds no decisions, so there is nothing to compare\n",
             what);
  return kNoAnswer;
}

// Equal in what is stored but for the reason; numbers to 1e-9, since a file may come from another
// implementation, whose sums have another order and whose sentences other words.
bool Near(const ordered_json& stored, const ordered_json& decided) {
  for (const auto& [key, value] : stored.items()) {
    if (key == "reason") continue;
    const auto found = decided.find(key);
    if (found == decided.end()) return false;
    if (value.is_number() && found->is_number()) {
      const double a = value.get<double>(), b = found->get<double>();
      if (!(std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(a)))) return false;
    } else if (value != *found) {
      return false;
    }
  }
  return true;
}

// Pairs of lines: {"in":…}, then what was answered as {"out":…}; a `stop` has no answer.
class FileReplay {
 public:
  void In(std::int64_t line, const ordered_json& in) {
    Missing();
    answer_ = stream_.Handle(in.dump());
    asked_at_ = line;
  }
  void Out(std::int64_t line, const ordered_json& out) {
    ++outcome_.decisions;
    const std::string stored = out.dump();
    if (!answer_) {
      outcome_.differences.push_back(
          fmt::format("line {}: stored {} decided nothing", line, stored));
      return;
    }
    if (stored != *answer_) {
      const bool near = out.is_object() && out.contains("decision") && out.contains("weight") &&
                        Near(out, ordered_json::parse(*answer_));
      if (near) {
        ++outcome_.near;
      } else {
        outcome_.differences.push_back(
            fmt::format("line {}: stored {} decided {}", line, stored, *answer_));
      }
    }
    outcome_.lines.push_back(*std::move(answer_));
    answer_.reset();
  }
  Outcome End() {
    Missing();
    return std::move(outcome_);
  }

 private:
  // An input whose answer nobody stored.
  void Missing() {
    if (!answer_) return;
    outcome_.differences.push_back(
        fmt::format("line {}: stored no answer to this, decided {}", asked_at_, *answer_));
    answer_.reset();
  }

  rollout::DecideStream stream_;
  std::optional<std::string> answer_;  // to the last input, until its stored one was met
  std::int64_t asked_at_ = 0;
  Outcome outcome_;
};

// A value nested deeper than any of `decide` would exhaust the stack of whoever prints it.
constexpr int kDeepest = 32;

// Not an object where the line is none, or is nested too deep.
ordered_json ParseEntry(const std::string& line) {
  bool deep = false;
  const auto shallow = [&deep](int depth, ordered_json::parse_event_t, const ordered_json&) {
    deep = deep || depth > kDeepest;
    return depth <= kDeepest;
  };
  ordered_json entry = ordered_json::parse(line, shallow, false);
  return deep ? ordered_json() : entry;
}

Result<Outcome> ReplayLines(std::istream& in, const std::string& name) {
  // A stored line holds its `decide` line and a few bytes around it.
  LineReader lines(in, rollout::DecideStream::kLongestLine + 64);
  FileReplay replay;
  for (std::string line; lines.Next(&line);) {
    const ordered_json entry = ParseEntry(line);
    if (entry.is_object() && entry.size() == 1 && entry.contains("in")) {
      replay.In(lines.number(), entry["in"]);
    } else if (entry.is_object() && entry.size() == 1 && entry.contains("out")) {
      replay.Out(lines.number(), entry["out"]);
    } else {
      return Fail(ErrorCode::kInvalidArgument,
                  "{}:{}:1: a line is {{\"in\":…}} or {{\"out\":…}}, of `decide`", name,
                  lines.number());
    }
  }
  return replay.End();
}

Result<Outcome> ReplayFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return Fail(ErrorCode::kPermissionDenied, "{} cannot be read: {}", path,
                std::generic_category().message(errno));
  }
  return ReplayLines(file, path);
}

Result<Outcome> ReplayDeployment(const LedgerOptions& given, const std::string& id) {
  AUSPEX_TRY(const LedgerOptions options, InFolder(given));
  std::unique_ptr<storage::ObjectStore> objects;
  if (std::filesystem::is_directory(options.objects)) {
    AUSPEX_TRY(objects, storage::FilesystemStore::Open(options.objects));
  }
  AUSPEX_TRY(const auto ledger, storage::SqliteLedger::OpenReadOnly(options.ledger, objects.get()));
  AUSPEX_TRY(const std::vector<storage::Entry> entries, rollout::AllEntries(ledger.get(), id));
  auto replayed = rollout::Replay(entries);
  if (!replayed.ok() && replayed.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kNotFound,
                "{} has no deployment '{}', and there is no such file; `auspex rollout list --all` "
                "shows the ids, --ledger names another ledger",
                options.ledger, id);
  }
  if (!replayed.ok()) return Within(fmt::format("{} in {}", id, options.ledger), replayed.error());
  return Outcome{.decisions = replayed->decisions,
                 .differences = replayed->differences,
                 .lines = replayed->lines};
}

// A file, also a pipe, before a deployment of that name.
Result<Outcome> ReplayWhat(const LedgerOptions& options, const std::string& what) {
  if (what == "-") return ReplayLines(std::cin, "<stdin>");
  std::error_code ignored;
  const auto status = std::filesystem::status(what, ignored);
  const bool is_file = std::filesystem::exists(status) && !std::filesystem::is_directory(status);
  return is_file ? ReplayFile(what) : ReplayDeployment(options, what);
}

}  // namespace

int Replay(const LedgerOptions& options, const std::string& what) {
  const Result<Outcome> outcome = ReplayWhat(options, what);
  if (!outcome.ok()) return ComplainOfLedger("replay", outcome.error(), options.ledger);
  return Report(what == "-" ? "<stdin>" : what, *outcome, options.json);
}

}  // namespace auspex::cli
