// Pods and nodes of a reading, with what several checks ask of them.
#include "doctor/facts.h"

#include <algorithm>

#include "doctor/look.h"
#include "report/text.h"

namespace kerf::doctor {
namespace {

using codec::Node;

constexpr std::int64_t kCountMax = 1'000'000;

/// What one container asks for: a limit stands in for a request.
std::map<std::string, std::int64_t> devices_of(const Node& container) {
  std::map<std::string, std::int64_t> out;
  for (const std::string_view where : {"requests", "limits"}) {
    const Node* amounts = at(container, {"resources", where});
    if (amounts == nullptr) continue;
    for (const auto& [name, amount] : amounts->members) {
      const std::int64_t count = whole(&amount).value_or(0);
      if (is_device_name(name) && count > 0) out[name] = std::min(count, kCountMax);
    }
  }
  return out;
}

bool sees_all(const Node& container) {
  for (const Node& variable : list(container, {"env"})) {
    if (text(variable, {"name"}) == "NVIDIA_VISIBLE_DEVICES") {
      return text(variable, {"value"}) == "all";
    }
  }
  return false;
}

void take_containers(const Node& object, PodFacts& pod) {
  for (const Node& container : list(object, {"spec", "containers"})) {
    for (const auto& [name, count] : devices_of(container)) pod.devices[name] += count;
    pod.sees_all = pod.sees_all || sees_all(container);
  }
  for (const Node& container : list(object, {"spec", "initContainers"})) {
    const bool stays = text(container, {"restartPolicy"}) == "Always";
    for (const auto& [name, count] : devices_of(container)) {
      std::int64_t& asked = pod.devices[name];
      asked = stays ? asked + count : std::max(asked, count);
    }
    pod.sees_all = pod.sees_all || sees_all(container);
  }
}

PodFacts pod_facts(const Node& object) {
  PodFacts pod;
  pod.object = &object;
  pod.about = about("Pod", object);
  pod.node = text(object, {"spec", "nodeName"});
  pod.labels = texts(object, {"metadata", "labels"});
  for (const Node& owner : list(object, {"metadata", "ownerReferences"})) {
    if (flag(owner, {"controller"})) pod.owner = text(owner, {"kind"});
  }
  const std::string phase = text(object, {"status", "phase"});
  pod.ended = phase == "Succeeded" || phase == "Failed" ||
              at(object, {"metadata", "deletionTimestamp"}) != nullptr;
  pod.running = !pod.ended && !pod.node.empty();
  pod.part_of_node = pod.owner == "DaemonSet" || pod.owner == "Node" ||
                     at(object, {"metadata", "annotations", "kubernetes.io/config.mirror"});
  pod.kept = flag(object, {"metadata", "annotations", "karpenter.sh/do-not-disrupt"});
  const Node* scheduled = condition(object, "PodScheduled");
  pod.unschedulable = pod.node.empty() && !pod.ended && scheduled != nullptr &&
                      text(*scheduled, {"reason"}) == "Unschedulable";
  take_containers(object, pod);
  return pod;
}

NodeFacts node_facts(const Node& object, const market::Market& market) {
  NodeFacts node;
  node.object = &object;
  node.about = about("Node", object);
  node.labels = texts(object, {"metadata", "labels"});
  node.type_name = node.label("node.kubernetes.io/instance-type");
  node.type = market.type_named(node.type_name);
  node.taints = taints(object, {"spec", "taints"});
  node.kubelet = text(object, {"status", "nodeInfo", "kubeletVersion"});
  if (const Node* amounts = at(object, {"status", "allocatable"})) {
    for (const auto& [name, amount] : amounts->members) {
      const std::int64_t count = whole(&amount).value_or(0);
      if (is_device_name(name) && count > 0) node.offered[name] = std::min(count, kCountMax);
    }
  }
  node.gpu = node.type != nullptr || !node.offered.empty() ||
             node.label("nvidia.com/gpu.present") == "true";
  node.ready =
      condition_status(object, "Ready") == "True" && !flag(object, {"spec", "unschedulable"});
  node.managed = node.label("kerf.dev/managed") == "true";
  return node;
}

}  // namespace

const std::string& NodeFacts::label(const std::string& key) const {
  static const std::string kNone;
  const auto found = labels.find(key);
  return found == labels.end() ? kNone : found->second;
}

bool NodeFacts::has_hard_taint() const {
  return std::any_of(taints.begin(), taints.end(), [](const cluster::Taint& taint) {
    return taint.effect == "NoSchedule" || taint.effect == "NoExecute";
  });
}

Facts::Facts(const codec::ClusterReading& from, const market::Market& known, std::int64_t now)
    : reading(from), market(known), now_ms(now) {
  take_nodes();
  take_pods();
}

void Facts::take_nodes() {
  for (const Node& object : objects("Node")) {
    nodes.push_back(node_facts(object, market));
    node_index_.emplace(nodes.back().about.name, static_cast<std::uint32_t>(nodes.size() - 1));
  }
}

void Facts::take_pods() {
  for (const Node& object : objects("Pod")) {
    pods.push_back(pod_facts(object));
    const PodFacts& pod = pods.back();
    const auto found = node_index_.find(pod.node);
    if (!pod.running || found == node_index_.end()) continue;
    NodeFacts& on = nodes[found->second];
    on.pods.push_back(static_cast<std::uint32_t>(pods.size() - 1));
    for (const auto& [name, count] : pod.devices) on.used[name] += count;
  }
}

const codec::KindReading* Facts::kind(std::string_view wanted) const {
  for (const codec::KindReading& one : reading.kinds) {
    if (one.kind != nullptr && one.kind->kind == wanted) return &one;
  }
  return nullptr;
}

const std::vector<Node>& Facts::objects(std::string_view wanted) const {
  static const std::vector<Node> kNone;
  const codec::KindReading* found = kind(wanted);
  return found == nullptr ? kNone : found->items;
}

bool Facts::read(std::string_view wanted) const {
  const codec::KindReading* found = kind(wanted);
  return found != nullptr && found->state == codec::KindState::Read;
}

bool Facts::absent(std::string_view wanted) const {
  const codec::KindReading* found = kind(wanted);
  return found != nullptr && found->state == codec::KindState::Absent &&
         found->why.find("not in the input") == std::string::npos;
}

const NodeFacts* Facts::node(std::string_view name) const {
  const auto found = node_index_.find(name);
  return found == node_index_.end() ? nullptr : &nodes[found->second];
}

bool is_device_name(std::string_view name) {
  return name.starts_with("nvidia.com/") || name.starts_with("kerf.dev/");
}

std::vector<About> mig_askers(const Facts& facts) {
  std::vector<About> out;
  for (const PodFacts& pod : facts.pods) {
    const bool asks = std::any_of(pod.devices.begin(), pod.devices.end(), [](const auto& one) {
      return one.first.starts_with("nvidia.com/mig-");
    });
    if (asks && !pod.ended) out.push_back(pod.about);
  }
  return out;
}

About about(std::string_view kind, const Node& object) {
  return {.kind = std::string(kind),
          .ns = text(object, {"metadata", "namespace"}),
          .name = text(object, {"metadata", "name"})};
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return report::counted(static_cast<std::int64_t>(count), one, many);
}

}  // namespace kerf::doctor
