// Reads the nodes of a cluster and prices those with GPUs.
#include "codec/cluster_nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "codec/gpu_node.h"
#include "codec/live_objects.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using cluster::StandingNode;
using market::CapacityType;

constexpr const char* kFile = "cluster";
constexpr std::size_t kReasonsMax = 64;
constexpr const char* kOtherReasons = "other reasons";

/// Label of a node by its present or its former name.
std::string label(const control::Node& node, const char* key, const char* former) {
  std::string value = control::label_of(node.meta.labels, key);
  return value.empty() ? control::label_of(node.meta.labels, former) : value;
}

std::int64_t gpus_offered(const control::Node& node) {
  std::int64_t most = 0;
  for (const auto& [name, count] : node.capacity_of)
    if (name.starts_with("nvidia.com/") || name.starts_with("kerf.dev/"))
      most = std::max(most, count);
  return most;
}

bool has_gpus(const control::Node& node) {
  return gpus_offered(node) > 0 ||
         control::label_of(node.meta.labels, "nvidia.com/gpu.present") == "true" ||
         !control::label_of(node.meta.labels, "karpenter.k8s.aws/instance-gpu-name").empty();
}

CapacityType capacity_of(const control::Node& node) {
  const auto karpenter =
      market::parse_capacity_type(control::label_of(node.meta.labels, control::kCapacityLabel));
  if (karpenter) return *karpenter;
  const std::string eks = control::label_of(node.meta.labels, "eks.amazonaws.com/capacityType");
  if (eks == "SPOT") return CapacityType::Spot;
  return eks == "CAPACITY_BLOCK" ? CapacityType::Reserved : CapacityType::OnDemand;
}

std::string pool_of(const control::Node& node) {
  for (const char* key :
       {"karpenter.sh/nodepool", "eks.amazonaws.com/nodegroup", "alpha.eksctl.io/nodegroup-name"})
    if (std::string pool = control::label_of(node.meta.labels, key); !pool.empty()) return pool;
  return "";
}

/// No name of a zone.
constexpr const char* kAnyZone = "*";

/// The least price of a type in a zone, or of the whole region.
std::optional<MicroUsdPerHour> price_in(const std::vector<market::Offering>& offerings,
                                        std::uint32_t type, const std::string& zone,
                                        CapacityType capacity) {
  std::optional<MicroUsdPerHour> best;
  for (const market::Offering& one : offerings) {
    if (one.type != type || one.capacity_type != capacity || one.count) continue;
    if (zone != kAnyZone && !one.zone.empty() && one.zone != zone) continue;
    best = best ? std::min(*best, one.price) : one.price;
  }
  return best;
}

}  // namespace

void leave_out(cluster::Cluster& out, const std::string& what, const std::string& why) {
  for (cluster::LeftOut& one : out.demand.left_out) {
    if (one.what != what || one.why != why) continue;
    ++one.count;
    return;
  }
  const bool many = out.demand.left_out.size() >= kReasonsMax && why != kOtherReasons;
  if (many) leave_out(out, what, kOtherReasons);
  else out.demand.left_out.push_back({what, why, 1});
}

const NodeRef* ClusterNodes::find(const std::string& name) const {
  const auto at = refs_.find(name);
  return at == refs_.end() ? nullptr : &at->second;
}

const control::GpuNodeStatus* ClusterNodes::agent(const std::string& name) const {
  const auto at = agents_.find(name);
  return at == agents_.end() ? nullptr : &at->second;
}

void ClusterNodes::read_agents(const ClusterReading& reading, cluster::Cluster& out) {
  for (const Node& item : reading.of("GpuNode").items) {
    auto read = read_gpu_node(Field(kFile, item));
    if (!read) {
      leave_out(out, "GpuNode", "it cannot be read: " + read.error().message());
    } else if (!read->status.gpus.empty()) {
      agents_.insert_or_assign(read->meta.name, std::move(read->status));
    }
  }
}

void ClusterNodes::set_price(StandingNode& node) const {
  const auto priced = [&](CapacityType capacity, const std::string& zone) {
    auto price = price_in(market_.offerings, node.type, zone, capacity);
    return price ? price : price_in(market_.off_sale, node.type, zone, capacity);
  };
  const auto known = [&](CapacityType capacity) { return priced(capacity, node.zone); };
  auto list = known(CapacityType::OnDemand);
  if (!list) list = priced(CapacityType::OnDemand, kAnyZone);  // alike in a region's zones
  if (list) node.list_price = *list;
  if (node.capacity_type == CapacityType::Reserved) {
    node.owned = true;
    return;
  }
  const bool spot = node.capacity_type == CapacityType::Spot;
  if (const auto price = spot ? known(CapacityType::Spot) : list) {
    node.price = *price;
  } else if (list) {
    node.price = *list;
    node.price_assumed = true;
  } else {
    node.unpriced = true;
  }
}

void ClusterNodes::read_node(const control::Node& node, cluster::Cluster& out) {
  NodeRef ref;
  const std::string type_name =
      label(node, control::kTypeLabel, "beta.kubernetes.io/instance-type");
  const market::InstanceType* type = market_.type_named(type_name);
  if (type == nullptr) {
    if (has_gpus(node)) {
      ref.strange = true;
      out.strange.push_back({node.meta.name, type_name, gpus_offered(node),
                             type_name.empty() ? "it has no label node.kubernetes.io/instance-type"
                                               : "Kerf does not know its instance type"});
    } else {
      ++out.cpu_nodes;
    }
    refs_.emplace(node.meta.name, ref);
    return;
  }
  StandingNode standing;
  standing.name = node.meta.name;
  standing.type = static_cast<std::uint32_t>(type - market_.types.data());
  standing.capacity_type = capacity_of(node);
  standing.zone = label(node, control::kZoneLabel, "failure-domain.beta.kubernetes.io/zone");
  standing.pool = pool_of(node);
  standing.allocatable = node.allocatable;
  standing.ready = node.ready;
  standing.cordoned = node.cordoned || node.meta.deleted != 0 ||
                      std::any_of(node.taints.begin(), node.taints.end(), [](const auto& taint) {
                        return taint.key == control::kDisruptedTaint;
                      });
  standing.kept = control::label_of(node.meta.annotations, control::kDoNotDisrupt) == "true";
  standing.created_ms = node.meta.created;
  standing.labels = node.meta.labels;
  standing.taints = node.taints;
  // Where an agent stands, nvidia.com/gpu is a whole GPU, and devices are as it reports them.
  if (agent(standing.name) == nullptr) {
    NodeDevices devices = counted_devices(node, *type, market_.model_of(*type), tables_);
    if (!devices.trouble.empty())
      ++troubles_.try_emplace(devices.trouble, standing.name, 0).first->second.second;
    standing.layout = devices.from;
    standing.gpus = std::move(devices.gpus);
    means_.push_back(std::move(devices.gpu_means));
  } else {
    means_.emplace_back();
  }
  set_price(standing);
  ref.standing = static_cast<std::uint32_t>(out.nodes.size());
  refs_.emplace(standing.name, ref);
  out.nodes.push_back(std::move(standing));
}

void ClusterNodes::tell_troubles(cluster::Cluster& out) const {
  for (const auto& [trouble, nodes] : troubles_) {
    const auto& [first, count] = nodes;
    const std::string more = count > 1 ? fmt::format(" and {} more", count - 1) : "";
    out.demand.notes.push_back(fmt::format("Node {}{}: {}.", first, more, trouble));
  }
}

/// The first nodes of each type that --owned names, those of reserved capacity among them.
void ClusterNodes::set_owned(cluster::Cluster& out) const {
  for (const auto& [name, count] : options_.owned) {
    std::int64_t left = count;
    for (const StandingNode& node : out.nodes)
      left -= node.owned && market_.types[node.type].name == name ? 1 : 0;
    for (StandingNode& node : out.nodes) {
      if (left <= 0) break;
      if (node.owned || market_.types[node.type].name != name) continue;
      node.owned = true;
      node.price = {};
      node.price_assumed = node.unpriced = false;
      --left;
    }
  }
}

void ClusterNodes::read(const ClusterReading& reading, cluster::Cluster& out) {
  read_agents(reading, out);
  std::vector<control::Node> nodes;
  for (const Node& item : reading.of("Node").items) {
    auto node = read_live_node(item);
    if (node) {
      nodes.push_back(*std::move(node));
    } else {
      leave_out(out, "node", "it cannot be read: " + node.error().message());
    }
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const auto& a, const auto& b) { return a.meta.name < b.meta.name; });
  for (const control::Node& node : nodes)
    if (find(node.meta.name) == nullptr) read_node(node, out);
  set_owned(out);
  tell_troubles(out);
}

}  // namespace kerf::codec
