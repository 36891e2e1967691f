// Tests of the poller: posted work, timers and descriptors, on one thread.
#include "shell/apiserver/poller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace kerf::apiserver {
namespace {

using testing::ElementsAre;

TEST(Poller, DoesPostedWorkInOrderAndFromAnyThread) {
  Poller poller;
  std::vector<int> done;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) poller.post([&done, i] { done.push_back(i); });
    poller.post([&] { poller.stop(); });
  });
  poller.run();
  other.join();
  ASSERT_EQ(done.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
}

TEST(Poller, RunsTimersByTimeAndThenByOrder) {
  Poller poller;
  std::string order;
  const Instant now = poller.now();
  poller.at(now + 2, 1, [&] { order += 'c'; });
  poller.at(now + 1, 2, [&] { order += 'a'; });
  poller.at(now + 1, 3, [&] { order += 'b'; });
  poller.at(now + 1, 4, [&] { order += 'x'; });
  poller.forget(4);
  poller.at(now + 3, 5, [&] { poller.stop(); });
  poller.run();
  EXPECT_EQ(order, "abc");
  EXPECT_GE(poller.now(), now + 3);
}

TEST(Poller, ATimerMaySetAndForgetOthers) {
  Poller poller;
  std::string order;
  const Instant now = poller.now();
  poller.at(now, 1, [&] {
    order += 'a';
    poller.forget(2);
    poller.at(now, 3, [&] {
      order += 'c';
      poller.stop();
    });
  });
  poller.at(now, 2, [&] { order += 'b'; });
  poller.run();
  EXPECT_EQ(order, "ac");
}

TEST(Poller, TellsOfDescriptorsUntilTheyAreLeft) {
  Poller poller;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::string got;
  poller.watch(ends[0], true, false, [&](int fd, bool readable, bool) {
    EXPECT_TRUE(readable);
    char c = 0;
    ASSERT_EQ(::read(fd, &c, 1), 1);
    got += c;
    if (got.size() == 2) {
      poller.leave(fd);
      ASSERT_EQ(::write(ends[1], "c", 1), 1);
      poller.post([&] { poller.stop(); });
    }
  });
  ASSERT_EQ(::write(ends[1], "ab", 2), 2);
  poller.run();
  EXPECT_EQ(got, "ab");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Poller, ADescriptorsNumberMayComeAgain) {
  Poller poller;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  poller.watch(ends[0], true, false, [](int, bool, bool) { FAIL() << "of the one before"; });
  ::close(ends[0]);
  ::close(ends[1]);
  int again[2];
  ASSERT_EQ(::pipe(again), 0);
  ASSERT_EQ(again[0], ends[0]);
  poller.watch(again[0], true, false, [&](int, bool, bool) { poller.stop(); });
  ASSERT_EQ(::write(again[1], "a", 1), 1);
  poller.run();
  ::close(again[0]);
  ::close(again[1]);
}

TEST(Poller, StopsAtOnceThoughWorkIsWaiting) {
  Poller poller;
  poller.post([&] { poller.stop(); });
  poller.post([] { FAIL() << "after the end"; });
  poller.run();
}

}  // namespace
}  // namespace kerf::apiserver
