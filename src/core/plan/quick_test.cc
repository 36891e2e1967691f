// start_fleet: serves everybody, and its bound holds, merged or not.
#include "core/plan/quick.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/plan/aggregate_testing.h"
#include "core/plan/exact.h"
#include "core/plan/merge.h"
#include "core/plan/plan_testing.h"
#include "core/plan/planner_testing.h"
#include "core/plan/sift.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::Compiled;
using testing::shape;
using testing::slice;

TEST(StartFleet, ServesTheDemandAndBoundsTheCheapestFleet) {
  auto solver = solver::make_clp();
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Compiled c;
    Prng prng(seed);
    c.market = testing::market(testing::some_types());
    testing::add_random(prng, 3, 4, c.demand);
    c.run();
    if (c.items.empty()) continue;
    const MicroUsdPerHour optimum = bill_of(c.problem, *exact_fleet(c.problem, c.items, 4000));
    const Start start = start_fleet(c.problem, c.items, *solver);
    EXPECT_LE(start.bound, optimum) << seed;
    EXPECT_GT(start.bound.micro, 0) << seed;
    EXPECT_GE(bill_of(c.problem, start.fleet), optimum) << seed;
    EXPECT_EQ(served_by(c.problem, start.fleet), c.items) << seed;
    EXPECT_EQ(start.unserved, std::vector<std::int64_t>(c.items.size(), 0)) << seed;
    ++compared;
  }
  EXPECT_GT(compared, 20);
}

/// Slices with CPU and memory of many sizes.
void many_classes(int classes, Compiled& c) {
  Prng prng(7);
  const char* profiles[] = {"1g.5gb", "2g.10gb", "3g.20gb", "1g.10gb"};
  for (int k = 0; k < classes; ++k)
    add(c.demand, "w" + std::to_string(k), 3,
        shape(slice(profiles[prng.below(4)]), 200 + static_cast<std::int64_t>(prng.below(4000)),
              500 + static_cast<std::int64_t>(prng.below(9000))));
  c.market = testing::market(testing::some_types());
  c.run();
}

TEST(SiftedLp, CertifiesWhatTheWholeLpIsWorth) {
  auto solver = solver::make_clp();
  Compiled c;
  many_classes(100, c);
  std::vector<std::uint32_t> each(c.items.size());
  std::iota(each.begin(), each.end(), 0);
  SiftedLp sifted(c.problem, c.items, each, *solver);
  ASSERT_TRUE(sifted.solve(c.items, std::vector<std::int64_t>(c.problem.machines.size(), -1)));
  const LpSolution whole =
      solver->load(testing::build_aggregate(c.problem, c.items).lp)->solve(100'000);
  std::vector<std::int64_t> proven;
  const double bound = static_cast<double>(sifted.certified(c.items, proven).micro) / 1e6;
  EXPECT_LE(bound, whole.objective + 1e-5);
  EXPECT_GE(bound, whole.objective * 0.9999);
}

TEST(SiftedLp, OverMergedClassesStillBoundsTheWholeLp) {
  auto solver = solver::make_clp();
  Compiled c;
  many_classes(600, c);
  const std::vector<std::uint32_t> groups = alike(c.problem, 100);
  EXPECT_LE(*std::max_element(groups.begin(), groups.end()), 99u);
  SiftedLp sifted(c.problem, c.items, groups, *solver);
  ASSERT_TRUE(sifted.solve(c.items, std::vector<std::int64_t>(c.problem.machines.size(), -1)));
  const LpSolution whole =
      solver->load(testing::build_aggregate(c.problem, c.items).lp)->solve(100'000);
  std::vector<std::int64_t> proven;
  const double bound = static_cast<double>(sifted.certified(c.items, proven).micro) / 1e6;
  EXPECT_LE(bound, whole.objective + 1e-5);
  EXPECT_GE(bound, whole.objective * 0.98);
}

TEST(StartFleet, ServesManyClassesThatItMerges) {
  auto solver = solver::make_clp();
  Compiled c;
  many_classes(600, c);
  ASSERT_GT(c.items.size(), 500u);
  const Start start = start_fleet(c.problem, c.items, *solver);
  EXPECT_EQ(served_by(c.problem, start.fleet), c.items);
  const double bill = static_cast<double>(bill_of(c.problem, start.fleet).micro);
  EXPECT_LT(bill, 1.06 * static_cast<double>(start.bound.micro));
  EXPECT_EQ(start_fleet(c.problem, c.items, *solver).fleet, start.fleet);
}

TEST(StartFleet, BuysNoMoreNodesThanCanBeHad) {
  auto solver = solver::make_clp();
  Compiled c;
  many_classes(20, c);
  const Start free = start_fleet(c.problem, c.items, *solver);
  std::vector<std::int64_t> used(c.problem.machines.size());
  for (const Pattern& node : free.fleet) ++used[node.machine];
  const auto most =
      static_cast<std::size_t>(std::max_element(used.begin(), used.end()) - used.begin());
  c.problem.machines[most].at_most = 1;
  const Start limited = start_fleet(c.problem, c.items, *solver);
  EXPECT_LE(std::count_if(limited.fleet.begin(), limited.fleet.end(),
                          [&](const Pattern& node) { return node.machine == most; }),
            1);
  // Who has no other machine stays unserved, and nobody is lost.
  std::vector<std::int64_t> all = served_by(c.problem, limited.fleet);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] += limited.unserved[i];
  EXPECT_EQ(all, c.items);
  EXPECT_GE(limited.bound, free.bound);
}

TEST(QuickPlan, HoldsWithCompanyAndZones) {
  testing::World world;
  PlanOptions options = testing::quick();
  options.effort = 1;
  cluster::PodShape spread = shape(slice("1g.5gb"), 500, 1000);
  spread.labels["app"] = "a";
  cluster::SpreadConstraint term;
  term.topology_key = "topology.kubernetes.io/zone";
  term.selector.labels = {{"app", cluster::Operator::In, {"a"}}};
  term.selector.all_namespaces = true;
  spread.spread = {term};
  add(world.demand, "a", 30, spread);
  for (int k = 0; k < 12; ++k) {
    cluster::PodShape alone = shape(slice("2g.10gb"), 700 + 100 * k, 1000);
    alone.host_ports = {{8000 + k, "TCP", ""}};
    add(world.demand, "b" + std::to_string(k), 5, alone);
  }
  const Plan plan = world.plan(options);  // checked there
  EXPECT_TRUE(plan.unplaced.empty());
  EXPECT_LE(plan.bound.per_hour, plan.bill);
  EXPECT_GT(plan.bound.per_hour.micro, 0);
}

}  // namespace
}  // namespace kerf::plan
