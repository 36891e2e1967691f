// Price processes, stock, and the feed that trails them.
#include "sim/prices.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "codec/catalogue.h"

namespace kerf::sim {
namespace {

using control::kHour;
using control::kMinute;
using market::CapacityType;

std::shared_ptr<const market::Market> shipped() {
  static const auto market =
      std::make_shared<const market::Market>(*codec::builtin_market("us-east-1"));
  return market;
}

std::uint32_t type_of(const std::string& name) {
  const market::InstanceType* type = shipped()->type_named(name);
  return static_cast<std::uint32_t>(type - shipped()->types.data());
}

std::uint64_t hash(const Prices& prices) {
  Hasher hasher;
  prices.add_to(hasher);
  return hasher.value();
}

PriceOptions moving() {
  PriceOptions options;
  options.kind = PriceOptions::Kind::MeanReverting;
  return options;
}

TEST(Prices, AreByZoneAndHaveSpotBesideOnDemand) {
  const Prices prices(shipped(), {}, 1, 0);
  const std::uint32_t type = type_of("p4d.24xlarge");
  for (const std::string zone : {"us-east-1a", "us-east-1b", "us-east-1c"}) {
    const auto* on_demand = prices.find(type, zone, CapacityType::OnDemand);
    const auto* spot = prices.find(type, zone, CapacityType::Spot);
    ASSERT_NE(on_demand, nullptr);
    ASSERT_NE(spot, nullptr);
    EXPECT_EQ(on_demand->offering.price.micro, 21'957'642);
    EXPECT_LT(spot->offering.price, on_demand->offering.price);
  }
  EXPECT_EQ(prices.find(type, "us-east-1d", CapacityType::OnDemand), nullptr);
  EXPECT_EQ(prices.find(type, "us-east-1a", CapacityType::Reserved), nullptr);
}

TEST(Prices, ConstantOnesChangeOnlyByTheFeedsRefresh) {
  Prices prices(shipped(), {}, 1, 0);
  const auto before = prices.feed()->offerings;
  prices.advance(100 * kHour);
  EXPECT_EQ(prices.feed()->offerings, before);
  EXPECT_EQ(prices.feed_as_of(), 96 * kHour);
  EXPECT_EQ(prices.next_change(), 108 * kHour);
}

TEST(Prices, TheFeedHasEveryOfferingSortedAndOnce) {
  const Prices prices(shipped(), {}, 3, 0);
  const auto& offerings = prices.feed()->offerings;
  ASSERT_EQ(offerings.size(), prices.offered().size());
  for (std::size_t i = 1; i < offerings.size(); ++i) {
    const auto& a = offerings[i - 1];
    const auto& b = offerings[i];
    EXPECT_LT(std::tuple(a.type, a.zone, a.capacity_type),
              std::tuple(b.type, b.zone, b.capacity_type));
  }
}

TEST(Prices, SpotStaysBetweenATenthAndAllOfOnDemandAndReturnsToItsMean) {
  const std::uint32_t type = type_of("p5.48xlarge");
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Prices prices(shipped(), moving(), seed, 0);
    const Int128 whole =
        prices.find(type, "us-east-1a", CapacityType::OnDemand)->offering.price.micro;
    const Int128 mean = prices.find(type, "us-east-1a", CapacityType::Spot)->offering.price.micro;
    Int128 sum = 0;
    std::set<std::int64_t> distinct;
    constexpr int kSteps = 4000;
    for (int i = 0; i < kSteps; ++i) {
      prices.advance(prices.next_change());
      const Int128 now = prices.find(type, "us-east-1a", CapacityType::Spot)->offering.price.micro;
      ASSERT_GE(now * 10, whole - 10);
      ASSERT_LE(now, whole);
      sum += now;
      distinct.insert(static_cast<std::int64_t>(now));
    }
    EXPECT_GT(distinct.size(), 1000u);
    // The walk is drawn back with a time of 1/0.06 steps: its average over 4,000 is within 3 % of
    // on-demand.
    const Int128 off = sum / kSteps - mean;
    EXPECT_LT((off < 0 ? -off : off) * 100, whole * 3) << "seed " << seed;
  }
}

TEST(Prices, OnDemandNeverMoves) {
  Prices prices(shipped(), moving(), 1, 0);
  const auto before =
      prices.find(type_of("g6.xlarge"), "us-east-1b", CapacityType::OnDemand)->offering;
  prices.advance(1000 * kHour);
  EXPECT_EQ(prices.find(type_of("g6.xlarge"), "us-east-1b", CapacityType::OnDemand)->offering,
            before);
}

TEST(Prices, ASeedGivesTheSamePricesHoweverTimePasses) {
  Prices at_once(shipped(), moving(), 7, 0);
  Prices in_steps(shipped(), moving(), 7, 0);
  Prices other(shipped(), moving(), 8, 0);
  at_once.advance(500 * kHour);
  other.advance(500 * kHour);
  for (Instant now = 0; now <= 500 * kHour; now += 7 * kMinute) in_steps.advance(now);
  in_steps.advance(500 * kHour);
  EXPECT_EQ(hash(at_once), hash(in_steps));
  EXPECT_NE(hash(at_once), hash(other));
}

TEST(Prices, AnOfferingIsOutForMinutesAndComesBack) {
  PriceOptions options;
  options.up_ms = 10 * kHour;
  options.down_ms = 10 * kMinute;
  Prices prices(shipped(), options, 5, 0);
  const std::uint32_t type = type_of("g6.xlarge");
  const auto* offered = prices.find(type, "us-east-1a", CapacityType::OnDemand);
  Instant out_since = 0;
  Instant back_since = 0;
  int outages = 0;
  bool was = true;
  while (outages < 20) {
    const Instant now = prices.next_change();
    prices.advance(now);
    if (was == offered->available) continue;
    was = offered->available;
    if (was) {
      EXPECT_GE(now - out_since, 5 * kMinute);
      EXPECT_LE(now - out_since, 15 * kMinute);
      back_since = now;
      ++outages;
    } else {
      EXPECT_GE(now - back_since, 5 * kHour);
      EXPECT_LE(now - back_since, 15 * kHour);
      out_since = now;
    }
  }
}

TEST(Prices, HoldingAnOfferingOutEndsWhenItWasSaidTo) {
  Prices prices(shipped(), {}, 1, 0);
  const std::uint32_t type = type_of("p5.48xlarge");
  prices.hold_out(type, "", CapacityType::OnDemand, kHour);
  EXPECT_FALSE(prices.find(type, "us-east-1c", CapacityType::OnDemand)->available);
  EXPECT_TRUE(prices.find(type, "us-east-1c", CapacityType::Spot)->available);
  prices.advance(kHour - 1);
  EXPECT_FALSE(prices.find(type, "us-east-1a", CapacityType::OnDemand)->available);
  prices.advance(kHour);
  EXPECT_TRUE(prices.find(type, "us-east-1a", CapacityType::OnDemand)->available);
}

TEST(Prices, TheFeedLeavesOutWhatWasRefusedForThreeMinutesAndNothingElse) {
  Prices prices(shipped(), {}, 1, 0);
  const std::uint32_t type = type_of("p5.48xlarge");
  const std::size_t all = prices.feed()->offerings.size();
  prices.hold_out(type, "us-east-1a", CapacityType::Spot, kHour);
  EXPECT_EQ(prices.feed()->offerings.size(), all) << "nobody has tried to launch it";
  prices.advance(1000);
  prices.refused(type, "us-east-1a", CapacityType::Spot);
  EXPECT_EQ(prices.feed()->offerings.size(), all - 1);
  prices.advance(1000 + 3 * kMinute - 1);
  EXPECT_EQ(prices.feed()->offerings.size(), all - 1);
  prices.advance(1000 + 3 * kMinute);
  EXPECT_EQ(prices.feed()->offerings.size(), all);
}

TEST(Prices, TheFeedTakesOverPricesAtARefreshOnly) {
  Prices prices(shipped(), {}, 1, 0);
  const std::uint32_t type = type_of("g6.xlarge");
  prices.set_price(type, "us-east-1a", CapacityType::Spot, {123});
  const auto fed = [&] {
    for (const auto& offering : prices.feed()->offerings)
      if (offering.type == type && offering.zone == "us-east-1a" &&
          offering.capacity_type == CapacityType::Spot)
        return offering.price.micro;
    return std::int64_t{0};
  };
  EXPECT_NE(fed(), 123);
  prices.advance(12 * kHour);
  EXPECT_EQ(fed(), 123);
}

TEST(Prices, AFeedThatStoppedSaysWhatItSaidAsOfWhenItSaidIt) {
  Prices prices(shipped(), moving(), 1, 0);
  prices.advance(12 * kHour);
  prices.stop_feed(true);
  const auto stopped = prices.feed();
  prices.advance(40 * kHour);
  prices.refused(type_of("g6.xlarge"), "us-east-1a", CapacityType::Spot);
  EXPECT_EQ(prices.feed(), stopped);
  EXPECT_EQ(prices.feed_as_of(), 12 * kHour);
  prices.stop_feed(false);
  EXPECT_EQ(prices.feed_as_of(), 40 * kHour);
  EXPECT_NE(prices.feed(), stopped);
}

TEST(Prices, AHistoryIsReplayedInItsOrderOfTime) {
  PriceOptions options;
  options.kind = PriceOptions::Kind::Replayed;
  options.history = {{2 * kHour, "g6.xlarge", "us-east-1a", CapacityType::Spot, {300}},
                     {1 * kHour, "g6.xlarge", "us-east-1a", CapacityType::Spot, {200}},
                     {1 * kHour, "no.such", "us-east-1a", CapacityType::Spot, {1}}};
  Prices prices(shipped(), options, 1, 0);
  const auto* spot = prices.find(type_of("g6.xlarge"), "us-east-1a", CapacityType::Spot);
  const std::int64_t begin = spot->offering.price.micro;
  EXPECT_EQ(prices.next_change(), 1 * kHour);
  prices.advance(kHour - 1);
  EXPECT_EQ(spot->offering.price.micro, begin);
  prices.advance(kHour);
  EXPECT_EQ(spot->offering.price.micro, 200);
  prices.advance(9 * kHour);
  EXPECT_EQ(spot->offering.price.micro, 300);
}

/// Medians and bounds of spot_ratios() are those of the sample, to a thousandth.
TEST(Prices, RatiosAreThoseOfTheSample) {
  std::ifstream file(std::string(KERF_SHARED_DIR) + "/data/ec2/ec2_gpu_spot_sample.csv");
  if (!file) GTEST_SKIP() << "no sample of spot prices at " KERF_SHARED_DIR;
  std::map<std::string, std::vector<std::int64_t>> ratios;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    if (cells.size() < 4 || cells[2].empty() || cells[3].empty()) continue;
    const Int128 spot = parse_usd_per_hour(cells[3])->micro;
    ratios[cells[0]].push_back(
        static_cast<std::int64_t>(spot * kPpm / parse_usd_per_hour(cells[2])->micro));
  }
  ASSERT_GE(ratios.size(), 7u);
  for (auto& [type, list] : ratios) {
    std::sort(list.begin(), list.end());
    const std::size_t n = list.size();
    const std::int64_t median = n % 2 == 1 ? list[n / 2] : (list[n / 2 - 1] + list[n / 2]) / 2;
    const SpotRatios ours = spot_ratios(type);
    EXPECT_NEAR(static_cast<double>(ours.median), static_cast<double>(median), 1000) << type;
    if (n == 1) continue;
    EXPECT_NEAR(static_cast<double>(ours.low), static_cast<double>(list.front()), 1000) << type;
    EXPECT_NEAR(static_cast<double>(ours.high), static_cast<double>(list.back()), 1000) << type;
  }
}

}  // namespace
}  // namespace kerf::sim
