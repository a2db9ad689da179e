// DecideStream: the lines of `auspex decide`, any bytes.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "auspex/rollout/codec.h"
#include "auspex/rollout/decide.h"
#include "fuzz/check.h"
#include "fuzz/decide_check.h"

namespace {

using auspex::rollout::DecideStream;

// A `stop` that was understood is the only line without an answer.
bool IsStop(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  return json.is_object() && json.size() == 1 && json.contains("stop");
}

// Specs and inputs survive being stored: the daemon replays what it reads back.
void CheckPrintsBack(std::string_view line) {
  const auto json = nlohmann::ordered_json::parse(line, nullptr, false);
  if (!json.is_object() || json.size() != 1) return;
  const std::string body = json.begin()->dump();
  if (const auto spec = auspex::rollout::SpecFromJson(body); spec.ok()) {
    const std::string printed = ToJson(*spec);
    const auto again = auspex::rollout::SpecFromJson(printed);
    AUSPEX_FUZZ_CHECK(again.ok() && ToJson(*again) == printed, printed);
  }
  if (const auto inputs = auspex::rollout::InputsFromJson(body); inputs.ok()) {
    const std::string printed = ToJson(*inputs);
    const auto again = auspex::rollout::InputsFromJson(printed);
    AUSPEX_FUZZ_CHECK(again.ok() && ToJson(*again) == printed, printed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the bytes as text
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  DecideStream stream;
  DecideStream twin;  // hears the good lines alone, so that a bad one is seen to change nothing
  std::int64_t number = 0;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t before = stream.running();
    const std::optional<std::string> answer = stream.Handle(line);
    ++number;
    if (!answer) {
      AUSPEX_FUZZ_CHECK(IsStop(line) && stream.running() + 1 == before, line);
      twin.Handle(line);
      continue;
    }
    if (auspex::fuzz::CheckAnswer(*answer, number).contains("error")) {
      AUSPEX_FUZZ_CHECK(stream.running() == before, line);
    } else {
      AUSPEX_FUZZ_CHECK(twin.Handle(line) == answer, line);
      CheckPrintsBack(line);
    }
  }
  return 0;
}
