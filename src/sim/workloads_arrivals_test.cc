// Arrivals: exponential times, and how each pattern comes.
#include "sim/workloads_arrivals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace kerf::sim {
namespace {

using control::kHour;
using Pattern = Arrivals::Pattern;

std::vector<Instant> first(const Arrivals& arrivals, std::size_t count, Instant added = 0,
                           std::uint64_t seed = 1) {
  Dice dice(seed, "test");
  std::vector<Instant> result;
  Instant last = added;
  while (result.size() < count) {
    const auto next =
        next_arrival(arrivals, added, last, static_cast<std::int64_t>(result.size()), dice);
    if (!next) break;
    result.push_back(last = next->at);
  }
  return result;
}

TEST(Exponential, HasItsMeanAndItsQuantiles) {
  Dice dice(1, "test");
  constexpr std::int64_t kMean = 1000000;
  constexpr int kDraws = 100000;
  std::vector<std::int64_t> drawn;
  for (int i = 0; i < kDraws; ++i) drawn.push_back(exponential(dice, kMean));
  std::sort(drawn.begin(), drawn.end());
  double sum = 0;
  for (const std::int64_t value : drawn) sum += static_cast<double>(value);
  EXPECT_NEAR(sum / kDraws / kMean, 1, 0.01);
  for (const double part : {0.05, 0.25, 0.5, 0.75, 0.95, 0.99}) {
    const double is = static_cast<double>(drawn[static_cast<std::size_t>(part * kDraws)]) / kMean;
    EXPECT_NEAR(is, -std::log(1 - part), 0.03 * -std::log(1 - part)) << part;
  }
}

TEST(Exponential, IsTheSameInEveryBuild) {
  Dice dice(42, "fixed");
  std::vector<std::int64_t> drawn;
  for (int i = 0; i < 4; ++i) drawn.push_back(exponential(dice, 1000000));
  EXPECT_EQ(drawn, (std::vector<std::int64_t>{302027, 2770920, 975596, 420265}))
      << "worked out apart";
}

TEST(Span, IsDrawnWithinItsBounds) {
  Dice dice(1, "test");
  EXPECT_EQ(draw(dice, {}), 0);
  for (int i = 0; i < 200; ++i) {
    const std::int64_t uniform = draw(dice, {5, 9, 0});
    EXPECT_TRUE(uniform >= 5 && uniform <= 9);
    const std::int64_t held = draw(dice, {50, 300, 100});
    EXPECT_TRUE(held >= 50 && held <= 300);
    EXPECT_GE(draw(dice, {0, 0, 1}), 1) << "a time that is asked for is never none";
  }
}

TEST(Arrivals, ComeOnce) {
  Arrivals arrivals;
  arrivals.from_ms = 500;
  arrivals.together = 3;
  Dice dice(1, "test");
  const auto next = next_arrival(arrivals, 1000, 1000, 0, dice);
  EXPECT_EQ(next->at, 1500);
  EXPECT_EQ(next->together, 3);
  EXPECT_FALSE(next_arrival(arrivals, 1000, 1500, 1, dice));
}

TEST(Arrivals, ComeSteadilyWithoutLosingTimeInRounding) {
  Arrivals arrivals;
  arrivals.pattern = Pattern::Steady;
  arrivals.per_hour_milli = 7000;
  const std::vector<Instant> times = first(arrivals, 71, 100);
  EXPECT_EQ(times[0], 100);
  EXPECT_EQ(times[70], 100 + 10 * kHour);
}

TEST(Arrivals, ComeInBursts) {
  Arrivals arrivals;
  arrivals.pattern = Pattern::Burst;
  arrivals.from_ms = 10;
  arrivals.every_ms = 100;
  arrivals.together = 5;
  arrivals.until_ms = 250;
  EXPECT_EQ(first(arrivals, 9), (std::vector<Instant>{10, 110, 210}));
}

TEST(Arrivals, ComeByChanceAtTheirRate) {
  Arrivals arrivals;
  arrivals.pattern = Pattern::Random;
  arrivals.per_hour_milli = 12000;
  const std::vector<Instant> times = first(arrivals, 12000);
  EXPECT_NEAR(static_cast<double>(times.back()) / kHour, 1000, 30);
  std::int64_t shortest = kHour;
  for (std::size_t i = 1; i < times.size(); ++i)
    shortest = std::min(shortest, times[i] - times[i - 1]);
  EXPECT_LT(shortest, 1000) << "not evenly";
}

TEST(Arrivals, FollowTheHoursOfTheDay) {
  Arrivals arrivals;
  arrivals.pattern = Pattern::Daily;
  arrivals.per_hour_milli = 10000;
  const std::vector<Instant> times = first(arrivals, 24 * 10 * 50);
  EXPECT_NEAR(static_cast<double>(times.back()) / (24 * kHour), 50, 2) << "its rate over days";
  std::array<int, 24> seen = {};
  for (const Instant at : times) ++seen[static_cast<std::size_t>(at / kHour % 24)];
  const double per_weight = 24.0 * 10 * 50 / 184;  // the sum of the weights
  for (std::size_t hour = 0; hour < 24; ++hour)
    EXPECT_NEAR(seen[hour], per_weight * arrivals.hours[hour], 4 * std::sqrt(seen[hour]) + 1);
}

TEST(Arrivals, EndWhenTheyAreToldTo) {
  Arrivals arrivals;
  arrivals.until_ms = kHour;
  for (const Pattern pattern : {Pattern::Random, Pattern::Daily, Pattern::Steady}) {
    arrivals.pattern = pattern;
    arrivals.per_hour_milli = 20000;
    const std::vector<Instant> times = first(arrivals, 1000, 500);
    EXPECT_LT(times.size(), 100U);
    if (!times.empty()) {
      EXPECT_LT(times.back(), 500 + kHour);
    }
    arrivals.per_hour_milli = 0;
    EXPECT_TRUE(first(arrivals, 1).empty()) << "no rate, nobody";
  }
}

}  // namespace
}  // namespace kerf::sim
