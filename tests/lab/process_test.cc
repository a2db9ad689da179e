#include "lab/process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

#include "lab/posix.h"

namespace auspex::lab {
namespace {

constexpr Duration kSoon = 30s;

Process Shell(const std::string& script, const std::filesystem::path& output = {}) {
  return Process::Start(
             {.argv = {"/bin/sh", "-c", script}, .env = {{"WORD", "salve"}}, .output = output})
      .value();
}

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Process, TellsHowItEnded) {
  EXPECT_EQ(*Shell("exit 3").Wait(kSoon), (ExitStatus{3, 0}));
  EXPECT_EQ(*Shell("kill -9 $$").Wait(kSoon), (ExitStatus{0, 9}));
  EXPECT_EQ(ToText(ExitStatus{3, 0}), "exit status 3");
  EXPECT_EQ(ToText(ExitStatus{0, 9}), "signal 9");
}

TEST(Process, WritesBothStreamsToItsFileAndGetsTheEnvironment) {
  const TempDir folder = TempDir::Create().value();
  const auto output = folder.path() / "out";
  Process process = Shell("echo $WORD; echo error >&2; cat", output);  // cat: stdin is empty
  EXPECT_EQ(*process.Wait(kSoon), ExitStatus{});
  EXPECT_EQ(ReadAll(output), "salve\nerror\n");
}

TEST(Process, AsksItToEndFirst) {
  Process process = Shell("exec sleep 600");
  const pid_t pid = process.pid();
  EXPECT_TRUE(process.Running());
  EXPECT_EQ(process.Wait(20ms).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(process.Stop(kSoon), (ExitStatus{0, SIGTERM}));
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
  EXPECT_EQ(process.Stop(kSoon), (ExitStatus{0, SIGTERM}));
}

TEST(Process, KillsOneThatWillNotEnd) {
  const TempDir folder = TempDir::Create().value();
  const auto output = folder.path() / "out";
  Process process = Shell("trap '' TERM; echo ready; while :; do sleep 0.1; done", output);
  ASSERT_TRUE(WaitUntil([&] { return ReadAll(output) == "ready\n"; }, kSoon));
  EXPECT_EQ(process.Stop(50ms), (ExitStatus{0, SIGKILL}));
}

TEST(Process, EndsWithItsOwner) {
  pid_t pid = -1;
  {
    const Process process = Shell("exec sleep 600");
    pid = process.pid();
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(Process, EndsWithTheThreadThatStartedIt) {
  std::optional<Process> process;
  std::thread starter([&] { process = Shell("exec sleep 600"); });
  starter.join();
  EXPECT_EQ(*process->Wait(kSoon), (ExitStatus{0, SIGKILL}));
}

TEST(Process, SaysWhatCannotBeStarted) {
  const auto start = [](std::vector<std::string> argv, std::filesystem::path output = {}) {
    return Process::Start({.argv = std::move(argv), .env = {}, .output = std::move(output)})
        .error()
        .code;
  };
  EXPECT_EQ(start({}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(start({"/nonexistent/program"}), ErrorCode::kNotFound);
  EXPECT_EQ(start({"/etc/passwd"}), ErrorCode::kPermissionDenied);  // not executable
  EXPECT_EQ(start({"/bin/true"}, "/nonexistent/folder/out"), ErrorCode::kPermissionDenied);
}

TEST(FreePort, CanBeListenedOn) {
  const std::uint16_t port = FreePort().value();
  const auto listener = ListenLoopback(port);
  ASSERT_TRUE(listener.ok());
  EXPECT_EQ(listener->port, port);
  EXPECT_EQ(ListenLoopback(port).error().code, ErrorCode::kUnavailable);
}

TEST(FreePort, IsNoneThatAConnectionGets) {
  std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
  int first = 0;
  range >> first;
  if (first <= 10'000) GTEST_SKIP() << "this machine keeps no ports below those of connections";
  for (int i = 0; i < 100; ++i) EXPECT_LT(FreePort().value(), first);
}

TEST(TempDir, GoesWithItsOwnerUnlessKept) {
  std::filesystem::path removed;
  std::filesystem::path kept;
  {
    const TempDir a = TempDir::Create().value();
    TempDir b = TempDir::Create().value();
    removed = a.path();
    kept = b.path();
    b.Keep();
    std::ofstream(removed / "file") << "x";
    EXPECT_NE(removed, kept);
    EXPECT_TRUE(std::filesystem::is_directory(removed));
  }
  EXPECT_FALSE(std::filesystem::exists(removed));
  EXPECT_TRUE(std::filesystem::is_directory(kept));
  std::filesystem::remove_all(kept);
}

TEST(TempDir, SaysWhereItCannotBe) {
  EXPECT_EQ(TempDir::Create("no/such/folder").error().code, ErrorCode::kPermissionDenied);
}

TEST(WaitUntil, EndsByConditionOrByLimit) {
  int looks = 0;
  EXPECT_TRUE(WaitUntil([&] { return ++looks == 3; }, kSoon));
  EXPECT_EQ(looks, 3);
  EXPECT_FALSE(WaitUntil([] { return false; }, 20ms));
}

TEST(FindProgram, LooksOnPathAndInSbin) {
  EXPECT_EQ(FindProgram("sh").value().filename(), "sh");
  const auto missing = FindProgram("no-such-program-here");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("no-such-program-here"), std::string::npos);
}

}  // namespace
}  // namespace auspex::lab
