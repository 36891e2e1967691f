// Market: names of instance types, look-ups, and the labels that a bought node would carry.
#include "core/market/market.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/assert.h"

namespace kerf::market {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "g" of "g6e", "gr" of "gr6f", "p" of "p6-b200": the letters that open the name.
std::string category_of(const std::string& name) {
  return name.substr(
      0, static_cast<std::size_t>(std::find_if(name.begin(), name.end(), is_digit) - name.begin()));
}

/// "6" of "g6e": the first number in the name.
std::string generation_of(const std::string& name) {
  const auto begin = std::find_if(name.begin(), name.end(), is_digit);
  return std::string(begin, std::find_if_not(begin, name.end(), is_digit));
}

/// nvidia.com/gpu.family by Karpenter's name of the GPU; GPU feature discovery derives it from the
/// compute capability (NVIDIA/k8s-device-plugin internal/lm/resource.go, getArchFamily). Empty for
/// a GPU that is not in the table: then the label is left out rather than guessed.
std::string_view family_of(std::string_view gpu_label) {
  constexpr std::pair<std::string_view, std::string_view> kFamilies[] = {
      {"v100", "volta"},
      {"t4", "turing"},
      {"t4g", "turing"},
      {"a100", "ampere"},
      {"a10g", "ampere"},
      {"l4", "ada-lovelace"},
      {"l40s", "ada-lovelace"},
      {"h100", "hopper"},
      {"h200", "hopper"},
      {"b200", "blackwell"},
      {"b300", "blackwell"},
      {"rtx-pro-4500", "blackwell"},
      {"rtx-pro-server-6000", "blackwell"},
  };
  for (const auto& [label, family] : kFamilies) {
    if (label == gpu_label) return family;
  }
  return {};
}

/// Every key that node_labels can set, sorted.
constexpr std::array<std::string_view, 28> kWellKnownLabels = {
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "karpenter.k8s.aws/instance-category",
    "karpenter.k8s.aws/instance-cpu",
    "karpenter.k8s.aws/instance-family",
    "karpenter.k8s.aws/instance-generation",
    "karpenter.k8s.aws/instance-gpu-count",
    "karpenter.k8s.aws/instance-gpu-manufacturer",
    "karpenter.k8s.aws/instance-gpu-memory",
    "karpenter.k8s.aws/instance-gpu-name",
    "karpenter.k8s.aws/instance-local-nvme",
    "karpenter.k8s.aws/instance-memory",
    "karpenter.k8s.aws/instance-size",
    "karpenter.sh/capacity-type",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "nvidia.com/gpu.count",
    "nvidia.com/gpu.family",
    "nvidia.com/gpu.memory",
    "nvidia.com/gpu.present",
    "nvidia.com/gpu.product",
    "nvidia.com/mig.capable",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
};

}  // namespace

std::string InstanceType::family() const { return name.substr(0, name.find('.')); }

std::string InstanceType::size() const {
  const std::size_t dot = name.find('.');
  return dot == std::string::npos ? std::string() : name.substr(dot + 1);
}

std::string_view to_string(CapacityType type) {
  switch (type) {
    case CapacityType::OnDemand: return "on-demand";
    case CapacityType::Spot: return "spot";
    case CapacityType::Reserved: return "reserved";
  }
  return "?";
}

std::optional<CapacityType> parse_capacity_type(std::string_view text) {
  for (const CapacityType type :
       {CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved}) {
    if (text == to_string(type)) return type;
  }
  return std::nullopt;
}

const InstanceType* Market::type_named(std::string_view name) const {
  for (const InstanceType& type : types) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

const gpu::Model& Market::model_of(const InstanceType& type) const {
  const gpu::Model* model = gpus.find(type.gpu_model);
  KERF_ASSERT(model != nullptr, "every instance type's GPU is in the catalogue");
  return *model;
}

std::vector<std::string> Market::zones() const {
  std::set<std::string> zones;
  for (const Offering& offering : offerings) {
    if (!offering.zone.empty()) zones.insert(offering.zone);
  }
  return {zones.begin(), zones.end()};
}

// What a node of an unknown zone or region says of it is unknown too: those labels are left out.
// Karpenter states 0 GPUs for a fractional instance (EC2 does), and no local NVMe where there is
// none; labels are what a node carries, so both are kept.
std::map<std::string, std::string> node_labels(const Market& market, const InstanceType& type,
                                               const std::string& zone, CapacityType capacity) {
  const gpu::Model& model = market.model_of(type);
  const bool fractional = type.gpu_fraction > 1;
  std::map<std::string, std::string> labels = {
      {"kubernetes.io/arch", type.arch},
      {"kubernetes.io/os", "linux"},
      {"beta.kubernetes.io/arch", type.arch},
      {"beta.kubernetes.io/os", "linux"},
      {"node.kubernetes.io/instance-type", type.name},
      {"beta.kubernetes.io/instance-type", type.name},
      {"karpenter.sh/capacity-type", std::string(to_string(capacity))},
      {"karpenter.k8s.aws/instance-category", category_of(type.name)},
      {"karpenter.k8s.aws/instance-family", type.family()},
      {"karpenter.k8s.aws/instance-generation", generation_of(type.name)},
      {"karpenter.k8s.aws/instance-size", type.size()},
      {"karpenter.k8s.aws/instance-cpu", std::to_string(type.vcpu)},
      {"karpenter.k8s.aws/instance-memory", std::to_string(type.memory_mib)},
      {"karpenter.k8s.aws/instance-gpu-name", type.gpu_label},
      {"karpenter.k8s.aws/instance-gpu-manufacturer", "nvidia"},
      {"karpenter.k8s.aws/instance-gpu-count", std::to_string(fractional ? 0 : type.gpu_count)},
      {"karpenter.k8s.aws/instance-gpu-memory", std::to_string(type.gpu_memory_mib)},
      {"nvidia.com/gpu.present", "true"},
      {"nvidia.com/gpu.count", std::to_string(type.gpu_count)},
      {"nvidia.com/mig.capable",
       model.generation != gpu::Generation::NoMig && !fractional ? "true" : "false"},
  };
  if (!zone.empty()) {
    labels["topology.kubernetes.io/zone"] = zone;
    labels["failure-domain.beta.kubernetes.io/zone"] = zone;
  }
  if (!market.region.empty()) {
    labels["topology.kubernetes.io/region"] = market.region;
    labels["failure-domain.beta.kubernetes.io/region"] = market.region;
  }
  if (type.local_nvme_gb > 0) {
    labels["karpenter.k8s.aws/instance-local-nvme"] = std::to_string(type.local_nvme_gb);
  }
  const std::int32_t memory_mib =
      fractional || model.memory_mib == 0 ? type.gpu_memory_mib : model.memory_mib;
  labels["nvidia.com/gpu.memory"] = std::to_string(memory_mib);
  if (!model.labels.empty()) labels["nvidia.com/gpu.product"] = model.labels.front();
  if (const std::string_view family = family_of(type.gpu_label); !family.empty()) {
    labels["nvidia.com/gpu.family"] = family;
  }
  return labels;
}

bool is_well_known_label(std::string_view key) {
  return std::binary_search(kWellKnownLabels.begin(), kWellKnownLabels.end(), key);
}

std::vector<std::string> assumed_zones(const Market& market) {
  return {market.region + "a", market.region + "b", market.region + "c"};
}

}  // namespace kerf::market
