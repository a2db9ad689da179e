#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "auspex/alert/alertmanager/alertmanager_channel.h"
#include "tests/alert/alerts.h"
#include "tests/base/scripted_http.h"

extern char** environ;

// The real Alertmanager: what is sent is there, changes and ends.
namespace auspex::alert {
namespace {

using nlohmann::json;

constexpr const char* kProgram = "/usr/bin/prometheus-alertmanager";

class AlertmanagerProcess {
 public:
  AlertmanagerProcess() {
    std::string name = (std::filesystem::temp_directory_path() / "auspex-am-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::ofstream(folder_ + "/am.yml") << "route: {receiver: none}\nreceivers: [{name: none}]\n";
    port_ = auspex::testing::ClosedPort();
    std::vector<std::string> words{
        kProgram, "--config.file=" + folder_ + "/am.yml", "--storage.path=" + folder_ + "/data",
        fmt::format("--web.listen-address=127.0.0.1:{}", port_), "--cluster.listen-address="};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    EXPECT_EQ(::posix_spawn(&process_, kProgram, &actions, nullptr, arguments.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~AlertmanagerProcess() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  AlertmanagerProcess(const AlertmanagerProcess&) = delete;
  AlertmanagerProcess& operator=(const AlertmanagerProcess&) = delete;

  [[nodiscard]] std::string Url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  [[nodiscard]] json Alerts() const {
    const auto answer = SendHttp({.url = Url() + "/api/v2/alerts"});
    EXPECT_TRUE(answer.ok());
    return answer.ok() ? json::parse(answer->body, nullptr, false) : json();
  }

 private:
  std::string folder_;
  int port_ = 0;
  pid_t process_ = 0;
};

TEST(RealAlertmanager, HasTheAlertUntilItIsResolved) {
  if (::access(kProgram, X_OK) != 0)
    GTEST_SKIP() << kProgram << " is not installed (Debian: prometheus-alertmanager)";
  const AlertmanagerProcess alertmanager;
  const RealClock clock;
  const Logger log;
  ChannelRegistry registry;
  RegisterAlertmanagerChannel(registry);
  const auto channel = registry.Create(
      "alertmanager",
      ChannelConfig{.channel = "alertmanager", .keys = {{"url", alertmanager.Url() + "/"}}},
      ChannelTools{.clock = &clock, .log = &log});
  ASSERT_TRUE(channel.ok()) << channel.error().message;
  for (int i = 0; i < 300 && !(*channel)->Probe(clock.Now() + 1s).ok(); ++i)
    std::this_thread::sleep_for(100ms);
  const auto ready = (*channel)->Probe(clock.Now() + 5s);
  ASSERT_TRUE(ready.ok()) << ready.error().message;

  Alert alert = RiskAlert();
  alert.at = clock.Wall();
  const Status sent = (*channel)->Send(alert, clock.Now() + 10s);
  ASSERT_TRUE(sent.ok()) << sent.error().message;
  json alerts = alertmanager.Alerts();
  ASSERT_EQ(alerts.size(), 1u) << alerts.dump();
  EXPECT_EQ(alerts[0]["labels"]["alertname"], "AuspexRisk");
  EXPECT_EQ(alerts[0]["labels"]["service"], "checkout");
  EXPECT_EQ(alerts[0]["annotations"]["summary"], alert.summary);
  EXPECT_EQ(alerts[0]["generatorURL"], alert.link);

  // The same alert with other figures replaces it.
  alert.probability = 0.9;
  ASSERT_TRUE((*channel)->Send(alert, clock.Now() + 10s).ok());
  alerts = alertmanager.Alerts();
  ASSERT_EQ(alerts.size(), 1u) << alerts.dump();
  EXPECT_EQ(alerts[0]["annotations"]["probability"], "0.900");

  // Alertmanager does not list what has ended.
  alert.resolved = true;
  alert.at = clock.Wall();
  ASSERT_TRUE((*channel)->Send(alert, clock.Now() + 10s).ok());
  EXPECT_EQ(alertmanager.Alerts().size(), 0u);
}

}  // namespace
}  // namespace auspex::alert
