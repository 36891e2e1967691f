// Loop: order, bounds, threads, timers, signals and readable files.
#include "shell/runtime/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <thread>

namespace kerf::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Loop, RunsWhatWasPostedInOrderThenTheHook) {
  Loop loop;
  std::string said;
  ASSERT_TRUE(loop.post([&] { said += "a"; }));
  ASSERT_TRUE(loop.post([&] { said += "b"; }));
  loop.set_after_batch([&] {
    said += "|";
    loop.quit();
  });
  loop.run();
  EXPECT_EQ(said, "ab|");
}

TEST(Loop, TakesWhatABatchPostsIntoTheNextOne) {
  Loop loop;
  std::string said;
  ASSERT_TRUE(loop.post([&] {
    said += "a";
    ASSERT_TRUE(loop.post([&] { said += "c"; }));
    loop.at(0, [&] {
      said += "d";
      loop.quit();
    });
    said += "b";
  }));
  loop.set_after_batch([&] { said += "|"; });
  loop.run();
  EXPECT_EQ(said, "ab|cd");  // after quit() no hook
}

TEST(Loop, HasABoundAndSaysSo) {
  Loop loop(Loop::Options{.queue_max = 2});
  int ran = 0;
  EXPECT_TRUE(loop.post([&] { ++ran; }));
  EXPECT_TRUE(loop.post([&] { loop.quit(); }));
  EXPECT_FALSE(loop.post([&] { ran += 100; }));
  loop.run();
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(loop.post([&] { ran += 100; })) << "it has quit";
}

TEST(Loop, QuitsInTheMiddleOfABatch) {
  Loop loop;
  std::string said;
  ASSERT_TRUE(loop.post([&] {
    said += "a";
    loop.quit();
  }));
  ASSERT_TRUE(loop.post([&] { said += "b"; }));
  loop.at(0, [&] { said += "t"; });
  loop.set_after_batch([&] { said += "|"; });
  loop.run();
  EXPECT_EQ(said, "a");
}

TEST(Loop, ReturnsAtOnceIfItHadToQuitBefore) {
  Loop loop;
  loop.quit();
  loop.run();
}

TEST(Loop, TakesPostsOfManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  Loop loop(Loop::Options{.queue_max = 16});  // so that posters meet the bound
  std::map<int, int> next;
  int total = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&loop, &next, &total, t] {
      for (int i = 0; i < kEach; ++i) {
        while (!loop.post([&, t, i] {
          EXPECT_EQ(next[t]++, i) << "what one thread posts keeps its order";
          if (++total == kThreads * kEach) loop.quit();
        }))
          std::this_thread::yield();
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total, kThreads * kEach);
}

TEST(Loop, RunsTimersByInstantThenByOrder) {
  Loop loop;
  const Instant now = Loop::now();
  std::string said;
  loop.at(now + 20, [&] { said += "d"; });
  loop.at(now + 10, [&] { said += "b"; });
  loop.at(now + 10, [&] { said += "c"; });
  loop.at(now - 5, [&] { said += "a"; });
  loop.at(now + 30, [&] { loop.quit(); });
  loop.run();
  EXPECT_EQ(said, "abcd");
}

TEST(Loop, NeverRunsATimerEarly) {
  Loop loop;
  const Instant when = Loop::now() + 15;
  Instant ran = 0;
  loop.at(when, [&] {
    ran = Loop::now();
    loop.quit();
  });
  loop.run();
  EXPECT_GE(ran, when);
}

TEST(Loop, DoesNotRunACancelledTimer) {
  Loop loop;
  std::string said;
  const TimerId first = loop.after(0, [&] { said += "x"; });
  TimerId third;
  // Of the same batch: the one that runs first cancels the one behind it, and itself.
  TimerId second = loop.after(1, [&] {
    said += "2";
    loop.cancel(third);
    loop.cancel(second);
  });
  third = loop.after(1, [&] { said += "x"; });
  loop.cancel(first);
  loop.cancel(TimerId{});
  loop.cancel(TimerId{12345});
  loop.after(2, [&] { loop.quit(); });
  loop.run();
  EXPECT_EQ(said, "2");
}

TEST(Loop, MovesToAnEarlierTimer) {
  Loop loop;
  bool far = false;
  loop.after(3'600'000, [&] { far = true; });
  ASSERT_TRUE(loop.post([&] { loop.after(1, [&] { loop.quit(); }); }));
  loop.run();
  EXPECT_FALSE(far);
}

TEST(Loop, BearsTheFarthestInstants) {
  Loop loop;
  std::string said;
  loop.at(std::numeric_limits<Instant>::max(), [&] { said += "x"; });
  loop.at(std::numeric_limits<Instant>::min(), [&] { said += "a"; });
  loop.after(1, [&] { loop.quit(); });
  loop.run();
  EXPECT_EQ(said, "a");
}

TEST(Loop, HandsOutSignals) {
  Loop loop;
  std::vector<int> caught;
  const auto take = [&](int number) {
    caught.push_back(number);
    if (caught.size() == 2) loop.quit();
  };
  loop.on_signal({SIGTERM, SIGINT, SIGHUP}, take);
  std::thread other([] { ::kill(::getpid(), SIGHUP); });
  other.join();
  ASSERT_TRUE(loop.post([] { ::kill(::getpid(), SIGTERM); }));
  loop.run();
  EXPECT_THAT(caught, testing::UnorderedElementsAre(SIGHUP, SIGTERM));
}

TEST(Loop, TellsWhatIsReadable) {
  Loop loop;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  std::string read;
  loop.on_readable(ends[0], [&] {
    char c = 0;
    const ssize_t n = ::read(ends[0], &c, 1);
    if (n == 1) {
      read += c;  // one at a time: what is left is told again
      return;
    }
    read += ".";
    loop.forget_readable(ends[0]);
    loop.quit();
  });
  ASSERT_TRUE(loop.post([&] {
    ASSERT_EQ(::write(ends[1], "abc", 3), 3);
    ::close(ends[1]);
  }));
  loop.run();
  EXPECT_EQ(read, "abc.");
  ::close(ends[0]);
}

TEST(Loop, IsSilentAboutAForgottenFile) {
  Loop loop;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "a", 1), 1);
  int told = 0;
  loop.on_readable(ends[0], [&] { ++told; });
  loop.forget_readable(ends[0]);
  loop.forget_readable(ends[0]);
  loop.after(1, [&] {
    // The number may be watched again, by other means.
    loop.on_readable(ends[0], [&] {
      told += 10;
      loop.quit();
    });
  });
  loop.run();
  EXPECT_EQ(told, 10);
  loop.forget_readable(ends[0]);
  ::close(ends[0]);
  ::close(ends[1]);
}

// A file that is always readable, and functions that post themselves, do not shut others out.
TEST(Loop, IsFair) {
  Loop loop;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "a", 1), 1);
  int readable = 0;
  int hooks = 0;
  loop.on_readable(ends[0], [&] { ++readable; });
  std::function<void()> again = [&] { ASSERT_TRUE(loop.post(again)); };
  again();
  loop.set_after_batch([&] { ++hooks; });
  loop.after(5, [&] { loop.quit(); });
  loop.run();
  EXPECT_GT(readable, 0);
  EXPECT_GT(hooks, 0);
  loop.forget_readable(ends[0]);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Loop, SleepsWhileThereIsNothingToDo) {
  Loop loop;
  int hooks = 0;
  loop.set_after_batch([&] { ++hooks; });
  const auto switches = [] {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
  };
  loop.after(100, [&] { loop.quit(); });
  const long before = switches();
  loop.run();
  // One sleep, not one a millisecond.
  EXPECT_LE(switches() - before, 5);
  EXPECT_EQ(hooks, 0);
}

TEST(Loop, DropsWhatHasNotRunWithTheLoop) {
  auto counted = std::make_shared<int>(0);
  {
    Loop loop;
    ASSERT_TRUE(loop.post([counted] {}));
    loop.after(1000, [counted] {});
    loop.quit();
    loop.run();
    EXPECT_EQ(counted.use_count(), 3);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(LoopDeathTest, HoldsItsThreadRule) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Loop loop;
        std::atomic<bool> running{false};
        ASSERT_TRUE(loop.post([&] { running = true; }));
        std::thread other([&] {
          while (!running) std::this_thread::yield();
          loop.after(1, [] {});
        });
        loop.run();
      },
      "timers are set on the loop's thread");
}

}  // namespace
}  // namespace kerf::runtime
