#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/builds/builds.h"

// From the bytes that CI systems send to facts. Pure; nothing of a payload is followed or executed.
namespace auspex::builds {

// Larger ones are refused: what a report of forty thousand tests has, and far from what would hurt.
inline constexpr std::size_t kMaxPayloadBytes = 16 * 1024 * 1024;
// Of one payload: what a caller can wait for in one transaction.
inline constexpr std::size_t kMaxFacts = 1000;
// Deeper JSON or XML is refused: no system sends it.
inline constexpr std::size_t kMaxNesting = 64;
// Characters of any one text: of our own JSON longer ones are refused, those of others are cut.
inline constexpr std::size_t kMaxText = 1000;

// What the sender's transport says. All may be empty.
struct Transport {
  std::string content_type = {};    // without it the first bytes tell JSON from XML
  std::string ce_specversion = {};  // the header of that name: CloudEvents in binary mode
  std::string ce_type = {};
};

// What the caller says beside the payload, and when it came.
struct PayloadDefaults {
  WallTime received;
  std::string service = {};      // overrides the payload's
  std::string commit = {};       // where the payload names none
  std::string build = {};        // of a report of tests: its build's id
  std::string environment = {};  // where the payload names none
  std::string toolchain = {};    // likewise
  // Facts were sent long after they happened, for a model to learn from: each counts as known when
  // it happened, not when it was received.
  bool backfill = false;
};

// `pointer`: RFC 6901 into the payload; "" is all of it.
struct PayloadProblem {
  std::string pointer;
  std::string detail;
  friend bool operator==(const PayloadProblem&, const PayloadProblem&) = default;
};

struct ParsedPayload {
  std::vector<Fact> facts = {};
  // Events that are well formed and say nothing that is kept ("workflow_run requested: not ended").
  std::vector<std::string> ignored = {};
  // Not empty: the payload is refused as a whole. At most kMaxProblems.
  std::vector<PayloadProblem> problems = {};
};
inline constexpr std::size_t kMaxProblems = 20;

// What CI built and tested: our own JSON (an object, a list, or {"builds":[…]}), JUnit XML, the
// webhooks workflow_run and workflow_job of GitHub, pipeline and build of GitLab, a Jenkins build
// (`…/api/json`) or its Notification plugin's call, and CDEvents.
[[nodiscard]] ParsedPayload ParseBuilds(std::string_view body, const Transport& transport,
                                        const PayloadDefaults& defaults);
// How deployments ended: our own JSON, or {"outcomes":[…]}.
[[nodiscard]] ParsedPayload ParseOutcomes(std::string_view body, const Transport& transport,
                                          const PayloadDefaults& defaults);
// What was merged: our own JSON, or {"changes":[…]}; CDEvents.
[[nodiscard]] ParsedPayload ParseChanges(std::string_view body, const Transport& transport,
                                         const PayloadDefaults& defaults);
// CDEvents of specification 0.4 to 0.6, bare or in CloudEvents 1.0: binary (`Transport`),
// structured (application/cloudevents+json) or a batch of those.
[[nodiscard]] ParsedPayload ParseCdEvents(std::string_view body, const Transport& transport,
                                          const PayloadDefaults& defaults);

}  // namespace auspex::builds
