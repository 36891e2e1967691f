// PodShape as JSON: what is kept of expected demand across restarts; read back in
// pod_shape_read.cc.
#include <string>
#include <utility>

#include "codec/pod_shape.h"
#include "codec/policy_status.h"

namespace kerf::codec {
namespace {

using cluster::PodSelector;
using cluster::PodShape;
using cluster::Requirement;
using cluster::Requirements;

template <std::size_t N, class T>
Node word(const std::array<std::string_view, N>& words, T value) {
  return Node::of(std::string(words[static_cast<std::size_t>(value)]));
}

Node texts(const std::vector<std::string>& values) {
  Node list = Node::sequence();
  for (const std::string& value : values) list.push(Node::of(value));
  return list;
}

template <class T, class Write>
Node list_of(const std::vector<T>& values, Write write) {
  Node list = Node::sequence();
  for (const T& value : values) list.push(write(value));
  return list;
}

/// Sets it unless it is empty, which is what its absence means.
void set_list(Node& node, const char* key, Node list) {
  if (!list.items.empty()) node.set(key, std::move(list));
}
void set_text(Node& node, const char* key, const std::string& text) {
  if (!text.empty()) node.set(key, Node::of(text));
}

Node resources_node(const Resources& resources) {
  return Node::mapping()
      .set("cpuMilli", Node::of(resources.cpu_milli))
      .set("memoryMib", Node::of(resources.memory_mib))
      .set("diskMib", Node::of(resources.disk_mib))
      .set("pods", Node::of(resources.pods));
}

Node request_node(const cluster::GpuRequest& request) {
  Node node = Node::mapping();
  node.set("kind", word(kRequestKinds, request.kind));
  set_text(node, "profile", request.profile);
  if (request.gib != 0) node.set("gib", Node::of(std::int64_t{request.gib}));
  node.set("isolation", word(kIsolations, request.isolation));
  if (request.share_milli != 0) node.set("shareMilli", Node::of(std::int64_t{request.share_milli}));
  return std::move(node.set("count", Node::of(request.count)));
}

Node requirement_node(const Requirement& requirement) {
  Node node = Node::mapping();
  node.set("key", Node::of(requirement.key));
  node.set("operator", word(kOperators, requirement.op));
  set_list(node, "values", texts(requirement.values));
  return node;
}

Node requirements_node(const Requirements& requirements) {
  return list_of(requirements, requirement_node);
}

Node toleration_node(const cluster::Toleration& toleration) {
  Node node = Node::mapping();
  set_text(node, "key", toleration.key);
  node.set("operator", Node::of(toleration.exists ? "Exists" : "Equal"));
  set_text(node, "value", toleration.value);
  set_text(node, "effect", toleration.effect);
  return node;
}

Node selector_node(const PodSelector& selector) {
  Node node = Node::mapping();
  set_list(node, "namespaces", texts(selector.namespaces));
  if (selector.all_namespaces) node.set("allNamespaces", Node::of(true));
  set_list(node, "labels", requirements_node(selector.labels));
  if (selector.none) node.set("none", Node::of(true));
  return node;
}

Node spread_node(const cluster::SpreadConstraint& spread) {
  return Node::mapping()
      .set("maxSkew", Node::of(std::int64_t{spread.max_skew}))
      .set("minDomains", Node::of(std::int64_t{spread.min_domains}))
      .set("topologyKey", Node::of(spread.topology_key))
      .set("selector", selector_node(spread.selector));
}

Node term_node(const cluster::AffinityTerm& term) {
  return Node::mapping()
      .set("topologyKey", Node::of(term.topology_key))
      .set("selector", selector_node(term.selector));
}

Node port_node(const cluster::HostPort& port) {
  Node node = Node::mapping();
  node.set("port", Node::of(std::int64_t{port.port}));
  node.set("protocol", Node::of(port.protocol));
  set_text(node, "ip", port.ip);
  return node;
}

Node unplaceable_node(const cluster::Unplaceable& one) {
  return Node::mapping().set("field", Node::of(one.field)).set("why", Node::of(one.why));
}

}  // namespace

Node pod_shape_node(const PodShape& shape) {
  Node node = Node::mapping();
  node.set("namespace", Node::of(shape.ns));
  if (!shape.labels.empty()) {
    Node labels = Node::mapping();
    for (const auto& [key, value] : shape.labels) labels.set(key, Node::of(value));
    node.set("labels", std::move(labels));
  }
  node.set("requests", resources_node(shape.requests));
  set_list(node, "gpu", list_of(shape.gpu, request_node));
  set_list(node, "nodeSelector", requirements_node(shape.node_selector));
  set_list(node, "nodeAffinity", list_of(shape.node_affinity, requirements_node));
  set_list(node, "tolerations", list_of(shape.tolerations, toleration_node));
  set_list(node, "spread", list_of(shape.spread, spread_node));
  set_list(node, "affinity", list_of(shape.affinity, term_node));
  set_list(node, "antiAffinity", list_of(shape.anti_affinity, term_node));
  set_list(node, "hostPorts", list_of(shape.host_ports, port_node));
  if (shape.volume_zone_bound) node.set("volumeZoneBound", Node::of(true));
  set_list(node, "volumeZones", texts(shape.volume_zones));
  if (shape.priority != 0) node.set("priority", Node::of(std::int64_t{shape.priority}));
  set_list(node, "unplaceable", list_of(shape.unplaceable, unplaceable_node));
  return node;
}

}  // namespace kerf::codec
