// The aggregated LP and its certificate: what a node holds, what the LP is worth, what boxes
// change.
#include "core/plan/aggregate.h"

#include <gtest/gtest.h>

#include "core/plan/exact.h"
#include "core/plan/plan_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::Compiled;
using testing::shape;
using testing::slice;

constexpr std::int64_t kSteps = 100'000;

void random_problem(std::uint64_t seed, Compiled& c) {
  Prng prng(seed);
  c.market = testing::market(testing::some_types());
  testing::add_random(prng, 3, 4, c.demand);
  c.run();
}

TEST(NodeLimits, AreTheMostThatAnEmptyNodeHolds) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge", "p4d.24xlarge"});
  add(c.demand, "small", 1, shape(slice("1g.10gb"), 100, 100));
  add(c.demand, "hungry", 1, shape(slice("1g.10gb"), 5000, 100));
  c.run();
  const NodeLimits limits = node_limits(c.problem);
  for (std::size_t m = 0; m < c.problem.machines.size(); ++m) {
    const Machine& machine = c.problem.machines[m];
    const bool p5 = c.market.types[machine.type].name == "p5.4xlarge";
    for (std::size_t i = 0; i < machine.candidates.size(); ++i) {
      // H100: seven starts of 1g.10gb; A100-40: four on each of eight GPUs. 16 and 96 cores.
      const bool small = machine.candidates[i].cls == 0;
      EXPECT_EQ(limits[m][i], small ? (p5 ? 7 : 32) : (p5 ? 3 : 19));
    }
  }
}

TEST(AggregateLp, IsWorthNoMoreThanTheCheapestFleetAndCertifiesItself) {
  auto solver = solver::make_clp();
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Compiled c;
    random_problem(seed, c);
    if (c.items.empty()) continue;
    const std::int64_t optimum = bill_of(c.problem, *exact_fleet(c.problem, c.items, 4000)).micro;
    const std::vector<NodeBox> free(c.problem.machines.size());
    for (const NodeLimits& limits :
         {NodeLimits(c.problem.machines.size()), node_limits(c.problem)}) {
      const AggregateLp lp = build_aggregate(c.problem, c.items, limits);
      const LpSolution solution = solver->load(lp.lp)->solve(kSteps);
      ASSERT_EQ(solution.status, LpStatus::Optimal);
      EXPECT_LE(solution.objective * 1e6, static_cast<double>(optimum) + 1);
      const MicroUsdPerHour proven = certify(c.problem, c.items, lp, solution.dual, free, limits);
      EXPECT_LE(proven.micro, optimum);
      EXPECT_NEAR(static_cast<double>(proven.micro), solution.objective * 1e6, 10);
      for (const double value : class_values(lp, solution.dual)) EXPECT_GE(value, 0);
      ++compared;
    }
  }
  EXPECT_GT(compared, 40);
}

TEST(Certificate, CountsTheNodesThatABoxForcesAndForbids) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge", "p5.48xlarge"});
  add(c.demand, "llm", 3, shape(slice("1g.10gb")));
  c.run();
  ASSERT_EQ(c.problem.machines.size(), 2u);
  const std::size_t small = c.problem.machines[0].price < c.problem.machines[1].price ? 0 : 1;
  auto solver = solver::make_clp();
  const NodeLimits limits = node_limits(c.problem);
  const AggregateLp lp = build_aggregate(c.problem, c.items, limits);
  const auto proven = [&](std::size_t machine, NodeBox box) {
    auto session = solver->load(lp.lp);
    session->set_column_bounds(
        lp.node_column[machine], static_cast<double>(box.lower),
        box.upper < 0 ? LinearProgram::kInfinity : static_cast<double>(box.upper));
    const LpSolution solution = session->solve(kSteps);
    EXPECT_EQ(solution.status, LpStatus::Optimal);
    std::vector<NodeBox> boxes(2);
    boxes[machine] = box;
    return certify(c.problem, c.items, lp, solution.dual, boxes, limits).micro;
  };
  EXPECT_LT(proven(small, {}), 6'880'000);
  EXPECT_NEAR(static_cast<double>(proven(small, {1, -1})), 6'880'000, 2);
  EXPECT_NEAR(static_cast<double>(proven(small, {3, -1})), 3 * 6'880'000, 2);
  EXPECT_NEAR(static_cast<double>(proven(1 - small, {1, -1})), 55'040'000, 2);
}

TEST(Certificate, SaysWhereNobodyIsLeftToServe) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge"});
  add(c.demand, "llm", 3, shape(slice("1g.10gb")));
  c.run();
  const NodeLimits limits = node_limits(c.problem);
  const AggregateLp lp = build_aggregate(c.problem, c.items, limits);
  const std::vector<double> duals(static_cast<std::size_t>(lp.lp.rows()));
  EXPECT_GT(certify(c.problem, c.items, lp, duals, {{0, 0}}, limits).micro, std::int64_t{1} << 60);
  EXPECT_EQ(certify(c.problem, c.items, lp, duals, {{0, -1}}, limits).micro, 0);
  EXPECT_EQ(certify(c.problem, {0}, lp, duals, {{0, 0}}, limits).micro, 0)
      << "nothing is asked for";
}

}  // namespace
}  // namespace kerf::plan
