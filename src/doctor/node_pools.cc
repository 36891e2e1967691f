// NodePools that buy GPU nodes, NodeOverlays that promise slices, NodeClasses.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/quantity.h"

#include "doctor/checks.h"
#include "doctor/look.h"

namespace kerf::doctor {
namespace {

using codec::Node;

constexpr std::int64_t kVolumeGib = 60;

/// Labels that say what a machine is. A requirement on any other one (a zone, the pool's own) says
/// nothing about GPUs.
bool describes_machine(std::string_view key) {
  return key.starts_with("karpenter.k8s.aws/instance-") ||
         key == "node.kubernetes.io/instance-type" || key == "kubernetes.io/arch";
}

/// A limit of 0, or of less than any GPU node has: it never launches one.
bool can_launch(const Node& pool) {
  if (const Node* replicas = at(pool, {"spec", "replicas"})) return whole(replicas).value_or(1) > 0;
  for (const std::string_view name : {"cpu", "memory", "nodes", "nvidia.com/gpu"}) {
    if (whole(at(pool, {"spec", "limits", name})) == 0) return false;
  }
  return true;
}

/// A GPU type that the pool's requirements allow; nullptr: none.
const market::InstanceType* gpu_type_of(const Node& pool, const market::Market& market) {
  if (!can_launch(pool)) return nullptr;
  cluster::Requirements wanted;
  for (auto& one : requirements(pool, {"spec", "template", "spec", "requirements"})) {
    if (describes_machine(one.key)) wanted.push_back(std::move(one));
  }
  for (const market::InstanceType& type : market.types) {
    const auto labels = market::node_labels(market, type, "", market::CapacityType::OnDemand);
    if (all_match(wanted, labels)) return &type;
  }
  return nullptr;
}

/// The pool is made for GPUs: it says so in a taint, a requirement, or a label.
bool meant_for_gpus(const Node& pool) {
  for (const auto& taint : taints(pool, {"spec", "template", "spec", "taints"})) {
    if (taint.key.starts_with("nvidia.com/")) return true;
  }
  for (const auto& one : requirements(pool, {"spec", "template", "spec", "requirements"})) {
    if (one.key.find("instance-gpu-") != std::string::npos &&
        one.op != cluster::Operator::DoesNotExist) {
      return true;
    }
    if ((one.key == "node.kubernetes.io/instance-type" ||
         one.key == "karpenter.k8s.aws/instance-family" ||
         one.key == "karpenter.k8s.aws/instance-category") &&
        one.op == cluster::Operator::In) {
      return true;
    }
  }
  return false;
}

/// A SlicePolicy that buys for nvidia.com/gpu.
const Node* policy_for_whole_gpus(const Facts& facts) {
  for (const Node& policy : facts.objects("SlicePolicy")) {
    for (const Node& name : list(policy, {"spec", "buysFor"})) {
      if (name.text == "nvidia.com/gpu" || name.text == "nvidia.com/*") return &policy;
    }
  }
  return nullptr;
}

void check_pools(const Facts& facts, Findings& out) {
  const Node* policy = policy_for_whole_gpus(facts);
  std::vector<About> buying, expiring, hasty;
  for (const Node& pool : facts.objects("NodePool")) {
    if (gpu_type_of(pool, facts.market) == nullptr) continue;
    const About its = about("NodePool", pool);
    buying.push_back(its);
    if (!meant_for_gpus(pool)) continue;
    // The definition of the kind sets 720h where nothing is given.
    if (text(pool, {"spec", "template", "spec", "expireAfter"}) != "Never") expiring.push_back(its);
    if (at(pool, {"spec", "disruption", "consolidateAfter"}) == nullptr &&
        at(pool, {"spec", "replicas"}) == nullptr) {
      hasty.push_back(its);
    }
  }
  if (!buying.empty() && policy != nullptr) {
    std::vector<About> both = buying;
    both.push_back(about("SlicePolicy", *policy));
    out.push_back({Code::NodePoolCompetes,
                   fmt::format("{} can buy GPU nodes for nvidia.com/gpu, and so can SlicePolicy "
                               "{}: a pod may be bought for twice",
                               counted(buying.size(), "NodePool", "NodePools"), both.back().name),
                   std::move(both)});
  } else if (!buying.empty()) {
    out.push_back({Code::NodePoolBuysGpus,
                   fmt::format("{} can buy GPU nodes for pods that ask for nvidia.com/gpu",
                               counted(buying.size(), "NodePool", "NodePools")),
                   std::move(buying)});
  }
  if (!expiring.empty()) {
    out.push_back({Code::NodePoolExpires,
                   fmt::format("Nodes of {} expire, and their pods end with them",
                               counted(expiring.size(), "GPU NodePool", "GPU NodePools")),
                   std::move(expiring)});
  }
  if (!hasty.empty()) {
    out.push_back({Code::NoConsolidateAfter,
                   fmt::format("{} no disruption.consolidateAfter",
                               counted(hasty.size(), "GPU NodePool has", "GPU NodePools have")),
                   std::move(hasty)});
  }
}

void check_overlays(const Facts& facts, Findings& out) {
  for (const Node& overlay : facts.objects("NodeOverlay")) {
    const Node* capacity = at(overlay, {"spec", "capacity"});
    if (capacity == nullptr) continue;
    std::string names;
    for (const auto& [name, amount] : capacity->members) {
      if (!name.starts_with("nvidia.com/mig-")) continue;
      names += fmt::format("{}{}: {}", names.empty() ? "" : ", ", name, amount.text);
    }
    if (names.empty()) continue;
    const About its = about("NodeOverlay", overlay);
    out.push_back(
        {Code::StaticMigPromise,
         fmt::format("NodeOverlay {} promises {} on every node that it matches", its.name, names),
         {its}});
  }
}

/// NodeClasses that a NodePool uses, whatever their kind.
std::set<std::string> priced_classes(const Facts& facts) {
  std::set<std::string> out;
  for (const Node& pool : facts.objects("NodePool")) {
    out.insert(text(pool, {"spec", "template", "spec", "nodeClassRef", "name"}));
  }
  return out;
}

/// GiB of its largest volume; 0 = the image's own, 20 GiB with Karpenter.
std::int64_t volume_gib(const Node& node_class) {
  std::int64_t most = 0;
  for (const Node& mapping : list(node_class, {"spec", "blockDeviceMappings"})) {
    const auto quantity = parse_quantity(text(mapping, {"ebs", "volumeSize"}));
    if (!quantity) continue;
    const auto mib = to_mib_floor(*quantity);
    if (mib) most = std::max(most, *mib >> 10);
  }
  return most;
}

/// NodeClasses of pools that are made for GPUs, whose nodes would have small disks.
void check_volumes(const Facts& facts, Findings& out) {
  std::set<std::string> used;
  for (const Node& pool : facts.objects("NodePool")) {
    if (meant_for_gpus(pool) && gpu_type_of(pool, facts.market) != nullptr) {
      used.insert(text(pool, {"spec", "template", "spec", "nodeClassRef", "name"}));
    }
  }
  std::vector<About> small;
  for (const Node& object : facts.objects("EC2NodeClass")) {
    const About its = about("EC2NodeClass", object);
    // With RAID0 the disk is that of the instance's own drives.
    const bool drives = text(object, {"spec", "instanceStorePolicy"}) == "RAID0";
    if (used.contains(its.name) && !drives && volume_gib(object) < kVolumeGib) small.push_back(its);
  }
  if (small.empty()) return;
  out.push_back(
      {Code::SmallRootVolume,
       fmt::format("{} of GPU NodePools a volume of less than 60 GiB",
                   counted(small.size(), "NodeClass gives nodes", "NodeClasses give nodes")),
       std::move(small)});
}

void check_classes(const Facts& facts, Findings& out) {
  for (const Node& object : facts.objects("EC2NodeClass")) {
    const Node* ready = condition(object, "Ready");
    if (ready == nullptr || text(*ready, {"status"}) != "False") continue;
    const About its = about("EC2NodeClass", object);
    const std::string message = text(*ready, {"message"});
    out.push_back({Code::NodeClassNotReady,
                   fmt::format("EC2NodeClass {} is not Ready{}{}", its.name,
                               message.empty() ? "" : ": ", message),
                   {its}});
  }
  if (!facts.read("NodePool")) return;
  const std::set<std::string> priced = priced_classes(facts);
  for (const Node& policy : facts.objects("SlicePolicy")) {
    for (const std::string_view kind : {"cut", "whole"}) {
      const std::string name = text(policy, {"spec", "nodeClasses", kind});
      if (name.empty() || priced.contains(name)) continue;
      const About its = about("SlicePolicy", policy);
      out.push_back({Code::NodeClassUnpriced,
                     fmt::format("No NodePool uses NodeClass {}, which SlicePolicy {} names: "
                                 "Karpenter shows no prices for it",
                                 name, its.name),
                     {its}});
    }
  }
}

}  // namespace

void check_node_pools(const Facts& facts, Findings& out) {
  check_pools(facts, out);
  check_overlays(facts, out);
  check_volumes(facts, out);
  check_classes(facts, out);
}

}  // namespace kerf::doctor
