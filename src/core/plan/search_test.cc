// search_fleet and prove: every effort serves everybody, proves what it says, and more of it is
// never dearer here.
#include "core/plan/search.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/plan/bound_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::Compiled;

void larger(std::uint64_t seed, int kinds, std::uint64_t most, Compiled& c) {
  Prng prng(seed);
  c.market = testing::market(testing::some_types());
  testing::add_random(prng, kinds, most, c.demand);
  c.run();
}

Found find(const Compiled& c, int level) {
  return search_fleet(c.problem, c.items, *solver::make_clp(), effort_of(level), {});
}

void expect_serves(const Compiled& c, const Found& found) {
  EXPECT_EQ(served_by(c.problem, found.fleet), c.items);
  for (const Pattern& node : found.fleet) EXPECT_TRUE(testing::refills(c.problem, node));
  EXPECT_LE(found.proof.bound, bill_of(c.problem, found.fleet));
  EXPECT_EQ(found.proof.optimal, found.proof.bound == bill_of(c.problem, found.fleet));
}

TEST(Search, SolvesTheSmallestExactlyAtEveryEffort) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Compiled c;
    testing::small_problem(seed, c);
    const auto optimum = testing::least_bill(c);
    if (!optimum) continue;
    for (int level = 1; level <= 5; ++level) {
      const Found found = find(c, level);
      expect_serves(c, found);
      EXPECT_EQ(bill_of(c.problem, found.fleet), *optimum);
      EXPECT_EQ(found.proof.method, "exact");
      EXPECT_TRUE(found.proof.optimal);
    }
  }
}

TEST(Search, MoreEffortIsNeverDearerAndItsBoundIsNeverLower) {
  int better = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Compiled c;
    larger(seed, 5 + static_cast<int>(seed % 4), 12, c);
    SCOPED_TRACE(seed);
    MicroUsdPerHour bill{std::int64_t{1} << 60}, bound, first;
    for (int level = 1; level <= 4; ++level) {
      const Found found = find(c, level);
      expect_serves(c, found);
      const MicroUsdPerHour now = bill_of(c.problem, found.fleet);
      if (level == 1) first = now;
      EXPECT_LE(now, bill) << "at effort " << level;
      EXPECT_GE(found.proof.bound, bound) << "at effort " << level;
      bill = now;
      bound = found.proof.bound;
    }
    better += bill < first ? 1 : 0;
  }
  EXPECT_GT(better, 1);
}

TEST(Search, EndsTheSameTwice) {
  for (int level = 1; level <= 3; ++level) {
    Compiled c;
    larger(50, 8, 15, c);
    const Found once = find(c, level), twice = find(c, level);
    EXPECT_EQ(once.fleet, twice.fleet);
    EXPECT_EQ(once.proof.bound, twice.proof.bound);
    EXPECT_EQ(once.proof.method, twice.proof.method);
    ASSERT_EQ(once.proof.leaves.size(), twice.proof.leaves.size());
    for (std::size_t i = 0; i < once.proof.leaves.size(); ++i)
      EXPECT_EQ(once.proof.leaves[i].values, twice.proof.leaves[i].values);
  }
}

TEST(Search, ProvesNoMoreThanTheBill) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Compiled c;
    if (seed % 2 == 0) testing::small_problem(seed, c);
    else larger(seed, 6, 10, c);
    if (c.items.empty()) continue;
    for (int level = 1; level <= 3; ++level) {
      const auto solver = solver::make_clp();
      const MicroUsdPerHour bill = bill_of(c.problem, find(c, level).fleet);
      const Proof proof = prove(c.problem, c.items, bill, *solver, effort_of(level), {});
      EXPECT_LE(proof.bound, bill) << seed;
      EXPECT_GT(proof.bound.micro, 0) << seed;
      EXPECT_EQ(proof.optimal, proof.bound == bill) << seed;
      // A dearer fleet is no reason to prove more.
      const Proof far =
          prove(c.problem, c.items, {std::int64_t{1} << 50}, *solver, effort_of(level), {});
      EXPECT_LE(far.bound, bill) << seed;
      EXPECT_FALSE(far.optimal);
    }
  }
}

TEST(Search, TellsBillsThatFallAndBoundsThatRise) {
  Compiled c;
  larger(7, 8, 12, c);
  MicroUsdPerHour bill{std::int64_t{1} << 60}, bound;
  std::vector<std::string> stages;
  const Told told = [&](std::string_view stage, MicroUsdPerHour now, MicroUsdPerHour proven) {
    if (stages.empty() || stages.back() != stage) stages.emplace_back(stage);
    if (now.micro > 0) {
      EXPECT_LE(now, bill);
      bill = now;
    }
    EXPECT_GE(proven, bound);
    bound = proven;
  };
  const Found found = search_fleet(c.problem, c.items, *solver::make_clp(), effort_of(3), told);
  EXPECT_LE(bill_of(c.problem, found.fleet), bill);
  EXPECT_GE(found.proof.bound, bound);
  ASSERT_GE(stages.size(), 3U);
  EXPECT_EQ(stages.front(), "start");
}

TEST(Effort, IsClampedAndSpendsMoreTheHigherItIs) {
  EXPECT_FALSE(effort_of(-3).generates);
  EXPECT_FALSE(effort_of(1).generates);
  EXPECT_EQ(effort_of(9).branch_steps, effort_of(5).branch_steps);
  for (int level = 2; level < 5; ++level) {
    const Effort less = effort_of(level), more = effort_of(level + 1);
    EXPECT_TRUE(less.generates);
    EXPECT_LT(less.generation.rounds, more.generation.rounds);
    EXPECT_LT(less.generation.labels, more.generation.labels);
    EXPECT_LT(less.branch_steps, more.branch_steps);
    EXPECT_LT(less.branch_labels, more.branch_labels);
    EXPECT_LT(less.improve_steps, more.improve_steps);
    EXPECT_GT(less.generation.tolerance, more.generation.tolerance);
  }
  EXPECT_EQ(without_proof(effort_of(3)).branch_steps, 0);
}

}  // namespace
}  // namespace kerf::plan
