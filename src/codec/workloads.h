// Kinds that hold pods: how many, from which template, under which names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/kube_object.h"
#include "core/cluster/pod.h"

namespace kerf::codec {

/// Closed list of the kinds whose pods Kerf plans.
enum class PodKind : std::uint8_t {
  Pod,
  Deployment,
  StatefulSet,
  ReplicaSet,
  ReplicationController,
  Job,
  CronJob,
  DaemonSet,
  LeaderWorkerSet,
};

/// nullopt for every other kind; also for one of these names in a group that is not its own.
std::optional<PodKind> pod_kind(const KubeObject& object);
/// True for a kind of that name in another API group: apiVersion v1 for a Deployment, by mistake.
bool is_pod_kind_elsewhere(const KubeObject& object);
/// True for versions that API servers no longer serve (extensions/v1beta1, apps/v1beta1 ...).
bool is_outdated(const KubeObject& object);
/// True if somewhere in the object there is a list of containers: the kind holds pods after all.
bool has_containers(const Node& root);
/// True if somewhere in an object of a kind that is not read, resources ask for GPUs. False for
/// kinds that repeat what other objects ask for: revisions, queue entries, nodes being made.
bool asks_for_gpus(const KubeObject& object);

/// Like-named pods of one template.
struct PodRun {
  std::size_t pod = 0;      ///< index in WorkloadPods::templates
  std::string prefix;       ///< pods are "<prefix>-<first>", "<prefix>-<first + 1>" ...
  std::int64_t first = -1;  ///< negative: the one pod is named as the prefix
  std::int64_t count = 1;
};

struct WorkloadPods {
  std::vector<const Node*> templates;  ///< mappings with metadata and spec
  std::vector<PodRun> runs;
  bool transient = false;                         ///< Job, CronJob
  bool suspended = false;                         ///< spec.suspend
  Labels labels;                                  ///< that the controller adds to its pods
  const Node* claim_templates = nullptr;          ///< StatefulSet
  std::vector<cluster::Unplaceable> unplaceable;  ///< of the workload as a whole
};

/// Reads one object of a pod kind. `replicas` stands in for the object's own figure: pods of a Job,
/// groups of a LeaderWorkerSet. TooLarge beyond 1,000,000 pods. A DaemonSet has one run of one pod.
Result<WorkloadPods> read_workload(const KubeObject& object, PodKind kind,
                                   std::optional<std::int64_t> replicas);

inline constexpr std::int64_t kPodsMax = 1'000'000;  ///< in one input

/// The owner that controls the object (metadata.ownerReferences), if any.
struct Controller {
  std::string kind;
  std::string name;
};
Result<std::optional<Controller>> controller_of(const KubeObject& object);

/// A Pod or Job that has ended: status.phase Succeeded or Failed; condition Complete or Failed.
Result<bool> has_ended(const KubeObject& object, PodKind kind);

}  // namespace kerf::codec
