#include "lab/relay.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "lab/process.h"

namespace auspex::lab {
namespace {

// What comes within a second; empty at the end of the connection.
std::string Receive(const Fd& fd) {
  pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, 5000) != 1) return "(nothing came)";
  std::array<char, 100> chunk{};
  const ssize_t got = ::recv(fd.get(), chunk.data(), chunk.size(), 0);
  return got > 0 ? std::string(chunk.data(), static_cast<std::size_t>(got)) : "";
}

void Send(const Fd& fd, const std::string& text) {
  pollfd ready{.fd = fd.get(), .events = POLLOUT, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, 5000), 1);
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

Fd Accept(const Listener& listener) {
  pollfd ready{.fd = listener.fd.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ready, 1, 5000), 1);
  return Fd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

TEST(Relay, PassesBothWaysUntilItIsCutAndAgainAfter) {
  auto target = ListenLoopback(0);
  ASSERT_TRUE(target.ok());
  auto relay = Relay::Start(target->port);
  ASSERT_TRUE(relay.ok()) << relay.error().message;
  const std::uint16_t port = (*relay)->port();
  for (int turn = 0; turn < 2; ++turn) {
    auto near = ConnectLoopback(port);
    ASSERT_TRUE(near.ok());
    Send(*near, "there");
    const Fd far = Accept(*target);
    EXPECT_EQ(Receive(far), "there");
    Send(far, "back");
    EXPECT_EQ(Receive(*near), "back");
    (*relay)->Cut();
    (*relay)->Cut();
    EXPECT_EQ(Receive(*near), "");
    EXPECT_EQ(Receive(far), "");
    EXPECT_TRUE(ListenLoopback(port).ok()) << "nobody listens while it is cut";
    ASSERT_TRUE((*relay)->Restore().ok());
    EXPECT_EQ((*relay)->port(), port);
  }
}

}  // namespace
}  // namespace auspex::lab
