// Builds the objects and merge patches that the controller sends.
#include "codec/live_writes.h"

#include <algorithm>
#include <utility>

#include "codec/duration.h"
#include "codec/gpu_node.h"
#include "codec/kube_meta.h"
#include "codec/lenient_fields.h"
#include "codec/node_view.h"
#include "codec/timestamp.h"
#include "core/control/names.h"
#include "core/market/market.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kNoteBytesMax = 1024;  // what events.k8s.io/v1 takes
constexpr std::size_t kWordBytesMax = 128;   // reason, action and reportingInstance of it
constexpr const char* kController = "kerf.dev/controller";
constexpr const char* kDecision = "kerf.dev/decision";

Node text(std::string_view value) { return Node::of(std::string(value)); }

Node object(std::string_view api_version, std::string_view kind) {
  return std::move(Node::mapping().set("apiVersion", text(api_version)).set("kind", text(kind)));
}

Node labels_node(const control::Labels& labels) {
  Node node = Node::mapping();
  for (const auto& [key, value] : labels) node.set(key, Node::of(value));
  return node;
}

/// As Kubernetes writes quantities.
Node amounts_node(const control::Amounts& amounts) {
  Node node = Node::mapping();
  for (const auto& [name, amount] : amounts) node.set(name, Node::of(std::to_string(amount)));
  return node;
}

Node taints_node(const std::vector<cluster::Taint>& taints) {
  Node list = Node::sequence();
  for (const cluster::Taint& taint : taints) {
    Node node = Node::mapping();
    node.set("key", Node::of(taint.key));
    if (!taint.value.empty()) node.set("value", Node::of(taint.value));
    list.push(std::move(node.set("effect", Node::of(taint.effect))));
  }
  return list;
}

Node requirement(const char* key, const std::vector<std::string>& values) {
  Node list = Node::sequence();
  for (const std::string& value : values) list.push(Node::of(value));
  return Node::mapping()
      .set("key", Node::of(key))
      .set("operator", Node::of("In"))
      .set("values", std::move(list));
}

/// "6.88", for the printer column; nothing where the price is not known.
void annotate_price(Node& metadata, MicroUsdPerHour price) {
  if (price.micro <= 0) return;
  // Exact: the mind compares it with the price.
  metadata.set("annotations",
               std::move(Node::mapping().set(control::kUsdPerHour, Node::of(format_exact(price)))));
}

}  // namespace

Node node_claim_object(const control::NodeClaim& claim, const NodeClassKind& kind) {
  control::Labels annotations = claim.meta.annotations;
  annotations[control::kLayoutAnnotation] = gpu_node_spec_json(claim.layout);
  Node metadata = Node::mapping();
  metadata.set("name", Node::of(claim.meta.name));
  if (!claim.meta.labels.empty()) metadata.set("labels", labels_node(claim.meta.labels));
  metadata.set("annotations", labels_node(annotations));

  Node requirements = Node::sequence();
  requirements.push(requirement(control::kTypeLabel, {claim.type}));
  if (!claim.zones.empty()) requirements.push(requirement(control::kZoneLabel, claim.zones));
  std::vector<std::string> capacity_types;
  capacity_types.reserve(claim.capacity_types.size());
  for (const market::CapacityType type : claim.capacity_types)
    capacity_types.emplace_back(market::to_string(type));
  if (!capacity_types.empty())
    requirements.push(requirement(control::kCapacityLabel, capacity_types));

  Node spec = Node::mapping();
  spec.set("nodeClassRef", Node::mapping()
                               .set("group", Node::of(kind.group))
                               .set("kind", Node::of(kind.kind))
                               .set("name", Node::of(claim.node_class)));
  spec.set("requirements", std::move(requirements));
  if (!claim.taints.empty()) spec.set("taints", taints_node(claim.taints));
  if (!claim.startup_taints.empty()) spec.set("startupTaints", taints_node(claim.startup_taints));
  spec.set("expireAfter",
           Node::of(claim.expire_after_ms == 0 ? "Never" : duration_text(claim.expire_after_ms)));
  return std::move(object("karpenter.sh/v1", "NodeClaim")
                       .set("metadata", std::move(metadata))
                       .set("spec", std::move(spec)));
}

Node gpu_node_object(const std::string& name, const std::string& node_uid,
                     const control::GpuNodeSpec& spec, MicroUsdPerHour price) {
  Node owner = Node::mapping()
                   .set("apiVersion", Node::of("v1"))
                   .set("kind", Node::of("Node"))
                   .set("name", Node::of(name))
                   .set("uid", Node::of(node_uid));
  Node metadata = Node::mapping().set("name", Node::of(name));
  annotate_price(metadata, price);
  metadata.set("ownerReferences", Node::sequence().push(std::move(owner)));
  return std::move(object(kGpuNodeApiVersion, kGpuNodeKind)
                       .set("metadata", std::move(metadata))
                       .set("spec", gpu_node_spec_node(spec)));
}

Node gpu_node_patch(const control::GpuNodeSpec& spec, MicroUsdPerHour price) {
  Node metadata = Node::mapping();
  annotate_price(metadata, price);
  Node patch = Node::mapping();
  if (!metadata.members.empty()) patch.set("metadata", std::move(metadata));
  return std::move(patch.set("spec", gpu_node_spec_node(spec)));
}

Node nominate_patch(const std::string& uid, const std::string& node) {
  Node patch = Node::mapping();
  if (!uid.empty()) patch.set("metadata", Node::mapping().set("uid", Node::of(uid)));
  return std::move(patch.set(
      "status",
      Node::mapping().set("nominatedNodeName", node.empty() ? Node::null() : Node::of(node))));
}

Node publish_patch(const control::Amounts& raised, const control::Amounts& capacity) {
  control::Amounts most = raised;
  for (auto& [name, amount] : most) {
    const auto known = capacity.find(name);
    if (known != capacity.end()) amount = std::max(amount, known->second);
  }
  return std::move(Node::mapping().set("status", Node::mapping()
                                                     .set("capacity", amounts_node(most))
                                                     .set("allocatable", amounts_node(raised))));
}

Node withdraw_patch(const control::Amounts& lowered) {
  return std::move(
      Node::mapping().set("status", Node::mapping().set("allocatable", amounts_node(lowered))));
}

Node node_patch(const control::Labels& labels, const std::vector<std::string>& remove_labels,
                bool remove_uncut, const Node& taints) {
  Node patch = Node::mapping();
  Node changed = labels_node(labels);
  for (const std::string& key : remove_labels)
    if (!labels.contains(key)) changed.set(key, Node::null());
  if (!changed.members.empty())
    patch.set("metadata", Node::mapping().set("labels", std::move(changed)));
  if (!remove_uncut || taints.kind != Node::Kind::Sequence) return patch;
  Node left = Node::sequence();
  for (const Node& taint : taints.items) {
    const Node* key = taint.find("key");
    if (key == nullptr || key->text != control::kUncutTaint) left.push(taint);
  }
  patch.set("spec", Node::mapping().set("taints", std::move(left)));
  return patch;
}

Node event_object(const EventRecord& event) {
  Node metadata =
      Node::mapping().set("name", Node::of(event.name)).set("namespace", Node::of(event.ns));
  if (!event.decision.empty())
    metadata.set("annotations", Node::mapping().set(kDecision, Node::of(event.decision)));
  Node regarding = Node::mapping()
                       .set("apiVersion", Node::of(event.api_version))
                       .set("kind", Node::of(event.kind));
  if (!event.object_ns.empty()) regarding.set("namespace", Node::of(event.object_ns));
  regarding.set("name", Node::of(event.object_name));
  if (!event.object_uid.empty()) regarding.set("uid", Node::of(event.object_uid));
  return std::move(object("events.k8s.io/v1", "Event")
                       .set("metadata", std::move(metadata))
                       .set("eventTime", Node::of(timestamp_text_us(event.at_ms)))
                       .set("reportingController", Node::of(kController))
                       .set("reportingInstance", Node::of(cut_text(event.instance, kWordBytesMax)))
                       .set("action", Node::of(cut_text(event.action, kWordBytesMax)))
                       .set("reason", Node::of(cut_text(event.reason, kWordBytesMax)))
                       .set("regarding", std::move(regarding))
                       .set("note", Node::of(cut_text(event.note, kNoteBytesMax)))
                       .set("type", Node::of(event.type)));
}

}  // namespace kerf::codec
