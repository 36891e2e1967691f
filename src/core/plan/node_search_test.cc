// search_node against every filling there is.
#include "core/plan/node_search.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

using testing::Compiled;

/// The most that any filling of the machine is worth.
double best_by_force(const Compiled& c, std::uint32_t machine, const std::vector<double>& values) {
  const Machine& m = c.problem.machines[machine];
  Room room(c.problem, machine);
  std::vector<std::int64_t> left = c.items;
  double best = 0;
  std::function<void(std::uint32_t, double)> go = [&](std::uint32_t i, double value) {
    best = std::max(best, value);
    if (i == m.candidates.size()) return;
    const std::uint32_t cls = m.candidates[i].cls;
    const std::int64_t most = room.most(i, left[cls]);
    for (std::int64_t n = 0; n <= most; ++n) {
      room.add(i, n);
      left[cls] -= n;
      go(i + 1, value + static_cast<double>(n) * values[cls]);
      left[cls] += n;
      if (n > 0) room.remove(i, n);
    }
  };
  go(0, 0);
  return best;
}

void random_problem(Prng& prng, Compiled& c) {
  c.market = testing::market({"g4dn.12xlarge", "g6.xlarge", "g7e.2xlarge", "p5.4xlarge"});
  testing::add_random(prng, 3, 4, c.demand);
  c.run();
}

std::vector<double> random_values(Prng& prng, std::size_t classes) {
  std::vector<double> values;
  for (std::size_t i = 0; i < classes; ++i)
    values.push_back(static_cast<double>(1 + prng.below(300)) / 100);
  return values;
}

double worth(const Compiled& c, const Pattern& pattern, const std::vector<double>& values) {
  const std::vector<std::int64_t> served = served_by(c.problem, {pattern});
  double sum = 0;
  for (std::size_t cls = 0; cls < served.size(); ++cls) {
    EXPECT_LE(served[cls], c.items[cls]);
    sum += static_cast<double>(served[cls]) * values[cls];
  }
  return sum;
}

TEST(NodeSearch, FindsTheBestFillingGivenTheSteps) {
  Prng prng(21);
  int compared = 0;
  for (int round = 0; round < 40; ++round) {
    Compiled c;
    random_problem(prng, c);
    const std::vector<double> values = random_values(prng, c.items.size());
    for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m) {
      const double best = best_by_force(c, m, values);
      const Filled found = search_node(c.problem, m, values, c.items, 0, 1'000'000);
      EXPECT_NEAR(found.value, best, 1e-6) << "round " << round << " machine " << m;
      EXPECT_NEAR(found.value, worth(c, found.pattern, values), 1e-9);
      EXPECT_TRUE(testing::feasible(c.problem, found.pattern));
      EXPECT_GE(best + 1e-9, fill_node(c.problem, m, values, c.items).value);
      ++compared;
    }
  }
  EXPECT_GT(compared, 60);
}

TEST(NodeSearch, FindsNothingThatBeatsTheBest) {
  Prng prng(22);
  for (int round = 0; round < 20; ++round) {
    Compiled c;
    random_problem(prng, c);
    const std::vector<double> values = random_values(prng, c.items.size());
    for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m) {
      const double best = best_by_force(c, m, values);
      const Filled nothing = search_node(c.problem, m, values, c.items, best + 1e-6, 1'000'000);
      EXPECT_TRUE(nothing.pattern.content.empty());
      EXPECT_EQ(nothing.value, 0);
      const Filled found = search_node(c.problem, m, values, c.items, best - 0.005, 1'000'000);
      EXPECT_NEAR(found.value, best, 1e-6);
    }
  }
}

TEST(NodeSearch, ReturnsOnlyWhatFitsHoweverFewTheSteps) {
  Prng prng(23);
  for (int round = 0; round < 20; ++round) {
    Compiled c;
    random_problem(prng, c);
    const std::vector<double> values = random_values(prng, c.items.size());
    for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m) {
      double last = 0;
      for (const std::int64_t steps : {0, 1, 3, 10, 100}) {
        const Filled found = search_node(c.problem, m, values, c.items, 0, steps);
        EXPECT_TRUE(testing::feasible(c.problem, found.pattern));
        EXPECT_NEAR(found.value, worth(c, found.pattern, values), 1e-9);
        EXPECT_GE(found.value, last) << "more steps find no less";
        last = found.value;
      }
      EXPECT_EQ(search_node(c.problem, m, values, c.items, 0, 0).value, 0);
    }
  }
}

}  // namespace
}  // namespace kerf::plan
