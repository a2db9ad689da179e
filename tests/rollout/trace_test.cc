#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "auspex/rollout/decide.h"

namespace auspex::rollout {
namespace {

using nlohmann::json;

bool Near(const json& want, const json& got) {
  if (!want.is_number_float()) return want == got;
  if (!got.is_number()) return false;
  return std::abs(want.get<double>() - got.get<double>()) <=
         1e-9 * std::max(1.0, std::abs(want.get<double>()));
}

// Eight rollouts of the reference controller (tests/reference/controller.py), line in, line out.
TEST(Trace, IsReproduced) {
  std::ifstream file("tests/rollout/data/trace.jsonl");
  DecideStream stream;
  std::optional<std::string> answer;
  int answers = 0, line_number = 0;
  for (std::string line; std::getline(file, line);) {
    ++line_number;
    const json entry = json::parse(line);
    if (entry.contains("in")) {
      answer = stream.Handle(entry["in"].dump());
      continue;
    }
    ASSERT_TRUE(answer.has_value()) << "line " << line_number;
    const json got = json::parse(*answer);
    for (const auto& [key, want] : entry["out"].items()) {
      if (key == "reason") continue;  // sentences are ours
      ASSERT_TRUE(got.contains(key) && Near(want, got[key]))
          << "line " << line_number << ": " << key << " want " << want << " got "
          << got.value(key, json());
    }
    ++answers;
  }
  EXPECT_EQ(answers, 1518);
}

}  // namespace
}  // namespace auspex::rollout
