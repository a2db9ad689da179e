#include "auspex/rollout/replay.h"

#include <algorithm>

#include "auspex/rollout/json_codec.h"

namespace auspex::rollout {
namespace {

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What was stored was valid once: if it cannot be read, it is damaged.
template <typename T>
Result<T> Readable(const storage::Entry& entry, Result<T> read) {
  if (read.ok()) return read;
  return Fail(ErrorCode::kDataLoss, "entry {} ({}) cannot be read: {}", entry.seq, entry.kind,
              read.error().message);
}

Result<Announced> AnnouncedFrom(const storage::Entry& entry, const Json& body) {
  Announced announced;
  announced.id = entry.deployment;
  announced.at = entry.at;
  announced.service = body.at("service").get<std::string>();
  announced.version = body.at("version").get<std::string>();
  announced.baseline_version = body.at("baseline_version").get<std::string>();
  announced.actor = body.at("actor").get<std::string>();
  announced.backend = body.at("backend").get<std::string>();
  announced.baseline = body.at("baseline").get<std::string>();
  announced.canary = body.at("canary").get<std::string>();
  AUSPEX_TRY(announced.spec, Readable(entry, SpecFrom(body.at("start"))));
  return announced;
}

// What was carried out. Numbers and words beside it may be another version's, to the last bit.
bool DoesTheSame(const Decision& one, const Decision& other) {
  return one.action == other.action && one.weight == other.weight && one.verdict == other.verdict;
}

void Compare(const storage::Entry& entry, const Json& stored, const Decision& decision,
             Replayed* replayed) {
  std::string decided = ToJson(decision, entry.deployment);
  const std::string before = Dump(stored);
  if (before != decided || replayed->unsettled) {
    Result<Decision> read = DecisionFrom(stored);
    if (before != decided) {
      replayed->differences.push_back(
          fmt::format("entry {}: stored {} decided {}", entry.seq, before, decided));
      replayed->unsettled = replayed->unsettled || !read.ok() || !DoesTheSame(*read, decision);
    }
    if (replayed->unsettled && read.ok()) replayed->stored = *std::move(read);
  }
  replayed->lines.push_back(std::move(decided));
  ++replayed->decisions;
}

}  // namespace

std::string AnnouncedJson(const Announced& announced, const Decision& first) {
  Json body{{"service", announced.service},
            {"version", announced.version},
            {"baseline_version", announced.baseline_version},
            {"actor", announced.actor},
            {"backend", announced.backend},
            {"baseline", announced.baseline},
            {"canary", announced.canary},
            {"start", Json::parse(ToJson(announced.spec))},
            {"out", JsonOf(first, announced.id)}};
  return Dump(body);
}

std::string TickJson(const Inputs& inputs, const Decision& decision, std::string_view deployment) {
  return fmt::format(R"({{"in":{},"out":{}}})", ToJson(inputs), ToJson(decision, deployment));
}

void RunOnAsRecorded(const Decision& recorded, Rollout* rollout) {
  if (rollout->phase != Phase::kEnded || rollout->last.action != Action::kPromote) return;
  rollout->phase = Phase::kRunning;
  // Time goes on where the record ends, not at the end that never was.
  rollout->last.t_s = std::max(rollout->last.t_s, recorded.t_s);
}

Result<Replayed> Replay(const std::vector<storage::Entry>& entries) {
  Replayed replayed;
  bool started = false;
  for (const storage::Entry& entry : entries) {
    replayed.last_at = entry.at;
    try {
      if (entry.kind == "announced") {
        const Json body = Json::parse(entry.body);
        AUSPEX_TRY(replayed.announced, AnnouncedFrom(entry, body));
        Turn turn = Start(replayed.announced.spec);
        Compare(entry, body.at("out"), turn.decision, &replayed);
        replayed.rollout = std::move(turn.next);
        started = true;
      } else if (entry.kind == "tick") {
        if (!started)
          return Fail(ErrorCode::kDataLoss, "entry {}: a tick before the deployment was announced",
                      entry.seq);
        const Json body = Json::parse(entry.body);
        AUSPEX_TRY(const Inputs inputs, Readable(entry, InputsFrom(body.at("in"))));
        if (replayed.rollout.phase != Phase::kEnded &&
            inputs.window.t_s <= replayed.rollout.last.t_s) {
          return Fail(ErrorCode::kDataLoss, "entry {} (tick) is not later than the one before",
                      entry.seq);
        }
        Turn turn = Advance(replayed.rollout, inputs);
        replayed.lesson.Add(turn.next, inputs);
        Compare(entry, body.at("out"), turn.decision, &replayed);
        replayed.rollout = std::move(turn.next);
        replayed.pending_orders.clear();
      } else if (entry.kind == "observed") {
        const Json body = Json::parse(entry.body);
        replayed.admitted = replayed.admitted || body.value("weight_given", 0.0) > 0.0;
      } else if (entry.kind == "order") {
        AUSPEX_TRY(Order order, Readable(entry, OrderFromJson(entry.body)));
        if (order.actor == kSystemActor && replayed.unsettled) {
          RunOnAsRecorded(replayed.stored, &replayed.rollout);
          replayed.unsettled = false;
        }
        replayed.pending_orders.push_back(std::move(order));
      }
    } catch (const Json::exception& error) {
      return Fail(ErrorCode::kDataLoss, "entry {} ({}) cannot be read: {}", entry.seq, entry.kind,
                  error.what());
    }
  }
  if (!started) return Fail(ErrorCode::kNotFound, "no deployment of this id in the ledger");
  return replayed;
}

Result<std::vector<storage::Entry>> AllEntries(storage::Ledger* ledger,
                                               std::string_view deployment) {
  std::vector<storage::Entry> all;
  while (true) {
    AUSPEX_TRY(std::vector<storage::Entry> page,
               ledger->Entries({.deployment = std::string(deployment),
                                .kind = {},
                                .after = all.empty() ? 0 : all.back().seq,
                                .limit = 1000}));
    if (page.empty()) return all;
    all.insert(all.end(), std::make_move_iterator(page.begin()),
               std::make_move_iterator(page.end()));
  }
}

}  // namespace auspex::rollout
