#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/alert/channel.h"
#include "auspex/api/webhooks.h"
#include "auspex/base/config.h"
#include "auspex/base/result.h"
#include "auspex/risk/change_source.h"
#include "auspex/rollout/service_config.h"
#include "auspex/telemetry/sources/feed_socket.h"

namespace auspex::cli {

// One configuration of the daemon: the documents of one or more YAML files.
struct ServerConfig {
  std::string name = "local";
  std::string address = "127.0.0.1";
  int port = 8400;
  std::string ledger_path = "var/auspex.db";
  std::string objects_path = "var/objects";
  Duration keep_ticks = std::chrono::hours(24 * 90);  // packed ticks of ended deployments
  std::string prometheus_url;                         // empty: none
  Secret prometheus_bearer;
  std::string prometheus_ca;
  double prometheus_scrape_s = 15.0;  // how often it looks at the services
  std::string feed_address = "127.0.0.1";
  int feed_port = 8514;
  bool feed_udp = false;
  std::string tls_certificate;  // PEM files; empty: in the clear
  std::string tls_key;
  std::string tokens_file;         // empty: none is asked for
  double requests_per_s = 500.0;   // of each token, or peer without one
  double burst = 1000.0;           // at once
  std::size_t connections = 1600;  // of which idle ones give way to new ones
  std::size_t event_streams = 500;
  api::WebhookSecrets webhooks;
  std::vector<alert::ChannelConfig> alerts;
  std::string public_url;  // of the API, for links in alerts; empty: as it listens
};
// Where the proxy's request log is received.
[[nodiscard]] telemetry::FeedAddress FeedOf(const ServerConfig& server);

struct Configuration {
  ServerConfig server;
  std::vector<rollout::ServiceConfig> services;
  std::vector<risk::CodeSource> sources;  // of the services that have one
  // What stands in the files to no effect, each with its place: no error, but worth a look.
  std::vector<std::string> notes;
};

// The folder in which this process was started; "." where it is gone.
[[nodiscard]] std::string WorkingFolder();
// The paths in it that are from there.
[[nodiscard]] std::vector<std::string> RelativePaths(const Configuration& configuration);

// Reads and checks all files ("-": standard input); touches nothing else. Error: kInvalidArgument
// with one line for each thing that is wrong, each with file:line:column.
Result<Configuration> ReadConfiguration(const std::vector<std::string>& files);
// As that, of a text that is in no file: `name` stands for the file in messages.
Result<Configuration> ParseConfiguration(std::string_view text, const std::string& name);

}  // namespace auspex::cli
