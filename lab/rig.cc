#include "lab/rig.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "auspex/base/http_client.h"
#include "lab/ask_socket.h"
#include "lab/process.h"
#include "lab/rig_config.h"

namespace auspex::lab {
namespace {

// Generous: the machine may be busy with a build. A part that has ended is seen at once.
constexpr Duration kUpWithin = 30s;
constexpr Duration kGrace = 5s;
constexpr Duration kAskLimit = 2s;
constexpr std::size_t kLastWordsBytes = 600;
// Between choosing a free port and listening on it somebody else may take it.
constexpr int kPortAttempts = 3;

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Status WriteFile(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return Fail(ErrorCode::kPermissionDenied, "cannot write {}", path.string());
  return {};
}

Result<std::filesystem::path> NeedProgram(std::string_view name) {
  auto found = FindProgram(name);
  if (found.ok()) return found;
  return Fail(ErrorCode::kNotFound, "{}: `apt-get install haproxy prometheus` (or `make deps`)",
              found.error().message);
}

Result<HttpResponse> Call(std::string_view method, std::uint16_t port, std::string_view path) {
  HttpRequest request;
  request.method = method;
  request.url = fmt::format("http://127.0.0.1:{}{}", port, path);
  request.timeout = kAskLimit;
  return SendHttp(request);
}

// Descriptors: two for each connection and some for HAProxy itself, or it refuses to start.
int MaxProxyConnections() {
  constexpr int kWanted = 4000;
  constexpr rlim_t kOwn = 200;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) return kWanted;
  if (limit.rlim_max >= 2 * kWanted + kOwn) return kWanted;
  return static_cast<int>(std::max<rlim_t>((std::max(limit.rlim_max, kOwn) - kOwn) / 2, 100));
}

void KillPart(std::optional<Process>& part) {
  if (!part) return;
  part->Signal(SIGKILL);
  part->Stop(kGrace);
  part.reset();
}

}  // namespace

class Rig::Impl {
 public:
  Impl(RigOptions options, TempDir folder)
      : options_(std::move(options)), folder_(std::move(folder)) {
    if (options_.keep_files) folder_.Keep();
  }
  ~Impl() { Stop(); }

  Status Start();
  Status StartHaproxyAgain();
  Status StartPrometheus();
  Status StartFaultClock();
  Result<std::string> StopLoad();
  void Stop();

  [[nodiscard]] std::filesystem::path File(std::string_view name) const {
    return folder_.path() / name;
  }

  RigOptions options_;
  TempDir folder_;
  std::filesystem::path haproxy_program_;
  std::filesystem::path prometheus_program_;
  std::uint16_t proxy_port_ = 0;
  std::uint16_t prometheus_port_ = 0;
  std::uint16_t baseline_port_ = 0;
  std::uint16_t canary_port_ = 0;
  std::optional<Process> baseline_;
  std::optional<Process> canary_;
  std::optional<Process> haproxy_;
  std::optional<Process> prometheus_;
  std::optional<Process> load_;

 private:
  struct Arm {
    std::string name;
    std::string version;
    Fault fault;
    std::uint64_t seed;
  };
  Status StartService(const Arm& arm, std::optional<Process>& process, std::uint16_t& port);
  Status StartHaproxy();
  Status StartLoad();
  // Starts it with its output in NAME.log and waits until `up`.
  Status StartPart(std::string_view name, std::vector<std::string> argv,
                   std::optional<Process>& process, const std::function<bool()>& up);
  Status OnFreePort(std::uint16_t& port, const std::function<Status()>& start);
};

Status Rig::Impl::Start() {
  AUSPEX_TRY(haproxy_program_, NeedProgram("haproxy"));
  AUSPEX_TRY(prometheus_program_, NeedProgram("prometheus"));
  const Fault shared = options_.fault == Fault::kDependency ? Fault::kDependency : Fault::kNone;
  AUSPEX_TRY(StartService({"baseline", options_.baseline_version, shared, options_.seed * 4 + 1},
                          baseline_, baseline_port_));
  AUSPEX_TRY(
      StartService({"canary", options_.canary_version, options_.fault, options_.seed * 4 + 2},
                   canary_, canary_port_));
  AUSPEX_TRY(OnFreePort(proxy_port_, [this] { return StartHaproxy(); }));
  AUSPEX_TRY(OnFreePort(prometheus_port_, [this] { return StartPrometheus(); }));
  return StartLoad();
}

Status Rig::Impl::StartPart(std::string_view name, std::vector<std::string> argv,
                            std::optional<Process>& process, const std::function<bool()>& up) {
  const auto output = File(fmt::format("{}.log", name));
  // First in line for the processors: on a busy machine a version that waits its turn looks slow.
  AUSPEX_TRY(process,
             Process::Start({.argv = std::move(argv), .env = {}, .output = output, .nice = -10}));
  bool is_up = false;
  const bool settled = WaitUntil(
      [&] {
        is_up = up();
        return is_up || !process->Running();
      },
      kUpWithin);
  if (is_up) return {};
  const std::string words = ReadFile(output);
  const std::string last = words.substr(words.size() - std::min(words.size(), kLastWordsBytes));
  const std::string what = settled
                               ? "ended at once"
                               : fmt::format("did not answer within {}", auspex::ToText(kUpWithin));
  process.reset();
  return Fail(ErrorCode::kUnavailable, "{} {}; its last words: {}", name, what,
              last.empty() ? "none" : last);
}

Status Rig::Impl::OnFreePort(std::uint16_t& port, const std::function<Status()>& start) {
  Status status;
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    AUSPEX_TRY(port, FreePort());
    status = start();
    if (status.ok()) return status;
  }
  return status;
}

Status Rig::Impl::StartService(const Arm& arm, std::optional<Process>& process,
                               std::uint16_t& port) {
  const auto port_file = File(arm.name + ".port");
  std::vector<std::string> argv = options_.lab_command;
  for (const std::string& word : std::initializer_list<std::string>{
           "service", "--port", "0", "--port-file", port_file.string(), "--version", arm.version,
           "--fault", std::string(Name(arm.fault)), "--seed", fmt::format("{}", arm.seed),
           "--error-rate", fmt::format("{}", options_.base_error_rate), "--latency-ms",
           fmt::format("{}", 1000.0 * Seconds(options_.latency_median)), "--total-rps",
           fmt::format("{}", options_.rps)}) {
    argv.push_back(word);
  }
  return StartPart(arm.name, std::move(argv), process, [&] {
    std::ifstream file(port_file);
    return static_cast<bool>(file >> port);
  });
}

Status Rig::Impl::StartHaproxy() {
  AUSPEX_TRY(const std::string text, HaproxyText({.port = proxy_port_,
                                                  .port_a = baseline_port_,
                                                  .port_b = canary_port_,
                                                  .socket = File("haproxy.sock"),
                                                  .log_sections = options_.log_sections,
                                                  .log_lines = options_.log_lines,
                                                  .max_connections = MaxProxyConnections()}));
  AUSPEX_TRY(WriteFile(File("haproxy.cfg"), text));
  return StartHaproxyAgain();
}

Status Rig::Impl::StartHaproxyAgain() {
  const auto socket = File("haproxy.sock");
  // The listener is bound before the runtime socket answers. A request through the proxy would ask
  // more, but stand in its log.
  return StartPart("haproxy",
                   {haproxy_program_.string(), "-db", "-f", File("haproxy.cfg").string()}, haproxy_,
                   [&] {
                     const auto answer = AskSocket(socket, "show info", kAskLimit);
                     return answer.ok() && answer->starts_with("Name: HAProxy");
                   });
}

Status Rig::Impl::StartPrometheus() {
  AUSPEX_TRY(
      WriteFile(File("prometheus.yml"), PrometheusText({baseline_port_, options_.baseline_version},
                                                       {canary_port_, options_.canary_version})));
  return StartPart("prometheus",
                   {prometheus_program_.string(),
                    fmt::format("--config.file={}", File("prometheus.yml").string()),
                    fmt::format("--storage.tsdb.path={}", File("prometheus").string()),
                    fmt::format("--web.listen-address=127.0.0.1:{}", prometheus_port_),
                    "--storage.tsdb.retention.time=2h", "--log.level=warn"},
                   prometheus_, [&] {
                     const auto answer = Call("GET", prometheus_port_, "/-/ready");
                     return answer.ok() && answer->status == 200;
                   });
}

Status Rig::Impl::StartLoad() {
  std::vector<std::string> argv = options_.lab_command;
  for (const std::string& word : std::initializer_list<std::string>{
           "load", "--port", fmt::format("{}", proxy_port_), "--rps",
           fmt::format("{}", options_.rps), "--seed", fmt::format("{}", options_.seed * 4 + 3),
           "--seconds", fmt::format("{}", Seconds(options_.load_duration))}) {
    argv.push_back(word);
  }
  return StartPart("load", std::move(argv), load_, [this] {
    // From then on it ends well on SIGTERM, and says what it counted.
    return ReadFile(File("load.log")).find('\n') != std::string::npos;
  });
}

Status Rig::Impl::StartFaultClock() {
  for (const std::uint16_t port : {baseline_port_, canary_port_}) {
    AUSPEX_TRY(const auto answer, Call("POST", port, "/lab/start-clock"));
    if (answer.status != 200) {
      return Fail(ErrorCode::kUnavailable, "the service on port {} answered {} to start-clock",
                  port, answer.status);
    }
  }
  return {};
}

Result<std::string> Rig::Impl::StopLoad() {
  if (!load_) return Fail(ErrorCode::kUnavailable, "the load was stopped before");
  const ExitStatus ended = load_->Stop(kGrace);
  load_.reset();
  const std::string words = ReadFile(File("load.log"));
  if (ended != ExitStatus{}) {
    return Fail(ErrorCode::kUnavailable, "the load ended with {}: {}", ToText(ended), words);
  }
  const std::size_t begin = words.find('{');
  if (begin == std::string::npos) {
    return Fail(ErrorCode::kUnavailable, "the load gave no summary: {}", words);
  }
  return words.substr(begin, words.find('\n', begin) - begin);
}

void Rig::Impl::Stop() {
  // From the users inwards, so that nothing is asked of a part that is gone; all at once, then each
  // is waited for.
  std::optional<Process>* const parts[] = {&load_, &haproxy_, &prometheus_, &canary_, &baseline_};
  for (auto* part : parts) {
    if (*part) (*part)->Signal(SIGTERM);
  }
  for (auto* part : parts) {
    if (*part) (*part)->Stop(kGrace);
    part->reset();
  }
}

Rig::Rig(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Rig::~Rig() { Stop(); }

Result<std::unique_ptr<Rig>> Rig::Start(const RigOptions& options) {
  if (options.lab_command.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "the rig needs the command that runs the lab");
  }
  AUSPEX_TRY(auto folder, TempDir::Create());
  auto impl = std::make_unique<Impl>(options, std::move(folder));
  AUSPEX_TRY(impl->Start());
  return std::unique_ptr<Rig>(new Rig(std::move(impl)));
}

std::uint16_t Rig::proxy_port() const { return impl_->proxy_port_; }
std::filesystem::path Rig::haproxy_socket() const { return impl_->File("haproxy.sock"); }
std::string Rig::prometheus_url() const {
  return fmt::format("http://127.0.0.1:{}", impl_->prometheus_port_);
}
std::uint16_t Rig::baseline_port() const { return impl_->baseline_port_; }
std::uint16_t Rig::canary_port() const { return impl_->canary_port_; }
std::filesystem::path Rig::folder() const { return impl_->folder_.path(); }

Rig::Pids Rig::pids() {
  const auto pid = [](std::optional<Process>& part) -> pid_t {
    return part && part->Running() ? part->pid() : -1;
  };
  return {pid(impl_->baseline_), pid(impl_->canary_), pid(impl_->haproxy_), pid(impl_->prometheus_),
          pid(impl_->load_)};
}

Status Rig::StartFaultClock() { return impl_->StartFaultClock(); }
Result<std::string> Rig::StopLoad() { return impl_->StopLoad(); }

void Rig::KillHaproxy() { KillPart(impl_->haproxy_); }
void Rig::KillCanary() { KillPart(impl_->canary_); }
void Rig::KillPrometheus() { KillPart(impl_->prometheus_); }

Status Rig::RestartHaproxy() {
  KillHaproxy();
  return impl_->StartHaproxyAgain();
}

Status Rig::RestartPrometheus() {
  KillPrometheus();
  return impl_->StartPrometheus();
}

void Rig::Stop() {
  impl_->Stop();
  if (!impl_->options_.keep_files) {
    std::error_code ignored;
    std::filesystem::remove_all(impl_->folder_.path(), ignored);
  }
}

}  // namespace auspex::lab
