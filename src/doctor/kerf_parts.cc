// Kerf itself: are its kinds served, do agents run where they should, what do policies say?
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "doctor/checks.h"
#include "doctor/look.h"

namespace kerf::doctor {
namespace {

using codec::Node;

bool is_part(const PodFacts& pod, std::string_view name) {
  const auto found = pod.labels.find("app.kubernetes.io/name");
  return found != pod.labels.end() && found->second == name;
}

void check_agents(const Facts& facts, Findings& out) {
  std::vector<About> alone;
  for (const NodeFacts& node : facts.nodes) {
    if (!node.managed || !facts.reading.only_namespace.empty() || !facts.read("Pod")) continue;
    const bool there = std::any_of(node.pods.begin(), node.pods.end(), [&](std::uint32_t index) {
      return is_part(facts.pods[index], "kerf-agent");
    });
    if (!there) alone.push_back(node.about);
  }
  if (alone.empty()) return;
  out.push_back({Code::AgentMissing,
                 fmt::format("No kerf-agent runs on {} labelled kerf.dev/managed=true: nothing "
                             "cuts there, and nothing offers slices",
                             counted(alone.size(), "node", "nodes")),
                 std::move(alone)});
}

void check_degraded(const Facts& facts, Findings& out) {
  std::map<std::string, std::vector<const Node*>> by_reason;
  for (const Node& object : facts.objects("GpuNode")) {
    const Node* degraded = condition(object, "Degraded");
    if (degraded != nullptr && text(*degraded, {"status"}) == "True") {
      by_reason[text(*degraded, {"reason"})].push_back(&object);
    }
  }
  for (const auto& [reason, objects] : by_reason) {
    std::vector<About> nodes;
    for (const Node* object : objects) nodes.push_back(about("GpuNode", *object));
    const std::string message = text(*condition(*objects.front(), "Degraded"), {"message"});
    out.push_back(
        {Code::NodeDegraded,
         fmt::format("{} Degraded ({}){}{}", counted(nodes.size(), "GpuNode is", "GpuNodes are"),
                     reason, message.empty() ? "" : ": ", message),
         std::move(nodes)});
  }
}

void check_policies(const Facts& facts, Findings& out) {
  for (const Node& policy : facts.objects("SlicePolicy")) {
    const About its = about("SlicePolicy", policy);
    if (text(policy, {"spec", "mode"}) != "Act") {
      out.push_back({Code::PolicyObserves,
                     fmt::format("SlicePolicy {} observes: it buys and cuts nothing", its.name),
                     {its}});
    }
    for (const Node& entry : list(policy, {"status", "conditions"})) {
      if (text(entry, {"status"}) != "False") continue;
      const std::string message = text(entry, {"message"});
      out.push_back(
          {Code::PolicyTrouble,
           fmt::format("SlicePolicy {}: {} is False ({}){}{}", its.name, text(entry, {"type"}),
                       text(entry, {"reason"}), message.empty() ? "" : ": ", message),
           {its}});
    }
  }
}

/// Pods of controller and agents by their image.
std::map<std::string, std::vector<About>> images(const Facts& facts) {
  std::map<std::string, std::vector<About>> by_image;
  for (const PodFacts& pod : facts.pods) {
    if (!pod.running || !(is_part(pod, "kerf-agent") || is_part(pod, "kerf-controller"))) continue;
    for (const Node& container : list(*pod.object, {"spec", "containers"})) {
      by_image[text(container, {"image"})].push_back(pod.about);
      break;  // the first is kerfd; others are sidecars
    }
  }
  return by_image;
}

void check_images(const std::map<std::string, std::vector<About>>& by_image, Findings& out) {
  if (by_image.size() < 2) return;
  std::string names;
  std::vector<About> pods;
  for (const auto& [image, its] : by_image) {
    names += (names.empty() ? "" : ", ") + image;
    pods.insert(pods.end(), its.begin(), its.end());
  }
  out.push_back({Code::VersionsDiffer,
                 fmt::format("Kerf runs from {} images: {}", by_image.size(), names),
                 std::move(pods)});
}

}  // namespace

void check_kerf(const Facts& facts, Findings& out) {
  const bool absent = facts.absent("GpuNode") && facts.absent("SlicePolicy");
  if (absent) {
    out.push_back({Code::KerfAbsent, "Kerf is not installed in this cluster"});
  }
  const std::size_t before = out.size();
  check_agents(facts, out);
  check_degraded(facts, out);
  const bool well = out.size() == before;
  check_policies(facts, out);
  const auto by_image = images(facts);
  check_images(by_image, out);
  if (well && (facts.read("GpuNode") || facts.read("SlicePolicy")) && !absent) {
    const std::size_t nodes = facts.objects("GpuNode").size();
    const std::string runs =
        by_image.size() == 1 ? fmt::format(", {} runs", by_image.begin()->first) : "";
    out.push_back({Code::KerfReady, fmt::format("Kerf's kinds are served{}; {}", runs,
                                                counted(nodes, "GpuNode", "GpuNodes"))});
  }
}

}  // namespace kerf::doctor
