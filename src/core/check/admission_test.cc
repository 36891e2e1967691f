// What the policy forbids, and every kind of constraint between a pod and its node.
#include <gtest/gtest.h>

#include "core/check/fleet_testing.h"
#include "core/check/labels.h"

namespace kerf::check {
namespace {

using cluster::Operator;
using cluster::Requirement;
using testing::Fleet;
using testing::World;

TEST(CheckAdmission, ReportsNodesThatThePolicyForbids) {
  testing::expect_reported<Fleet>({
      {"types",
       [](Fleet& f) {
         f.policy.instance_types = {"p*", "g6f.large"};
       },
       "node 2 (g4dn.xlarge) is of a type that the policy does not allow"},
      {"families",
       [](Fleet& f) {
         f.policy.families = {"p5", "p4d", "g6f", "g4d"};
       },
       "node 3 (g4dn.xlarge) is of a family"},
      {"capacity", [](Fleet& f) { f.policy.capacity_types = {market::CapacityType::Spot}; },
       "node 0 (p5.8xlarge) is of a capacity type"},
      {"any zone", [](Fleet& f) { f.policy.zones = {"us-east-1a"}; },
       "node 0 (p5.8xlarge) may come up in any zone"},
      {"zone",
       [](Fleet& f) {
         f.policy.zones = {"us-east-1a", "us-east-1b"};
         for (plan::NodePlan& node : f.plan.nodes) node.zones = {"us-east-1a", "us-east-1b"};
         f.plan.nodes[3].zones.back() = "us-east-1c";
       },
       "node 3 (g4dn.xlarge) may come up in zone us-east-1c"},
      {"architecture", [](Fleet& f) { f.policy.architectures = {"arm64"}; },
       "pod default/trainer-0 cannot run on node 0 (p5.8xlarge): it does not ask for architecture"},
  });
}

TEST(CheckAdmission, AcceptsGlobsAndListsThatAllowTheFleet) {
  Fleet fleet;
  fleet.policy.instance_types = {"p*", "*.xlarge", "g6f.large"};
  fleet.policy.families = {"p5", "p4d", "g4dn", "g6f"};
  fleet.policy.capacity_types = {market::CapacityType::OnDemand, market::CapacityType::Spot};
  fleet.policy.zones = {"us-east-1a", "us-east-1b"};
  for (plan::NodePlan& node : fleet.plan.nodes) node.zones = {"us-east-1b"};
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint");
}

/// A pod on an arm64 node under the default policy (amd64).
struct Arm : World {
  std::uint32_t pod_;
  Arm() {
    pod_ = pod("arm", {testing::whole()});
    shape(pod_).node_selector = {{"kubernetes.io/arch", Operator::In, {"arm64"}}};
    const auto at = node(kG5g);
    give(at, 0, all(at), 0, pod_);
    finish();
  }
};

TEST(CheckAdmission, LetsAPodNameItsArchitecture) {
  testing::expect_reported<Arm>({
      {"unnamed", [](Arm& a) { a.shape(a.pod_).node_selector.clear(); },
       "it does not ask for architecture arm64"},
      {"other", [](Arm& a) { a.shape(a.pod_).node_selector[0].values = {"amd64"}; },
       "its node selector on kubernetes.io/arch"},
  });
  Arm by_affinity;
  by_affinity.shape(by_affinity.pod_).node_selector.clear();
  by_affinity.shape(by_affinity.pod_).node_affinity = {
      {{"beta.kubernetes.io/arch", Operator::In, {"amd64", "arm64"}}}};
  EXPECT_EQ(testing::listed(by_affinity.complaints()), "no complaint");
}

/// Requirements against node 1 of the Fleet (p4d.12xlarge, two A100-40).
TEST(CheckAdmission, KnowsTheLabelsThatANodeWillCarry) {
  struct Case {
    Requirement requirement;
    bool holds;
  };
  const Case kCases[] = {
      {{"kubernetes.io/arch", Operator::In, {"amd64"}}, true},
      {{"kubernetes.io/os", Operator::In, {"linux"}}, true},
      {{"beta.kubernetes.io/os", Operator::In, {"windows"}}, false},
      {{"node.kubernetes.io/instance-type", Operator::In, {"p4d.12xlarge"}}, true},
      {{"beta.kubernetes.io/instance-type", Operator::NotIn, {"p4d.12xlarge"}}, false},
      {{"topology.kubernetes.io/region", Operator::In, {"us-east-1"}}, true},
      {{"karpenter.sh/capacity-type", Operator::In, {"spot"}}, false},
      {{"karpenter.k8s.aws/instance-category", Operator::In, {"p"}}, true},
      {{"karpenter.k8s.aws/instance-generation", Operator::Gt, {"3"}}, true},
      {{"karpenter.k8s.aws/instance-generation", Operator::Gt, {"4"}}, false},
      {{"karpenter.k8s.aws/instance-family", Operator::In, {"p4d"}}, true},
      {{"karpenter.k8s.aws/instance-size", Operator::In, {"12xlarge"}}, true},
      {{"karpenter.k8s.aws/instance-cpu", Operator::Lt, {"49"}}, true},
      {{"karpenter.k8s.aws/instance-memory", Operator::In, {"589824"}}, true},
      {{"karpenter.k8s.aws/instance-gpu-name", Operator::In, {"a100"}}, true},
      {{"karpenter.k8s.aws/instance-gpu-count", Operator::In, {"2"}}, true},
      {{"karpenter.k8s.aws/instance-gpu-manufacturer", Operator::In, {"nvidia"}}, true},
      {{"karpenter.k8s.aws/instance-gpu-memory", Operator::Gt, {"40000"}}, true},
      {{"karpenter.k8s.aws/instance-local-nvme", Operator::Exists, {}}, false},
      {{"nvidia.com/gpu.present", Operator::In, {"true"}}, true},
      {{"nvidia.com/gpu.product", Operator::In, {"NVIDIA-A100"}}, true},
      {{"nvidia.com/gpu.product", Operator::In, {"NVIDIA-A100-PCIE", "Tesla-T4"}}, true},
      {{"nvidia.com/gpu.product", Operator::NotIn, {"NVIDIA-A100-PCIE"}}, false},
      {{"nvidia.com/gpu.family", Operator::In, {"ampere"}}, true},
      {{"nvidia.com/mig.capable", Operator::In, {"true"}}, true},
      {{"team", Operator::Exists, {}}, false},
      {{"team", Operator::DoesNotExist, {}}, true},
      {{"team", Operator::NotIn, {"red"}}, true},
      {{"team", Operator::Gt, {"1"}}, false},
  };
  for (const Case& c : kCases) {
    Fleet fleet;
    fleet.shape(fleet.llm0).node_selector = {c.requirement};
    EXPECT_EQ(fleet.complaints().empty(), c.holds)
        << c.requirement.key << testing::listed(fleet.complaints());
  }
}

TEST(CheckAdmission, KnowsThatKarpenterCountsNoGpuOnAFractionalInstance) {
  Fleet fleet;
  fleet.shape(fleet.two).node_selector = {
      {"karpenter.k8s.aws/instance-gpu-count", Operator::In, {"0"}},
      {"nvidia.com/gpu.count", Operator::In, {"1"}},
      {"nvidia.com/mig.capable", Operator::In, {"false"}}};
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint");
}

TEST(CheckAdmission, ReadsAffinityAsTermsOfWhichOneMustHold) {
  const Requirement holds = {"kubernetes.io/os", Operator::In, {"linux"}};
  const Requirement fails = {"kubernetes.io/os", Operator::In, {"windows"}};
  const std::pair<std::vector<cluster::Requirements>, bool> kCases[] = {
      {{{holds}}, true},         {{{fails}}, false}, {{{fails}, {holds}}, true},
      {{{holds, fails}}, false}, {{{}}, false},      {{{}, {holds}}, true}};
  for (const auto& [terms, expected] : kCases) {
    Fleet fleet;
    fleet.shape(fleet.any).node_affinity = terms;
    EXPECT_EQ(fleet.complaints().empty(), expected) << testing::listed(fleet.complaints());
  }
}

TEST(CheckAdmission, CountsLabelsOfThePolicyAndOfThePlan) {
  Fleet fleet;
  fleet.policy.node_labels = {{"team", "red"}};
  fleet.plan.nodes[3].labels = {{"disk", "fast"}};
  fleet.shape(fleet.any).node_selector = {{"team", Operator::In, {"red"}},
                                          {"disk", Operator::In, {"fast"}}};
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint");
  testing::expect_reported<Fleet>({
      {"against the policy",
       [](Fleet& f) {
         f.policy.node_labels = {{"team", "red"}};
         f.plan.nodes[3].labels = {{"team", "blue"}};
       },
       "node 3 (g4dn.xlarge) is to carry the label team with two values"},
      {"twice",
       [](Fleet& f) {
         f.plan.nodes[3].labels = {{"team", "red"}, {"team", "blue"}};
       },
       "the label team with two values"},
      {"decided by the type",
       [](Fleet& f) {
         f.plan.nodes[3].labels = {{"nvidia.com/gpu.product", "NVIDIA-A100"}};
       },
       "the label nvidia.com/gpu.product, which its type and zone decide"},
      {"hostname",
       [](Fleet& f) {
         f.plan.nodes[3].labels = {{"kubernetes.io/hostname", "x"}};
       },
       "the label kubernetes.io/hostname"},
      {"zone",
       [](Fleet& f) {
         f.plan.nodes[3].labels = {{"topology.kubernetes.io/zone", "us-east-1a"}};
       },
       "the label topology.kubernetes.io/zone"},
      {"a hostname that nobody has",
       [](Fleet& f) {
         f.shape(f.any).node_selector = {{"kubernetes.io/hostname", Operator::In, {"ip-10-0-0-1"}}};
       },
       "its node selector on kubernetes.io/hostname"},
  });
}

TEST(CheckAdmission, HoldsTaintsAgainstPodsWithoutToleration) {
  const cluster::Taint hard = {"team", "red", "NoSchedule"};
  struct Case {
    const char* what;
    cluster::Taint taint;
    std::vector<cluster::Toleration> tolerations;
    bool holds;
  };
  const Case kCases[] = {
      {"none", hard, {}, false},
      {"equal", hard, {{"team", false, "red", "NoSchedule"}}, true},
      {"every effect", hard, {{"team", false, "red", ""}}, true},
      {"other value", hard, {{"team", false, "blue", ""}}, false},
      {"exists", hard, {{"team", true, "", ""}}, true},
      {"other key", hard, {{"crew", true, "", ""}}, false},
      {"other effect", hard, {{"team", true, "", "NoExecute"}}, false},
      {"everything", hard, {{"", true, "", ""}}, true},
      {"soft taint", {"team", "red", "PreferNoSchedule"}, {}, true},
      {"evicting taint", {"team", "red", "NoExecute"}, {}, false},
      {"Kerf's own", {"kerf.dev/slices", "", "NoSchedule"}, {}, true},
      {"resource asked for", {"nvidia.com/gpu", "true", "NoSchedule"}, {}, true},
      {"resource not asked for", {"nvidia.com/mig-1g.5gb", "true", "NoSchedule"}, {}, false},
  };
  for (const Case& c : kCases) {
    World world;
    const auto pod = world.pod("any", {testing::whole()});
    world.shape(pod).tolerations = c.tolerations;
    world.policy.node_taints = {c.taint};
    world.on_g4dn(pod);
    world.finish();
    EXPECT_EQ(world.complaints().empty(), c.holds) << c.what << testing::listed(world.complaints());
  }
}

TEST(CheckAdmission, WantsEveryZoneOfANodeToSuitItsPods) {
  const Requirement in_ab = {kZoneLabel, Operator::In, {"us-east-1a", "us-east-1b"}};
  const Requirement not_c = {kZoneLabelBeta, Operator::NotIn, {"us-east-1c"}};
  const Requirement some = {kZoneLabel, Operator::Exists, {}};
  struct Case {
    const char* what;
    Requirement requirement;
    std::vector<std::string> zones;
    bool holds;
  };
  const Case kCases[] = {
      {"one that suits", in_ab, {"us-east-1a"}, true},
      {"all suit", in_ab, {"us-east-1a", "us-east-1b"}, true},
      {"one does not", in_ab, {"us-east-1a", "us-east-1c"}, false},
      {"any zone", in_ab, {}, false},
      {"not in", not_c, {"us-east-1a"}, true},
      {"not in, any zone", not_c, {}, false},
      {"there is a zone", some, {}, true},
  };
  for (const Case& c : kCases) {
    World world;
    const auto pod = world.pod("any", {testing::whole()});
    world.shape(pod).node_selector = {c.requirement};
    world.on_g4dn(pod, c.zones);
    world.finish();
    EXPECT_EQ(world.complaints().empty(), c.holds) << c.what << testing::listed(world.complaints());
  }
}

TEST(CheckAdmission, KeepsPodsWithTheirVolumes) {
  testing::expect_reported<Fleet>({
      {"any zone",
       [](Fleet& f) {
         f.shape(f.any).volume_zone_bound = true;
         f.shape(f.any).volume_zones = {"us-east-1a"};
       },
       "its volumes bind it to other zones"},
      {"no zone",
       [](Fleet& f) {
         f.plan.nodes[3].zones = {"us-east-1a"};
         f.shape(f.any).volume_zone_bound = true;
       },
       "its volumes bind it to other zones"},
  });
  Fleet fleet;
  fleet.plan.nodes[3].zones = {"us-east-1a"};
  fleet.shape(fleet.any).volume_zone_bound = true;
  fleet.shape(fleet.any).volume_zones = {"us-east-1a", "us-east-1b"};
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint");
}

TEST(CheckAdmission, KeepsNoHeadroomOnForeignArchitectures) {
  Arm arm;
  arm.policy.headroom = {{testing::whole(), 1, {}}};
  const auto at = arm.node(World::kG5g);
  arm.give(at, 0, arm.all(at), 0, plan::kNoPod, true);
  arm.finish();
  EXPECT_TRUE(
      testing::says(arm.complaints(), "node 1 (g5g.xlarge) keeps headroom on an architecture"))
      << testing::listed(arm.complaints());
}

}  // namespace
}  // namespace kerf::check
