#pragma once

#include <rapidcheck.h>

#include <string>
#include <vector>

#include "auspex/builds/builds.h"

// Facts of any kind, for properties: few services, authors and commits, so that they meet.
namespace auspex::builds {

inline rc::Gen<std::string> OneOf(std::vector<std::string> texts) {
  return rc::gen::elementOf(std::move(texts));
}
inline rc::Gen<std::optional<std::int64_t>> AnyCount() {
  return rc::gen::apply(
      [](bool known, std::int64_t count) {
        return known ? std::optional<std::int64_t>(count) : std::nullopt;
      },
      rc::gen::arbitrary<bool>(), rc::gen::inRange<std::int64_t>(0, 1000));
}
inline rc::Gen<std::optional<double>> AnyShare() {
  return rc::gen::map(AnyCount(), [](std::optional<std::int64_t> count) {
    return count ? std::optional<double>(static_cast<double>(*count) / 1000.0) : std::nullopt;
  });
}
inline rc::Gen<std::string> AnyCommit() { return OneOf({"", "aaaa", "bbbb", "cccc"}); }
inline rc::Gen<std::vector<std::string>> AnyAuthors() {
  return rc::gen::elementOf(
      std::vector<std::vector<std::string>>{{}, {"ann"}, {"bob"}, {"ann", "bob"}});
}

inline Build AnyBuild(WallTime at) {
  Build build{
      .name = *OneOf({"ci", "nightly"}),
      .commit = *AnyCommit(),
      .status = *rc::gen::element(BuildStatus::kPassed, BuildStatus::kFailed,
                                  BuildStatus::kCancelled, BuildStatus::kUnknown),
      .attempt = *rc::gen::inRange<std::int64_t>(1, 4),
      .coverage = *AnyShare(),
      .environment = *OneOf({"", "debian-12", "debian-13"}),
      .toolchain = *OneOf({"", "gcc 12", "gcc 13"}),
      .artifact_bytes = *AnyCount(),
      .image_digest = *OneOf({"", "sha256:00"}),
      .dependencies = *rc::gen::elementOf(std::vector<std::vector<std::string>>{{}, {"zlib@1.3"}}),
      .authors = *AnyAuthors()};
  build.tests = {.passed = *AnyCount(), .failed = *AnyCount(), .skipped = *AnyCount(), .flaky = {}};
  if (const auto seconds = *AnyCount()) {
    build.duration_s = static_cast<double>(*seconds);
    build.started = at - std::chrono::seconds(*seconds);
  }
  return build;
}

inline Outcome AnyOutcome(WallTime at) {
  return {.failed = *rc::gen::arbitrary<bool>(),
          .rolled_back = *rc::gen::arbitrary<bool>(),
          .deployment = *OneOf({"", "shop-1", "shop-2"}),
          .version = *OneOf({"", "1.0", "1.1"}),
          .commit = *AnyCommit(),
          .authors = *AnyAuthors(),
          .started = at - std::chrono::seconds(*rc::gen::inRange(0, 7200)),
          .p_fail = *AnyShare(),
          .users_harmed = *AnyShare(),
          .error_ratio = *AnyShare()};
}

inline What AnyWhat(WallTime at) {
  switch (*rc::gen::inRange(0, 6)) {
    case 0:
      return AnyBuild(at);
    case 1:
      return TestRun{.build = *OneOf({"", "b"}),
                     .commit = *AnyCommit(),
                     .tests = {.passed = *AnyCount(),
                               .failed = *AnyCount(),
                               .skipped = {},
                               .flaky = *AnyCount()},
                     .failed = *rc::gen::arbitrary<bool>()};
    case 2:
      return ChangeMerged{.commit = *AnyCommit(),
                          .repository = *OneOf({"", "acme/shop"}),
                          .authors = *AnyAuthors()};
    case 3:
      return Deployed{.rolled_back = *rc::gen::arbitrary<bool>(),
                      .version = *OneOf({"", "1.0", "1.1"}),
                      .commit = *AnyCommit(),
                      .environment = *OneOf({"", "production"}),
                      .authors = *AnyAuthors()};
    case 4:
      return Incident{.resolved = *rc::gen::arbitrary<bool>(),
                      .incident = *OneOf({"i-1", "i-2"}),
                      .environment = {},
                      .description = *OneOf({"", "slow"})};
    default:
      return AnyOutcome(at);
  }
}

// Over 60 days from a fixed one on, known up to two days after they happened.
inline rc::Gen<Fact> AnyFact() {
  return rc::gen::exec([] {
    const WallTime start = FromMicros(1'764'000'000'000'000);
    const WallTime at = start + std::chrono::seconds(*rc::gen::inRange(0, 60 * 86400));
    return Fact{.source = *OneOf({"api", "https://ci.example/shop"}),
                .id = std::to_string(*rc::gen::inRange(0, 10'000)),
                .service = *OneOf({"shop", "search"}),
                .at = at,
                .known_at = at + std::chrono::seconds(*rc::gen::inRange(0, 2 * 86400)),
                .what = AnyWhat(at)};
  });
}

}  // namespace auspex::builds
