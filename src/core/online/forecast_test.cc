// Forecast: half lives, what is left out, and that a restart changes nothing.
#include "core/online/forecast.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/prng.h"

namespace kerf::online {
namespace {

constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kUnit = std::int64_t{1} << 20;

Forecast hourly() { return Forecast({.half_life_ms = kHour, .running_milli = 500}); }

std::int64_t weight_of(const Expectation& expectation, AskId ask) {
  for (const Expected& expected : expectation)
    if (expected.ask == ask) return expected.weight;
  return 0;
}

TEST(Forecast, KnowsNothingAtFirst) {
  EXPECT_TRUE(hourly().expect({}, 0).empty());
  EXPECT_TRUE(hourly().expect({0, 0}, kHour).empty());
}

TEST(Forecast, HalvesWhatCameEveryHalfLife) {
  Forecast forecast = hourly();
  forecast.arrived(3, 8, 0);
  for (int hours = 0; hours < 6; ++hours) {
    const std::int64_t expected = (8 * kUnit) >> hours;
    EXPECT_EQ(weight_of(forecast.expect({}, hours * kHour), 3), expected) << hours;
  }
  const std::int64_t half_way = weight_of(forecast.expect({}, kHour / 2), 3);
  EXPECT_NEAR(static_cast<double>(half_way), 8 * kUnit * 0.70710678, 4.0);
  EXPECT_TRUE(forecast.expect({}, 100 * kHour).empty()) << "gone after a hundred half lives";
}

TEST(Forecast, CountsAPartOfWhatRuns) {
  Forecast forecast = hourly();
  forecast.arrived(1, 1, 0);
  const Expectation expectation = forecast.expect({4, 4}, 0);
  EXPECT_EQ(expectation, (Expectation{{0, 2 * kUnit}, {1, 3 * kUnit}}));
}

TEST(Forecast, LeavesOutTheRarest) {
  Forecast forecast = hourly();
  forecast.arrived(0, 990, 0);
  forecast.arrived(1, 6, 0);
  forecast.arrived(2, 3, 0);
  forecast.arrived(3, 3, 0);
  // 3 and 3 are 0.6 % together; with the 6 they would be 1.2 %.
  EXPECT_EQ(forecast.expect({}, 0), (Expectation{{0, 990 * kUnit}, {1, 6 * kUnit}}));
}

TEST(Forecast, GoesOnAfterARestartAsIfThereWereNone) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Prng prng(seed);
    Forecast one = hourly();
    Forecast other = hourly();
    Instant now = 0;
    for (int step = 0; step < 50; ++step) {
      now += static_cast<std::int64_t>(prng.below(kHour / 4));
      const auto ask = static_cast<AskId>(prng.below(5));
      const auto count = static_cast<std::int64_t>(1 + prng.below(9));
      one.arrived(ask, count, now);
      other = Forecast({.half_life_ms = kHour, .running_milli = 500}, other.state());
      other.arrived(ask, count, now);
    }
    EXPECT_EQ(one.state(), other.state()) << seed;
  }
}

TEST(Forecast, LookingOftenChangesNextToNothing) {
  Forecast often = hourly();
  Forecast once = hourly();
  often.arrived(0, 1000, 0);
  once.arrived(0, 1000, 0);
  int looks = 0;
  for (Instant now = 0; now <= 3 * kHour; now += kHour / 64, ++looks) often.arrived(0, 0, now);
  once.arrived(0, 0, 3 * kHour);
  ASSERT_EQ(often.state().entries.size(), 1U);
  const std::int64_t a = often.state().entries[0].arrivals;
  const std::int64_t b = once.state().entries[0].arrivals;
  EXPECT_LE(std::abs(a - b), looks);
  EXPECT_EQ(b, 125 * kUnit);
}

TEST(Forecast, SumsStopBeforeTheyOverflow) {
  Forecast forecast = hourly();
  for (int i = 0; i < 3000; ++i) forecast.arrived(0, std::int64_t{1} << 30, 0);
  EXPECT_EQ(forecast.state().entries[0].arrivals, std::int64_t{1} << 60);
  EXPECT_EQ(forecast.expect({}, 0).size(), 1U);
}

}  // namespace
}  // namespace kerf::online
