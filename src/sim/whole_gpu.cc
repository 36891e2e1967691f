// Provisioning of the whole-GPU strategy: which pods want nodes, and the claims that are made.
#include "sim/whole_gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "core/plan/baseline.h"

namespace kerf::sim {

using control::Node;
using control::NodeClaim;
using control::Pod;

namespace {

constexpr const char* kGpu = "nvidia.com/gpu";

/// The pod of a workload as it asks for whole GPUs.
cluster::PodShape as_whole(cluster::PodShape shape, const market::Market& market) {
  cluster::GpuRequest whole;
  whole.count = 0;
  std::int32_t least_gb = 0;
  for (const cluster::GpuRequest& request : shape.gpu) {
    least_gb = std::max(least_gb, plan::as_whole_gpu(request, market.gpus).gib);
    whole.count += request.count;
  }
  if (whole.count == 0) return shape;
  shape.gpu = {whole};
  if (least_gb == 0) return shape;
  cluster::Requirement large{control::kTypeLabel, cluster::Operator::In, {}};
  for (const market::InstanceType& type : market.types)
    if (type.gpu_fraction == 1 && type.nominal_gb >= least_gb) large.values.push_back(type.name);
  std::sort(large.values.begin(), large.values.end());
  shape.node_selector.push_back(std::move(large));
  return shape;
}

/// A pod without its place: what the same pod would be after an eviction.
Value unbound(const Pod& pod) {
  Pod copy = pod;
  copy.node.clear();
  copy.nominated.clear();
  copy.phase = control::PodPhase::Pending;
  return std::make_shared<const control::Object>(std::move(copy));
}

bool initialized(const Node& node) { return node.meta.labels.contains("karpenter.sh/initialized"); }

}  // namespace

WorldSpec whole_gpu_world(const WorldSpec& spec) {
  WorldSpec whole = spec;
  whole.policies.clear();
  whole.machines.agent_runs = false;
  for (WorkloadSpec& workload : whole.workloads)
    workload.shape = as_whole(std::move(workload.shape), *spec.market);
  return whole;
}

WholeGpu::WholeGpu(World& world, std::vector<control::SlicePolicy> pools, WholeGpuOptions options)
    : world_(world),
      api_(world.api()),
      clock_(world.clock()),
      pools_(std::move(pools)),
      options_(options) {
  world_.controller().stop();
  listeners_ = {api_.listen(Kind::Pod, [this](const Change& c) { pod_changed(c); }),
                api_.listen(Kind::Node, [this](const Change& c) { node_changed(c); }),
                api_.listen(Kind::NodeClaim, [this](const Change& c) { claim_changed(c); })};
}

WholeGpu::~WholeGpu() {
  for (const std::uint64_t listener : listeners_) api_.unlisten(listener);
  clock_.cancel(batch_);
  clock_.cancel(look_);
  for (Timer& timer : timers_) clock_.cancel(timer);
}

// --- What it hears -------------------------------------------------------------------------------

void WholeGpu::pod_changed(const Change& change) {
  const Pod* was = change.was<Pod>();
  const Pod* is = change.is<Pod>();
  for (const Pod* pod : {was, is}) {
    if (pod == nullptr || pod->node.empty()) continue;
    const bool same =
        was != nullptr && is != nullptr && was->node == is->node && was->done() == is->done();
    const auto node = changed_.find(pod->node);
    if (same || node == changed_.end()) continue;
    node->second = clock_.now();
    look_later(options_.consolidate_after_ms);
  }
  const bool wants = is != nullptr && is->node.empty() && is->unschedulable;
  if (wants && (was == nullptr || !was->unschedulable)) trigger();
}

void WholeGpu::node_changed(const Change& change) {
  const Node* was = change.was<Node>();
  const Node* is = change.is<Node>();
  const std::string& name = change.key.name;
  if (is == nullptr) {
    changed_.erase(name);
    return;
  }
  if (was == nullptr) {
    Machine* machine = world_.karpenter().machine(name);
    const auto type = is->meta.labels.find(control::kTypeLabel);
    const market::InstanceType* bought =
        type == is->meta.labels.end() ? nullptr : world_.prices().base().type_named(type->second);
    if (machine == nullptr || bought == nullptr) return;
    std::vector<PluginDevice> devices;
    for (std::int32_t gpu = 0; gpu < bought->gpu_count; ++gpu)
      devices.push_back({control::device_id(static_cast<std::uint32_t>(gpu), "whole", 0), true});
    machine->add_foreign_plugin(kGpu, std::move(devices));
    return;
  }
  if (was->meta.deleted == 0 && is->meta.deleted != 0) trigger();  // its pods need a place
  if (initialized(*is) && !initialized(*was)) {
    changed_[name] = clock_.now();
    look_later(options_.consolidate_after_ms);
    for (const auto& [claim, command] : commands_) {
      const NodeClaim* replacement = api_.find<NodeClaim>(command.replacement);
      if (replacement == nullptr || replacement->node != name) continue;
      finish(claim);
      return;
    }
  }
}

void WholeGpu::claim_changed(const Change& change) {
  if (change.after) return;
  commands_.erase(change.key.name);
  for (auto& [name, command] : commands_) {
    if (command.replacement != change.key.name || !command.begun) continue;
    // The replacement never came: the node stays.
    api_.mutate<Node>(Key{"", command.node}, [](Node& node) {
      std::erase_if(node.taints, [](const cluster::Taint& taint) {
        return taint.key == control::kDisruptedTaint;
      });
    });
    commands_.erase(name);
    break;
  }
  trigger();
}

// --- Provisioning --------------------------------------------------------------------------------

void WholeGpu::trigger() {
  const Instant now = clock_.now();
  if (batch_began_ < 0) batch_began_ = now;
  clock_.cancel(batch_);
  batch_ = clock_.at(std::min(now + options_.batch_idle_ms, batch_began_ + options_.batch_max_ms),
                     [this] { provision(); });
}

/// Karpenter stands still while any claim has no instance.
bool WholeGpu::synced() const {
  for (const NodeClaim& claim : api_.all<NodeClaim>())
    if (!claim.launched() && claim.meta.deleted == 0) return false;
  return true;
}

/// Pods that wait for a node, and pods of nodes that are going.
std::vector<Value> WholeGpu::provisionable() const {
  std::vector<Value> pods;
  for (const auto& [key, value] : api_.of(Kind::Pod)) {
    const Pod& pod = *std::get_if<Pod>(value.get());
    if (pod.done() || pod.meta.deleted != 0 || pod.shape.gpu.empty()) continue;
    if (pod.node.empty()) {
      if (pod.unschedulable) pods.push_back(value);
      continue;
    }
    const Node* node = api_.find<Node>(pod.node);
    if (node != nullptr && node->meta.deleted != 0) pods.push_back(unbound(pod));
  }
  return pods;
}

Packing WholeGpu::pack(std::vector<Value> pods, const std::string& without, bool may_buy) const {
  return pack_whole({api_, *world_.prices().feed(), pools_, world_.spec().karpenter.overhead,
                     std::move(pods), without, may_buy});
}

void WholeGpu::provision() {
  if (!synced()) {
    batch_ = clock_.after(control::kSecond, [this] { provision(); });
    return;
  }
  batch_began_ = -1;
  const Packing packing = pack(provisionable(), "", true);
  for (const PackedClaim& claim : packing.claims) buy(claim);
  if (packing.unplaced > 0) batch_ = clock_.after(options_.retry_ms, [this] { provision(); });
}

std::string WholeGpu::buy(const PackedClaim& packed) {
  const control::SlicePolicy& pool = pools_[packed.pool];
  NodeClaim claim;
  claim.meta.name = fmt::format("whole-{:06}", ++bought_);
  claim.meta.labels = pool.buys.node_labels;
  claim.meta.labels[kPoolLabel] = pool.meta.name;
  claim.meta.labels[control::kModeLabel] = "whole";
  claim.node_class = pool.node_class_whole;
  claim.type = packed.type;
  claim.zones = packed.zones;
  claim.capacity_types = packed.capacity_types;
  claim.taints = pool.buys.node_taints;
  const std::string name = claim.meta.name;
  api_.create(std::move(claim));
  return name;
}

void WholeGpu::add_to(Hasher& hasher) const {
  for (const auto& [name, at] : changed_) {
    hasher.add(name);
    hasher.add(at);
  }
  for (const auto& [name, command] : commands_) {
    hasher.add(name);
    hasher.add(command.replacement);
  }
  hasher.add(bought_);
  hasher.add(moved_);
}

// --- What a node's pods are ----------------------------------------------------------------------

std::vector<Value> WholeGpu::pods_of(const std::string& node) const {
  std::vector<Value> pods;
  for (const Key& key : api_.pods_on(node)) {
    const Pod* pod = api_.find<Pod>(key);
    if (pod != nullptr && !pod->done() && pod->meta.deleted == 0) pods.push_back(unbound(*pod));
  }
  return pods;
}

}  // namespace kerf::sim
