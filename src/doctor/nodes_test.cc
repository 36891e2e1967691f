// GPU nodes: what they offer, their taints and disks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/doctor_testing.h"

namespace kerf::doctor {
namespace {

using testing::Case;
using ::testing::HasSubstr;
using testing::names;

TEST(Nodes, OfAGpuTypeThatOfferNothingAreAProblem) {
  Case c;
  c.node("dead", "p5.48xlarge", ", nvidia.com/gpu: \"0\"");
  c.node("well", "p5.48xlarge", ", nvidia.com/gpu: \"8\"");
  c.node("cutting", "p5.48xlarge", "", "", "[{key: kerf.dev/uncut, effect: NoSchedule}]");
  c.node("cpu", "m6i.large", "");
  c.add(
      "kind: Node\nmetadata: {name: new, creationTimestamp: \"2026-11-29T15:55:00Z\", labels: "
      "{node.kubernetes.io/instance-type: p5.48xlarge}}\nstatus: {conditions: [{type: Ready, "
      "status: \"True\"}]}");
  c.add(
      "kind: Node\nmetadata: {name: away, labels: {node.kubernetes.io/instance-type: "
      "p5.48xlarge}}\nstatus: {conditions: [{type: Ready, status: Unknown}]}");
  const Finding one = c.one(Code::NoDevices);
  EXPECT_EQ(names(one), "Node dead");
  EXPECT_THAT(one.says, HasSubstr("1 node offers no device although p5.48xlarge has GPUs"));
}

TEST(Nodes, OfTypesThatKerfDoesNotKnowAreToldByType) {
  Case c;
  c.node("a", "dgx.h100", ", nvidia.com/gpu: \"8\"");
  c.add("kind: Node\nmetadata: {name: b}\nstatus: {allocatable: {nvidia.com/gpu: 2}}");
  const auto all = c.found(Code::UnknownType);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0].says, HasSubstr("without the label"));
  EXPECT_THAT(all[1].says, HasSubstr("dgx.h100"));
}

TEST(Nodes, ThatHandOutWholeGpusThatCouldBeCutAreToldByModel) {
  Case c;
  c.node("h100", "p5.48xlarge", ", nvidia.com/gpu: \"8\"");
  c.node("cut", "p5.48xlarge", ", nvidia.com/gpu: \"0\", nvidia.com/mig-1g.10gb: \"56\"");
  c.node("single", "p4d.24xlarge", ", nvidia.com/gpu: \"56\"");
  c.node("l4", "g6.xlarge", ", nvidia.com/gpu: \"1\"");
  const Finding one = c.one(Code::NotCut);
  EXPECT_EQ(names(one), "Node h100");
  EXPECT_EQ(one.says, "1 node hands H100-80 out whole, which MIG could cut");
}

TEST(Nodes, WithoutATaintOnWhichCpuPodsSitAreTold) {
  Case c;
  c.node("open", "g6.xlarge", ", nvidia.com/gpu: \"1\"");
  c.node("closed", "g6.xlarge", ", nvidia.com/gpu: \"1\"", "",
         "[{key: nvidia.com/gpu, effect: NoSchedule}]");
  c.node("soft", "g6.xlarge", ", nvidia.com/gpu: \"1\"", "",
         "[{key: nvidia.com/gpu, effect: PreferNoSchedule}]");
  c.pod("web", "open", "{cpu: 1}").pod("guest", "closed", "{cpu: 1}");
  c.pod("user", "soft", "{nvidia.com/gpu: 1}");
  c.add(
      "kind: Pod\nmetadata: {name: proxy, namespace: kube-system, ownerReferences: [{kind: "
      "DaemonSet, controller: true}]}\nspec: {nodeName: open}\nstatus: {phase: Running}");
  EXPECT_EQ(names(c.one(Code::CpuPodsOnGpus)), "Node open, Pod team/web");
}

TEST(Nodes, WithTheDefaultRootVolumeAreTold) {
  Case c;
  c.add(
      "kind: Node\nmetadata: {name: small, labels: {node.kubernetes.io/instance-type: g6.xlarge}}"
      "\nstatus: {capacity: {ephemeral-storage: 20893676Ki}, allocatable: {nvidia.com/gpu: 1}}");
  c.node("large", "g6.xlarge", ", nvidia.com/gpu: \"1\"");
  EXPECT_EQ(names(c.one(Code::SmallRootVolume)), "Node small");
}

}  // namespace
}  // namespace kerf::doctor
