// The static-mig baseline on fleets worked out by hand.
#include <gtest/gtest.h>

#include "core/plan/baseline_testing.h"

namespace kerf::plan {
namespace {

using namespace testing;  // NOLINT: names of the helpers only

// $/h of the shipped us-east-1 table: p5.4xlarge 6.88 (1 H100, 16 vCPU), p4de.24xlarge 27.44705
// (8 A100-80, 96 vCPU), g4dn.xlarge 0.526 (1 T4). An A100-80 or H100 is seven 1g.10gb.
constexpr std::int64_t kP54xlarge = 6'880'000;

Baseline static_mig(const cluster::Demand& demand, const std::vector<std::string>& types,
                    const cluster::Policy& policy = {}) {
  return static_mig_baseline(demand, market(types), policy);
}

Baseline whole_gpu(const cluster::Demand& demand, const std::vector<std::string>& types) {
  return whole_gpu_baseline(demand, market(types), {});
}

TEST(StaticMigBaseline, BuysForThePodsThatThereAre) {
  // A 1g.10gb slice of a p4de costs 27.447/56 = $0.49, of a p5.4xlarge 6.88/7 = $0.98, but few pods
  // do not fill a p4de: 4 p5.4xlarge, $27.52, are the first to cost more.
  struct Case {
    std::int64_t pods;
    FleetCounts fleet;
  };
  const std::vector<Case> cases = {
      {3, {{"p5.4xlarge", 1}}},     {7, {{"p5.4xlarge", 1}}},     {8, {{"p5.4xlarge", 2}}},
      {21, {{"p5.4xlarge", 3}}},    {22, {{"p4de.24xlarge", 1}}}, {56, {{"p4de.24xlarge", 1}}},
      {57, {{"p4de.24xlarge", 2}}},
  };
  for (const Case& c : cases) {
    const Baseline baseline =
        static_mig(pods(c.pods, shape(slice("1g.10gb"))), {"p4de.24xlarge", "p5.4xlarge"});
    EXPECT_EQ(baseline.fleet, c.fleet) << c.pods << " pods";
  }
}

TEST(StaticMigBaseline, NeedsAPoolForEachKindOfSlice) {
  // One H100 could hold both; two fixed layouts are two nodes.
  cluster::Demand demand;
  add(demand, "llm", 1, shape(slice("3g.40gb")));
  add(demand, "embed", 1, shape(slice("1g.10gb")));
  const Baseline baseline = static_mig(demand, {"p5.4xlarge"});
  EXPECT_EQ(baseline.fleet, (FleetCounts{{"p5.4xlarge", 2}}));
  EXPECT_EQ(baseline.per_workload[0].micro, kP54xlarge);
  EXPECT_EQ(baseline.per_workload[1].micro, kP54xlarge);
}

TEST(StaticMigBaseline, CountsPodsThatNoFixedCutServes) {
  cluster::Demand demand;
  cluster::PodShape mixed = shape(slice("1g.10gb"));
  mixed.gpu.push_back(slice("3g.40gb"));
  add(demand, "mixed", 2, mixed);
  add(demand, "unknown", 1, shape(slice("9g.9gb")));
  add(demand, "plain", 1, shape(slice("1g.10gb")));
  const Baseline baseline = static_mig(demand, {"p5.4xlarge"});
  EXPECT_EQ(baseline.unplaced.size(), 3U);
  EXPECT_EQ(baseline.per_workload[0].micro, 0);
  EXPECT_EQ(baseline.per_hour.micro, kP54xlarge);
}

TEST(StaticMigBaseline, LetsOneKindOfDeviceServeSeveralRequests) {
  // gpu-5gi and gpu-10gi can both be a 1g.10gb: seven devices on one H100.
  cluster::PodShape pod = shape(portable(5));
  pod.gpu = {portable(5), portable(10)};
  const Baseline baseline = static_mig(pods(3, pod), {"p5.4xlarge"});
  EXPECT_TRUE(baseline.unplaced.empty());
  EXPECT_EQ(baseline.fleet, (FleetCounts{{"p5.4xlarge", 1}}));
}

TEST(StaticMigBaseline, GivesPortableRequestsWhateverCostsLeast) {
  // Enforced memory: a whole T4 each. Shared: four replicas of 4 GB on one T4.
  const std::vector<std::string> types = {"g4dn.xlarge", "p5.4xlarge"};
  EXPECT_EQ(static_mig(pods(4, shape(portable(4), 500)), types).fleet,
            (FleetCounts{{"g4dn.xlarge", 4}}));
  EXPECT_EQ(static_mig(pods(4, shape(shared(4), 500)), types).fleet,
            (FleetCounts{{"g4dn.xlarge", 1}}));
  EXPECT_EQ(static_mig(pods(1, shape(portable(2))), {"g4dn.xlarge", "g6f.large"}).fleet,
            (FleetCounts{{"g6f.large", 1}}))
      << "an eighth of an L4 is $0.202";
}

TEST(StaticMigBaseline, PartsALotOnlyWhereThatCostsLess) {
  // One GPU of four 1g.24gb on either type: g7e.2xlarge 3.36312 with 7.91 cores,
  // g7e.8xlarge 5.26824 with 31.85.
  struct Case {
    std::string why;
    std::int64_t heavy;
    std::int64_t heavy_cpu;
    std::int64_t light;
    FleetCounts fleet;
  };
  const std::vector<Case> cases = {
      // 3 light pods beside each heavy one: two 8xlarge hold all.
      {"room beside the heavy", 2, 20000, 6, {{"g7e.8xlarge", 2}}},
      // The other 14 would need four more 8xlarge, 31.61 in all; apart it is 2 * 5.26824 for the
      // heavy and 5 * 3.36312 for the light, 27.35.
      {"heavy fit one type only", 2, 20000, 20, {{"g7e.2xlarge", 5}, {"g7e.8xlarge", 2}}},
      // All fit both types. In 8xlarge seven nodes, 36.88; in 2xlarge eleven, 36.99, because a pod
      // of 6 cores leaves room for one light. Each kind where it is cheapest: 27.35.
      {"heavy fit both types", 8, 6000, 20, {{"g7e.2xlarge", 5}, {"g7e.8xlarge", 2}}},
  };
  for (const Case& c : cases) {
    cluster::Demand demand;
    add(demand, "heavy", c.heavy, shape(slice("1g.24gb"), c.heavy_cpu));
    add(demand, "light", c.light, shape(slice("1g.24gb"), 1000));
    EXPECT_EQ(static_mig(demand, {"g7e.2xlarge", "g7e.8xlarge"}).fleet, c.fleet) << c.why;
  }
}

TEST(StaticMigBaseline, PutsAPodThatFitsOnlyALargeNodeThere) {
  // 40 cores fit a p4de alone, $27.45; three light pods beside it would be free, so one pool.
  cluster::Demand demand;
  add(demand, "heavy", 1, shape(slice("1g.10gb"), 40000));
  add(demand, "light", 3, shape(slice("1g.10gb"), 1000));
  EXPECT_EQ(static_mig(demand, {"p4de.24xlarge", "p5.4xlarge"}).fleet,
            (FleetCounts{{"p4de.24xlarge", 1}}));
  // With no slice left beside it (8 devices each a 7g) light pods take their own cheaper nodes.
  cluster::Demand wide;
  add(wide, "heavy", 1, shape(slice("7g.80gb", 8), 90000));
  add(wide, "light", 1, shape(slice("7g.80gb"), 1000));
  EXPECT_EQ(static_mig(wide, {"p4de.24xlarge", "p5.4xlarge"}).fleet,
            (FleetCounts{{"p4de.24xlarge", 1}, {"p5.4xlarge", 1}}));
}

TEST(StaticMigBaseline, PacksWholeGpusAsTheOtherBaseline) {
  cluster::Demand demand;
  add(demand, "training", 1, shape(whole(4), 4000));
  add(demand, "serving", 3, shape(whole(), 8000));
  const Baseline karpenter = whole_gpu(demand, {"g4dn.4xlarge", "g4dn.12xlarge"});
  const Baseline fixed = static_mig(demand, {"g4dn.4xlarge", "g4dn.12xlarge"});
  EXPECT_EQ(fixed.fleet, karpenter.fleet);
  EXPECT_EQ(fixed.per_workload, karpenter.per_workload);
}

TEST(StaticMigBaseline, KeepsApartWhatMayNotShareANode) {
  EXPECT_EQ(static_mig(lonely(3, shape(slice("1g.10gb"))), {"p5.4xlarge"}).nodes, 3);
}

}  // namespace
}  // namespace kerf::plan
