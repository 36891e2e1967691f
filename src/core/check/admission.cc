// Admission: what the policy lets be bought, and whether each pod may run on the node it is on.
#include <algorithm>
#include <set>

#include "core/check/audit.h"
#include "core/check/labels.h"

namespace kerf::check {
namespace {

using cluster::PodShape;
using cluster::Taint;
using cluster::Toleration;

/// '*' is any run of characters. Table of prefixes: reach[i] = the pattern so far can match the
/// first i characters.
bool glob(const std::string& pattern, const std::string& text) {
  std::vector<bool> reach(text.size() + 1, false);
  reach[0] = true;
  for (const char c : pattern) {
    std::vector<bool> next(text.size() + 1, false);
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (c == '*') {
        next[i] = reach[i] || (i > 0 && next[i - 1]);
      } else {
        next[i] = i > 0 && reach[i - 1] && text[i - 1] == c;
      }
    }
    reach = std::move(next);
  }
  return reach[text.size()];
}

template <class T>
bool contains(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool type_allowed(const cluster::Policy& policy, const market::InstanceType& type) {
  const auto& globs = policy.instance_types;
  return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& pattern) {
           return glob(pattern, type.name);
         });
}
bool family_allowed(const cluster::Policy& policy, const market::InstanceType& type) {
  return policy.families.empty() ||
         contains(policy.families, type.name.substr(0, type.name.find('.')));
}
bool capacity_allowed(const cluster::Policy& policy, market::CapacityType capacity) {
  return policy.capacity_types.empty() || contains(policy.capacity_types, capacity);
}

void check_policy(Audit& audit, std::size_t index) {
  const plan::NodePlan& node = audit.plan.nodes[index];
  const market::InstanceType& type = audit.type_of(node);
  const cluster::Policy& policy = audit.policy;
  const auto complain = [&](const char* what) {
    audit.complain("{} is of a {} that the policy does not allow", audit.node_name(index), what);
  };
  if (!node.owned) {  // what is owned is not bought; that it is, is checked with the prices
    if (!type_allowed(policy, type)) complain("type");
    if (!family_allowed(policy, type)) complain("family");
    if (!capacity_allowed(policy, node.capacity_type)) complain("capacity type");
  }
  if (policy.zones.empty()) return;
  if (node.zones.empty()) {
    audit.complain("{} may come up in any zone, and the policy restricts zones",
                   audit.node_name(index));
  }
  for (const std::string& zone : node.zones) {
    if (!contains(policy.zones, zone)) {
      audit.complain("{} may come up in zone {}, which the policy does not allow",
                     audit.node_name(index), zone);
    }
  }
}

/// Labels that the plan asks for are labels that one can choose.
void check_extra_labels(Audit& audit, std::size_t index) {
  const plan::NodePlan& node = audit.plan.nodes[index];
  const NodeLabels given = given_labels(audit, node);
  std::map<std::string, std::string> chosen = audit.policy.node_labels;
  for (const auto& [key, value] : node.labels) {
    if (given.count(key) != 0 || is_zone_label(key)) {
      audit.complain("{} is to carry the label {}, which its type and zone decide",
                     audit.node_name(index), key);
    } else if (chosen.insert({key, value}).first->second != value) {
      audit.complain("{} is to carry the label {} with two values", audit.node_name(index), key);
    }
  }
}

bool tolerated_by(const Toleration& toleration, const Taint& taint) {
  if (!toleration.effect.empty() && toleration.effect != taint.effect) return false;
  if (!toleration.key.empty() && toleration.key != taint.key) return false;
  return toleration.exists || toleration.value == taint.value;
}

/// The API server adds a toleration for taints whose key is a resource that the pod asks for
/// (admission plugin ExtendedResourceToleration, on in EKS; effect NoSchedule).
bool tolerated_by_request(const PodShape& shape, const Taint& taint) {
  return taint.effect == "NoSchedule" &&
         std::any_of(shape.gpu.begin(), shape.gpu.end(), [&](const cluster::GpuRequest& request) {
           return request_name(request) == taint.key;
         });
}

/// Kubernetes' own taint on a node that is cordoned or not ready: it keeps no pod off that was
/// there.
bool closed_by(const cluster::Node& node, const Taint& taint) {
  return node.closed && taint.key.rfind("node.kubernetes.io/", 0) == 0;
}

void check_pod(Audit& audit, std::size_t index, std::uint32_t pod) {
  const plan::NodePlan& node = audit.plan.nodes[index];
  const PodShape& shape = audit.shape_of(pod);
  const auto& architectures = audit.policy.architectures;
  const auto complain = [&](const std::string& why) {
    audit.complain("{} cannot run on {}: {}", audit.pod_name(pod), audit.node_name(index), why);
  };
  const std::string& arch = audit.type_of(node).arch;
  if (!architectures.empty() && !contains(architectures, arch) && !names_arch(shape)) {
    complain("it does not ask for architecture " + arch);
  }
  const std::string why = why_not_selected(audit, node, shape);
  if (!why.empty()) complain(why);
  const cluster::Node* standing = audit.standing_of(node);
  for (const Taint& taint : standing != nullptr ? standing->taints : audit.policy.node_taints) {
    if (standing != nullptr && closed_by(*standing, taint)) continue;
    if (!tolerates_taint(shape, taint)) complain("it does not tolerate the taint " + taint.key);
  }
  if (shape.volume_zone_bound) {
    const bool inside = !node.zones.empty() &&
                        std::all_of(node.zones.begin(), node.zones.end(), [&](const auto& zone) {
                          return contains(shape.volume_zones, zone);
                        });
    if (!inside) complain("its volumes bind it to other zones");
  }
}

bool keeps_headroom(const plan::NodePlan& node) {
  return std::any_of(node.gpus.begin(), node.gpus.end(), [](const plan::GpuPlan& gpu) {
    return std::any_of(gpu.slices.begin(), gpu.slices.end(),
                       [](const plan::SlicePlan& slice) { return slice.headroom; });
  });
}

}  // namespace

bool names_arch(const PodShape& shape) {
  const auto on_arch = [](const cluster::Requirements& requirements) {
    return std::any_of(requirements.begin(), requirements.end(),
                       [](const cluster::Requirement& requirement) {
                         return requirement.key == "kubernetes.io/arch" ||
                                requirement.key == "beta.kubernetes.io/arch";
                       });
  };
  return on_arch(shape.node_selector) ||
         std::any_of(shape.node_affinity.begin(), shape.node_affinity.end(), on_arch);
}

bool tolerates_taint(const PodShape& shape, const Taint& taint) {
  // Pods that ask for slices get a toleration for Kerf's own taint when they are admitted.
  if (taint.effect == "PreferNoSchedule" || taint.key == "kerf.dev/slices") return true;
  const auto& tolerations = shape.tolerations;
  return tolerated_by_request(shape, taint) ||
         std::any_of(tolerations.begin(), tolerations.end(),
                     [&](const Toleration& t) { return tolerated_by(t, taint); });
}

bool policy_allows(const cluster::Policy& policy, const market::InstanceType& type,
                   const market::Offering& offering) {
  const bool in_zone =
      policy.zones.empty() || offering.zone.empty() || contains(policy.zones, offering.zone);
  const bool owned = offering.count.has_value() && offering.price.micro == 0;
  return in_zone && (owned || (type_allowed(policy, type) && family_allowed(policy, type) &&
                               capacity_allowed(policy, offering.capacity_type)));
}

void check_admission(Audit& audit) {
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) {
    const plan::NodePlan& node = audit.plan.nodes[i];
    check_policy(audit, i);
    check_extra_labels(audit, i);
    const auto& architectures = audit.policy.architectures;
    if (keeps_headroom(node) && !architectures.empty() &&
        !contains(architectures, audit.type_of(node).arch)) {
      audit.complain("{} keeps headroom on an architecture that the policy does not allow",
                     audit.node_name(i));
    }
    std::set<std::uint32_t> shapes;  // like pods are judged once
    for (const std::uint32_t pod : node.pods) {
      if (shapes.insert(audit.demand.pods[pod].shape).second) check_pod(audit, i, pod);
    }
  }
}

}  // namespace kerf::check
