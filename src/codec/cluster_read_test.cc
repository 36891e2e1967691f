// Tests of pods of a cluster: which count, what owns them, who may be moved, who waits.
#include "codec/cluster_read.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/cluster_read_testing.h"

namespace kerf::codec {
namespace {

using cluster::kNone;
using testing::devices_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::left_out;
using testing::Objects;
using testing::owners;
using testing::PodText;

/// One p4d.24xlarge with eight whole GPUs.
Objects one_node() {
  Objects objects;
  objects.node("n1", "p4d.24xlarge", "nvidia.com/gpu: \"8\"");
  return objects;
}

TEST(ClusterRead, NothingToReadIsAnError) {
  Objects objects;
  objects.object("v1", "Namespace", "team", "", "");
  const auto read = read_cluster(objects.reading(), testing::us_east(), {});
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().message(), "a test: there is no Node and no Pod in it");
}

TEST(ClusterRead, PodsStandUnderWhatOwnsThemInTheEnd) {
  Objects objects = one_node();
  const auto owner = [](const std::string& kind, const std::string& name) {
    return "namespace: team, ownerReferences: [{apiVersion: v1, kind: " + kind + ", name: " + name +
           ", uid: u, controller: true}]";
  };
  objects.object("apps/v1", "ReplicaSet", "web-5c7d", "", owner("Deployment", "web"))
      .object("apps/v1", "ReplicaSet", "roll-1", "", owner("Rollout", "roll"))
      .object("batch/v1", "Job", "night-2901", "", owner("CronJob", "night"))
      .pod({.name = "a", .owner = "ReplicaSet/web-5c7d"})
      .pod({.name = "b", .owner = "ReplicaSet/web-5c7d"})
      .pod({.name = "c", .owner = "ReplicaSet/roll-1"})
      .pod({.name = "d", .owner = "Job/night-2901"})
      .pod({.name = "e", .owner = "Job/once"})
      .pod({.name = "f", .owner = "StatefulSet/db"})
      .pod({.name = "g"})
      .pod({.name = "h",
            .owner = "StatefulSet/lws-0",
            .labels = "leaderworkerset.sigs.k8s.io/name: lws"})
      .pod({.name = "i", .owner = "Job/js-w-0", .labels = "jobset.sigs.k8s.io/jobset-name: js"})
      // Its ReplicaSet is not among those that could be read.
      .pod({.name = "j", .owner = "ReplicaSet/api-77f", .labels = "pod-template-hash: 77f"})
      .pod({.name = "k", .owner = "ReplicaSet/alone"});
  EXPECT_THAT(
      owners(objects.read()),
      ElementsAre(
          "ReplicaSet team/alone 1 x nvidia.com/gpu", "Deployment team/api 1 x nvidia.com/gpu",
          "StatefulSet team/db 1 x nvidia.com/gpu", "Pod team/g 1 x nvidia.com/gpu",
          "JobSet team/js 1 x nvidia.com/gpu", "LeaderWorkerSet team/lws 1 x nvidia.com/gpu",
          "CronJob team/night 1 x nvidia.com/gpu", "Job team/once 1 x nvidia.com/gpu",
          "Rollout team/roll 1 x nvidia.com/gpu", "Deployment team/web 2 x nvidia.com/gpu"));
}

TEST(ClusterRead, OneOwnerWithTwoRequestsIsTwoWorkloads) {
  Objects objects = one_node();
  objects.pod({.name = "a", .owner = "StatefulSet/db"})
      .pod({.name = "b", .asks = "nvidia.com/gpu: 2", .owner = "StatefulSet/db"})
      .pod({.name = "c", .owner = "StatefulSet/db"});
  EXPECT_THAT(owners(objects.read()), ElementsAre("StatefulSet team/db 2 x nvidia.com/gpu",
                                                  "StatefulSet team/db 1 x 2 x nvidia.com/gpu"));
}

struct CountCase {
  const char* what;
  PodText pod;
  std::size_t planned;
  std::string left;     ///< what is left out; "" = nothing
  std::string devices;  ///< of the first GPU of its node
};

TEST(ClusterRead, SomePodsCountAndOthersOnlyHold) {
  const CountCase cases[] = {
      {"running", {.node = "n1"}, 1, "", "whole@0=p"},
      {"waiting", {}, 1, "", "whole@0=free"},
      {"bound, not yet started", {.node = "n1", .status = "phase: Pending"}, 1, "", "whole@0=p"},
      {"of an unknown phase", {.node = "n1", .status = "phase: Unknown"}, 1, "", "whole@0=p"},
      {"of another scheduler",
       {.node = "n1", .spec = "schedulerName: volcano"},
       1,
       "",
       "whole@0=p"},
      {"succeeded", {.node = "n1", .status = "phase: Succeeded"}, 0, "", "whole@0=free"},
      {"failed", {.node = "n1", .status = "phase: Failed"}, 0, "", "whole@0=free"},
      {"ending",
       {.node = "n1", .meta = "deletionTimestamp: \"2026-11-01T00:00:00Z\""},
       0,
       "1 pod: being deleted",
       "whole@0=team/p"},
      {"gated",
       {.spec = "schedulingGates: [{name: queue}]"},
       0,
       "1 pod: held back by a scheduling gate",
       "whole@0=free"},
      {"of a DaemonSet",
       {.node = "n1", .owner = "DaemonSet/agent"},
       0,
       "1 pod of a DaemonSet: one on each node is no demand of a known size",
       "whole@0=team/p"},
      {"static",
       {.node = "n1", .owner = "Node/n1", .annotations = "kubernetes.io/config.mirror: \"1\""},
       0,
       "1 pod of a DaemonSet: one on each node is no demand of a known size",
       "whole@0=team/p"},
      {"without a GPU", {.asks = "cpu: 1", .node = "n1"}, 0, "", "whole@0=free"},
      {"on a node that is gone", {.node = "n9"}, 0, "1 pod: its node is not there", "whole@0=free"},
      {"on a node of no known type",
       {.node = "odd"},
       0,
       "1 pod: runs on a node that cannot be priced",
       "whole@0=free"},
  };
  for (const CountCase& one : cases) {
    Objects objects = one_node();
    objects.node("odd", "p99.large", "nvidia.com/gpu: \"1\"").pod(one.pod);
    const cluster::Cluster cluster = objects.read();
    EXPECT_EQ(cluster.demand.pods.size(), one.planned) << one.what;
    EXPECT_EQ(cluster.pods.size(), one.planned) << one.what;
    const std::vector<std::string> left =
        one.left.empty() ? std::vector<std::string>{} : std::vector<std::string>{one.left};
    EXPECT_EQ(left_out(cluster), left) << one.what;
    EXPECT_EQ(devices_of(cluster).substr(0, one.devices.size()), one.devices) << one.what;
  }
}

TEST(ClusterRead, PodsWithoutGpusAreCounted) {
  Objects objects = one_node();
  objects.pod({.name = "a", .asks = "memory: 1Gi", .node = "n1", .cpu = "2"})
      .pod({.name = "b", .asks = "memory: 1Gi", .node = "elsewhere", .cpu = "1"})
      .pod({.name = "c", .asks = "nvidia.com/gpu: 0", .node = "n1"})
      .pod({.name = "d", .asks = "memory: 1Gi", .node = "n1", .owner = "DaemonSet/logs"});
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(cluster.demand.cpu_only_pods, 3);
  EXPECT_EQ(cluster.demand.cpu_only_milli, 3'100);
  EXPECT_EQ(cluster.nodes[0].cpu_pods, 2);
  EXPECT_THAT(cluster.demand.pods, IsEmpty());
}

TEST(ClusterRead, UsedIsWhatAllPodsOfTheNodeAskFor) {
  Objects objects = one_node();
  objects.pod({.name = "a", .node = "n1", .cpu = "4"})
      .pod({.name = "b", .asks = "memory: 1Gi", .node = "n1", .cpu = "2"})
      .pod({.name = "c", .asks = "memory: 1Gi", .node = "n1", .owner = "DaemonSet/x", .cpu = "1"})
      .pod({.name = "d", .node = "n1", .status = "phase: Succeeded", .cpu = "9"});
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(cluster.nodes[0].used.cpu_milli, 7'000);
  EXPECT_EQ(cluster.nodes[0].used.pods, 3);
  EXPECT_EQ(cluster.nodes[0].used_by_others.cpu_milli, 3'000);
  EXPECT_EQ(cluster.nodes[0].used_by_others.pods, 2);
}

TEST(ClusterRead, FixedPodsSayWhy) {
  const std::pair<PodText, const char*> cases[] = {
      {{.owner = "StatefulSet/db"}, ""},
      {{}, "bare pod"},
      {{.owner = "Job/j"}, "Job"},
      {{.owner = "Job/js-w-0", .labels = "jobset.sigs.k8s.io/jobset-name: js"}, "Job"},
      {{.owner = "StatefulSet/db", .annotations = "karpenter.sh/do-not-disrupt: \"true\""},
       "do-not-disrupt"},
      {{.annotations = "karpenter.sh/do-not-disrupt: \"true\""}, "do-not-disrupt"},
      {{.annotations = "karpenter.sh/do-not-disrupt: \"false\""}, "bare pod"},
  };
  for (const auto& [pod, why] : cases) {
    const cluster::Cluster cluster = one_node().pod(pod).read();
    ASSERT_EQ(cluster.pods.size(), 1u);
    EXPECT_EQ(cluster.pods[0].fixed, why);
  }
}

TEST(ClusterRead, WaitingPodsHaveTheSchedulersWords) {
  Objects objects = one_node();
  objects
      .pod({.name = "a",
            .status = "nominatedNodeName: n1, conditions: [{type: PodScheduled, status: \"False\", "
                      "reason: Unschedulable, message: 0/1 nodes have it}]"})
      .pod({.name = "b", .node = "n1", .meta = "creationTimestamp: \"1970-01-01T00:00:05Z\""});
  const cluster::Cluster cluster = objects.read();
  ASSERT_EQ(cluster.pods.size(), 2u);
  EXPECT_EQ(cluster.pods[0].waits, "0/1 nodes have it");
  EXPECT_EQ(cluster.pods[0].nominated, "n1");
  EXPECT_EQ(cluster.pods[0].node, kNone);
  EXPECT_EQ(cluster.pods[0].elsewhere, "");
  EXPECT_EQ(cluster.pods[1].waits, "");
  EXPECT_EQ(cluster.pods[1].node, 0u);
  EXPECT_EQ(cluster.pods[1].created_ms, 5'000);
  EXPECT_THAT(cluster.nodes[0].pods, ElementsAre(1u));
}

TEST(ClusterRead, WithoutNodesPodsArePlannedAllTheSame) {
  ClusterReading reading = Objects().pod({.name = "a", .node = "n1"}).pod({.name = "b"}).reading();
  for (KindReading& kind : reading.kinds)
    if (kind.kind->kind == "Node") kind.state = KindState::Forbidden, kind.why = "no right";
  const auto cluster = read_cluster(reading, testing::us_east(), {});
  ASSERT_TRUE(cluster.has_value());
  ASSERT_EQ(cluster->pods.size(), 2u);
  EXPECT_EQ(cluster->pods[0].elsewhere, "n1");
  EXPECT_EQ(cluster->pods[1].elsewhere, "");
  EXPECT_THAT(
      cluster->demand.notes,
      ElementsAre(
          "nodes could not be read (no right), so what stands and what it costs is not known."));
}

TEST(ClusterRead, OneNamespaceOnlyIsSaid) {
  ClusterReading reading = one_node().reading();
  reading.only_namespace = "team";
  const auto cluster = read_cluster(reading, testing::us_east(), {});
  ASSERT_TRUE(cluster.has_value());
  EXPECT_THAT(cluster->demand.notes, ElementsAre("Only pods of namespace team could be read: what "
                                                 "others hold counts as idle."));
}

TEST(ClusterRead, UnreadableObjectsAreLeftOutAndTold) {
  Objects objects = one_node();
  objects.add("{apiVersion: v1, kind: Pod, metadata: {name: x, namespace: team}}")
      .add("{apiVersion: v1, kind: Node, metadata: {name: y}}")
      .object("autoscaling/v2", "HorizontalPodAutoscaler", "h", "spec: {minReplicas: many}")
      .pod({.name = "good", .node = "n1"});
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(cluster.nodes.size(), 1u);
  EXPECT_EQ(cluster.demand.pods.size(), 1u);
  const std::vector<std::string> left = left_out(cluster);
  ASSERT_EQ(left.size(), 3u);
  EXPECT_THAT(left[0], HasSubstr("1 node: it cannot be read: "));
  EXPECT_THAT(left[1], HasSubstr("1 pod: it cannot be read: "));
  EXPECT_EQ(left[2], "1 HorizontalPodAutoscaler: it cannot be read");
}

TEST(ClusterRead, VeryManyReasonsAreToldTogether) {
  Objects objects = one_node();
  for (int i = 0; i < 100; ++i)
    objects.add("{apiVersion: v1, kind: Pod, metadata: {namespace: team, name: x" +
                std::to_string(i) + "}}");
  const std::vector<std::string> left = left_out(objects.read());
  EXPECT_EQ(left.size(), 65u);
  EXPECT_EQ(left.back(), "36 pod: other reasons");
}

TEST(ClusterRead, APodOfGpusThatCannotBeReadIsNeverTakenForNone) {
  Objects objects = one_node();
  objects.pod({.asks = "nvidia.com/teapot: 1", .node = "n1"});
  const cluster::Cluster cluster = objects.read();
  ASSERT_EQ(cluster.demand.pods.size(), 1u);
  const cluster::PodShape& shape = cluster.demand.shapes[cluster.demand.pods[0].shape];
  EXPECT_THAT(shape.gpu, IsEmpty());
  ASSERT_EQ(shape.unplaceable.size(), 1u);
  EXPECT_THAT(shape.unplaceable[0].why, HasSubstr("nvidia.com/teapot"));
}

TEST(ClusterRead, OfPodsOfOneNameTheFirstStays) {
  Objects objects = one_node();
  objects.pod({.node = "n1", .ns = "default"})
      .add(
          "{apiVersion: v1, kind: Pod, metadata: {name: p, uid: z, resourceVersion: \"9\"}, spec: "
          "{nodeName: n1, containers: [{name: c, resources: {limits: {nvidia.com/gpu: 1}}}]}}");
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(cluster.demand.pods.size(), 1u);
  EXPECT_THAT(left_out(cluster), ElementsAre("1 pod: another one of its name stands before it"));
}

TEST(ClusterRead, EntriesOfATypedListNeedNoKind) {
  Objects objects;
  objects.add(
      "{apiVersion: v1, kind: PodList, items: [{metadata: {name: p, namespace: team, uid: u, "
      "resourceVersion: \"1\"}, spec: {containers: [{name: c, resources: {limits: "
      "{nvidia.com/gpu: 1}}}]}}]}");
  EXPECT_THAT(owners(objects.read()), ElementsAre("Pod team/p 1 x nvidia.com/gpu"));
}

TEST(ClusterRead, OverheadIsTheMostOnOneGpuNode) {
  Objects objects = one_node();
  objects.node("n2", "g4dn.xlarge", "nvidia.com/gpu: \"1\"")
      .pod({.name = "a", .asks = "memory: 1Gi", .node = "n1", .owner = "DaemonSet/x", .cpu = "1"})
      .pod({.name = "b", .asks = "memory: 3Gi", .node = "n2", .owner = "DaemonSet/mesh"})
      .pod({.name = "c",
            .asks = "memory: 3Gi",
            .node = "n2",
            .owner = "DaemonSet/mesh",
            .meta = "deletionTimestamp: \"2026-11-01T00:00:00Z\"",
            .cpu = "50"})
      .pod({.name = "d", .asks = "memory: 9Gi", .node = "n1"});
  const market::NodeOverhead& overhead = objects.read().demand.overhead;
  EXPECT_EQ(overhead.daemonsets, (Resources{1'000, 3 * 1024, 0, 1}));
  EXPECT_EQ(overhead.source, "DaemonSet pods on the cluster's GPU nodes");
}

TEST(ClusterRead, WithoutGpuNodesOverheadIsThatOfDaemonSets) {
  Objects objects;
  objects.pod({});
  objects.object("apps/v1", "DaemonSet", "logs",
                 "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, "
                 "spec: {containers: [{name: c, resources: {requests: {cpu: 250m}}}]}}}");
  EXPECT_EQ(objects.read().demand.overhead.daemonsets.cpu_milli, 250);
}

TEST(ClusterRead, AutoscalersOfWorkloadsWithGpusAreRead) {
  Objects objects = one_node();
  const auto scaler = [&](const char* name, const char* target, const char* bounds) {
    objects.object("autoscaling/v2", "HorizontalPodAutoscaler", name,
                   std::string("spec: {scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, "
                               "name: ") +
                       target + "}" + bounds + "}");
  };
  scaler("h1", "db", ", minReplicas: 2, maxReplicas: 6");
  scaler("h2", "web", "");
  scaler("h3", "none-such", ", maxReplicas: 9");
  objects
      .pod({.name = "a",
            .owner = "StatefulSet/db",
            .meta = "creationTimestamp: \"2026-11-01T00:00:00Z\""})
      .pod({.name = "b",
            .asks = "nvidia.com/gpu: 2",
            .owner = "StatefulSet/db",
            .meta = "creationTimestamp: \"2026-11-02T00:00:00Z\""})
      .pod({.name = "c", .owner = "StatefulSet/web"});
  const cluster::Cluster cluster = objects.read();
  ASSERT_EQ(cluster.autoscalers.size(), 2u);
  EXPECT_EQ(cluster.demand.workloads[cluster.autoscalers[0].workload].asks, "2 x nvidia.com/gpu")
      << "the request of the newest pods";
  EXPECT_EQ(cluster.autoscalers[0].least, 2);
  EXPECT_EQ(cluster.autoscalers[0].most, 6);
  EXPECT_EQ(cluster.demand.workloads[cluster.autoscalers[1].workload].name, "web");
  EXPECT_EQ(cluster.autoscalers[1].least, 1);
  EXPECT_EQ(cluster.autoscalers[1].most, 1);
}

}  // namespace
}  // namespace kerf::codec
