#include "auspex/cli/run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "auspex/base/weight.h"
#include "auspex/cli/change_sight.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/ingest.h"
#include "auspex/cli/mine.h"
#include "auspex/cli/model_commands.h"
#include "auspex/cli/risk.h"
#include "auspex/cli/usage.h"
#include "lab/lab_main.h"

namespace auspex::cli {
namespace {

std::string FromEnvironment(const char* name, std::string fallback) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread yet
  return value == nullptr || *value == '\0' ? std::move(fallback) : value;
}

struct Options {
  ClientOptions client;
  DemoOptions demo;
  DeployOptions deploy;
  OrderOptions order;
  SimulateOptions simulate;
  LedgerOptions ledger;
  TokenOptions token;
  JudgeFileOptions judge;
  std::vector<std::string> files, more_files;
  std::vector<std::string> words;
  std::string id, what, risk, service;
  bool json = false, all = false;
  int exit = kGood;
};

// An empty text would name all deployments, or none.
std::string Named(const std::string& text) {
  return text.empty() ? "the id is empty" : std::string();
}

// Where a share is wanted, `5%` is 0.05.
const CLI::Validator& AsShare() {
  static const CLI::Validator kAsShare(
      [](std::string& text) {
        if (!text.ends_with('%')) return std::string();
        double percent = 0.0;
        const char* const last = text.data() + text.size() - 1;
        const auto [end, failed] = std::from_chars(text.data(), last, percent);
        if (failed == std::errc() && end == last) text = fmt::format("{}", percent / 100.0);
        return std::string();
      },
      "");
  return kAsShare;
}

CLI::App* Command(CLI::App* parent, const std::string& name, const std::string& text,
                  const std::string& examples) {
  CLI::App* command = parent->add_subcommand(name, text);
  command->footer(examples);
  return command;
}

void AddServer(CLI::App* command, Options* o) {
  command->add_option("--server", o->client.server, "the daemon's address (or AUSPEX_SERVER)");
  command->add_option("--ca-file", o->client.ca_file,
                      "PEM of the authority of an https server's certificate (or AUSPEX_CA)");
  command->add_flag("--json", o->json, "print JSON");
}

void AddDemo(CLI::App* app, Options* o) {
  CLI::App* demo = Command(
      app, "demo", "One real rollout on this machine: HAProxy, Prometheus, two versions, load",
      "  auspex demo\n  auspex demo --fault errors --seed 7 --json");
  demo->add_option(
      "--fault", o->demo.fault,
      "what is wrong with the new version: none, errors (10 points more), latency (1.8 "
      "times as slow), tail (8 % of requests 8 times as slow), leak (60 % of its "
      "memory a minute), crash (60 % errors from 20 s on), load (20 % errors from a "
      "weight of 30 % on), dependency (both versions, 40 to 70 s)");
  demo->add_option("--seed", o->demo.seed, "of arrivals, latencies and errors");
  demo->add_option("--rps", o->demo.rps, "requests a second")->check(CLI::Range(1.0, 20000.0));
  demo->add_option("--pace", o->demo.pace,
                   "classic, ten times as fast as in earnest, or swift, twice as fast")
      ->check(CLI::IsMember({"classic", "swift"}));
  demo->add_option("--minutes", o->demo.minutes, "ends it with exit 4")
      ->check(CLI::Range(0.1, 600.0));
  demo->add_flag("--keep", o->demo.keep, "keep the folder with configuration, ledger and logs");
  demo->add_option("--kill-every", o->demo.kill_every,
                   "end a part with SIGKILL every so many seconds, at random, and start it again")
      ->check(CLI::Range(0.0, 600.0));
  demo->add_option("--kill", o->demo.kill, "which parts: daemon,feed,haproxy,prometheus")
      ->delimiter(',')
      ->check(CLI::IsMember({"daemon", "feed", "haproxy", "prometheus"}));
  demo->add_flag("--json", o->demo.json, "progress lines, then the answer as one line");
  demo->callback([o] { o->exit = Demo(o->demo); });
}

// One way for all: files stand after the command, or after --config.
void AddFiles(CLI::App* command, Options* o) {
  command->add_option("files", o->files, "YAML files, one or more; - is standard input");
  command->add_option("--config", o->more_files, "the same, by name; may be given again");
}

std::vector<std::string> FilesOf(const Options& o) {
  std::vector<std::string> files = o.files;
  files.insert(files.end(), o.more_files.begin(), o.more_files.end());
  return files;
}

std::vector<std::string> FilesNeeded(const Options& o) {
  std::vector<std::string> files = FilesOf(o);
  if (files.empty()) throw CLI::RequiredError("a configuration file");
  return files;
}

void AddDaemon(CLI::App* app, Options* o) {
  CLI::App* serve = Command(app, "serve", "The daemon: API and rollouts",
                            "  auspex serve --config auspex.yaml\n  auspex serve server.yaml "
                            "services.yaml");
  AddFiles(serve, o);
  serve->add_flag("--json", o->json, "no difference: the log is JSON, a line each, anyway");
  serve->callback([o] { o->exit = Serve(FilesNeeded(*o)); });

  CLI::App* check =
      Command(app, "check", "Validates configuration and says what it would do; touches nothing",
              "  auspex check auspex.yaml\n  auspex check --json server.yaml services.yaml");
  AddFiles(check, o);
  check->add_flag("--json", o->json, "print JSON");
  check->callback([o] { o->exit = Check(FilesNeeded(*o), o->json); });

  CLI::App* doctor =
      Command(app, "doctor", "What of the environment works, a line each with the mend",
              "  auspex doctor auspex.yaml\n  auspex doctor --json server.yaml services.yaml");
  AddFiles(doctor, o);
  AddServer(doctor, o);
  doctor->callback([o] {
    o->client.json = o->json;
    o->exit = Doctor(FilesOf(*o), o->client);
  });
}

void AddToken(CLI::App* app, Options* o) {
  CLI::App* token = Command(app, "token", "Who may call the daemon, and as what",
                            "  auspex token create --role operator --name ci --file tokens.json\n"
                            "  auspex token list --file tokens.json");
  token->require_subcommand(1);
  const auto add = [token, o](const char* name, const char* text, const char* examples,
                              int (*run)(const TokenOptions&)) {
    CLI::App* command = Command(token, name, text, examples);
    command->add_option("--file", o->token.file, "the file that spec.tokens names")->required();
    command->add_flag("--json", o->token.json, "print JSON");
    command->callback([o, run] { o->exit = run(o->token); });
    return command;
  };
  CLI::App* create = add(
      "create", "Makes a token and prints it, once; the file keeps only its SHA-256",
      "  auspex token create --role operator --name ci --file tokens.json\n"
      "  auspex token create --role viewer --name guest --expires 90d --file tokens.json > token",
      &TokenCreate);
  create->add_option("--role", o->token.role, "viewer reads, operator steers rollouts, admin all")
      ->required();
  create->add_option("--name", o->token.name, "who acts, in the ledger")->required();
  create->add_option("--expires", o->token.expires,
                     "how long it is good, as 12h or 90d; without, until it is revoked");
  add("list", "Names, roles and ends; no token can be shown again",
      "  auspex token list --file tokens.json\n  auspex token list --file tokens.json --json",
      &TokenList);
  CLI::App* revoke = add("revoke", "Takes a token away; daemons refuse it within seconds",
                         "  auspex token revoke --name ci --file tokens.json\n"
                         "  auspex token revoke --name ci --file tokens.json --json",
                         &TokenRevoke);
  revoke->add_option("--name", o->token.name, "as it was created")->required();
}

void AddDeploy(CLI::App* app, Options* o) {
  CLI::App* deploy =
      Command(app, "deploy", "Announces a deployment; its canary is the slot without traffic",
              "  auspex deploy checkout --version 1.8.2 --wait\n  auspex deploy checkout --version "
              "1.8.2 --repo . --range v1.8.1..v1.8.2");
  deploy->add_option("service", o->deploy.service, "as configured")->required();
  deploy->add_option("--version", o->deploy.version, "of the canary")->required();
  deploy->add_option("--baseline-version", o->deploy.baseline_version,
                     "what serves now, for queries with $version");
  deploy->add_option("--risk", o->risk,
                     "P(fail) before traffic, 40% or 0.4; overrides what is predicted");
  deploy->add_option("--repo", o->deploy.repository,
                     "a clone on this machine: what the deployment changes is looked at in it");
  deploy
      ->add_option("--range", o->deploy.range,
                   "what it changes, as v1.8.1..v1.8.2; without, from the version that serves to "
                   "this one, by their tags or commits")
      ->needs("--repo");
  AddPathOption(deploy, &o->deploy.paths)->needs("--repo");
  deploy->add_option("--actor", o->deploy.actor, "who deploys; default user@host");
  deploy->add_flag("--wait", o->deploy.wait,
                   "follow it to its end, or until it is held for a person");
  AddServer(deploy, o);
  deploy->callback([o] {
    if (!o->risk.empty()) {
      const Result<double> risk = ParseShare(o->risk);
      if (!risk.ok()) {
        o->exit = Complain("deploy", Within("--risk", risk.error()).error);
        return;
      }
      o->deploy.risk = *risk;
    }
    o->client.json = o->json;
    o->exit = Deploy(o->client, o->deploy);
  });
}

constexpr const char* kExampleId = "checkout-1.8.2-1764000000000";

void AddOrders(CLI::App* rollout, Options* o) {
  struct Verb {
    const char* name;
    const char* text;
  };
  static constexpr Verb kVerbs[] = {{"pause", "Holds the weight; evidence still rolls back"},
                                    {"resume", "Goes on after a pause"},
                                    {"promote", "All traffic to the canary, now"},
                                    {"abort", "All traffic back to the baseline, now"},
                                    {"weight", "Sets the weight and pauses"},
                                    {"approve", "Yes to a deployment that waits for approval"},
                                    {"reject", "No to it: it ends without traffic"}};
  for (const Verb& verb : kVerbs) {
    const bool weight = std::string_view(verb.name) == "weight";
    CLI::App* command =
        Command(rollout, verb.name, verb.text,
                fmt::format("  auspex rollout {0} {2}{1} --reason 'checked by hand'\n  auspex "
                            "rollout {0} {2}{1} --reason INC-12 --json",
                            verb.name, weight ? " 10%" : "", kExampleId));
    command->add_option("id", o->order.id, "the deployment")->required()->check(Named);
    if (weight) command->add_option("weight", o->order.weight, "10% or 0.1")->required();
    command->add_option("--reason", o->order.reason, "why; kept in the ledger")->required();
    command->add_option("--actor", o->order.actor, "who; default user@host");
    AddServer(command, o);
    command->callback([o, name = std::string(verb.name)] {
      o->client.json = o->json;
      o->order.verb = name;
      o->exit = RolloutOrder(o->client, o->order);
    });
  }
}

void AddRollout(CLI::App* app, Options* o) {
  CLI::App* rollout =
      Command(app, "rollout", "See and steer rollouts",
              "  auspex rollout list\n  auspex rollout watch checkout-1.8.2-1764000000000");
  rollout->require_subcommand(1);
  CLI::App* list =
      Command(rollout, "list", "Running rollouts",
              "  auspex rollout list\n  auspex rollout list --all --service checkout --json");
  list->add_flag("--all", o->all, "ended ones too");
  list->add_option("--service", o->service, "of one service");
  AddServer(list, o);
  list->callback([o] {
    o->client.json = o->json;
    o->exit = RolloutList(o->client, o->service, o->all);
  });
  struct View {
    const char* name;
    const char* text;
    int (*run)(const ClientOptions&, const std::string&);
  };
  static constexpr View kViews[] = {
      {"get", "One deployment", &RolloutGet},
      {"watch", "Follows it to its end", &RolloutWatch},
      {"explain", "What the evidence stands on", &RolloutExplain},
      {"prediction", "How likely it was to fail before any traffic, and why", &RolloutPrediction}};
  for (const View& view : kViews) {
    CLI::App* command =
        Command(rollout, view.name, view.text,
                fmt::format("  auspex rollout {0} {1}\n  auspex rollout {0} {1} --json", view.name,
                            kExampleId));
    command->add_option("id", o->id, "the deployment")->required()->check(Named);
    AddServer(command, o);
    command->callback([o, run = view.run] {
      o->client.json = o->json;
      o->exit = run(o->client, o->id);
    });
  }
  AddOrders(rollout, o);
}

void AddLedger(CLI::App* app, Options* o) {
  const auto add = [o](CLI::App* command) {
    command->add_option("--ledger", o->ledger.ledger, "the ledger's file (default var/auspex.db)");
    command->add_option("--objects", o->ledger.objects,
                        "the object store's folder (default var/objects)");
    command->add_flag("--json", o->ledger.json, "print JSON");
  };
  CLI::App* decide = Command(
      app, "decide",
      "The controller as a co-process: windows in, decisions out, a JSON object a line",
      "  auspex decide < windows.jsonl\n"
      "  my-collector | auspex decide | my-router\n\n"
      "Lines in, with their keys (docs/decide.md says what each means):\n"
      "  start  deployment service criticality mode policy pace feed alpha risk tick_s\n"
      "         requests_per_s time_scale limits rollback_below at_deadline detect error_rate\n"
      "         steps approval lag_s planned_shares fuse history\n"
      "  tick   deployment t_s canary baseline gauges baseline_values stopped_at\n"
      "         an arm: requests errors slower routes behaviour instances up in_flight\n"
      "  stop   deployment");
  decide->add_flag("--json", o->json, "no difference: it reads and prints JSON anyway");
  decide->callback([o] { o->exit = DecideStreamCommand(); });
  CLI::App* replay = Command(
      app, "replay",
      "Decides a deployment again and compares bit for bit; lines of a file from elsewhere to "
      "1e-9, but for the reasons",
      "  auspex replay checkout-1.8.2-1764000000000\n  auspex replay --json trace.jsonl");
  replay
      ->add_option(
          "what", o->what,
          "a deployment's id, or a file of {\"in\":…} and {\"out\":…} lines; - is standard "
          "input")
      ->required();
  add(replay);
  replay->callback([o] { o->exit = Replay(o->ledger, o->what); });
  CLI::App* audit =
      Command(app, "audit", "The ledger's hash chain",
              "  auspex audit verify\n  auspex audit verify --ledger var/auspex.db --json");
  audit->require_subcommand(1);
  CLI::App* verify =
      Command(audit, "verify", "Proves that no entry was changed",
              "  auspex audit verify\n  auspex audit verify /backups/monday/ --json");
  verify->add_option("file", o->ledger.ledger,
                     "the ledger's file (default var/auspex.db), or what `auspex backup` made: a "
                     "file or a folder");
  add(verify);
  verify->callback([o] { o->exit = AuditVerify(o->ledger); });
  CLI::App* orders =
      Command(audit, "orders", "What people ordered for a deployment: when, who and why",
              "  auspex audit orders checkout-1.8.2-1764000000000\n  auspex audit orders "
              "checkout-1.8.2-1764000000000 --ledger /backups/monday/ --json");
  orders->add_option("id", o->id, "the deployment")->required()->check(Named);
  add(orders);
  orders->callback([o] { o->exit = AuditOrders(o->ledger, o->id); });
}

void AddSimulate(CLI::App* app, Options* o) {
  CLI::App* simulate = Command(
      app, "simulate",
      "Thousands of simulated deployments, good and bad, under our policies and those of other "
      "tools",
      "  auspex simulate\n  auspex simulate --policy 'classic-*,argo-1m' --deployments 4000 --seed "
      "5001");
  simulate
      ->add_option("--policy", o->simulate.policies,
                   "which, separated by commas; a name may end in *, and '*' is all (default: all "
                   "but three more settings of swift)")
      ->delimiter(',');
  simulate->add_option("--deployments", o->simulate.deployments, "how many (default 1000)")
      ->check(CLI::Range(1, 1'000'000));
  simulate->add_option("--seed", o->simulate.seed,
                       "number of the first deployment; number n is the same in every run");
  simulate->add_option("--jobs", o->simulate.jobs, "threads (default: one a core)")
      ->check(CLI::Range(1, 1024));
  simulate->add_option("--plot", o->simulate.plot,
                       "writes an SVG file: harm against time to full traffic");
  simulate->add_flag("--cases", o->simulate.cases,
                     "instead: judges on two arms of constant error rates");
  simulate->add_flag("--json", o->simulate.json, "print JSON");
  simulate->callback([o] { o->exit = Simulate(o->simulate); });
}

void AddBackup(CLI::App* app, Options* o) {
  CLI::App* backup = Command(
      app, "backup",
      "Copies the ledger and its objects, also while a daemon writes them, and proves the copy",
      "  auspex backup --to /backups/monday.db\n  auspex backup --to /backups/monday/ --ledger "
      "var/auspex.db");
  backup
      ->add_option("--to", o->what,
                   "a new file that holds all, or a folder (ends with '/', or is there) for "
                   "auspex.db and objects/; in a folder that is there; nothing is overwritten")
      ->required();
  CLI::App* restore = Command(
      app, "restore", "Proves a backup and makes a ledger of it, where none is and no daemon runs",
      "  auspex restore /backups/monday.db\n  auspex restore /backups/monday/ --ledger "
      "var/auspex.db --objects var/objects");
  restore->add_option("from", o->what, "what `auspex backup` made: a file or a folder")->required();
  for (CLI::App* command : {backup, restore}) {
    command->add_option("--ledger", o->ledger.ledger, "the ledger's file (default var/auspex.db)");
    command->add_option("--objects", o->ledger.objects,
                        "the object store's folder (default var/objects)");
    command->add_flag("--json", o->ledger.json, "print JSON");
  }
  backup->callback([o] { o->exit = Backup(o->ledger, o->what); });
  restore->callback([o] { o->exit = Restore(o->ledger, o->what); });
}

void AddJudge(CLI::App* app, Options* o) {
  CLI::App* judge = Command(
      app, "judge",
      "Canary against baseline from recorded data; with --change-at one series before and after. "
      "Exit 0: pass, 1: fail, 4: inconclusive",
      "  auspex judge requests.csv.gz\n  auspex judge latency.csv --change-at "
      "2026-11-24T11:13:00Z --after 3600");
  judge
      ->add_option("file", o->judge.file,
                   "CSV, also gzipped; - is standard input. Requests: "
                   "arm,timestamp,latency_ms,ok[,route]; series: "
                   "metric,arm,timestamp,value[,count]; one series: timestamp,value")
      ->required();
  judge
      ->add_option("--method", o->judge.method,
                   "evidence, or mann-whitney: the judge of Spinnaker's Kayenta")
      ->check(CLI::IsMember({"evidence", "mann-whitney"}));
  judge
      ->add_option("--alpha", o->judge.alpha,
                   "bound on calling a good canary bad, 1% or 0.01 (default)")
      ->transform(AsShare())
      ->check(CLI::Range(1e-6, 0.5));
  judge->add_option("--config", o->judge.config,
                    "metrics, directions and thresholds: a canary configuration as Kayenta's, "
                    "JSON or YAML");
  judge
      ->add_option("--latency-tolerance", o->judge.latency_tolerance,
                   "share by which the canary's values may be worse (default 5%)")
      ->transform(AsShare())
      ->check(CLI::Range(0.0, 10.0));
  judge
      ->add_option("--error-tolerance", o->judge.error_tolerance,
                   "share by which its error rate may be higher (default 10%)")
      ->transform(AsShare())
      ->check(CLI::Range(0.0, 10.0));
  judge
      ->add_option("--look", o->judge.look,
                   "the file grows and is judged again: this is the Nth time, and all together "
                   "keep within alpha (default: it is judged once)")
      ->check(CLI::Range(1, 1'000'000));
  judge->add_option("--change-at", o->judge.change_at,
                    "when the change was, RFC 3339 or seconds since 1970");
  judge->add_option("--after", o->judge.after_s, "seconds after it that are looked at (7200)")
      ->check(CLI::Range(1.0, 1e9));
  judge->add_flag("--json", o->judge.json, "print JSON");
  judge->callback([o] { o->exit = JudgeFile(o->judge); });
}

void AddHelp(CLI::App* app, Options* o) {
  CLI::App* help = Command(app, "help", "As --help of a command",
                           "  auspex help deploy\n  auspex help rollout pause");
  help->add_option("command", o->words, "which; none: all of them in a line each");
  help->callback([app, o] {
    const Result<std::string> text = HelpOf(*app, o->words);
    o->exit = text.ok() ? kGood : Complain("help", text.error());
    if (text.ok()) fmt::print("{}", *text);
  });
}

}  // namespace

int Run(int argc, char** argv) {
  // The lab's own processes; not for people.
  if (argc > 1 && std::string_view(argv[1]) == "lab") return lab::LabMain(argc - 1, argv + 1);
  Options o;
  o.client.server = FromEnvironment("AUSPEX_SERVER", o.client.server);
  o.client.token = Secret(FromEnvironment("AUSPEX_TOKEN", ""));
  o.client.ca_file = FromEnvironment("AUSPEX_CA", "");
  CLI::App app(
      "Auspex predicts whether a deployment will fail, steers its canary, and rolls it back before "
      "many users are hurt.",
      "auspex");
  PutExamplesFirst(&app);
  app.footer("  auspex demo --fault errors\n  auspex deploy checkout --version 1.8.2 --wait");
  app.require_subcommand(1);
  app.set_version_flag("--version", "auspex " AUSPEX_VERSION);
  AddDemo(&app, &o);
  AddDaemon(&app, &o);
  AddToken(&app, &o);
  AddDeploy(&app, &o);
  AddRollout(&app, &o);
  AddIngest(&app, &o.client, &o.exit);
  AddLedger(&app, &o);
  AddRisk(&app, &o.exit);
  AddSimulate(&app, &o);
  AddBackup(&app, &o);
  AddJudge(&app, &o);
  AddMine(&app, &o.exit);
  AddModelCommands(&app, &o.exit);
  AddHelp(&app, &o);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    const std::vector<std::string> words(argv + 1, argv + argc);
    fmt::print(stderr, "{}\n", ExplainMisuse(app, words, error));
    return kWrongInput;
  }
  return o.exit;
}

}  // namespace auspex::cli
