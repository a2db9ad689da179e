#include "auspex/cli/ingest.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "auspex/base/http_client.h"
#include "auspex/base/input.h"
#include "auspex/builds/payload.h"
#include "auspex/cli/client.h"
#include "auspex/cli/exit_code.h"

namespace auspex::cli {
namespace {

struct IngestOptions {
  std::string file;
  std::string service, commit, build, environment, toolchain;
  bool backfill = false;
};

struct Kind {
  const char* name;
  const char* path;  // below /api/v1/ingest/
  const char* text;
  const char* examples;
};
constexpr Kind kKinds[] = {
    {"build", "builds",
     "What CI built and tested: JSON, JUnit XML, or a payload of GitHub, GitLab or Jenkins",
     "  auspex ingest build build.json\n  auspex ingest build junit.xml --service checkout "
     "--commit 3484a3f --build 4711"},
    {"event", "cdevents", "A CDEvent, bare or in a CloudEvent",
     "  auspex ingest event deployed.json\n  tkn-events | auspex ingest event - --service "
     "checkout"},
    {"outcome", "outcomes", "How deployments ended, where Auspex did not run them",
     "  auspex ingest outcome outcomes.json --backfill\n  auspex ingest outcome last.json --json"},
    {"change", "changes", "What was merged",
     "  auspex ingest change merged.json --service checkout\n  auspex ingest change - --json"}};

Result<std::string> ReadAll(const std::string& file) {
  AUSPEX_TRY(const auto input, OpenInput(file));
  std::string bytes;
  std::string part(1 << 16, '\0');
  while (true) {
    AUSPEX_TRY(const std::size_t count, input->Read(part.data(), part.size()));
    if (count == 0) return bytes;
    bytes.append(part, 0, count);
    if (bytes.size() > builds::kMaxPayloadBytes) {
      return Fail(ErrorCode::kInvalidArgument,
                  "'{}' has more than {} bytes: leave the output of the tests out, or send it in "
                  "parts",
                  file, builds::kMaxPayloadBytes);
    }
  }
}

std::string_view ContentType(std::string_view bytes) {
  const std::size_t first = bytes.find_first_not_of("\xef\xbb\xbf \t\r\n");
  return first != std::string_view::npos && bytes[first] == '<' ? "application/xml"
                                                                : "application/json";
}

std::string PathOf(const Kind& kind, const IngestOptions& options) {
  std::string path = fmt::format("/api/v1/ingest/{}", kind.path);
  char separator = '?';
  const auto add = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    path += fmt::format("{}{}={}", separator, name, PercentEncode(value));
    separator = '&';
  };
  add("service", options.service);
  add("commit", options.commit);
  add("build", options.build);
  add("environment", options.environment);
  add("toolchain", options.toolchain);
  if (options.backfill) add("backfill", "true");
  return path;
}

void Print(const nlohmann::ordered_json& answer) {
  for (const auto& fact : answer.at("facts")) {
    fmt::print("kept {} {} of {}, {}\n", fact.value("kind", ""), fact.value("id", ""),
               fact.value("service", ""), fact.value("at", ""));
  }
  if (const auto known = answer.value("duplicates", 0); known > 0)
    fmt::print("{} known already: counted once\n", known);
  for (const auto& ignored : answer.at("ignored"))
    fmt::print("left out: {}\n", ignored.get<std::string>());
  for (const auto& note : answer.at("notes")) fmt::print("note: {}\n", note.get<std::string>());
}

int Ingest(const ClientOptions& client, const Kind& kind, const IngestOptions& options) {
  Result<std::string> bytes = ReadAll(options.file);
  if (!bytes.ok()) return Complain("ingest", bytes.error());
  const std::string_view type = ContentType(*bytes);
  const Result<std::string> answer =
      PostBytes(client, PathOf(kind, options), type, *std::move(bytes));
  if (!answer.ok()) return Complain("ingest", answer.error());
  if (client.json) {
    fmt::print("{}\n", *answer);
    return kGood;
  }
  const auto json = nlohmann::ordered_json::parse(*answer, nullptr, false);
  if (!json.is_object() || !json.contains("facts")) {
    return Complain("ingest", Error{ErrorCode::kUnavailable,
                                    "the daemon's answer is none of ours: " + *answer});
  }
  Print(json);
  return kGood;
}

}  // namespace

void AddIngest(CLI::App* app, ClientOptions* client, int* exit) {
  const auto options = std::make_shared<IngestOptions>();
  CLI::App* ingest = app->add_subcommand("ingest", "Tells the daemon of builds, events, outcomes");
  ingest->footer(
      "  auspex ingest build junit.xml --service checkout\n  auspex ingest event deployed.json");
  ingest->require_subcommand(1);
  for (const Kind& kind : kKinds) {
    CLI::App* command = ingest->add_subcommand(kind.name, kind.text);
    command->footer(kind.examples);
    command->add_option("file", options->file, "also gzipped; - is standard input")->required();
    command->add_option("--service", options->service, "whose it is; overrides the file's");
    command->add_option("--commit", options->commit, "where the file names none");
    command->add_option("--build", options->build, "of a report of tests: its build's id");
    command->add_option("--environment", options->environment, "where the file names none");
    command->add_option("--toolchain", options->toolchain, "where the file names none");
    command->add_flag("--backfill", options->backfill,
                      "it is old: each fact counts as known when it happened");
    command->add_option("--server", client->server, "the daemon's address (or AUSPEX_SERVER)");
    command->add_option("--ca-file", client->ca_file,
                        "PEM of the authority of an https server's certificate (or AUSPEX_CA)");
    command->add_flag("--json", client->json, "print JSON");
    command->callback([client, exit, options, &kind] { *exit = Ingest(*client, kind, *options); });
  }
}

}  // namespace auspex::cli
