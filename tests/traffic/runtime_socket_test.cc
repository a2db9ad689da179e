#include "auspex/traffic/haproxy/runtime_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/traffic/scripted_socket.h"
#include "tests/traffic/tiny_http.h"

namespace auspex::traffic {
namespace {

using auspex::testing::ScriptedSocket;
using ::testing::HasSubstr;

MonotonicTime In(Duration duration) { return std::chrono::steady_clock::now() + duration; }

Result<std::string> AskAt(const std::string& address, MonotonicTime deadline = In(10s)) {
  AUSPEX_TRY(const auto socket, RuntimeSocket::Parse(address));
  return socket.Ask("show info", deadline);
}

// The code and a part of the text of what must be an error.
void ExpectError(const Result<std::string>& answer, ErrorCode code, const std::string& says) {
  ASSERT_FALSE(answer.ok()) << *answer;
  EXPECT_EQ(answer.error().code, code) << answer.error().message;
  EXPECT_THAT(answer.error().message, HasSubstr(says));
}

TEST(RuntimeSocketAddress, TakesPathsAndIpv4) {
  for (const std::string address :
       {"/run/haproxy.sock", "unix@/run/haproxy.sock", "ipv4@127.0.0.1:9999"}) {
    const auto socket = RuntimeSocket::Parse(address);
    ASSERT_TRUE(socket.ok()) << socket.error().message;
    EXPECT_EQ(socket->address(), address);
  }
}

TEST(RuntimeSocketAddress, RefusesWhatItCannotConnectTo) {
  for (const std::string address :
       {"", "run/haproxy.sock", "unix@run/haproxy.sock", "ipv4@", "ipv4@127.0.0.1", "ipv4@:80",
        "ipv4@localhost:80", "ipv4@127.0.0.1:0", "ipv4@127.0.0.1:65536", "ipv4@127.0.0.1:80x",
        "tcp@127.0.0.1:80"}) {
    const auto socket = RuntimeSocket::Parse(address);
    ASSERT_FALSE(socket.ok()) << address;
    EXPECT_EQ(socket.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(socket.error().message, HasSubstr(address));
  }
}

TEST(RuntimeSocketAddress, RefusesAPathThatTheSystemWouldCutOff) {
  EXPECT_TRUE(RuntimeSocket::Parse("/" + std::string(106, 'x')).ok());
  const auto socket = RuntimeSocket::Parse("/" + std::string(107, 'x'));
  ASSERT_FALSE(socket.ok());
  EXPECT_THAT(socket.error().message, HasSubstr("108 bytes, and the system takes 107"));
}

TEST(RuntimeSocket, SendsOneLineAndReturnsTheAnswerWithoutItsEnd) {
  const ScriptedSocket server(ScriptedSocket::Answering(
      [](const std::string& command) { return "to " + command + "\n\n"; }));
  EXPECT_EQ(AskAt(server.path()), "to show info\n");
}

TEST(RuntimeSocket, AnEmptyLineIsAnAnswer) {
  const ScriptedSocket server(ScriptedSocket::Answering([](const auto&) { return "\n"; }));
  EXPECT_EQ(AskAt(server.path()), "");
}

TEST(RuntimeSocket, RefusesACommandOfTwoLines) {
  const auto socket = RuntimeSocket::Parse("/nowhere");
  ASSERT_TRUE(socket.ok());
  ExpectError(socket->Ask("show info\nshutdown", In(10s)), ErrorCode::kInvalidArgument, "one line");
}

TEST(RuntimeSocket, SaysThatTheSocketIsAbsent) {
  ExpectError(
      AskAt("/nonexistent/haproxy.sock"), ErrorCode::kUnavailable,
      "haproxy at /nonexistent/haproxy.sock, 'show info': connect: No such file or directory");
}

TEST(RuntimeSocket, SaysThatNobodyListens) {
  const int closed = auspex::testing::ListenOnLoopback();
  const auto port = auspex::testing::PortOf(closed);
  ::close(closed);
  ExpectError(AskAt(fmt::format("ipv4@127.0.0.1:{}", port)), ErrorCode::kUnavailable,
              "connect: Connection refused");
}

TEST(RuntimeSocket, SaysThatTheModeForbidsIt) {
  const ScriptedSocket server(ScriptedSocket::Answering([](const auto&) { return "\n"; }));
  ASSERT_EQ(::chmod(server.path().c_str(), 0), 0);
  // Root may open anything: for this thread's files, be somebody else.
  constexpr uid_t kNobody = 65'534;
  const bool root = ::geteuid() == 0;
  if (root) ::setfsuid(kNobody);
  const auto answer = AskAt(server.path());
  if (root) ::setfsuid(0);
  ExpectError(answer, ErrorCode::kPermissionDenied, "connect: Permission denied");
}

TEST(RuntimeSocket, SaysThatItWasClosedWithoutAnAnswer) {
  const ScriptedSocket server([](ScriptedSocket::Connection& peer) { peer.ReadLine(); });
  ExpectError(AskAt(server.path()), ErrorCode::kUnavailable, "closed without an answer");
}

// The system may tell at the write or at the read, as an end or as a reset.
TEST(RuntimeSocket, FailsWhenItIsClosedBeforeTheCommand) {
  const ScriptedSocket server([](ScriptedSocket::Connection&) {});
  ExpectError(AskAt(server.path()), ErrorCode::kUnavailable, "haproxy at " + server.path());
}

TEST(RuntimeSocket, DoesNotTakeHalfAnAnswerForAWholeOne) {
  const ScriptedSocket server(
      ScriptedSocket::Answering([](const auto&) { return "1\n# be_id be_name\n3 che"; }));
  ExpectError(AskAt(server.path()), ErrorCode::kUnavailable, "closed in the middle of an answer");
}

TEST(RuntimeSocket, GivesUpOnAServerThatHangs) {
  const ScriptedSocket server(
      [](ScriptedSocket::Connection& peer) { peer.WaitUntilThePeerLeaves(); });
  ExpectError(AskAt(server.path(), In(50ms)), ErrorCode::kUnavailable, "read: the deadline passed");
}

TEST(RuntimeSocket, GivesUpOnAServerThatHangsInTheMiddleOfItsAnswer) {
  const ScriptedSocket server([](ScriptedSocket::Connection& peer) {
    peer.Write("1\n# be_id");
    peer.WaitUntilThePeerLeaves();
  });
  ExpectError(AskAt(server.path(), In(50ms)), ErrorCode::kUnavailable, "read: the deadline passed");
}

TEST(RuntimeSocket, GivesUpOnAServerThatNeverAccepts) {
  std::atomic<bool> occupied = false;
  const ScriptedSocket busy([&occupied](ScriptedSocket::Connection& peer) {
    occupied = true;
    peer.WaitUntilThePeerLeaves();
  });
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  busy.path().copy(address.sun_path, sizeof address.sun_path - 1);
  std::vector<int> waiting;
  const auto connect_one_more = [&address, &waiting] {
    waiting.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto* const bytes = reinterpret_cast<const sockaddr*>(&address);
    return ::connect(waiting.back(), bytes, sizeof address) == 0;
  };
  ASSERT_TRUE(connect_one_more());
  while (!occupied) std::this_thread::yield();
  // It accepts no more: fill the backlog, so that not even connect() gets through.
  while (waiting.size() < 1000 && connect_one_more()) continue;
  ExpectError(AskAt(busy.path(), In(50ms)), ErrorCode::kUnavailable,
              "connect: the deadline passed");
  for (const int fd : waiting) ::close(fd);
}

TEST(RuntimeSocket, SendsNothingAfterTheDeadline) {
  const ScriptedSocket server(ScriptedSocket::Answering([](const auto&) { return "\n"; }));
  ExpectError(AskAt(server.path(), In(-1s)), ErrorCode::kUnavailable, "the deadline passed");
}

TEST(RuntimeSocket, BoundsAnEndlessAnswer) {
  const ScriptedSocket server([](ScriptedSocket::Connection& peer) {
    peer.ReadLine();
    const std::string line(65'536, 'x');
    while (peer.Write(line)) continue;
  });
  ExpectError(AskAt(server.path()), ErrorCode::kUnavailable, "longer than 4194304 bytes");
}

}  // namespace
}  // namespace auspex::traffic
