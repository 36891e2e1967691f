// RestTable against trying everything, and LabelFront against comparing with everybody.
#include "core/plan/rest_table.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "core/plan/label_front.h"

namespace kerf::plan {
namespace {

/// The most worth that ways from w on can add, by trying every number of each.
std::int64_t most_worth(const std::vector<RestTable::Way>& ways, std::size_t w, Resources left,
                        std::int64_t weight) {
  if (w == ways.size()) return 0;
  std::int64_t best = 0, worth = 0;
  for (std::int64_t n = 0; n <= ways[w].most; ++n) {
    if (n > 0) {
      if (!ways[w].need.fits(left) || ways[w].weight > weight) break;
      left = left - ways[w].need;
      weight -= ways[w].weight;
      worth += ways[w].worth;
    }
    best = std::max(best, worth + most_worth(ways, w + 1, left, weight));
  }
  return best;
}

struct Case {
  std::vector<RestTable::Way> ways;
  Resources room{48'000, 190'000, 100'000, 20};
  std::int64_t weight = 4 * 840;
  Resources prices;
};

/// Some ways take no GPU, or so little CPU and memory that it rounds to nothing. Of odd seeds,
/// nothing but CPU and GPUs binds.
Case random_case(std::uint64_t seed) {
  Prng prng(seed);
  Case made;
  const std::size_t n = 1 + prng.below(5);
  for (std::size_t i = 0; i < n; ++i) {
    RestTable::Way way;
    way.need = {static_cast<std::int64_t>(prng.below(24'000)),
                static_cast<std::int64_t>(prng.below(90'000)),
                static_cast<std::int64_t>(prng.below(2) * prng.below(40'000)), 1};
    if (prng.below(8) == 0) way.need = {1, 1, 0, 1};
    if (seed % 2 == 1) way.need = {way.need.cpu_milli, 0, 0, 0};
    way.weight = static_cast<std::int64_t>(120 * prng.below(15));
    way.worth = static_cast<std::int64_t>(prng.below(1'000'000'000'000));
    way.most = static_cast<std::int64_t>(prng.below(7));
    made.ways.push_back(way);
  }
  const auto price = [&](std::int64_t amount) {
    return static_cast<std::int64_t>(prng.below(3)) * 400'000'000'000 / amount;
  };
  made.prices = {price(made.room.cpu_milli), price(made.room.memory_mib), price(made.room.disk_mib),
                 price(made.room.pods)};
  if (seed % 2 == 1) made.prices = {1, 0, 0, 0};
  return made;
}

TEST(RestTable, IsNeverBelowWhatCanBeAdded) {
  int tight = 0, compared = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Case made = random_case(seed);
    RestTable table;
    table.build(made.ways, made.room, made.weight, made.prices);
    Prng prng(seed);
    for (int i = 0; i < 8; ++i) {
      const auto part = [&](std::int64_t all) {
        return i == 0 ? all
                      : static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(all)));
      };
      const Resources left{part(made.room.cpu_milli), part(made.room.memory_mib),
                           part(made.room.disk_mib), part(made.room.pods)};
      const std::int64_t weight = part(made.weight);
      const std::size_t w = i == 0 ? 0 : prng.below(made.ways.size() + 1);
      const std::int64_t least = most_worth(made.ways, w, left, weight);
      const std::int64_t most = table.worth(w, left, weight);
      ASSERT_GE(most, least) << "seed " << seed << ", look " << i;
      if (seed % 2 == 0) continue;
      ++compared;
      tight += most <= least + least / 20 ? 1 : 0;
    }
  }
  EXPECT_GT(tight * 5, compared * 4) << tight << " of " << compared;
}

TEST(RestTable, IsExactWhereOneResourceBinds) {
  // Three GPUs, and CPU for two of the large and one of the small.
  const std::vector<RestTable::Way> ways = {{{20'000, 0, 0, 1}, 840, 700, 9},
                                            {{8'000, 0, 0, 1}, 840, 300, 9}};
  RestTable table;
  table.build(ways, {48'000, 1000, 0, 50}, 3 * 840, {5, 0, 0, 0});
  EXPECT_EQ(table.worth(0, {48'000, 1000, 0, 50}, 3 * 840), 1700);
  EXPECT_EQ(table.worth(0, {47'000, 1000, 0, 50}, 3 * 840), 1400);
  EXPECT_EQ(table.worth(0, {36'000, 1000, 0, 50}, 3 * 840), 1300);
  EXPECT_EQ(table.worth(1, {48'000, 1000, 0, 50}, 3 * 840), 900);
  EXPECT_EQ(table.worth(0, {48'000, 1000, 0, 50}, 840), 700);
  EXPECT_EQ(table.worth(2, {48'000, 1000, 0, 50}, 3 * 840), 0);
}

TEST(RestTable, CountsNoMoreOfAWayThanThereAre) {
  const std::vector<RestTable::Way> ways = {{{1000, 0, 0, 1}, 840, 500, 5}};
  RestTable table;
  table.build(ways, {48'000, 1000, 0, 50}, 8 * 840, {1, 0, 0, 0});
  EXPECT_EQ(table.worth(0, {48'000, 1000, 0, 50}, 8 * 840), 2500);
  EXPECT_EQ(table.worth(0, {48'000, 1000, 0, 50}, 2 * 840), 1000);
}

TEST(RestTable, StaysEmptyWhereWorthsAreTooLargeToAdd) {
  RestTable table;
  constexpr std::int64_t kHuge = std::int64_t{1} << 60;
  table.build({{{1000, 0, 0, 1}, 840, kHuge, 5}}, {48'000, 1000, 0, 50}, 8 * 840, {1, 0, 0, 0});
  EXPECT_TRUE(table.empty());
  table.build({{{1000, 0, 0, 1}, 840, kHuge, 1}}, {48'000, 1000, 0, 50}, 8 * 840, {1, 0, 0, 0});
  ASSERT_FALSE(table.empty());
  EXPECT_GE(table.worth(0, {48'000, 1000, 0, 50}, 8 * 840), kHuge);
}

TEST(LabelFront, SaysWhatComparingWithEverybodySays) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    LabelFront front;
    std::vector<std::pair<Resources, std::int64_t>> accepted;
    const std::uint64_t spread = 2 + prng.below(12);
    for (int i = 0; i < 60; ++i) {
      const auto some = [&](std::uint64_t below) {
        return static_cast<std::int64_t>(prng.below(below));
      };
      const Resources left{some(spread), some(spread), some(2), some(3)};
      const std::int64_t taken = some(2);
      const bool beaten = std::any_of(accepted.begin(), accepted.end(), [&](const auto& other) {
        return left.fits(other.first) && other.second <= taken;
      });
      ASSERT_EQ(front.accepts(left, taken), !beaten) << "seed " << seed << ", label " << i;
      if (!beaten) accepted.emplace_back(left, taken);
    }
  }
}

}  // namespace
}  // namespace kerf::plan
