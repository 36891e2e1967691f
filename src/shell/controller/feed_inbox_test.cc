// Tests of the inbox: nothing is lost, nothing is out of order, and nobody has to wait for it.
#include "shell/controller/feed_inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace kerf::shell {
namespace {

FeedMessage message(std::size_t feed, std::uint64_t round) {
  FeedMessage made;
  made.feed = feed;
  made.round = round;
  return made;
}

TEST(FeedInbox, TakesAllOfSeveralThreadsEachInItsOrder) {
  constexpr std::uint64_t kEach = 20'000;
  constexpr std::size_t kThreads = 4;
  runtime::Loop loop({.queue_max = 16});
  std::vector<std::uint64_t> last(kThreads, 0);
  std::uint64_t taken = 0;
  FeedInbox::Events events;
  events.take = [&](const FeedMessage& one) {
    EXPECT_EQ(one.round, ++last[one.feed]);
    if (++taken == kEach * kThreads) loop.quit();
  };
  events.batch_done = [] {};
  FeedInbox inbox(loop, std::move(events), 100);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([send = inbox.sender(), thread] {
      for (std::uint64_t i = 1; i <= kEach; ++i) send(message(thread, i));
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kEach * kThreads);
}

TEST(FeedInbox, LetsTheLoopDoOtherThingsInBetween) {
  runtime::Loop loop;
  int taken = 0;
  std::vector<int> between;
  FeedInbox::Events events;
  events.take = [&](const FeedMessage&) { ++taken; };
  events.batch_done = [] {};
  FeedInbox inbox(loop, std::move(events), 10);
  for (int i = 0; i < 25; ++i) inbox.sender()(message(0, 0));
  loop.set_after_batch([&] {
    between.push_back(taken);
    if (taken == 25) loop.quit();
  });
  loop.run();
  EXPECT_EQ(between, (std::vector<int>{10, 20, 25}));
}

TEST(FeedInbox, DropsWhatComesAfterItsEnd) {
  runtime::Loop loop;
  FeedInbox::Send send;
  {
    FeedInbox::Events events;
    events.take = [](const FeedMessage&) { FAIL(); };
    events.batch_done = [] { FAIL(); };
    FeedInbox inbox(loop, std::move(events));
    send = inbox.sender();
    send(message(0, 0));
  }
  send(message(0, 0));
  ASSERT_TRUE(loop.post([&] { loop.quit(); }));
  loop.run();
}

}  // namespace
}  // namespace kerf::shell
