// How the scheduler's filters and scores are worked out.
#include "sim/scheduler_fit.h"

#include <algorithm>
#include <map>
#include <vector>

#include "core/control/names.h"

namespace kerf::sim {
namespace {

using cluster::AffinityTerm;
using cluster::PodShape;
using cluster::SpreadConstraint;
using control::Labels;
using control::Node;
using control::Pod;

bool meets(const cluster::Requirements& requirements, const Labels& labels) {
  return std::all_of(requirements.begin(), requirements.end(),
                     [&](const cluster::Requirement& it) { return cluster::matches(it, labels); });
}

bool selected(const PodShape& shape, const Node& node) {
  const Labels& labels = node.meta.labels;
  if (!meets(shape.node_selector, labels)) return false;
  const auto& terms = shape.node_affinity;
  return terms.empty() || std::any_of(terms.begin(), terms.end(),
                                      [&](const auto& term) { return meets(term, labels); });
}

std::string static_obstacle(const PodShape& shape, const Node& node) {
  if (node.cordoned && !cluster::tolerates(shape.tolerations,
                                           {"node.kubernetes.io/unschedulable", "", "NoSchedule"}))
    return "node(s) were unschedulable";
  if (!node.ready &&
      !cluster::tolerates(shape.tolerations, {"node.kubernetes.io/not-ready", "", "NoSchedule"}))
    return "node(s) had untolerated taint {node.kubernetes.io/not-ready: }";
  for (const cluster::Taint& taint : node.taints)
    if (!cluster::tolerates(shape.tolerations, taint))
      return "node(s) had untolerated taint {" + taint.key + ": " + taint.value + "}";
  if (!selected(shape, node)) return "node(s) didn't match Pod's node affinity/selector";
  if (shape.volume_zone_bound) {
    const auto zone = node.meta.labels.find(control::kZoneLabel);
    const auto& zones = shape.volume_zones;
    if (zone == node.meta.labels.end() ||
        std::find(zones.begin(), zones.end(), zone->second) == zones.end())
      return "node(s) had volume node affinity conflict";
  }
  return {};
}

// --- What pods on the node take ------------------------------------------------------------------

struct Load {
  Resources used;
  control::Amounts more_of;  ///< beyond NodeSeen::used_of
  std::vector<const Pod*> pods;
};

void add(Load& load, const Pod& pod, const control::Amounts& devices, int sign) {
  load.used = load.used + pod.shape.requests * sign;
  for (const auto& [name, count] : devices) load.more_of[name] += sign * count;
}

Load load_of(const SchedulerView& view, const Pod& pod, const NodeSeen& node,
             const std::set<Key>& without) {
  Load load{node.used, {}, {}};
  const bool ports = !pod.shape.host_ports.empty();
  if (ports || !without.empty())
    for (const Key& key : node.pods) {
      const PodSeen& other = view.pods().at(key);
      if (without.contains(key)) add(load, other.pod(), other.devices, -1);
      else if (ports) load.pods.push_back(&other.pod());
    }
  for (const Key& key : node.nominated) {
    const PodSeen& other = view.pods().at(key);
    const Pod& waits = other.pod();
    if (waits.shape.priority < pod.shape.priority || waits.meta.uid == pod.meta.uid ||
        waits.done() || waits.meta.deleted != 0)
      continue;
    add(load, waits, other.devices, 1);
    if (ports) load.pods.push_back(&waits);
  }
  return load;
}

bool ports_clash(const PodShape& shape, const Load& load) {
  for (const cluster::HostPort& port : shape.host_ports)
    for (const Pod* other : load.pods)
      for (const cluster::HostPort& taken : other->shape.host_ports)
        if (cluster::clash(port, taken)) return true;
  return false;
}

std::int64_t amount(const control::Amounts& amounts, const std::string& name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? 0 : found->second;
}

std::string lacking(const Pod& pod, const control::Amounts& devices, const NodeSeen& seen,
                    const Load& load) {
  const Node& node = *seen.node();
  const Resources total = load.used + pod.shape.requests;
  const Resources& room = node.allocatable;
  const Resources& asked = pod.shape.requests;
  if (total.pods > room.pods) return "Too many pods";
  // What a pod does not ask for is not judged, however overfull the node is.
  if (asked.cpu_milli > 0 && total.cpu_milli > room.cpu_milli) return "Insufficient cpu";
  if (asked.memory_mib > 0 && total.memory_mib > room.memory_mib) return "Insufficient memory";
  if (asked.disk_mib > 0 && total.disk_mib > room.disk_mib) return "Insufficient ephemeral-storage";
  for (const auto& [name, count] : devices)
    if (count + amount(seen.used_of, name) + amount(load.more_of, name) >
        amount(node.allocatable_of, name))
      return "Insufficient " + name;
  return {};
}

// --- What pods elsewhere mean --------------------------------------------------------------------

const std::string* domain(const SchedulerView& view, const std::string& node_name,
                          const std::string& topology_key) {
  const NodeSeen* node = view.node(node_name);
  if (!node || !node->node()) return nullptr;
  const Labels& labels = node->node()->meta.labels;
  const auto found = labels.find(topology_key);
  return found == labels.end() ? nullptr : &found->second;
}

/// Calls fn(pod) for each pod that has a node and is not done, but those thought away.
template <class Fn>
void each_placed(const SchedulerView& view, const std::set<Key>& without, Fn&& fn) {
  for (const auto& [key, seen] : view.pods())
    if (!seen.node.empty() && !seen.pod().done() && !without.contains(key)) fn(seen);
}

bool spread_allows(const SchedulerView& view, const Pod& pod, const Node& node,
                   const SpreadConstraint& constraint, const std::set<Key>& without) {
  const auto own = node.meta.labels.find(constraint.topology_key);
  if (own == node.meta.labels.end()) return false;
  std::map<std::string, std::int64_t> counts;  // domains that the pod's node affinity allows
  for (const auto& entry : view.nodes()) {
    const Node* other = entry.second.node();
    if (!other || !selected(pod.shape, *other)) continue;
    const auto label = other->meta.labels.find(constraint.topology_key);
    if (label != other->meta.labels.end()) counts[label->second];
  }
  each_placed(view, without, [&](const PodSeen& seen) {
    if (seen.pod().meta.deleted != 0 || !cluster::matches(constraint.selector, seen.pod().shape))
      return;
    const std::string* where = domain(view, seen.node, constraint.topology_key);
    const auto counted = where ? counts.find(*where) : counts.end();
    if (counted != counts.end()) ++counted->second;
  });
  std::int64_t least = 0;
  if (static_cast<std::int64_t>(counts.size()) >= constraint.min_domains && !counts.empty())
    least = std::min_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
              return a.second < b.second;
            })->second;
  const std::int64_t self = cluster::matches(constraint.selector, pod.shape) ? 1 : 0;
  return counts[own->second] + self - least <= constraint.max_skew;
}

bool affinity_allows(const SchedulerView& view, const Pod& pod, const Node& node,
                     const std::set<Key>& without) {
  bool all_here = true;
  bool anybody = false;
  for (const AffinityTerm& term : pod.shape.affinity) {
    const auto own = node.meta.labels.find(term.topology_key);
    if (own == node.meta.labels.end()) return false;
    bool here = false;
    each_placed(view, without, [&](const PodSeen& seen) {
      if (!cluster::matches(term.selector, seen.pod().shape)) return;
      anybody = true;
      const std::string* where = domain(view, seen.node, term.topology_key);
      here = here || (where && *where == own->second);
    });
    all_here = all_here && here;
  }
  if (all_here) return true;
  // The first of a group that wants its own kind may start anywhere.
  return !anybody && std::all_of(pod.shape.affinity.begin(), pod.shape.affinity.end(),
                                 [&](const AffinityTerm& term) {
                                   return cluster::matches(term.selector, pod.shape);
                                 });
}

bool near(const SchedulerView& view, const Node& node, const std::string& other_node,
          const std::string& topology_key) {
  const auto own = node.meta.labels.find(topology_key);
  const std::string* where = domain(view, other_node, topology_key);
  return own != node.meta.labels.end() && where && *where == own->second;
}

std::string company_obstacle(const SchedulerView& view, const Pod& pod, const Node& node,
                             const std::set<Key>& without) {
  for (const SpreadConstraint& constraint : pod.shape.spread)
    if (!spread_allows(view, pod, node, constraint, without))
      return "node(s) didn't match pod topology spread constraints";
  if (!pod.shape.affinity.empty() && !affinity_allows(view, pod, node, without))
    return "node(s) didn't match pod affinity rules";
  bool apart = true;
  for (const AffinityTerm& term : pod.shape.anti_affinity)
    each_placed(view, without, [&](const PodSeen& seen) {
      if (cluster::matches(term.selector, seen.pod().shape) &&
          near(view, node, seen.node, term.topology_key))
        apart = false;
    });
  if (!apart) return "node(s) didn't match pod anti-affinity rules";
  for (const Key& key : view.wary()) {
    if (without.contains(key)) continue;
    const PodSeen& other = view.pods().at(key);
    for (const AffinityTerm& term : other.pod().shape.anti_affinity)
      if (cluster::matches(term.selector, pod.shape) &&
          near(view, node, other.node, term.topology_key))
        return "node(s) didn't satisfy existing pods anti-affinity rules";
  }
  return {};
}

/// cluster::tolerates lets preferred taints pass: asked as if they were hard ones.
bool likes(std::vector<cluster::Toleration> tolerations, cluster::Taint taint) {
  for (cluster::Toleration& it : tolerations)
    if (it.effect == "PreferNoSchedule") it.effect = "NoSchedule";
  taint.effect = "NoSchedule";
  return cluster::tolerates(tolerations, taint);
}

}  // namespace

Obstacle obstacle(const SchedulerView& view, const PodSeen& asks, const NodeSeen& seen,
                  const std::set<Key>& without) {
  const Pod& pod = asks.pod();
  const Node& node = *seen.node();
  if (std::string why = static_obstacle(pod.shape, node); !why.empty())
    return {std::move(why), false};
  const Load load = load_of(view, pod, seen, without);
  if (ports_clash(pod.shape, load))
    return {"node(s) didn't have free ports for the requested pod ports", true};
  if (std::string why = lacking(pod, asks.devices, seen, load); !why.empty())
    return {std::move(why), true};
  std::string why = company_obstacle(view, pod, node, without);
  return {std::move(why), true};
}

std::int64_t score(const Pod& pod, const NodeSeen& seen, std::int64_t of_owner,
                   std::int64_t most_of_owner) {
  const Node& node = *seen.node();
  const Resources total = seen.used + pod.shape.requests;
  const auto empty = [](std::int64_t used, std::int64_t room) -> std::int64_t {
    return room <= 0 || used > room ? 0 : (room - used) * 100 / room;
  };
  const std::int64_t least_allocated = (empty(total.cpu_milli, node.allocatable.cpu_milli) +
                                        empty(total.memory_mib, node.allocatable.memory_mib)) /
                                       2;
  const std::int64_t spread =
      most_of_owner == 0 ? 100 : (most_of_owner - of_owner) * 100 / most_of_owner;
  const bool liked = std::all_of(node.taints.begin(), node.taints.end(), [&](const auto& taint) {
    return taint.effect != "PreferNoSchedule" || likes(pod.shape.tolerations, taint);
  });
  return least_allocated + 2 * spread + (liked ? 200 : 0);
}

}  // namespace kerf::sim
