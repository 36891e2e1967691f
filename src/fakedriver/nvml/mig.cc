// MIG: mode, GPU instances, MIG devices.
#include "fakedriver/memory.h"
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

/// With a memory size also where none is recorded.
template <class Info>
abi::Return profile(abi::Device of, Info& to, auto ask) {
  return nvml::read(
      [&](Driver& d) {
        auto answer = ask(d);
        if (answer.ok()) {
          const simgpu::Board* board = kerf::fakedriver::whereabouts(d, device(of)).board;
          answer.value.memory_mib =
              kerf::fakedriver::memory_mib(*board, *board->by_id(answer.value.id));
        }
        return answer;
      },
      [&](const simgpu::GpuInstanceProfileInfo& from) {
        to.id = from.id;
        to.slice_count = known(from.slice_count);
        to.instance_count = known(from.instance_count);
        to.multiprocessor_count = known(from.multiprocessor_count);
        to.copy_engine_count = known(from.copy_engines);
        to.decoder_count = known(from.decoders);
        to.encoder_count = known(from.encoders);
        to.jpeg_count = known(from.jpeg);
        to.ofa_count = known(from.ofa);
        to.memory_size_mib = static_cast<unsigned long long>(from.memory_mib);
        return nvml::fill_version(from.name, abi::kProfileCapabilityGfx, to);
      });
}
template <class Info>
abi::Return profile_by_enum(abi::Device of, unsigned number, Info& to) {
  return profile(of, to,
                 [&](Driver& d) { return d.gpu_instance_profile_info(device(of), number); });
}
template <class Info>
abi::Return profile_by_id(abi::Device of, unsigned id, Info& to) {
  return profile(of, to,
                 [&](Driver& d) { return d.gpu_instance_profile_info_by_id(device(of), id); });
}
template <class Ask>
abi::Return versioned_profile(void* info, Ask ask) {
  return nvml::versioned<abi::GpuInstanceProfileInfo_v2, abi::GpuInstanceProfileInfo_v3>(info, ask);
}

simgpu::Answer<simgpu::Attributes> attributes_of(Driver& d, abi::Device of) {
  auto answer = d.attributes(device(of));
  if (answer.ok()) {
    const auto [gpu, board, profile] = kerf::fakedriver::whereabouts(d, device(of));
    answer.value.memory_mib = kerf::fakedriver::memory_mib(*board, *profile);
  }
  return answer;
}

}  // namespace

// --- Mode ----------------------------------------------------------------------------------------

KERF_NVML nvmlDeviceGetMigMode(abi::Device of, unsigned* current, unsigned* pending) {
  if (current == nullptr || pending == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.mig_mode(device(of)); },
                    [&](const simgpu::MigMode& mode) {
                      *current = mode.current ? abi::kEnabled : abi::kDisabled;
                      *pending = mode.pending ? abi::kEnabled : abi::kDisabled;
                    });
}
KERF_NVML nvmlDeviceSetMigMode(abi::Device of, unsigned mode, abi::Return* activation) {
  if (activation == nullptr || mode > abi::kEnabled) return nvml::refuse();
  return nvml::change(
      [&](Driver& d) { return d.set_mig_mode(device(of), mode == abi::kEnabled, this_caller()); },
      [&](simgpu::Return took) { *activation = nvml::code_of(took); });
}

// --- GPU instances -------------------------------------------------------------------------------

KERF_NVML nvmlDeviceGetGpuInstanceProfileInfo(abi::Device of, unsigned profile,
                                              abi::GpuInstanceProfileInfo* info) {
  if (info == nullptr) return nvml::refuse();
  return profile_by_enum(of, profile, *info);
}
KERF_NVML nvmlDeviceGetGpuInstanceProfileInfoV(abi::Device of, unsigned profile, void* info) {
  return versioned_profile(info, [&](auto& to) { return profile_by_enum(of, profile, to); });
}
KERF_NVML nvmlDeviceGetGpuInstanceProfileInfoByIdV(abi::Device of, unsigned id, void* info) {
  return versioned_profile(info, [&](auto& to) { return profile_by_id(of, id, to); });
}
KERF_NVML nvmlDeviceGetGpuInstancePossiblePlacements_v2(abi::Device of, unsigned profile_id,
                                                        abi::Placement* placements,
                                                        unsigned* count) {
  if (count == nullptr) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) { return d.possible_placements(device(of), profile_id, this_caller()); },
      [&](const std::vector<simgpu::Placement>& found) {
        return nvml::copy_placements(found, placements, count);
      });
}
KERF_NVML nvmlDeviceGetGpuInstancePossiblePlacements(abi::Device of, unsigned profile_id,
                                                     abi::Placement* placements, unsigned* count) {
  return nvmlDeviceGetGpuInstancePossiblePlacements_v2(of, profile_id, placements, count);
}
KERF_NVML nvmlDeviceGetGpuInstanceRemainingCapacity(abi::Device of, unsigned profile_id,
                                                    unsigned* count) {
  if (count == nullptr) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) { return d.remaining_capacity(device(of), profile_id, this_caller()); },
      [&](int left) { *count = known(left); });
}
KERF_NVML nvmlDeviceCreateGpuInstance(abi::Device of, unsigned profile_id, abi::GpuInstance* made) {
  if (made == nullptr) return nvml::refuse();
  return nvml::change(
      [&](Driver& d) { return d.create_gpu_instance(device(of), profile_id, this_caller()); },
      [&](simgpu::GpuInstance i) { *made = handle(i); });
}
KERF_NVML nvmlDeviceCreateGpuInstanceWithPlacement(abi::Device of, unsigned profile_id,
                                                   const abi::Placement* at,
                                                   abi::GpuInstance* made) {
  if (at == nullptr || made == nullptr) return nvml::refuse();
  return nvml::change(
      [&](Driver& d) {
        return d.create_gpu_instance_with_placement(device(of), profile_id, placement(*at),
                                                    this_caller());
      },
      [&](simgpu::GpuInstance i) { *made = handle(i); });
}
KERF_NVML nvmlGpuInstanceDestroy(abi::GpuInstance of) {
  return nvml::change(
      [&](Driver& d) { return d.destroy_gpu_instance(instance(of), this_caller()); },
      nvml::nothing());
}
KERF_NVML nvmlDeviceGetGpuInstances(abi::Device of, unsigned profile_id, abi::GpuInstance* found,
                                    unsigned* count) {
  if (found == nullptr || count == nullptr) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) { return d.gpu_instances(device(of), profile_id, this_caller()); },
      [&](const std::vector<simgpu::GpuInstance>& list) { nvml::whole_list(list, found, count); });
}
KERF_NVML nvmlDeviceGetGpuInstanceById(abi::Device of, unsigned id, abi::GpuInstance* found) {
  if (found == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.gpu_instance_by_id(device(of), id, this_caller()); },
                    [&](simgpu::GpuInstance i) { *found = handle(i); });
}
KERF_NVML nvmlGpuInstanceGetInfo(abi::GpuInstance of, abi::GpuInstanceInfo* info) {
  if (info == nullptr) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) { return d.gpu_instance_info(instance(of)); },
      [&](const simgpu::GpuInstanceInfo& from) {
        *info = {device(from.device), from.id, from.profile_id, placement(from.placement)};
      });
}

// --- MIG devices ---------------------------------------------------------------------------------

KERF_NVML nvmlDeviceIsMigDeviceHandle(abi::Device of, unsigned* is) {
  if (is == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.is_mig_device(device(of)); },
                    [&](bool mig) { *is = mig ? 1U : 0U; });
}
KERF_NVML nvmlDeviceGetMaxMigDeviceCount(abi::Device of, unsigned* count) {
  if (count == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.max_mig_device_count(device(of)); },
                    [&](int most) { *count = known(most); });
}
KERF_NVML nvmlDeviceGetMigDeviceHandleByIndex(abi::Device of, unsigned index, abi::Device* found) {
  if (found == nullptr || index > 0x7fffffffU) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) { return d.mig_device_by_index(device(of), static_cast<int>(index)); },
      [&](simgpu::Device handle) { *found = device(handle); });
}
KERF_NVML nvmlDeviceGetDeviceHandleFromMigDeviceHandle(abi::Device of, abi::Device* parent) {
  if (parent == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.parent_of(device(of)); },
                    [&](simgpu::Device handle) { *parent = device(handle); });
}
KERF_NVML nvmlDeviceGetGpuInstanceId(abi::Device of, unsigned* id) {
  if (id == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.gpu_instance_id(device(of)); },
                    [&](std::uint32_t found) { *id = found; });
}
KERF_NVML nvmlDeviceGetComputeInstanceId(abi::Device of, unsigned* id) {
  if (id == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.compute_instance_id(device(of)); },
                    [&](std::uint32_t found) { *id = found; });
}
KERF_NVML nvmlDeviceGetAttributes_v2(abi::Device of, abi::DeviceAttributes* attributes) {
  if (attributes == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return attributes_of(d, of); },
                    [&](const simgpu::Attributes& from) {
                      *attributes = {known(from.multiprocessor_count),
                                     known(from.copy_engines),
                                     known(from.decoders),
                                     known(from.encoders),
                                     known(from.jpeg),
                                     known(from.ofa),
                                     known(from.gpu_instance_slices),
                                     known(from.compute_instance_slices),
                                     static_cast<unsigned long long>(from.memory_mib)};
                    });
}
KERF_NVML nvmlDeviceGetAttributes(abi::Device of, abi::DeviceAttributes* attributes) {
  return nvmlDeviceGetAttributes_v2(of, attributes);
}
