// ParseBuilds, ParseOutcomes, ParseChanges, ParseCdEvents: what CI systems and whoever has a token
// send. The first byte of an input chooses which, and how it was sent.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auspex/base/ids.h"
#include "auspex/builds/fact_codec.h"
#include "auspex/builds/payload.h"
#include "fuzz/check.h"

namespace {

using auspex::builds::Fact;
using auspex::builds::ParsedPayload;
using auspex::builds::PayloadDefaults;
using auspex::builds::Transport;

using Parser = ParsedPayload (*)(std::string_view, const Transport&, const PayloadDefaults&);
constexpr std::array<Parser, 4> kParsers = {
    &auspex::builds::ParseBuilds, &auspex::builds::ParseOutcomes, &auspex::builds::ParseChanges,
    &auspex::builds::ParseCdEvents};

const std::array<Transport, 4>& Transports() {
  static const std::array<Transport, 4> kTransports = {
      Transport{}, Transport{.content_type = "application/xml"},
      Transport{.content_type = "application/cloudevents+json"},
      Transport{.content_type = "application/json",
                .ce_specversion = "1.0",
                .ce_type = "dev.cdevents.service.deployed.0.3.0"}};
  return kTransports;
}

// What is kept can be read back, and nothing of it comes from the future.
void CheckFact(const Fact& fact, const PayloadDefaults& defaults) {
  AUSPEX_FUZZ_CHECK(auspex::CheckName("service", fact.service).ok(), fact.service);
  AUSPEX_FUZZ_CHECK(fact.at <= fact.known_at, fact.id);
  AUSPEX_FUZZ_CHECK(fact.known_at <= defaults.received, fact.id);
  AUSPEX_FUZZ_CHECK(!fact.id.empty() && !fact.source.empty(), fact.service);
  const std::string text = ToJson(fact);
  const auto again = auspex::builds::FactFromJson(KindOf(fact), text);
  AUSPEX_FUZZ_CHECK(again.ok(), text);
  AUSPEX_FUZZ_CHECK(ToJson(*again) == text, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string body(data + 1, data + size);
  PayloadDefaults defaults;
  defaults.received = auspex::FromMicros(1'764'000'000'000'000);
  if ((data[0] & 16U) != 0) defaults.service = "shop";
  defaults.backfill = (data[0] & 32U) != 0;
  const ParsedPayload parsed =
      kParsers.at(data[0] & 3U)(body, Transports().at(data[0] >> 2U & 3U), defaults);
  AUSPEX_FUZZ_CHECK(parsed.problems.empty() || parsed.facts.empty(), "kept and refused");
  AUSPEX_FUZZ_CHECK(parsed.problems.size() <= auspex::builds::kMaxProblems, "too many problems");
  AUSPEX_FUZZ_CHECK(parsed.facts.size() <= auspex::builds::kMaxFacts, "too many facts");
  AUSPEX_FUZZ_CHECK(!parsed.problems.empty() || !parsed.facts.empty() || !parsed.ignored.empty(),
                    body);
  for (const auto& problem : parsed.problems) {
    AUSPEX_FUZZ_CHECK(problem.pointer.size() <= 300 && problem.detail.size() <= 600,
                      problem.pointer);
  }
  for (const Fact& fact : parsed.facts) CheckFact(fact, defaults);
  return 0;
}
