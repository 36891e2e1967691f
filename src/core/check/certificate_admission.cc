// Where a pod may run, generously: what the checker cannot rule out for a kind of node is allowed.
#include <algorithm>

#include "core/check/certificate_work.h"
#include "core/check/labels.h"

namespace kerf::check {
namespace {

using cluster::PodShape;
using cluster::Requirement;
using cluster::Requirements;

/// Labels that the type of a node decides, whatever type it is: not to be given freely.
std::set<std::string> decided_labels(const Audit& audit) {
  std::set<std::string> keys;
  plan::NodePlan node;
  for (std::uint32_t type = 0; type < audit.market.types.size(); ++type) {
    if (audit.models[type] == nullptr) continue;
    node.type = type;
    for (const auto& [key, values] : given_labels(audit, node)) keys.insert(key);
  }
  return keys;
}

/// What of a shape decides where it may run.
PodShape places_of(const PodShape& shape) {
  PodShape part;
  part.ns = "";
  part.gpu = shape.gpu;
  part.node_selector = shape.node_selector;
  part.node_affinity = shape.node_affinity;
  part.tolerations = shape.tolerations;
  part.volume_zone_bound = shape.volume_zone_bound;
  part.volume_zones = shape.volume_zones;
  return part;
}

}  // namespace

bool Admissions::may_hold(const Requirements& requirements, const NodeLabels& labels) {
  return std::all_of(requirements.begin(), requirements.end(), [&](const Requirement& wanted) {
    if (meets(wanted, labels)) return true;
    if (!audit_.policy.gives_labels || labels.count(wanted.key) != 0) return false;
    if (!decided_) decided_ = decided_labels(audit_);
    return decided_->count(wanted.key) == 0;
  });
}

bool Admissions::may_run(const PodShape& shape, std::uint32_t type, market::CapacityType capacity,
                         const std::vector<std::string>& zones) {
  const Place place(type, capacity, zones);
  const auto [at, fresh] = known_[place].try_emplace(places_of(shape), false);
  if (fresh) at->second = decide(shape, place);
  return at->second;
}

bool Admissions::decide(const PodShape& shape, const Place& place) {
  plan::NodePlan node;
  std::tie(node.type, node.capacity_type, node.zones) = place;
  const auto& taints = audit_.policy.node_taints;
  if (!std::all_of(taints.begin(), taints.end(),
                   [&](const cluster::Taint& taint) { return tolerates_taint(shape, taint); })) {
    return false;
  }
  const auto& architectures = audit_.policy.architectures;
  if (!architectures.empty() && !names_arch(shape) &&
      std::find(architectures.begin(), architectures.end(), audit_.type_of(node).arch) ==
          architectures.end()) {
    return false;
  }
  std::vector<std::string> zones = possible_zones(audit_, node, shape);
  if (node.zones.empty()) {
    zones.insert(zones.end(), shape.volume_zones.begin(), shape.volume_zones.end());
  }
  NodeLabels labels = labels_of(audit_, node);
  return std::any_of(zones.begin(), zones.end(), [&](const std::string& zone) {
    const auto& volumes = shape.volume_zones;
    if (shape.volume_zone_bound &&
        std::find(volumes.begin(), volumes.end(), zone) == volumes.end()) {
      return false;
    }
    labels[kZoneLabel] = {zone};
    labels[kZoneLabelBeta] = {zone};
    const auto& terms = shape.node_affinity;
    return may_hold(shape.node_selector, labels) &&
           (terms.empty() || std::any_of(terms.begin(), terms.end(), [&](const auto& term) {
              return !term.empty() && may_hold(term, labels);
            }));
  });
}

}  // namespace kerf::check
