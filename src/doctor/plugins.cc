// Whoever else offers GPUs: device plugins beside Kerf's agent, Bottlerocket's own, DRA drivers.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "doctor/checks.h"
#include "doctor/look.h"

namespace kerf::doctor {
namespace {

using codec::Node;

constexpr std::string_view kManaged = "kerf.dev/managed";

/// NVIDIA's device plugin: the stand-alone chart's, the operator's, or one under another name that
/// runs its image.
bool is_plugin(const std::map<std::string, std::string>& labels, const Node& pod_spec) {
  for (const auto& [key, value] : labels) {
    const bool names =
        key == "app" || key == "name" || key == "k8s-app" || key == "app.kubernetes.io/name";
    if (names && value.starts_with("nvidia-device-plugin")) return true;
  }
  for (const Node& container : list(pod_spec, {"containers"})) {
    const std::string image = text(container, {"image"});
    if (image.find("k8s-device-plugin") != std::string::npos) return true;
  }
  return false;
}

bool is_operators(const std::map<std::string, std::string>& labels) {
  const auto app = labels.find("app");
  return app != labels.end() && app->second == "nvidia-device-plugin-daemonset";
}

/// Does its node selector or a required node affinity ask for, or against, this label?
bool looks_at(const Node& pod_spec, std::string_view label) {
  if (at(pod_spec, {"nodeSelector", label}) != nullptr) return true;
  for (const Node& term :
       list(pod_spec, {"affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
                       "nodeSelectorTerms"})) {
    for (const Node& expression : list(term, {"matchExpressions"})) {
      if (text(expression, {"key"}) == label) return true;
    }
  }
  return false;
}

/// MIG_STRATEGY of its containers; "" = it is not set there.
std::string strategy_of(const Node& pod_spec) {
  for (const Node& container : list(pod_spec, {"containers"})) {
    for (const Node& variable : list(container, {"env"})) {
      if (text(variable, {"name"}) == "MIG_STRATEGY") return text(variable, {"value"});
    }
  }
  return "";
}

void check_strategies(const Facts& facts, Findings& out) {
  if (facts.read("SlicePolicy")) return;  // Kerf's agents may serve those who ask
  const std::vector<About> asking = mig_askers(facts);
  if (asking.empty()) return;
  for (const Node& object : facts.objects("DaemonSet")) {
    const Node* spec = at(object, {"spec", "template", "spec"});
    const auto labels = texts(object, {"spec", "template", "metadata", "labels"});
    // The operator's has what its ClusterPolicy says.
    if (spec == nullptr || !is_plugin(labels, *spec) || is_operators(labels)) continue;
    const std::string strategy = strategy_of(*spec);
    if (strategy.empty() || strategy == "mixed") continue;
    std::vector<About> who{about("DaemonSet", object)};
    out.push_back({Code::MigStrategyWrong,
                   fmt::format("DaemonSet {}/{} runs NVIDIA's device plugin with MIG strategy {}, "
                               "and {} for nvidia.com/mig-*",
                               who.front().ns, who.front().name, strategy,
                               counted(asking.size(), "pod asks", "pods ask")),
                   std::move(who)});
    out.back().about.insert(out.back().about.end(), asking.begin(), asking.end());
  }
}

void check_device_plugins(const Facts& facts, Findings& out) {
  for (const Node& object : facts.objects("DaemonSet")) {
    const Node* spec = at(object, {"spec", "template", "spec"});
    if (spec == nullptr) continue;
    const auto labels = texts(object, {"spec", "template", "metadata", "labels"});
    if (!is_plugin(labels, *spec) || is_operators(labels) || looks_at(*spec, kManaged)) continue;
    const About its = about("DaemonSet", object);
    out.push_back(
        {Code::PluginWouldCome,
         fmt::format("DaemonSet {}/{} brings NVIDIA's device plugin to every node that it "
                     "selects, those of Kerf's too",
                     its.ns, its.name),
         {its}});
  }
  std::vector<About> running;
  for (const NodeFacts& node : facts.nodes) {
    for (const std::uint32_t index : node.pods) {
      const PodFacts& pod = facts.pods[index];
      const Node* spec = pod.object->find("spec");
      if (!node.managed || spec == nullptr || !is_plugin(pod.labels, *spec)) continue;
      running.push_back(pod.about);
      running.push_back(node.about);
    }
  }
  if (!running.empty()) {
    out.push_back({Code::ForeignPlugin,
                   fmt::format("NVIDIA's device plugin runs on {} of Kerf's",
                               counted(running.size() / 2, "node", "nodes")),
                   std::move(running)});
  }
}

void check_bottlerocket(const Facts& facts, Findings& out) {
  std::vector<About> nodes;
  for (const NodeFacts& node : facts.nodes) {
    if (node.gpu &&
        text(*node.object, {"status", "nodeInfo", "osImage"}).starts_with("Bottlerocket")) {
      nodes.push_back(node.about);
    }
  }
  if (nodes.empty()) return;
  out.push_back({Code::BottlerocketPlugin,
                 fmt::format("{} Bottlerocket: its own device plugin offers slices as "
                             "nvidia.com/gpu, and no label keeps it off",
                             counted(nodes.size(), "GPU node runs", "GPU nodes run")),
                 std::move(nodes)});
}

void check_dra(const Facts& facts, Findings& out) {
  std::map<std::string, std::set<std::string>> nodes_of;
  for (const Node& slice : facts.objects("ResourceSlice")) {
    const std::string driver = text(slice, {"spec", "driver"});
    if (driver.find("nvidia.com") == std::string::npos) continue;
    nodes_of[driver].insert(text(slice, {"spec", "nodeName"}));
  }
  for (const auto& [driver, nodes] : nodes_of) {
    std::vector<About> where;
    for (const std::string& name : nodes) {
      if (!name.empty()) where.push_back({.kind = "Node", .ns = "", .name = name});
    }
    out.push_back({Code::DraDriver,
                   fmt::format("DRA driver {} publishes devices{}", driver,
                               where.empty() ? std::string()
                                             : " of " + counted(where.size(), "node", "nodes")),
                   std::move(where)});
  }
  for (const Node& object : facts.objects("DeviceClass")) {
    const std::string name = text(object, {"spec", "extendedResourceName"});
    if (!is_device_name(name)) continue;
    const About its = about("DeviceClass", object);
    out.push_back({Code::DeviceClassTakesName,
                   fmt::format("DeviceClass {} maps {}: where a node offers none of it, the "
                               "scheduler gives pods a device of a DRA driver; Kerf leaves such "
                               "pods alone",
                               its.name, name),
                   {its}});
  }
}

}  // namespace

void check_plugins(const Facts& facts, Findings& out) {
  check_strategies(facts, out);
  check_device_plugins(facts, out);
  check_bottlerocket(facts, out);
  check_dra(facts, out);
}

}  // namespace kerf::doctor
