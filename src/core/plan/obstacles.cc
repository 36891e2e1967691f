// The scheduler's filters as far as a reading of the cluster allows, node by node.
#include "core/plan/obstacles.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/plan/admission.h"

namespace kerf::plan {
namespace {

using cluster::PodShape;
using cluster::StandingNode;

bool serves(const cluster::GpuRequest& request, const market::Market& market,
            const market::InstanceType& type, const cluster::Policy& policy,
            const gpu::Form& form) {
  if (request.kind == cluster::GpuRequestKind::Whole && form.kind != gpu::FormKind::Slice)
    return request.gib == 0 || form.nominal_gb == 0 || form.nominal_gb >= request.gib;
  const std::vector<gpu::Form> forms = forms_for(request, market, type, policy);
  return std::any_of(forms.begin(), forms.end(), [&](const gpu::Form& one) {
    return one.kind == form.kind && one.profile == form.profile && one.replicas == form.replicas &&
           one.fraction == form.fraction;
  });
}

/// Devices of the node that serve the request: all, and those that are free.
std::pair<std::int64_t, std::int64_t> devices(const StandingNode& node,
                                              const cluster::GpuRequest& request,
                                              const market::Market& market,
                                              const cluster::Policy& policy) {
  std::pair<std::int64_t, std::int64_t> count{0, 0};
  const market::InstanceType& type = market.types.at(node.type);
  std::vector<std::pair<gpu::Form, bool>> known;  // a node has few forms, and many devices
  for (const cluster::StandingGpu& gpu : node.gpus)
    for (const cluster::StandingSlice& slice : gpu.slices) {
      auto it = std::find_if(known.begin(), known.end(),
                             [&](const auto& entry) { return entry.first == slice.form; });
      if (it == known.end())
        it = known.insert(it, {slice.form, serves(request, market, type, policy, slice.form)});
      if (!it->second) continue;
      ++count.first;
      if (slice.free()) ++count.second;
    }
  return count;
}

/// The first requirement that the node's labels do not meet; of several affinity terms all.
std::optional<std::string> selector(const PodShape& shape, const StandingNode& node) {
  const auto word = [](const cluster::Requirement& requirement) {
    return requirement.values.empty()
               ? requirement.key
               : fmt::format("{}={}", requirement.key, fmt::join(requirement.values, "|"));
  };
  for (const cluster::Requirement& requirement : shape.node_selector)
    if (!cluster::matches(requirement, node.labels)) return "node selector " + word(requirement);
  if (shape.node_affinity.empty()) return std::nullopt;
  for (const cluster::Requirements& term : shape.node_affinity)
    if (std::all_of(term.begin(), term.end(),
                    [&](const auto& one) { return cluster::matches(one, node.labels); }))
      return std::nullopt;
  const cluster::Requirements& first = shape.node_affinity.front();
  return first.empty() ? "node affinity" : "node affinity " + word(first.front());
}

std::string left(std::int64_t asks, std::int64_t left, std::int64_t unit, std::string_view what) {
  const auto part = [&](std::int64_t value) {
    return fmt::format("{:.1f}", static_cast<double>(value) / static_cast<double>(unit));
  };
  return fmt::format("asks for {}{}, {} left", part(asks), what,
                     part(std::max<std::int64_t>(left, 0)));
}

std::pair<Obstacle, std::string> judge(const market::Market& market, const cluster::Policy& policy,
                                       const PodShape& shape, const StandingNode& node) {
  bool held = false;
  for (const cluster::GpuRequest& request : shape.gpu) {
    const auto [all, free] = devices(node, request, market, policy);
    if (all < request.count) return {Obstacle::NoDevice, ""};
    held = held || free < request.count;
  }
  if (const auto unmet = selector(shape, node)) return {Obstacle::Selector, *unmet};
  if (shape.volume_zone_bound && std::find(shape.volume_zones.begin(), shape.volume_zones.end(),
                                           node.zone) == shape.volume_zones.end())
    return {Obstacle::Zone, node.zone};
  for (const cluster::Taint& taint : node.taints) {
    if (taint.effect == "PreferNoSchedule" || tolerates(shape.tolerations, taint)) continue;
    if (taint.key == "kerf.dev/slices") continue;  // every pod with a GPU tolerates it
    // The cluster's own marks of a node that is down or cordoned are told as that.
    if (taint.key.starts_with("node.kubernetes.io/") && (!node.ready || node.cordoned)) continue;
    return {Obstacle::Taint, taint.value.empty() ? taint.key : taint.key + "=" + taint.value};
  }
  if (!node.ready) return {Obstacle::Down, ""};
  if (node.cordoned) return {Obstacle::Cordoned, ""};
  if (held) return {Obstacle::Held, ""};
  const Resources room = node.allocatable - node.used;
  const Resources& need = shape.requests;
  if (need.cpu_milli > room.cpu_milli)
    return {Obstacle::Cpu, left(need.cpu_milli, room.cpu_milli, 1000, " CPU")};
  if (need.memory_mib > room.memory_mib)
    return {Obstacle::Memory, left(need.memory_mib, room.memory_mib, 1024, " GiB of memory")};
  if (need.disk_mib > room.disk_mib)
    return {Obstacle::Memory, left(need.disk_mib, room.disk_mib, 1024, " GiB of disk")};
  if (need.pods > room.pods) return {Obstacle::Memory, "no pod more is allowed on it"};
  return {Obstacle::Nothing, ""};
}

}  // namespace

std::string_view to_string(Obstacle obstacle) {
  static constexpr std::string_view kNames[kObstacles] = {"no-device", "selector", "zone", "taint",
                                                          "down",      "cordoned", "held", "cpu",
                                                          "memory",    "nothing"};
  return kNames[static_cast<std::size_t>(obstacle)];
}

std::vector<ObstacleGroup> obstacles(const cluster::Cluster& cluster, const market::Market& market,
                                     const cluster::Policy& policy, std::uint32_t pod) {
  const PodShape& shape = cluster.demand.shapes.at(cluster.demand.pods.at(pod).shape);
  std::map<std::pair<Obstacle, std::string>, std::vector<std::uint32_t>> groups;
  for (std::uint32_t n = 0; n < cluster.nodes.size(); ++n)
    groups[judge(market, policy, shape, cluster.nodes[n])].push_back(n);
  std::vector<ObstacleGroup> out;
  for (auto& [key, nodes] : groups) out.push_back({key.first, key.second, std::move(nodes)});
  return out;
}

}  // namespace kerf::plan
