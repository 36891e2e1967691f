// Tests of NodePools: which GPU models and capacity types their requirements leave.
#include "codec/node_pools.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/cluster_read_testing.h"

namespace kerf::codec {
namespace {

using testing::Objects;

/// "T4,L4: on-demand,spot" of the one pool; "" where it buys no GPUs.
std::string pool_of(const std::string& requirements) {
  Objects objects;
  objects.object("karpenter.sh/v1", "NodePool", "pool",
                 fmt::format("spec: {{template: {{spec: {{requirements: [{}]}}}}}}", requirements),
                 "");
  const ClusterReading reading = objects.reading();
  const auto pools = read_node_pools(reading.of("NodePool"), testing::us_east());
  if (pools.empty()) return "";
  std::string out;
  for (const std::string& model : pools.at("pool").models) out += (out.empty() ? "" : ",") + model;
  std::string types;
  for (const market::CapacityType type : pools.at("pool").capacity_types)
    types += (types.empty() ? "" : ",") + std::string(market::to_string(type));
  return out + ": " + types;
}

constexpr const char* kT4 =
    "{key: karpenter.k8s.aws/instance-family, operator: In, values: [g4dn, m5]}";

struct PoolCase {
  const char* requirements;
  const char* pool;
};

TEST(NodePools, RequirementsLeaveModelsAndCapacityTypes) {
  const PoolCase cases[] = {
      {"", "T4: on-demand"},
      {"{key: karpenter.sh/capacity-type, operator: In, values: [spot, on-demand]}",
       "T4: on-demand,spot"},
      {"{key: karpenter.sh/capacity-type, operator: NotIn, values: [spot]}",
       "T4: on-demand,reserved"},
      {"{key: karpenter.sh/capacity-type, operator: Exists}", "T4: on-demand,spot,reserved"},
      {"{key: karpenter.sh/capacity-type, operator: In, values: [none-such]}", "T4: "},
      {"{key: topology.kubernetes.io/zone, operator: In, values: [nowhere]}", "T4: on-demand"},
      {"{key: team.example/colour, operator: In, values: [red]}", "T4: on-demand"},
      {"{key: kubernetes.io/arch, operator: In, values: [arm64]}", ""},
      {"{key: node.kubernetes.io/instance-type, operator: NotIn, values: [g4dn.xlarge]}",
       "T4: on-demand"},
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: DoesNotExist}", ""},
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: [\"7\"]}",
       "T4: on-demand"},
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: [\"8\"]}", ""},
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: Gte, values: [\"8\"]}",
       "T4: on-demand"},
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: Lte, values: [\"0\"]}", ""},
      // What cannot be read does not restrict.
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: Near, values: [\"1\"]}",
       "T4: on-demand"},
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: Gte, values: [x]}", "T4: on-demand"},
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: Gte, values: "
       "[\"-9223372036854775808\"]}",
       "T4: on-demand"},
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: Lte, values: "
       "[\"9223372036854775807\"]}",
       "T4: on-demand"},
      {"{key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: []}", ""},
  };
  for (const PoolCase& one : cases) {
    const std::string more = *one.requirements == '\0' ? "" : std::string(", ") + one.requirements;
    EXPECT_EQ(pool_of(kT4 + more), one.pool) << one.requirements;
  }
}

TEST(NodePools, OneWithoutRequirementsBuysEveryModel) {
  Objects objects;
  objects.object("karpenter.sh/v1", "NodePool", "any", "", "");
  const ClusterReading reading = objects.reading();
  const auto pools = read_node_pools(reading.of("NodePool"), testing::us_east());
  ASSERT_EQ(pools.size(), 1u);
  EXPECT_GT(pools.at("any").models.size(), 10u);
  EXPECT_TRUE(std::is_sorted(pools.at("any").models.begin(), pools.at("any").models.end()));
}

}  // namespace
}  // namespace kerf::codec
