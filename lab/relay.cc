#include "lab/relay.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <vector>

namespace auspex::lab {
namespace {

constexpr int kLookMs = 20;        // how soon a cut is seen
constexpr int kPatienceMs = 1000;  // of a peer that does not read; then its connection ends
constexpr std::size_t kMostPairs = 64;

}  // namespace

Result<std::unique_ptr<Relay>> Relay::Start(std::uint16_t target) {
  std::unique_ptr<Relay> relay(new Relay(target));
  AUSPEX_TRY(relay->Restore());
  return relay;
}

Relay::~Relay() { Cut(); }

void Relay::Cut() {
  cut_ = true;
  if (thread_.joinable()) thread_.join();
  pairs_.clear();
  listener_.Reset();
}

Status Relay::Restore() {
  if (!cut_) return {};
  AUSPEX_TRY(Listener listener, ListenLoopback(port_));
  listener_ = std::move(listener.fd);
  port_ = listener.port;
  cut_ = false;
  thread_ = std::thread([this] { Run(); });
  return {};
}

void Relay::Run() {
  while (!cut_) {
    std::vector<pollfd> waits{{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    for (const Pair& pair : pairs_) {
      for (const Fd* fd : {&pair.near, &pair.far})
        waits.push_back({.fd = fd->get(), .events = POLLIN, .revents = 0});
    }
    if (::poll(waits.data(), waits.size(), kLookMs) <= 0) continue;
    std::size_t at = 1;
    for (auto pair = pairs_.begin(); pair != pairs_.end(); at += 2) {
      const bool near = waits[at].revents == 0 || Pass(pair->near, pair->far);
      const bool far = waits[at + 1].revents == 0 || Pass(pair->far, pair->near);
      pair = near && far ? std::next(pair) : pairs_.erase(pair);
    }
    if (waits[0].revents != 0) Accept();
  }
}

void Relay::Accept() {
  Fd near(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!near.valid() || pairs_.size() >= kMostPairs) return;
  Result<Fd> far = ConnectLoopback(target_);
  if (far.ok()) pairs_.push_back({std::move(near), *std::move(far)});
}

// False: one of the two is gone.
bool Relay::Pass(const Fd& from, const Fd& to) {
  std::array<char, 65536> chunk{};
  const ssize_t got = ::recv(from.get(), chunk.data(), chunk.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t now =
        ::send(to.get(), chunk.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
    if (now > 0) {
      sent += now;
      continue;
    }
    pollfd ready{.fd = to.get(), .events = POLLOUT, .revents = 0};
    if (errno != EAGAIN || ::poll(&ready, 1, kPatienceMs) != 1) return false;
  }
  return true;
}

}  // namespace auspex::lab
