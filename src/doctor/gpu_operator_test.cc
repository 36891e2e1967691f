// The GPU Operator, other device plugins, DRA.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/doctor_testing.h"

namespace kerf::doctor {
namespace {

using testing::Case;
using ::testing::HasSubstr;
using testing::names;

/// As the chart of the GPU Operator 25.3 makes it, shortened; the name is always this.
std::string cluster_policy(std::string_view strategy, bool plugin = true, bool manager = true) {
  const auto word = [](bool on) { return std::string(on ? "true" : "false"); };
  return R"(
apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata:
  name: cluster-policy
  labels: {app.kubernetes.io/managed-by: Helm, helm.sh/chart: gpu-operator-v25.3.4}
spec:
  operator: {defaultRuntime: docker, runtimeClass: nvidia}
  daemonsets: {updateStrategy: RollingUpdate, tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]}
  driver: {enabled: false}
  toolkit: {enabled: true, installDir: /usr/local/nvidia}
  devicePlugin: {enabled: )" +
         word(plugin) + R"(, repository: nvcr.io/nvidia, image: k8s-device-plugin, version: v0.17.4}
  gfd: {enabled: true}
  mig: {strategy: )" +
         std::string(strategy) + R"(}
  migManager: {enabled: )" +
         word(manager) + R"(, config: {name: default-mig-parted-config, default: all-disabled}}
status: {state: ready, namespace: gpu-operator}
)";
}
constexpr std::string_view kManaged = ", kerf.dev/managed: \"true\"";

TEST(Operator, WithAnotherStrategyThanMixedLeavesSlicesPending) {
  Case c;
  c.without("SlicePolicy").without("GpuNode");
  c.add(cluster_policy("single"));
  EXPECT_FALSE(c.has(Code::MigStrategyWrong)) << "nobody asks for slices";
  c.pod("a", "", "{nvidia.com/mig-1g.10gb: 1}");
  const Finding one = c.one(Code::MigStrategyWrong);
  EXPECT_EQ(names(one), "ClusterPolicy cluster-policy, Pod team/a");
  EXPECT_THAT(one.says, HasSubstr("1 pod asks for nvidia.com/mig-*"));

  for (const char* why : {"mixed", "no plugin of the operator's"}) {
    Case well;
    well.without("SlicePolicy").without("GpuNode");
    well.add(cluster_policy(why == std::string("mixed") ? "mixed" : "single",
                            why == std::string("mixed")));
    well.pod("a", "", "{nvidia.com/mig-1g.10gb: 1}");
    EXPECT_FALSE(well.has(Code::MigStrategyWrong)) << why;
  }
}

TEST(Operator, TakesOverKerfsNodesUnlessItsOperandsAreOff) {
  const struct {
    const char* labels;
    bool taken, fragile;
  } kCases[] = {
      {", nvidia.com/gpu.present: \"true\"", true, false},
      {", nvidia.com/gpu.deploy.operands: \"false\"", false, false},
      {", nvidia.com/gpu.present: \"true\", nvidia.com/gpu.deploy.device-plugin: \"false\", "
       "nvidia.com/gpu.deploy.mig-manager: \"false\"",
       false, false},
      {", nvidia.com/gpu.deploy.device-plugin: \"false\", nvidia.com/gpu.deploy.mig-manager: "
       "\"false\"",
       false, true},
      {", nvidia.com/gpu.deploy.device-plugin: \"false\", nvidia.com/gpu.present: \"true\"", true,
       false},
  };
  for (const auto& one : kCases) {
    Case c;
    c.add(cluster_policy("mixed"));
    c.node("kerf-1", "p5.4xlarge", ", nvidia.com/mig-1g.10gb: \"7\"",
           std::string(kManaged) + one.labels);
    EXPECT_EQ(c.has(Code::OperatorTakesOver), one.taken) << one.labels;
    EXPECT_EQ(c.has(Code::OperandLabelsFragile), one.fragile) << one.labels;
  }
  Case off;
  off.add(cluster_policy("mixed", false, false));
  off.node("kerf-1", "p5.4xlarge", ", nvidia.com/mig-1g.10gb: \"7\"", kManaged);
  EXPECT_FALSE(off.has(Code::OperatorTakesOver)) << "its plugin and manager are off everywhere";
}

TEST(Operator, SaysWhatItsMigManagerIsAt) {
  Case c;
  c.node("a", "p4d.24xlarge", ", nvidia.com/gpu: \"8\"",
         ", nvidia.com/mig.config: all-1g.5gb, nvidia.com/mig.config.state: failed");
  c.node("b", "p4d.24xlarge", ", nvidia.com/gpu: \"8\"",
         ", nvidia.com/mig.config: all-1g.5gb, nvidia.com/mig.config.state: pending");
  c.node("d", "p4d.24xlarge", ", nvidia.com/gpu: \"8\"",
         ", nvidia.com/mig.config: all-1g.5gb, nvidia.com/mig.config.state: success");
  EXPECT_EQ(names(c.one(Code::MigConfigFailed)), "Node a");
  EXPECT_THAT(c.one(Code::MigConfigFailed).says, HasSubstr("all-1g.5gb"));
  EXPECT_EQ(names(c.one(Code::MigConfigPending)), "Node b");
}

TEST(Labels, OfGpuFeatureDiscoveryThatAreMissingAreTold) {
  Case c;
  c.add(
      "kind: Node\nmetadata: {name: bare, labels: {node.kubernetes.io/instance-type: "
      "g6.xlarge}}\nstatus: {allocatable: {nvidia.com/gpu: 1}}");
  EXPECT_EQ(names(c.one(Code::NoProductLabel)), "Node bare");
}

TEST(Plugins, OfTheStandAloneChartWouldComeToKerfsNodes) {
  const std::string chart = R"(
kind: DaemonSet
metadata: {name: nvdp-nvidia-device-plugin, namespace: nvidia-device-plugin}
spec:
  template:
    metadata: {labels: {app.kubernetes.io/name: nvidia-device-plugin, app.kubernetes.io/instance: nvdp}}
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
            - matchExpressions: [{key: nvidia.com/gpu.present, operator: In, values: ["true"]}]
      containers: [{name: ctr, image: nvcr.io/nvidia/k8s-device-plugin:v0.17.1}]
)";
  Case c;
  c.add(chart);
  EXPECT_EQ(names(c.one(Code::PluginWouldCome)),
            "DaemonSet nvidia-device-plugin/nvdp-nvidia-device-plugin");
  Case apart;
  std::string kept = chart;
  const std::string_view key = "{key: nvidia.com/gpu.present, operator: In, values: [\"true\"]}";
  kept.replace(kept.find(key), key.size(), "{key: kerf.dev/managed, operator: DoesNotExist}");
  apart.add(kept);
  EXPECT_FALSE(apart.has(Code::PluginWouldCome));
}

TEST(Plugins, OfAnotherStrategyThanMixedLeaveSlicesPending) {
  for (const char* strategy : {"none", "single", "mixed"}) {
    Case c;
    c.without("SlicePolicy").pod("a", "", "{nvidia.com/mig-1g.10gb: 1}");
    c.add(
        "kind: DaemonSet\nmetadata: {name: plugin, namespace: kube-system}\nspec: {template: "
        "{metadata: {labels: {name: nvidia-device-plugin-ds}}, spec: {containers: [{env: [{name: "
        "MIG_STRATEGY, value: " +
        std::string(strategy) + "}]}]}}}");
    EXPECT_EQ(c.has(Code::MigStrategyWrong), strategy != std::string("mixed")) << strategy;
  }
}

TEST(Plugins, ThatRunOnKerfsNodesAreAProblem) {
  Case c;
  c.node("kerf-1", "p5.4xlarge", "", kManaged).node("other", "p5.4xlarge", "");
  for (const char* node : {"kerf-1", "other"}) {
    c.add("kind: Pod\nmetadata:\n  name: nvidia-device-plugin-daemonset-" + std::string(node) +
          "\n  namespace: gpu-operator\n  labels: {app: nvidia-device-plugin-daemonset}\n  "
          "ownerReferences: [{kind: DaemonSet, name: d, controller: true}]\nspec: {nodeName: " +
          node + ", containers: []}\nstatus: {phase: Running}");
  }
  EXPECT_EQ(names(c.one(Code::ForeignPlugin)),
            "Pod gpu-operator/nvidia-device-plugin-daemonset-kerf-1, Node kerf-1");
}

TEST(Plugins, OfBottlerocketAreOnItsHost) {
  Case c;
  c.add(
      "kind: Node\nmetadata: {name: br, labels: {node.kubernetes.io/instance-type: p4d.24xlarge}}"
      "\nstatus: {allocatable: {nvidia.com/gpu: 56}, nodeInfo: {osImage: Bottlerocket OS 1.49.0 "
      "(aws-k8s-1.33-nvidia)}}");
  EXPECT_EQ(names(c.one(Code::BottlerocketPlugin)), "Node br");
}

TEST(Dra, DriversAndNamesOfNvidiaAreTold) {
  Case c;
  c.add(R"(
kind: ResourceSlice
metadata: {name: gpu-1-gpu.nvidia.com-abcde}
spec: {driver: gpu.nvidia.com, nodeName: gpu-1, pool: {name: gpu-1, resourceSliceCount: 1}}
---
kind: ResourceSlice
metadata: {name: gpu-1-gpu.nvidia.com-fghij}
spec: {driver: gpu.nvidia.com, nodeName: gpu-1, pool: {name: gpu-1, resourceSliceCount: 1}}
---
kind: ResourceSlice
metadata: {name: nic}
spec: {driver: dra.net, nodeName: gpu-1}
---
kind: DeviceClass
metadata: {name: gpu.nvidia.com}
spec: {extendedResourceName: nvidia.com/gpu, selectors: [{cel: {expression: "true"}}]}
---
kind: DeviceClass
metadata: {name: mig.nvidia.com}
spec: {selectors: [{cel: {expression: "true"}}]}
)");
  EXPECT_EQ(names(c.one(Code::DraDriver)), "Node gpu-1");
  EXPECT_EQ(names(c.one(Code::DeviceClassTakesName)), "DeviceClass gpu.nvidia.com");
}

}  // namespace
}  // namespace kerf::doctor
