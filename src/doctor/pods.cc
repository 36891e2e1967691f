// What pods ask for: names that nobody serves, taints that they do not tolerate, GPUs by
// environment.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "codec/gpu_request.h"
#include "doctor/checks.h"
#include "doctor/look.h"

namespace kerf::doctor {
namespace {

using codec::Node;

bool is_offered(const Facts& facts, const std::string& name) {
  return std::any_of(facts.nodes.begin(), facts.nodes.end(),
                     [&](const NodeFacts& node) { return node.offered.contains(name); });
}

void check_names(const Facts& facts, Findings& out) {
  std::map<std::string, std::vector<About>> by_name;
  std::vector<About> both;
  for (const PodFacts& pod : facts.pods) {
    if (pod.ended) continue;
    bool slice = false;
    for (const auto& [name, count] : pod.devices) {
      by_name[name].push_back(pod.about);
      slice = slice || name.starts_with("nvidia.com/mig-");
    }
    if (slice && pod.devices.contains("nvidia.com/gpu")) both.push_back(pod.about);
  }
  if (!both.empty()) {
    out.push_back({Code::GpuAndMig,
                   fmt::format("{} for nvidia.com/gpu and for MIG slices",
                               counted(both.size(), "pod asks", "pods ask")),
                   std::move(both)});
  }
  for (auto& [name, pods] : by_name) {
    const std::string who = counted(pods.size(), "pod asks", "pods ask");
    if (name == "nvidia.com/gpu.shared") {
      out.push_back({Code::SharedName, fmt::format("{} for {}", who, name), std::move(pods)});
      continue;
    }
    const auto request = codec::parse_gpu_resource(name, 1, facts.market.gpus);
    // Renamed by somebody's plugin ("nvidia.com/mig-1g.5gb.shared"): then some node has it.
    if (request || is_offered(facts, name)) continue;
    out.push_back({Code::UnknownProfile,
                   fmt::format("{} for {}: {}", who, name, request.error().message()),
                   std::move(pods)});
  }
}

/// The node has what the pod asks for, free, and nothing but taints keeps it away. What affinity
/// says beyond the node selector is not looked at.
bool has_room(const PodFacts& pod, const std::map<std::string, std::string>& node_selector,
              const NodeFacts& node) {
  if (!node.ready) return false;
  for (const auto& [key, value] : node_selector) {
    if (node.label(key) != value) return false;
  }
  for (const auto& [name, count] : pod.devices) {
    const auto offered = node.offered.find(name);
    const auto used = node.used.find(name);
    const std::int64_t taken = used == node.used.end() ? 0 : used->second;
    if (offered == node.offered.end() || offered->second - taken < count) return false;
  }
  return true;
}

void check_tolerations(const Facts& facts, Findings& out) {
  std::map<std::string, std::vector<About>> by_taint;
  for (const PodFacts& pod : facts.pods) {
    if (!pod.unschedulable || !pod.gpu()) continue;
    const auto tolerated = tolerations(*pod.object, {"spec", "tolerations"});
    const auto node_selector = texts(*pod.object, {"spec", "nodeSelector"});
    std::string first;
    bool open = false;
    for (const NodeFacts& node : facts.nodes) {
      if (!node.gpu || !has_room(pod, node_selector, node)) continue;
      const auto refused = std::find_if(
          node.taints.begin(), node.taints.end(),
          [&](const cluster::Taint& taint) { return !cluster::tolerates(tolerated, taint); });
      open = open || refused == node.taints.end();
      if (refused != node.taints.end() && first.empty()) {
        first = refused->key + (refused->value.empty() ? "" : "=" + refused->value) + ":" +
                refused->effect;
      }
    }
    if (!open && !first.empty()) by_taint[first].push_back(pod.about);
  }
  for (auto& [taint, pods] : by_taint) {
    out.push_back({Code::NotTolerated,
                   fmt::format("{} although a node has what {} for: the taint {} is not tolerated",
                               counted(pods.size(), "pod waits", "pods wait"),
                               pods.size() == 1 ? "it asks" : "they ask", taint),
                   std::move(pods)});
  }
}

void check_environment(const Facts& facts, Findings& out) {
  std::vector<About> pods;
  for (const PodFacts& pod : facts.pods) {
    if (pod.ended || !pod.sees_all || pod.gpu()) continue;
    const NodeFacts* node = facts.node(pod.node);
    if (node == nullptr || !node->gpu) continue;
    // NVIDIA's own exporters and plugins are meant to see all of a node.
    if (!pod.part_of_node) pods.push_back(pod.about);
  }
  if (pods.empty()) return;
  out.push_back({Code::SeesAllGpus,
                 fmt::format("{} on a GPU node with NVIDIA_VISIBLE_DEVICES=all and without a GPU "
                             "request",
                             counted(pods.size(), "pod runs", "pods run")),
                 std::move(pods)});
}

}  // namespace

void check_pods(const Facts& facts, Findings& out) {
  check_names(facts, out);
  check_tolerations(facts, out);
  check_environment(facts, out);
}

void check_moves(const Facts& facts, Findings& out) {
  std::vector<About> kept, bare;
  std::map<std::string, std::vector<const PodFacts*>> by_namespace;
  for (const PodFacts& pod : facts.pods) {
    if (!pod.running || !pod.gpu() || pod.part_of_node) continue;
    if (pod.kept) kept.push_back(pod.about);
    if (pod.owner.empty()) bare.push_back(pod.about);
    by_namespace[pod.about.ns].push_back(&pod);
  }
  for (const Node& budget : facts.objects("PodDisruptionBudget")) {
    if (whole(at(budget, {"status", "disruptionsAllowed"})) != 0) continue;
    const About its = about("PodDisruptionBudget", budget);
    const Node* chosen = at(budget, {"spec", "selector"});
    const auto pods = by_namespace.find(its.ns);
    if (chosen == nullptr || pods == by_namespace.end()) continue;
    const cluster::Requirements rules = selector(budget, {"spec", "selector"});
    std::vector<About> held{its};
    for (const PodFacts* pod : pods->second) {
      if (all_match(rules, pod->labels)) held.push_back(pod->about);
    }
    if (held.size() == 1) continue;
    out.push_back({Code::BudgetBlocks,
                   fmt::format("PodDisruptionBudget {}/{} allows no disruption of {}", its.ns,
                               its.name, counted(held.size() - 1, "GPU pod", "GPU pods")),
                   std::move(held)});
  }
  if (!kept.empty()) {
    out.push_back({Code::KeptPods,
                   fmt::format("{} karpenter.sh/do-not-disrupt",
                               counted(kept.size(), "GPU pod carries", "GPU pods carry")),
                   std::move(kept)});
  }
  if (!bare.empty()) {
    out.push_back(
        {Code::BarePods,
         fmt::format("{} no controller", counted(bare.size(), "GPU pod has", "GPU pods have")),
         std::move(bare)});
  }
}

}  // namespace kerf::doctor
