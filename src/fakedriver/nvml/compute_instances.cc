// Compute instances of a GPU instance.
#include "fakedriver/nvml/instances.h"

namespace abi = kerf::nvmlabi;
namespace simgpu = kerf::simgpu;
namespace nvml = kerf::fakedriver::nvml;
using kerf::fakedriver::this_caller;
using nvml::device;
using nvml::handle;
using nvml::instance;
using nvml::known;
using nvml::placement;
using simgpu::Driver;

namespace {

constexpr unsigned kCapabilityGfx = 1;

/// Engines are shared; as with profiles, one past the last kind is an InvalidArgument.
template <class Info>
abi::Return profile(abi::GpuInstance of, unsigned number, unsigned engines, Info& to) {
  if (engines != abi::kEngineProfileShared) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) { return d.compute_instance_profile_info(instance(of), number); },
      [&](const simgpu::ComputeInstanceProfileInfo& from) {
        to.id = from.id;
        to.slice_count = known(from.slice_count);
        to.instance_count = known(from.instance_count);
        to.multiprocessor_count = known(from.multiprocessor_count);
        to.shared_copy_engine_count = known(from.copy_engines);
        to.shared_decoder_count = known(from.decoders);
        to.shared_encoder_count = known(from.encoders);
        to.shared_jpeg_count = known(from.jpeg);
        to.shared_ofa_count = known(from.ofa);
        return nvml::fill_version(from.name, kCapabilityGfx, to);
      });
}

}  // namespace

KERF_NVML nvmlGpuInstanceGetComputeInstanceProfileInfo(abi::GpuInstance of, unsigned number,
                                                       unsigned engines,
                                                       abi::ComputeInstanceProfileInfo* info) {
  if (info == nullptr) return nvml::refuse();
  return profile(of, number, engines, *info);
}
KERF_NVML nvmlGpuInstanceGetComputeInstanceProfileInfoV(abi::GpuInstance of, unsigned number,
                                                        unsigned engines, void* info) {
  return nvml::versioned<abi::ComputeInstanceProfileInfo_v2, abi::ComputeInstanceProfileInfo_v3>(
      info, [&](auto& to) { return profile(of, number, engines, to); });
}
KERF_NVML nvmlGpuInstanceGetComputeInstancePossiblePlacements(abi::GpuInstance of,
                                                              unsigned profile_id,
                                                              abi::Placement* placements,
                                                              unsigned* count) {
  if (count == nullptr) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) {
        return d.compute_instance_possible_placements(instance(of), profile_id, this_caller());
      },
      [&](const std::vector<simgpu::Placement>& found) {
        return nvml::copy_placements(found, placements, count);
      });
}
KERF_NVML nvmlGpuInstanceGetComputeInstanceRemainingCapacity(abi::GpuInstance of,
                                                             unsigned profile_id, unsigned* count) {
  if (count == nullptr) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) {
        return d.compute_instance_remaining_capacity(instance(of), profile_id, this_caller());
      },
      [&](int left) { *count = known(left); });
}
KERF_NVML nvmlGpuInstanceCreateComputeInstance(abi::GpuInstance of, unsigned profile_id,
                                               abi::ComputeInstance* made) {
  if (made == nullptr) return nvml::refuse();
  return nvml::change(
      [&](Driver& d) { return d.create_compute_instance(instance(of), profile_id, this_caller()); },
      [&](simgpu::ComputeInstance i) { *made = handle(i); });
}
KERF_NVML nvmlGpuInstanceCreateComputeInstanceWithPlacement(abi::GpuInstance of,
                                                            unsigned profile_id,
                                                            const abi::Placement* at,
                                                            abi::ComputeInstance* made) {
  if (at == nullptr || made == nullptr) return nvml::refuse();
  return nvml::change(
      [&](Driver& d) {
        return d.create_compute_instance_with_placement(instance(of), profile_id, placement(*at),
                                                        this_caller());
      },
      [&](simgpu::ComputeInstance i) { *made = handle(i); });
}
KERF_NVML nvmlComputeInstanceDestroy(abi::ComputeInstance of) {
  return nvml::change(
      [&](Driver& d) { return d.destroy_compute_instance(instance(of), this_caller()); },
      nvml::nothing());
}
KERF_NVML nvmlGpuInstanceGetComputeInstances(abi::GpuInstance of, unsigned profile_id,
                                             abi::ComputeInstance* found, unsigned* count) {
  if (found == nullptr || count == nullptr) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) { return d.compute_instances(instance(of), profile_id, this_caller()); },
      [&](const std::vector<simgpu::ComputeInstance>& list) {
        nvml::whole_list(list, found, count);
      });
}
KERF_NVML nvmlGpuInstanceGetComputeInstanceById(abi::GpuInstance of, unsigned id,
                                                abi::ComputeInstance* found) {
  if (found == nullptr) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) { return d.compute_instance_by_id(instance(of), id, this_caller()); },
      [&](simgpu::ComputeInstance i) { *found = handle(i); });
}
KERF_NVML nvmlComputeInstanceGetInfo_v2(abi::ComputeInstance of, abi::ComputeInstanceInfo* info) {
  if (info == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.compute_instance_info(instance(of)); },
                    [&](const simgpu::ComputeInstanceInfo& from) {
                      *info = {device(from.device), handle(from.gpu_instance), from.id,
                               from.profile_id, placement(from.placement)};
                    });
}
KERF_NVML nvmlComputeInstanceGetInfo(abi::ComputeInstance of, abi::ComputeInstanceInfo_v1* info) {
  if (info == nullptr) return nvml::refuse();
  abi::ComputeInstanceInfo whole;
  const abi::Return code = nvmlComputeInstanceGetInfo_v2(of, &whole);
  if (code == abi::kSuccess) *info = {whole.device, whole.gpu_instance, whole.id, whole.profile_id};
  return code;
}
