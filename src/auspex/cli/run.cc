#include "auspex/cli/run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "auspex/base/weight.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "lab/lab_main.h"

namespace auspex::cli {
namespace {

// Two examples first, then the options: what a reader of --help looks for.
class ExampleFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    const std::string examples = app->get_footer();
    std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
    if (examples.empty()) return help;
    const std::size_t at = help.find(examples);
    if (at != std::string::npos) help.erase(at, examples.size());
    return "Examples:\n" + examples + "\n\n" + help;
  }
};

std::string FromEnvironment(const char* name, std::string fallback) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread yet
  return value == nullptr || *value == '\0' ? std::move(fallback) : value;
}

struct Options {
  ClientOptions client;
  DemoOptions demo;
  DeployOptions deploy;
  OrderOptions order;
  LedgerOptions ledger;
  TokenOptions token;
  std::vector<std::string> files;
  std::string id, what, risk, service;
  bool json = false, all = false;
  int exit = kGood;
};

// An empty text would name all deployments, or none.
std::string Named(const std::string& text) {
  return text.empty() ? "the id is empty" : std::string();
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
  demo->add_option("--fault", o->demo.fault, "none|errors|latency|tail|leak|crash|load|dependency");
  demo->add_option("--seed", o->demo.seed, "of arrivals, latencies and errors");
  demo->add_option("--rps", o->demo.rps, "requests a second")->check(CLI::Range(1.0, 20000.0));
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

void AddDaemon(CLI::App* app, Options* o) {
  CLI::App* serve = Command(app, "serve", "The daemon: API and rollouts",
                            "  auspex serve --config auspex.yaml\n  auspex serve --config "
                            "server.yaml --config services.yaml");
  serve->add_option("--config", o->files, "YAML files, one or more")->required();
  serve->add_flag("--json", o->json, "no difference: the log is JSON, a line each, anyway");
  serve->callback([o] { o->exit = Serve(o->files); });

  CLI::App* check =
      Command(app, "check", "Validates configuration and says what it would do; touches nothing",
              "  auspex check auspex.yaml\n  auspex check --json server.yaml services.yaml");
  check->add_option("files", o->files, "YAML files; - is standard input")->required();
  check->add_flag("--json", o->json, "print JSON");
  check->callback([o] { o->exit = Check(o->files, o->json); });

  CLI::App* doctor =
      Command(app, "doctor", "What of the environment works, a line each with the mend",
              "  auspex doctor\n  auspex doctor --config auspex.yaml");
  doctor->add_option("--config", o->files, "YAML files of the daemon");
  doctor->add_flag("--json", o->json, "print JSON");
  doctor->callback([o] { o->exit = Doctor(o->files, o->json); });
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
  CLI::App* create =
      add("create", "Makes a token and prints it, once; the file keeps only its SHA-256",
          "  auspex token create --role operator --name ci --file tokens.json\n"
          "  auspex token create --role viewer --name prometheus --file tokens.json > token",
          &TokenCreate);
  create->add_option("--role", o->token.role, "viewer reads, operator steers rollouts, admin all")
      ->required();
  create->add_option("--name", o->token.name, "who acts, in the ledger")->required();
  add("list", "Names and roles; no token can be shown again",
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
              "1.8.2 --risk 40%");
  deploy->add_option("service", o->deploy.service, "as configured")->required();
  deploy->add_option("--version", o->deploy.version, "of the canary")->required();
  deploy->add_option("--baseline-version", o->deploy.baseline_version,
                     "what serves now, for queries with $version");
  deploy->add_option("--risk", o->risk, "P(fail) before traffic, 40% or 0.4");
  deploy->add_option("--actor", o->deploy.actor, "who deploys; default user@host");
  deploy->add_flag("--wait", o->deploy.wait, "follow it to its end");
  AddServer(deploy, o);
  deploy->callback([o] {
    if (!o->risk.empty()) {
      const Result<double> risk = ParseShare(o->risk);
      if (!risk.ok()) {
        o->exit = Complain("deploy", risk.error());
        return;
      }
      o->deploy.risk = *risk;
    }
    o->client.json = o->json;
    o->exit = Deploy(o->client, o->deploy);
  });
}

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
                fmt::format("  auspex rollout {0} ID{1} --reason 'checked by hand'\n  auspex "
                            "rollout {0} ID{1} --reason 'INC-12' --json",
                            verb.name, weight ? " 10%" : ""));
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
  static constexpr View kViews[] = {{"get", "One deployment", &RolloutGet},
                                    {"watch", "Follows it to its end", &RolloutWatch},
                                    {"explain", "What the evidence stands on", &RolloutExplain}};
  for (const View& view : kViews) {
    CLI::App* command =
        Command(rollout, view.name, view.text,
                fmt::format("  auspex rollout {0} ID\n  auspex rollout {0} ID --json", view.name));
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
  CLI::App* decide =
      Command(app, "decide",
              "The controller as a co-process: windows in, decisions out, a JSON object a line",
              "  auspex decide < windows.jsonl\n  my-collector | auspex decide | my-router");
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
  CLI::App* verify = Command(audit, "verify", "Proves that no entry was changed",
                             "  auspex audit verify\n  auspex audit verify backup.db --json");
  verify->add_option("file", o->ledger.ledger, "the ledger's file (default var/auspex.db)");
  add(verify);
  verify->callback([o] { o->exit = AuditVerify(o->ledger); });
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
                   "auspex.db and objects/; nothing is overwritten")
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
  app.formatter(std::make_shared<ExampleFormatter>());
  app.footer("  auspex demo --fault errors\n  auspex deploy checkout --version 1.8.2 --wait");
  app.require_subcommand(1);
  app.set_version_flag("--version", "auspex " AUSPEX_VERSION);
  AddDemo(&app, &o);
  AddDaemon(&app, &o);
  AddToken(&app, &o);
  AddDeploy(&app, &o);
  AddRollout(&app, &o);
  AddLedger(&app, &o);
  AddBackup(&app, &o);
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (argc > 1 && argv[1][0] != '-' &&
      std::find(names.begin(), names.end(), argv[1]) == names.end()) {
    fmt::print(stderr, "auspex: no command '{}'; there is {}\n", argv[1], fmt::join(names, ", "));
    return kWrongInput;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kGood : kWrongInput;
  }
  return o.exit;
}

}  // namespace auspex::cli
