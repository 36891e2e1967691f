// The whole-gpu baseline on fleets worked out by hand, and against Karpenter's own bill.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "codec/trace.h"
#include "core/plan/baseline_testing.h"

namespace kerf::plan {
namespace {

using namespace testing;  // NOLINT: names of the helpers only

// $/h of the shipped us-east-1 table: g4dn.xlarge 0.526 (1 T4, 4 vCPU), g4dn.4xlarge 1.204 (1 T4,
// 16 vCPU), g4dn.12xlarge 3.912 (4 T4, 48 vCPU). Pods can get 3.92, 15.89 and 47.81 cores.
constexpr std::int64_t kG4dnXlarge = 526'000;
constexpr std::int64_t kG4dn4xlarge = 1'204'000;
constexpr std::int64_t kG4dn12xlarge = 3'912'000;

Baseline whole_gpu(const cluster::Demand& demand, const std::vector<std::string>& types,
                   const cluster::Policy& policy = {}) {
  return whole_gpu_baseline(demand, market(types), policy);
}

TEST(WholeGpuBaseline, GivesEveryDeviceAWholeGpuThatIsLargeEnough) {
  // T4 16 GB, L4 24, L40S 48, A100-40 40, H100 80; g6f.4xlarge is half an L4.
  const std::vector<std::string> types = {"g4dn.xlarge", "g6.xlarge",    "g6e.xlarge",
                                          "g6f.4xlarge", "p4d.24xlarge", "p5.4xlarge"};
  struct Case {
    cluster::GpuRequest request;
    std::string type;  ///< "" = nothing serves it
  };
  const std::vector<Case> cases = {
      {whole(), "g4dn.xlarge"},
      {whole(8), "p4d.24xlarge"},
      {whole(9), ""},
      {slice("1g.5gb"), "g4dn.xlarge"},
      {slice("1g.10gb"), "g4dn.xlarge"},
      {slice("2g.20gb"), "g6.xlarge"},
      {slice("3g.40gb"), "g6e.xlarge"},
      {slice("7g.80gb"), "p5.4xlarge"},
      {slice("1g.5gb", 2), "p4d.24xlarge"},
      {slice("9g.9gb"), ""},
      {portable(4), "g4dn.xlarge"},
      {portable(16), "g4dn.xlarge"},
      {portable(20), "g6.xlarge"},
      {portable(96), ""},
      {shared(4), "g4dn.xlarge"},
      {share_of_memory(460), "g4dn.xlarge"},
  };
  for (const Case& c : cases) {
    const Baseline baseline = whole_gpu(pods(1, shape(c.request)), types);
    const std::string asked = cluster::describe({c.request});
    EXPECT_EQ(baseline.unplaced.size(), c.type.empty() ? 1U : 0U) << asked;
    EXPECT_EQ(baseline.fleet, c.type.empty() ? FleetCounts{} : FleetCounts({{c.type, 1}})) << asked;
  }
}

TEST(WholeGpuBaseline, FillsAClaimUntilOnlyADearTypeIsLeft) {
  // The first pod opens a claim that could be either type. The second one joins it, which leaves
  // the 12xlarge, and so do the others: $3.912, where four g4dn.xlarge cost $2.104.
  const Baseline baseline =
      whole_gpu(pods(4, shape(whole(), 3000)), {"g4dn.xlarge", "g4dn.12xlarge"});
  EXPECT_EQ(baseline.fleet, (FleetCounts{{"g4dn.12xlarge", 1}}));
  EXPECT_EQ(baseline.per_hour.micro, kG4dn12xlarge);
  EXPECT_GT(baseline.per_hour.micro, 4 * kG4dnXlarge);
}

TEST(WholeGpuBaseline, BecomesTheCheapestTypeLeftInTheEnd) {
  // Claim one takes four pods and is a 12xlarge; the fifth pod is alone and stays an xlarge.
  const Baseline baseline =
      whole_gpu(pods(5, shape(whole(), 3000)), {"g4dn.xlarge", "g4dn.12xlarge"});
  EXPECT_EQ(baseline.fleet, (FleetCounts{{"g4dn.12xlarge", 1}, {"g4dn.xlarge", 1}}));
  EXPECT_EQ(baseline.per_hour.micro, kG4dn12xlarge + kG4dnXlarge);
}

TEST(WholeGpuBaseline, LooksAtCpuFirstAndNeverAtGpus) {
  // By CPU: three pods of 8 cores and one GPU share a claim, so the pod of four GPUs and 4 cores
  // needs a second 12xlarge. By GPUs it would be one 12xlarge and three 4xlarge, $7.524.
  cluster::Demand demand;
  add(demand, "training", 1, shape(whole(4), 4000));
  add(demand, "serving", 3, shape(whole(), 8000));
  const Baseline baseline = whole_gpu(demand, {"g4dn.4xlarge", "g4dn.12xlarge"});
  EXPECT_EQ(baseline.fleet, (FleetCounts{{"g4dn.12xlarge", 2}}));
  EXPECT_EQ(baseline.per_hour.micro, 2 * kG4dn12xlarge);
  EXPECT_GT(baseline.per_hour.micro, kG4dn12xlarge + 3 * kG4dn4xlarge);
}

TEST(WholeGpuBaseline, AsksTheClaimWithTheFewestPodsFirst) {
  // Two pods of 30 cores cannot share a 12xlarge, so there are two claims. The first small pod goes
  // to one of them, the second to the other: both nodes are parted alike, 30/47.81 of the CPU
  // against one GPU of four. 3.912 * 250,000 / (627,483 + 250,000) = 1.114552 each.
  // Had the second followed the first, the two would pay 2 * 0.867 on one node.
  cluster::Demand demand;
  add(demand, "large", 2, shape(whole(), 30000));
  add(demand, "small", 2, shape(whole(), 1000));
  const Baseline baseline = whole_gpu(demand, {"g4dn.12xlarge"});
  EXPECT_EQ(baseline.nodes, 2);
  EXPECT_NEAR(static_cast<double>(baseline.per_workload[1].micro), 2 * 1'114'552, 4);
}

TEST(WholeGpuBaseline, KeepsApartWhatMayNotShareANode) {
  const std::vector<std::string> types = {"g4dn.12xlarge"};
  EXPECT_EQ(whole_gpu(pods(3, shape(whole())), types).nodes, 1);
  EXPECT_EQ(whole_gpu(lonely(3, shape(whole())), types).nodes, 3);

  cluster::PodShape port = shape(whole());
  port.host_ports = {{8080, "TCP", ""}};
  EXPECT_EQ(whole_gpu(pods(3, port), types).nodes, 3);

  cluster::PodShape spread = shape(whole());
  spread.spread = {{2, 1, "kubernetes.io/hostname", app("web")}};
  EXPECT_EQ(whole_gpu(pods(3, spread), types).nodes, 2) << "two on a node at most";

  cluster::Demand teams;
  for (const std::string team : {"red", "blue"}) {
    cluster::PodShape pod = shape(whole());
    pod.node_selector = {{"team", cluster::Operator::In, {team}}};
    add(teams, team, 1, pod);
  }
  EXPECT_EQ(whole_gpu(teams, types).nodes, 2) << "no node has two values of a label";
}

TEST(WholeGpuBaseline, KeepsZonesApart) {
  cluster::Demand demand;
  for (const std::string zone : {"us-east-1a", "us-east-1b"}) {
    cluster::PodShape pod = shape(whole());
    pod.node_selector = {{"topology.kubernetes.io/zone", cluster::Operator::In, {zone}}};
    add(demand, zone, 2, pod);
  }
  EXPECT_EQ(whole_gpu(demand, {"g4dn.12xlarge"}).nodes, 2);
}

TEST(WholeGpuBaseline, HoldsTogetherWhatMustShareANode) {
  // Three pods of 20 cores need two 12xlarge; those that want each other's company fit on none.
  cluster::PodShape herd = shape(whole(), 20000);
  EXPECT_EQ(whole_gpu(pods(3, herd), {"g4dn.12xlarge"}).nodes, 2);
  herd.affinity = {{app("web"), "kubernetes.io/hostname"}};
  EXPECT_EQ(whole_gpu(pods(2, herd), {"g4dn.12xlarge"}).nodes, 1);
  EXPECT_EQ(whole_gpu(pods(3, herd), {"g4dn.12xlarge"}).unplaced.size(), 3U);
}

TEST(WholeGpuBaseline, TakesDaemonSetsOffEveryNode) {
  cluster::Demand demand = pods(1, shape(whole(), 3500));
  const std::vector<std::string> types = {"g4dn.xlarge", "g4dn.4xlarge"};
  EXPECT_EQ(whole_gpu(demand, types).fleet, (FleetCounts{{"g4dn.xlarge", 1}}));
  demand.overhead.daemonsets = {500, 0, 0, 1};
  EXPECT_EQ(whole_gpu(demand, types).fleet, (FleetCounts{{"g4dn.4xlarge", 1}}));
}

TEST(WholeGpuBaseline, ServesHeadroomAndChargesItToTheWorkloads) {
  // A lone pod of 3 cores, and room for two like it: one claim of three, a 12xlarge. With CPU for
  // nobody else it is two nodes, and the workload pays for both.
  cluster::Policy policy;
  policy.headroom = {{whole(), 2, {3000, 2048, 0, 1}}};
  const cluster::Demand demand = pods(1, shape(whole(), 3000));
  const Baseline one = whole_gpu(demand, {"g4dn.xlarge", "g4dn.12xlarge"}, policy);
  EXPECT_EQ(one.fleet, (FleetCounts{{"g4dn.12xlarge", 1}}));
  const Baseline three = whole_gpu(demand, {"g4dn.xlarge"}, policy);
  EXPECT_EQ(three.nodes, 3);
  EXPECT_EQ(three.per_workload[0].micro, 3 * kG4dnXlarge);
}

TEST(WholeGpuBaseline, CostsKarpentersBillOnOpenb) {
  const std::string path = KERF_SHARED_DIR "/data/openb/openb_pod_list_default.csv";
  std::ifstream in(path);
  if (!in) GTEST_SKIP() << "no reference data at " << path;
  std::ostringstream text;
  text << in.rdbuf();
  const market::Market all = market();
  cluster::Demand demand;
  const auto read =
      codec::read_trace(text.str(), path, {codec::TraceMap::Whole, ""}, all.gpus, demand);
  ASSERT_TRUE(read) << read.error().message();
  // What Karpenter v1.14.1 itself buys for these pods, types and allocatable capacities.
  const double karpenter = 9815.51;
  const Baseline baseline = whole_gpu_baseline(demand, all, {});
  EXPECT_TRUE(baseline.unplaced.empty());
  EXPECT_NEAR(static_cast<double>(baseline.per_hour.micro) / 1e6, karpenter, karpenter / 1000);
  EXPECT_NEAR(static_cast<double>(baseline.nodes), 930, 0.93);
  EXPECT_EQ(sum(baseline.per_workload), baseline.per_hour);
}

}  // namespace
}  // namespace kerf::plan
