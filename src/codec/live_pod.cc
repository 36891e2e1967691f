// Reads a Pod as the API server has it.
#include <algorithm>
#include <utility>

#include "codec/extended_resource.h"
#include "codec/kube_meta.h"
#include "codec/kube_selectors.h"
#include "codec/live_fields.h"
#include "codec/live_objects.h"
#include "codec/live_shape.h"
#include "codec/pod_spec.h"
#include "codec/workloads.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using control::PodPhase;

constexpr const char* kMirror = "kubernetes.io/config.mirror";
constexpr std::size_t kMessageBytesMax = 1u << 20;

bool has(const Node* parent, std::string_view key) {
  const Node* node = parent == nullptr ? nullptr : parent->find(key);
  return node != nullptr && !node->is_null();
}

bool any_of(const Node* list, bool (*is)(const Node&)) {
  return list != nullptr && std::any_of(list->items.begin(), list->items.end(), is);
}

bool has_claims(const Node* spec) {
  const Node* volumes = spec == nullptr ? nullptr : spec->find("volumes");
  return any_of(volumes, [](const Node& volume) {
    return has(&volume, "persistentVolumeClaim") || has(&volume, "ephemeral");
  });
}

bool selects_namespaces(const Node* spec) {
  const Node* affinity = spec == nullptr ? nullptr : spec->find("affinity");
  for (const char* field : {"podAffinity", "podAntiAffinity"}) {
    const Node* rules = affinity == nullptr ? nullptr : affinity->find(field);
    const Node* terms =
        rules == nullptr ? nullptr : rules->find("requiredDuringSchedulingIgnoredDuringExecution");
    if (any_of(terms, [](const Node& term) { return has(&term, "namespaceSelector"); }))
      return true;
  }
  return false;
}

/// What is not known counts as running: nobody may take the pod for ended.
PodPhase phase_of(const std::string& word) {
  if (word.empty() || word == "Pending") return PodPhase::Pending;
  if (word == "Succeeded") return PodPhase::Succeeded;
  if (word == "Failed") return PodPhase::Failed;
  return PodPhase::Running;
}

Result<void> read_devices(const std::optional<Field>& status, control::Pod& pod) {
  for (const std::string_view list : {"containerStatuses", "initContainerStatuses"}) {
    KERF_TRY(const std::vector<Field> containers, given_list(status, list, kLiveEntriesMax));
    for (const Field& container : containers) {
      KERF_TRY(const std::vector<Field> allocated,
               given_list(container, "allocatedResourcesStatus", kLiveEntriesMax));
      for (const Field& entry : allocated) {
        KERF_TRY(const std::string name, given_text(entry, "name", 512));
        if (!is_extended_resource(name)) continue;  // a claim of dynamic resource allocation
        KERF_TRY(const std::vector<Field> resources,
                 given_list(entry, "resources", kLiveEntriesMax));
        for (const Field& resource : resources) {
          KERF_TRY(std::string id, given_text(resource, "resourceID", 512));
          if (!id.empty()) pod.devices.push_back({name, std::move(id)});
        }
        if (pod.devices.size() > kLiveEntriesMax)
          return entry.wrong(Error(ErrorCode::TooLarge, "more than 10,000 devices in one pod"));
      }
    }
  }
  sort_unique(pod.devices);
  return {};
}

Result<void> read_status(const std::optional<Field>& status, control::Pod& pod) {
  KERF_TRY(const std::string phase, given_text(status, "phase"));
  pod.phase = phase_of(phase);
  KERF_TRY(pod.nominated, given_text(status, "nominatedNodeName"));
  KERF_TRY(const control::Instant started, given_time(status, "startTime"));
  pod.admitted = started != 0;
  KERF_TRY(const std::vector<ReadCondition> conditions, read_conditions(status));
  const ReadCondition* scheduled = find_condition(conditions, "PodScheduled");
  if (scheduled != nullptr && scheduled->status == "False") {
    pod.unschedulable = scheduled->reason == "Unschedulable";
    pod.judged = std::max(scheduled->probe, scheduled->transition);
    pod.message = scheduled->message;
  }
  if (pod.phase == PodPhase::Failed) {
    KERF_TRY(pod.reason, given_text(status, "reason", 1024));
    KERF_TRY(pod.message, given_text(status, "message", kMessageBytesMax));
  }
  return read_devices(status, pod);
}

/// The owner that controls it.
Result<control::Owner> read_owner(const std::optional<Field>& metadata) {
  KERF_TRY(const std::vector<Field> owners,
           given_list(metadata, "ownerReferences", kLiveEntriesMax));
  for (const Field& entry : owners) {
    KERF_TRY(const bool controls, given_flag(entry, "controller"));
    if (!controls) continue;
    control::Owner owner;
    KERF_TRY(owner.kind, given_text(entry, "kind"));
    KERF_TRY(owner.name, given_text(entry, "name"));
    KERF_TRY(owner.uid, given_text(entry, "uid"));
    return owner;
  }
  return control::Owner{};
}

Result<void> read_shape(const LiveObject& live, const Surroundings& around,
                        const gpu::Catalogue& gpus, control::Pod& pod) {
  KERF_TRY(const KubeObject object, KubeObject::read("API server", live.root(), "Pod", "v1"));
  KERF_TRY(PodTemplate read, read_pod(object, live.root(), {}, true, around, gpus));
  pod.kept_out =
      !read.shape.gpu.empty() &&
      !cluster::tolerates(read.shape.tolerations, {control::kSlicesTaint, "", "NoSchedule"});
  make_comparable(read.shape);
  pod.shape = std::move(read.shape);
  pod.gated = read.gated;
  return {};
}

}  // namespace

bool asks_for_gpu(const Node* spec) {
  for (const char* list : {"containers", "initContainers"}) {
    const Node* containers = spec != nullptr ? spec->find(list) : nullptr;
    if (containers == nullptr) continue;
    for (const Node& container : containers->items) {
      const Node* resources = container.find("resources");
      for (const char* kind : {"limits", "requests"}) {
        const Node* amounts = resources != nullptr ? resources->find(kind) : nullptr;
        if (amounts == nullptr) continue;
        for (const auto& [name, amount] : amounts->members)
          if (name.starts_with("nvidia.com/") || name.starts_with("kerf.dev/")) return true;
      }
    }
  }
  return false;
}

Result<LivePod> read_live_pod(const Node& object, const Surroundings& around,
                              const gpu::Catalogue& gpus) {
  KERF_TRY(const LiveObject live, LiveObject::read(object, "Pod"));
  LivePod read;
  control::Pod& pod = read.pod;
  pod.meta = live.meta();
  pod.mirror = pod.meta.annotations.contains(kMirror);
  const std::string group = group_of_pod(pod.meta.ns, pod.meta.labels);
  if (!group.empty()) pod.meta.labels[control::kGroupLabel] = group;
  KERF_TRY(const std::optional<Field> metadata, live.part("metadata"));
  KERF_TRY(pod.owner, read_owner(metadata));
  KERF_TRY(const std::optional<Field> spec, live.part("spec"));
  KERF_TRY(pod.node, given_text(spec, "nodeName"));
  KERF_TRY(const std::string scheduler, given_text(spec, "schedulerName"));
  if (!scheduler.empty()) pod.scheduler = scheduler;
  KERF_TRY(const std::optional<Field> status, live.part("status"));
  KERF_CHECK_OK(read_status(status, pod));

  read.selects_namespaces = selects_namespaces(spec ? &spec->node() : nullptr);
  read.depends = read.selects_namespaces || has_claims(spec ? &spec->node() : nullptr);
  const Result<void> shape = read_shape(live, around, gpus, pod);
  if (shape) return read;
  read.trouble = shape.error().message();
  pod.shape.ns = pod.meta.ns;
  pod.shape.labels = live.meta().labels;
  pod.shape.requests.pods = 1;
  pod.unread = asks_for_gpu(spec ? &spec->node() : nullptr);
  pod.shape.unplaceable = {{"spec", "it cannot be read: " + cut_text(read.trouble, 1024)}};
  return read;
}

}  // namespace kerf::codec
