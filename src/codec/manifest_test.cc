// Tests of read_manifests: kinds and their counts, what is left out, groups, the examples.
#include "codec/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "codec/manifest_testing.h"

namespace kerf::codec {
namespace {

using cluster::Demand;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST(Manifest, CountsThePodsOfEveryKind) {
  const std::string t(kTemplate);
  struct Case {
    std::string yaml;
    std::vector<std::string> names;
    bool transient;
  };
  const Case cases[] = {
      {deployment("d", "3"), {"d-0", "d-1", "d-2"}, false},
      {object("apps/v1", "Deployment", "d", t), {"d-0"}, false},
      {object("extensions/v1beta1", "Deployment", "d", t), {"d-0"}, false},
      {object("apps/v1", "ReplicaSet", "r", "replicas: 2, " + t), {"r-0", "r-1"}, false},
      {object("v1", "ReplicationController", "c", "replicas: 2, " + t), {"c-0", "c-1"}, false},
      {object("apps/v1", "StatefulSet", "s", "replicas: 2, ordinals: {start: 5}, " + t),
       {"s-5", "s-6"},
       false},
      {object("batch/v1", "Job", "j", t), {"j-0"}, true},
      {job("j", "parallelism: 3"), {"j-0", "j-1", "j-2"}, true},
      {job("j", "completions: 3"), {"j-0"}, true},
      {job("j", "parallelism: 5, completions: 2"), {"j-0", "j-1"}, true},
      {object(
           "batch/v1", "CronJob", "c",
           "schedule: '@daily', jobTemplate: {spec: {parallelism: 2, completions: 4, " + t + "}}"),
       {"c-0", "c-1"},
       true},
      {object("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "l",
              "replicas: 2, leaderWorkerTemplate: {size: 3, workerTemplate: " + t.substr(10) + "}"),
       {"l-0", "l-0-1", "l-0-2", "l-1", "l-1-1", "l-1-2"},
       false},
      {"{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{resources: {limits: "
       "{nvidia.com/gpu: 1}}}]}}",
       {"p"},
       false},
      {"{apiVersion: v1, kind: Pod, metadata: {generateName: p-}, spec: {containers: [{resources: "
       "{limits: {nvidia.com/gpu: 1}}}]}}",
       {"p-0"},
       false},
  };
  for (const Case& c : cases) {
    const Demand demand = demand_of(c.yaml);
    EXPECT_EQ(names_of(demand), c.names) << c.yaml;
    ASSERT_THAT(demand.workloads, SizeIs(1)) << c.yaml;
    EXPECT_EQ(demand.workloads[0].pods, static_cast<std::int64_t>(c.names.size()));
    EXPECT_EQ(demand.workloads[0].transient, c.transient) << c.yaml;
    EXPECT_EQ(demand.workloads[0].hours_per_month, c.transient ? 0 : 730) << c.yaml;
    EXPECT_THAT(demand.shapes, SizeIs(1)) << c.yaml;
  }
}

TEST(Manifest, DescribesWorkloads) {
  const Demand demand = demand_of(
      "# first\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: embed, namespace: search}\n"
      "spec: {replicas: 2, " +
      std::string(kTemplate) + "}\n");
  ASSERT_THAT(demand.workloads, SizeIs(1));
  const cluster::Workload& workload = demand.workloads[0];
  EXPECT_EQ(workload.kind, "Deployment");
  EXPECT_EQ(workload.ns, "search");
  EXPECT_EQ(workload.name, "embed");
  EXPECT_EQ(workload.asks, "nvidia.com/mig-1g.10gb");
  EXPECT_EQ(workload.source, "t.yaml:2");
  EXPECT_EQ(demand.shapes[0].ns, "search");
  EXPECT_EQ(demand.shapes[0].labels.at("app"), "web");
}

TEST(Manifest, TakesListsApart) {
  const std::string items =
      "items: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, "
      "spec: {" +
      std::string(kTemplate) + "}}]";
  EXPECT_THAT(names_of(demand_of("{apiVersion: v1, kind: List, " + items + "}")),
              ElementsAre("d-0"));
  const std::string bare =
      "items: [{metadata: {name: p}, spec: {containers: [{resources: {limits: "
      "{nvidia.com/gpu: 1}}}]}}]";
  EXPECT_THAT(names_of(demand_of("{apiVersion: v1, kind: PodList, " + bare + "}")),
              ElementsAre("p"));
  EXPECT_THAT(demand_of("{apiVersion: v1, kind: List, items: []}").pods, IsEmpty());
  EXPECT_THAT(
      refusal_of("{apiVersion: v1, kind: List, items: [7]}"),
      HasSubstr("t.yaml:1:38: expected a Kubernetes object with apiVersion and kind, got an "
                "integer, \"7\""));
}

TEST(Manifest, CountsCpuOnlyPodsWithoutPlanningThem) {
  const Demand demand = demand_of(deployment("web", "3", kCpuTemplate) + deployment("gpu", "1"));
  EXPECT_THAT(names_of(demand), ElementsAre("gpu-0"));
  EXPECT_THAT(demand.workloads, SizeIs(1));
  EXPECT_EQ(demand.cpu_only_pods, 3);
  EXPECT_EQ(demand.cpu_only_milli, 6000);
}

TEST(Manifest, LeavesOtherKindsAloneAndSaysSo) {
  const Demand demand = demand_of(
      object("v1", "Service", "a", "ports: []") + object("v1", "Service", "b", "ports: []") +
      object("v1", "ConfigMap", "c", "") +
      object("kubeflow.org/v1", "PyTorchJob", "t",
             "pytorchReplicaSpecs: {Worker: {replicas: 2, " + std::string(kTemplate) + "}}") +
      object("example.com/v1", "Deployment", "own", "size: 1"));
  EXPECT_THAT(demand.pods, IsEmpty());
  EXPECT_THAT(left_out(demand),
              UnorderedElementsAre("2 objects of kind Service: holds no pods",
                                   "1 object of kind ConfigMap: holds no pods",
                                   "1 object of kind PyTorchJob: asks for GPUs, but Kerf does not "
                                   "read this kind",
                                   "1 object of kind Deployment: holds no pods"));
}

TEST(Manifest, TellsFirstWhichUnreadKindsAskForGpus) {
  const std::string model = "resources: {limits: {nvidia.com/gpu: 1}}";
  const std::string cpu = "spec: {containers: [{resources: {limits: {cpu: 1}}}]}";
  const Demand demand = demand_of(
      object("serving.kserve.io/v1beta1", "InferenceService", "a",
             "predictor: {model: {" + model + "}}") +
      object("ray.io/v1", "RayCluster", "b",
             "workerGroupSpecs: [{template: {spec: {containers: [{" + model + "}]}}}]") +
      object("ray.io/v1", "RayCluster", "c", "headGroupSpec: {template: {" + cpu + "}}") +
      object("example.com/v1", "Model", "d", "resources: {limits: {nvidia.com/gpu: '0'}}") +
      object("karpenter.sh/v1", "NodePool", "e", "limits: {nvidia.com/gpu: 8}") +
      object("karpenter.sh/v1", "NodeClaim", "f", "resources: {requests: {nvidia.com/gpu: 1}}") +
      "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: g}, data: {" + model +
      "}}\n");
  EXPECT_THAT(demand.notes,
              ElementsAre("2 objects ask for GPUs, of kinds that Kerf does not read: "
                          "InferenceService, RayCluster. Their pods are planned only where the "
                          "input has the pods themselves, as kubectl get pods -A -o json prints "
                          "them."));
}

TEST(Manifest, NamesTheGroupOfAKindThatIsReadOnlyOfAnother) {
  const Demand demand = demand_of(object("app/v1", "Deployment", "a", std::string(kTemplate)) +
                                  object("v1", "StatefulSet", "b", std::string(kTemplate)));
  EXPECT_THAT(demand.notes, ElementsAre(HasSubstr("Deployment of app/v1, StatefulSet of v1.")));
}

TEST(Manifest, DoesNotSayLeftOutOfWhatItReads) {
  const Demand demand = demand_of(
      deployment("d", "1") + object("v1", "Namespace", "default", "") +
      object("v1", "PersistentVolumeClaim", "c", "storageClassName: gp3") +
      "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}, value: 7}\n"
      "---\n"
      "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: gp3}}\n"
      "---\n"
      "{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: nvidia}}\n");
  EXPECT_THAT(left_out(demand), IsEmpty());
}

TEST(Manifest, TellsWhatItAssumes) {
  const Demand demand =
      demand_of(object("autoscaling/v2", "HorizontalPodAutoscaler", "h", "maxReplicas: 9") +
                object("extensions/v1beta1", "Deployment", "d", std::string(kTemplate)) +
                object("v1", "LimitRange", "l", "limits: []") + job("j", "suspend: true"));
  EXPECT_THAT(
      demand.notes,
      ElementsAre("1 autoscaler is in the input: the replicas of the manifests are planned, "
                  "minimum and maximum are not used.",
                  "1 object is of an API version that is no longer served, and read as of "
                  "the current one.",
                  "1 LimitRange is in the input: default requests are not applied to pods.",
                  "1 suspended Job is planned as if running."));
}

TEST(Manifest, NamesPodsOfAJobWithAGeneratedName) {
  EXPECT_THAT(names_of(demand_of("{apiVersion: batch/v1, kind: Job, metadata: {generateName: t-}, "
                                 "spec: {" +
                                 std::string(kTemplate) + "}}")),
              ElementsAre("t-0"));
}

TEST(Manifest, LeavesOutWhatIsNoDemand) {
  const auto pod = [](const std::string& metadata, const std::string& status) {
    return "{apiVersion: v1, kind: Pod, metadata: {" + metadata +
           "}, spec: {containers: [{resources: {limits: {nvidia.com/gpu: 1}}}]}, status: {" +
           status + "}}\n---\n";
  };
  const Demand demand = demand_of(
      pod("name: a", "phase: Succeeded") + pod("name: b", "phase: Failed") +
      pod("name: c, deletionTimestamp: '2026-01-01T00:00:00Z'", "phase: Running") +
      pod("name: d, annotations: {kubernetes.io/config.mirror: x}", "phase: Running") +
      pod("name: e, ownerReferences: [{kind: Node, name: n1, controller: true}]",
          "phase: Running") +
      deployment("f", "0") +
      object("batch/v1", "CronJob", "g",
             "suspend: true, jobTemplate: {spec: {" + std::string(kTemplate) + "}}") +
      "{apiVersion: batch/v1, kind: Job, metadata: {name: h}, spec: {" + std::string(kTemplate) +
      "}, status: {conditions: [{type: Complete, status: 'True'}]}}\n---\n" +
      pod("name: z", "phase: Pending"));
  EXPECT_THAT(names_of(demand), ElementsAre("z"));
  EXPECT_THAT(
      left_out(demand),
      UnorderedElementsAre("2 pods: ended", "1 pod: being deleted", "2 static pods: part of a node",
                           "1 workload: no replicas", "1 CronJob: suspended", "1 Job: ended"));
}

std::string owned(const std::string& name, const std::string& kind, const std::string& owner,
                  const std::string& labels = "") {
  return "{apiVersion: v1, kind: Pod, metadata: {name: " + name + ", labels: {" + labels +
         "}, ownerReferences: [{apiVersion: x, kind: " + kind + ", name: " + owner +
         ", controller: true}]}, spec: {nodeName: n1, containers: [{resources: {limits: "
         "{nvidia.com/mig-1g.10gb: 1}}}]}, status: {phase: Running}}\n---\n";
}

TEST(Manifest, CountsPodsOfAControllerInTheInputOnce) {
  const std::string hash = "pod-template-hash: 7c9";
  const std::string replica_set =
      "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: d-7c9, ownerReferences: [{kind: "
      "Deployment, name: d, controller: true}]}, spec: {replicas: 2, " +
      std::string(kTemplate) + "}}\n---\n";
  const std::string pods =
      owned("d-7c9-a", "ReplicaSet", "d-7c9", hash) + owned("d-7c9-b", "ReplicaSet", "d-7c9", hash);
  for (const std::string& between : {replica_set, std::string()}) {
    EXPECT_THAT(names_of(demand_of(pods + between + deployment("d", "2"))),
                ElementsAre("d-0", "d-1"));
  }
  EXPECT_THAT(names_of(demand_of(job("j", "parallelism: 1") + owned("j-x", "Job", "j"))),
              ElementsAre("j-0"));
  const std::string cron =
      object("batch/v1", "CronJob", "c", "jobTemplate: {spec: {" + std::string(kTemplate) + "}}");
  EXPECT_THAT(names_of(demand_of(cron + owned("c-291-x", "Job", "c-291"))), ElementsAre("c-0"));
  EXPECT_THAT(names_of(demand_of(owned("s-0", "StatefulSet", "s") +
                                 object("apps/v1", "StatefulSet", "s", std::string(kTemplate)))),
              ElementsAre("s-0"));
}

TEST(Manifest, CountsJobsThatAreMadeByHandFromASuspendedCronJob) {
  const auto cron = [](const char* suspend) {
    return object("batch/v1", "CronJob", "c",
                  std::string("suspend: ") + suspend + ", jobTemplate: {spec: {" +
                      std::string(kTemplate) + "}}");
  };
  const std::string made =
      "{apiVersion: batch/v1, kind: Job, metadata: {name: c-now, ownerReferences: [{kind: CronJob, "
      "name: c, controller: true}]}, spec: {" +
      std::string(kTemplate) + "}}\n---\n";
  EXPECT_THAT(names_of(demand_of(cron("true") + made)), ElementsAre("c-now-0"));
  EXPECT_THAT(names_of(demand_of(cron("false") + made)), ElementsAre("c-0"));
  EXPECT_THAT(names_of(demand_of(cron("true") + owned("c-291-x", "Job", "c-291"))),
              ElementsAre("c-291-x"));
}

TEST(Manifest, GroupsPodsOfAControllerThatIsNotInTheInput) {
  const std::string hash = "pod-template-hash: 7c9";
  const Demand demand = demand_of(
      owned("d-7c9-a", "ReplicaSet", "d-7c9", hash) +
      owned("s-0", "StatefulSet", "s",
            "statefulset.kubernetes.io/pod-name: s-0, apps.kubernetes.io/pod-index: '0'") +
      owned("d-7c9-b", "ReplicaSet", "d-7c9", hash) +
      owned("s-1", "StatefulSet", "s",
            "statefulset.kubernetes.io/pod-name: s-1, apps.kubernetes.io/pod-index: '1'") +
      owned("j-x", "Job", "j") + owned("t-0", "PyTorchJob", "t"));
  ASSERT_THAT(demand.workloads, SizeIs(4));
  EXPECT_EQ(demand.workloads[0].kind, "Deployment");
  EXPECT_EQ(demand.workloads[0].name, "d");
  EXPECT_EQ(demand.workloads[0].pods, 2);
  EXPECT_EQ(demand.workloads[1].kind, "StatefulSet");
  EXPECT_EQ(demand.workloads[2].kind, "Job");
  EXPECT_TRUE(demand.workloads[2].transient);
  EXPECT_EQ(demand.workloads[3].kind, "PyTorchJob");
  EXPECT_THAT(names_of(demand), ElementsAre("d-7c9-a", "d-7c9-b", "s-0", "s-1", "j-x", "t-0"));
  EXPECT_EQ(demand.pods[2].shape, demand.pods[3].shape) << "ordinals alone make no shape";
}

TEST(Manifest, KeepsLabelsOfOnePodThatSomebodySelects) {
  const std::string chooser =
      "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{resources: {limits: "
      "{nvidia.com/gpu: 1}}}], affinity: {podAffinity: "
      "{requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, "
      "labelSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: s-1}}}]}}}}\n---\n";
  const Demand demand = demand_of(
      chooser + owned("s-0", "StatefulSet", "s", "statefulset.kubernetes.io/pod-name: s-0") +
      owned("s-1", "StatefulSet", "s", "statefulset.kubernetes.io/pod-name: s-1"));
  ASSERT_THAT(demand.pods, SizeIs(3));
  EXPECT_NE(demand.pods[1].shape, demand.pods[2].shape);
}

TEST(Manifest, InternsOneShapeForATemplateHoweverManyPods) {
  const Demand demand = demand_of(deployment("d", "200000"));
  EXPECT_THAT(demand.shapes, SizeIs(1));
  EXPECT_THAT(demand.pods, SizeIs(200'000));
  EXPECT_EQ(demand.pods.back().name, "d-199999");
}

TEST(Manifest, ReadsLeadersApartFromWorkers) {
  const Demand demand =
      demand_of(object("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "l",
                       "replicas: 2, leaderWorkerTemplate: {size: 2, leaderTemplate: " +
                           std::string(kCpuTemplate.substr(10)) +
                           ", workerTemplate: " + std::string(kTemplate.substr(10)) + "}"));
  EXPECT_THAT(names_of(demand), ElementsAre("l-0-1", "l-1-1"));
  EXPECT_EQ(demand.cpu_only_pods, 2);
  EXPECT_EQ(demand.workloads[0].pods, 2);
  EXPECT_EQ(demand.workloads[0].asks, "leader no GPU, workers nvidia.com/mig-1g.10gb");
}

TEST(Manifest, DoesNotPlanExclusivePlacementOfGroups) {
  const Demand demand = demand_of(
      "{apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, metadata: {name: l, "
      "annotations: {leaderworkerset.sigs.k8s.io/exclusive-topology: rack}}, spec: "
      "{leaderWorkerTemplate: {size: 2, workerTemplate: " +
      std::string(kTemplate.substr(10)) + "}}}");
  ASSERT_THAT(demand.shapes, SizeIs(1));
  EXPECT_THAT(demand.shapes[0].unplaceable, SizeIs(1));
}

TEST(Manifest, SelectsByTheNameOfAJob) {
  EXPECT_EQ(demand_of(job("j", "parallelism: 1")).shapes[0].labels.at("job-name"), "j");
}

// --- examples ------------------------------------------------------------------------------------

std::vector<Document> documents_of(const std::string& file) {
  std::ifstream in(std::string(KERF_SOURCE_DIR) + "/examples/" + file);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  auto documents = parse_yaml(text, file);
  if (documents) return *std::move(documents);
  ADD_FAILURE() << documents.error().message();
  return {};
}

TEST(Manifest, ReadsTheExamples) {
  struct Case {
    std::vector<std::string> files;
    std::vector<std::string> workloads;
    std::size_t pods;
  };
  const Case cases[] = {
      {{"first-slice/pod.yaml"}, {"1 gpu-slice-workload: nvidia.com/mig-1g.5gb"}, 1},
      {{"inference/embeddings.yaml", "inference/llm.yaml"},
       {"9 embed: kerf.dev/gpu-5gi", "4 rerank: kerf.dev/gpu-4gi-shared",
        "6 llama-8b: kerf.dev/gpu-20gi", "2 qwen-32b: kerf.dev/gpu-40gi",
        "4 whisper: kerf.dev/gpu-10gi"},
       25},
      {{"notebooks/notebooks.yaml"},
       {"24 notebook: nvidia.com/mig-1g.10gb", "5 notebook-large: nvidia.com/mig-3g.40gb",
        "6 nightly-evaluation: nvidia.com/mig-2g.20gb"},
       35},
      {{"training/training.yaml"},
       {"1 fine-tune: 4 x nvidia.com/gpu", "3 chat: nvidia.com/mig-3g.40gb",
        "7 guard: kerf.dev/gpu-10gi-isolated"},
       11},
  };
  for (const Case& c : cases) {
    Demand demand;
    std::vector<Document> documents;
    for (const std::string& file : c.files) {
      for (Document& document : documents_of(file)) documents.push_back(std::move(document));
    }
    const auto read = read_manifests(documents, {}, builtin_catalogue(), demand);
    ASSERT_TRUE(read) << read.error().message();
    std::vector<std::string> workloads;
    for (const cluster::Workload& w : demand.workloads) {
      workloads.push_back(std::to_string(w.pods) + " " + w.name + ": " + w.asks);
    }
    EXPECT_EQ(workloads, c.workloads) << c.files[0];
    EXPECT_THAT(demand.pods, SizeIs(c.pods)) << c.files[0];
    EXPECT_THAT(demand.notes, IsEmpty()) << c.files[0];
  }
  Demand training;
  ASSERT_TRUE(
      read_manifests(documents_of("training/training.yaml"), {}, builtin_catalogue(), training));
  EXPECT_EQ(training.overhead.daemonsets, (Resources{300, 456, 0, 1}));
  Demand inference;
  ASSERT_TRUE(
      read_manifests(documents_of("inference/llm.yaml"), {}, builtin_catalogue(), inference));
  EXPECT_THAT(left_out(inference), ElementsAre("1 object of kind Service: holds no pods"));
  EXPECT_THAT(inference.shapes[1].anti_affinity, SizeIs(1));
}

}  // namespace
}  // namespace kerf::codec
