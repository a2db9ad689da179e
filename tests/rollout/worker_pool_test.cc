#include "auspex/rollout/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace auspex::rollout {
namespace {

// A job that runs until it is let go, so that what comes after it is queued.
struct Blocker {
  std::promise<void> started;
  std::promise<void> let_go;

  std::function<void()> Job() {
    return [this] {
      started.set_value();
      let_go.get_future().wait();
    };
  }
};

TEST(WorkerPool, RunsWhatItTook) {
  std::promise<std::thread::id> ran;
  WorkerPool pool(2, 8);
  ASSERT_TRUE(pool.Submit([&ran] { ran.set_value(std::this_thread::get_id()); }));
  EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
}

TEST(WorkerPool, RunsJobsInTheOrderTheyCame) {
  std::vector<int> order;
  std::promise<void> last;
  WorkerPool pool(1, 8);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.Submit([&order, i] { order.push_back(i); }));
  ASSERT_TRUE(pool.Submit([&last] { last.set_value(); }));
  last.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(WorkerPool, TakesNothingBeyondItsBound) {
  Blocker blocker;
  WorkerPool pool(1, 2);
  ASSERT_TRUE(pool.Submit(blocker.Job()));
  blocker.started.get_future().wait();  // it runs: the queue is empty
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_FALSE(pool.Submit([] {}));
  blocker.let_go.set_value();
}

// The engine counts on both: what runs still posts to it, and what is queued is never begun, for it
// would find the engine gone.
TEST(WorkerPool, EndsWhatRunsAndDropsWhatIsQueued) {
  Blocker blocker;
  std::atomic<int> begun = 0;
  auto held = std::make_shared<int>(0);  // by the queued jobs
  const std::weak_ptr<int> alive = held;
  std::optional<WorkerPool> pool(std::in_place, 1, 16);
  ASSERT_TRUE(pool->Submit(blocker.Job()));
  blocker.started.get_future().wait();
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(pool->Submit([&begun, held] { ++begun; }));
  held.reset();
  std::thread ending([&pool] { pool.reset(); });
  // The queue is dropped while the first job still runs.
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!alive.expired() && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
  EXPECT_TRUE(alive.expired());
  blocker.let_go.set_value();
  ending.join();
  EXPECT_EQ(begun, 0);
}

}  // namespace
}  // namespace auspex::rollout
