#include "auspex/training/model_card.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "auspex/base/clock.h"

namespace auspex::training {
namespace {

std::string Figure(double value) {
  return std::isnan(value) ? std::string("n/a") : fmt::format("{:.4f}", value);
}

std::string When(const ModelRecord& record, double time) {
  if (record.roles.time.empty()) return fmt::format("row {:.0f}", time + 1);
  return ToRfc3339(FromMicros(std::llround(time * 1e6)));
}

std::string Columns(const ModelRecord& record) {
  std::string text = fmt::format("- Outcome: `{}` (1 is a failure)\n", record.roles.label);
  text += record.roles.time.empty() ? "- Time: the order of rows\n"
                                    : fmt::format("- Time: `{}`\n", record.roles.time);
  if (!record.roles.group.empty())
    text += fmt::format("- Group: `{}`, {} of them\n", record.roles.group, record.groups);
  if (!record.roles.drop.empty())
    text += fmt::format("- Left out: `{}`\n", fmt::join(record.roles.drop, "`, `"));
  return text;
}

std::string Candidates(const ModelRecord& record) {
  std::string text = "| candidate | AUC | log loss |";
  const std::size_t folds = record.tried.front().folds.size();
  for (std::size_t k = 0; k < folds; ++k) text += fmt::format(" AUC {} |", k + 1);
  text += "\n|---|---|---|";
  for (std::size_t k = 0; k < folds; ++k) text += "---|";
  text += "\n";
  for (const TriedCandidate& tried : record.tried) {
    text += fmt::format("| {}{} | {} | {} |", tried.name, tried.chosen ? " (chosen)" : "",
                        Figure(tried.auc), Figure(tried.log_loss));
    for (const model::Metrics& fold : tried.folds) text += fmt::format(" {} |", Figure(fold.auc));
    text += "\n";
  }
  return text;
}

std::string Features(const Artefact& artefact) {
  std::string text = "| feature | unit | scale |\n|---|---|---|\n";
  for (const model::Feature& feature : artefact.model->features())
    text +=
        fmt::format("| {} | {} | {} |\n", feature.name, feature.unit, model::Name(feature.scale));
  return text;
}

}  // namespace

std::string ModelCard(const Artefact& artefact) {
  const ModelRecord& record = artefact.record;
  std::string text = "# Model card\n\n";
  text += fmt::format(
      "Says how likely a row is to fail: the chance that `{}` is 1, known before the outcome "
      "is.\n\n## Learned from\n\n",
      record.roles.label);
  text += fmt::format(
      "- {} rows, of which {} failed ({:.1f} %), from {} to {}\n", record.rows, record.failures,
      100.0 * static_cast<double>(record.failures) / static_cast<double>(record.rows),
      When(record, record.first_time), When(record, record.last_time));
  if (record.unknown > 0)
    text += fmt::format("- {} rows whose outcome was not known by then: not learned from\n",
                        record.unknown);
  text += Columns(record);
  text += fmt::format("- History of the group's earlier outcomes: {}\n",
                      record.history ? "yes, point in time" : "no");
  text += fmt::format("- SHA-256 of the data: `{}`\n\n## Learner\n\n", record.data_sha256);
  text += fmt::format("- {}{}\n- {}\n- Seed {}\n", record.learner,
                      record.recent ? ", recent rows first" : "", record.parameters, record.seed);
  text += fmt::format(
      "- Calibration: log-odds = {:.4f} x margin {:+.4f}, fitted on the folds' later rows\n",
      artefact.model->calibration().slope, artefact.model->calibration().intercept);
  text +=
      "\n## How good it was on later rows\n\nEach fold learns from everything before it. The "
      "blend is chosen, unless another's log loss is less by more than two standard errors.\n\n";
  text += Candidates(record);
  if (record.later.rows > 0)
    text += fmt::format(
        "\nThe chosen one, each fold but the first calibrated on those before it ({} rows, {} "
        "failed): AUC {}, "
        "average precision {}, log loss {}, Brier {}, calibration error {}.\n",
        record.later.rows, record.later.failures, Figure(record.later.auc),
        Figure(record.later.average_precision), Figure(record.later.log_loss),
        Figure(record.later.brier), Figure(record.later.calibration_error));
  if (!record.single_column.empty())
    text += fmt::format(
        "\nOn the same rows `{}` alone, the best single column in hindsight, has AUC {}.\n",
        record.single_column, Figure(record.single_auc));
  text +=
      "\n## Limits\n\n"
      "- It has learned what went together, not what causes what.\n"
      "- Where the way of working changes, so does what it says: evaluate it on newer rows, and "
      "train again.\n";
  for (const std::string& note : record.notes) text += fmt::format("- {}\n", note);
  text += "\n## Features\n\n" + Features(artefact);
  return text;
}

std::string FoldsText(const ModelRecord& record) {
  std::string text =
      fmt::format("  {:<24}{:>8}{:>10}   {}\n", "candidate", "AUC", "log loss", "AUC of each fold");
  for (const TriedCandidate& tried : record.tried) {
    text += fmt::format("{} {:<24}{:>8}{:>10}  ", tried.chosen ? "*" : " ", tried.name,
                        Figure(tried.auc), Figure(tried.log_loss));
    for (const model::Metrics& fold : tried.folds) text += " " + Figure(fold.auc);
    text += "\n";
  }
  return text;
}

}  // namespace auspex::training
