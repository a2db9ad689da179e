#include "lab/load.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/random.h"
#include "lab/connection.h"
#include "lab/event_loop.h"
#include "lab/http_answer.h"
#include "lab/latency_summary.h"

namespace auspex::lab {
namespace {

// Behind its schedule, the generator sends so many at a time and then looks at the answers.
constexpr int kArrivalsPerTurn = 256;
constexpr Duration kSweepEvery = 20ms;
// More than any answer of the sample service.
constexpr std::size_t kMaxAnswerBytes = 64 * 1024;

struct Arrival {
  MonotonicTime due{};
  std::size_t route = 0;
};

struct Line : Connection {
  bool busy = false;
  bool reused = false;   // had an answer before the present request
  bool writing = false;  // EPOLLOUT is on
  Arrival arrival;
};

Status Validate(const LoadOptions& options) {
  if (options.port == 0) return Fail(ErrorCode::kInvalidArgument, "load: port must be given");
  if (!(options.rps > 0.0 && options.rps <= 1e6)) {
    return Fail(ErrorCode::kInvalidArgument, "load: rps must be within (0, 1e6], got {}",
                options.rps);
  }
  if (options.timeout <= 0s || options.duration < 0s || options.max_connections == 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "load: timeout and max_connections must be above 0, duration at least 0");
  }
  return {};
}

std::array<std::string, kRoutes.size()> MakeRequests() {
  std::array<std::string, kRoutes.size()> requests;
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    requests[i] = fmt::format("GET /{} HTTP/1.1\r\nHost: shop\r\nUser-Agent: auspex-lab\r\n\r\n",
                              kRoutes[i].name);
  }
  return requests;
}

}  // namespace

class LoadGenerator::Impl {
 public:
  Impl(const LoadOptions& options, std::unique_ptr<EventLoop> loop)
      : options_(options), loop_(std::move(loop)), random_(options.seed) {}

  Status Begin();
  Status Run();
  EventLoop& loop() { return *loop_; }
  [[nodiscard]] LoadSummary Summary() const;

 private:
  void Arrive();
  Arrival DrawArrival();
  void Start(const Arrival& arrival);
  Line* PickLine();
  Line* OpenLine();
  void Send(Line& line, const Arrival& arrival);
  void OnEvent(int fd, std::uint32_t events);
  void OnReadable(Line& line);
  void Finish(Line& line, int status);
  void OnBroken(Line& line);
  void WriteOut(Line& line);
  void Close(Line& line);
  void Sweep();
  void StopWhenDone();

  LoadOptions options_;
  std::unique_ptr<EventLoop> loop_;
  Random random_;
  const std::array<std::string, kRoutes.size()> requests_ = MakeRequests();
  std::vector<std::unique_ptr<Line>> lines_;         // by descriptor
  std::vector<std::pair<int, std::uint32_t>> idle_;  // descriptor and id, last used last
  std::size_t line_count_ = 0;
  std::size_t busy_count_ = 0;
  std::uint32_t next_id_ = 1;
  MonotonicTime started_{};
  MonotonicTime ended_{};
  Arrival next_;
  bool arrivals_over_ = false;
  LatencySummary latencies_;
  LoadSummary counts_;
};

Status LoadGenerator::Impl::Run() {
  AUSPEX_TRY(Begin());
  Status ran = loop_->Run();
  ended_ = EventLoop::Now();
  counts_.unfinished = static_cast<std::int64_t>(busy_count_);
  return ran;
}

Status LoadGenerator::Impl::Begin() {
  started_ = EventLoop::Now();
  next_.due = started_;
  next_ = DrawArrival();
  AUSPEX_TRY(loop_->At(next_.due, [this] { Arrive(); }));
  AUSPEX_TRY(loop_->At(started_ + kSweepEvery, [this] { Sweep(); }));
  return {};
}

Arrival LoadGenerator::Impl::DrawArrival() {
  Arrival arrival;
  arrival.due = next_.due + FromSeconds(random_.Exponential(1.0 / options_.rps));
  double left = random_.Uniform();
  while (arrival.route + 1 < kRoutes.size() && left >= kRoutes[arrival.route].share) {
    left -= kRoutes[arrival.route++].share;
  }
  return arrival;
}

void LoadGenerator::Impl::Arrive() {
  for (int i = 0; i < kArrivalsPerTurn; ++i) {
    if (options_.duration > 0s && next_.due - started_ >= options_.duration) {
      arrivals_over_ = true;
      return StopWhenDone();
    }
    if (next_.due > EventLoop::Now()) break;
    Start(next_);
    next_ = DrawArrival();
  }
  if (!loop_->At(next_.due, [this] { Arrive(); }).ok()) loop_->Stop();
}

void LoadGenerator::Impl::Start(const Arrival& arrival) {
  ++counts_.due;
  counts_.late_max = std::max<Duration>(counts_.late_max, EventLoop::Now() - arrival.due);
  Line* const line = PickLine();
  if (line == nullptr) return;
  ++counts_.sent;
  ++counts_.sent_by_route[arrival.route];
  Send(*line, arrival);
}

// A free connection, or a new one; none (and counted) where there can be none.
Line* LoadGenerator::Impl::PickLine() {
  if (!idle_.empty()) {
    const int fd = idle_.back().first;
    idle_.pop_back();
    return lines_[static_cast<std::size_t>(fd)].get();
  }
  if (line_count_ >= options_.max_connections) {
    ++counts_.dropped;
    return nullptr;
  }
  Line* const line = OpenLine();
  if (line == nullptr) {
    ++counts_.sent;
    ++counts_.failed;
  }
  return line;
}

Line* LoadGenerator::Impl::OpenLine() {
  auto fd = ConnectLoopback(options_.port);
  if (!fd.ok()) return nullptr;
  const int number = fd->get();
  const auto watched =
      loop_->Watch(number, EPOLLIN | EPOLLOUT,
                   [this, number](std::uint32_t events) { OnEvent(number, events); });
  if (!watched.ok()) return nullptr;
  auto line = std::make_unique<Line>();
  line->fd = *std::move(fd);
  line->id = next_id_++;
  line->writing = true;
  const auto index = static_cast<std::size_t>(number);
  if (index >= lines_.size()) lines_.resize(index + 1);
  lines_[index] = std::move(line);
  counts_.connections_max = std::max(counts_.connections_max, ++line_count_);
  return lines_[index].get();
}

void LoadGenerator::Impl::Send(Line& line, const Arrival& arrival) {
  line.busy = true;
  ++busy_count_;
  line.arrival = arrival;
  line.in.clear();
  line.out = requests_[arrival.route];
  // On a new connection EPOLLOUT tells when it is there.
  if (line.reused) WriteOut(line);
}

void LoadGenerator::Impl::OnEvent(int fd, std::uint32_t events) {
  Line& line = *lines_[static_cast<std::size_t>(fd)];
  // Reading first: an answer may have come before the connection broke.
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0U) return OnReadable(line);
  WriteOut(line);
}

void LoadGenerator::Impl::WriteOut(Line& line) {
  if (line.Write() == Connection::Io::kClosed) return OnBroken(line);
  const bool writing = !line.out.empty();
  if (writing == line.writing) return;
  line.writing = writing;
  const std::uint32_t events = EPOLLIN | (writing ? std::uint32_t{EPOLLOUT} : 0U);
  if (!loop_->Change(line.fd.get(), events).ok()) OnBroken(line);
}

void LoadGenerator::Impl::OnReadable(Line& line) {
  const bool open = line.Read(kMaxAnswerBytes - line.in.size()) == Connection::Io::kOk;
  if (!line.busy) return Close(line);  // the server's end of an idle connection, or words unasked
  const ParsedAnswer answer = ParseAnswer(line.in);
  const bool whole = answer.state == ParseState::kWhole || (answer.ends_with_stream && !open);
  if (whole) {
    // More than the answer: not a conversation that can go on.
    line.reused = answer.keep_alive && open && answer.size == line.in.size();
    return Finish(line, answer.status);
  }
  if (!open || answer.state == ParseState::kBad || line.in.size() >= kMaxAnswerBytes)
    OnBroken(line);
}

// The answer is there; `line.reused` says whether the connection can be used again.
void LoadGenerator::Impl::Finish(Line& line, int status) {
  ++(status < 400 ? counts_.ok : counts_.errors);
  latencies_.Add(EventLoop::Now() - line.arrival.due);
  line.busy = false;
  --busy_count_;
  if (line.reused) {
    idle_.emplace_back(line.fd.get(), line.id);
  } else {
    Close(line);
  }
  StopWhenDone();
}

void LoadGenerator::Impl::OnBroken(Line& line) {
  const Arrival arrival = line.arrival;
  // A kept connection that ends without a byte of an answer was closed while idle: as any client
  // does with a GET, ask again on a new one. Once, as that one is not reused.
  const bool again = line.reused && line.in.empty();
  line.busy = false;
  --busy_count_;
  Close(line);
  if (Line* const fresh = again ? OpenLine() : nullptr; fresh != nullptr)
    return Send(*fresh, arrival);
  ++counts_.failed;
  StopWhenDone();
}

void LoadGenerator::Impl::Close(Line& line) {
  const int fd = line.fd.get();
  loop_->Unwatch(fd);
  --line_count_;
  std::erase(idle_, std::pair(fd, line.id));
  lines_[static_cast<std::size_t>(fd)].reset();
}

void LoadGenerator::Impl::Sweep() {
  const MonotonicTime now = EventLoop::Now();
  for (const auto& line : lines_) {
    if (!line || !line->busy || now - line->arrival.due <= options_.timeout) continue;
    ++counts_.timeouts;
    --busy_count_;
    Close(*line);
  }
  StopWhenDone();
  if (!loop_->At(now + kSweepEvery, [this] { Sweep(); }).ok()) loop_->Stop();
}

void LoadGenerator::Impl::StopWhenDone() {
  if (arrivals_over_ && busy_count_ == 0) loop_->Stop();
}

LoadSummary LoadGenerator::Impl::Summary() const {
  LoadSummary summary = counts_;
  summary.elapsed = ended_ - started_;
  summary.p50 = latencies_.Quantile(0.5);
  summary.p90 = latencies_.Quantile(0.9);
  summary.p99 = latencies_.Quantile(0.99);
  summary.p999 = latencies_.Quantile(0.999);
  summary.max = latencies_.max();
  return summary;
}

std::string ToJson(const LoadSummary& s) {
  std::string routes;
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    fmt::format_to(std::back_inserter(routes), "{}\"{}\":{}", i == 0 ? "" : ",", kRoutes[i].name,
                   s.sent_by_route[i]);
  }
  return fmt::format(
      "{{\"due\":{},\"sent\":{},\"ok\":{},\"errors\":{},\"failed\":{},\"timeouts\":{},"
      "\"dropped\":{},\"unfinished\":{},\"connections_max\":{},\"elapsed_s\":{:.3f},"
      "\"latency_s\":{{\"p50\":{:.6f},\"p90\":{:.6f},\"p99\":{:.6f},\"p999\":{:.6f},\"max\":{:.6f}}"
      "},"
      "\"late_max_s\":{:.6f},\"routes\":{{{}}}}}",
      s.due, s.sent, s.ok, s.errors, s.failed, s.timeouts, s.dropped, s.unfinished,
      s.connections_max, Seconds(s.elapsed), Seconds(s.p50), Seconds(s.p90), Seconds(s.p99),
      Seconds(s.p999), Seconds(s.max), Seconds(s.late_max), routes);
}

LoadGenerator::LoadGenerator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadGenerator::~LoadGenerator() = default;

Result<std::unique_ptr<LoadGenerator>> LoadGenerator::Create(const LoadOptions& options) {
  AUSPEX_TRY(Validate(options));
  AUSPEX_TRY(auto loop, EventLoop::Create());
  auto impl = std::make_unique<Impl>(options, std::move(loop));
  return std::unique_ptr<LoadGenerator>(new LoadGenerator(std::move(impl)));
}

Status LoadGenerator::Run() { return impl_->Run(); }

Status LoadGenerator::RunUntilSignal(const std::function<void()>& ready) {
  const StopOnSignals signals(impl_->loop());
  AUSPEX_TRY(signals.status());
  ready();
  return impl_->Run();
}

void LoadGenerator::Stop() { impl_->loop().Stop(); }

LoadSummary LoadGenerator::Summary() const { return impl_->Summary(); }

int RunLoad(const LoadOptions& options) {
  const auto generator = LoadGenerator::Create(options);
  if (!generator.ok()) {
    fmt::print(stderr, "error: {}\n", generator.error().message);
    return generator.error().code == ErrorCode::kInvalidArgument ? 2 : 3;
  }
  const Status ran = (*generator)->RunUntilSignal([&] {
    fmt::print("sending to 127.0.0.1:{}\n", options.port);
    std::fflush(stdout);
  });
  if (!ran.ok()) {
    fmt::print(stderr, "error: {}\n", ran.error().message);
    return 3;
  }
  fmt::print("{}\n", ToJson((*generator)->Summary()));
  std::fflush(stdout);
  return 0;
}

}  // namespace auspex::lab
