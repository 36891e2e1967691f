// Tests of live pods: what is read of them, and what becomes of one that cannot be read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/catalogue.h"
#include "codec/live_objects.h"
#include "codec/live_objects_testing.h"
#include "codec/timestamp.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using control::Pod;
using control::PodPhase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using testing::kPendingPod;
using testing::kRunningPod;
using testing::object_of;
using ::testing::Pair;
using testing::replaced;
using ::testing::UnorderedElementsAre;

Result<LivePod> try_pod(std::string_view yaml, const Surroundings& around = {}) {
  return read_live_pod(object_of(yaml), around, builtin_catalogue());
}

LivePod live_pod(std::string_view yaml, const Surroundings& around = {}) {
  auto read = try_pod(yaml, around);
  if (read) return *std::move(read);
  ADD_FAILURE() << read.error().message();
  return {};
}

std::int64_t at(const char* text) { return parse_timestamp(text).value(); }

TEST(LivePod, ThatRunsIsReadWithItsDevices) {
  const LivePod read = live_pod(kRunningPod);
  EXPECT_EQ(read.trouble, "");
  EXPECT_FALSE(read.depends);
  const Pod& pod = read.pod;
  EXPECT_EQ(pod.meta.ns, "research");
  EXPECT_EQ(pod.meta.name, "finetune-1-x7k2p");
  EXPECT_EQ(pod.meta.uid, "3b0c9a52-6f0e-4c8a-8d51-0f6f6b1c2f11");
  EXPECT_EQ(pod.meta.version, 48211);
  EXPECT_EQ(pod.meta.created, at("2026-11-29T16:00:00Z"));
  EXPECT_EQ(pod.meta.deleted, 0);
  EXPECT_EQ(pod.meta.labels.size(), 6u);
  EXPECT_EQ(pod.owner, (control::Owner{"Job", "finetune", "77d1a9b0-25c4-4f2b-9a37-3d1b3d2a1e55"}));
  EXPECT_EQ(pod.scheduler, "default-scheduler");
  EXPECT_EQ(pod.node, "node-a");
  EXPECT_EQ(pod.nominated, "");
  EXPECT_EQ(pod.phase, PodPhase::Running);
  EXPECT_TRUE(pod.admitted);
  EXPECT_FALSE(pod.gated);
  EXPECT_FALSE(pod.mirror);
  EXPECT_FALSE(pod.unschedulable);
  EXPECT_THAT(pod.devices,
              ElementsAre(control::HeldDevice{"nvidia.com/mig-1g.10gb", "gpu0/1g.10gb@0"},
                          control::HeldDevice{"nvidia.com/mig-1g.10gb", "gpu0/1g.10gb@3"}));
}

TEST(LivePod, HasTheShapeThatTheSchedulerCountsAndNoNumbersOfItsOwn) {
  const cluster::PodShape shape = live_pod(kRunningPod).pod.shape;
  EXPECT_EQ(shape.ns, "research");
  EXPECT_THAT(shape.labels, ElementsAre(Pair("app", "finetune")));
  EXPECT_EQ(shape.requests, (Resources{4500, 9 * 1024, 10 * 1024, 1}));
  ASSERT_EQ(shape.gpu.size(), 1u);
  EXPECT_EQ(shape.gpu[0].profile, "1g.10gb");
  EXPECT_EQ(shape.gpu[0].count, 2);
  EXPECT_EQ(shape.priority, 1000);
  EXPECT_THAT(shape.tolerations,
              ElementsAre(cluster::Toleration{"example.com/batch", true, "", ""}));
  EXPECT_THAT(shape.unplaceable, IsEmpty()) << "that it has a node is no demand for that node";
}

TEST(LivePod, ToleratesWhatItSaysItselfAndTaintsOfWholeGpus) {
  const auto tolerations = [](const std::string& resource) {
    return live_pod(replaced(replaced(std::string(kPendingPod), "nvidia.com/mig-2g.20gb: \"1\"",
                                      resource + ": \"1\""),
                             "  priority: 0\n",
                             "  priority: 0\n  tolerations:\n  - {key: " + resource +
                                 ", operator: Exists, effect: NoSchedule}\n  - {key: "
                                 "nvidia.com/mig-1g.5gb, operator: Exists, effect: NoSchedule}\n"))
        .pod.shape.tolerations;
  };
  const cluster::Toleration other{"nvidia.com/mig-1g.5gb", true, "", "NoSchedule"};
  EXPECT_THAT(tolerations("nvidia.com/mig-2g.20gb"), ElementsAre(other));
  EXPECT_THAT(tolerations("kerf.dev/gpu-10gi"), ElementsAre(other));
  EXPECT_THAT(tolerations("nvidia.com/gpu"),
              ElementsAre(cluster::Toleration{"nvidia.com/gpu", true, "", "NoSchedule"}, other));
}

TEST(LivePod, IsKeptOutWhereItDoesNotTolerateTheTaintOfNodesThatKerfBuys) {
  const auto kept_out = [](const std::string& toleration) {
    return live_pod(replaced(std::string(kPendingPod), "  priority: 0\n",
                             "  priority: 0\n  tolerations: [" + toleration + "]\n"))
        .pod.kept_out;
  };
  EXPECT_TRUE(kept_out(""));
  EXPECT_TRUE(kept_out("{key: nvidia.com/gpu, operator: Exists}"));
  EXPECT_TRUE(kept_out("{key: kerf.dev/slices, operator: Exists, effect: NoExecute}"));
  EXPECT_FALSE(kept_out("{key: kerf.dev/slices, operator: Exists, effect: NoSchedule}"));
  EXPECT_FALSE(kept_out("{key: kerf.dev/slices, operator: Exists}"));
  EXPECT_FALSE(kept_out("{operator: Exists}"));
}

TEST(LivePod, ThatAsksForAGpuIsKnownAsSuchThoughItsSpecCannotBeRead) {
  for (const auto& [resource, asks] : {std::pair{"nvidia.com/mig-1g.10g", true},
                                       {"kerf.dev/gpu-11gi", true},
                                       {"example.com/fpga", false}}) {
    const LivePod read = live_pod(replaced(
        replaced(std::string(kPendingPod), "nvidia.com/mig-2g.20gb", resource), "\"1\"", "\"x\""));
    EXPECT_NE(read.trouble, "");
    EXPECT_EQ(read.pod.unread, asks) << resource;
  }
}

TEST(LivePod, KeepsLabelsThatItsOwnRulesLookAt) {
  const std::string yaml = replaced(std::string(kPendingPod), "  priority: 0\n", R"(  priority: 0
  topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: DoNotSchedule
    labelSelector: {matchLabels: {app: web}}
    matchLabelKeys: [pod-template-hash]
)");
  EXPECT_THAT(live_pod(yaml).pod.shape.labels,
              UnorderedElementsAre(Key("app"), Key("pod-template-hash")));
  EXPECT_THAT(live_pod(kPendingPod).pod.shape.labels, UnorderedElementsAre(Key("app")));
}

TEST(LivePod, OfEachRunOfATemplateHasOneShape) {
  const auto shape = [](const std::string& run, const std::string& rule) {
    std::string yaml = replaced(
        std::string(kRunningPod), "batch.kubernetes.io/job-name: finetune",
        "batch.kubernetes.io/job-name: " + run + "\n    workflows.argoproj.io/workflow: " + run);
    yaml = replaced(yaml, "    job-name: finetune", "    job-name: " + run);
    return live_pod(replaced(yaml, "  priority: 1000\n", "  priority: 1000\n" + rule)).pod.shape;
  };
  EXPECT_EQ(shape("night-1", ""), shape("night-2", ""));
  const std::string apart = R"(  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector: {matchExpressions: [{key: job-name, operator: Exists}]}
)";
  EXPECT_NE(shape("night-1", apart), shape("night-2", apart)) << "its own rule looks at it";
}

TEST(LivePod, OfADaemonSetAsksForItsNode) {
  const auto shape = [](const std::string& terms) {
    return live_pod(replaced(std::string(kPendingPod), "  priority: 0\n",
                             "  priority: 0\n  affinity: {nodeAffinity: "
                             "{requiredDuringSchedulingIgnoredDuringExecution: "
                             "{nodeSelectorTerms: " +
                                 terms + "}}}\n"))
        .pod.shape;
  };
  const auto field = [](const std::string& op, const std::string& names) {
    return "matchFields: [{key: metadata.name, operator: " + op + ", values: [" + names + "]}]";
  };
  using cluster::Operator;
  using cluster::Requirement;
  const Requirement here{control::kNodeNameField, Operator::In, {"node-a"}};
  const Requirement labelled{"team", Operator::Exists, {}};
  const cluster::PodShape own = shape("[{" + field("In", "node-a") + "}]");
  EXPECT_THAT(own.unplaceable, IsEmpty());
  EXPECT_THAT(own.node_affinity, ElementsAre(ElementsAre(here)));
  const std::string by_label = "matchExpressions: [{key: team, operator: Exists}]";
  EXPECT_THAT(shape("[{" + by_label + ", " + field("In", "node-a") + "}]").node_affinity,
              ElementsAre(UnorderedElementsAre(here, labelled)));
  EXPECT_THAT(shape("[{" + by_label + "}, {" + field("In", "node-a") + "}]").node_affinity,
              UnorderedElementsAre(ElementsAre(here), ElementsAre(labelled)));
  EXPECT_THAT(
      shape("[{" + field("NotIn", "node-a") + "}]").node_affinity,
      ElementsAre(ElementsAre(Requirement{control::kNodeNameField, Operator::NotIn, {"node-a"}})));
  EXPECT_THAT(shape("[{}]").unplaceable, ::testing::SizeIs(1));
}

TEST(LivePod, ThatNoNodeCanTakeSaysSinceWhenAndWhy) {
  const Pod pod = live_pod(kPendingPod).pod;
  EXPECT_EQ(pod.phase, PodPhase::Pending);
  EXPECT_TRUE(pod.unschedulable);
  EXPECT_EQ(pod.judged, at("2026-11-29T16:00:09Z"));
  EXPECT_THAT(pod.message, HasSubstr("Insufficient nvidia.com/mig-2g.20gb"));
  EXPECT_EQ(pod.nominated, "node-b");
  EXPECT_EQ(pod.node, "");
  EXPECT_FALSE(pod.admitted);
  EXPECT_EQ(pod.owner.kind, "ReplicaSet");

  const std::string unprobed = replaced(
      std::string(kPendingPod), "lastProbeTime: \"2026-11-29T16:00:09Z\"", "lastProbeTime: null");
  EXPECT_EQ(live_pod(unprobed).pod.judged, at("2026-11-29T16:00:01Z"));
}

TEST(LivePod, IsReadInEveryState) {
  struct Case {
    const char* what;
    std::string from;
    std::string to;
    bool (*holds)(const Pod&);
  };
  const Case cases[] = {
      {"gated", "  priority: 0\n", "  priority: 0\n  schedulingGates: [{name: example.com/wait}]\n",
       [](const Pod& pod) { return pod.gated; }},
      {"gated, says the scheduler", "reason: Unschedulable", "reason: SchedulingGated",
       [](const Pod& pod) { return !pod.unschedulable; }},
      {"of another scheduler", "schedulerName: default-scheduler", "schedulerName: volcano",
       [](const Pod& pod) { return pod.scheduler == "volcano" && !pod.shape.unplaceable.empty(); }},
      {"mirror", "  labels:", "  annotations: {kubernetes.io/config.mirror: 0f}\n  labels:",
       [](const Pod& pod) { return pod.mirror; }},
      {"told to end", "  labels:",
       "  deletionTimestamp: \"2026-11-29T16:01:00Z\"\n  deletionGracePeriodSeconds: 30\n  labels:",
       [](const Pod& pod) { return pod.meta.deleted == at("2026-11-29T16:01:00Z"); }},
      {"refused by kubelet", "  phase: Pending",
       "  phase: Failed\n  reason: UnexpectedAdmissionError\n  message: Available 0",
       [](const Pod& pod) {
         return pod.phase == PodPhase::Failed && pod.reason == "UnexpectedAdmissionError" &&
                pod.message == "Available 0";
       }},
      {"done", "  phase: Pending", "  phase: Succeeded",
       [](const Pod& pod) { return pod.phase == PodPhase::Succeeded && pod.reason.empty(); }},
      {"of a lost node", "  phase: Pending", "  phase: Unknown",
       [](const Pod& pod) { return pod.phase == PodPhase::Running && !pod.done(); }},
      {"bare", "controller: true", "controller: false",
       [](const Pod& pod) { return pod.owner == control::Owner{}; }},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    const LivePod read = live_pod(replaced(std::string(kPendingPod), one.from, one.to));
    EXPECT_EQ(read.trouble, "");
    EXPECT_TRUE(one.holds(read.pod));
    EXPECT_FALSE(one.holds(live_pod(kPendingPod).pod));
  }
}

TEST(LivePod, WhoseSpecCannotBeReadKeepsItsNodeAndSaysWhy) {
  const LivePod read =
      live_pod(replaced(std::string(kRunningPod), "nvidia.com/mig-1g.10gb: \"1\", memory: 8Gi}",
                        "nvidia.com/mig-9g.1gb: \"1\", memory: lots}"));
  EXPECT_THAT(read.trouble, HasSubstr("Pod research/finetune-1-x7k2p: spec.containers[0]"));
  const Pod& pod = read.pod;
  EXPECT_EQ(pod.node, "node-a");
  EXPECT_EQ(pod.phase, PodPhase::Running);
  EXPECT_EQ(pod.devices.size(), 2u);
  EXPECT_EQ(pod.shape.ns, "research");
  EXPECT_EQ(pod.shape.requests.pods, 1);
  ASSERT_EQ(pod.shape.unplaceable.size(), 1u);
  EXPECT_THAT(pod.shape.unplaceable[0].why, HasSubstr("it cannot be read: API server: Pod"));
}

TEST(LivePod, DependsOnClaimsAndLabelsOfNamespaces) {
  const std::string term =
      "  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
      "[{topologyKey: kubernetes.io/hostname, labelSelector: {}, namespaceSelector: {matchLabels: "
      "{team: a}}}]}}\n";
  for (const std::string& more :
       {std::string("  volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]\n"),
        std::string("  volumes: [{name: d, ephemeral: {volumeClaimTemplate: {spec: {}}}}]\n"),
        term}) {
    const std::string yaml =
        replaced(std::string(kPendingPod), "  priority: 0\n", "  priority: 0\n" + more);
    EXPECT_TRUE(live_pod(yaml).depends) << more;
    EXPECT_EQ(live_pod(yaml).trouble, "") << more;
  }
  const std::string own =
      replaced(std::string(kPendingPod), "  priority: 0\n",
               "  priority: 0\n  volumes: [{name: d, emptyDir: {}}]\n" +
                   replaced(term, ", namespaceSelector: {matchLabels: {team: a}}", ""));
  EXPECT_FALSE(live_pod(own).depends);
}

TEST(LivePod, IsBoundToTheZoneOfItsVolume) {
  Surroundings around;
  const Node claim = object_of(
      "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: search}, "
      "spec: {volumeName: pv-1}}");
  const Node volume = object_of(
      "{apiVersion: v1, kind: PersistentVolume, metadata: {name: pv-1, labels: "
      "{topology.kubernetes.io/zone: us-east-1c}}}");
  for (const Node* one : {&claim, &volume})
    ASSERT_TRUE(around.add(KubeObject::read("t", *one).value()).value());
  const std::string yaml =
      replaced(std::string(kPendingPod), "  priority: 0\n",
               "  priority: 0\n  volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]\n");
  EXPECT_FALSE(live_pod(yaml).pod.shape.volume_zone_bound);
  const cluster::PodShape shape = live_pod(yaml, around).pod.shape;
  EXPECT_TRUE(shape.volume_zone_bound);
  EXPECT_THAT(shape.volume_zones, ElementsAre("us-east-1c"));
}

TEST(LivePod, OfAGroupIsToldByItsLabels) {
  const auto group = [](const char* label) {
    return live_pod(replaced(std::string(kPendingPod), "app: web", label))
        .pod.meta.labels[control::kGroupLabel];
  };
  EXPECT_EQ(group("leaderworkerset.sigs.k8s.io/name: llm"), "LeaderWorkerSet/search/llm");
  EXPECT_EQ(group("jobset.sigs.k8s.io/jobset-name: sweep"), "JobSet/search/sweep");
  EXPECT_EQ(group("app: web"), "");
}

TEST(LivePod, ErrorsNameKindObjectAndField) {
  struct Case {
    const char* from;
    const char* to;
    const char* message;
  };
  const Case cases[] = {
      {"  uid: 91c2\n", "", "Pod search/web-7d5b8c9f4-qhz2v: metadata: uid is missing"},
      {"  name: web-7d5b8c9f4-qhz2v\n", "", "metadata: name is missing"},
      {"  resourceVersion: \"501\"\n", "", "metadata: resourceVersion is missing"},
      {"\"501\"", "\"0x1\"", "metadata: resourceVersion \"0x1\"; expected a number"},
      {"\"501\"", "\"-5\"", "metadata: resourceVersion \"-5\"; expected a number"},
      {"creationTimestamp: \"2026-11-29T16:00:00Z\"", "creationTimestamp: today",
       "metadata.creationTimestamp: \"today\"; expected a time"},
      {"phase: Pending", "phase: [Pending]", "status.phase: expected a string, got a list"},
      {"nominatedNodeName: node-b", "nominatedNodeName: 7",
       "status.nominatedNodeName: expected a string"},
      {"schedulerName: default-scheduler", "nodeName: {}",
       "spec.nodeName: expected a string, got a mapping"},
      {"kind: ReplicaSet", "kind: 5", "metadata.ownerReferences[0].kind: expected a string"},
      {"reason: Unschedulable", "reason: 5", "status.conditions[0].reason: expected a string"},
  };
  for (const Case& one : cases) {
    const auto read = try_pod(replaced(std::string(kPendingPod), one.from, one.to));
    ASSERT_FALSE(read) << one.message;
    EXPECT_THAT(read.error().message(), HasSubstr(one.message));
    EXPECT_THAT(read.error().message(), ::testing::StartsWith("Pod"));
    EXPECT_EQ(read.error().code(), ErrorCode::InvalidArgument);
  }
  EXPECT_EQ(try_pod("[1]").error().message(), "Pod: expected a mapping, got a list");
  EXPECT_EQ(try_pod("{kind: Pod}").error().message(), "Pod: metadata is missing");
}

TEST(LivePod, RefusesListsThatAreTooLong) {
  std::string many = "status: {phase: Pending, containerStatuses: [";
  for (int i = 0; i <= 10'000; ++i) many += "{},";
  const auto read =
      try_pod("metadata: {name: p, namespace: ns, uid: u, resourceVersion: \"1\"}\n" + many + "]}");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::TooLarge);
  EXPECT_EQ(read.error().message(),
            "Pod ns/p: status.containerStatuses: 10001 entries; at most 10000 are read");
}

}  // namespace
}  // namespace kerf::codec
