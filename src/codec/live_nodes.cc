// Reads Nodes, NodeClaims and NodeClasses as the API server has them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "codec/duration.h"
#include "codec/gpu_node.h"
#include "codec/json.h"
#include "codec/kube_meta.h"
#include "codec/live_fields.h"
#include "codec/live_objects.h"
#include "codec/node_view.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

/// What the CRD fills in where a claim does not say.
constexpr std::int64_t kExpireAfterMs = 720 * control::kHour;
constexpr std::string_view kEc2NodeClass = "EC2NodeClass";
constexpr std::size_t kVersionBytesMax = 32;

/// The figure of a resource; 0 where it is not given.
Result<std::int64_t> amount(const std::optional<Field>& amounts, std::string_view key,
                            Result<std::int64_t> (*round)(const Quantity&)) {
  KERF_TRY(const std::optional<Field> field, given(amounts, key));
  return field ? field->quantity(round) : 0;
}

/// Capacity is rounded down: no promise of what is not there. (kubelet writes whole milli-CPUs.)
Result<Resources> read_allocatable(const std::optional<Field>& status) {
  KERF_TRY(const std::optional<Field> amounts, given_mapping(status, "allocatable"));
  Resources room;
  KERF_TRY(room.cpu_milli, amount(amounts, "cpu", to_milli_ceil));
  KERF_TRY(room.memory_mib, amount(amounts, "memory", to_mib_floor));
  KERF_TRY(room.disk_mib, amount(amounts, "ephemeral-storage", to_mib_floor));
  KERF_TRY(room.pods, amount(amounts, "pods", to_integer));
  return room;
}

Result<void> read_requirements(const std::optional<Field>& spec, control::NodeClaim& claim) {
  KERF_TRY(const std::vector<Field> entries, given_list(spec, "requirements", kLiveEntriesMax));
  for (const Field& entry : entries) {
    KERF_TRY(const std::string op, given_text(entry, "operator"));
    KERF_TRY(const std::string key, given_text(entry, "key", 512));
    KERF_TRY(std::vector<std::string> values, given_texts(entry, "values", kLiveEntriesMax, 253));
    if (op != "In") continue;
    if (key == control::kTypeLabel && values.size() == 1) claim.type = values.front();
    if (key == control::kZoneLabel) claim.zones = std::move(values);
    else if (key == control::kCapacityLabel)
      for (const std::string& value : values)
        if (const auto type = market::parse_capacity_type(value))
          claim.capacity_types.push_back(*type);
  }
  return {};
}

Result<std::int64_t> read_expire_after(const std::optional<Field>& spec) {
  KERF_TRY(const std::optional<Field> field, given(spec, "expireAfter"));
  if (!field) return kExpireAfterMs;
  KERF_TRY(const std::string text, given_text(spec, "expireAfter"));
  return text == "Never" ? 0 : duration_ms(*field);
}

/// Where and as what it was launched: Karpenter labels the claim then.
void read_launch(control::NodeClaim& claim) {
  const control::Labels& labels = claim.meta.labels;
  if (claim.type.empty()) claim.type = control::label_of(labels, control::kTypeLabel);
  claim.zone = control::label_of(labels, control::kZoneLabel);
  const auto bought =
      market::parse_capacity_type(control::label_of(labels, control::kCapacityLabel));
  if (bought) claim.capacity_type = *bought;
  else if (!claim.capacity_types.empty()) claim.capacity_type = claim.capacity_types.front();
}

/// What nodes are made from: the provider's hash of the spec and the images that it resolved to;
/// the spec itself where there is no such hash. The provider's version of its hash stands before it
/// ("v4/..."): what two versions hash differs though the spec is the same. "": there are no images.
Result<std::string> hash_of(const LiveObject& live, const std::optional<Field>& status) {
  Hasher hasher;
  bool found = false;
  std::string version;
  for (const auto& [key, value] : live.meta().annotations) {
    if (key.ends_with("nodeclass-hash-version")) version = cut_text(value, kVersionBytesMax) + "/";
    if (!key.ends_with("nodeclass-hash") || key == control::kNodeClassHash) continue;
    hasher.all(key, value);
    found = true;
  }
  const Node* spec = live.root().find("spec");
  if (!found && spec != nullptr) hasher.add(write_json(*spec));
  KERF_TRY(const std::vector<Field> images, given_list(status, "amis", kLiveEntriesMax));
  std::vector<std::string> ids;
  for (const Field& image : images) {
    KERF_TRY(std::string id, given_text(image, "id", 512));
    ids.push_back(std::move(id));
  }
  if (ids.empty() && live.kind() == kEc2NodeClass) return "";
  std::ranges::sort(ids);
  hasher.list(ids, [&](const std::string& id) { hasher.add(id); });
  return fmt::format("{}{:016x}", version, hasher.value());
}

}  // namespace

Result<control::Node> read_live_node(const Node& object) {
  KERF_TRY(const LiveObject live, LiveObject::read(object, "Node"));
  control::Node node;
  node.meta = live.meta();
  KERF_TRY(const std::optional<Field> spec, live.part("spec"));
  KERF_TRY(node.provider_id, given_text(spec, "providerID", 1024));
  KERF_TRY(node.cordoned, given_flag(spec, "unschedulable"));
  KERF_TRY(node.taints, given_taints(spec, "taints"));
  KERF_TRY(const std::optional<Field> status, live.part("status"));
  KERF_TRY(const std::vector<ReadCondition> conditions, read_conditions(status));
  node.ready = is_true(conditions, "Ready");
  KERF_TRY(const std::optional<Field> info, given_mapping(status, "nodeInfo"));
  KERF_TRY(node.boot_id, given_text(info, "bootID"));
  KERF_TRY(node.allocatable, read_allocatable(status));
  KERF_TRY(node.capacity_of, read_extended_amounts(status, "capacity"));
  KERF_TRY(node.allocatable_of, read_extended_amounts(status, "allocatable"));
  return node;
}

Result<control::NodeClaim> read_node_claim(const Node& object) {
  KERF_TRY(const LiveObject live, LiveObject::read(object, "NodeClaim"));
  control::NodeClaim claim;
  claim.meta = live.meta();
  KERF_TRY(const std::optional<Field> spec, live.part("spec"));
  KERF_TRY(const std::optional<Field> node_class, given_mapping(spec, "nodeClassRef"));
  KERF_TRY(claim.node_class, given_text(node_class, "name"));
  KERF_CHECK_OK(read_requirements(spec, claim));
  KERF_TRY(claim.taints, given_taints(spec, "taints"));
  KERF_TRY(claim.startup_taints, given_taints(spec, "startupTaints"));
  KERF_TRY(claim.expire_after_ms, read_expire_after(spec));
  const auto layout = claim.meta.annotations.find(control::kLayoutAnnotation);
  if (layout != claim.meta.annotations.end())
    claim.layout = gpu_node_spec_from_json(layout->second).value_or(control::GpuNodeSpec{});
  KERF_TRY(const std::optional<Field> status, live.part("status"));
  KERF_TRY(claim.provider_id, given_text(status, "providerID", 1024));
  KERF_TRY(claim.node, given_text(status, "nodeName"));
  KERF_TRY(const std::vector<ReadCondition> conditions, read_conditions(status));
  claim.initialized = is_true(conditions, "Initialized");
  read_launch(claim);
  return claim;
}

Result<control::NodeClass> read_node_class(const Node& object) {
  KERF_TRY(const LiveObject live, LiveObject::read(object, "NodeClass"));
  control::NodeClass node_class;
  node_class.meta = live.meta();
  KERF_TRY(const std::optional<Field> status, live.part("status"));
  KERF_TRY(const std::vector<ReadCondition> conditions, read_conditions(status));
  // A new EC2NodeClass has no conditions for a moment; kinds without any are ready as they are.
  const bool has_none = conditions.empty() && live.kind() != kEc2NodeClass;
  node_class.ready = has_none || is_true(conditions, "Ready");
  if (node_class.ready) {
    KERF_TRY(node_class.hash, hash_of(live, status));
  }
  return node_class;
}

}  // namespace kerf::codec
