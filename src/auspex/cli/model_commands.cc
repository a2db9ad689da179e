#include "auspex/cli/model_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "auspex/cli/commands.h"

namespace auspex::cli {
namespace {

struct Options {
  TrainModelOptions train;
  PredictOptions predict;
  EvaluateOptions evaluate;
};

CLI::App* Command(CLI::App* parent, const std::string& name, const std::string& text,
                  const std::string& examples) {
  CLI::App* command = parent->add_subcommand(name, text);
  command->footer(examples);
  return command;
}

void AddTrain(CLI::App* app, const std::shared_ptr<Options>& o, int* exit) {
  CLI::App* train = Command(
      app, "train",
      "Learns to tell which rows fail: compares learners on time-ordered folds, calibrates on "
      "later "
      "time, saves a model and its card",
      "  auspex train --data commits.csv.gz --label label_bug --time author_date --out model\n"
      "  auspex train --data builds.csv --label failed --time started_at --group project --drop id "
      "--history --out model");
  train
      ->add_option("--data", o->train.data,
                   "CSV, also gzipped; - is standard input. An outcome is 1 (failed), 0 or empty; "
                   "one with a later label_known_at is learned from only after it")
      ->required();
  train->add_option("--label", o->train.label, "the column with outcomes")->required();
  train->add_option("--time", o->train.time,
                    "the column with times, RFC 3339 or seconds since 1970; without, rows stand in "
                    "the order of time");
  train->add_option("--group", o->train.group,
                    "what belongs together (project, service): history is kept for each");
  train->add_option("--drop", o->train.drop, "columns not to look at, separated by commas")
      ->delimiter(',');
  train->add_flag("--history", o->train.history,
                  "also learn from the outcomes of the group's earlier rows, point in time");
  train->add_option("--learner", o->train.learner,
                    "auto (chosen on the folds), logistic, xgboost, or blend (the mean of both)");
  train->add_option("--seed", o->train.seed, "equal data, options and seed give equal bytes");
  train->add_option("--out", o->train.out, "a folder; a model that is there is replaced")
      ->required();
  train->add_flag("--json", o->train.json, "print JSON");
  train->callback([o, exit] { *exit = TrainModel(o->train); });
}

void AddPredict(CLI::App* app, const std::shared_ptr<Options>& o, int* exit) {
  CLI::App* predict = Command(
      app, "predict", "P(fail) of each row of a file, by a model that `train` made",
      "  auspex predict --model model --data new.csv --out risk.csv\n"
      "  auspex predict --model model --data builds.csv --label failed --reasons 3 --out -");
  predict->add_option("--model", o->predict.model, "the folder that `train` made")->required();
  predict->add_option("--data", o->predict.data, "CSV, also gzipped; - is standard input")
      ->required();
  predict->add_option("--label", o->predict.label,
                      "the column with outcomes known so far, empty where unknown; of use to a "
                      "model with history, for rows that are strictly later");
  predict
      ->add_option("--reasons", o->predict.reasons,
                   "also a column of so many reasons, with what each adds to the log-odds")
      ->check(CLI::Range(0, 100));
  predict->add_option("--out", o->predict.out, "the rows in their order, and p_fail; - prints them")
      ->required();
  predict->add_flag("--json", o->predict.json, "print JSON");
  predict->callback([o, exit] { *exit = Predict(o->predict); });
}

void AddEvaluate(CLI::App* app, const std::shared_ptr<Options>& o, int* exit) {
  CLI::App* evaluate = Command(
      app, "evaluate", "How good a model is on rows with outcomes: order, chances, calibration",
      "  auspex evaluate --model model --data later.csv\n"
      "  auspex evaluate --model model --data later.csv.gz --label failed --json");
  evaluate->add_option("--model", o->evaluate.model, "the folder that `train` made")->required();
  evaluate->add_option("--data", o->evaluate.data, "CSV, also gzipped; - is standard input")
      ->required();
  evaluate->add_option("--label", o->evaluate.label,
                       "the column with outcomes (default: as trained)");
  evaluate->add_flag("--json", o->evaluate.json, "print JSON");
  evaluate->callback([o, exit] { *exit = Evaluate(o->evaluate); });
}

}  // namespace

void AddModelCommands(CLI::App* app, int* exit) {
  const auto options = std::make_shared<Options>();
  AddTrain(app, options, exit);
  AddPredict(app, options, exit);
  AddEvaluate(app, options, exit);
}

}  // namespace auspex::cli
