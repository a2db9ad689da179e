// The whole lab with the real HAProxy and Prometheus. The children are this binary, called with
// `lab` as its first argument, as the product calls itself.
#include "lab/rig.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "auspex/base/http_client.h"
#include "lab/ask_socket.h"
#include "lab/event_loop.h"
#include "lab/lab_main.h"
#include "lab/process.h"
#include "lab/rig_config.h"

namespace auspex::lab {
namespace {

using testing::HasSubstr;

constexpr Duration kSoon = 60s;

Result<HttpResponse> Get(const std::string& url, std::string_view method = "GET") {
  HttpRequest request;
  request.method = method;
  request.url = url;
  return SendHttp(request);
}

std::string Local(std::uint16_t port, std::string_view path) {
  return fmt::format("http://127.0.0.1:{}{}", port, path);
}

// The value for each version; empty until there is an answer.
std::map<std::string, double> Query(const Rig& rig, std::string_view query) {
  std::map<std::string, double> values;
  const auto answer =
      Get(fmt::format("{}/api/v1/query?query={}", rig.prometheus_url(), PercentEncode(query)));
  if (!answer.ok() || answer->status != 200) return values;
  const auto json = nlohmann::json::parse(answer->body);
  for (const auto& row : json["data"]["result"]) {
    values[row["metric"].value("version", "")] = std::stod(row["value"][1].get<std::string>());
  }
  return values;
}

double Requests(std::uint16_t port) {
  const auto page = Get(Local(port, "/metrics"));
  if (!page.ok()) return -1.0;
  constexpr std::string_view kSeries = "route=\"cart\"} ";
  const std::size_t at = page->body.find(kSeries);
  return at == std::string::npos ? -1.0 : std::stod(page->body.substr(at + kSeries.size(), 20));
}

// Takes what the proxy's ring sends and looks for a line of each server in it.
class LogSink {
 public:
  LogSink() : loop_(EventLoop::Create().value()), listener_(ListenLoopback(0).value()) {
    EXPECT_TRUE(
        loop_->Watch(listener_.fd.get(), EPOLLIN, [this](std::uint32_t) { Accept(); }).ok());
    thread_ = std::thread([this] { EXPECT_TRUE(loop_->Run().ok()); });
  }
  ~LogSink() {
    loop_->Stop();
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const { return listener_.port; }
  [[nodiscard]] bool Saw(char server) const { return (server == 'a' ? saw_a_ : saw_b_).load(); }

 private:
  void Accept() {
    const int fd = accept4(listener_.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    peers_.emplace_back(fd);
    EXPECT_TRUE(loop_->Watch(fd, EPOLLIN, [this, fd](std::uint32_t) { Take(fd); }).ok());
  }
  void Take(int fd) {
    std::array<char, 65536> buffer{};
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return loop_->Unwatch(fd);
    const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
    if (text.find("{\"s\":\"a\"") != std::string_view::npos) saw_a_ = true;
    if (text.find("{\"s\":\"b\"") != std::string_view::npos) saw_b_ = true;
  }

  std::unique_ptr<EventLoop> loop_;
  Listener listener_;
  std::vector<Fd> peers_;
  std::atomic<bool> saw_a_{false};
  std::atomic<bool> saw_b_{false};
  std::thread thread_;
};

RigOptions SmallRig(const LogSink& sink) {
  RigOptions options;
  options.lab_command = {"/proc/self/exe", "lab"};
  options.log_sections = fmt::format(
      "ring feed\n  format rfc5424\n  maxlen 2048\n  size 1048576\n  timeout connect 1s\n"
      "  timeout server 10s\n  server sink 127.0.0.1:{} log-proto octet-count\n",
      sink.port());
  options.log_lines = "  log ring@feed local0\n  log-format '{\"s\":\"%s\",\"st\":\"%ST\"}'\n";
  options.rps = 100.0;
  return options;
}

void SetCanaryWeight(const Rig& rig, int weight) {
  const auto command = fmt::format("set server {}/{} weight {}", kBackend, kServerB, weight);
  EXPECT_EQ(AskSocket(rig.haproxy_socket(), command, 5s), "\n");
}

std::vector<pid_t> All(const Rig::Pids& pids) {
  return {pids.baseline, pids.canary, pids.haproxy, pids.prometheus, pids.load};
}

TEST(Rig, CarriesTrafficThroughRealHaproxyAndPrometheusAndLeavesNothing) {
  const LogSink sink;
  auto started = Rig::Start(SmallRig(sink));
  ASSERT_TRUE(started.ok()) << started.error().message;
  Rig& rig = **started;
  const std::vector<pid_t> pids = All(rig.pids());
  const auto folder = rig.folder();
  for (const pid_t pid : pids) EXPECT_GT(pid, 0);

  // All of the traffic is on the baseline at first.
  EXPECT_TRUE(WaitUntil([&] { return Requests(rig.baseline_port()) >= 20; }, kSoon));
  EXPECT_EQ(Requests(rig.canary_port()), 0);
  EXPECT_TRUE(WaitUntil([&] { return sink.Saw('a'); }, kSoon));
  EXPECT_FALSE(sink.Saw('b'));
  SetCanaryWeight(rig, 256);
  EXPECT_TRUE(WaitUntil([&] { return Requests(rig.canary_port()) >= 20; }, kSoon));
  EXPECT_TRUE(WaitUntil([&] { return sink.Saw('b'); }, kSoon));

  const std::map<std::string, double> both_up = {{"v1", 1.0}, {"v2", 1.0}};
  EXPECT_TRUE(WaitUntil([&] { return Query(rig, "up") == both_up; }, kSoon));
  const auto memory = Query(rig, "process_resident_memory_bytes");
  EXPECT_EQ(memory.size(), 2U);
  for (const auto& [version, bytes] : memory) EXPECT_GT(bytes, 32e6) << version;

  EXPECT_TRUE(rig.StartFaultClock().ok());
  EXPECT_EQ(Get(Local(rig.proxy_port(), "/lab/start-clock"), "POST")->status, 403);

  const auto summary = rig.StopLoad();
  ASSERT_TRUE(summary.ok()) << summary.error().message;
  const auto json = nlohmann::json::parse(*summary);
  EXPECT_GT(json["ok"], 40);
  EXPECT_EQ(json["dropped"], 0);
  EXPECT_EQ(rig.StopLoad().error().code, ErrorCode::kUnavailable);

  rig.Stop();
  for (const pid_t pid : pids) {
    EXPECT_EQ(kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(Rig, AProxyThatIsKilledComesBackWithItsFirstWeights) {
  const LogSink sink;
  auto started = Rig::Start(SmallRig(sink));
  ASSERT_TRUE(started.ok()) << started.error().message;
  Rig& rig = **started;
  SetCanaryWeight(rig, 256);
  rig.KillHaproxy();
  EXPECT_EQ(rig.pids().haproxy, -1);
  EXPECT_FALSE(Get(Local(rig.proxy_port(), "/cart")).ok());
  ASSERT_TRUE(rig.RestartHaproxy().ok());
  const double before = Requests(rig.baseline_port());
  EXPECT_TRUE(WaitUntil([&] { return Requests(rig.baseline_port()) >= before + 10; }, kSoon));
  const auto weight = AskSocket(rig.haproxy_socket(), "get weight checkout/b", 5s);
  ASSERT_TRUE(weight.ok());
  EXPECT_THAT(*weight, HasSubstr("0 (initial 0)"));
}

TEST(Rig, TheProxySeesAKilledCanary) {
  const LogSink sink;
  auto started = Rig::Start(SmallRig(sink));
  ASSERT_TRUE(started.ok()) << started.error().message;
  Rig& rig = **started;
  rig.KillCanary();
  rig.KillPrometheus();
  EXPECT_EQ(rig.pids().canary, -1);
  EXPECT_EQ(rig.pids().prometheus, -1);
  const bool down = WaitUntil(
      [&] {
        const auto stat = AskSocket(rig.haproxy_socket(), "show stat", 5s);
        const std::size_t line = stat.ok() ? stat->find("checkout,b,") : std::string::npos;
        return line != std::string::npos &&
               stat->substr(line, stat->find('\n', line) - line).find(",DOWN,") !=
                   std::string::npos;
      },
      kSoon);
  EXPECT_TRUE(down);
}

// As on a machine too busy to let them run: their checks are late, but nobody refuses one.
TEST(Rig, FrozenServicesAreNotTakenForDead) {
  const LogSink sink;
  auto started = Rig::Start(SmallRig(sink));
  ASSERT_TRUE(started.ok()) << started.error().message;
  Rig& rig = **started;
  const auto pids = rig.pids();
  for (const pid_t pid : {pids.baseline, pids.canary}) kill(pid, SIGSTOP);
  std::this_thread::sleep_for(2s);  // four checks at half a second
  for (const pid_t pid : {pids.baseline, pids.canary}) kill(pid, SIGCONT);
  const double before = Requests(rig.baseline_port());
  EXPECT_TRUE(WaitUntil([&] { return Requests(rig.baseline_port()) >= before + 10; }, kSoon));
  std::ifstream log(rig.folder() / "haproxy.log");
  const std::string words{std::istreambuf_iterator<char>(log), {}};
  EXPECT_EQ(words.find("DOWN"), std::string::npos) << words;
}

TEST(Rig, SaysWhichPartDidNotComeUpAndWhy) {
  const LogSink sink;
  RigOptions options = SmallRig(sink);
  options.lab_command = {};
  EXPECT_EQ(Rig::Start(options).error().code, ErrorCode::kInvalidArgument);
  options.lab_command = {"/nonexistent/program"};
  EXPECT_EQ(Rig::Start(options).error().code, ErrorCode::kNotFound);
  options = SmallRig(sink);
  options.canary_version = "v 2";
  const auto refused = Rig::Start(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("canary ended at once"));
  EXPECT_THAT(refused.error().message, HasSubstr("version must be"));
  options = SmallRig(sink);
  options.log_lines = "  no-such-keyword\n";
  const auto proxy = Rig::Start(options);
  ASSERT_FALSE(proxy.ok());
  EXPECT_EQ(proxy.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(proxy.error().message, HasSubstr("no-such-keyword"));
}

TEST(Rig, SaysHowToInstallWhatIsMissing) {
  const LogSink sink;
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  const auto started = Rig::Start(SmallRig(sink));
  setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(started.error().message, HasSubstr("apt-get install haproxy prometheus"));
}

// A process that must end by itself.
ExitStatus RunLabToItsEnd(std::vector<std::string> words) {
  std::vector<std::string> argv = {"/proc/self/exe", "lab"};
  argv.insert(argv.end(), words.begin(), words.end());
  auto process = Process::Start({.argv = argv, .env = {}, .output = {}});
  EXPECT_TRUE(process.ok());
  return process->Wait(kSoon).value();
}

TEST(LabMain, RefusesWrongUse) {
  const ExitStatus wrong{2, 0};
  EXPECT_EQ(RunLabToItsEnd({}), wrong);
  EXPECT_EQ(RunLabToItsEnd({"dance"}), wrong);
  EXPECT_EQ(RunLabToItsEnd({"service", "--colour", "red"}), wrong);
  EXPECT_EQ(RunLabToItsEnd({"service", "--port"}), wrong);
  EXPECT_EQ(RunLabToItsEnd({"service", "--port", "70000"}), wrong);
  EXPECT_EQ(RunLabToItsEnd({"service", "--fault", "gremlins"}), wrong);
  EXPECT_EQ(RunLabToItsEnd({"service", "--latency-ms", "-1"}), wrong);
  EXPECT_EQ(RunLabToItsEnd({"load", "--rps", "500"}), wrong);
}

TEST(LabMain, SaysThatAPortIsTakenByItsExitStatus) {
  const LogSink sink;
  EXPECT_EQ(RunLabToItsEnd({"service", "--port", std::to_string(sink.port())}), (ExitStatus{3, 0}));
}

}  // namespace
}  // namespace auspex::lab

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "lab")
    return auspex::lab::LabMain(argc - 1, argv + 1);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
