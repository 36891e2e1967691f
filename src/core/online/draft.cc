// Draft: an overlay over Standing that holds the nodes and pods that were touched.
#include "core/online/draft.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace kerf::online {

namespace {

using cluster::SliceState;

bool any_constrained(const Standing& standing) {
  const Company& company = standing.company();
  for (ShapeId shape = 0; shape < standing.shapes(); ++shape)
    if (company.constrained(shape) || company.bound_to_zones(shape)) return true;
  return false;
}

}  // namespace

Draft::Draft(const Standing& standing)
    : standing_(&standing), own_node_(standing.nodes(), kNo), own_seat_(standing.pods(), kNo) {
  if (any_constrained(standing)) company_ = standing.company();
}

Draft::Seat& Draft::own_seat(PodId pod) {
  if (own_seat_[pod] == kNo) {
    own_seat_[pod] = static_cast<std::uint32_t>(seats_.size());
    seats_.push_back({standing_->pod(pod).node, true, standing_->devices_of(pod)});
  }
  return seats_[own_seat_[pod]];
}

Draft::NodeNow& Draft::own_node(NodeId node) {
  if (own_node_[node] == kNo) {
    own_node_[node] = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({standing_->room(node), standing_->pods_on(node)});
  }
  return nodes_[own_node_[node]];
}

bool Draft::may_start(ShapeId shape, NodeId node) const {
  if (!standing_->stands(node) || standing_->node(node).closed) return false;
  return !company_ || !company_->constrained(shape) ||
         company_->allows(shape, standing_->company_of(node));
}

bool Draft::may_go(PodId pod, NodeId node) const {
  const cluster::Running& running = standing_->pod(pod);
  if (company_ && company_->bound_to_zones(running.shape) &&
      standing_->node(running.node).zone != standing_->node(node).zone)
    return false;
  return may_start(running.shape, node);
}

std::vector<Device> Draft::in_use(NodeId node, std::uint32_t gpu) const {
  const SliceTable& table = standing_->asks().slices(room(node).kind);
  std::vector<Device> devices;
  const auto add = [&](const gpu::Form& form, std::uint8_t start) {
    const auto unit = table.unit(form);
    KERF_ASSERT(unit.has_value(), "what is in use is of a form that the node has");
    devices.push_back({*unit, start});
  };
  for (const PodId pod : pods_on(node))
    for (const DeviceAt& device : devices_of(pod))
      if (device.gpu == gpu) add(device.form, device.start);
  for (const cluster::Slice& slice : standing_->node(node).gpus[gpu].slices)
    if (slice.state == SliceState::Retiring || slice.state == SliceState::Lost)
      add(slice.form, slice.start);
  return devices;
}

bool Draft::free(NodeId node, const std::vector<DeviceAt>& devices) const {
  const SliceTable& table = standing_->asks().slices(room(node).kind);
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const std::uint32_t gpu = devices[i].gpu;
    if (gpu >= room(node).gpus.size()) return false;
    std::vector<Device> all = in_use(node, gpu);
    for (const DeviceAt& device : devices) {
      if (device.gpu != gpu) continue;
      const auto unit = table.unit(device.form);
      if (!unit) return false;
      all.push_back({*unit, device.start});
    }
    if (!table.state(all)) return false;
  }
  return true;
}

std::vector<DeviceAt> Draft::devices_for(NodeId node, std::span<const Step> steps) const {
  const SliceTable& table = standing_->asks().slices(room(node).kind);
  std::vector<GpuState> now = room(node).gpus;
  std::vector<DeviceAt> devices;
  for (const Step& step : steps) {
    const Device added = table.added(now[step.gpu], step.to);
    DeviceAt device{step.gpu, table.forms()[added.unit], added.start};
    if (device.form.replicas > 1) {  // the table numbers those in use from 0; here others may be
      std::vector<bool> taken(device.form.replicas);
      for (const Device& held : in_use(node, step.gpu)) taken[held.start] = true;
      for (const DeviceAt& before : devices)
        if (before.gpu == step.gpu) taken[before.start] = true;
      device.start =
          static_cast<std::uint8_t>(std::find(taken.begin(), taken.end(), false) - taken.begin());
    }
    devices.push_back(device);
    now[step.gpu] = step.to;
  }
  return devices;
}

void Draft::recount(NodeId node, const std::vector<DeviceAt>& changed) {
  NodeNow& now = own_node(node);
  const SliceTable& table = standing_->asks().slices(now.room.kind);
  for (std::size_t i = 0; i < changed.size(); ++i) {
    if (i > 0 && changed[i].gpu == changed[i - 1].gpu) continue;
    const auto state = table.state(in_use(node, changed[i].gpu));
    KERF_ASSERT(state.has_value(), "what is in use on a GPU is legal");
    now.room.gpus[changed[i].gpu] = *state;
  }
}

void Draft::detach(PodId pod, const Seat& seat) {
  NodeNow& now = own_node(seat.node);
  const ShapeId shape = standing_->pod(pod).shape;
  now.pods.erase(std::lower_bound(now.pods.begin(), now.pods.end(), pod));
  now.room.left = now.room.left + standing_->shape_at(shape).requests;
  recount(seat.node, seat.devices);
  if (company_) company_->release(shape, standing_->company_of(seat.node));
}

void Draft::attach(PodId pod, const Seat& seat) {
  NodeNow& now = own_node(seat.node);
  const ShapeId shape = standing_->pod(pod).shape;
  now.pods.insert(std::lower_bound(now.pods.begin(), now.pods.end(), pod), pod);
  now.room.left = now.room.left - standing_->shape_at(shape).requests;
  recount(seat.node, seat.devices);
  if (company_) company_->bind(shape, standing_->company_of(seat.node));
}

void Draft::lift(PodId pod) {
  Seat& seat = own_seat(pod);
  KERF_ASSERT(seat.placed, "a pod is lifted once");
  undo_.push_back({pod, true, seat});
  seat.placed = false;
  detach(pod, undo_.back().seat);
}

void Draft::put(PodId pod, NodeId node, std::vector<DeviceAt> devices) {
  Seat& seat = own_seat(pod);
  KERF_ASSERT(!seat.placed, "a pod is put where it was lifted from another place");
  seat = {node, true, std::move(devices)};
  undo_.push_back({pod, false, {}});
  attach(pod, seat);
}

void Draft::rollback(std::size_t mark) {
  while (undo_.size() > mark) {
    Undo step = std::move(undo_.back());
    undo_.pop_back();
    Seat& seat = own_seat(step.pod);
    if (step.lifted) {
      seat = std::move(step.seat);
      attach(step.pod, seat);
    } else {
      seat.placed = false;
      detach(step.pod, seat);
    }
  }
}

}  // namespace kerf::online
