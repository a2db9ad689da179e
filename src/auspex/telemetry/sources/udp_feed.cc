#include "auspex/telemetry/sources/udp_feed.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace auspex::telemetry {
namespace {

constexpr std::size_t kBatch = 64;
constexpr int kBatchesAWake = 64;  // before it looks whether to stop
constexpr auto kFarewell = 500ms;  // to count what had been sent, when we stop

// Asks for the buffer; with the right to, beyond the system's limit (net.core.rmem_max).
ReceiveBuffer GrowBuffer(int fd) {
  ReceiveBuffer buffer;
  const int wanted = static_cast<int>(buffer.wanted);
  if (!SetSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, wanted))
    SetSocketOption(fd, SOL_SOCKET, SO_RCVBUF, wanted);
  int doubled = 0;  // the kernel doubles what is asked for, for its own book-keeping (socket(7))
  socklen_t size = sizeof doubled;
  if (::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &doubled, &size) == 0) buffer.granted = doubled / 2;
  return buffer;
}

// Room for a batch of datagrams and, with each, the kernel's count of those it threw away.
class Batch {
 public:
  Batch() : bytes_(kBatch * kMaxDatagramBytes) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts_[i] = {.iov_base = &bytes_[i * kMaxDatagramBytes], .iov_len = kMaxDatagramBytes};
      heads_[i].msg_hdr.msg_iov = &parts_[i];
      heads_[i].msg_hdr.msg_iovlen = 1;
      heads_[i].msg_hdr.msg_control = controls_[i].data();
    }
  }

  // How many came; 0: none is there.
  std::size_t Receive(int fd) {
    for (mmsghdr& head : heads_) head.msg_hdr.msg_controllen = kControlBytes;
    const int got = ::recvmmsg(fd, heads_.data(), kBatch, MSG_DONTWAIT, nullptr);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }

  [[nodiscard]] std::string_view Message(std::size_t i) const {
    return {&bytes_[i * kMaxDatagramBytes], heads_[i].msg_len};
  }
  [[nodiscard]] bool IsCut(std::size_t i) const {
    return (heads_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
  }
  // Datagrams that the kernel had thrown away when this one came, since the socket is open, modulo
  // 2^32. It says so only once there are any.
  [[nodiscard]] std::uint32_t Dropped(std::size_t i, std::uint32_t before) {
    msghdr& head = heads_[i].msg_hdr;
    for (cmsghdr* c = CMSG_FIRSTHDR(&head); c != nullptr; c = CMSG_NXTHDR(&head, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL) continue;
      std::memcpy(&before, CMSG_DATA(c), sizeof before);
    }
    return before;
  }

 private:
  static constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(std::uint32_t));
  std::vector<char> bytes_;
  std::array<iovec, kBatch> parts_{};
  std::array<mmsghdr, kBatch> heads_{};
  struct alignas(cmsghdr) Control : std::array<char, kControlBytes> {};
  std::array<Control, kBatch> controls_{};
};

class UdpFeed final : public FeedReceiver {
 public:
  UdpFeed(Fd socket, const Logger& log) : FeedReceiver(log), socket_(std::move(socket)) {}
  ~UdpFeed() override { Stop(); }

  Status Open() {
    AUSPEX_TRY(Prepare(socket_.get()));
    SetSocketOption(socket_.get(), SOL_SOCKET, SO_RXQ_OVFL, 1);
    const ReceiveBuffer buffer = GrowBuffer(socket_.get());
    counter().SetBuffer(buffer.granted, buffer.wanted);
    if (const std::string advice = Advice(buffer); !advice.empty())
      log().Warn("proxy_log_buffer", {{"granted_bytes", buffer.granted}, {"reason", advice}});
    return {};
  }

 private:
  using Clock = std::chrono::steady_clock;

  void Run() override {
    constexpr auto kWait = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::min<Duration>(FeedReporter::kEvery, kSilence));
    while (!stopping()) {
      std::array<pollfd, 2> ready{pollfd{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = wake(), .events = POLLIN, .revents = 0}};
      if (::poll(ready.data(), ready.size(), static_cast<int>(kWait.count())) > 0)
        for (int i = 0; i < kBatchesAWake && CountBatch(); ++i) {
        }
      if (Clock::now() - heard_ > kSilence) Hear(false);
      Report();
    }
    const auto end = Clock::now() + kFarewell;
    while (CountBatch() && Clock::now() < end) {
    }
    Hear(false);
  }

  // False: no more is there.
  bool CountBatch() {
    const std::size_t count = batch_.Receive(socket_.get());
    const WallTime arrived = RealClock().Wall();
    bool heard = false;
    for (std::size_t i = 0; i < count; ++i) {
      if (batch_.IsCut(i)) {
        CountMalformed(1, fmt::format("a datagram longer than {} bytes", kMaxDatagramBytes));
      } else if (Count(batch_.Message(i), arrived)) {
        heard = true;
      }
    }
    if (heard) Hear(true);
    if (count > 0) {
      const std::uint32_t dropped = batch_.Dropped(count - 1, dropped_);
      counter().AddDropped(dropped - std::exchange(dropped_, dropped));
    }
    return count == kBatch;
  }

  void Hear(bool line) {
    if (line) heard_ = Clock::now();
    if (line != connected_) counter().SetConnections(line ? 1 : 0);
    connected_ = line;
  }

  Fd socket_;
  Batch batch_;
  std::uint32_t dropped_ = 0;
  bool connected_ = false;
  Clock::time_point heard_;
};

}  // namespace

Result<std::unique_ptr<FeedReceiver>> ListenUdp(const FeedAddress& address, const Logger& log) {
  AUSPEX_TRY(Fd socket, BindFeed(address));
  auto feed = std::make_unique<UdpFeed>(std::move(socket), log);
  AUSPEX_TRY(feed->Open());
  return std::unique_ptr<FeedReceiver>(std::move(feed));
}

Result<ReceiveBuffer> ProbeReceiveBuffer() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid())
    return Fail(ErrorCode::kInternal, "proxy log: no socket: {}", SystemReason(errno));
  return GrowBuffer(socket.get());
}

std::string Advice(const ReceiveBuffer& buffer) {
  if (buffer.granted >= buffer.wanted) return "";
  return fmt::format(
      "the kernel gives the UDP feed a receive buffer of {} bytes instead of {}, so bursts can be "
      "lost: set net.core.rmem_max={} (sysctl), give the daemon CAP_NET_ADMIN, or use tcp://",
      buffer.granted, buffer.wanted, buffer.wanted);
}

}  // namespace auspex::telemetry
