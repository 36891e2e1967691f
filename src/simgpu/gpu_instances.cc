// GPU instances: profiles, placements, creation and destruction.
#include <algorithm>

#include "simgpu/boards.h"
#include "simgpu/call.h"
#include "simgpu/driver.h"
#include "simgpu/placement.h"

namespace kerf::simgpu {

namespace {

bool has_start(const BoardProfile& profile, std::uint8_t start) {
  return std::ranges::find(profile.starts, start) != profile.starts.end();
}

/// From R535 on back, profiles could be asked for only while MIG was on (mig-parted 219e780d).
bool profiles_known(const Call& call, int driver_major) {
  return call.board().mig() && (call.gpu->mig.current || driver_major > 535);
}

GpuInstanceProfileInfo info_of(const BoardProfile& p) {
  return {
      p.id,           std::string(p.name), p.compute_slices,   p.max_instances, p.multiprocessors,
      p.engines.copy, p.engines.decoders,  p.engines.encoders, p.engines.jpeg,  p.engines.ofa,
      p.memory_mib};
}

GpuInstance create(State& state, const Call& call, const BoardProfile& profile,
                   std::uint8_t start) {
  GpuInstanceState made;
  made.serial = ++state.serials;
  made.id = gpu_instance_id_at(call.board(), profile, start, call.gpu->id_mask);
  made.profile = static_cast<std::uint8_t>(&profile - call.board().profiles.data());
  made.start = start;
  auto& all = call.gpu->instances;
  all.insert(std::ranges::upper_bound(all, made.id, {}, &GpuInstanceState::id), made);
  return {make_handle(HandleKind::GpuInstance, made.serial)};
}

}  // namespace

Answer<GpuInstanceProfileInfo> Driver::gpu_instance_profile_info(Device gpu,
                                                                 std::uint32_t profile) {
  using Info = GpuInstanceProfileInfo;
  Call call(*this, Operation::GpuInstanceProfileInfo, profile);
  if (!call.on_gpu(gpu)) return call.stop<Info>();
  if (profile >= kGpuInstanceProfileEnums) return call.stop<Info>(Return::InvalidArgument);
  if (!profiles_known(call, config_.driver_major)) return call.stop<Info>(Return::NotSupported);
  const BoardProfile* p = call.board().by_enum(profile);
  if (p == nullptr) return call.stop<Info>(Return::NotSupported);
  return call.end(info_of(*p));
}

Answer<GpuInstanceProfileInfo> Driver::gpu_instance_profile_info_by_id(Device gpu,
                                                                       std::uint32_t profile_id) {
  using Info = GpuInstanceProfileInfo;
  Call call(*this, Operation::GpuInstanceProfileInfo, profile_id);
  if (!call.on_gpu(gpu)) return call.stop<Info>();
  const BoardProfile* p = call.board().by_id(profile_id);
  if (p == nullptr || !profiles_known(call, config_.driver_major))
    return call.stop<Info>(Return::NotSupported);
  return call.end(info_of(*p));
}

Answer<std::vector<Placement>> Driver::possible_placements(Device gpu, std::uint32_t profile_id,
                                                           Caller caller) {
  using Placements = std::vector<Placement>;
  Call call(*this, Operation::PossiblePlacements, profile_id);
  if (!call.privileged(caller).on_gpu(gpu)) return call.stop<Placements>();
  const BoardProfile* profile = call.board().by_id(profile_id);
  if (profile == nullptr || !profiles_known(call, config_.driver_major))
    return call.stop<Placements>(Return::NotSupported);
  Placements placements;
  for (const std::uint8_t start : profile->starts) placements.push_back({start, profile->size});
  return call.end(placements);
}

Answer<int> Driver::remaining_capacity(Device gpu, std::uint32_t profile_id, Caller caller) {
  Call call(*this, Operation::RemainingCapacity, profile_id);
  if (!call.privileged(caller).on_mig_gpu(gpu)) return call.stop<int>();
  const BoardProfile* profile = call.board().by_id(profile_id);
  if (profile == nullptr) return call.stop<int>(Return::NotSupported);
  // Placements of one profile do not overlap each other, so filling in any order counts right.
  Occupancy occupancy(call.board(), call.gpu->instances);
  int count = 0;
  for (const std::uint8_t start : profile->starts) {
    if (!occupancy.fits(*profile, start)) continue;
    occupancy.add(*profile, start);
    ++count;
  }
  return call.end(count);
}

Answer<GpuInstance> Driver::create_gpu_instance(Device gpu, std::uint32_t profile_id,
                                                Caller caller) {
  Call call(*this, Operation::CreateGpuInstance, gpu.value);
  if (!call.change(caller).on_mig_gpu(gpu)) return call.stop<GpuInstance>();
  const BoardProfile* profile = call.board().by_id(profile_id);
  if (profile == nullptr) return call.stop<GpuInstance>(Return::NotSupported);
  if (!call.gpu->pids.empty()) return call.stop<GpuInstance>(Return::InUse);
  const Occupancy occupancy(call.board(), call.gpu->instances);
  for (const std::uint8_t start : auto_placement_order(call.board(), *profile))
    if (occupancy.fits(*profile, start)) return call.end(create(state_, call, *profile, start));
  return call.stop<GpuInstance>(Return::InsufficientResources);
}

Answer<GpuInstance> Driver::create_gpu_instance_with_placement(Device gpu, std::uint32_t profile_id,
                                                               Placement placement, Caller caller) {
  Call call(*this, Operation::CreateGpuInstance, gpu.value);
  if (!call.change(caller).on_mig_gpu(gpu)) return call.stop<GpuInstance>();
  const BoardProfile* profile = call.board().by_id(profile_id);
  if (profile == nullptr) return call.stop<GpuInstance>(Return::NotSupported);
  if (placement.size != profile->size || !has_start(*profile, placement.start))
    return call.stop<GpuInstance>(Return::InvalidArgument);
  if (!call.gpu->pids.empty()) return call.stop<GpuInstance>(Return::InUse);
  if (!Occupancy(call.board(), call.gpu->instances).fits(*profile, placement.start))
    return call.stop<GpuInstance>(Return::InsufficientResources);
  return call.end(create(state_, call, *profile, placement.start));
}

Answer<std::vector<GpuInstance>> Driver::gpu_instances(Device gpu, std::uint32_t profile_id,
                                                       Caller caller) {
  using Instances = std::vector<GpuInstance>;
  Call call(*this, Operation::ListGpuInstances, profile_id);
  if (!call.privileged(caller).on_mig_gpu(gpu)) return call.stop<Instances>();
  const BoardProfile* profile = call.board().by_id(profile_id);
  if (profile == nullptr) return call.stop<Instances>(Return::NotSupported);
  Instances found;
  for (const GpuInstanceState& gi : call.gpu->instances)
    if (&call.board().profiles[gi.profile] == profile)
      found.push_back({make_handle(HandleKind::GpuInstance, gi.serial)});
  return call.end(found);
}

Answer<GpuInstance> Driver::gpu_instance_by_id(Device gpu, std::uint32_t id, Caller caller) {
  Call call(*this, Operation::GpuInstanceById, id);
  if (!call.privileged(caller).on_mig_gpu(gpu)) return call.stop<GpuInstance>();
  for (const GpuInstanceState& gi : call.gpu->instances)
    if (gi.id == id) return call.end(GpuInstance{make_handle(HandleKind::GpuInstance, gi.serial)});
  return call.stop<GpuInstance>(Return::NotFound);
}

Answer<GpuInstanceInfo> Driver::gpu_instance_info(GpuInstance instance) {
  Call call(*this, Operation::GpuInstanceInfo, instance.value);
  if (!call.on(instance)) return call.stop<GpuInstanceInfo>();
  const BoardProfile& profile = call.profile();
  return call.end(GpuInstanceInfo{
      call.gpu_device(), call.instance->id, profile.id, {call.instance->start, profile.size}});
}

Answer<Nothing> Driver::destroy_gpu_instance(GpuInstance instance, Caller caller) {
  Call call(*this, Operation::DestroyGpuInstance, instance.value);
  if (!call.change(caller).on(instance)) return call.stop<Nothing>();
  // Processes run on compute instances, so one of these is in the way of both.
  if (!call.instance->compute_instances.empty()) return call.stop<Nothing>(Return::InUse);
  std::erase_if(call.gpu->instances, [serial = call.instance->serial](const GpuInstanceState& gi) {
    return gi.serial == serial;
  });
  return call.end(Nothing{});
}

}  // namespace kerf::simgpu
