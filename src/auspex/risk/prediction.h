#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "auspex/risk/assessment.h"

namespace auspex::risk {

// What is known of a change, by whoever can read its repository. A client sends it along when it
// announces a deployment.
struct ChangeFacts {
  std::string range = {};  // "v1.8.1..v1.8.2"
  std::string head = {};   // the newest commit
  std::size_t commits = 0;
  std::vector<std::string> authors = {};  // of the commits: e-mail addresses, at most kMostListed
  Known known = {};                       // features of the change and its dependencies
  std::vector<Reason> reasons = {};       // parts of known["change_log_odds"]
  std::vector<Alternative> alternatives = {};
  std::string model = {};  // what change_log_odds stands on, a sentence
};

// What was predicted of a deployment when it was announced: kept in the ledger, from where later
// predictions learn how such deployments ended.
struct Prediction {
  WallTime at{};
  std::string service;
  std::string version;
  double base_risk = 0.15;
  std::optional<double> given;  // P(fail) that whoever announced it gave; it is used instead
  Assessment assessment;
  Known known;  // all that it stands on
  ChangeFacts change;
  std::vector<std::string> notes = {};  // what whoever announced it should know
  // What the rollout used.
  [[nodiscard]] double risk() const { return given.value_or(assessment.p_fail); }
};

// Bounds of what is read: an announcement is no place for more.
inline constexpr std::size_t kMostKnown = 200;
inline constexpr std::size_t kMostListed = 50;  // reasons; alternatives; authors
inline constexpr double kMostLogOdds = 50.0;    // either way, of one reason
inline constexpr std::size_t kMostText = 1000;  // bytes of one text

[[nodiscard]] std::string ToJson(const ChangeFacts& facts);
// Error: kInvalidArgument, which begins with the JSON pointer of what is wrong, as "/known/la".
Result<ChangeFacts> ChangeFactsFromJson(std::string_view json);

[[nodiscard]] std::string ToJson(const Prediction& prediction);
// Error: kDataLoss: it was written by this program.
Result<Prediction> PredictionFromJson(std::string_view json);

}  // namespace auspex::risk
