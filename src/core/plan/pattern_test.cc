// Room against plain search; fillings and hosts against their promises.
#include "core/plan/pattern.h"

#include <gtest/gtest.h>

#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

using testing::Compiled;
using testing::feasible;

/// A few classes, some of which limit or refuse company, on all kinds of machines.
void random_problem(Prng& prng, Compiled& c) {
  c.market = testing::market(testing::some_types());
  testing::add_random(prng, 3 + static_cast<int>(prng.below(3)), 6, c.demand);
  c.run();
  const std::size_t n = c.problem.classes.size();
  for (ItemClass& item : c.problem.classes)
    if (prng.below(4) == 0) item.per_node = static_cast<std::int32_t>(1 + prng.below(3));
  if (n > 1 && prng.below(2) == 0) {
    c.problem.conflicts.assign(n * n, false);
    const std::size_t a = prng.below(n), b = prng.below(n);
    if (a != b) c.problem.conflicts[a * n + b] = c.problem.conflicts[b * n + a] = true;
  }
}

/// `pattern` with n more of a candidate.
Pattern with(Pattern pattern, std::uint32_t candidate, std::int64_t n) {
  for (auto& [have, count] : pattern.content) {
    if (have != candidate) continue;
    count += static_cast<std::int32_t>(n);
    return pattern;
  }
  if (n > 0) pattern.content.emplace_back(candidate, static_cast<std::int32_t>(n));
  std::sort(pattern.content.begin(), pattern.content.end());
  return pattern;
}

TEST(Room, SaysExactlyHowManyMoreFit) {
  Prng prng(3);
  int none = 0, some = 0, all = 0;
  for (int round = 0; round < 40; ++round) {
    Compiled c;
    random_problem(prng, c);
    const auto m = static_cast<std::uint32_t>(prng.below(c.problem.machines.size()));
    Room room(c.problem, m);
    const std::size_t candidates = room.machine().candidates.size();
    for (int step = 0; step < 12; ++step) {
      const auto i = static_cast<std::uint32_t>(prng.below(candidates));
      const auto limit = static_cast<std::int64_t>(1 + prng.below(4));
      std::int64_t expected = 0;
      while (expected < limit && feasible(c.problem, with(room.pattern(), i, expected + 1)))
        ++expected;
      ASSERT_EQ(room.most(i, limit), expected) << "round " << round << " step " << step;
      none += expected == 0 ? 1 : 0;
      some += expected > 0 && expected < limit ? 1 : 0;
      all += expected == limit ? 1 : 0;
      if (prng.below(4) == 0 && !room.empty()) {
        const auto [candidate, n] = room.content()[prng.below(room.content().size())];
        room.remove(candidate,
                    1 + static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(n))));
      } else {
        room.add(i, expected);
      }
    }
  }
  EXPECT_GT(none, 30);
  EXPECT_GT(some, 10);
  EXPECT_GT(all, 30);
}

TEST(Room, IsEmptyAgainAfterAllIsRemoved) {
  Prng prng(4);
  for (int round = 0; round < 20; ++round) {
    Compiled c;
    random_problem(prng, c);
    const auto m = static_cast<std::uint32_t>(prng.below(c.problem.machines.size()));
    Room room(c.problem, m);
    for (std::uint32_t i = 0; i < room.machine().candidates.size(); ++i)
      room.add(i, room.most(i, 3));
    const Room again(c.problem, room.pattern());
    EXPECT_EQ(again.left(), room.left());
    EXPECT_EQ(again.units(), room.units());
    EXPECT_FALSE(room.empty());
    while (!room.empty()) room.remove(room.content().back().first, 1);
    EXPECT_EQ(room.left(), room.machine().allocatable);
    EXPECT_TRUE(room.units().zero());
  }
}

std::vector<double> random_values(Prng& prng, std::size_t classes) {
  std::vector<double> values;
  for (std::size_t i = 0; i < classes; ++i)
    values.push_back(static_cast<double>(prng.below(5) == 0 ? 0 : 1 + prng.below(1000)) / 100);
  return values;
}

double worth(const Compiled& c, const Pattern& pattern, const std::vector<double>& values) {
  double sum = 0;
  for (const auto& [candidate, n] : pattern.content)
    sum += n * values[c.problem.machines[pattern.machine].candidates[candidate].cls];
  return sum;
}

TEST(FillNode, StaysWithinRoomAndDemandAndLeavesNothingThatFits) {
  Prng prng(5);
  for (int round = 0; round < 30; ++round) {
    Compiled c;
    random_problem(prng, c);
    const std::vector<double> values = random_values(prng, c.items.size());
    for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m) {
      const Filled filled = fill_node(c.problem, m, values, c.items);
      EXPECT_TRUE(testing::refills(c.problem, filled.pattern));
      EXPECT_NEAR(filled.value, worth(c, filled.pattern, values), 1e-9);
      const std::vector<std::int64_t> served = served_by(c.problem, {filled.pattern});
      Room room(c.problem, filled.pattern);
      for (std::size_t cls = 0; cls < served.size(); ++cls) EXPECT_LE(served[cls], c.items[cls]);
      for (std::uint32_t i = 0; i < room.machine().candidates.size(); ++i) {
        const std::uint32_t cls = room.machine().candidates[i].cls;
        if (values[cls] <= 0 || served[cls] == c.items[cls]) continue;
        EXPECT_EQ(room.most(i, 1), 0);
      }
    }
  }
}

TEST(TopUp, KeepsWhatIsThere) {
  Prng prng(6);
  for (int round = 0; round < 30; ++round) {
    Compiled c;
    random_problem(prng, c);
    const std::vector<double> values = random_values(prng, c.items.size());
    const auto m = static_cast<std::uint32_t>(prng.below(c.problem.machines.size()));
    Room room(c.problem, m);
    const auto first = static_cast<std::uint32_t>(prng.below(room.machine().candidates.size()));
    room.add(first, 1);
    std::vector<std::int64_t> rest = c.items;
    --rest[room.machine().candidates[first].cls];
    const Filled filled = top_up(c.problem, room.pattern(), values, rest);
    ASSERT_FALSE(filled.pattern.content.empty());
    const auto& content = filled.pattern.content;
    EXPECT_TRUE(std::any_of(content.begin(), content.end(),
                            [&](const auto& entry) { return entry.first == first; }));
    EXPECT_TRUE(testing::refills(c.problem, filled.pattern));
    EXPECT_NEAR(filled.value, worth(c, filled.pattern, values), 1e-9);
  }
}

TEST(CheapestHost, IsTheCheapestMachineThatHoldsTheContent) {
  Prng prng(7);
  int moved = 0;
  for (int round = 0; round < 60; ++round) {
    Compiled c;
    random_problem(prng, c);
    const auto m = static_cast<std::uint32_t>(prng.below(c.problem.machines.size()));
    Room room(c.problem, m);
    for (int i = 0; i < 2; ++i) {
      const auto candidate =
          static_cast<std::uint32_t>(prng.below(room.machine().candidates.size()));
      room.add(candidate, room.most(candidate, 2));
    }
    const Pattern before = room.pattern();
    const Pattern after = cheapest_host(c.problem, before);
    EXPECT_EQ(served_by(c.problem, {after}), served_by(c.problem, {before}));
    EXPECT_TRUE(feasible(c.problem, after));
    const MicroUsdPerHour price = c.problem.machines[after.machine].price;
    EXPECT_LE(price, c.problem.machines[m].price);
    EXPECT_TRUE(price < c.problem.machines[m].price || after == before);
    moved += after.machine != m ? 1 : 0;
    // Where a machine has one way to hold each class, holding is a yes or no.
    const std::vector<std::int64_t> served = served_by(c.problem, {before});
    for (std::uint32_t other = 0; other < c.problem.machines.size(); ++other) {
      if (c.problem.machines[other].price >= price) continue;
      Pattern there{other, {}};
      bool single = true;
      std::vector<std::int64_t> ways(served.size());
      for (std::uint32_t i = 0; i < c.problem.machines[other].candidates.size(); ++i) {
        const std::uint32_t cls = c.problem.machines[other].candidates[i].cls;
        single = single && (served[cls] == 0 || ++ways[cls] == 1);
        there = with(there, i, served[cls]);
      }
      if (!single || served_by(c.problem, {there}) != served) continue;
      EXPECT_FALSE(feasible(c.problem, there)) << "round " << round << " machine " << other;
    }
  }
  EXPECT_GT(moved, 10);
}

}  // namespace
}  // namespace kerf::plan
