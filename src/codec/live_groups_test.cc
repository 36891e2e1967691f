// Tests of groups that are of use only as a whole: Jobs, LeaderWorkerSets, JobSets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/catalogue.h"
#include "codec/live_objects.h"
#include "codec/live_objects_testing.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using control::Workload;
using ::testing::HasSubstr;
using testing::kRunningPod;
using testing::object_of;
using testing::replaced;

Workload group_of(const std::string& yaml, const Surroundings& around = {}) {
  auto read = read_workload_group(object_of(yaml), around, builtin_catalogue());
  if (read) return *std::move(read);
  ADD_FAILURE() << read.error().message();
  return {};
}

/// The Job of kRunningPod, as the API server returns it in a list.
const std::string kJob = R"(
metadata:
  name: finetune
  namespace: research
  uid: 77d1a9b0-25c4-4f2b-9a37-3d1b3d2a1e55
  resourceVersion: "48000"
  generation: 1
spec:
  parallelism: 4
  completions: 10
  completionMode: Indexed
  backoffLimit: 6
  suspend: false
  selector: {matchLabels: {batch.kubernetes.io/controller-uid: 77d1a9b0-25c4-4f2b-9a37-3d1b3d2a1e55}}
  template:
    metadata:
      labels:
        app: finetune
        batch.kubernetes.io/controller-uid: 77d1a9b0-25c4-4f2b-9a37-3d1b3d2a1e55
        batch.kubernetes.io/job-name: finetune
        controller-uid: 77d1a9b0-25c4-4f2b-9a37-3d1b3d2a1e55
        job-name: finetune
    spec:
      restartPolicy: Never
      schedulerName: default-scheduler
      priorityClassName: batch
      tolerations: [{key: example.com/batch, operator: Exists}]
      initContainers:
      - name: cache
        restartPolicy: Always
        resources:
          limits: {cpu: 500m, memory: 1Gi, nvidia.com/mig-1g.10gb: "1"}
      containers:
      - name: train
        resources:
          limits: {nvidia.com/mig-1g.10gb: "1", memory: 8Gi}
          requests: {nvidia.com/mig-1g.10gb: "1", cpu: "4", memory: 8Gi, ephemeral-storage: 10Gi}
status:
  active: 4
  ready: 3
  succeeded: 2
  uncountedTerminatedPods: {}
)";

Surroundings with_priorities() {
  Surroundings around;
  around.priorities["batch"] = 1000;
  return around;
}

TEST(LiveGroup, OfAJobWantsPodsOfTheShapeThatItsPodsHave) {
  const Workload job = group_of(kJob, with_priorities());
  EXPECT_EQ(job.kind, "Job");
  EXPECT_EQ(job.at_once, 4);
  EXPECT_EQ(job.group, "");
  EXPECT_EQ(job.family(), "77d1a9b0-25c4-4f2b-9a37-3d1b3d2a1e55");
  const auto pod = read_live_pod(object_of(kRunningPod), with_priorities(), builtin_catalogue());
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->pod.owner.uid, job.family());
  EXPECT_EQ(job.shape, pod->pod.shape);
}

TEST(LiveGroup, OfAJobCountsWhatIsLeft) {
  struct Case {
    const char* from;
    const char* to;
    std::int64_t at_once;
  };
  const Case cases[] = {
      {"succeeded: 2", "succeeded: 7", 3},
      {"succeeded: 2", "succeeded: 10", 0},
      {"succeeded: 2", "succeeded: 11", 0},
      {"parallelism: 4", "parallelism: 40", 8},
      {"parallelism: 4", "parallelism: 1", 0},
      {"  parallelism: 4\n", "", 0},
      {"  completions: 10\n", "", 0},
      {"suspend: false", "suspend: true", 0},
      {"  generation: 1\n", "  deletionTimestamp: \"2026-11-29T16:00:00Z\"\n", 0},
      {"  active: 4", "  conditions: [{type: Complete, status: \"True\"}]", 0},
      {"  active: 4", "  conditions: [{type: Failed, status: \"True\"}]", 0},
      {"  active: 4", "  conditions: [{type: Suspended, status: \"False\"}]", 4},
      {"nvidia.com/mig-1g.10gb: \"1\"", "memory.example: \"1\"", 0},
      {"      containers:", "      containres:", 0},
      {"  template:", "  tmpl:", 0},
  };
  for (const Case& one : cases)
    EXPECT_EQ(group_of(replaced(kJob, one.from, one.to)).at_once, one.at_once) << one.to;
  const auto wrong = read_workload_group(
      object_of(replaced(kJob, "parallelism: 4", "parallelism: some")), {}, builtin_catalogue());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message(),
            "Job research/finetune: spec.parallelism: expected a whole number, got a string "
            "(\"some\")");
}

const std::string kPodTemplate =
    "{metadata: {labels: {app: llm}}, spec: {containers: [{name: c, resources: {limits: "
    "{nvidia.com/gpu: 8, cpu: \"10\"}}}]}}";

std::string leader_worker_set(const std::string& more) {
  return "apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\n"
         "metadata: {name: llm, namespace: serve, uid: l1, resourceVersion: \"9\"}\n"
         "spec: {replicas: 3, leaderWorkerTemplate: {size: 4, workerTemplate: " +
         kPodTemplate + more + "}}\n";
}

TEST(LiveGroup, OfALeaderWorkerSetIsAllItsPods) {
  const Workload set = group_of(leader_worker_set(""));
  EXPECT_EQ(set.kind, "LeaderWorkerSet");
  EXPECT_EQ(set.at_once, 12);
  EXPECT_EQ(set.family(), "LeaderWorkerSet/serve/llm");

  const auto worker = read_live_pod(object_of(R"(
metadata:
  name: llm-0-2
  namespace: serve
  uid: w
  resourceVersion: "10"
  labels:
    app: llm
    apps.kubernetes.io/pod-index: "2"
    controller-revision-hash: llm-0-5f7c
    leaderworkerset.sigs.k8s.io/group-index: "0"
    leaderworkerset.sigs.k8s.io/group-key: 689ad2f29cd9
    leaderworkerset.sigs.k8s.io/name: llm
    leaderworkerset.sigs.k8s.io/template-revision-hash: 5dfdbb4c5f
    leaderworkerset.sigs.k8s.io/worker-index: "2"
    statefulset.kubernetes.io/pod-name: llm-0-2
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: llm-0, uid: s, controller: true}]
spec:
  priority: 0
  tolerations:
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  containers: [{name: c, resources: {limits: {nvidia.com/gpu: "8", cpu: "10"}, requests: {nvidia.com/gpu: "8", cpu: "10"}}}]
)"),
                                    {}, builtin_catalogue());
  ASSERT_TRUE(worker);
  EXPECT_EQ(worker->pod.meta.labels.at(control::kGroupLabel), set.family());
  EXPECT_EQ(worker->pod.shape, set.shape);
}

TEST(LiveGroup, OfALeaderWorkerSetCountsPodsWithAGpuOfOneShape) {
  const std::string plain = ", leaderTemplate: {spec: {containers: [{name: c}]}}";
  EXPECT_EQ(group_of(leader_worker_set(plain)).at_once, 9) << "leaders need no GPU";
  const std::string other = ", leaderTemplate: " + replaced(kPodTemplate, "gpu: 8", "gpu: 1");
  EXPECT_EQ(group_of(leader_worker_set(other)).at_once, 0) << "of two shapes";
  EXPECT_EQ(group_of(leader_worker_set(", leaderTemplate: " + kPodTemplate)).at_once, 12);
  EXPECT_EQ(group_of(replaced(leader_worker_set(""), "size: 4", "size: 1")).at_once, 0);
  EXPECT_EQ(group_of(replaced(leader_worker_set(""), "replicas: 3", "replicas: 0")).at_once, 0);
  EXPECT_EQ(group_of(replaced(leader_worker_set(""), "replicas: 3", "replicas: 1000000")).at_once,
            0)
      << "more than can be";
}

std::string job_set(const std::string& more) {
  return "kind: JobSet\nmetadata: {name: sweep, namespace: train, uid: j1, resourceVersion: "
         "\"9\"}\n"
         "spec: {replicatedJobs: [{name: driver, template: {spec: {template: {spec: {containers: "
         "[{name: c}]}}}}}, {name: workers, replicas: 2, template: {spec: {parallelism: 3, "
         "completions: 3, template: " +
         kPodTemplate + "}}}]}\n" + more;
}

TEST(LiveGroup, OfAJobSetIsThePodsOfItsJobs) {
  const Workload set = group_of(job_set(""));
  EXPECT_EQ(set.kind, "JobSet");
  EXPECT_EQ(set.at_once, 6);
  EXPECT_EQ(set.family(), "JobSet/train/sweep");
  EXPECT_EQ(group_of(job_set("status: {replicatedJobsStatus: [{name: driver, succeeded: 1}, "
                             "{name: workers, succeeded: 1, ready: 1}]}"))
                .at_once,
            3);
  EXPECT_EQ(group_of(job_set("status: {terminalState: Completed}")).at_once, 0);
  EXPECT_EQ(group_of(job_set("status: {conditions: [{type: Failed, status: \"True\"}]}")).at_once,
            0);
  EXPECT_EQ(group_of(replaced(job_set(""), "spec: {replicatedJobs",
                              "spec: {suspend: true, replicatedJobs"))
                .at_once,
            0);

  const auto pod = read_live_pod(object_of(R"(
metadata:
  name: sweep-workers-1-0-abcde
  namespace: train
  uid: w
  resourceVersion: "10"
  labels:
    app: llm
    batch.kubernetes.io/controller-uid: c
    batch.kubernetes.io/job-completion-index: "0"
    batch.kubernetes.io/job-name: sweep-workers-1
    controller-uid: c
    job-name: sweep-workers-1
    jobset.sigs.k8s.io/global-replicas: "3"
    jobset.sigs.k8s.io/job-index: "1"
    jobset.sigs.k8s.io/job-key: ab12
    jobset.sigs.k8s.io/jobset-name: sweep
    jobset.sigs.k8s.io/jobset-uid: j1
    jobset.sigs.k8s.io/replicatedjob-name: workers
    jobset.sigs.k8s.io/restart-attempt: "0"
spec:
  priority: 0
  containers: [{name: c, resources: {limits: {nvidia.com/gpu: "8", cpu: "10"}, requests: {nvidia.com/gpu: "8", cpu: "10"}}}]
)"),
                                 {}, builtin_catalogue());
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->pod.meta.labels.at(control::kGroupLabel), set.family());
  EXPECT_EQ(pod->pod.shape, set.shape);
}

}  // namespace
}  // namespace kerf::codec
