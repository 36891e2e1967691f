// What pods of a cluster are planned as.
#include "core/plan/live_demand.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "codec/catalogue.h"
#include "core/cluster/cluster_testing.h"

namespace kerf::plan {
namespace {

using cluster::testing::portable;
using cluster::testing::slice;
using cluster::testing::Town;
using cluster::testing::whole;

Town town() { return Town(*codec::builtin_market("us-east-1")); }

const cluster::PodShape& shape_of(const cluster::Demand& demand, std::uint32_t pod) {
  return demand.shapes[demand.pods[pod].shape];
}

/// The value of the selector for nvidia.com/gpu.product; "" = there is none.
std::vector<std::string> product(const cluster::Demand& demand, std::uint32_t pod) {
  for (const cluster::Requirement& one : shape_of(demand, pod).node_selector)
    if (one.key == "nvidia.com/gpu.product") return one.values;
  return {};
}

std::vector<std::string> labels_of(const Town& town, const char* model) {
  std::vector<std::string> labels = town.market.gpus.find(model)->labels;
  std::sort(labels.begin(), labels.end());
  return labels;
}

TEST(LiveDemand, AWholeGpuKeepsTheModelOfItsNode) {
  Town t = town();
  const auto a = t.node("g5.xlarge");
  const auto w = t.workload("train", whole());
  const auto pod = t.pod(w, a);
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "");
  EXPECT_EQ(product(live.planned, pod), labels_of(t, "A10G"));
  EXPECT_EQ(live.whole, std::vector<std::uint32_t>{pod});
  EXPECT_TRUE(live.unknown.empty());
  EXPECT_EQ(live.kept.at("A10G"), 1);
}

TEST(LiveDemand, WhereAnyGpuWillDoItsMemoryIsKept) {
  Town t = town();
  const auto pod = t.pod(t.workload("train", whole()), t.node("g5.xlarge"));
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "", Keeps::Memory);
  EXPECT_TRUE(product(live.planned, pod).empty());
  EXPECT_EQ(shape_of(live.planned, pod).gpu.front().gib, 24);
}

TEST(LiveDemand, APodThatWaitsTakesTheModelOfMostOfItsWorkload) {
  Town t = town();
  const auto w = t.workload("train", whole());
  t.pod(w, t.node("g5.xlarge"));
  t.pod(w, t.node("g4dn.xlarge"));
  t.pod(w, t.node("g4dn.xlarge"));
  const auto waits = t.pod(w);
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "A100-40");
  EXPECT_EQ(product(live.planned, waits), labels_of(t, "T4"));
}

TEST(LiveDemand, AModelThatNobodyKnowsIsNotGuessed) {
  Town t = town();
  const auto pod = t.pod(t.workload("train", whole()));
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "");
  EXPECT_EQ(live.unknown, std::vector<std::uint32_t>{pod});
  ASSERT_EQ(shape_of(live.planned, pod).unplaceable.size(), 1u);
  const LiveDemand said = live_demand(t.cluster, t.market, {}, "l4");
  EXPECT_TRUE(said.unknown.empty());
  EXPECT_EQ(product(said.planned, pod), labels_of(t, "L4"));
}

TEST(LiveDemand, APoolOfOneModelSaysWhich) {
  Town t = town();
  const auto w = t.workload("train", whole());
  t.shape(w).node_selector = {{"karpenter.sh/nodepool", cluster::Operator::In, {"big"}}};
  const auto pod = t.pod(w);
  t.cluster.pools["big"].models = {"H100-80"};
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "");
  EXPECT_EQ(product(live.planned, pod), labels_of(t, "H100-80"));
  for (const auto& one : shape_of(live.planned, pod).node_selector)
    EXPECT_NE(one.key, "karpenter.sh/nodepool") << "a plan buys nodes of its own";
}

TEST(LiveDemand, ASelectorByTypeIsAWordOfWhich) {
  Town t = town();
  const auto w = t.workload("train", whole());
  t.shape(w).node_selector = {{"karpenter.k8s.aws/instance-family", cluster::Operator::In, {"g6"}}};
  const auto pod = t.pod(w);
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "");
  EXPECT_TRUE(live.whole.empty());
  EXPECT_TRUE(product(live.planned, pod).empty());
}

TEST(LiveDemand, SelectorsThatATeamGivesItsNodesStay) {
  Town t = town();
  const auto w = t.workload("web", slice("1g.5gb"));
  t.shape(w).node_selector = {{"eks.amazonaws.com/nodegroup", cluster::Operator::In, {"gpu"}},
                              {"team", cluster::Operator::In, {"ml"}}};
  const auto pod = t.pod(w);
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "");
  const auto& selector = shape_of(live.planned, pod).node_selector;
  ASSERT_EQ(selector.size(), 1u);
  EXPECT_EQ(selector.front().key, "team");
  EXPECT_TRUE(std::any_of(
      live.planned.notes.begin(), live.planned.notes.end(),
      [](const auto& note) { return note.find("eks.amazonaws.com/nodegroup") != note.npos; }));
}

TEST(LiveDemand, HeldIsWhatPodsHoldOnTheModelOfToday) {
  Town t = town();
  const auto cut = t.node("p4d.24xlarge", "1g.5gb");
  const auto big = t.node("g5.xlarge");
  const auto sliced = t.pod(t.workload("web", slice("1g.5gb")), cut);
  const auto roomy = t.pod(t.workload("batch", portable(10)), big);
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "");
  EXPECT_EQ(product(live.held, sliced), labels_of(t, "A100-40"));
  EXPECT_EQ(shape_of(live.held, sliced).gpu.front().kind, cluster::GpuRequestKind::Slice);
  EXPECT_EQ(shape_of(live.held, roomy).gpu.front().kind, cluster::GpuRequestKind::Whole);
  EXPECT_EQ(product(live.held, roomy), labels_of(t, "A10G"));
  EXPECT_TRUE(product(live.held_any_model, roomy).empty());
  EXPECT_EQ(shape_of(live.planned, roomy).gpu.front().kind, cluster::GpuRequestKind::Portable);
}

TEST(LiveDemand, PodsKeepTheirNumbers) {
  Town t = town();
  const auto w = t.workload("web", slice("1g.5gb"));
  const auto v = t.workload("train", whole());
  for (int i = 0; i < 5; ++i) t.pod(i % 2 == 0 ? w : v);
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "T4");
  for (const cluster::Demand* demand : {&live.planned, &live.held, &live.held_any_model}) {
    ASSERT_EQ(demand->pods.size(), t.cluster.demand.pods.size());
    for (std::size_t p = 0; p < demand->pods.size(); ++p)
      EXPECT_EQ(demand->pods[p].name, t.cluster.demand.pods[p].name);
    EXPECT_EQ(demand->workloads[w].pods, 3);
  }
}

TEST(ByMemory, TurnsProfilesIntoTheirMemoryAndLeavesTheRest) {
  Town t = town();
  const auto named = t.pod(t.workload("web", slice("2g.10gb")));
  const auto whole_one = t.pod(t.workload("train", whole()));
  std::int64_t asking = 0;
  const cluster::Demand demand = by_memory(t.cluster.demand, t.market.gpus, asking);
  EXPECT_EQ(asking, 1);
  EXPECT_EQ(shape_of(demand, named).gpu.front().kind, cluster::GpuRequestKind::Portable);
  EXPECT_EQ(shape_of(demand, named).gpu.front().gib, 10);
  EXPECT_EQ(shape_of(demand, whole_one).gpu, shape_of(t.cluster.demand, whole_one).gpu);
}

TEST(AskingFor, TurnsWholeGpusIntoMemory) {
  Town t = town();
  const auto pod = t.pod(t.workload("train", whole(2)));
  const LiveDemand live = live_demand(t.cluster, t.market, {}, "");
  const cluster::Demand small = asking_for(live.planned, live.whole, 16);
  const cluster::PodShape& shape = shape_of(small, pod);
  EXPECT_TRUE(shape.unplaceable.empty());
  EXPECT_EQ(shape.gpu.front().kind, cluster::GpuRequestKind::Portable);
  EXPECT_EQ(shape.gpu.front().gib, 16);
  EXPECT_EQ(shape.gpu.front().count, 2);
  EXPECT_TRUE(product(small, pod).empty());
}

}  // namespace
}  // namespace kerf::plan
