// Labels: the checker's own table of node labels, and Kubernetes' rules for requirements.
#include "core/check/labels.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

namespace kerf::check {
namespace {

using cluster::Operator;
using cluster::Requirement;

bool starts_with(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

/// As GPU Feature Discovery names the architecture of a GPU.
std::string gpu_family(const std::string& model) {
  static const std::pair<const char*, const char*> kFamilies[] = {
      {"V100", "volta"},      {"T4", "turing"},       {"A100", "ampere"},
      {"A10", "ampere"},      {"A30", "ampere"},      {"PG506", "ampere"},
      {"L4", "ada-lovelace"}, {"H100", "hopper"},     {"H200", "hopper"},
      {"GH200", "hopper"},    {"B200", "blackwell"},  {"B300", "blackwell"},
      {"GB200", "blackwell"}, {"GB300", "blackwell"}, {"RTX-PRO", "blackwell"}};
  for (const auto& [start, family] : kFamilies) {
    if (starts_with(model, start)) return family;
  }
  return "";
}

/// Karpenter splits "p6-b200.48xlarge" into category p, generation 6, family p6-b200, size
/// 48xlarge.
void add_name_labels(NodeLabels& labels, const std::string& name) {
  const std::string prefix = "karpenter.k8s.aws/instance-";
  const std::size_t dot = std::min(name.find('.'), name.size());
  labels[prefix + "family"] = {name.substr(0, dot)};
  if (dot < name.size()) labels[prefix + "size"] = {name.substr(dot + 1)};
  const std::size_t digit = std::min(name.find_first_of("0123456789"), dot);
  const std::size_t after = std::min(name.find_first_not_of("0123456789", digit), dot);
  labels[prefix + "category"] = {name.substr(0, digit)};
  if (after > digit) labels[prefix + "generation"] = {name.substr(digit, after - digit)};
}

std::string capacity_name(market::CapacityType type) {
  switch (type) {
    case market::CapacityType::OnDemand: return "on-demand";
    case market::CapacityType::Spot: return "spot";
    case market::CapacityType::Reserved: return "reserved";
  }
  return "";
}

std::optional<std::int64_t> integer(const std::string& text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// `values` = nullptr: the key is absent.
bool meets_values(const Requirement& requirement, const std::vector<std::string>* values) {
  const auto listed = [&] {
    return std::any_of(values->begin(), values->end(), [&](const std::string& value) {
      return std::find(requirement.values.begin(), requirement.values.end(), value) !=
             requirement.values.end();
    });
  };
  switch (requirement.op) {
    case Operator::In: return values != nullptr && listed();
    case Operator::NotIn: return values == nullptr || !listed();
    case Operator::Exists: return values != nullptr;
    case Operator::DoesNotExist: return values == nullptr;
    case Operator::Gt:
    case Operator::Lt: {
      if (values == nullptr || values->size() != 1 || requirement.values.size() != 1) return false;
      const auto have = integer(values->front());
      const auto limit = integer(requirement.values.front());
      if (!have || !limit) return false;
      return requirement.op == Operator::Gt ? *have > *limit : *have < *limit;
    }
  }
  return false;
}

/// Zones that the pod's own requirements name.
std::set<std::string> zones_named(const cluster::PodShape& shape) {
  std::set<std::string> named;
  const auto collect = [&](const cluster::Requirements& requirements) {
    for (const Requirement& requirement : requirements) {
      if (is_zone_label(requirement.key)) {
        named.insert(requirement.values.begin(), requirement.values.end());
      }
    }
  };
  collect(shape.node_selector);
  for (const auto& term : shape.node_affinity) collect(term);
  return named;
}

bool all_meet(const cluster::Requirements& requirements, const NodeLabels& labels) {
  return std::all_of(requirements.begin(), requirements.end(),
                     [&](const Requirement& requirement) { return meets(requirement, labels); });
}

}  // namespace

NodeLabels given_labels(const Audit& audit, const plan::NodePlan& node) {
  const market::InstanceType& type = audit.type_of(node);
  const gpu::Model& model = audit.model_of(node);
  const std::string karpenter = "karpenter.k8s.aws/instance-";
  NodeLabels labels;
  for (const char* const start : {"kubernetes.io/", "beta.kubernetes.io/"}) {
    labels[std::string(start) + "arch"] = {type.arch};
    labels[std::string(start) + "os"] = {"linux"};
  }
  labels[kHostnameLabel] = {"(given at launch)"};
  labels["node.kubernetes.io/instance-type"] = {type.name};
  labels["beta.kubernetes.io/instance-type"] = {type.name};
  labels["topology.kubernetes.io/region"] = {audit.market.region};
  labels["failure-domain.beta.kubernetes.io/region"] = {audit.market.region};
  labels["karpenter.sh/capacity-type"] = {capacity_name(node.capacity_type)};
  add_name_labels(labels, type.name);
  labels[karpenter + "cpu"] = {std::to_string(type.vcpu)};
  labels[karpenter + "memory"] = {std::to_string(type.memory_mib)};
  labels[karpenter + "gpu-name"] = {type.gpu_label};
  // Karpenter counts no GPU on a fractional instance; the device plugin counts one.
  labels[karpenter + "gpu-count"] = {std::to_string(type.gpu_fraction > 1 ? 0 : type.gpu_count)};
  labels[karpenter + "gpu-manufacturer"] = {"nvidia"};
  labels[karpenter + "gpu-memory"] = {std::to_string(type.gpu_memory_mib)};
  if (type.local_nvme_gb > 0)
    labels[karpenter + "local-nvme"] = {std::to_string(type.local_nvme_gb)};
  labels["nvidia.com/gpu.present"] = {"true"};
  labels["nvidia.com/gpu.product"] = model.labels;
  labels["nvidia.com/gpu.count"] = {std::to_string(type.gpu_count)};
  const bool whole = type.gpu_fraction <= 1 && model.memory_mib > 0;
  labels["nvidia.com/gpu.memory"] = {
      std::to_string(whole ? model.memory_mib : type.gpu_memory_mib)};
  labels["nvidia.com/gpu.family"] = {gpu_family(model.key)};
  labels["nvidia.com/mig.capable"] = {model.generation == gpu::Generation::NoMig ? "false"
                                                                                 : "true"};
  return labels;
}

NodeLabels labels_of(const Audit& audit, const plan::NodePlan& node) {
  if (const cluster::Node* standing = audit.standing_of(node)) {
    NodeLabels own;
    for (const auto& [key, value] : standing->labels) own[key] = {value};
    return own;
  }
  NodeLabels labels = given_labels(audit, node);
  for (const auto& [key, value] : audit.policy.node_labels) labels.insert({key, {value}});
  for (const auto& [key, value] : node.labels) labels.insert({key, {value}});
  return labels;
}

std::vector<std::string> possible_zones(const Audit& audit, const plan::NodePlan& node,
                                        const cluster::PodShape& shape) {
  if (!node.zones.empty()) return node.zones;
  std::set<std::string> zones = zones_named(shape);
  zones.insert("(any zone)");
  for (const market::Offering& offering : audit.market.offerings) {
    if (!offering.zone.empty()) zones.insert(offering.zone);
  }
  return {zones.begin(), zones.end()};
}

bool meets(const Requirement& requirement, const NodeLabels& labels) {
  const auto found = labels.find(requirement.key);
  return meets_values(requirement, found == labels.end() ? nullptr : &found->second);
}

bool meets(const Requirement& requirement, const std::map<std::string, std::string>& labels) {
  const auto found = labels.find(requirement.key);
  if (found == labels.end()) return meets_values(requirement, nullptr);
  const std::vector<std::string> values = {found->second};
  return meets_values(requirement, &values);
}

std::string why_not_selected(const Audit& audit, const plan::NodePlan& node,
                             const cluster::PodShape& shape) {
  NodeLabels labels = labels_of(audit, node);
  for (const std::string& zone : possible_zones(audit, node, shape)) {
    if (audit.standing == nullptr) {
      labels[kZoneLabel] = {zone};
      labels[kZoneLabelBeta] = {zone};
    }
    for (const Requirement& requirement : shape.node_selector) {
      if (!meets(requirement, labels)) {
        return fmt::format("its node selector on {} does not admit zone {}", requirement.key, zone);
      }
    }
    // A term without requirements admits no node.
    const bool admitted =
        shape.node_affinity.empty() ||
        std::any_of(shape.node_affinity.begin(), shape.node_affinity.end(),
                    [&](const auto& term) { return !term.empty() && all_meet(term, labels); });
    if (!admitted) return fmt::format("no term of its node affinity holds in zone {}", zone);
  }
  return "";
}

bool selects(const cluster::PodSelector& selector, const cluster::PodShape& carrier,
             const cluster::PodShape& other) {
  if (selector.none) return false;
  const auto& namespaces = selector.namespaces;
  const bool in_namespace = selector.all_namespaces ||
                            (namespaces.empty() ? other.ns == carrier.ns
                                                : std::find(namespaces.begin(), namespaces.end(),
                                                            other.ns) != namespaces.end());
  return in_namespace && std::all_of(selector.labels.begin(), selector.labels.end(),
                                     [&](const Requirement& requirement) {
                                       return meets(requirement, other.labels);
                                     });
}

}  // namespace kerf::check
