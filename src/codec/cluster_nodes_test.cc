// Tests of nodes of a cluster: their type, price and state.
#include "codec/cluster_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/cluster_read_testing.h"

namespace kerf::codec {
namespace {

using market::CapacityType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Objects;

constexpr std::int64_t kP4d = 21'957'642;

/// us-east-1 with spot of one type in one zone.
market::Market with_spot(const std::string& zone, std::int64_t micro) {
  market::Market market = testing::us_east();
  const market::InstanceType* type = market.type_named("p4d.24xlarge");
  market.offerings.push_back({static_cast<std::uint32_t>(type - market.types.data()),
                              zone,
                              CapacityType::Spot,
                              {micro},
                              std::nullopt});
  return market;
}

struct PriceCase {
  const char* labels;
  std::int64_t price;
  CapacityType capacity;
  bool owned, assumed;
};

TEST(ClusterNodes, PricesFollowTheCapacityType) {
  const market::Market market = with_spot("us-east-1a", 7'000'000);
  const PriceCase cases[] = {
      {"karpenter.sh/capacity-type: on-demand", kP4d, CapacityType::OnDemand, false, false},
      {"", kP4d, CapacityType::OnDemand, false, false},
      {"karpenter.sh/capacity-type: none-such", kP4d, CapacityType::OnDemand, false, false},
      {"karpenter.sh/capacity-type: spot", 7'000'000, CapacityType::Spot, false, false},
      {"eks.amazonaws.com/capacityType: SPOT", 7'000'000, CapacityType::Spot, false, false},
      {"eks.amazonaws.com/capacityType: ON_DEMAND", kP4d, CapacityType::OnDemand, false, false},
      {"karpenter.sh/capacity-type: reserved", 0, CapacityType::Reserved, true, false},
      {"eks.amazonaws.com/capacityType: CAPACITY_BLOCK", 0, CapacityType::Reserved, true, false},
  };
  for (const PriceCase& one : cases) {
    Objects objects;
    objects.node("n1", "p4d.24xlarge", "nvidia.com/gpu: \"8\"", one.labels);
    const cluster::StandingNode node = objects.read({}, market).nodes.at(0);
    EXPECT_EQ(node.price.micro, one.price) << one.labels;
    EXPECT_EQ(node.list_price.micro, kP4d) << one.labels;
    EXPECT_EQ(node.capacity_type, one.capacity) << one.labels;
    EXPECT_EQ(node.owned, one.owned) << one.labels;
    EXPECT_EQ(node.price_assumed, one.assumed) << one.labels;
    EXPECT_FALSE(node.unpriced) << one.labels;
  }
}

TEST(ClusterNodes, SpotOfAnotherZoneIsNoPrice) {
  Objects objects;
  objects.node("n1", "p4d.24xlarge", "nvidia.com/gpu: \"8\"", "karpenter.sh/capacity-type: spot");
  const cluster::StandingNode node =
      objects.read({}, with_spot("us-east-1b", 7'000'000)).nodes.at(0);
  EXPECT_EQ(node.price.micro, kP4d);
  EXPECT_TRUE(node.price_assumed);
}

TEST(ClusterNodes, OnDemandIsAlikeInAllZonesAndCanBeOffSale) {
  market::Market market = testing::us_east();
  const auto only = [&](const std::string& zone, bool on_sale) {
    const market::InstanceType* type = market.type_named("p4d.24xlarge");
    market.offerings.clear();
    market.off_sale.clear();
    (on_sale ? market.offerings : market.off_sale)
        .push_back({static_cast<std::uint32_t>(type - market.types.data()),
                    zone,
                    CapacityType::OnDemand,
                    {5},
                    std::nullopt});
  };
  Objects objects;
  objects.node("n1", "p4d.24xlarge", "nvidia.com/gpu: \"8\"");
  only("us-east-1c", true);
  EXPECT_EQ(objects.read({}, market).nodes.at(0).price.micro, 5);
  only("us-east-1a", false);
  EXPECT_EQ(objects.read({}, market).nodes.at(0).price.micro, 5);
}

TEST(ClusterNodes, WithoutAnyPriceANodeIsSaidToHaveNone) {
  market::Market market = testing::us_east();
  market.offerings.clear();
  market.off_sale.clear();
  Objects objects;
  objects.node("n1", "p4d.24xlarge", "nvidia.com/gpu: \"8\"");
  const cluster::StandingNode node = objects.read({}, market).nodes.at(0);
  EXPECT_TRUE(node.unpriced);
  EXPECT_FALSE(node.price_assumed);
  EXPECT_EQ(node.price.micro, 0);
}

TEST(ClusterNodes, OwnedAreTheReservedAndThenTheFirstByName) {
  Objects objects;
  for (const char* name : {"d", "b", "a", "c"})
    objects.node(name, "p4d.24xlarge", "nvidia.com/gpu: \"8\"",
                 *name == 'c' ? "karpenter.sh/capacity-type: reserved" : "");
  objects.node("e", "g4dn.xlarge", "nvidia.com/gpu: \"1\"", "");
  const std::pair<std::int64_t, const char*> cases[] = {{-1, "c"}, {0, "c"},   {1, "c"},
                                                        {2, "ac"}, {3, "abc"}, {99, "abcd"}};
  for (const auto& [count, owned] : cases) {
    std::string found;
    for (const cluster::StandingNode& node :
         objects.read({.owned = {{"p4d.24xlarge", count}}}).nodes) {
      if (node.owned) found += node.name;
      EXPECT_EQ(node.price.micro == 0, node.owned) << node.name;
    }
    EXPECT_EQ(found, owned) << count;
  }
}

TEST(ClusterNodes, OtherNodesAreCountedOrStrange) {
  Objects objects;
  objects.node("a", "m7i.large", "")
      .node("b", "p99.large", "nvidia.com/gpu: \"4\"")
      .node("c", "x.large", "", "nvidia.com/gpu.present: \"true\"")
      .node("d", "g4dn.xlarge", "")
      .object("v1", "Node", "e", "status: {capacity: {nvidia.com/gpu: \"2\"}}", "");
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(cluster.cpu_nodes, 1);
  ASSERT_EQ(cluster.strange.size(), 3u);
  EXPECT_EQ(cluster.strange[0].name, "b");
  EXPECT_EQ(cluster.strange[0].gpus, 4);
  EXPECT_EQ(cluster.strange[0].why, "Kerf does not know its instance type");
  EXPECT_EQ(cluster.strange[2].why, "it has no label node.kubernetes.io/instance-type");
  ASSERT_EQ(cluster.nodes.size(), 1u) << "a GPU node without a driver is one";
  EXPECT_EQ(cluster.nodes[0].layout, cluster::LayoutFrom::Nothing);
  EXPECT_EQ(cluster.nodes[0].gpus.size(), 1u);
}

TEST(ClusterNodes, OfNodesOfOneNameTheFirstStays) {
  Objects objects;
  objects.node("n1", "g4dn.xlarge", "nvidia.com/gpu: \"1\"")
      .object("v1", "Node", "n1", "status: {capacity: {nvidia.com/gpu: \"2\"}}");
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(cluster.nodes.size(), 1u);
  EXPECT_THAT(cluster.strange, IsEmpty());
}

TEST(ClusterNodes, AnOddNodeTellsOfItself) {
  Objects objects;
  objects.node("a", "g4dn.xlarge", "nvidia.com/gpu: \"1\"", "karpenter.sh/nodepool: pool",
               "unschedulable: true");
  objects.node("b", "g4dn.xlarge", "nvidia.com/gpu: \"1\"", "eks.amazonaws.com/nodegroup: group",
               "taints: [{key: karpenter.sh/disrupted, effect: NoSchedule}]");
  objects.object(
      "v1", "Node", "c",
      "status: {conditions: [{type: Ready, status: Unknown}], allocatable: {memory: 1Gi}}",
      "labels: {beta.kubernetes.io/instance-type: g4dn.xlarge, "
      "failure-domain.beta.kubernetes.io/zone: us-east-1f}, annotations: "
      "{karpenter.sh/do-not-disrupt: \"true\"}");
  const cluster::Cluster cluster = objects.read();
  ASSERT_EQ(cluster.nodes.size(), 3u);
  EXPECT_EQ(cluster.nodes[0].pool, "pool");
  EXPECT_TRUE(cluster.nodes[0].cordoned);
  EXPECT_FALSE(cluster.nodes[0].kept);
  EXPECT_EQ(cluster.nodes[1].pool, "group");
  EXPECT_TRUE(cluster.nodes[1].cordoned);
  EXPECT_TRUE(cluster.nodes[1].ready);
  EXPECT_FALSE(cluster.nodes[2].ready);
  EXPECT_TRUE(cluster.nodes[2].kept);
  EXPECT_EQ(cluster.nodes[2].zone, "us-east-1f");
  EXPECT_EQ(cluster.nodes[2].allocatable, (Resources{0, 1024, 0, 0}));
}

TEST(ClusterNodes, TroublesOfManyNodesAreOneNote) {
  Objects objects;
  for (const char* name : {"a", "b", "c"})
    objects.node(name, "p4d.24xlarge", "nvidia.com/mig-1g.5gb: \"57\"");
  EXPECT_THAT(objects.read().demand.notes,
              ElementsAre("Node a and 2 more: it offers 1 x 1g.5gb more than 8 A100-40 can hold."));
}

}  // namespace
}  // namespace kerf::codec
