// What pods ask for, what they tolerate, and which of them nobody moves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/doctor_testing.h"

namespace kerf::doctor {
namespace {

using testing::Case;
using ::testing::HasSubstr;
using testing::names;

TEST(Requests, OfNamesThatNoGpuHasAreAProblem) {
  Case c;
  c.pod("a", "", "{nvidia.com/mig-1g.7gb: 1}").pod("b", "", "{nvidia.com/mig-1g.7gb: 2}");
  c.pod("rung", "", "{kerf.dev/gpu-11gi: 1}").pod("well", "", "{nvidia.com/mig-1g.10gb: 1}");
  const auto all = c.found(Code::UnknownProfile);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(names(all[1]), "Pod team/a, Pod team/b");
  EXPECT_THAT(all[1].says, HasSubstr("2 pods ask for nvidia.com/mig-1g.7gb: no GPU that Kerf"));
}

TEST(Requests, OfNamesThatSomeNodeOffersAreNotUnknown) {
  Case c;
  c.pod("a", "", "{nvidia.com/mig-1g.10gb.shared: 1}");
  EXPECT_TRUE(c.has(Code::UnknownProfile));
  c.node("n", "p5.4xlarge", ", nvidia.com/mig-1g.10gb.shared: \"4\"");
  EXPECT_FALSE(c.has(Code::UnknownProfile));
}

TEST(Requests, ThatMixGpuAndSlicesOrAskForSharesAreTold) {
  Case c;
  c.pod("both", "", "{nvidia.com/gpu: 1, nvidia.com/mig-1g.10gb: 1}");
  c.pod("shared", "", "{nvidia.com/gpu.shared: 1}").pod("zero", "", "{nvidia.com/gpu: 0}");
  EXPECT_EQ(names(c.one(Code::GpuAndMig)), "Pod team/both");
  EXPECT_EQ(names(c.one(Code::SharedName)), "Pod team/shared");
  EXPECT_FALSE(c.has(Code::UnknownProfile));
}

TEST(Taints, ThatKeepPodsFromWhatTheyAskForAreTold) {
  Case c;
  c.node("gpu-1", "p5.4xlarge", ", nvidia.com/mig-1g.10gb: \"7\"", "",
         "[{key: nvidia.com/gpu, value: present, effect: NoSchedule}]");
  c.pod("waits", "", "{nvidia.com/mig-1g.10gb: 2}");
  c.pod("tolerates", "", "{nvidia.com/mig-1g.10gb: 1}",
        "  tolerations: [{key: nvidia.com/gpu, operator: Exists}]\n");
  c.pod("large", "", "{nvidia.com/mig-1g.10gb: 8}");
  c.pod("elsewhere", "", "{nvidia.com/mig-1g.10gb: 1}", "  nodeSelector: {zone: far}\n");
  const Finding one = c.one(Code::NotTolerated);
  EXPECT_EQ(names(one), "Pod team/waits");
  EXPECT_THAT(one.says, HasSubstr("the taint nvidia.com/gpu=present:NoSchedule is not tolerated"));

  c.pod("holds", "gpu-1", "{nvidia.com/mig-1g.10gb: 6}");
  EXPECT_FALSE(c.has(Code::NotTolerated)) << "only one slice is free";
}

TEST(Taints, AreNotToBlameWhereAnotherNodeIsOpen) {
  Case c;
  c.node("closed", "g6.xlarge", ", nvidia.com/gpu: \"1\"", "",
         "[{key: team-a, effect: NoSchedule}]");
  c.node("open", "g6.xlarge", ", nvidia.com/gpu: \"1\"").pod("a", "", "{nvidia.com/gpu: 1}");
  EXPECT_FALSE(c.has(Code::NotTolerated));
}

TEST(Environment, ThatShowsAllGpusToPodsWithoutARequestIsTold) {
  Case c;
  c.node("gpu-1", "g6.xlarge", ", nvidia.com/gpu: \"1\"").node("cpu-1", "m6i.large", "");
  const auto pod = [](std::string_view name, std::string_view node, std::string_view limits) {
    return "kind: Pod\nmetadata: {name: " + std::string(name) +
           ", namespace: team, ownerReferences: [{kind: Job, controller: true}]}\nspec: "
           "{nodeName: " +
           std::string(node) +
           ", containers: [{name: c, env: [{name: NVIDIA_VISIBLE_DEVICES, "
           "value: all}], resources: {limits: " +
           std::string(limits) + "}}]}\nstatus: {phase: Running}";
  };
  c.add(pod("sneaks", "gpu-1", "{cpu: 1}")).add(pod("asks", "gpu-1", "{nvidia.com/gpu: 1}"));
  c.add(pod("harmless", "cpu-1", "{cpu: 1}"));
  EXPECT_EQ(names(c.one(Code::SeesAllGpus)), "Pod team/sneaks");
}

TEST(Budgets, ThatAllowNoDisruptionOfGpuPodsAreTold) {
  Case c;
  c.node("gpu-1", "g6.xlarge", ", nvidia.com/gpu: \"4\"").pod("a", "gpu-1", "{nvidia.com/gpu: 1}");
  c.add(R"(
kind: PodDisruptionBudget
metadata: {name: web, namespace: team}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: web}}}
status: {disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1}
---
kind: PodDisruptionBudget
metadata: {name: loose, namespace: team}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
status: {disruptionsAllowed: 1}
---
kind: PodDisruptionBudget
metadata: {name: other, namespace: team}
spec: {maxUnavailable: 0, selector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}
status: {disruptionsAllowed: 0}
---
kind: PodDisruptionBudget
metadata: {name: web, namespace: elsewhere}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: web}}}
status: {disruptionsAllowed: 0}
)");
  EXPECT_EQ(names(c.one(Code::BudgetBlocks)), "PodDisruptionBudget team/web, Pod team/a");
}

TEST(Moves, ThatNobodyMakesAreCounted) {
  Case c;
  c.add(R"(
kind: Pod
metadata: {name: bare, namespace: team}
spec: {nodeName: gpu-1, containers: [{resources: {limits: {nvidia.com/gpu: 1}}}]}
status: {phase: Running}
---
kind: Pod
metadata: {name: kept, namespace: team, annotations: {karpenter.sh/do-not-disrupt: "true"}, ownerReferences: [{kind: Job, controller: true}]}
spec: {nodeName: gpu-1, containers: [{resources: {requests: {nvidia.com/gpu: 1}}}]}
status: {phase: Running}
---
kind: Pod
metadata: {name: cpu, namespace: team}
spec: {nodeName: gpu-1, containers: [{resources: {limits: {cpu: 1}}}]}
status: {phase: Running}
)");
  EXPECT_EQ(names(c.one(Code::BarePods)), "Pod team/bare");
  EXPECT_EQ(names(c.one(Code::KeptPods)), "Pod team/kept");
}

TEST(Requests, OfInitContainersCountAsTheSchedulerCountsThem) {
  Case c;
  c.node("gpu-1", "p5.4xlarge", ", nvidia.com/gpu: \"2\"", "", "[{key: t, effect: NoSchedule}]");
  c.add(R"(
kind: Pod
metadata: {name: sidecar, namespace: team, ownerReferences: [{kind: Job, controller: true}]}
spec:
  initContainers: [{restartPolicy: Always, resources: {limits: {nvidia.com/gpu: 1}}}]
  containers: [{resources: {limits: {nvidia.com/gpu: 1}, requests: {nvidia.com/gpu: 1}}}]
status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable}]}
)");
  EXPECT_TRUE(c.has(Code::NotTolerated)) << "two are free";
  c.pod("holds", "gpu-1", "{nvidia.com/gpu: 1}");
  EXPECT_FALSE(c.has(Code::NotTolerated)) << "it needs two";
}

}  // namespace
}  // namespace kerf::doctor
