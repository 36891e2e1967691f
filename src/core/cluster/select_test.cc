// The part of a cluster that some pods are.
#include "core/cluster/select.h"

#include <gtest/gtest.h>

#include "codec/catalogue.h"
#include "core/cluster/cluster_testing.h"

namespace kerf::cluster {
namespace {

using testing::slice;
using testing::Town;
using testing::whole;

Town two_teams() {
  Town t(*codec::builtin_market("us-east-1"));
  const auto shared = t.node("p4d.24xlarge", "1g.5gb");
  const auto mine = t.node("g5.xlarge");
  t.node("g4dn.xlarge");
  const auto a = t.workload("web", slice("1g.5gb"), "a");
  const auto b = t.workload("api", slice("1g.5gb"), "b");
  t.pod(a, shared);
  for (int i = 0; i < 3; ++i) t.pod(b, shared);
  t.pod(t.workload("train", whole(), "a"), mine);
  t.pod(b);
  t.cluster.autoscalers = {{a, 1, 5}, {b, 1, 9}};
  return t;
}

TEST(Select, NothingAskedIsTheWholeCluster) {
  const Town t = two_teams();
  EXPECT_EQ(select(t.cluster, t.market, {}).nodes.size(), 3u);
}

TEST(Select, PodsOfANamespaceWithTheirNodes) {
  const Town t = two_teams();
  const Cluster part = select(t.cluster, t.market, {"a", {}});
  ASSERT_EQ(part.demand.pods.size(), 2u);
  ASSERT_EQ(part.nodes.size(), 2u);
  for (const PodFacts& pod : part.pods) ASSERT_LT(pod.node, part.nodes.size());
  EXPECT_EQ(part.nodes[part.pods[1].node].name, "node-1");
  EXPECT_EQ(part.autoscalers.size(), 1u);
}

TEST(Select, ASharedNodeCostsItsPart) {
  const Town t = two_teams();
  const Cluster a = select(t.cluster, t.market, {"a", {}});
  const Cluster b = select(t.cluster, t.market, {"b", {}});
  EXPECT_TRUE(a.nodes[0].shared);
  EXPECT_FALSE(a.nodes[1].shared);
  EXPECT_NEAR(static_cast<double>(a.nodes[0].price.micro) * 4,
              static_cast<double>(t.cluster.nodes[0].price.micro), 4);
  EXPECT_NEAR(static_cast<double>((a.nodes[0].price + b.nodes[0].price).micro),
              static_cast<double>(t.cluster.nodes[0].price.micro), 1);
}

TEST(Select, WhoHoldsNothingOfANodePaysNothingOfIt) {
  Town t = two_teams();
  for (StandingGpu& gpu : t.cluster.nodes[0].gpus)
    for (StandingSlice& slice : gpu.slices)
      if (slice.pod == 0) slice.pod = kNone;
  const Cluster a = select(t.cluster, t.market, {"a", {}});
  EXPECT_TRUE(a.nodes[0].shared);
  EXPECT_EQ(a.nodes[0].price.micro, 0);
  EXPECT_EQ(select(t.cluster, t.market, {"b", {}}).nodes[0].price, t.cluster.nodes[0].price);
}

TEST(Select, OfANodeThatOffersNothingEachPodPaysAlike) {
  Town t = two_teams();
  for (StandingGpu& gpu : t.cluster.nodes[0].gpus) gpu.slices.clear();
  const Cluster a = select(t.cluster, t.market, {"a", {}});
  const Cluster b = select(t.cluster, t.market, {"b", {}});
  EXPECT_TRUE(a.nodes[0].shared);
  EXPECT_NEAR(static_cast<double>(b.nodes[0].price.micro),
              static_cast<double>(a.nodes[0].price.micro) * 3, 3);
}

TEST(Select, APartIsOfGpusAndNotOfTheMemoryThatIsLeftOfThem) {
  Town t(*codec::builtin_market("us-east-1"));
  const auto shared =
      t.node("p4d.24xlarge", "3g.20gb");  // 4 slots of 8 each, and not 19.5 GiB of 40
  t.pod(t.workload("web", slice("3g.20gb"), "a"), shared);
  t.pod(t.workload("api", slice("3g.20gb"), "b"), shared);
  t.pod(t.workload("etl", slice("3g.20gb"), "b"), shared);
  const Cluster part = select(t.cluster, t.market, {"a", {}});
  EXPECT_NEAR(static_cast<double>(part.nodes[0].price.micro) * 3,
              static_cast<double>(t.cluster.nodes[0].price.micro), 3);
}

TEST(Select, OthersHoldTheirDevicesByName) {
  const Town t = two_teams();
  const Cluster part = select(t.cluster, t.market, {"a", {}});
  std::int64_t mine = 0, others = 0;
  for (const StandingGpu& gpu : part.nodes[0].gpus)
    for (const StandingSlice& slice : gpu.slices) {
      mine += slice.pod != kNone ? 1 : 0;
      others += slice.holder.starts_with("b/api-") ? 1 : 0;
    }
  EXPECT_EQ(mine, 1);
  EXPECT_EQ(others, 3);
}

TEST(Select, LabelsOfPodsDecide) {
  const Town t = two_teams();
  const Cluster part = select(t.cluster, t.market, {"", {{"app", Operator::In, {"train"}}}});
  ASSERT_EQ(part.demand.pods.size(), 1u);
  EXPECT_EQ(part.demand.workloads.size(), 1u);
  EXPECT_EQ(part.nodes.size(), 1u);
}

}  // namespace
}  // namespace kerf::cluster
