// Tests of the market's values: names, look-ups and the labels that nodes carry.
#include "core/market/market.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "codec/catalogue.h"

namespace kerf::market {
namespace {

const Market& shipped() {
  static const Market market = *codec::builtin_market("us-east-1");
  return market;
}

std::map<std::string, std::string> labels_of(const std::string& type,
                                             const std::string& zone = "us-east-1a",
                                             CapacityType capacity = CapacityType::OnDemand) {
  const InstanceType* found = shipped().type_named(type);
  if (found == nullptr) {
    ADD_FAILURE() << type << " is not shipped";
    return {};
  }
  return node_labels(shipped(), *found, zone, capacity);
}

TEST(InstanceType, SplitsItsNameAtTheDot) {
  InstanceType type;
  type.name = "p6-b200.48xlarge";
  EXPECT_EQ(type.family(), "p6-b200");
  EXPECT_EQ(type.size(), "48xlarge");
  type.name = "nodot";
  EXPECT_EQ(type.family(), "nodot");
  EXPECT_EQ(type.size(), "");
}

TEST(CapacityType, IsReadAsItIsWritten) {
  for (const CapacityType type :
       {CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved}) {
    EXPECT_EQ(parse_capacity_type(to_string(type)), type);
  }
  EXPECT_EQ(to_string(CapacityType::OnDemand), "on-demand");
  EXPECT_EQ(parse_capacity_type("On-Demand"), std::nullopt);
  EXPECT_EQ(parse_capacity_type(""), std::nullopt);
}

TEST(Market, FindsTypesByExactName) {
  ASSERT_NE(shipped().type_named("p4d.24xlarge"), nullptr);
  EXPECT_EQ(shipped().type_named("p4d.24xlarge")->gpu_model, "A100-40");
  EXPECT_EQ(shipped().type_named("p4d"), nullptr);
  EXPECT_EQ(shipped().type_named("m5.large"), nullptr);
}

TEST(Market, KnowsTheGpuOfEveryType) {
  for (const InstanceType& type : shipped().types) {
    EXPECT_EQ(shipped().model_of(type).key, type.gpu_model) << type.name;
  }
}

TEST(Market, ListsEachZoneOnceInOrder) {
  Market market;
  EXPECT_TRUE(market.zones().empty());
  market.offerings = {{0, "us-east-1c", CapacityType::Spot, {1}},
                      {1, "", CapacityType::OnDemand, {1}},
                      {2, "us-east-1a", CapacityType::Spot, {1}},
                      {3, "us-east-1c", CapacityType::OnDemand, {1}}};
  EXPECT_EQ(market.zones(), (std::vector<std::string>{"us-east-1a", "us-east-1c"}));
}

// The karpenter.k8s.aws values are those of the instance type reference of Karpenter's AWS provider
// v1.14 (page of 2026-07-11).
TEST(NodeLabels, AreKarpentersAndGpuFeatureDiscoverys) {
  const std::map<std::string, std::string> expected = {
      {"beta.kubernetes.io/arch", "amd64"},
      {"beta.kubernetes.io/instance-type", "p4d.24xlarge"},
      {"beta.kubernetes.io/os", "linux"},
      {"failure-domain.beta.kubernetes.io/region", "us-east-1"},
      {"failure-domain.beta.kubernetes.io/zone", "us-east-1b"},
      {"karpenter.k8s.aws/instance-category", "p"},
      {"karpenter.k8s.aws/instance-cpu", "96"},
      {"karpenter.k8s.aws/instance-family", "p4d"},
      {"karpenter.k8s.aws/instance-generation", "4"},
      {"karpenter.k8s.aws/instance-gpu-count", "8"},
      {"karpenter.k8s.aws/instance-gpu-manufacturer", "nvidia"},
      {"karpenter.k8s.aws/instance-gpu-memory", "40960"},
      {"karpenter.k8s.aws/instance-gpu-name", "a100"},
      {"karpenter.k8s.aws/instance-local-nvme", "8000"},
      {"karpenter.k8s.aws/instance-memory", "1179648"},
      {"karpenter.k8s.aws/instance-size", "24xlarge"},
      {"karpenter.sh/capacity-type", "spot"},
      {"kubernetes.io/arch", "amd64"},
      {"kubernetes.io/os", "linux"},
      {"node.kubernetes.io/instance-type", "p4d.24xlarge"},
      {"nvidia.com/gpu.count", "8"},
      {"nvidia.com/gpu.family", "ampere"},
      {"nvidia.com/gpu.memory", "40960"},
      {"nvidia.com/gpu.present", "true"},
      {"nvidia.com/gpu.product", "NVIDIA-A100-SXM4-40GB"},
      {"nvidia.com/mig.capable", "true"},
      {"topology.kubernetes.io/region", "us-east-1"},
      {"topology.kubernetes.io/zone", "us-east-1b"},
  };
  EXPECT_EQ(labels_of("p4d.24xlarge", "us-east-1b", CapacityType::Spot), expected);
}

TEST(NodeLabels, ReadCategoryAndGenerationFromTheName) {
  struct Case {
    std::string type;
    std::string category;
    std::string generation;
  };
  for (const Case& c : {Case{"g4dn.xlarge", "g", "4"}, Case{"g6e.xlarge", "g", "6"},
                        Case{"gr6f.4xlarge", "gr", "6"}, Case{"p3dn.24xlarge", "p", "3"},
                        Case{"p6-b200.48xlarge", "p", "6"}}) {
    auto labels = labels_of(c.type);
    EXPECT_EQ(labels["karpenter.k8s.aws/instance-category"], c.category) << c.type;
    EXPECT_EQ(labels["karpenter.k8s.aws/instance-generation"], c.generation) << c.type;
  }
}

// EC2, and so Karpenter, states 0 GPUs for g6f, and the memory of the part.
TEST(NodeLabels, OfAFractionalInstanceAreThoseOfThePart) {
  auto labels = labels_of("g6f.2xlarge");
  EXPECT_EQ(labels["karpenter.k8s.aws/instance-gpu-count"], "0");
  EXPECT_EQ(labels["karpenter.k8s.aws/instance-gpu-memory"], "5722");
  EXPECT_EQ(labels["nvidia.com/gpu.count"], "1");
  EXPECT_EQ(labels["nvidia.com/gpu.memory"], "5722");
  EXPECT_EQ(labels["nvidia.com/mig.capable"], "false");
}

TEST(NodeLabels, LeaveOutWhatIsNotThere) {
  const auto labels = labels_of("g5g.xlarge", "");
  EXPECT_FALSE(labels.contains("topology.kubernetes.io/zone"));
  EXPECT_FALSE(labels.contains("failure-domain.beta.kubernetes.io/zone"));
  EXPECT_FALSE(labels.contains("karpenter.k8s.aws/instance-local-nvme"));
  EXPECT_EQ(labels.at("kubernetes.io/arch"), "arm64");

  Market nowhere = shipped();
  nowhere.region.clear();
  const auto unplaced = node_labels(nowhere, nowhere.types.front(), "", CapacityType::OnDemand);
  EXPECT_FALSE(unplaced.contains("topology.kubernetes.io/region"));
}

TEST(NodeLabels, NameTheFamilyOfEveryShippedGpu) {
  for (const InstanceType& type : shipped().types) {
    EXPECT_TRUE(labels_of(type.name).contains("nvidia.com/gpu.family")) << type.name;
  }
  EXPECT_EQ(labels_of("g5.xlarge").at("nvidia.com/gpu.family"), "ampere");
  EXPECT_EQ(labels_of("g6e.xlarge").at("nvidia.com/gpu.family"), "ada-lovelace");
}

TEST(WellKnownLabels, AreExactlyThoseThatNodesCarry) {
  std::set<std::string> carried;
  for (const InstanceType& type : shipped().types) {
    for (const auto& [key, value] : labels_of(type.name)) {
      EXPECT_TRUE(is_well_known_label(key)) << key;
      EXPECT_FALSE(value.empty()) << type.name << " " << key;
      carried.insert(key);
    }
  }
  EXPECT_EQ(carried.size(), 28u);
  for (const std::string_view key :
       {"", "a", "zzz", "kubernetes.io/hostname", "karpenter.sh/nodepool", "nvidia.com/gpu",
        "karpenter.k8s.aws/instance-gpu", "topology.kubernetes.io/zones"}) {
    EXPECT_FALSE(is_well_known_label(key)) << key;
  }
}

}  // namespace
}  // namespace kerf::market
