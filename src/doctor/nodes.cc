// GPU nodes: those that offer nothing, are handed out whole, have no taint, or a small disk.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/quantity.h"
#include "codec/timestamp.h"
#include "doctor/checks.h"
#include "doctor/look.h"

namespace kerf::doctor {
namespace {

using codec::Node;

constexpr std::int64_t kComesMs = 15 * 60'000;  // a new node's plugin may not be there yet
constexpr std::int64_t kDiskMib = std::int64_t{60} << 10;

/// Joined so lately that its device plugin need not have come.
bool is_new(const NodeFacts& node, const Facts& facts) {
  const auto made = codec::parse_timestamp(text(*node.object, {"metadata", "creationTimestamp"}));
  return made && facts.reading.taken_ms != 0 && facts.reading.taken_ms - *made < kComesMs;
}

bool has_taint(const NodeFacts& node, std::string_view key) {
  return std::any_of(node.taints.begin(), node.taints.end(),
                     [&](const cluster::Taint& taint) { return taint.key == key; });
}

void check_devices(const Facts& facts, Findings& out) {
  std::map<std::string, std::vector<About>> nothing, strange;
  for (const NodeFacts& node : facts.nodes) {
    if (node.type != nullptr && node.offered.empty() && node.ready && !is_new(node, facts) &&
        !has_taint(node, "kerf.dev/uncut")) {
      nothing[node.type_name].push_back(node.about);
    }
    if (node.type == nullptr && !node.offered.empty()) {
      strange[node.type_name].push_back(node.about);
    }
  }
  for (auto& [type, nodes] : nothing) {
    out.push_back({Code::NoDevices,
                   fmt::format("{} no device although {} has GPUs: driver or device plugin is not "
                               "there, or every slice is withdrawn",
                               counted(nodes.size(), "node offers", "nodes offer"), type),
                   std::move(nodes)});
  }
  for (auto& [type, nodes] : strange) {
    out.push_back(
        {Code::UnknownType,
         fmt::format("{} with NVIDIA devices {}", counted(nodes.size(), "node", "nodes"),
                     type.empty() ? std::string("without the label "
                                                "node.kubernetes.io/instance-type")
                                  : fmt::format("of type {}, which Kerf does not know", type)),
         std::move(nodes)});
  }
}

void check_whole(const Facts& facts, Findings& out) {
  std::map<std::string, std::vector<About>> whole;
  for (const NodeFacts& node : facts.nodes) {
    if (node.type == nullptr || !node.offered.contains("nvidia.com/gpu")) continue;
    const gpu::Model& model = facts.market.model_of(*node.type);
    const bool cut = std::any_of(node.offered.begin(), node.offered.end(),
                                 [](const auto& one) { return one.first != "nvidia.com/gpu"; });
    // More devices than GPUs: strategy single, or time slicing under the GPU's own name.
    const bool shared = node.offered.at("nvidia.com/gpu") > node.type->gpu_count;
    if (model.cuttable() && !cut && !shared && node.type->gpu_fraction == 1 && !node.managed) {
      whole[model.key].push_back(node.about);
    }
  }
  for (auto& [model, nodes] : whole) {
    out.push_back({Code::NotCut,
                   fmt::format("{} {} out whole, which MIG could cut",
                               counted(nodes.size(), "node hands", "nodes hand"), model),
                   std::move(nodes)});
  }
}

void check_taints(const Facts& facts, Findings& out) {
  std::vector<About> where;
  std::size_t pods = 0, nodes = 0;
  for (const NodeFacts& node : facts.nodes) {
    if (!node.gpu || node.has_hard_taint()) continue;
    std::vector<About> on_it;
    for (const std::uint32_t index : node.pods) {
      const PodFacts& pod = facts.pods[index];
      if (!pod.gpu() && !pod.part_of_node) on_it.push_back(pod.about);
    }
    if (on_it.empty()) continue;
    ++nodes;
    pods += on_it.size();
    where.push_back(node.about);
    where.insert(where.end(), on_it.begin(), on_it.end());
  }
  if (pods == 0) return;
  out.push_back(
      {Code::CpuPodsOnGpus,
       fmt::format("{} without a GPU {} on {} without a taint", counted(pods, "pod", "pods"),
                   pods == 1 ? "sits" : "sit", counted(nodes, "GPU node", "GPU nodes")),
       std::move(where)});
}

void check_disks(const Facts& facts, Findings& out) {
  std::vector<About> small;
  for (const NodeFacts& node : facts.nodes) {
    if (!node.gpu) continue;
    const Node* amount = at(*node.object, {"status", "capacity", "ephemeral-storage"});
    if (amount == nullptr || amount->text.empty()) continue;
    const auto quantity = parse_quantity(amount->text);
    if (!quantity) continue;
    const auto mib = to_mib_floor(*quantity);
    if (mib && *mib < kDiskMib) small.push_back(node.about);
  }
  if (small.empty()) return;
  out.push_back({Code::SmallRootVolume,
                 fmt::format("{} less than 60 GiB of disk for images and emptyDirs",
                             counted(small.size(), "GPU node has", "GPU nodes have")),
                 std::move(small)});
}

}  // namespace

void check_nodes(const Facts& facts, Findings& out) {
  check_devices(facts, out);
  check_whole(facts, out);
  check_taints(facts, out);
  check_disks(facts, out);
}

}  // namespace kerf::doctor
