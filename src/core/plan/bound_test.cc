// Bounds: valid for any duals, equal to the optimum where node counts decide.
#include "core/plan/bound.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/prng.h"
#include "core/plan/exact.h"
#include "core/plan/plan_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::portable;
using testing::shape;
using testing::slice;
using testing::whole;

struct Instance {
  cluster::Demand demand;
  market::Market market;
  cluster::Policy policy;
  Problem problem;
  std::vector<std::int64_t> items;
};

void compile_into(Instance& instance) {
  std::vector<std::uint32_t> pods(instance.demand.pods.size());
  std::iota(pods.begin(), pods.end(), 0);
  instance.problem =
      compile(instance.demand, pods, instance.market, instance.policy, Coupled::AsPlanned);
  for (const ItemClass& item : instance.problem.classes) instance.items.push_back(item.demand);
}

/// A few pods of a few kinds, small enough to solve exactly.
void random_instance(Prng& prng, Instance& instance) {
  const char* profiles[] = {"1g.10gb", "2g.20gb", "3g.40gb", "1g.5gb", "7g.80gb", "1g.24gb"};
  instance.market = testing::market();
  const int kinds = 1 + static_cast<int>(prng.below(4));
  for (int k = 0; k < kinds; ++k) {
    const auto cpu = static_cast<std::int64_t>(500 + prng.below(16) * 1000);
    const auto memory = static_cast<std::int64_t>(1024 + prng.below(30) * 2048);
    cluster::GpuRequest request = prng.below(3) == 0   ? whole()
                                  : prng.below(2) == 0 ? slice(profiles[prng.below(6)])
                                                       : portable(8);
    add(instance.demand, "w" + std::to_string(k), static_cast<std::int64_t>(1 + prng.below(4)),
        shape(request, cpu, memory));
  }
  compile_into(instance);
}

TEST(Bound, ThreeSmallSlicesCostOneNodeAndTheBoundSaysSo) {
  Instance instance;
  instance.market = testing::market();
  add(instance.demand, "llm", 3, shape(slice("1g.10gb")));
  compile_into(instance);
  const Fleet fleet = *exact_fleet(instance.problem, instance.items, 4000);
  const MicroUsdPerHour bill = bill_of(instance.problem, fleet);
  EXPECT_EQ(bill.micro, 6'880'000);  // one p5.4xlarge; any other type with the profile is dearer
  auto solver = solver::make_clp();
  BoundResult plain = lower_bound(instance.problem, instance.items, bill, *solver, 0);
  EXPECT_LT(plain.per_hour, bill);
  BoundResult whole_nodes = lower_bound(instance.problem, instance.items, bill, *solver, 200);
  EXPECT_EQ(whole_nodes.per_hour, bill);
}

TEST(Bound, NeverPassesTheOptimum) {
  Prng prng(11);
  auto solver = solver::make_clp();
  int tight = 0;
  for (int round = 0; round < 60; ++round) {
    Instance instance;
    random_instance(prng, instance);
    auto fleet = exact_fleet(instance.problem, instance.items, 4000);
    ASSERT_TRUE(fleet.has_value());
    const MicroUsdPerHour optimum = bill_of(instance.problem, *fleet);
    const MicroUsdPerHour far{std::int64_t{1} << 50};
    for (std::int64_t steps : {0, 5, 100}) {
      BoundResult result = lower_bound(instance.problem, instance.items, far, *solver, steps);
      EXPECT_LE(result.per_hour, optimum) << "round " << round << " steps " << steps;
      EXPECT_GT(result.per_hour.micro, 0);
      if (steps == 100 && result.per_hour == optimum) ++tight;
    }
  }
  EXPECT_GT(tight, 15);  // branching on node counts is what closes small gaps
}

TEST(Certificate, HoldsForWhateverTheSolverClaims) {
  Prng prng(5);
  for (int round = 0; round < 40; ++round) {
    Instance instance;
    random_instance(prng, instance);
    const MicroUsdPerHour optimum =
        bill_of(instance.problem, *exact_fleet(instance.problem, instance.items, 4000));
    const NodeLimits limits = node_limits(instance.problem);
    const AggregateLp lp = build_aggregate(instance.problem, instance.items, limits);
    const std::vector<NodeBox> boxes(instance.problem.machines.size());
    for (int lie = 0; lie < 5; ++lie) {
      std::vector<double> duals(static_cast<std::size_t>(lp.lp.rows()));
      for (double& dual : duals)
        dual = (static_cast<double>(prng.below(2'000'000)) - 1'500'000) / 1e5;
      if (lie == 4) duals[prng.below(duals.size())] = std::numeric_limits<double>::quiet_NaN();
      EXPECT_LE(certify(instance.problem, instance.items, lp, duals, boxes, limits), optimum);
    }
  }
}

}  // namespace
}  // namespace kerf::plan
