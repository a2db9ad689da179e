#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "auspex/base/config.h"

// One command a function, each in a file of its own. They print to standard output and give the
// exit code (exit_code.h).
namespace auspex::cli {

struct ClientOptions {
  std::string server = "http://127.0.0.1:8400";  // --server, AUSPEX_SERVER
  Secret token;                                  // AUSPEX_TOKEN, never an option: those are
                                                 // seen in lists of processes
  std::string ca_file;                           // --ca-file, AUSPEX_CA; empty: the system's
  bool json = false;
};

struct DemoOptions {
  std::string fault = "none";
  std::uint64_t seed = 1;
  double rps = 500.0;
  std::string pace = "classic";  // or swift
  double minutes = 4.0;
  bool keep = false;
  bool json = false;
  // How often, on average in seconds, to end one of the parts `kill` and start it again; 0: never.
  double kill_every = 0.0;
  std::vector<std::string> kill = {"daemon"};  // daemon, feed, haproxy, prometheus
};
int Demo(const DemoOptions& options);

struct TokenOptions {
  std::string file;
  std::string name;
  std::string role;
  std::string expires;  // a duration from now; empty: never
  bool json = false;
};
// Prints the token, which is not kept anywhere.
int TokenCreate(const TokenOptions& options);
int TokenList(const TokenOptions& options);
int TokenRevoke(const TokenOptions& options);

// Until SIGTERM or SIGINT. SIGHUP reads certificate, key and tokens again, and says that the
// configuration is not.
int Serve(const std::vector<std::string>& files);
int Check(const std::vector<std::string>& files, bool json);
// Without a server of its own, `client` asks the configuration's.
int Doctor(const std::vector<std::string>& files, const ClientOptions& client);

struct DeployOptions {
  std::string service;
  std::string version;
  std::string baseline_version;
  std::string actor;
  std::optional<double> risk;
  std::string repository;          // where the change is looked at; empty: nowhere
  std::string range;               // of it; empty: from the version that serves to this one
  std::vector<std::string> paths;  // NAME=FOLDER, of each service of it
  bool wait = false;
};
int Deploy(const ClientOptions& client, const DeployOptions& options);

int RolloutList(const ClientOptions& client, const std::string& service, bool all);
int RolloutGet(const ClientOptions& client, const std::string& id);
int RolloutExplain(const ClientOptions& client, const std::string& id);
int RolloutPrediction(const ClientOptions& client, const std::string& id);
int RolloutWatch(const ClientOptions& client, const std::string& id);
struct OrderOptions {
  std::string verb;  // pause, resume, promote, abort, weight
  std::string id;
  std::string reason;
  std::string weight;
  std::string actor;
};
int RolloutOrder(const ClientOptions& client, const OrderOptions& order);

// Standard input to standard output.
int DecideStreamCommand();

struct JudgeFileOptions {
  std::string file;                 // - is standard input
  std::string method = "evidence";  // or mann-whitney
  std::string config;               // a canary configuration of Kayenta's shape; empty: none
  double alpha = 0.01;
  double latency_tolerance = 0.05;  // of latencies and other values
  double error_tolerance = 0.10;    // of shares of errors
  std::int64_t look = 0;            // 0: the only one
  std::string change_at;            // empty: two arms are compared
  double after_s = 7200.0;
  bool json = false;
};
int JudgeFile(const JudgeFileOptions& options);

struct TrainModelOptions {
  std::string data;                // CSV; - is standard input
  std::string label, time, group;  // columns; the latter two may be empty
  std::vector<std::string> drop;
  bool history = false;
  std::string learner = "auto";
  std::uint64_t seed = 1;
  std::string out;  // a folder
  bool json = false;
};
int TrainModel(const TrainModelOptions& options);

struct PredictOptions {
  std::string model, data, label;  // label may be empty
  std::size_t reasons = 0;         // the most of them a row; 0: no column of reasons
  std::string out;                 // - is standard output
  bool json = false;
};
int Predict(const PredictOptions& options);

struct EvaluateOptions {
  std::string model, data, label;  // label empty: the model's
  bool json = false;
};
int Evaluate(const EvaluateOptions& options);

struct SimulateOptions {
  std::vector<std::string> policies;  // empty: all
  std::size_t deployments = 1000;
  std::uint64_t seed = 1;  // number of the first deployment
  unsigned jobs = 0;       // 0: as many as the machine has cores
  bool cases = false;      // the constant cases instead of deployments
  std::string plot;        // a file for the SVG plot; empty: none
  bool json = false;
};
int Simulate(const SimulateOptions& options);

struct LedgerOptions {
  std::string ledger = "var/auspex.db";
  std::string objects = "var/objects";
  bool json = false;
};
// `what`: a deployment's id, or a file of `decide` lines ({"in":…} and {"out":…}).
int Replay(const LedgerOptions& ledger, const std::string& what);
int AuditVerify(const LedgerOptions& ledger);
// What people ordered for a deployment.
int AuditOrders(const LedgerOptions& ledger, const std::string& deployment);
// `to`, `from`: a file, or a folder (that is there, or written with '/' at its end).
int Backup(const LedgerOptions& ledger, const std::string& to);
int Restore(const LedgerOptions& ledger, const std::string& from);

}  // namespace auspex::cli
