// Both baselines on random demands: they add up, repeat, and stay above what the planner proves.
#include "core/plan/baseline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/prng.h"
#include "core/plan/baseline_testing.h"
#include "core/plan/planner.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using namespace testing;  // NOLINT: names of the helpers only

cluster::Demand random_demand(std::uint64_t seed) {
  Prng prng(seed);
  const std::vector<cluster::GpuRequest> requests = {
      whole(),         whole(2),    slice("1g.10gb"), slice("2g.20gb"), slice("3g.40gb"),
      slice("1g.5gb"), portable(4), portable(20),     shared(8),        share_of_memory(300)};
  cluster::Demand demand;
  for (int w = 0; w < 8; ++w) {
    cluster::PodShape pod = shape(requests[prng.below(requests.size())],
                                  500 * static_cast<std::int64_t>(1 + prng.below(20)),
                                  512 * static_cast<std::int64_t>(1 + prng.below(40)));
    const std::string name = "w" + std::to_string(w);
    if (prng.below(4) == 0) pod.anti_affinity = {{app(name), "kubernetes.io/hostname"}};
    if (prng.below(4) == 0) pod.spread = {{1, 1, "topology.kubernetes.io/zone", app(name)}};
    add(demand, name, static_cast<std::int64_t>(1 + prng.below(12)), pod);
  }
  return demand;
}

TEST(Baseline, AddsUpAndRepeatsOnRandomDemands) {
  const market::Market all = market();
  std::map<std::string, MicroUsdPerHour> price;
  for (const market::Offering& offering : all.offerings)
    price[all.types[offering.type].name] = offering.price;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const cluster::Demand demand = random_demand(seed);
    for (const auto baseline_of : {whole_gpu_baseline, static_mig_baseline}) {
      const Baseline baseline = baseline_of(demand, all, {});
      SCOPED_TRACE(baseline.name + ", seed " + std::to_string(seed));
      EXPECT_TRUE(baseline.unplaced.empty());
      EXPECT_EQ(sum(baseline.per_workload), baseline.per_hour);
      MicroUsdPerHour fleet;
      std::int64_t nodes = 0;
      for (const auto& [type, count] : baseline.fleet) {
        fleet += price.at(type) * count;
        nodes += count;
      }
      EXPECT_EQ(fleet, baseline.per_hour);
      EXPECT_EQ(nodes, baseline.nodes);
      EXPECT_TRUE(std::is_sorted(baseline.fleet.begin(), baseline.fleet.end()));
      const Baseline again = baseline_of(demand, all, {});
      EXPECT_EQ(again.fleet, baseline.fleet);
      EXPECT_EQ(again.per_workload, baseline.per_workload);
    }
  }
}

TEST(StaticMigBaseline, IsNeverBelowThePlannersBound) {
  // Every fixed cut is a cut that the planner may choose too.
  const market::Market all = market({"g4dn.xlarge", "g4dn.12xlarge", "p4d.24xlarge",
                                     "p4de.24xlarge", "p5.4xlarge", "g7e.2xlarge", "g6f.4xlarge"});
  const auto solver = solver::make_clp();
  PlanOptions options;
  options.baselines = false;
  options.effort = 2;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const cluster::Demand demand = random_demand(seed);
    const Plan plan = make_plan(demand, all, {}, *solver, options);
    const Baseline baseline = static_mig_baseline(demand, all, {});
    EXPECT_EQ(baseline.unplaced.size(), plan.unplaced.size()) << "seed " << seed;
    EXPECT_GE(baseline.per_hour, plan.bound.per_hour) << "seed " << seed;
  }
}

TEST(Baseline, CostsNothingForNobody) {
  for (const auto baseline_of : {whole_gpu_baseline, static_mig_baseline}) {
    const Baseline baseline = baseline_of({}, market(), {});
    EXPECT_EQ(baseline.per_hour.micro, 0);
    EXPECT_EQ(baseline.nodes, 0);
    EXPECT_TRUE(baseline.unplaced.empty());
    EXPECT_TRUE(baseline.per_workload.empty());
  }
}

}  // namespace
}  // namespace kerf::plan
