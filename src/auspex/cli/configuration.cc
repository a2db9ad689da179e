#include "auspex/cli/configuration.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

#include "auspex/base/ids.h"
#include "auspex/change/services.h"
#include "auspex/cli/server_configuration.h"
#include "auspex/traffic/register_routers.h"

namespace auspex::cli {
namespace {

using rollout::ServiceConfig;
using rollout::SignalConfig;

// What was read so far, of all files.
struct Reading {
  ConfigErrors errors;
  Configuration configuration;
  int servers = 0;
  bool server_refused = false;             // it has errors of its own
  std::vector<std::string> signal_places;  // of services that ask Prometheus
  // Services whose tick follows from how often Prometheus looks, which is known when all is read.
  std::set<std::string> ticks_by_scrape;
};

double Factor(double time_scale, double seconds) { return seconds * time_scale; }

// Whether the tick that others are measured by is known.
bool ReadLimits(ConfigSection limits, ServiceConfig* service, Reading* reading) {
  service->time_scale = limits.Number("time_scale", 1.0, 1e-3, 1e3);
  const double scale = service->time_scale;
  const auto seconds = [&](const char* key, double fallback) {
    return Seconds(limits.DurationOf(key, FromSeconds(Factor(scale, fallback))));
  };
  const bool by_scrape = service->Scraped() && !limits.Has("tick");
  if (by_scrape) reading->ticks_by_scrape.insert(service->name);
  service->tick_s =
      seconds("tick", std::max(1.0 / scale, rollout::DefaultFeedTick(service->criticality)));
  if (!limits.Refused("tick") && (service->tick_s < 1.0 || service->tick_s > 60.0))
    limits.Refuse("tick",
                  fmt::format("tick: 1s to 60s, not {}", ToText(FromSeconds(service->tick_s))));
  service->warm_up_given = limits.Has("warm_up");
  service->warm_up_s = seconds("warm_up", rollout::kWarmUpSeconds);
  service->bake_s = seconds("bake", rollout::kBakeSeconds);
  service->deadline_s = seconds("deadline", rollout::kDeadlineSeconds);
  if (service->deadline_s < service->bake_s && !limits.Refused("bake") &&
      !limits.Refused("deadline"))
    limits.Refuse("deadline", "deadline: it must not come before bake");
  service->error_rate = limits.Share("error_rate", .05);
  limits.Finish();
  return !by_scrape && !limits.Refused("tick") && !limits.Refused("time_scale");
}

void ReadTraffic(ConfigSection traffic, ServiceConfig* service) {
  service->router = traffic.Text("router");
  service->backend = traffic.Text("backend");
  const std::vector<std::string> servers = traffic.Texts("servers");
  if (servers.size() == 2 && servers[0] != servers[1]) {
    service->servers = {servers[0], servers[1]};
  } else if (!traffic.Refused("servers")) {
    traffic.Refuse(
        "servers",
        "servers: two different names are wanted, as [a, b]: the slots of baseline and canary");
  }
  service->router_config = {
      .service = service->name, .keys = traffic.TextMap(), .lists = {{"servers", servers}}};
  if (traffic.Has("sockets")) service->router_config.lists["sockets"] = traffic.Texts("sockets");
  traffic::RouterRegistry routers;
  RegisterRouters(routers);
  const auto made = routers.Create(service->router, service->router_config);
  if (!service->router.empty() && !made.ok()) {
    // What concerns one key begins with it.
    const std::string& message = made.error().message;
    const std::string key = message.substr(0, message.find(':'));
    if (!traffic.Refused(key)) traffic.Refuse(traffic.Has(key) ? key : "router", message);
  }
  traffic.Finish();
}

// A rate (good and all), a histogram or a gauge (query), by role.
void ReadPrometheusSignal(SignalConfig made, ConfigSection* signal, ServiceConfig* service) {
  const bool rate = made.role == "errors" || made.role == "behaviour" || made.role == "business";
  if (rate) {
    if (signal->Has("query")) {
      signal->Refuse("query", fmt::format("query: role {} is a rate; write good and all, two "
                                          "counters, instead",
                                          made.role));
    }
    made.good = signal->Text("good");
    made.all = signal->Text("all");
  } else if (made.role == "latency" && signal->Has("histogram")) {
    made.histogram = signal->Text("histogram");
  } else {
    made.query = signal->Text("query");
  }
  service->signals.push_back(std::move(made));
}

// What signals together may be.
void CheckSignals(bool counted_by_proxy, ConfigSection* spec, const ServiceConfig& service) {
  // Each metric more makes every other one slower to prove (docs/statistics.md, section 5).
  constexpr std::size_t kMostBehaviour = 8;
  std::size_t behaviour = 0, errors = 0, histograms = 0;
  for (const SignalConfig& signal : service.signals) {
    errors += signal.role == "errors";
    behaviour += signal.IsRate() && signal.role != "errors";
    histograms += !signal.histogram.empty();
  }
  if (behaviour > kMostBehaviour)
    spec->Refuse("signals", fmt::format("signals: {} with role behaviour or business, and at most "
                                        "{} are tested; leave some out",
                                        behaviour, kMostBehaviour));
  if (errors > 1 || (errors == 1 && counted_by_proxy))
    spec->Refuse("signals",
                 "signals: role errors is there twice; requests are counted in one place");
  if (histograms > 1)
    spec->Refuse("signals", "signals: one histogram of latency is read, not more");
  if (histograms == 1 && errors == 0)
    spec->Refuse("signals",
                 "signals: the proxy's log gives latency by request, so a histogram would count "
                 "twice; it is read where role errors comes from prometheus too");
}

void ReadSignals(ConfigSection* spec, ServiceConfig* service) {
  std::set<std::string> names;
  bool counted_by_proxy = false;
  for (ConfigSection signal : spec->Sections("signals")) {
    const std::string name = signal.Text("name");
    if (!name.empty() && !names.insert(name).second)
      signal.Refuse("name", fmt::format("name: a second signal '{}'; each needs its own", name));
    const std::string role =
        signal.Choice("role", "saturation",
                      {"errors", "latency", "saturation", "traffic", "behaviour", "business"});
    const std::string from = signal.Choice("from", "", {"proxy_log", "prometheus"});
    if (from == "prometheus" && !signal.Refused("role")) {
      ReadPrometheusSignal({.name = name, .role = role}, &signal, service);
    } else if (from.empty() && !signal.Refused("from")) {
      signal.Refuse("", "from is missing; proxy_log or prometheus");
    } else if (from != "proxy_log") {
      // They belong to what was meant.
      for (const char* key : {"query", "good", "all", "histogram"})
        static_cast<void>(signal.Text(key, ""));
    }
    if (from == "proxy_log" && role == "errors") counted_by_proxy = true;
    signal.Finish();
  }
  CheckSignals(counted_by_proxy, spec, *service);
}

void ReadSteps(ConfigSection* spec, bool tick_known, ServiceConfig* service) {
  Weight before = Weight::Zero();
  for (ConfigSection step : spec->Sections("steps")) {
    const double share = step.Share("weight", 0.0);
    const Weight weight = Weight::FromShare(share).value_or(Weight::Zero());
    if (!step.Refused("weight") && (weight <= before || weight == Weight::Whole())) {
      step.Refuse("weight",
                  "weight: each step's is above the one before and below 100%; the end of the last "
                  "step promotes");
    }
    const double for_s = Seconds(step.DurationOf("for", {}));
    if (for_s < service->tick_s && tick_known && !step.Refused("for")) {
      step.Refuse("for", fmt::format("for: at least one tick ({}), as 5m",
                                     ToText(FromSeconds(service->tick_s))));
    }
    service->steps.push_back({.weight = weight, .for_s = for_s});
    if (!step.Refused("weight")) before = weight;
    step.Finish();
  }
  if (spec->Refused("policy") || spec->Refused("steps")) return;
  if (service->policy == rollout::Policy::kSteps && service->steps.empty())
    spec->Refuse("policy", "policy: steps needs spec.steps, as [{weight: 5%, for: 5m}]");
  if (service->policy != rollout::Policy::kSteps && !service->steps.empty())
    spec->Refuse("steps", "steps: only the policy steps follows them; write policy: steps");
}

void ReadApproval(ConfigSection* spec, ServiceConfig* service) {
  if (!spec->Has("approval")) return;
  ConfigSection section = spec->Section("approval");
  rollout::Approval approval;
  approval.above_risk = section.Share("above_risk", approval.above_risk);
  if (!section.Has("above_risk"))
    section.Refuse("", "above_risk is missing; the risk above which a person must say yes, as 60%");
  approval.timeout_s = Seconds(section.DurationOf("timeout", FromSeconds(approval.timeout_s)));
  if (approval.timeout_s < 1.0 && !section.Refused("timeout"))
    section.Refuse("timeout", "timeout: at least 1s");
  approval.at_timeout = section.Choice("at_timeout", "reject", {"reject", "approve"}) == "approve"
                            ? rollout::AtTimeout::kApprove
                            : rollout::AtTimeout::kReject;
  service->approval = approval;
  section.Finish();
}

// Requests and weights are known by backend and server: of two services that share one, each would
// take the other's requests for its own and move its traffic.
void CheckServersAreFree(const ConfigSection& spec, const ServiceConfig& service,
                         const std::vector<ServiceConfig>& others) {
  ConfigSection traffic = ConfigSection(spec).Section("traffic");
  for (const ServiceConfig& other : others) {
    if (other.name == service.name) continue;  // refused as such
    for (const std::string& server : service.servers) {
      const auto& theirs = other.servers;
      if (server.empty() || service.backend != other.backend ||
          std::find(theirs.begin(), theirs.end(), server) == theirs.end())
        continue;
      traffic.Refuse("servers",
                     fmt::format("servers: '{}' of backend '{}' is a slot of service '{}' already; "
                                 "a server belongs to one service",
                                 server, service.backend, other.name));
    }
  }
}

// Keys that only other policies look at. No error: a service may go from one policy to another and
// back. But nobody should believe in a limit that is none.
void NoteIgnored(ConfigSection spec, const std::string& policy, std::vector<std::string>* notes) {
  static const std::map<std::string, std::vector<std::string>, std::less<>> kIgnored = {
      {"adaptive", {"limits.error_rate"}},
      {"steps",
       {"mode", "pace", "rollback_below", "at_deadline", "limits.bake", "limits.deadline"}},
      {"rule",
       {"mode", "pace", "alpha", "rollback_below", "at_deadline", "limits.bake",
        "limits.deadline"}}};
  const ConfigSection limits = spec.Section("limits");
  for (const std::string& key : kIgnored.at(policy)) {
    const bool is_limit = key.starts_with("limits.");
    const ConfigSection& section = is_limit ? limits : spec;
    const std::string name = is_limit ? key.substr(7) : key;
    if (section.Has(name))
      notes->push_back(fmt::format("{}: policy {} ignores {}", section.Place(name), policy, key));
  }
}

// Of the policy `adaptive`; others have none, and judge as classic does.
void ReadPace(ConfigSection* spec, ServiceConfig* service, Reading* reading) {
  using rollout::Pace;
  const Pace usual = rollout::DefaultPace(
      service->policy,
      {.tick_s = service->tick_s / service->time_scale, .per_request = !service->Scraped()});
  const bool swift =
      spec->Choice("pace", std::string(Name(usual)), {"classic", "swift"}) == Name(Pace::kSwift);
  if (service->policy != rollout::Policy::kAdaptive) return;
  service->pace = swift ? Pace::kSwift : Pace::kClassic;
  if (swift && service->Scraped()) {
    reading->errors.Add(spec->Place("pace"),
                        "pace: swift is made for ticks of 1 or 2 s of the proxy's request log, and "
                        "a metrics server's are longer; use classic");
  }
}

// Whether there is a clone is found out when it is read: `doctor` says.
void ReadSource(ConfigSection source, const std::string& service,
                std::vector<risk::CodeSource>* sources) {
  risk::CodeSource read{.service = service, .repository = source.Text("repository", "")};
  const std::string path = source.Text("path", "");
  if (!path.empty() && path != ".") {
    auto folder = change::FolderOf(path);
    if (folder.ok())
      read.path = *std::move(folder);
    else
      source.Refuse("path", "path: " + folder.error().message);
  }
  if (read.repository.empty() && !source.Refused("repository") && source.Has("path"))
    source.Refuse("", "repository is missing; the folder of a clone on this machine");
  source.Finish();
  if (!read.repository.empty()) sources->push_back(std::move(read));
}

void ReadService(ConfigSection document, Reading* reading) {
  ServiceConfig service;
  ConfigSection metadata = document.Section("metadata");
  service.name = metadata.Text("name");
  metadata.Finish();
  if (const Status good = CheckName("service", service.name); !good.ok())
    metadata.Refuse("name", good.error().message);
  ConfigSection spec = document.Section("spec");
  service.criticality = static_cast<int>(spec.Integer("criticality", 3, 1, 4));
  const std::string mode = spec.Choice("mode", "balanced", {"fast", "balanced", "careful"});
  service.mode = mode == "fast"      ? rollout::Mode::kFast
                 : mode == "careful" ? rollout::Mode::kCareful
                                     : rollout::Mode::kBalanced;
  const std::string policy = spec.Choice("policy", "adaptive", {"adaptive", "steps", "rule"});
  service.policy = policy == "rule"    ? rollout::Policy::kRule
                   : policy == "steps" ? rollout::Policy::kSteps
                                       : rollout::Policy::kAdaptive;
  service.alpha = spec.Share("alpha", .01, 1e-9, .5);
  service.prior_risk = spec.Share("prior_risk", .15);
  service.alert_above_risk = spec.Share("alert_above_risk", service.alert_above_risk);
  service.rollback_below = spec.Share("rollback_below", .10);
  // 60 % of the prior risk says "already faulty" (docs/statistics.md, section 3).
  const double first_confidence = 1.0 - .6 * std::clamp(service.prior_risk, .005, .8);
  if (service.policy == rollout::Policy::kAdaptive && !spec.Refused("prior_risk") &&
      service.rollback_below >= first_confidence) {
    spec.Refuse("rollback_below",
                fmt::format("rollback_below: with a prior risk of {:g} % the confidence begins at "
                            "{:.3g} %, so each canary would be rolled back; choose less",
                            100 * service.prior_risk, 100 * first_confidence));
  }
  service.detect = spec.Number("detect", 2.0, 1.11, 1000.0);
  const std::string at_deadline =
      spec.Choice("at_deadline", "promote", {"promote", "hold", "roll_back"});
  service.at_deadline = at_deadline == "hold"        ? rollout::AtDeadline::kHold
                        : at_deadline == "roll_back" ? rollout::AtDeadline::kRollBack
                                                     : rollout::AtDeadline::kPromote;
  if (!spec.Has("traffic") && !spec.Refused("traffic"))
    spec.Refuse(
        "",
        fmt::format("service {}: spec.traffic is missing; it says which router moves the weight",
                    service.name));
  if (spec.Has("traffic")) ReadTraffic(spec.Section("traffic"), &service);
  ReadSignals(&spec, &service);
  if (!service.signals.empty()) reading->signal_places.push_back(spec.Place("signals"));
  const bool tick_known = ReadLimits(spec.Section("limits"), &service, reading);
  ReadPace(&spec, &service, reading);
  ReadSteps(&spec, tick_known, &service);
  ReadApproval(&spec, &service);
  ReadSource(spec.Section("source"), service.name, &reading->configuration.sources);
  spec.Finish();
  if (!spec.Refused("policy")) NoteIgnored(spec, policy, &reading->configuration.notes);
  for (const ServiceConfig& other : reading->configuration.services) {
    if (other.name == service.name)
      reading->errors.Add(metadata.Place("name"),
                          fmt::format("service '{}' is configured twice", service.name));
  }
  CheckServersAreFree(spec, service, reading->configuration.services);
  reading->configuration.services.push_back(std::move(service));
}

void ReadDocuments(const std::string& file, const Result<std::vector<ConfigSection>>& documents,
                   Reading* reading) {
  if (!documents.ok()) {
    // Where the text is no YAML the message begins with the place in the file.
    const std::string& message = documents.error().message;
    if (message.starts_with(file + " "))
      return reading->errors.Add(file, message.substr(file.size() + 1));
    const std::size_t end = message.starts_with(file + ":") ? message.find(": ") : 0;
    if (end == 0 || end == std::string::npos) return reading->errors.Add(file, message);
    return reading->errors.Add(message.substr(0, end), message.substr(end + 2));
  }
  for (ConfigSection document : *documents) {
    document.Choice("apiVersion", "", {"auspex/v1"});
    if (!document.Has("apiVersion") && !document.Refused("apiVersion"))
      document.Refuse("", "apiVersion is missing; write apiVersion: auspex/v1");
    const std::string kind = document.Choice("kind", "", {"Service", "Server"});
    if (!document.Has("kind") && !document.Refused("kind"))
      document.Refuse("", "kind is missing; Service or Server");
    if (kind == "Service") ReadService(document, reading);
    if (kind == "Server") {
      if (++reading->servers > 1) document.Refuse("kind", "a second Server; one is enough");
      const std::size_t before = reading->errors.lines().size();
      ReadServer(document, &reading->configuration.server);
      reading->server_refused = reading->server_refused || reading->errors.lines().size() > before;
    }
    for (const char* key : {"metadata", "spec"}) static_cast<void>(document.Section(key));
    document.Finish();
  }
}

// The wall length of a tick that nobody gave.
void SetScrapedTicks(Reading* reading) {
  const double scrape_s = reading->configuration.server.prometheus_scrape_s;
  for (ServiceConfig& service : reading->configuration.services) {
    if (!service.Scraped()) continue;
    service.scrape_s = scrape_s;
    if (!reading->ticks_by_scrape.contains(service.name)) continue;
    // How often Prometheus looks is wall time, whatever the time scale.
    const double scaled =
        rollout::DefaultScrapedTick(service.criticality, 0.0) * service.time_scale;
    service.tick_s = std::clamp(std::max(scaled, 2.0 * scrape_s), 1.0, 60.0);
  }
}

Result<Configuration> Finish(Reading reading) {
  SetScrapedTicks(&reading);
  if (reading.configuration.server.prometheus_url.empty() && !reading.server_refused) {
    for (const std::string& place : reading.signal_places)
      reading.errors.Add(
          place, "signals are read from prometheus, but the Server has no metrics.prometheus.url");
  }
  if (!reading.errors.empty())
    return Fail(ErrorCode::kInvalidArgument, "{}", reading.errors.ToText());
  return std::move(reading.configuration);
}

// "-" is standard input.
void ReadFile(const std::string& file, Reading* reading) {
  if (file != "-") return ReadDocuments(file, ParseConfigFile(file, &reading->errors), reading);
  static constexpr const char* kName = "<stdin>";
  // A byte more than a configuration may have tells that it is too long.
  std::string text((1 << 20) + 1, '\0');
  std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::cin.gcount()));
  ReadDocuments(kName, ParseConfigText(text, kName, &reading->errors), reading);
}

}  // namespace

telemetry::FeedAddress FeedOf(const ServerConfig& server) {
  return {.address = server.feed_address,
          .port = static_cast<std::uint16_t>(server.feed_port),
          .transport =
              server.feed_udp ? telemetry::FeedTransport::kUdp : telemetry::FeedTransport::kTcp};
}

std::string WorkingFolder() {
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::current_path(failed);
  return failed ? "." : folder.string();
}

std::vector<std::string> RelativePaths(const Configuration& configuration) {
  const ServerConfig& server = configuration.server;
  std::vector<std::string> paths{server.ledger_path,     server.objects_path, server.prometheus_ca,
                                 server.tls_certificate, server.tls_key,      server.tokens_file};
  for (const ServiceConfig& service : configuration.services) {
    const auto& [name, keys, lists] = service.router_config;
    if (const auto found = keys.find("socket"); found != keys.end()) paths.push_back(found->second);
    if (const auto found = lists.find("sockets"); found != lists.end())
      paths.insert(paths.end(), found->second.begin(), found->second.end());
  }
  for (const risk::CodeSource& source : configuration.sources) paths.push_back(source.repository);
  std::erase_if(paths, [](const std::string& path) {
    return path.empty() || path.starts_with('/') || path.find('@') != std::string::npos;
  });
  return paths;
}

Result<Configuration> ReadConfiguration(const std::vector<std::string>& files) {
  Reading reading;
  for (const std::string& file : files) ReadFile(file, &reading);
  return Finish(std::move(reading));
}

Result<Configuration> ParseConfiguration(std::string_view text, const std::string& name) {
  Reading reading;
  ReadDocuments(name, ParseConfigText(text, name, &reading.errors), &reading);
  return Finish(std::move(reading));
}

}  // namespace auspex::cli
