// Karpenter's version, gates and prices; NodePools, NodeOverlays, NodeClasses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/doctor_testing.h"

namespace kerf::doctor {
namespace {

using testing::Case;
using ::testing::HasSubstr;
using testing::names;

/// A NodePool as people write it. `requirements` and `rest` are flow YAML.
std::string pool(std::string_view name, std::string_view requirements,
                 std::string_view template_rest = "expireAfter: Never",
                 std::string_view rest =
                     "disruption: {consolidationPolicy: WhenEmptyOrUnderutilized, "
                     "consolidateAfter: 5m, budgets: [{nodes: 10%}]}") {
  return "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: " + std::string(name) +
         "}\nspec:\n  template:\n    spec:\n      nodeClassRef: {group: karpenter.k8s.aws, kind: "
         "EC2NodeClass, name: gpu}\n      " +
         std::string(template_rest) + "\n      requirements: [" + std::string(requirements) +
         "]\n  " + std::string(rest) + "\n";
}
constexpr std::string_view kP5 =
    "{key: node.kubernetes.io/instance-type, operator: In, values: [p5.48xlarge]}";

Case& with_gates(Case& c, std::string_view gates, std::string_view tag = "1.14.1") {
  c.at("Deployment").items.clear();
  return c.add(
      "kind: Deployment\nmetadata: {name: karpenter, namespace: karpenter, labels: "
      "{app.kubernetes.io/name: karpenter}}\nspec: {template: {spec: {containers: "
      "[{image: \"public.ecr.aws/karpenter/controller:" +
      std::string(tag) + "\", env: [{name: FEATURE_GATES, value: \"" + std::string(gates) +
      "\"}]}]}}}\n");
}

TEST(Karpenter, ThatIsNotThereIsSaidOnce) {
  Case c;
  c.without("NodeClaim").without("NodePool");
  EXPECT_TRUE(c.has(Code::KarpenterAbsent));
  EXPECT_FALSE(c.has(Code::KarpenterReady));
  EXPECT_FALSE(c.has(Code::NoPrices)) << "who is not there has no prices";
}

TEST(Karpenter, OfWhichOnlyTheKindsAreThereIsNotSeen) {
  Case c;
  c.at("Deployment").items.clear();
  EXPECT_TRUE(c.has(Code::KarpenterNotSeen));
  c.reading.only_namespace = "team";
  EXPECT_FALSE(c.has(Code::KarpenterNotSeen)) << "its pods may be in another namespace";
}

TEST(Karpenter, IsKnownByItsPodsToo) {
  Case c;
  c.at("Deployment").items.clear();
  c.add(
      "kind: Pod\nmetadata: {name: karpenter-1, namespace: kube-system, labels: "
      "{app.kubernetes.io/name: karpenter}}\nspec: {containers: [{image: \"x/controller:1.9.0\"}]"
      "}\nstatus: {phase: Running}");
  const Finding old = c.one(Code::KarpenterOld);
  EXPECT_EQ(names(old), "Pod kube-system/karpenter-1");
  EXPECT_THAT(old.says, HasSubstr("1.9.0"));
}

TEST(Karpenter, TellsItsVersionOnItsPageBeforeItsImageDoes) {
  Case c;
  with_gates(c, "", "latest");
  c.page("kube-system/k", "karpenter_build_info{version=\"1.12.0\",commit=\"abc\"} 1\n" +
                              Case::prices("6.88", "5.57"));
  EXPECT_THAT(c.one(Code::KarpenterOld).says, HasSubstr("1.12.0"));
}

TEST(Gates, MatterWhereTheyHurt) {
  Case c;
  with_gates(c, "ReservedCapacity=false,NodeRepair=true");
  EXPECT_FALSE(c.has(Code::ReservedOff)) << "nothing is reserved";
  EXPECT_TRUE(c.has(Code::NodeRepairOn));
  c.add(
      "kind: EC2NodeClass\nmetadata: {name: odcr}\nspec: {capacityReservationSelectorTerms: "
      "[{id: cr-0123456789abcdef0}]}");
  c.node("r", "p5.4xlarge", ", nvidia.com/gpu: \"1\"", ", karpenter.sh/capacity-type: reserved");
  EXPECT_EQ(names(c.one(Code::ReservedOff)), "EC2NodeClass odcr, Node r");
  with_gates(c, "NodeOverlay=true");
  EXPECT_FALSE(c.has(Code::ReservedOff)) << "the default is true";
  EXPECT_FALSE(c.has(Code::NodeRepairOn)) << "the default is false";
}

TEST(Prices, AreThoseOfThePageThatHasThem) {
  Case c;
  EXPECT_THAT(c.one(Code::PricesRead).says, HasSubstr("4 prices"));
  c.reading.pages.insert(c.reading.pages.begin(),
                         {.pod = "kube-system/karpenter-follower",
                          .text = "karpenter_build_info{version=\"1.14.1\"} 1\n",
                          .why = ""});
  EXPECT_THAT(c.one(Code::PricesRead).says, HasSubstr("karpenter-6d5c"));
  c.reading.pages.resize(1);
  EXPECT_THAT(c.one(Code::NoPrices).says, HasSubstr("1 metrics page of Karpenter has no prices"));
  c.reading.pages.clear();
  EXPECT_THAT(c.one(Code::NoPrices).says, HasSubstr("No metrics page"));
}

TEST(Prices, OfSpotThatAreThoseOfOnDemandWereNotRefreshed) {
  Case c;
  EXPECT_FALSE(c.has(Code::SpotNotRefreshed));
  c.page("kube-system/k", Case::prices("6.88", "6.88"));
  EXPECT_THAT(c.one(Code::SpotNotRefreshed).says, HasSubstr("All 2 spot prices"));
}

TEST(NodePools, ThatCanBuyGpuNodesAreTold) {
  const struct {
    const char* what;
    std::string pool;
    bool buys;
  } kCases[] = {
      {"a type with GPUs", pool("p", kP5), true},
      {"no requirement about machines",
       pool("p", "{key: karpenter.sh/capacity-type, operator: In, values: [spot]}"), true},
      {"a GPU's name",
       pool("p", "{key: karpenter.k8s.aws/instance-gpu-name, operator: In, values: [h100]}"), true},
      {"CPU families",
       pool("p", "{key: karpenter.k8s.aws/instance-category, operator: In, values: [c, m, r]}"),
       false},
      {"a type without GPUs",
       pool("p", "{key: node.kubernetes.io/instance-type, operator: In, values: [m6i.large]}"),
       false},
      {"a limit of 0", pool("p", kP5, "expireAfter: Never", "limits: {cpu: \"0\"}"), false},
      {"no GPU allowed", pool("p", kP5, "expireAfter: Never", "limits: {nvidia.com/gpu: 0}"),
       false},
  };
  for (const auto& one : kCases) {
    Case c;
    c.add(one.pool);
    EXPECT_EQ(c.has(Code::NodePoolBuysGpus), one.buys) << one.what;
    EXPECT_FALSE(c.has(Code::NodePoolCompetes)) << one.what;
  }
}

TEST(NodePools, CompeteWithAPolicyThatBuysWholeGpus) {
  Case c;
  c.add(pool("gpus", kP5));
  c.add(
      "kind: SlicePolicy\nmetadata: {name: all}\nspec: {mode: Act, buysFor: [nvidia.com/gpu, "
      "nvidia.com/mig-*]}");
  EXPECT_EQ(names(c.one(Code::NodePoolCompetes)), "NodePool gpus, SlicePolicy all");
  EXPECT_FALSE(c.has(Code::NodePoolBuysGpus));
}

TEST(NodePools, MeantForGpusAreLookedAtForWhatEndsPods) {
  Case c;
  c.add(pool("gpus", kP5, "expireAfter: 720h", "disruption: {budgets: [{nodes: 10%}]}"));
  c.add(pool("any", "", "expireAfter: 720h", "disruption: {budgets: [{nodes: 10%}]}"));
  EXPECT_EQ(names(c.one(Code::NodePoolExpires)), "NodePool gpus");
  EXPECT_EQ(names(c.one(Code::NoConsolidateAfter)), "NodePool gpus");
  Case calm;
  calm.add(pool("gpus", kP5));
  EXPECT_FALSE(calm.has(Code::NodePoolExpires));
  EXPECT_FALSE(calm.has(Code::NoConsolidateAfter));
}

TEST(NodeOverlays, ThatPromiseSlicesAreTold) {
  Case c;
  c.add(R"(
apiVersion: karpenter.sh/v1alpha1
kind: NodeOverlay
metadata: {name: gpu-a100-1g5gb}
spec:
  weight: 100
  requirements: [{key: karpenter.sh/nodepool, operator: In, values: [gpu-a100-1g5gb]}]
  capacity: {nvidia.com/gpu: "0", nvidia.com/mig-1g.5gb: "56"}
---
kind: NodeOverlay
metadata: {name: fuse}
spec: {capacity: {smarter-devices/fuse: "1"}}
)");
  const Finding one = c.one(Code::StaticMigPromise);
  EXPECT_THAT(one.says, HasSubstr("nvidia.com/mig-1g.5gb: 56"));
  EXPECT_EQ(names(one), "NodeOverlay gpu-a100-1g5gb");
}

TEST(NodeClasses, ThatAreNotReadyOrNotPricedAreTold) {
  Case c;
  c.add(R"(
kind: EC2NodeClass
metadata: {name: kerf-cut}
status: {conditions: [{type: Ready, status: "False", reason: SubnetsNotFound, message: "SubnetsReady=False"}]}
---
kind: SlicePolicy
metadata: {name: research}
spec: {mode: Act, nodeClasses: {cut: kerf-cut, whole: gpu}}
)");
  c.add(pool("gpus", kP5));
  EXPECT_THAT(c.one(Code::NodeClassNotReady).says, HasSubstr("SubnetsReady=False"));
  EXPECT_THAT(c.one(Code::NodeClassUnpriced).says, HasSubstr("kerf-cut"));
}

TEST(NodeClasses, OfGpuPoolsAreToGiveRoomForImages) {
  const struct {
    const char* spec;
    bool small;
  } kCases[] = {
      {"{}", true},
      {"{blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {volumeSize: 30Gi}}]}", true},
      {"{blockDeviceMappings: [{ebs: {volumeSize: 4Gi}}, {ebs: {volumeSize: 200Gi}}]}", false},
      {"{instanceStorePolicy: RAID0}", false},
  };
  for (const auto& one : kCases) {
    Case c;
    c.add("kind: EC2NodeClass\nmetadata: {name: gpu}\nspec: " + std::string(one.spec));
    EXPECT_FALSE(c.has(Code::SmallRootVolume)) << "no pool uses it: " << one.spec;
    c.add(pool("gpus", kP5));
    EXPECT_EQ(c.has(Code::SmallRootVolume), one.small) << one.spec;
  }
}

}  // namespace
}  // namespace kerf::doctor
