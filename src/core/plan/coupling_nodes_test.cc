// Nodes of two pods: each pair of requirements, and affinity terms of which one must hold.
#include "core/plan/coupling_nodes.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace kerf::plan {
namespace {

using cluster::Operator;
using cluster::PodShape;
using cluster::Requirement;
using cluster::Requirements;

constexpr const char* kType = "node.kubernetes.io/instance-type";
constexpr const char* kFamily = "karpenter.k8s.aws/instance-family";
constexpr const char* kProduct = "nvidia.com/gpu.product";
constexpr const char* kZone = "topology.kubernetes.io/zone";

PodShape selecting(Requirements requirements) {
  PodShape shape;
  shape.node_selector = std::move(requirements);
  return shape;
}

/// Is a pod that asks for `other` on nodes that `carrier` admits?
OnNodes nodes(Requirements carrier, Requirements other) {
  return on_nodes_of(selecting(std::move(carrier)), selecting(std::move(other)), "a");
}

TEST(CouplingNodes, EveryNodeIsAdmittedByWhoAsksForNothing) {
  EXPECT_EQ(nodes({}, {}), OnNodes::Always);
  EXPECT_EQ(nodes({}, {{"team", Operator::In, {"red"}}}), OnNodes::Always);
  EXPECT_EQ(nodes({{"team", Operator::In, {"red"}}}, {}), OnNodes::Maybe);
  EXPECT_EQ(nodes({{"team", Operator::NotIn, {"red"}}}, {}), OnNodes::Maybe);
}

TEST(CouplingNodes, OneLabelDecidesWhereItCan) {
  const Requirement red{"team", Operator::In, {"red"}};
  const Requirement any{"team", Operator::In, {"blue", "red"}};
  const Requirement blue{"team", Operator::In, {"blue"}};
  const Requirement not_red{"team", Operator::NotIn, {"red"}};
  const Requirement neither{"team", Operator::NotIn, {"blue", "red"}};
  const Requirement there{"team", Operator::Exists, {}};
  const Requirement absent{"team", Operator::DoesNotExist, {}};
  EXPECT_EQ(nodes({any}, {red}), OnNodes::Always);
  EXPECT_EQ(nodes({red}, {any}), OnNodes::Maybe);
  EXPECT_EQ(nodes({red}, {blue}), OnNodes::Never);
  EXPECT_EQ(nodes({not_red}, {blue}), OnNodes::Always);
  EXPECT_EQ(nodes({not_red}, {red}), OnNodes::Never);
  EXPECT_EQ(nodes({red}, {not_red}), OnNodes::Never);
  EXPECT_EQ(nodes({blue}, {not_red}), OnNodes::Maybe);
  EXPECT_EQ(nodes({not_red}, {neither}), OnNodes::Always);
  EXPECT_EQ(nodes({neither}, {not_red}), OnNodes::Maybe);
  EXPECT_EQ(nodes({there}, {red}), OnNodes::Always);
  EXPECT_EQ(nodes({there}, {not_red}), OnNodes::Maybe);
  EXPECT_EQ(nodes({not_red}, {absent}), OnNodes::Always);
  EXPECT_EQ(nodes({there}, {absent}), OnNodes::Never);
  EXPECT_EQ(nodes({absent}, {red}), OnNodes::Never);
  EXPECT_EQ(nodes({red}, {{"tier", Operator::In, {"red"}}}), OnNodes::Maybe);
}

TEST(CouplingNodes, NumbersAreCompared) {
  const Requirement above{"gen", Operator::Gt, {"5"}};
  EXPECT_EQ(nodes({above}, {{"gen", Operator::In, {"6", "7"}}}), OnNodes::Always);
  EXPECT_EQ(nodes({above}, {{"gen", Operator::In, {"5", "6"}}}), OnNodes::Maybe);
  EXPECT_EQ(nodes({above}, {{"gen", Operator::In, {"5"}}}), OnNodes::Never);
  EXPECT_EQ(nodes({above}, {above}), OnNodes::Always);
  EXPECT_EQ(nodes({above}, {{"gen", Operator::Lt, {"9"}}}), OnNodes::Maybe);
}

TEST(CouplingNodes, ATypeIsOfItsFamily) {
  const Requirement type{kType, Operator::In, {"g6.xlarge"}};
  const Requirement beta{"beta.kubernetes.io/instance-type", Operator::In, {"g6.xlarge"}};
  EXPECT_EQ(nodes({{kFamily, Operator::In, {"g6"}}}, {type}), OnNodes::Always);
  EXPECT_EQ(nodes({{kFamily, Operator::In, {"g5"}}}, {type}), OnNodes::Never);
  EXPECT_EQ(nodes({type}, {{kFamily, Operator::In, {"g6"}}}), OnNodes::Maybe);
  EXPECT_EQ(nodes({type}, {{kFamily, Operator::NotIn, {"g6"}}}), OnNodes::Never);
  EXPECT_EQ(nodes({type}, {beta}), OnNodes::Always);
}

TEST(CouplingNodes, OneProductHasSeveralNames) {
  const Requirement sxm{kProduct, Operator::In, {"NVIDIA-A100-SXM4-40GB"}};
  const Requirement other{kProduct, Operator::In, {"A100-SXM4-40GB"}};
  EXPECT_EQ(nodes({sxm}, {sxm}), OnNodes::Always);
  EXPECT_EQ(nodes({sxm}, {other}), OnNodes::Maybe) << "both may be names of one GPU";
  EXPECT_EQ(nodes({{kProduct, Operator::NotIn, sxm.values}}, {other}), OnNodes::Maybe);
  EXPECT_EQ(nodes({{kProduct, Operator::NotIn, sxm.values}}, {sxm}), OnNodes::Never);
}

TEST(CouplingNodes, EveryNodeBoughtHasAGpu) {
  EXPECT_EQ(nodes({{"nvidia.com/gpu.present", Operator::In, {"true"}}}, {}), OnNodes::Always);
  EXPECT_EQ(nodes({{"beta.kubernetes.io/os", Operator::In, {"linux"}}}, {}), OnNodes::Always);
  EXPECT_EQ(nodes({{"kubernetes.io/arch", Operator::In, {"amd64"}}}, {}), OnNodes::Maybe);
}

TEST(CouplingNodes, TheZoneIsKnown) {
  EXPECT_EQ(nodes({{kZone, Operator::In, {"a"}}}, {}), OnNodes::Always);
  EXPECT_EQ(nodes({{kZone, Operator::NotIn, {"a"}}}, {}), OnNodes::Never);
}

TEST(CouplingNodes, OneTermOfTheAffinityIsEnough) {
  const Requirement red{"team", Operator::In, {"red"}};
  const Requirement blue{"team", Operator::In, {"blue"}};
  PodShape either;
  either.node_affinity = {{red}, {blue}, {}};
  EXPECT_EQ(on_nodes_of(either, selecting({red}), "a"), OnNodes::Always);
  EXPECT_EQ(on_nodes_of(selecting({red}), either, "a"), OnNodes::Maybe);
  EXPECT_EQ(on_nodes_of(either, either, "a"), OnNodes::Always);
  EXPECT_EQ(on_nodes_of(either, selecting({{"team", Operator::In, {"green"}}}), "a"),
            OnNodes::Never);
  EXPECT_EQ(on_nodes_of(either, PodShape{}, "a"), OnNodes::Maybe) << "an empty term admits nothing";
  PodShape here = either;
  here.node_affinity[1].push_back({kZone, Operator::In, {"b"}});
  EXPECT_EQ(on_nodes_of(here, selecting({blue}), "a"), OnNodes::Never);
  EXPECT_EQ(on_nodes_of(here, selecting({blue}), "b"), OnNodes::Always);
}

}  // namespace
}  // namespace kerf::plan
