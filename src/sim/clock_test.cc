// Clock and Dice: order, cancelling, and the same chance in every run.
#include "sim/clock.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kerf::sim {
namespace {

TEST(Clock, RunsByTimeAndThenInTheOrderAskedFor) {
  Clock clock;
  std::string order;
  clock.at(20, [&] { order += 'c'; });
  clock.at(10, [&] { order += 'a'; });
  clock.at(20, [&] { order += 'd'; });
  clock.at(10, [&] {
    order += 'b';
    clock.after(10, [&] { order += 'e'; });
  });
  clock.run_until(30);
  EXPECT_EQ(order, "abcde");
  EXPECT_EQ(clock.now(), 30);
}

TEST(Clock, RunsWhatIsAskedForThePastNow) {
  Clock clock(100);
  Instant ran = 0;
  clock.at(5, [&] { ran = clock.now(); });
  EXPECT_TRUE(clock.step());
  EXPECT_EQ(ran, 100);
  EXPECT_FALSE(clock.step());
}

TEST(Clock, RunsWhatIsDueAtTheEndAndNothingLater) {
  Clock clock;
  int ran = 0;
  clock.at(10, [&] { ++ran; });
  clock.at(11, [&] { ++ran; });
  clock.run_until(10);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(clock.next(), 11);
}

TEST(Clock, DoesNotRunWhatWasCancelled) {
  Clock clock;
  int ran = 0;
  Timer timer = clock.at(10, [&] { ran += 1; });
  clock.at(10, [&] { ran += 10; });
  EXPECT_TRUE(clock.waits(timer));
  clock.cancel(timer);
  EXPECT_FALSE(clock.waits(timer));
  clock.cancel(timer);  // of nothing: nothing happens
  clock.run_until(20);
  EXPECT_EQ(ran, 10);
}

TEST(Clock, LetsACallbackCancelALaterOneOfTheSameTime) {
  Clock clock;
  bool ran = false;
  Timer second;
  clock.at(10, [&] { clock.cancel(second); });
  second = clock.at(10, [&] { ran = true; });
  clock.run_until(10);
  EXPECT_FALSE(ran);
}

TEST(Dice, DrawsTheSameForTheSameSeedAndName) {
  Dice a(7, "scheduler");
  Dice b(7, "scheduler");
  Dice other_name(7, "kubelet");
  Dice other_seed(8, "scheduler");
  const std::uint64_t first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, other_name.next());
  EXPECT_NE(first, other_seed.next());
}

TEST(Dice, StaysWithinBoundsAndReachesThem) {
  Dice dice(1, "bounds");
  bool least = false;
  bool most = false;
  for (int i = 0; i < 200; ++i) {
    const std::int64_t drawn = dice.between(3, 6);
    ASSERT_GE(drawn, 3);
    ASSERT_LE(drawn, 6);
    least |= drawn == 3;
    most |= drawn == 6;
  }
  EXPECT_TRUE(least && most);
  EXPECT_EQ(dice.between(9, 2), 9);
}

TEST(Dice, TakesAChanceAboutAsOftenAsSaid) {
  Dice dice(1, "chance");
  int hits = 0;
  for (int i = 0; i < 10000; ++i) hits += dice.chance(250) ? 1 : 0;
  EXPECT_GT(hits, 2300);
  EXPECT_LT(hits, 2700);
  EXPECT_FALSE(dice.chance(0));
  EXPECT_TRUE(dice.chance(1000));
}

}  // namespace
}  // namespace kerf::sim
