// Serial: order, bound, stopping, and a task that hangs.
#include "shell/runtime/serial.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

namespace kerf::runtime {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{60'000};

TEST(Serial, RunsTasksInOrderOnOneThread) {
  Serial serial({.name = "a name that is far too long"});
  std::string said;
  std::promise<void> done;
  std::thread::id first;
  ASSERT_TRUE(serial.submit([&] {
    first = std::this_thread::get_id();
    said += "a";
  }));
  ASSERT_TRUE(serial.submit([&] {
    EXPECT_EQ(first, std::this_thread::get_id());
    said += "b";
    done.set_value();
  }));
  done.get_future().wait();
  EXPECT_EQ(said, "ab");
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_TRUE(serial.stop(kLong));
}

TEST(Serial, HasABoundAndKnowsThatItIsBusy) {
  Serial serial({.queue_max = 2});
  EXPECT_FALSE(serial.busy_for());
  std::promise<void> started;
  std::promise<void> release;
  ASSERT_TRUE(serial.submit([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(serial.busy_for());
  bool ran = false;
  EXPECT_TRUE(serial.submit([] {}));
  EXPECT_TRUE(serial.submit([] {}));
  EXPECT_FALSE(serial.submit([&] { ran = true; }));
  EXPECT_EQ(serial.waiting(), 2u);
  const auto busy = *serial.busy_for();
  while (*serial.busy_for() <= busy) std::this_thread::yield();  // it grows
  release.set_value();
  EXPECT_TRUE(serial.stop(kLong));
  EXPECT_FALSE(ran);
  EXPECT_FALSE(serial.busy_for());
}

TEST(Serial, DropsWhatWaitsWhenItStops) {
  std::promise<void> started;
  std::promise<void> release;
  bool finished = false;
  bool dropped_ran = false;
  auto held = std::make_shared<int>(0);
  Serial serial({});
  ASSERT_TRUE(serial.submit([&] {
    started.set_value();
    release.get_future().wait();
    finished = true;
  }));
  started.get_future().wait();
  ASSERT_TRUE(serial.submit([&dropped_ran, held] { dropped_ran = true; }));
  EXPECT_FALSE(serial.stop(milliseconds(0))) << "the first one still runs";
  EXPECT_EQ(held.use_count(), 1) << "the second one is gone";
  EXPECT_FALSE(serial.submit([] {}));
  release.set_value();
  EXPECT_TRUE(serial.stop(kLong)) << "it has ended by itself";
  EXPECT_TRUE(finished);
  EXPECT_FALSE(dropped_ran);
}

TEST(Serial, LeavesATaskBehindThatHangs) {
  // Shared with the thread, which outlives the Serial.
  struct Gate {
    std::promise<void> started;
    std::promise<void> release;
    std::promise<void> ended;
  };
  auto gate = std::make_shared<Gate>();
  {
    Serial serial({.stop_deadline = milliseconds(1)});
    ASSERT_TRUE(serial.submit([gate] {
      gate->started.set_value();
      gate->release.get_future().wait();
      gate->ended.set_value();
    }));
    gate->started.get_future().wait();
  }  // returns although the task does not
  gate->release.set_value();
  gate->ended.get_future().wait();
}

TEST(Serial, TakesTasksOfManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 1000;
  Serial serial({.queue_max = 8});
  int total = 0;
  std::promise<void> all;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        while (!serial.submit([&] {
          if (++total == kThreads * kEach) all.set_value();
        }))
          std::this_thread::yield();
      }
    });
  }
  all.get_future().wait();
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(serial.stop(kLong));
  EXPECT_EQ(total, kThreads * kEach);
}

}  // namespace
}  // namespace kerf::runtime
