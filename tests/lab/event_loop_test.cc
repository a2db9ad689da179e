#include "lab/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <thread>

namespace auspex::lab {
namespace {

struct Pipe {
  Fd out;
  Fd in;
};

Pipe MakePipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::unique_ptr<EventLoop> MakeLoop() { return EventLoop::Create().value(); }

TEST(EventLoop, FiresTimersByTimeAndThenByOrderOfSetting) {
  const auto loop = MakeLoop();
  const MonotonicTime now = EventLoop::Now();
  std::string fired;
  ASSERT_TRUE(loop->At(now + 20ms,
                       [&] {
                         fired += 'd';
                         loop->Stop();
                       })
                  .ok());
  ASSERT_TRUE(loop->At(now + 10ms, [&] { fired += 'b'; }).ok());
  ASSERT_TRUE(loop->At(now + 10ms, [&] { fired += 'c'; }).ok());
  ASSERT_TRUE(loop->At(now - 1s, [&] { fired += 'a'; }).ok());
  ASSERT_TRUE(loop->Run().ok());
  EXPECT_EQ(fired, "abcd");
  EXPECT_GE(EventLoop::Now(), now + 20ms);
}

TEST(EventLoop, ACancelledTimerDoesNotFireAndItsSlotIsNotMistakenForAnother) {
  const auto loop = MakeLoop();
  int fired = 0;
  const auto first = loop->At(EventLoop::Now(), [&] { fired += 1; }).value();
  loop->Cancel(first);
  ASSERT_TRUE(loop->At(EventLoop::Now(), [&] { fired += 10; }).ok());  // takes the free slot
  loop->Cancel(first);
  ASSERT_TRUE(loop->At(EventLoop::Now() + 5ms, [&] { loop->Stop(); }).ok());
  ASSERT_TRUE(loop->Run().ok());
  EXPECT_EQ(fired, 10);
}

TEST(EventLoop, RefusesMoreTimersThanItsBound) {
  const auto loop = MakeLoop();
  const MonotonicTime later = EventLoop::Now() + 1h;
  for (std::size_t i = 0; i < EventLoop::kMaxTimers; ++i) ASSERT_TRUE(loop->At(later, [] {}).ok());
  const auto refused = loop->At(later, [] {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
}

TEST(EventLoop, ATimerThatSetsItselfAgainDoesNotStarveDescriptors) {
  const auto loop = MakeLoop();
  const Pipe pipe = MakePipe();
  std::function<void()> again = [&] { (void)loop->At(EventLoop::Now(), again).ok(); };
  again();
  ASSERT_TRUE(loop->Watch(pipe.out.get(), EPOLLIN, [&](std::uint32_t) { loop->Stop(); }).ok());
  ASSERT_EQ(write(pipe.in.get(), "x", 1), 1);
  EXPECT_TRUE(loop->Run().ok());
}

TEST(EventLoop, AHandlerMayUnwatchItselfAndOthersOfTheSameTurn) {
  const auto loop = MakeLoop();
  const Pipe a = MakePipe();
  const Pipe b = MakePipe();
  int calls = 0;
  // Whichever comes first forbids the other, though both are ready.
  const auto handler = [&](std::uint32_t) {
    ++calls;
    loop->Unwatch(a.out.get());
    loop->Unwatch(b.out.get());
  };
  ASSERT_TRUE(loop->Watch(a.out.get(), EPOLLIN, handler).ok());
  ASSERT_TRUE(loop->Watch(b.out.get(), EPOLLIN, handler).ok());
  ASSERT_EQ(write(a.in.get(), "x", 1), 1);
  ASSERT_EQ(write(b.in.get(), "x", 1), 1);
  ASSERT_TRUE(loop->At(EventLoop::Now() + 20ms, [&] { loop->Stop(); }).ok());
  ASSERT_TRUE(loop->Run().ok());
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, TellsWatchingTwiceFromChangingWhatIsNotWatched) {
  const auto loop = MakeLoop();
  const Pipe pipe = MakePipe();
  EXPECT_EQ(loop->Change(pipe.out.get(), EPOLLIN).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(loop->Watch(pipe.out.get(), EPOLLIN, [](std::uint32_t) {}).ok());
  EXPECT_EQ(loop->Watch(pipe.out.get(), EPOLLIN, [](std::uint32_t) {}).error().code,
            ErrorCode::kConflict);
  EXPECT_EQ(loop->Watch(-1, EPOLLIN, [](std::uint32_t) {}).error().code, ErrorCode::kUnavailable);
}

TEST(EventLoop, StopsFromAnotherThreadAndEvenBeforeItRuns) {
  const auto loop = MakeLoop();
  std::thread other([&] { loop->Stop(); });
  EXPECT_TRUE(loop->Run().ok());
  other.join();
  EXPECT_TRUE(loop->Run().ok());
}

TEST(StopOnSignals, StopsTheLoopAndLeavesNoSignalPending) {
  const auto loop = MakeLoop();
  {
    const StopOnSignals signals(*loop);
    ASSERT_TRUE(signals.status().ok());
    pthread_kill(pthread_self(), SIGTERM);  // would end this process
    EXPECT_TRUE(loop->Run().ok());
  }
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGTERM), 0);
}

}  // namespace
}  // namespace auspex::lab
