// Crew: bounds, order, and which error counts.
#include "shell/kubectl/crew.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace kerf::kubectl {
namespace {

TEST(Crew, RunsEveryTaskOnceAndNeverMoreThanItMayAtATime) {
  constexpr int kAtOnce = 3;
  Crew crew(kAtOnce, {});
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::vector<std::atomic<int>> runs(50);
  for (std::atomic<int>& run : runs) {
    crew.add("task", [&]() -> Result<void> {
      const int now = ++running;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::yield();
      ++run;
      --running;
      return {};
    });
  }
  ASSERT_TRUE(crew.run());
  for (const std::atomic<int>& run : runs) EXPECT_EQ(run, 1);
  EXPECT_LE(most, kAtOnce);
}

TEST(Crew, RunsTasksSideBySide) {
  Crew crew(2, {});
  std::latch both(2);
  for (int i = 0; i < 2; ++i)
    crew.add("meets the other", [&]() -> Result<void> {
      both.arrive_and_wait();
      return {};
    });
  EXPECT_TRUE(crew.run());
}

TEST(Crew, StartsNoFurtherTaskAfterAnError) {
  Crew crew(1, {});
  int later = 0;
  crew.add("good", []() -> Result<void> { return {}; });
  crew.add("bad", []() -> Result<void> { return invalid("bad"); });
  crew.add("later", [&]() -> Result<void> {
    ++later;
    return {};
  });
  const Result<void> done = crew.run();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message(), "bad");
  EXPECT_EQ(later, 0);
}

TEST(Crew, TellsTheErrorOfTheFirstTaskHoweverTheyEnd) {
  for (int i = 0; i < 20; ++i) {
    Crew crew(2, {});
    std::latch both(2);
    for (const char* words : {"first", "second"})
      crew.add(words, [&both, words]() -> Result<void> {
        both.arrive_and_wait();
        return invalid(words);
      });
    EXPECT_EQ(crew.run().error().message(), "first");
  }
}

TEST(Crew, TellsWhatItWaitsForOnTheCallersThread) {
  const std::thread::id caller = std::this_thread::get_id();
  std::latch told(1);
  std::string text;
  Crew crew(1, [&](std::string_view now) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    if (text.empty()) told.count_down();
    text = now;
  });
  crew.add("pods", [&]() -> Result<void> {
    told.wait();
    return {};
  });
  ASSERT_TRUE(crew.run());
  EXPECT_EQ(text, "reading the cluster: pods (0 of 1 done)");
}

TEST(Crew, WithNothingToDoIsDone) { EXPECT_TRUE(Crew(4, {}).run()); }

}  // namespace
}  // namespace kerf::kubectl
