// NVIDIA's GPU Operator: its MIG strategy, and whether its operands keep off Kerf's nodes.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "doctor/checks.h"
#include "doctor/look.h"

namespace kerf::doctor {
namespace {

using codec::Node;

constexpr std::string_view kOperands = "nvidia.com/gpu.deploy.operands";
/// Operands that offer devices or change GPUs: ClusterPolicy's field, and the label of the node.
constexpr std::pair<std::string_view, std::string_view> kTaking[] = {
    {"devicePlugin", "nvidia.com/gpu.deploy.device-plugin"},
    {"migManager", "nvidia.com/gpu.deploy.mig-manager"},
};

void check_strategy(const Facts& facts, const Node& policy, Findings& out) {
  // The chart's default is single (gpu-operator deployments/gpu-operator/values.yaml).
  const std::string given = text(policy, {"spec", "mig", "strategy"});
  const std::string strategy = given.empty() ? "single" : given;
  const bool plugin = flag_unless_false(policy, {"spec", "devicePlugin", "enabled"});
  const bool kerfs = std::any_of(facts.nodes.begin(), facts.nodes.end(),
                                 [](const NodeFacts& node) { return node.managed; });
  if (strategy == "mixed" || !plugin || kerfs || facts.read("SlicePolicy")) return;
  const std::vector<About> asking = mig_askers(facts);
  if (asking.empty()) return;
  const About its = about("ClusterPolicy", policy);
  std::vector<About> who{its};
  who.insert(who.end(), asking.begin(), asking.end());
  out.push_back({Code::MigStrategyWrong,
                 fmt::format("The GPU Operator's mig.strategy is {}: its plugin offers slices as "
                             "nvidia.com/gpu, and {} for nvidia.com/mig-*",
                             strategy, counted(asking.size(), "pod asks", "pods ask")),
                 std::move(who)});
}

/// Would the operator put these operands on the node? It asks the node's labels.
bool comes_to(const NodeFacts& node, std::string_view label) {
  if (node.label(std::string(kOperands)) == "false") return false;
  if (node.label(std::string(label)) == "false") {
    return node.label("nvidia.com/gpu.present") != "true";  // it will delete the label
  }
  return true;
}

void check_operands(const Facts& facts, const Node& policy, Findings& out) {
  std::vector<About> taken, fragile;
  for (const NodeFacts& node : facts.nodes) {
    bool takes = false, breaks = false;
    for (const auto& [field, label] : kTaking) {
      if (!flag_unless_false(policy, {"spec", field, "enabled"})) continue;
      const bool kept_off = node.label(std::string(label)) == "false";
      takes = takes || (node.managed && comes_to(node, label) && !kept_off);
      breaks = breaks || (kept_off && comes_to(node, label));
    }
    if (takes) taken.push_back(node.about);
    if (breaks) fragile.push_back(node.about);
  }
  if (!taken.empty()) {
    out.push_back({Code::OperatorTakesOver,
                   fmt::format("Nothing keeps the GPU Operator's device plugin and MIG manager off "
                               "{} of Kerf's: the plugin takes the resource names over, MIG "
                               "manager clears the slices",
                               counted(taken.size(), "node", "nodes")),
                   std::move(taken)});
  }
  if (!fragile.empty()) {
    out.push_back({Code::OperandLabelsFragile,
                   fmt::format("{} single operands off by labels that the GPU Operator deletes "
                               "while nvidia.com/gpu.present=true is missing",
                               counted(fragile.size(), "node keeps", "nodes keep")),
                   std::move(fragile)});
  }
}

void check_labels(const Facts& facts, Findings& out) {
  std::map<std::string, std::vector<About>> failed;
  std::vector<About> pending, unnamed;
  for (const NodeFacts& node : facts.nodes) {
    const std::string& state = node.label("nvidia.com/mig.config.state");
    if (state == "failed") failed[node.label("nvidia.com/mig.config")].push_back(node.about);
    if (state == "pending" || state == "rebooting") pending.push_back(node.about);
    if (!node.offered.empty() && node.label("nvidia.com/gpu.product").empty()) {
      unnamed.push_back(node.about);
    }
  }
  for (auto& [config, nodes] : failed) {
    out.push_back({Code::MigConfigFailed,
                   fmt::format("MIG manager failed to apply {} on {}",
                               config.empty() ? "a configuration" : config,
                               counted(nodes.size(), "node", "nodes")),
                   std::move(nodes)});
  }
  if (!pending.empty()) {
    out.push_back(
        {Code::MigConfigPending,
         fmt::format("MIG manager is changing {}", counted(pending.size(), "node", "nodes")),
         std::move(pending)});
  }
  if (!unnamed.empty()) {
    out.push_back({Code::NoProductLabel,
                   fmt::format("{} the label nvidia.com/gpu.product",
                               counted(unnamed.size(), "GPU node lacks", "GPU nodes lack")),
                   std::move(unnamed)});
  }
}

}  // namespace

void check_operator(const Facts& facts, Findings& out) {
  for (const Node& policy : facts.objects("ClusterPolicy")) {
    check_strategy(facts, policy, out);
    check_operands(facts, policy, out);
  }
  check_labels(facts, out);
}

}  // namespace kerf::doctor
