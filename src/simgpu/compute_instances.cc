// Compute instances: how a GPU instance is parted, and the MIG devices this makes.
#include <algorithm>

#include "simgpu/boards.h"
#include "simgpu/call.h"
#include "simgpu/drawn.h"
#include "simgpu/driver.h"
#include "simgpu/placement.h"

namespace kerf::simgpu {

namespace {

/// The id of a compute profile is its enum (recorded: nvidia-smi lists 0, 1, 2, 3, 4 for 1c to 7c).
const ComputeProfile* find(const std::vector<ComputeProfile>& profiles, std::uint32_t id) {
  for (const ComputeProfile& p : profiles)
    if (p.profile == id) return &p;
  return nullptr;
}

std::uint32_t taken(const GpuInstanceState& instance) {
  std::uint32_t slices = 0;
  for (const ComputeInstanceState& ci : instance.compute_instances)
    slices |= bits_of(ci.placement.size, ci.placement.start);
  return slices;
}

std::uint32_t free_id(const GpuInstanceState& instance) {
  std::uint32_t id = 0;
  for (const ComputeInstanceState& ci : instance.compute_instances)
    if (ci.id == id) ++id;  // they are in the order of their ids
  return id;
}

int free_mig_index(const GpuState& gpu) {
  std::uint32_t used = 0;
  for (const GpuInstanceState& gi : gpu.instances)
    for (const ComputeInstanceState& ci : gi.compute_instances) used |= 1U << ci.mig_index;
  int index = 0;
  while ((used >> index & 1U) != 0) ++index;
  return index;
}

ComputeInstance create(State& state, const Call& call, std::uint64_t seed,
                       const ComputeProfile& profile, std::uint8_t start) {
  ComputeInstanceState made;
  made.serial = ++state.serials;
  made.id = free_id(*call.instance);
  made.profile = profile.profile;
  made.placement = {start, profile.slices};
  made.uuid = draw_uuid("MIG-", seed, state);
  made.mig_index = free_mig_index(*call.gpu);
  auto& all = call.instance->compute_instances;
  all.insert(std::ranges::upper_bound(all, made.id, {}, &ComputeInstanceState::id), made);
  return {make_handle(HandleKind::ComputeInstance, made.serial)};
}

}  // namespace

Answer<ComputeInstanceProfileInfo> Driver::compute_instance_profile_info(GpuInstance instance,
                                                                         std::uint32_t profile) {
  using Info = ComputeInstanceProfileInfo;
  Call call(*this, Operation::ComputeInstanceProfileInfo, profile);
  if (!call.on(instance)) return call.stop<Info>();
  if (profile >= kComputeInstanceProfileEnums) return call.stop<Info>(Return::InvalidArgument);
  const auto profiles = compute_profiles(call.profile().compute_slices);
  const ComputeProfile* p = find(profiles, profile);
  if (p == nullptr) return call.stop<Info>(Return::NotSupported);
  const BoardProfile& whole = call.profile();
  return call.end(Info{p->profile, p->slices, static_cast<int>(p->starts.size()),
                       multiprocessors(call.board(), whole, p->slices), whole.engines.copy,
                       whole.engines.decoders, whole.engines.encoders, whole.engines.jpeg,
                       whole.engines.ofa, compute_instance_name(whole, p->slices)});
}

Answer<std::vector<Placement>> Driver::compute_instance_possible_placements(
    GpuInstance instance, std::uint32_t profile_id, Caller caller) {
  using Placements = std::vector<Placement>;
  Call call(*this, Operation::ComputeInstancePlacements, profile_id);
  if (!call.privileged(caller).on(instance)) return call.stop<Placements>();
  const auto profiles = compute_profiles(call.profile().compute_slices);
  const ComputeProfile* p = find(profiles, profile_id);
  if (p == nullptr) return call.stop<Placements>(Return::NotSupported);
  Placements placements;
  for (const std::uint8_t start : p->starts) placements.push_back({start, p->slices});
  return call.end(placements);
}

Answer<int> Driver::compute_instance_remaining_capacity(GpuInstance instance,
                                                        std::uint32_t profile_id, Caller caller) {
  Call call(*this, Operation::ComputeInstanceCapacity, profile_id);
  if (!call.privileged(caller).on(instance)) return call.stop<int>();
  const auto profiles = compute_profiles(call.profile().compute_slices);
  const ComputeProfile* p = find(profiles, profile_id);
  if (p == nullptr) return call.stop<int>(Return::NotSupported);
  const std::uint32_t used = taken(*call.instance);
  return call.end(static_cast<int>(std::ranges::count_if(
      p->starts, [&](std::uint8_t start) { return (used & bits_of(p->slices, start)) == 0; })));
}

Answer<ComputeInstance> Driver::create_compute_instance(GpuInstance instance,
                                                        std::uint32_t profile_id, Caller caller) {
  Call call(*this, Operation::CreateComputeInstance, instance.value);
  if (!call.change(caller).on(instance)) return call.stop<ComputeInstance>();
  const auto profiles = compute_profiles(call.profile().compute_slices);
  const ComputeProfile* p = find(profiles, profile_id);
  if (p == nullptr) return call.stop<ComputeInstance>(Return::NotSupported);
  for (const std::uint8_t start : p->starts)
    if ((taken(*call.instance) & bits_of(p->slices, start)) == 0)
      return call.end(create(state_, call, config_.seed, *p, start));
  return call.stop<ComputeInstance>(Return::InsufficientResources);
}

Answer<ComputeInstance> Driver::create_compute_instance_with_placement(GpuInstance instance,
                                                                       std::uint32_t profile_id,
                                                                       Placement placement,
                                                                       Caller caller) {
  Call call(*this, Operation::CreateComputeInstance, instance.value);
  if (!call.change(caller).on(instance)) return call.stop<ComputeInstance>();
  const auto profiles = compute_profiles(call.profile().compute_slices);
  const ComputeProfile* p = find(profiles, profile_id);
  if (p == nullptr) return call.stop<ComputeInstance>(Return::NotSupported);
  if (placement.size != p->slices ||
      std::ranges::find(p->starts, placement.start) == p->starts.end())
    return call.stop<ComputeInstance>(Return::InvalidArgument);
  if ((taken(*call.instance) & bits_of(p->slices, placement.start)) != 0)
    return call.stop<ComputeInstance>(Return::InsufficientResources);
  return call.end(create(state_, call, config_.seed, *p, placement.start));
}

Answer<std::vector<ComputeInstance>> Driver::compute_instances(GpuInstance instance,
                                                               std::uint32_t profile_id,
                                                               Caller caller) {
  using Instances = std::vector<ComputeInstance>;
  Call call(*this, Operation::ListComputeInstances, profile_id);
  if (!call.privileged(caller).on(instance)) return call.stop<Instances>();
  const auto profiles = compute_profiles(call.profile().compute_slices);
  if (find(profiles, profile_id) == nullptr) return call.stop<Instances>(Return::NotSupported);
  Instances found;
  for (const ComputeInstanceState& ci : call.instance->compute_instances)
    if (ci.profile == profile_id)
      found.push_back({make_handle(HandleKind::ComputeInstance, ci.serial)});
  return call.end(found);
}

Answer<ComputeInstance> Driver::compute_instance_by_id(GpuInstance instance, std::uint32_t id,
                                                       Caller caller) {
  Call call(*this, Operation::ComputeInstanceById, id);
  if (!call.privileged(caller).on(instance)) return call.stop<ComputeInstance>();
  for (const ComputeInstanceState& ci : call.instance->compute_instances)
    if (ci.id == id)
      return call.end(ComputeInstance{make_handle(HandleKind::ComputeInstance, ci.serial)});
  return call.stop<ComputeInstance>(Return::NotFound);
}

Answer<ComputeInstanceInfo> Driver::compute_instance_info(ComputeInstance instance) {
  Call call(*this, Operation::ComputeInstanceInfo, instance.value);
  if (!call.on(instance)) return call.stop<ComputeInstanceInfo>();
  const ComputeInstanceState& ci = *call.compute;
  return call.end(ComputeInstanceInfo{{make_handle(HandleKind::MigDevice, ci.serial)},
                                      call.gpu_device(),
                                      {make_handle(HandleKind::GpuInstance, call.instance->serial)},
                                      ci.id,
                                      ci.profile,
                                      ci.placement,
                                      ci.uuid});
}

Answer<Nothing> Driver::destroy_compute_instance(ComputeInstance instance, Caller caller) {
  Call call(*this, Operation::DestroyComputeInstance, instance.value);
  if (!call.change(caller).on(instance)) return call.stop<Nothing>();
  if (!call.compute->pids.empty()) return call.stop<Nothing>(Return::InUse);
  std::erase_if(call.instance->compute_instances,
                [serial = call.compute->serial](const ComputeInstanceState& ci) {
                  return ci.serial == serial;
                });
  return call.end(Nothing{});
}

}  // namespace kerf::simgpu
