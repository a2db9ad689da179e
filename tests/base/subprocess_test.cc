#include "auspex/base/subprocess.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>

namespace auspex {
namespace {

SubprocessOptions Shell(const std::string& script) { return {.argv = {"/bin/sh", "-c", script}}; }

TEST(Subprocess, GivesOutputErrorsAndExitStatus) {
  const auto run = RunSubprocess(Shell("printf out; printf err >&2; exit 3"));
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->output, "out");
  EXPECT_EQ(run->errors, "err");
  EXPECT_EQ(run->end, (SubprocessEnd{3, 0}));
}

TEST(Subprocess, GivesTheSignalThatEndedIt) {
  const auto run = RunSubprocess(Shell("kill -TERM $$"));
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->end, (SubprocessEnd{0, SIGTERM}));
  EXPECT_EQ(ToText(run->end), "signal 15");
}

TEST(Subprocess, EndsSoonAfterItIsStopped) {
  std::atomic<bool> stop = false;
  SubprocessOptions options = Shell("sleep 1000");
  options.stop = &stop;
  std::thread stopper([&] { stop = true; });
  const auto run = RunSubprocess(options);
  stopper.join();
  ASSERT_FALSE(run.ok());
  EXPECT_EQ(run.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(run.error().message.find("was stopped"), std::string::npos) << run.error().message;
}

TEST(Subprocess, RunsWithThePriorityItIsTold) {
  SubprocessOptions options = Shell("nice");
  options.env = {{"PATH", "/usr/bin:/bin"}};
  options.nice = 19;
  const auto run = RunSubprocess(options);
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->output, "19\n");
}

TEST(Subprocess, IsTheFirstToGoWhereMemoryRunsOut) {
  SubprocessOptions options{.argv = {"/bin/cat", "/proc/self/oom_score_adj"}};
  options.oom_score_adj = 900;
  const auto run = RunSubprocess(options);
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->output, "900\n");
}

TEST(Subprocess, PassesArgumentsUntouchedByAnyShell) {
  const auto run = RunSubprocess({.argv = {"/bin/echo", "a b", "$HOME", ";", "*"}});
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->output, "a b $HOME ; *\n");
}

TEST(Subprocess, InheritsNoEnvironment) {
  const auto run = RunSubprocess({.argv = {"/usr/bin/env"}, .env = {{"ONLY", "this"}}});
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->output, "ONLY=this\n");
}

TEST(Subprocess, RunsInTheFolderItIsTold) {
  const auto run = RunSubprocess({.argv = {"/bin/pwd"}, .folder = "/usr"});
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->output, "/usr\n");
  const auto none = RunSubprocess({.argv = {"/bin/pwd"}, .folder = "/no/such/folder"});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

// More than a pipe holds, both ways at once: a writer that does not read would block for ever.
TEST(Subprocess, SendsAndReadsMoreThanAPipeHolds) {
  std::string input(std::size_t{4} << 20U, 'x');
  const auto run = RunSubprocess({.argv = {"/bin/cat"}}, input);
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->output, input);
}

TEST(Subprocess, SurvivesAChildThatDoesNotReadItsInput) {
  const auto run = RunSubprocess(Shell("exit 0"), std::string(std::size_t{1} << 20U, 'x'));
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_TRUE(run->end.good());
}

TEST(Subprocess, KeepsOnlyTheFirstOfAFloodOfErrors) {
  SubprocessOptions options = Shell("head -c 3000000 /dev/zero >&2; echo done");
  options.error_bytes_kept = 100;
  const auto run = RunSubprocess(options);
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->errors.size(), 100U);
  EXPECT_EQ(run->output, "done\n");
}

TEST(Subprocess, EndsOneThatSaysTooMuch) {
  SubprocessOptions options = Shell("cat /dev/zero");
  options.output_bytes_most = 1'000'000;
  const auto run = RunSubprocess(options);
  ASSERT_FALSE(run.ok());
  EXPECT_EQ(run.error().code, ErrorCode::kUnavailable);
}

// The grandchild keeps the output open; only the death of the whole group ends the read.
TEST(Subprocess, EndsTheWholeGroupAtTheLimit) {
  SubprocessOptions options = Shell("sleep 1000 & echo $!; wait");
  options.limit = 200ms;
  auto process = Subprocess::Start(options);
  ASSERT_TRUE(process.ok()) << process.error().message;
  std::string said;
  std::array<char, 64> buffer{};
  auto got = process->Read(buffer.data(), buffer.size());
  for (; got.ok() && *got > 0; got = process->Read(buffer.data(), buffer.size()))
    said.append(buffer.data(), *got);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  const pid_t grandchild = std::stoi(said);
  // It is nobody's child of ours; init reaps it in a moment.
  for (int i = 0; i < 300 && kill(grandchild, 0) == 0; ++i) {
    std::this_thread::sleep_for(1ms);
  }
  // Where nobody reaps orphans it stays a zombie, which a signal still finds: then it is state Z.
  if (kill(grandchild, 0) == 0) {
    const auto state =
        RunSubprocess({.argv = {"/bin/cat", "/proc/" + std::to_string(grandchild) + "/stat"}});
    ASSERT_TRUE(state.ok());
    EXPECT_NE(state->output.find(") Z "), std::string::npos) << state->output;
  }
}

TEST(Subprocess, SaysWhatCannotBeStarted) {
  EXPECT_EQ(RunSubprocess({}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(RunSubprocess({.argv = {"no-such-program-here"}}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(RunSubprocess({.argv = {"/no/such/program"}}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(RunSubprocess({.argv = {"/etc/passwd"}}).error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(RunSubprocess({.argv = {"/bin/echo", std::string("a\0b", 3)}}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(Subprocess, AnswersQuestionsOneByOne) {
  auto cat = Subprocess::Start({.argv = {"/bin/cat"}});
  ASSERT_TRUE(cat.ok()) << cat.error().message;
  std::array<char, 64> buffer{};
  for (const std::string question : {"one\n", "two\n"}) {
    ASSERT_TRUE(cat->Send(question).ok());
    cat->Allow(10s);
    const auto got = cat->Read(buffer.data(), buffer.size());
    ASSERT_TRUE(got.ok()) << got.error().message;
    EXPECT_EQ(std::string(buffer.data(), *got), question);
  }
  cat->CloseInput();
  const auto end = cat->Wait();
  ASSERT_TRUE(end.ok()) << end.error().message;
  EXPECT_TRUE(end->good());
}

}  // namespace
}  // namespace auspex
