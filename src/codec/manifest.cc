// Manifests -> Demand. First all objects are collected, because they refer to each other in any
// order; then each is read once, its template once; at the end shapes are interned and pods named.
#include "codec/manifest.h"

#include <fmt/format.h>

#include <optional>
#include <tuple>
#include <utility>

#include "codec/daemonsets.h"
#include "codec/demand_draft.h"
#include "codec/manifest_input.h"
#include "codec/overrides.h"
#include "codec/pod_spec.h"
#include "codec/reading_notes.h"
#include "codec/workloads.h"

namespace kerf::codec {
namespace {

constexpr auto kHoursOfMonth = static_cast<double>(kHoursPerMonth);

class ManifestReader {
 public:
  ManifestReader(const ManifestOptions& options, const gpu::Catalogue& gpus,
                 cluster::Demand& demand)
      : options_(options), gpus_(gpus), demand_(demand), daemonsets_(options.daemonset_overhead) {
    total_ = static_cast<std::int64_t>(demand.pods.size());
  }

  Result<void> run(const std::vector<Document>& documents) {
    KERF_CHECK_OK(input_.collect(documents));
    KERF_CHECK_OK(resolve_replicas());
    for (std::size_t i = 0; i < input_.objects().size(); ++i) {
      const auto& [object, pods] = input_.objects()[i];
      if (pods) {
        KERF_CHECK_OK(read_workload_object(i, object, *pods));
      } else {
        leave_out(object);
      }
    }
    KERF_CHECK_OK(set_hours());
    std::move(draft_).move_to(demand_);
    notes_.tell(demand_);
    daemonsets_.tell(demand_.overhead);
    return {};
  }

 private:
  Result<void> resolve_replicas() {
    std::vector<OverrideTarget> targets;
    for (std::size_t i = 0; !options_.replicas.empty() && i < input_.objects().size(); ++i) {
      const auto& [object, pods] = input_.objects()[i];
      if (!pods || *pods == PodKind::DaemonSet) continue;
      KERF_TRY(const bool elsewhere, input_.counted_elsewhere(object));
      if (!elsewhere) targets.push_back({object.kind, object.ns, object.name, i});
    }
    for (const auto& [key, count] : options_.replicas) {
      if (count < 0 || count > kPodsMax) {
        return invalid(fmt::format("--replicas {}={}: expected 0 to {}", key, count, kPodsMax));
      }
    }
    KERF_TRY(replicas_, resolve_overrides("--replicas", options_.replicas, targets));
    return {};
  }

  void leave_out(const KubeObject& object) {
    if (object.kind == "HorizontalPodAutoscaler" || object.kind == "ScaledObject") {
      ++notes_.autoscalers;
    }
    if (object.kind == "LimitRange" && object.group.empty()) ++notes_.limit_ranges;
    const bool gpus = asks_for_gpus(object);
    std::string name = object.kind.substr(0, 64);
    if (gpus && is_pod_kind_elsewhere(object)) {
      name += fmt::format(" of {}{}", object.group.empty() ? "" : object.group.substr(0, 64) + "/",
                          object.version.substr(0, 64));
    }
    if (gpus) ++notes_.unread_with_gpus[name];
    const std::string kind = " of kind " + name;
    notes_.leave_out("object" + kind, "objects" + kind,
                     gpus ? "asks for GPUs, but Kerf does not read this kind"
                     : has_containers(*object.root)
                         ? "has containers, but Kerf does not read this kind"
                         : "holds no pods");
  }

  Result<void> read_workload_object(std::size_t index, const KubeObject& object, PodKind kind) {
    KERF_TRY(const bool dropped, drop(object, kind));
    if (dropped) return {};
    if (is_outdated(object)) ++notes_.outdated;
    const auto replicas = replicas_.find(index);
    KERF_TRY(const WorkloadPods pods,
             read_workload(
                 object, kind,
                 replicas == replicas_.end() ? std::nullopt : std::optional(replicas->second)));
    KERF_TRY(const bool running, is_assigned(object, kind));
    std::vector<PodTemplate> templates;
    for (const Node* node : pods.templates) {
      KERF_TRY(PodTemplate one,
               read_pod(object, *node, pods.labels, running, input_.surroundings(), gpus_));
      one.shape.unplaceable.insert(one.shape.unplaceable.end(), pods.unplaceable.begin(),
                                   pods.unplaceable.end());
      templates.push_back(std::move(one));
    }
    KERF_TRY(const auto owner, controller_of(object));
    const bool of_daemonset = kind == PodKind::Pod && owner && owner->kind == "DaemonSet";
    if (kind == PodKind::DaemonSet || of_daemonset) {
      daemonsets_.add(object.ns, of_daemonset ? owner->name : object.name, templates[0], notes_);
      return {};
    }
    if (pods.suspended && kind == PodKind::CronJob) {
      notes_.leave_out("CronJob", "CronJobs", "suspended");
      return {};
    }
    if (pods.runs.empty()) {
      notes_.leave_out("workload", "workloads", "no replicas");
      return {};
    }
    notes_.suspended_jobs += pods.suspended ? 1 : 0;
    return add(object, kind, owner, pods, templates);
  }

  /// Pods and workloads that are no demand of their own.
  Result<bool> drop(const KubeObject& object, PodKind kind) {
    KERF_TRY(const bool ended, has_ended(object, kind));
    KERF_TRY(const std::string_view deleted, object.text(object.metadata(), "deletionTimestamp"));
    KERF_TRY(const Labels annotations, object.labels(object.metadata(), "annotations"));
    KERF_TRY(const auto owner, controller_of(object));
    KERF_TRY(const bool elsewhere, input_.counted_elsewhere(object));
    const std::string what = kind == PodKind::Pod ? "pod" : object.kind;
    if (ended) {
      notes_.leave_out(what, what + "s", "ended");
    } else if (!deleted.empty()) {
      notes_.leave_out(what, what + "s", "being deleted");
    } else if (annotations.contains("kubernetes.io/config.mirror") ||
               (owner && owner->kind == "Node")) {
      notes_.leave_out("static pod", "static pods", "part of a node");
    } else if (elsewhere) {
      notes_.leave_out(what, what + "s", "counted with the controller, which is in the input");
    } else {
      return false;
    }
    return true;
  }

  /// True for pods as the cluster has them: with a status, nodeName is the scheduler's choice.
  static Result<bool> is_assigned(const KubeObject& object, PodKind kind) {
    if (kind != PodKind::Pod) return false;
    KERF_TRY(const Node* status, object.mapping(object.root, "status"));
    KERF_TRY(const std::string_view phase, object.text(status, "phase"));
    return !phase.empty();
  }

  Result<void> add(const KubeObject& object, PodKind kind, const std::optional<Controller>& owner,
                   const WorkloadPods& pods, const std::vector<PodTemplate>& templates) {
    std::int64_t count = 0;
    bool any_planned = false;
    for (const PodRun& run : pods.runs) {
      count += run.count;
      any_planned |= templates[run.pod].planned;
    }
    total_ += count;
    if (total_ > kPodsMax) {
      return object.wrong(*object.root,
                          fmt::format("with this one the input has {} pods; at most {} are planned",
                                      total_, kPodsMax),
                          ErrorCode::TooLarge);
    }
    std::optional<DemandDraft::WorkloadId> workload;  // none: CPU-only
    if (kind == PodKind::Pod && owner) {
      if (any_planned) workload = group_of(object, *owner, templates[0]);
    } else {
      if (any_planned) workload = draft_.add(described(object, pods.transient, asks_of(templates)));
      if (pods.transient) add_hour_target(object.kind, object.ns, object.name, workload);
    }
    std::vector<DemandDraft::ShapeId> shapes;
    for (const PodTemplate& pod : templates) {
      shapes.push_back(pod.planned ? draft_.shape(pod.shape) : 0);
    }
    for (const PodRun& run : pods.runs) {
      const PodTemplate& pod = templates[run.pod];
      if (!pod.planned) {
        demand_.cpu_only_pods += run.count;
        demand_.cpu_only_milli += run.count * pod.shape.requests.cpu_milli;
      } else if (pods.claim_templates != nullptr) {
        KERF_CHECK_OK(add_with_claims(object, *pods.claim_templates, run, pod, *workload));
      } else {
        note(pod, run.count);
        draft_.add_pods(*workload, shapes[run.pod], run);
      }
    }
    return {};
  }

  static std::string asks_of(const std::vector<PodTemplate>& templates) {
    if (templates.size() == 1 || templates[0].asks == templates[1].asks) return templates[0].asks;
    const auto words = [](const PodTemplate& pod) {
      return pod.asks.empty() ? std::string("no GPU") : pod.asks;
    };
    return fmt::format("leader {}, workers {}", words(templates[1]), words(templates[0]));
  }

  static cluster::Workload described(const KubeObject& object, bool transient, std::string asks) {
    cluster::Workload workload;
    workload.kind = object.kind;
    workload.ns = object.ns;
    workload.name = object.name;
    workload.asks = std::move(asks);
    workload.source = object.source();
    workload.transient = transient;
    if (transient) workload.hours_per_month = 0;  // until --hours says otherwise
    return workload;
  }

  /// Like pods of one controller that is not in the input are one workload, named as it.
  DemandDraft::WorkloadId group_of(const KubeObject& object, const Controller& owner,
                                   const PodTemplate& pod) {
    std::string kind = owner.kind;
    std::string name = owner.name;
    std::string deployment =
        kind == "ReplicaSet" ? deployment_of(name, pod.shape.labels) : std::string();
    if (!deployment.empty()) {
      kind = "Deployment";
      name = std::move(deployment);
    }
    const auto [group, fresh] = groups_.try_emplace({kind, object.ns, name, pod.asks}, 0);
    if (!fresh) return group->second;
    cluster::Workload workload = described(object, kind == "Job", pod.asks);
    workload.kind = kind;
    workload.name = name;
    group->second = draft_.add(std::move(workload));
    if (kind == "Job") add_hour_target(kind, object.ns, name, group->second);
    return group->second;
  }

  void add_hour_target(const std::string& kind, const std::string& ns, const std::string& name,
                       std::optional<DemandDraft::WorkloadId> workload) {
    hour_targets_.push_back({kind, ns, name, hour_targets_.size()});
    hour_workloads_.push_back(workload);
  }

  void note(const PodTemplate& pod, std::int64_t count) {
    notes_.preferred_pods += pod.preferred ? count : 0;
    notes_.gated_pods += pod.gated ? count : 0;
    notes_.pods_of_unknown_zone += pod.zones_unknown ? count : 0;
    if (!pod.unknown_priority.empty()) notes_.unknown_priorities.insert(pod.unknown_priority);
  }

  /// A StatefulSet's pods each have claims of their own: <template>-<set>-<ordinal>.
  Result<void> add_with_claims(const KubeObject& object, const Node& claim_templates,
                               const PodRun& run, const PodTemplate& pod,
                               DemandDraft::WorkloadId workload) {
    const VolumeIndex& volumes = input_.surroundings().volumes;
    struct ClaimTemplate {
      std::string name;
      VolumeReach reach;  // of claims that are yet to be made
    };
    std::vector<ClaimTemplate> claims;
    for (const Node& node : claim_templates.items) {
      KERF_CHECK_OK(object.expect_mapping(node));
      KERF_TRY(const Node* metadata, object.mapping(&node, "metadata"));
      KERF_TRY(const Node* spec, object.mapping(&node, "spec"));
      KERF_TRY(const std::string_view name, object.text(metadata, "name"));
      KERF_TRY(const auto storage_class, storage_class_of(object, metadata, spec));
      claims.push_back({std::string(name), volumes.of_class(storage_class)});
    }
    // Without claims in the input all ordinals are alike.
    const std::int64_t step = volumes.has_claims() ? 1 : run.count;
    for (std::int64_t i = 0; i < run.count; i += step) {
      PodTemplate one = pod;
      for (const ClaimTemplate& claim : claims) {
        const std::string name = fmt::format("{}-{}-{}", claim.name, run.prefix, run.first + i);
        bind_volume(
            volumes.has_claim(object.ns, name) ? volumes.of_claim(object.ns, name) : claim.reach,
            one);
      }
      note(one, step);
      draft_.add_pods(workload, draft_.shape(std::move(one.shape)),
                      {run.pod, run.prefix, run.first + i, step});
    }
    return {};
  }

  Result<void> set_hours() {
    KERF_TRY(const auto hours, resolve_overrides("--hours", options_.hours, hour_targets_));
    for (const auto& [target, value] : hours) {
      if (!(value >= 0 && value <= kHoursOfMonth)) {
        return invalid(fmt::format("--hours {}={}: expected 0 to {} hours a month",
                                   hour_targets_[target].name, value, kHoursOfMonth));
      }
      if (!hour_workloads_[target]) continue;
      draft_.workload(*hour_workloads_[target]).hours_per_month = value;
    }
    return {};
  }

  const ManifestOptions& options_;
  const gpu::Catalogue& gpus_;
  cluster::Demand& demand_;
  ManifestInput input_;
  DaemonSets daemonsets_;
  ReadingNotes notes_;
  std::map<std::size_t, std::int64_t> replicas_;  ///< --replicas by object
  DemandDraft draft_;
  /// Workloads made of pods, by kind, namespace, name and what they ask for.
  std::map<std::tuple<std::string, std::string, std::string, std::string>, DemandDraft::WorkloadId>
      groups_;
  std::vector<OverrideTarget> hour_targets_;
  std::vector<std::optional<DemandDraft::WorkloadId>> hour_workloads_;  ///< none: CPU-only
  std::int64_t total_ = 0;
};

}  // namespace

Result<void> read_manifests(const std::vector<Document>& documents, const ManifestOptions& options,
                            const gpu::Catalogue& gpus, cluster::Demand& demand) {
  return ManifestReader(options, gpus, demand).run(documents);
}

}  // namespace kerf::codec
