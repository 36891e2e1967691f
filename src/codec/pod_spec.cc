// Puts together a pod's requests, constraints, volumes and priority.
#include "codec/pod_spec.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "base/quote.h"
#include "codec/kube_requests.h"
#include "codec/kube_selectors.h"
#include "core/cluster/demand.h"

namespace kerf::codec {
namespace {

/// Fields that put a pod out of Kerf's hands whatever is bought.
Result<void> read_unplaceable(const KubeObject& object, const Node& spec, bool running,
                              PodTemplate& out) {
  const auto add = [&](std::string_view field, std::string why) {
    out.shape.unplaceable.push_back({std::string(field), std::move(why)});
  };
  KERF_TRY(const std::string_view node, object.text(&spec, "nodeName"));
  if (!node.empty() && !running) {
    add("spec.nodeName",
        fmt::format("it is bound to node {}; remove the field to have it planned", quoted(node)));
  }
  KERF_TRY(const std::string_view scheduler, object.text(&spec, "schedulerName"));
  if (!scheduler.empty() && scheduler != "default-scheduler") {
    add("spec.schedulerName",
        fmt::format("it is placed by the scheduler {}, whose rules Kerf does not know; remove the "
                    "field to have it planned as the default scheduler places pods",
                    quoted(scheduler)));
  }
  KERF_TRY(const Node* os, object.mapping(&spec, "os"));
  KERF_TRY(const std::string_view os_name, object.text(os, "name"));
  if (os_name == "windows") add("spec.os", "it needs Windows; Kerf plans Linux nodes only");
  KERF_TRY(const Node* claims, object.list(&spec, "resourceClaims"));
  if (claims != nullptr && !claims->items.empty()) {
    add("spec.resourceClaims",
        "it asks for devices by dynamic resource allocation, which Kerf does not plan for");
    out.planned = true;
    out.asks = "resource claims";
  }
  return {};
}

Result<void> read_volumes(const KubeObject& object, const Node& spec, const Surroundings& around,
                          PodTemplate& out) {
  KERF_TRY(const Node* volumes, object.list(&spec, "volumes"));
  if (volumes == nullptr) return {};
  for (const Node& volume : volumes->items) {
    KERF_CHECK_OK(object.expect_mapping(volume));
    KERF_TRY(const Node* claim, object.mapping(&volume, "persistentVolumeClaim"));
    KERF_TRY(const std::string_view claim_name, object.text(claim, "claimName"));
    if (!claim_name.empty()) {
      bind_volume(around.volumes.of_claim(object.ns, std::string(claim_name)), out);
    }
    KERF_TRY(const Node* ephemeral, object.mapping(&volume, "ephemeral"));
    KERF_TRY(const Node* made, object.mapping(ephemeral, "volumeClaimTemplate"));
    if (made == nullptr) continue;
    KERF_TRY(const std::string_view volume_name, object.text(&volume, "name"));
    const std::string own_claim = fmt::format("{}-{}", object.name, volume_name);
    if (object.kind == "Pod" && around.volumes.has_claim(object.ns, own_claim)) {
      bind_volume(around.volumes.of_claim(object.ns, own_claim), out);
      continue;
    }
    KERF_TRY(const Node* made_metadata, object.mapping(made, "metadata"));
    KERF_TRY(const Node* made_spec, object.mapping(made, "spec"));
    KERF_TRY(const auto storage_class, storage_class_of(object, made_metadata, made_spec));
    bind_volume(around.volumes.of_class(storage_class), out);
  }
  return {};
}

Result<void> read_priority(const KubeObject& object, const Node& spec, const Surroundings& around,
                           PodTemplate& out) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  KERF_TRY(const auto given, object.integer(&spec, "priority", kMin, kMax));
  KERF_TRY(const std::string_view name, object.text(&spec, "priorityClassName"));
  out.shape.priority = around.default_priority;
  if (given) {
    out.shape.priority = static_cast<std::int32_t>(*given);
  } else if (!name.empty()) {
    const auto known = around.priorities.find(std::string(name));
    if (known != around.priorities.end()) {
      out.shape.priority = known->second;
    } else {
      out.unknown_priority = name;
    }
  }
  return {};
}

}  // namespace

void bind_volume(const VolumeReach& reach, PodTemplate& pod) {
  cluster::PodShape& shape = pod.shape;
  VolumeReach all;
  all.bound = shape.volume_zone_bound;
  all.zones = std::move(shape.volume_zones);
  all = intersect(all, reach);
  shape.volume_zone_bound = all.bound;
  shape.volume_zones = std::move(all.zones);
  pod.zones_unknown |= reach.unknown;
  if (reach.on_one_node) {
    shape.unplaceable.push_back({"spec.volumes", "one of its volumes is on a node that exists"});
  }
}

Result<PodTemplate> read_pod(const KubeObject& object, const Node& pod, const Labels& more_labels,
                             bool running, const Surroundings& around, const gpu::Catalogue& gpus) {
  PodTemplate out;
  KERF_TRY(const Node* metadata, object.mapping(&pod, "metadata"));
  KERF_TRY(const Node* spec, object.mapping(&pod, "spec"));
  if (spec == nullptr) return object.wrong(pod, "spec is missing: expected the spec of a pod");
  KERF_TRY(const Node* containers, object.list(spec, "containers"));
  if (containers == nullptr || containers->items.empty()) {
    return object.wrong(*spec, "containers is missing: expected at least one container");
  }
  out.shape.ns = object.ns;
  KERF_TRY(out.shape.labels, object.labels(metadata, "labels"));
  out.shape.labels.insert(more_labels.begin(), more_labels.end());

  RuntimeClass runtime;
  KERF_TRY(const std::string_view runtime_name, object.text(spec, "runtimeClassName"));
  const auto known = around.runtime_classes.find(std::string(runtime_name));
  if (known != around.runtime_classes.end()) runtime = known->second;

  KERF_TRY(EffectiveRequests asked, effective_requests(object, *spec, runtime.overhead, gpus));
  out.shape.requests = asked.requests;
  out.shape.gpu = std::move(asked.gpu);
  out.shape.unplaceable = std::move(asked.unplaceable);
  out.planned = !out.shape.gpu.empty() || !asked.other_devices.empty();
  KERF_CHECK_OK(read_unplaceable(object, *spec, running, out));
  if (!out.shape.gpu.empty()) {
    out.asks = cluster::describe(out.shape.gpu);
  } else if (!asked.other_devices.empty()) {
    out.asks = asked.other_devices;
  }

  out.shape.node_selector = std::move(runtime.node_selector);
  out.shape.tolerations = std::move(runtime.tolerations);
  KERF_CHECK_OK(
      read_constraints(object, *spec, around.namespaces, running, out.shape, out.preferred));
  KERF_CHECK_OK(read_volumes(object, *spec, around, out));
  KERF_CHECK_OK(read_priority(object, *spec, around, out));
  KERF_TRY(const Node* gates, object.list(spec, "schedulingGates"));
  out.gated = gates != nullptr && !gates->items.empty();
  sort_unique(out.shape.unplaceable);
  return out;
}

}  // namespace kerf::codec
