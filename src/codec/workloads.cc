// Reads the counts and templates of the kinds that hold pods; defaults are those of the API server.
#include "codec/workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "codec/gpu_request.h"

namespace kerf::codec {
namespace {

struct KnownKind {
  std::string_view kind;
  std::string_view group;
  std::string_view old_group;  ///< where it was served once
  PodKind pods;
};
constexpr std::string_view kNone = "-";
constexpr KnownKind kKinds[] = {
    {"Pod", "", kNone, PodKind::Pod},
    {"Deployment", "apps", "extensions", PodKind::Deployment},
    {"StatefulSet", "apps", kNone, PodKind::StatefulSet},
    {"ReplicaSet", "apps", "extensions", PodKind::ReplicaSet},
    {"ReplicationController", "", kNone, PodKind::ReplicationController},
    {"Job", "batch", kNone, PodKind::Job},
    {"CronJob", "batch", kNone, PodKind::CronJob},
    {"DaemonSet", "apps", "extensions", PodKind::DaemonSet},
    {"LeaderWorkerSet", "leaderworkerset.x-k8s.io", kNone, PodKind::LeaderWorkerSet},
};

/// A GPU under `limits` or `requests` of a mapping `resources`, at any depth.
bool has_gpu_resources(const Node& node, bool is_resources) {
  for (const auto& [key, value] : node.members) {
    if (is_resources && (key == "limits" || key == "requests")) {
      for (const auto& [name, amount] : value.members) {
        const bool zero = amount.kind == Node::Kind::Int ? amount.integer == 0 : amount.text == "0";
        if (is_gpu_resource(name) && amount.is_scalar() && !amount.is_null() && !zero) return true;
      }
    }
    if (has_gpu_resources(value, key == "resources")) return true;
  }
  return std::any_of(node.items.begin(), node.items.end(),
                     [](const Node& item) { return has_gpu_resources(item, false); });
}

/// Reads the workload of one object into `out`.
class WorkloadReader {
 public:
  WorkloadReader(const KubeObject& object, std::optional<std::int64_t> replicas)
      : object_(object), replicas_(replicas) {}

  Result<WorkloadPods> read(PodKind kind) {
    if (object_.name.empty()) {
      return object_.wrong(*object_.root, "metadata.name is missing");
    }
    KERF_TRY(const Node* spec, object_.mapping(object_.root, "spec"));
    if (spec == nullptr) return object_.wrong(*object_.root, "spec is missing");
    switch (kind) {
      case PodKind::Pod: KERF_CHECK_OK(pod()); break;
      case PodKind::Job: KERF_CHECK_OK(job(*spec)); break;
      case PodKind::CronJob: KERF_CHECK_OK(cron_job(*spec)); break;
      case PodKind::LeaderWorkerSet: KERF_CHECK_OK(leader_worker_set(*spec)); break;
      case PodKind::DaemonSet:
        KERF_CHECK_OK(pod_template(*spec, "template"));
        run(0, object_.name, 0, 1);
        break;
      case PodKind::StatefulSet: KERF_CHECK_OK(stateful_set(*spec)); break;
      case PodKind::Deployment:
      case PodKind::ReplicaSet:
      case PodKind::ReplicationController: {
        KERF_CHECK_OK(pod_template(*spec, "template"));
        KERF_TRY(const std::int64_t count, count_of(*spec, "replicas", 1));
        run(0, object_.name, 0, count);
        break;
      }
    }
    return std::move(out_);
  }

 private:
  void run(std::size_t pod, std::string prefix, std::int64_t first, std::int64_t count) {
    if (prefix.ends_with('-')) prefix.pop_back();  // a generateName: "trial-"
    if (count > 0) out_.runs.push_back({pod, std::move(prefix), first, count});
  }

  Result<void> pod_template(const Node& parent, std::string_view key) {
    KERF_TRY(const Node* node, object_.mapping(&parent, key));
    if (node == nullptr) {
      return object_.wrong(parent, fmt::format("{} is missing: expected a pod template", key));
    }
    out_.templates.push_back(node);
    return {};
  }

  /// The field, or what stands in for it; at most kPodsMax.
  Result<std::int64_t> count_of(const Node& parent, std::string_view key, std::int64_t fallback) {
    constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
    KERF_TRY(const auto given, object_.integer(&parent, key, 0, kMax));
    const std::int64_t count = replicas_.value_or(given.value_or(fallback));
    const Node* field = parent.find(key);
    if (count > kPodsMax) return too_many(field == nullptr ? parent : *field, count);
    return count;
  }

  tl::unexpected<Error> too_many(const Node& at, std::int64_t count) {
    return object_.wrong(at, fmt::format("{} pods; at most {} are planned", count, kPodsMax),
                         ErrorCode::TooLarge);
  }

  Result<void> pod() {
    out_.templates.push_back(object_.root);
    KERF_TRY(const std::string_view own_name, object_.text(object_.metadata(), "name"));
    if (!replicas_ && !own_name.empty()) {
      run(0, object_.name, -1, 1);
      return {};
    }
    run(0, object_.name, 0, replicas_.value_or(1));
    return {};
  }

  Result<void> stateful_set(const Node& spec) {
    KERF_CHECK_OK(pod_template(spec, "template"));
    KERF_TRY(const std::int64_t count, count_of(spec, "replicas", 1));
    KERF_TRY(const Node* ordinals, object_.mapping(&spec, "ordinals"));
    KERF_TRY(const auto start,
             object_.integer(ordinals, "start", 0, std::numeric_limits<std::int32_t>::max()));
    run(0, object_.name, start.value_or(0), count);
    KERF_TRY(out_.claim_templates, object_.list(&spec, "volumeClaimTemplates"));
    return {};
  }

  /// At most `parallelism` pods at once, and never more than `completions`.
  Result<void> job(const Node& spec) {
    out_.transient = true;
    KERF_CHECK_OK(pod_template(spec, "template"));
    KERF_TRY(out_.suspended, object_.boolean(&spec, "suspend"));
    constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
    KERF_TRY(const auto completions, object_.integer(&spec, "completions", 0, kMax));
    KERF_TRY(std::int64_t count, count_of(spec, "parallelism", 1));
    if (!replicas_) count = std::min(count, completions.value_or(count));
    run(0, object_.name, 0, count);
    if (object_.kind == "Job") {
      out_.labels = {{"batch.kubernetes.io/job-name", object_.name}, {"job-name", object_.name}};
    }
    return {};
  }

  Result<void> cron_job(const Node& spec) {
    KERF_TRY(const Node* made, object_.mapping(&spec, "jobTemplate"));
    KERF_TRY(const Node* job_spec, object_.mapping(made, "spec"));
    if (job_spec == nullptr) {
      return object_.wrong(spec, "jobTemplate.spec is missing: expected the spec of a Job");
    }
    KERF_CHECK_OK(job(*job_spec));
    KERF_TRY(out_.suspended, object_.boolean(&spec, "suspend"));
    return {};
  }

  /// `replicas` groups of `size` pods, one of them the leader.
  Result<void> leader_worker_set(const Node& spec) {
    KERF_TRY(const Node* both, object_.mapping(&spec, "leaderWorkerTemplate"));
    if (both == nullptr) return object_.wrong(spec, "leaderWorkerTemplate is missing");
    KERF_CHECK_OK(pod_template(*both, "workerTemplate"));
    KERF_TRY(const Node* leader, object_.mapping(both, "leaderTemplate"));
    if (leader != nullptr) out_.templates.push_back(leader);
    KERF_TRY(const auto size, object_.integer(both, "size", 1, kPodsMax));
    KERF_TRY(const std::int64_t groups, count_of(spec, "replicas", 1));
    if (groups * size.value_or(1) > kPodsMax) return too_many(spec, groups * *size);
    for (std::int64_t group = 0; group < groups; ++group) {
      run(leader == nullptr ? 0 : 1, object_.name, group, 1);
      run(0, fmt::format("{}-{}", object_.name, group), 1, size.value_or(1) - 1);
    }
    KERF_TRY(const Labels annotations, object_.labels(object_.metadata(), "annotations"));
    for (const char* key : {"leaderworkerset.sigs.k8s.io/exclusive-topology",
                            "leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology"}) {
      if (!annotations.contains(key)) continue;
      out_.unplaceable.push_back({fmt::format("metadata.annotations[{}]", key),
                                  "Kerf does not plan exclusive placement of groups"});
    }
    out_.labels = {{"leaderworkerset.sigs.k8s.io/name", object_.name}};
    return {};
  }

  const KubeObject& object_;
  std::optional<std::int64_t> replicas_;
  WorkloadPods out_;
};

}  // namespace

std::optional<PodKind> pod_kind(const KubeObject& object) {
  for (const KnownKind& known : kKinds) {
    if (known.kind != object.kind) continue;
    if (known.group == object.group || known.old_group == object.group) return known.pods;
  }
  return std::nullopt;
}

bool is_pod_kind_elsewhere(const KubeObject& object) {
  return !pod_kind(object) &&
         std::any_of(std::begin(kKinds), std::end(kKinds),
                     [&](const KnownKind& known) { return known.kind == object.kind; });
}

bool is_outdated(const KubeObject& object) {
  if (object.group == "extensions") return true;
  const bool trial = object.version.find("beta") != std::string::npos ||
                     object.version.find("alpha") != std::string::npos;
  return trial && (object.group == "apps" || object.group == "batch");
}

bool has_containers(const Node& root) {
  for (const auto& [key, value] : root.members) {
    if (key == "containers" && value.kind == Node::Kind::Sequence && !value.items.empty()) {
      return true;
    }
    if (has_containers(value)) return true;
  }
  return std::any_of(root.items.begin(), root.items.end(), has_containers);
}

bool asks_for_gpus(const KubeObject& object) {
  if (object.kind == "ControllerRevision" || object.kind == "PodTemplate" ||
      object.group == "karpenter.sh" || object.group == "kueue.x-k8s.io") {
    return false;
  }
  return has_gpu_resources(*object.root, false);
}

Result<WorkloadPods> read_workload(const KubeObject& object, PodKind kind,
                                   std::optional<std::int64_t> replicas) {
  return WorkloadReader(object, replicas).read(kind);
}

Result<std::optional<Controller>> controller_of(const KubeObject& object) {
  KERF_TRY(const Node* owners, object.list(object.metadata(), "ownerReferences"));
  if (owners == nullptr) return std::optional<Controller>{};
  for (const Node& owner : owners->items) {
    KERF_CHECK_OK(object.expect_mapping(owner));
    KERF_TRY(const bool controls, object.boolean(&owner, "controller"));
    if (!controls) continue;
    KERF_TRY(const std::string_view kind, object.text(&owner, "kind"));
    KERF_TRY(const std::string_view name, object.text(&owner, "name"));
    return std::optional<Controller>{Controller{std::string(kind), std::string(name)}};
  }
  return std::optional<Controller>{};
}

Result<bool> has_ended(const KubeObject& object, PodKind kind) {
  KERF_TRY(const Node* status, object.mapping(object.root, "status"));
  if (kind == PodKind::Pod) {
    KERF_TRY(const std::string_view phase, object.text(status, "phase"));
    return phase == "Succeeded" || phase == "Failed";
  }
  if (kind != PodKind::Job) return false;
  KERF_TRY(const Node* conditions, object.list(status, "conditions"));
  if (conditions == nullptr) return false;
  for (const Node& condition : conditions->items) {
    KERF_CHECK_OK(object.expect_mapping(condition));
    KERF_TRY(const std::string_view type, object.text(&condition, "type"));
    KERF_TRY(const std::string_view value, object.text(&condition, "status"));
    if (value == "True" && (type == "Complete" || type == "Failed")) return true;
  }
  return false;
}

}  // namespace kerf::codec
