// Workloads with another number of pods.
#include "core/cluster/replicas.h"

#include <gtest/gtest.h>

#include "codec/catalogue.h"
#include "core/cluster/cluster_testing.h"

namespace kerf::cluster {
namespace {

using testing::slice;
using testing::Town;

Town two_workloads() {
  Town t(*codec::builtin_market("us-east-1"));
  const auto n = t.node("p4d.24xlarge", "1g.5gb");
  const auto web = t.workload("web", slice("1g.5gb"));
  const auto api = t.workload("api", slice("1g.5gb"));
  for (int i = 0; i < 3; ++i) t.pod(web, n);
  t.pod(api, n);
  return t;
}

std::int64_t held(const Cluster& cluster) {
  std::int64_t count = 0;
  for (const StandingGpu& gpu : cluster.nodes[0].gpus)
    for (const StandingSlice& slice : gpu.slices) count += slice.pod != kNone ? 1 : 0;
  return count;
}

TEST(Scaled, DropsTheLastPodsAndAddsLikeOnes) {
  Town t(*codec::builtin_market("us-east-1"));
  const auto w = t.workload("web", slice("1g.5gb"));
  const auto v = t.workload("api", slice("2g.10gb"));
  for (int i = 0; i < 3; ++i) t.pod(w);
  t.pod(v);
  const cluster::Demand less = scaled(t.cluster.demand, {{w, 1}}).demand;
  ASSERT_EQ(less.pods.size(), 2u);
  EXPECT_EQ(less.pods[0].name, "web-0");
  EXPECT_EQ(less.workloads[w].pods, 1);
  const cluster::Demand more = scaled(t.cluster.demand, {{v, 4}}).demand;
  EXPECT_EQ(more.pods.size(), 7u);
  EXPECT_EQ(more.workloads[v].pods, 4);
  EXPECT_EQ(more.pods.back().shape, more.pods[3].shape);
}

TEST(WithReplicas, FewerPodsFreeTheirDevices) {
  const Town t = two_workloads();
  const Cluster less = with_replicas(t.cluster, {{0, 1}});
  ASSERT_EQ(less.demand.pods.size(), 2u);
  EXPECT_EQ(less.demand.pods[1].name, "api-0");
  EXPECT_EQ(held(less), 2);
  EXPECT_EQ(less.nodes[0].pods, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(less.nodes[0].used.cpu_milli, 2000);
}

TEST(WithReplicas, MorePodsWait) {
  const Town t = two_workloads();
  const Cluster more = with_replicas(t.cluster, {{0, 5}});
  ASSERT_EQ(more.demand.pods.size(), 6u);
  EXPECT_EQ(more.pods[3].node, kNone);
  EXPECT_EQ(more.demand.pods[5].name, "api-0");
  EXPECT_EQ(more.nodes[0].pods, (std::vector<std::uint32_t>{0, 1, 2, 5}));
  EXPECT_EQ(held(more), 4);
}

TEST(WithReplicas, NothingAskedChangesNothing) {
  const Town t = two_workloads();
  const Cluster same = with_replicas(t.cluster, {});
  EXPECT_EQ(same.demand.pods.size(), t.cluster.demand.pods.size());
  EXPECT_EQ(held(same), held(t.cluster));
}

}  // namespace
}  // namespace kerf::cluster
