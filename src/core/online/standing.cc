// Standing: nodes, pods and their devices, kept by change, with undo.
#include "core/online/standing.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"
#include "core/online/layout_change.h"

namespace kerf::online {

namespace {

using cluster::Running;
using cluster::SliceState;

/// The devices that fall on one GPU, in the terms of its table.
std::vector<Device> on_gpu(const std::vector<DeviceAt>& devices, std::uint32_t gpu,
                           const SliceTable& slices) {
  std::vector<Device> here;
  for (const DeviceAt& device : devices) {
    if (device.gpu != gpu) continue;
    const auto unit = slices.unit(device.form);
    KERF_ASSERT(unit.has_value(), "a device is of a form that the node's mode allows");
    here.push_back({*unit, device.start});
  }
  return here;
}

std::vector<std::uint32_t> gpus_of(const std::vector<DeviceAt>& devices) {
  std::vector<std::uint32_t> gpus;
  for (const DeviceAt& device : devices) gpus.push_back(device.gpu);
  std::sort(gpus.begin(), gpus.end());
  gpus.erase(std::unique(gpus.begin(), gpus.end()), gpus.end());
  return gpus;
}

/// A whole GPU or a fraction that nobody holds is the same as nothing on the GPU.
void drop_idle(cluster::Gpu& gpu) {
  std::erase_if(gpu.slices, [](const cluster::Slice& slice) {
    return slice.state == SliceState::Free && slice.form.by_nature();
  });
}

std::vector<DeviceAt> at(std::uint32_t gpu, const std::vector<cluster::Slice>& slices) {
  std::vector<DeviceAt> devices;
  for (const cluster::Slice& slice : slices) devices.push_back({gpu, slice.form, slice.start});
  return devices;
}

}  // namespace

Standing::Standing(const market::Market& market, const cluster::Policy& policy, SliceTables* kept)
    : market_(market), policy_(policy), asks_(market, policy, kept) {
  std::vector<std::string> zones = policy.zones.empty() ? market.zones() : policy.zones;
  if (zones.empty()) zones = market::assumed_zones(market);
  for (const std::string& zone : zones) company_.add_zone(zone);
}

Standing::Standing(const cluster::Snapshot& snapshot, const market::Market& market,
                   const cluster::Policy& policy, SliceTables* kept)
    : Standing(market, policy, kept) {
  std::vector<ShapeId> shapes;
  for (const cluster::PodShape& one : snapshot.shapes) shapes.push_back(shape(one));
  budgets_ = snapshot.budgets;
  std::vector<std::vector<DeviceAt>> held(snapshot.pods.size());
  for (const cluster::Node& node : snapshot.nodes) {
    cluster::Node bare = node;
    for (std::uint32_t g = 0; g < node.gpus.size(); ++g) {
      for (const cluster::Slice& slice : node.gpus[g].slices)
        if (slice.pod != cluster::kNone) held[slice.pod].push_back({g, slice.form, slice.start});
      for (cluster::Slice& slice : bare.gpus[g].slices) {
        if (slice.pod == cluster::kNone) continue;
        slice.state = SliceState::Free;
        slice.pod = cluster::kNone;
      }
    }
    add(std::move(bare));
  }
  for (PodId p = 0; p < snapshot.pods.size(); ++p) {
    Running pod = snapshot.pods[p];
    pod.shape = shapes[pod.shape];
    run(pod, held[p]);
  }
}

ShapeId Standing::shape(const cluster::PodShape& shape) {
  const auto [known, fresh] = shape_index_.try_emplace(shape, static_cast<ShapeId>(shapes_.size()));
  if (!fresh) return known->second;
  shapes_.push_back(shape);
  shape_asks_.push_back(asks_.ask(shape));
  const Company::Shape number = company_.add_shape(shape);
  KERF_ASSERT(number == known->second, "shapes are numbered alike");
  if (asks_.generation() != generation_) refresh_kinds();
  return known->second;
}

void Standing::refresh_kinds() {
  generation_ = asks_.generation();
  for (NodeId n = 0; n < nodes_.size(); ++n) {
    nodes_[n].room.kind = asks_.kind(nodes_[n].node);
    changed(n);
  }
}

NodeId Standing::add(cluster::Node node) {
  for (cluster::Gpu& gpu : node.gpus) drop_idle(gpu);
  const auto id = static_cast<NodeId>(nodes_.size());
  StandingNode standing;
  standing.room.kind = asks_.kind(node);
  standing.room.left = node.allocatable;
  const Company::Node number = company_.add_node(node.zone, node.labels);
  KERF_ASSERT(number == company_of(id), "nodes are numbered alike");
  bill_ += node.price;
  gpus_ += std::ssize(node.gpus);
  standing.node = std::move(node);
  nodes_.push_back(std::move(standing));
  recount(id);
  changed(id);
  record({Op::Added, id, false, false, {}});
  return id;
}

void Standing::remove(NodeId id) {
  StandingNode& standing = nodes_[id];
  KERF_ASSERT(standing.stands, "a node goes once");
  while (!standing.pods.empty()) release(standing.pods.back());
  standing.stands = false;
  company_.remove_node(company_of(id));
  bill_ = bill_ - standing.node.price;
  gpus_ -= std::ssize(standing.node.gpus);
  changed(id);
  record({Op::Removed, id, false, false, {}});
}

void Standing::mark(NodeId id, bool closed, bool kept) {
  cluster::Node& node = nodes_[id].node;
  record({Op::Marked, id, node.closed, node.kept, {}});
  node.closed = closed;
  node.kept = kept;
  changed(id);
}

PodId Standing::run(const Running& pod, const std::vector<DeviceAt>& devices) {
  const auto id = static_cast<PodId>(pods_.size());
  StandingNode& standing = nodes_[pod.node];
  KERF_ASSERT(standing.stands, "pods run on nodes that stand");
  record({Op::Ran, id, false, false, standing.node.gpus});
  pods_.push_back({pod, devices, true});
  for (std::uint32_t g : gpus_of(devices)) {
    take(slices(pod.node), standing.node.gpus[g], on_gpu(devices, g, slices(pod.node)), id);
    recount(pod.node, g);
  }
  attach(id);
  return id;
}

void Standing::release(PodId id) {
  StandingPod& gone = pods_[id];
  KERF_ASSERT(gone.runs, "a pod goes once");
  StandingNode& standing = nodes_[gone.pod.node];
  record({Op::Released, id, false, false, standing.node.gpus});
  for (std::uint32_t g : gpus_of(gone.devices)) {
    give_back(standing.node.gpus[g], id);
    recount(gone.pod.node, g);
  }
  detach(id);
}

void Standing::attach(PodId id) {
  StandingPod& pod = pods_[id];
  StandingNode& standing = nodes_[pod.pod.node];
  pod.runs = true;
  standing.pods.insert(std::lower_bound(standing.pods.begin(), standing.pods.end(), id), id);
  standing.room.left = standing.room.left - shapes_[pod.pod.shape].requests;
  company_.bind(pod.pod.shape, company_of(pod.pod.node));
  changed(pod.pod.node);
}

void Standing::detach(PodId id) {
  StandingPod& pod = pods_[id];
  StandingNode& standing = nodes_[pod.pod.node];
  pod.runs = false;
  standing.pods.erase(std::lower_bound(standing.pods.begin(), standing.pods.end(), id));
  standing.room.left = standing.room.left + shapes_[pod.pod.shape].requests;
  company_.release(pod.pod.shape, company_of(pod.pod.node));
  changed(pod.pod.node);
}

void Standing::recount(NodeId id, std::uint32_t gpu) {
  const auto state = state_of(slices(id), nodes_[id].node.gpus[gpu]);
  KERF_ASSERT(state.has_value(), "what is in use on a GPU is legal");
  nodes_[id].room.gpus[gpu] = *state;
}

void Standing::recount(NodeId id) {
  nodes_[id].room.gpus.resize(nodes_[id].node.gpus.size());
  for (std::uint32_t g = 0; g < nodes_[id].node.gpus.size(); ++g) recount(id, g);
}

bool Standing::serves(ShapeId shape, NodeId id, const std::vector<DeviceAt>& devices) const {
  std::map<Unit, std::int32_t> counts;
  for (const DeviceAt& device : devices) {
    const auto unit = slices(id).unit(device.form);
    if (!unit) return false;
    ++counts[*unit];
  }
  const std::vector<Way>& ways = asks_.asks()[shape_asks_[shape]].ways[nodes_[id].room.kind];
  return std::find(ways.begin(), ways.end(), Way(counts.begin(), counts.end())) != ways.end();
}

bool Standing::fits(ShapeId shape, NodeId id, const std::vector<DeviceAt>& devices) const {
  const StandingNode& standing = nodes_[id];
  if (!standing.stands || standing.node.closed) return false;
  if (!shapes_[shape].requests.fits(standing.room.left)) return false;
  if (!serves(shape, id, devices)) return false;
  for (std::uint32_t g : gpus_of(devices)) {
    if (g >= standing.node.gpus.size()) return false;
    cluster::Gpu gpu = standing.node.gpus[g];
    std::erase_if(gpu.slices, [](const cluster::Slice& s) { return s.state == SliceState::Free; });
    for (const DeviceAt& device : devices)
      if (device.gpu == g) gpu.slices.push_back({device.form, device.start, SliceState::Used});
    if (!state_of(slices(id), gpu)) return false;
  }
  return allows(shape, id);
}

std::vector<Cut> Standing::cuts_for(NodeId id, const std::vector<DeviceAt>& devices) const {
  std::vector<Cut> cuts;
  for (std::uint32_t g : gpus_of(devices)) {
    const SliceChange change =
        change_for(slices(id), nodes_[id].node.gpus[g], on_gpu(devices, g, slices(id)));
    if (change.create.empty() && change.destroy.empty()) continue;
    cuts.push_back({g, at(g, change.destroy), at(g, change.create)});
  }
  return cuts;
}

std::vector<DeviceAt> Standing::devices_to(NodeId id, std::uint32_t gpu, GpuState to) const {
  const SliceTable& table = slices(id);
  std::vector<DeviceAt> devices;
  for (const Device& device : table.all_added(nodes_[id].room.gpus[gpu], to))
    devices.push_back({gpu, table.forms()[device.unit], device.start});
  if (devices.empty() || devices.front().form.replicas == 1) return devices;
  // The table numbers replicas in use from 0; on this GPU others may be the free ones.
  std::set<std::uint8_t> taken;
  for (const cluster::Slice& slice : nodes_[id].node.gpus[gpu].slices)
    if (slice.state != SliceState::Free) taken.insert(slice.start);
  std::uint8_t next = 0;
  for (DeviceAt& device : devices) {
    while (taken.count(next) != 0) ++next;
    device.start = next++;
  }
  return devices;
}

std::int64_t Standing::idle(NodeId id) const {
  std::int64_t sum = 0;
  for (const GpuState state : nodes_[id].room.gpus) sum += slices(id).table().idle(state);
  return sum;
}

std::vector<NodeId> Standing::take_changes() { return std::exchange(changes_, {}); }

void Standing::begin() { marks_.push_back(undo_.size()); }

void Standing::commit() {
  KERF_ASSERT(!marks_.empty(), "commit without begin");
  marks_.pop_back();
  if (marks_.empty()) undo_.clear();
}

void Standing::rollback() {
  KERF_ASSERT(!marks_.empty(), "rollback without begin");
  while (undo_.size() > marks_.back()) {
    undo(undo_.back());
    undo_.pop_back();
  }
  marks_.pop_back();
}

void Standing::record(Undo step) {
  if (!marks_.empty()) undo_.push_back(std::move(step));
}

void Standing::undo(Undo& step) {
  const auto restore = [&](PodId pod) {
    StandingNode& standing = nodes_[pods_[pod].pod.node];
    standing.node.gpus = std::move(step.gpus);
    for (std::uint32_t g : gpus_of(pods_[pod].devices)) recount(pods_[pod].pod.node, g);
  };
  switch (step.op) {
    case Op::Added:
      bill_ = bill_ - nodes_.back().node.price;
      gpus_ -= std::ssize(nodes_.back().node.gpus);
      company_.take_back_node();
      nodes_.pop_back();
      changed(step.id);
      break;
    case Op::Removed:
      nodes_[step.id].stands = true;
      company_.return_node(company_of(step.id));
      bill_ += nodes_[step.id].node.price;
      gpus_ += std::ssize(nodes_[step.id].node.gpus);
      changed(step.id);
      break;
    case Op::Marked:
      nodes_[step.id].node.closed = step.closed;
      nodes_[step.id].node.kept = step.kept;
      changed(step.id);
      break;
    case Op::Ran:
      detach(step.id);
      restore(step.id);
      pods_.pop_back();
      break;
    case Op::Released:
      attach(step.id);
      restore(step.id);
      break;
  }
}

cluster::Snapshot Standing::snapshot() const {
  cluster::Snapshot out;
  out.shapes = shapes_;
  out.budgets = budgets_;
  std::vector<std::uint32_t> node_number(nodes_.size(), cluster::kNone);
  std::vector<std::uint32_t> pod_number(pods_.size(), cluster::kNone);
  for (PodId p = 0, next = 0; p < pods_.size(); ++p)
    if (pods_[p].runs) pod_number[p] = next++;
  for (NodeId n = 0; n < nodes_.size(); ++n) {
    if (!nodes_[n].stands) continue;
    node_number[n] = static_cast<std::uint32_t>(out.nodes.size());
    out.nodes.push_back(nodes_[n].node);
    for (cluster::Gpu& gpu : out.nodes.back().gpus)
      for (cluster::Slice& slice : gpu.slices)
        if (slice.pod != cluster::kNone) slice.pod = pod_number[slice.pod];
  }
  for (const StandingPod& pod : pods_) {
    if (!pod.runs) continue;
    out.pods.push_back(pod.pod);
    out.pods.back().node = node_number[pod.pod.node];
  }
  return out;
}

cluster::Node as_node(const plan::NodePlan& plan, const market::Market& market,
                      const cluster::Policy& policy, const std::string& name) {
  const market::InstanceType& type = market.types[plan.type];
  cluster::Node node;
  node.name = name;
  node.type = plan.type;
  node.capacity_type = plan.capacity_type;
  node.zone = plan.zones.empty() ? "" : plan.zones.front();
  node.price = plan.price;
  node.allocatable = plan.allocatable;
  node.labels = market::node_labels(market, type, node.zone, plan.capacity_type);
  for (const auto& [key, value] : policy.node_labels) node.labels[key] = value;
  for (const auto& [key, value] : plan.labels) node.labels[key] = value;
  node.labels["kubernetes.io/hostname"] = name;
  node.taints = policy.node_taints;
  bool cut = false;
  for (const plan::GpuPlan& gpu : plan.gpus) {
    cluster::Gpu standing;
    for (const plan::SlicePlan& slice : gpu.slices) {
      cut = cut || slice.form.kind == gpu::FormKind::Slice;
      if (!slice.form.by_nature()) standing.slices.push_back({slice.form, slice.start});
    }
    node.gpus.push_back(std::move(standing));
  }
  if (gpu::mode_is_the_nodes(market.model_of(type), type.gpu_fraction))
    node.mode = cut ? gpu::GpuMode::Cut : gpu::GpuMode::Whole;
  return node;
}

NodeId stand(Standing& standing, const plan::NodePlan& plan, const std::string& name,
             const std::function<cluster::Running(std::uint32_t)>& pod_of) {
  const NodeId node = standing.add(as_node(plan, standing.market(), standing.policy(), name));
  for (const std::uint32_t pod : plan.pods) {
    std::vector<DeviceAt> devices;
    for (std::uint32_t g = 0; g < plan.gpus.size(); ++g)
      for (const plan::SlicePlan& slice : plan.gpus[g].slices)
        if (slice.pod == pod) devices.push_back({g, slice.form, slice.start});
    cluster::Running running = pod_of(pod);
    running.node = node;
    standing.run(running, devices);
  }
  return node;
}

}  // namespace kerf::online
