#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/rollout/lesson.h"
#include "auspex/rollout/rollout.h"
#include "auspex/storage/ledger.h"

namespace auspex::rollout {

// Who settles a deployment whose stored decisions a newer program would not make.
inline constexpr std::string_view kSystemActor = "auspex";

// What the ledger says of a deployment, from its "announced" entry.
struct Announced {
  std::string id;
  std::string service;
  std::string version;
  std::string baseline_version;  // empty where unknown
  std::string actor;
  std::string backend;
  std::string baseline;
  std::string canary;
  RolloutSpec spec;
  WallTime at;
};

[[nodiscard]] std::string AnnouncedJson(const Announced& announced, const Decision& first);
[[nodiscard]] std::string TickJson(const Inputs& inputs, const Decision& decision,
                                   std::string_view deployment);

struct Replayed {
  Announced announced;
  Rollout rollout;        // as it stood after the last tick
  LessonRecorder lesson;  // of all ticks
  WallTime last_at;       // of the last entry
  // An action, weight or verdict came out otherwise than it is stored (the program changed), and
  // nothing recorded since says what holds.
  bool unsettled = false;
  Decision stored;                    // the last one, where it is unsettled
  bool admitted = false;              // the router has confirmed a weight above 0
  std::vector<Order> pending_orders;  // given after the last tick, not yet part of one
  std::int64_t decisions = 0;
  std::vector<std::string> lines;  // each decision, as decided anew
  std::vector<std::string>
      differences;  // "entry 17: stored … decided …"; empty: bit for bit the same
};

// Where a newer program would have promoted earlier than is recorded, and a person is asked: the
// rollout runs on from the last decision that was recorded. Part of the replay from the system's
// order on, so that it happens once.
void RunOnAsRecorded(const Decision& recorded, Rollout* rollout);

// Decides all of a deployment's ticks again from its entries, in order. Errors: kNotFound (no
// announced entry); kDataLoss (an entry that cannot be read).
Result<Replayed> Replay(const std::vector<storage::Entry>& entries);

// All entries of a deployment.
Result<std::vector<storage::Entry>> AllEntries(storage::Ledger* ledger,
                                               std::string_view deployment);

}  // namespace auspex::rollout
