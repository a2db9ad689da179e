#include "auspex/rollout/decide.h"

#include <algorithm>
#include <cmath>

#include "auspex/rollout/json_codec.h"

namespace auspex::rollout {
namespace {

// Deep nesting would exhaust the parser's stack; the format has four levels.
constexpr std::int64_t kDeepest = 32;

// Brackets in texts do not count: there they could hide those that do.
std::int64_t DepthOf(std::string_view line) {
  std::int64_t depth = 0;
  std::int64_t deepest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') in_text = !in_text;
    if (in_text && c == '\\') ++i;
    if (!in_text) depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

Result<Json> ParseLine(std::string_view line) {
  if (line.size() > DecideStream::kLongestLine) {
    return Fail(ErrorCode::kInvalidArgument, "too long: a line has at most {} bytes",
                DecideStream::kLongestLine);
  }
  if (DepthOf(line) > kDeepest)
    return Fail(ErrorCode::kInvalidArgument, "nested deeper than {} levels", kDeepest);
  try {
    return Json::parse(line);
  } catch (const Json::parse_error& error) {
    // The library's own sentence begins with its name and "line 1", which is no line of the stream.
    const std::string_view text = error.what();
    const std::size_t colon = text.find(": ");
    return Fail(ErrorCode::kInvalidArgument, "not JSON at byte {}{}", error.byte,
                colon == std::string_view::npos ? "" : text.substr(colon));
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kInvalidArgument, "not JSON: {}", error.what());
  }
}

// The tick's end at time scale 1, to the microsecond, so that sums of ticks meet limits exactly.
double Scaled(const Rollout& rollout, double t_s) {
  return std::round((t_s - rollout.origin_s) / rollout.spec.time_scale * 1e6) / 1e6;
}

}  // namespace

std::optional<std::string> DecideStream::Handle(std::string_view line) {
  ++line_;
  Result<std::optional<std::string>> answer = Answer(line);
  if (answer.ok()) return *std::move(answer);
  return Json{{"error", fmt::format("line {}: {}", line_, answer.error().message)}, {"line", line_}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::optional<std::string>> DecideStream::Answer(std::string_view line) {
  AUSPEX_TRY(const Json json, ParseLine(line));
  if (!json.is_object() || json.size() != 1) {
    return Fail(ErrorCode::kInvalidArgument,
                "one of {{\"start\":…}}, {{\"tick\":…}}, {{\"stop\":…}} is wanted");
  }
  const std::string& what = json.begin().key();
  const Json& body = json.begin().value();
  if (what != "start" && what != "tick" && what != "stop") {
    return Fail(ErrorCode::kInvalidArgument, "'{}': one of start, tick, stop", what);
  }
  const auto name = body.is_object() ? body.find("deployment") : body.end();
  if (!body.is_object() || name == body.end() || !name->is_string() ||
      name->get_ref<const std::string&>().empty()) {
    return Fail(ErrorCode::kInvalidArgument, "deployment: a name is needed");
  }
  const std::string& deployment = name->get_ref<const std::string&>();
  const auto found = rollouts_.find(deployment);
  if (what == "start") {
    if (found != rollouts_.end()) {
      return Fail(ErrorCode::kConflict,
                  "deployment {}: runs already; stop it first, or use another name", deployment);
    }
    AUSPEX_TRY(const RolloutSpec spec, SpecFrom(body, UnknownKeys::kRefuse));
    Turn turn = Start(spec);
    rollouts_.emplace(deployment, std::move(turn.next));
    return std::optional(ToJson(turn.decision, deployment));
  }
  if (found == rollouts_.end())
    return Fail(ErrorCode::kNotFound, "deployment {}: not started", deployment);
  if (what == "stop") {
    rollouts_.erase(found);
    return std::optional<std::string>();
  }
  AUSPEX_TRY(const Inputs inputs, InputsFrom(body, UnknownKeys::kRefuse));
  if (inputs.window.t_s <= found->second.last.t_s ||
      Scaled(found->second, inputs.window.t_s) <= found->second.t) {
    return Fail(ErrorCode::kInvalidArgument, "t_s: {:g} is not later than the tick before",
                inputs.window.t_s);
  }
  if (inputs.stopped_at_s > 0.0 && inputs.stopped_at_s <= found->second.last.t_s) {
    return Fail(ErrorCode::kInvalidArgument,
                "stopped_at: {:g} is not within the tick, which began at {:g}", inputs.stopped_at_s,
                found->second.last.t_s);
  }
  Turn turn = Advance(std::move(found->second), inputs);
  found->second = std::move(turn.next);
  return std::optional(ToJson(turn.decision, deployment));
}

}  // namespace auspex::rollout
