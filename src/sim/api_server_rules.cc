// Rules of the API server for one object, kind by kind.
#include "sim/api_server_rules.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "core/control/names.h"

namespace kerf::sim {
namespace {

using control::Budget;
using control::GpuNode;
using control::Node;
using control::NodeClaim;
using control::Pod;
using control::SlicePolicy;

// --- What is status ------------------------------------------------------------------------------

void copy_status(const Pod& from, Pod& to) {
  to.nominated = from.nominated;
  to.phase = from.phase;
  to.admitted = from.admitted;
  to.unschedulable = from.unschedulable;
  to.judged = from.judged;
  to.message = from.message;
  to.reason = from.reason;
  to.devices = from.devices;
}

void copy_status(const Node& from, Node& to) {
  to.ready = from.ready;
  to.boot_id = from.boot_id;
  to.allocatable = from.allocatable;
  to.capacity_of = from.capacity_of;
  to.allocatable_of = from.allocatable_of;
}

void copy_status(const NodeClaim& from, NodeClaim& to) {
  to.provider_id = from.provider_id;
  to.node = from.node;
  to.zone = from.zone;
  to.capacity_type = from.capacity_type;
  to.initialized = from.initialized;
}

void copy_status(const GpuNode& from, GpuNode& to) { to.status = from.status; }
void copy_status(const SlicePolicy& from, SlicePolicy& to) { to.status = from.status; }
void copy_status(const Budget& from, Budget& to) { to.allowed = from.allowed; }

template <class T>
void copy_status(const T&, T&) {}

/// cluster::Policy does not compare; what of a SlicePolicy changes while a cluster runs does.
bool same_spec(const SlicePolicy& a, const SlicePolicy& b) {
  return a.mode == b.mode && a.priority == b.priority && a.namespaces == b.namespaces &&
         a.pod_labels == b.pod_labels && a.node_class_cut == b.node_class_cut &&
         a.node_class_whole == b.node_class_whole && a.budgets == b.budgets && a.warm == b.warm &&
         a.consolidation == b.consolidation && a.buys_for == b.buys_for &&
         a.buys.instance_types == b.buys.instance_types && a.buys.families == b.buys.families &&
         a.buys.zones == b.buys.zones && a.buys.capacity_types == b.buys.capacity_types &&
         a.buys.limit_per_hour == b.buys.limit_per_hour && a.buys.limit_gpus == b.buys.limit_gpus;
}

// --- Admission -----------------------------------------------------------------------------------

std::string refused(const Pod& before, const Pod& after) {
  if (!before.node.empty() && after.node != before.node) return "spec.nodeName is set once";
  if (!after.node.empty() && after.nominated != before.nominated && !after.nominated.empty())
    return "status.nominatedNodeName: the pod is bound";
  if (before.done() && after.phase != before.phase) return "status.phase: the pod is done";
  cluster::PodShape shape = after.shape;
  shape.labels = before.shape.labels;
  return shape == before.shape ? "" : "spec is immutable";
}

std::string refused(const NodeClaim& before, const NodeClaim& after) {
  const bool same = after.node_class == before.node_class && after.type == before.type &&
                    after.zones == before.zones && after.capacity_types == before.capacity_types &&
                    after.taints == before.taints &&
                    after.startup_taints == before.startup_taints &&
                    after.expire_after_ms == before.expire_after_ms;
  return same ? "" : "spec is immutable";
}

template <class T>
std::string refused(const T&, const T&) {
  return {};
}

// --- Hash ----------------------------------------------------------------------------------------

void add(Hasher& hasher, const control::Amounts& amounts) {
  hasher.add(static_cast<std::uint64_t>(amounts.size()));
  for (const auto& [name, amount] : amounts) {
    hasher.add(name);
    hasher.add(amount);
  }
}

void add_value(Hasher& hasher, const Pod& pod) {
  hasher.add(pod.node);
  hasher.add(pod.nominated);
  hasher.add(static_cast<std::int32_t>(pod.phase));
  hasher.add(pod.admitted);
  hasher.add(pod.unschedulable);
  hasher.add(pod.judged);
  hasher.add(pod.reason);
  for (const control::HeldDevice& device : pod.devices) hasher.add(device.id);
}

void add_value(Hasher& hasher, const Node& node) {
  hasher.add(node.cordoned);
  hasher.add(node.ready);
  hasher.add(node.boot_id);
  hasher.add(node.allocatable.cpu_milli);
  for (const cluster::Taint& taint : node.taints) hasher.add(taint.key);
  add(hasher, node.capacity_of);
  add(hasher, node.allocatable_of);
}

void add_value(Hasher& hasher, const NodeClaim& claim) {
  hasher.add(claim.type);
  hasher.add(claim.provider_id);
  hasher.add(claim.node);
  hasher.add(claim.zone);
  hasher.add(claim.initialized);
}

void add_value(Hasher& hasher, const GpuNode& node) {
  for (const control::WantedGpu& gpu : node.spec.gpus)
    for (const control::WantedSlice& slice : gpu.slices) {
      hasher.add(slice.form);
      hasher.add(static_cast<std::uint32_t>(slice.start));
      hasher.add(slice.published);
    }
  for (const control::GpuStatus& gpu : node.status.gpus)
    for (const control::SliceStatus& slice : gpu.slices) {
      hasher.add(slice.uuid);
      hasher.add(static_cast<std::uint32_t>(slice.state));
      hasher.add(slice.published);
      hasher.add(slice.lent);
    }
  hasher.add(node.status.observed_generation);
  hasher.add(node.status.cut);
  hasher.add(node.status.ready);
  hasher.add(node.status.epoch);
}

void add_value(Hasher& hasher, const Budget& budget) { hasher.add(budget.allowed); }

template <class T>
void add_value(Hasher&, const T&) {}

}  // namespace

Object only_part(const Object& before, Object after, Part part) {
  return std::visit(
      [&](const auto& old) -> Object {
        using T = std::decay_t<decltype(old)>;
        T& wanted = *std::get_if<T>(&after);
        if (part == Part::Main) {
          copy_status(old, wanted);
          return std::move(wanted);
        }
        T result = old;
        copy_status(wanted, result);
        return result;
      },
      before);
}

void admit(Object& object) {
  Pod* pod = std::get_if<Pod>(&object);
  if (!pod) return;
  pod->shape.ns = pod->meta.ns;
  pod->shape.labels = pod->meta.labels;
  auto& tolerations = pod->shape.tolerations;
  const cluster::Toleration toleration{control::kSlicesTaint, true, "", ""};
  if (!pod->shape.gpu.empty() &&
      std::find(tolerations.begin(), tolerations.end(), toleration) == tolerations.end())
    tolerations.push_back(toleration);
}

void settle(const Object& before, Object& after) {
  if (const auto* old = std::get_if<GpuNode>(&before)) {
    auto& node = *std::get_if<GpuNode>(&after);
    node.meta.generation = old->meta.generation + (node.spec == old->spec ? 0 : 1);
  } else if (const auto* policy = std::get_if<SlicePolicy>(&before)) {
    auto& now = *std::get_if<SlicePolicy>(&after);
    now.meta.generation = policy->meta.generation + (same_spec(*policy, now) ? 0 : 1);
  } else if (const auto* unbound = std::get_if<Pod>(&before)) {
    // Kubernetes 1.35 clears the nomination of a pod that is bound.
    auto& pod = *std::get_if<Pod>(&after);
    if (unbound->node.empty() && !pod.node.empty()) pod.nominated.clear();
    pod.shape.labels = pod.meta.labels;
  }
}

std::string inadmissible(const Object& before, const Object& after) {
  const control::Meta& was = control::meta_of(before);
  const control::Meta& is = control::meta_of(after);
  if (was.uid != is.uid || was.name != is.name || was.ns != is.ns)
    return "metadata: name and uid are immutable";
  return std::visit(
      [&](const auto& old) -> std::string {
        return refused(old, *std::get_if<std::decay_t<decltype(old)>>(&after));
      },
      before);
}

std::string forbidden(const Request& request) {
  constexpr std::string_view kAgent = "agent/";
  if (!request.client.starts_with(kAgent)) return {};
  const bool own =
      request.kind == Kind::GpuNode && request.key.name == request.client.substr(kAgent.size());
  if (own && request.verb == Verb::Update && request.part == Part::Status) return {};
  return "an agent writes the status of its own GpuNode and nothing else";
}

bool alike(const Object& a, const Object& b) {
  if (const auto* policy = std::get_if<SlicePolicy>(&a)) {
    const auto* other = std::get_if<SlicePolicy>(&b);
    return other && policy->meta == other->meta && policy->status == other->status &&
           same_spec(*policy, *other);
  }
  return std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, SlicePolicy>) return false;
        else return value == *std::get_if<T>(&b);
      },
      a);
}

void add_to(Hasher& hasher, const Object& object) {
  const control::Meta& meta = control::meta_of(object);
  hasher.add(meta.uid);
  hasher.add(meta.version);
  hasher.add(meta.generation);
  hasher.add(meta.deleted);
  std::visit([&](const auto& value) { add_value(hasher, value); }, object);
}

}  // namespace kerf::sim
