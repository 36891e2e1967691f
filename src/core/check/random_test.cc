// What the planner makes of random small demands holds: planner and checker share no code.
#include <gtest/gtest.h>

#include <memory>

#include "core/check/random_testing.h"
#include "core/plan/planner.h"
#include "solver/clp.h"

namespace kerf::check {
namespace {

using testing::Instance;

/// Plans the instance of that seed and adds up what was asked and placed.
void expect_holds(std::uint64_t seed, plan::LpSolver& solver, std::size_t& pods,
                  std::size_t& placed) {
  const Instance instance(seed);
  plan::PlanOptions options;
  options.effort = 2;
  options.baselines = seed % 4 == 0;
  const plan::Plan made =
      plan::make_plan(instance.demand, instance.market, instance.policy, solver, options);
  const auto complaints = check_plan(made, instance.demand, instance.market, instance.policy);
  EXPECT_TRUE(complaints.empty()) << "seed " << seed << ":" << testing::listed(complaints);
  EXPECT_EQ(made.placements.size() + made.unplaced.size(), instance.demand.pods.size()) << seed;
  pods += instance.demand.pods.size();
  placed += made.placements.size();
}

TEST(CheckRandom, HoldsWhatThePlannerMakesOfRandomDemands) {
  const std::unique_ptr<plan::LpSolver> solver = solver::make_clp();
  std::size_t pods = 0;
  std::size_t placed = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) expect_holds(seed, *solver, pods, placed);
  // Demands that mostly cannot be served would test little.
  EXPECT_GT(placed * 2, pods) << placed << " of " << pods << " pods are placed";
}

TEST(CheckRandom, HoldsWhereItOnceDidNot) {
  const std::unique_ptr<plan::LpSolver> solver = solver::make_clp();
  std::size_t pods = 0;
  std::size_t placed = 0;
  for (const std::uint64_t seed : {
           525, 1588, 3713, 4129,  // groups on one host whose pods ask for different things
           1454, 2480, 3171,       // affinity by host among pods spread over zones; no company
           1000, 1504, 2829,       // zones that a spread counts and that sell nothing suitable
           3262,                   // headroom against a limit
       }) {
    expect_holds(seed, *solver, pods, placed);
  }
  EXPECT_GT(placed, 0U);
}

}  // namespace
}  // namespace kerf::check
