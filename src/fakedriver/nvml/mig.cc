// MIG: mode, GPU instances, compute instances, MIG devices.
#include "fakedriver/memory.h"
#include "fakedriver/nvml/calls.h"

namespace abi = kerf::nvmlabi;
namespace simgpu = kerf::simgpu;
namespace nvml = kerf::fakedriver::nvml;
using nvml::device;
using nvml::instance;
using nvml::known;
using simgpu::Driver;

namespace {

/// The engine's answer, with a memory size also where none is recorded.
simgpu::Answer<simgpu::GpuInstanceProfileInfo> profile_info(Driver& d, abi::Device of,
                                                            unsigned profile) {
  auto answer = d.gpu_instance_profile_info(device(of), profile);
  if (answer.ok()) {
    const simgpu::Board* board = kerf::fakedriver::whereabouts(d, device(of)).board;
    answer.value.memory_mib = kerf::fakedriver::memory_mib(*board, *board->by_enum(profile));
  }
  return answer;
}
simgpu::Answer<simgpu::Attributes> attributes_of(Driver& d, abi::Device of) {
  auto answer = d.attributes(device(of));
  if (answer.ok()) {
    const auto [board, profile] = kerf::fakedriver::whereabouts(d, device(of));
    answer.value.memory_mib = kerf::fakedriver::memory_mib(*board, *profile);
  }
  return answer;
}

template <class Info>
void fill_profile(const simgpu::GpuInstanceProfileInfo& from, Info& to) {
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
}

bool has_graphics(const std::string& profile) { return profile.ends_with("+gfx"); }

/// Fills the struct whose version the caller has written into its first field.
template <class Use>
abi::Return versioned_profile(void* info, Use use) {
  if (info == nullptr) return abi::kInvalidArgument;
  unsigned version = 0;
  std::memcpy(&version, info, sizeof version);
  const bool third = version == abi::struct_version<abi::GpuInstanceProfileInfo_v3>(3);
  if (!third && version != abi::struct_version<abi::GpuInstanceProfileInfo_v2>(2))
    return abi::kArgumentVersionMismatch;
  return nvml::read(use, [&](const simgpu::GpuInstanceProfileInfo& from) {
    const auto fill = [&](auto& to) {
      fill_profile(from, to);
      return nvml::copy_text(from.name, to.name, sizeof to.name);
    };
    if (!third) return fill(*static_cast<abi::GpuInstanceProfileInfo_v2*>(info));
    auto& to = *static_cast<abi::GpuInstanceProfileInfo_v3*>(info);
    to.capabilities = has_graphics(from.name) ? abi::kProfileCapabilityGfx : 0;
    return fill(to);
  });
}

template <class Info>
void fill_compute_profile(const simgpu::ComputeInstanceProfileInfo& from, Info& to) {
  to.id = from.id;
  to.slice_count = known(from.slice_count);
  to.instance_count = known(from.instance_count);
  to.multiprocessor_count = known(from.multiprocessor_count);
  to.shared_copy_engine_count = known(from.copy_engines);
  to.shared_decoder_count = known(from.decoders);
  to.shared_encoder_count = known(from.encoders);
  to.shared_jpeg_count = known(from.jpeg);
  to.shared_ofa_count = known(from.ofa);
}

template <class Fill>
abi::Return compute_profile(abi::GpuInstance of, unsigned profile, unsigned engines, Fill fill) {
  if (engines != abi::kEngineProfileShared) {
    // As for profiles: one past the last is InvalidArgument.
    return abi::kInvalidArgument;
  }
  return nvml::read(
      [&](Driver& d) { return d.compute_instance_profile_info(instance(of), profile); }, fill);
}

abi::Placement placement(const simgpu::Placement& from) { return {from.start, from.size}; }
/// Starts and sizes past a byte are none of any board's, so 255 stands for them.
simgpu::Placement placement(const abi::Placement& from) {
  return {static_cast<std::uint8_t>(std::min(from.start, 255U)),
          static_cast<std::uint8_t>(std::min(from.size, 255U))};
}

abi::GpuInstance handle(simgpu::GpuInstance i) { return nvml::pointer<abi::GpuInstance>(i.value); }
abi::ComputeInstance handle(simgpu::ComputeInstance i) {
  return nvml::pointer<abi::ComputeInstance>(i.value);
}

/// These lists have no way to ask for their length: the caller has to bring room for all instances
/// of the profile.
template <class From, class To>
abi::Return whole_list(const std::vector<From>& from, To* to, unsigned* count) {
  std::ranges::transform(from, to, [](From i) { return handle(i); });
  *count = static_cast<unsigned>(from.size());
  return abi::kSuccess;
}

}  // namespace

// --- Mode ----------------------------------------------------------------------------------------

KERF_NVML nvmlDeviceGetMigMode(abi::Device of, unsigned* current, unsigned* pending) {
  if (current == nullptr || pending == nullptr) return abi::kInvalidArgument;
  return nvml::read([&](Driver& d) { return d.mig_mode(device(of)); },
                    [&](const simgpu::MigMode& mode) {
                      *current = mode.current ? abi::kEnabled : abi::kDisabled;
                      *pending = mode.pending ? abi::kEnabled : abi::kDisabled;
                    });
}
KERF_NVML nvmlDeviceSetMigMode(abi::Device of, unsigned mode, abi::Return* activation) {
  if (activation == nullptr || mode > abi::kEnabled) return abi::kInvalidArgument;
  return nvml::change(
      [&](Driver& d) { return d.set_mig_mode(device(of), mode == abi::kEnabled, nvml::caller()); },
      [&](simgpu::Return took) { *activation = nvml::code_of(took); });
}

// --- GPU instances -------------------------------------------------------------------------------

KERF_NVML nvmlDeviceGetGpuInstanceProfileInfo(abi::Device of, unsigned profile,
                                              abi::GpuInstanceProfileInfo* info) {
  if (info == nullptr) return abi::kInvalidArgument;
  return nvml::read([&](Driver& d) { return profile_info(d, of, profile); },
                    [&](const simgpu::GpuInstanceProfileInfo& from) {
                      *info = {};
                      fill_profile(from, *info);
                    });
}
KERF_NVML nvmlDeviceGetGpuInstanceProfileInfoV(abi::Device of, unsigned profile, void* info) {
  return versioned_profile(info, [&](Driver& d) { return profile_info(d, of, profile); });
}
KERF_NVML nvmlDeviceGetGpuInstanceProfileInfoByIdV(abi::Device of, unsigned id, void* info) {
  return versioned_profile(info, [&](Driver& d) {
    // The engine answers by enum; an id that no enum leads to is not supported.
    simgpu::Answer<simgpu::GpuInstanceProfileInfo> answer;
    for (unsigned profile = 0; profile < abi::kGpuInstanceProfiles; ++profile) {
      answer = profile_info(d, of, profile);
      if (answer.ok() && answer.value.id == id) return answer;
      if (!answer.ok() && answer.code != simgpu::Return::NotSupported) return answer;
    }
    return decltype(answer){simgpu::Return::NotSupported, {}, answer.latency_ms};
  });
}
KERF_NVML nvmlDeviceGetGpuInstancePossiblePlacements_v2(abi::Device of, unsigned profile_id,
                                                        abi::Placement* placements,
                                                        unsigned* count) {
  if (count == nullptr) return abi::kInvalidArgument;
  return nvml::privileged_read(
      [&](Driver& d) { return d.possible_placements(device(of), profile_id); },
      [&](const std::vector<simgpu::Placement>& found) {
        // Without a buffer the length is the answer, not an error.
        if (placements == nullptr) {
          *count = static_cast<unsigned>(found.size());
          return abi::kSuccess;
        }
        return nvml::copy_list(found, placements, count,
                               [](const simgpu::Placement& p) { return placement(p); });
      });
}
KERF_NVML nvmlDeviceGetGpuInstancePossiblePlacements(abi::Device of, unsigned profile_id,
                                                     abi::Placement* placements, unsigned* count) {
  return nvmlDeviceGetGpuInstancePossiblePlacements_v2(of, profile_id, placements, count);
}
KERF_NVML nvmlDeviceGetGpuInstanceRemainingCapacity(abi::Device of, unsigned profile_id,
                                                    unsigned* count) {
  if (count == nullptr) return abi::kInvalidArgument;
  return nvml::privileged_read(
      [&](Driver& d) { return d.remaining_capacity(device(of), profile_id); },
      [&](int left) { *count = known(left); });
}
KERF_NVML nvmlDeviceCreateGpuInstance(abi::Device of, unsigned profile_id, abi::GpuInstance* made) {
  if (made == nullptr) return abi::kInvalidArgument;
  return nvml::change(
      [&](Driver& d) { return d.create_gpu_instance(device(of), profile_id, nvml::caller()); },
      [&](simgpu::GpuInstance i) { *made = handle(i); });
}
KERF_NVML nvmlDeviceCreateGpuInstanceWithPlacement(abi::Device of, unsigned profile_id,
                                                   const abi::Placement* at,
                                                   abi::GpuInstance* made) {
  if (at == nullptr || made == nullptr) return abi::kInvalidArgument;
  return nvml::change(
      [&](Driver& d) {
        return d.create_gpu_instance_with_placement(device(of), profile_id, placement(*at),
                                                    nvml::caller());
      },
      [&](simgpu::GpuInstance i) { *made = handle(i); });
}
KERF_NVML nvmlGpuInstanceDestroy(abi::GpuInstance of) {
  return nvml::change(
      [&](Driver& d) { return d.destroy_gpu_instance(instance(of), nvml::caller()); },
      nvml::nothing());
}
KERF_NVML nvmlDeviceGetGpuInstances(abi::Device of, unsigned profile_id, abi::GpuInstance* found,
                                    unsigned* count) {
  if (found == nullptr || count == nullptr) return abi::kInvalidArgument;
  return nvml::privileged_read(
      [&](Driver& d) { return d.gpu_instances(device(of), profile_id); },
      [&](const std::vector<simgpu::GpuInstance>& list) { return whole_list(list, found, count); });
}
KERF_NVML nvmlDeviceGetGpuInstanceById(abi::Device of, unsigned id, abi::GpuInstance* found) {
  if (found == nullptr) return abi::kInvalidArgument;
  return nvml::privileged_read([&](Driver& d) { return d.gpu_instance_by_id(device(of), id); },
                               [&](simgpu::GpuInstance i) { *found = handle(i); });
}
KERF_NVML nvmlGpuInstanceGetInfo(abi::GpuInstance of, abi::GpuInstanceInfo* info) {
  if (info == nullptr) return abi::kInvalidArgument;
  return nvml::read(
      [&](Driver& d) { return d.gpu_instance_info(instance(of)); },
      [&](const simgpu::GpuInstanceInfo& from) {
        *info = {device(from.device), from.id, from.profile_id, placement(from.placement)};
      });
}

// --- Compute instances ---------------------------------------------------------------------------

KERF_NVML nvmlGpuInstanceGetComputeInstanceProfileInfo(abi::GpuInstance of, unsigned profile,
                                                       unsigned engines,
                                                       abi::ComputeInstanceProfileInfo* info) {
  if (info == nullptr) return abi::kInvalidArgument;
  return compute_profile(of, profile, engines, [&](const simgpu::ComputeInstanceProfileInfo& from) {
    *info = {};
    fill_compute_profile(from, *info);
  });
}
KERF_NVML nvmlGpuInstanceGetComputeInstanceProfileInfoV(abi::GpuInstance of, unsigned profile,
                                                        unsigned engines, void* info) {
  if (info == nullptr) return abi::kInvalidArgument;
  unsigned version = 0;
  std::memcpy(&version, info, sizeof version);
  const bool third = version == abi::struct_version<abi::ComputeInstanceProfileInfo_v3>(3);
  if (!third && version != abi::struct_version<abi::ComputeInstanceProfileInfo_v2>(2))
    return abi::kArgumentVersionMismatch;
  return compute_profile(of, profile, engines, [&](const simgpu::ComputeInstanceProfileInfo& from) {
    const auto fill = [&](auto& to) {
      fill_compute_profile(from, to);
      return nvml::copy_text(from.name, to.name, sizeof to.name);
    };
    if (!third) return fill(*static_cast<abi::ComputeInstanceProfileInfo_v2*>(info));
    auto& to = *static_cast<abi::ComputeInstanceProfileInfo_v3*>(info);
    to.capabilities = has_graphics(from.name) ? 1U : 0U;
    return fill(to);
  });
}
KERF_NVML nvmlGpuInstanceGetComputeInstancePossiblePlacements(abi::GpuInstance of,
                                                              unsigned profile_id,
                                                              abi::Placement* placements,
                                                              unsigned* count) {
  if (count == nullptr) return abi::kInvalidArgument;
  return nvml::privileged_read(
      [&](Driver& d) { return d.compute_instance_possible_placements(instance(of), profile_id); },
      [&](const std::vector<simgpu::Placement>& found) {
        if (placements == nullptr) {
          *count = static_cast<unsigned>(found.size());
          return abi::kSuccess;
        }
        return nvml::copy_list(found, placements, count,
                               [](const simgpu::Placement& p) { return placement(p); });
      });
}
KERF_NVML nvmlGpuInstanceGetComputeInstanceRemainingCapacity(abi::GpuInstance of,
                                                             unsigned profile_id, unsigned* count) {
  if (count == nullptr) return abi::kInvalidArgument;
  return nvml::privileged_read(
      [&](Driver& d) { return d.compute_instance_remaining_capacity(instance(of), profile_id); },
      [&](int left) { *count = known(left); });
}
KERF_NVML nvmlGpuInstanceCreateComputeInstance(abi::GpuInstance of, unsigned profile_id,
                                               abi::ComputeInstance* made) {
  if (made == nullptr) return abi::kInvalidArgument;
  return nvml::change(
      [&](Driver& d) {
        return d.create_compute_instance(instance(of), profile_id, nvml::caller());
      },
      [&](simgpu::ComputeInstance i) { *made = handle(i); });
}
KERF_NVML nvmlGpuInstanceCreateComputeInstanceWithPlacement(abi::GpuInstance of,
                                                            unsigned profile_id,
                                                            const abi::Placement* at,
                                                            abi::ComputeInstance* made) {
  if (at == nullptr || made == nullptr) return abi::kInvalidArgument;
  return nvml::change(
      [&](Driver& d) {
        return d.create_compute_instance_with_placement(instance(of), profile_id, placement(*at),
                                                        nvml::caller());
      },
      [&](simgpu::ComputeInstance i) { *made = handle(i); });
}
KERF_NVML nvmlComputeInstanceDestroy(abi::ComputeInstance of) {
  return nvml::change(
      [&](Driver& d) { return d.destroy_compute_instance(instance(of), nvml::caller()); },
      nvml::nothing());
}
KERF_NVML nvmlGpuInstanceGetComputeInstances(abi::GpuInstance of, unsigned profile_id,
                                             abi::ComputeInstance* found, unsigned* count) {
  if (found == nullptr || count == nullptr) return abi::kInvalidArgument;
  return nvml::privileged_read(
      [&](Driver& d) { return d.compute_instances(instance(of), profile_id); },
      [&](const std::vector<simgpu::ComputeInstance>& list) {
        return whole_list(list, found, count);
      });
}
KERF_NVML nvmlGpuInstanceGetComputeInstanceById(abi::GpuInstance of, unsigned id,
                                                abi::ComputeInstance* found) {
  if (found == nullptr) return abi::kInvalidArgument;
  return nvml::privileged_read(
      [&](Driver& d) { return d.compute_instance_by_id(instance(of), id); },
      [&](simgpu::ComputeInstance i) { *found = handle(i); });
}
KERF_NVML nvmlComputeInstanceGetInfo_v2(abi::ComputeInstance of, abi::ComputeInstanceInfo* info) {
  if (info == nullptr) return abi::kInvalidArgument;
  return nvml::read([&](Driver& d) { return d.compute_instance_info(instance(of)); },
                    [&](const simgpu::ComputeInstanceInfo& from) {
                      *info = {device(from.device), handle(from.gpu_instance), from.id,
                               from.profile_id, placement(from.placement)};
                    });
}
KERF_NVML nvmlComputeInstanceGetInfo(abi::ComputeInstance of, abi::ComputeInstanceInfo_v1* info) {
  if (info == nullptr) return abi::kInvalidArgument;
  abi::ComputeInstanceInfo whole;
  const abi::Return code = nvmlComputeInstanceGetInfo_v2(of, &whole);
  if (code == abi::kSuccess) *info = {whole.device, whole.gpu_instance, whole.id, whole.profile_id};
  return code;
}

// --- MIG devices ---------------------------------------------------------------------------------

KERF_NVML nvmlDeviceIsMigDeviceHandle(abi::Device of, unsigned* is) {
  if (is == nullptr) return abi::kInvalidArgument;
  return nvml::read([&](Driver& d) { return d.is_mig_device(device(of)); },
                    [&](bool mig) { *is = mig ? 1U : 0U; });
}
KERF_NVML nvmlDeviceGetMaxMigDeviceCount(abi::Device of, unsigned* count) {
  if (count == nullptr) return abi::kInvalidArgument;
  return nvml::read([&](Driver& d) { return d.max_mig_device_count(device(of)); },
                    [&](int most) { *count = known(most); });
}
KERF_NVML nvmlDeviceGetMigDeviceHandleByIndex(abi::Device of, unsigned index, abi::Device* found) {
  if (found == nullptr || index > 0x7fffffffU) return abi::kInvalidArgument;
  return nvml::read(
      [&](Driver& d) { return d.mig_device_by_index(device(of), static_cast<int>(index)); },
      [&](simgpu::Device handle) { *found = device(handle); });
}
KERF_NVML nvmlDeviceGetDeviceHandleFromMigDeviceHandle(abi::Device of, abi::Device* parent) {
  if (parent == nullptr) return abi::kInvalidArgument;
  return nvml::read([&](Driver& d) { return d.parent_of(device(of)); },
                    [&](simgpu::Device handle) { *parent = device(handle); });
}
KERF_NVML nvmlDeviceGetGpuInstanceId(abi::Device of, unsigned* id) {
  if (id == nullptr) return abi::kInvalidArgument;
  return nvml::read([&](Driver& d) { return d.gpu_instance_id(device(of)); },
                    [&](std::uint32_t found) { *id = found; });
}
KERF_NVML nvmlDeviceGetComputeInstanceId(abi::Device of, unsigned* id) {
  if (id == nullptr) return abi::kInvalidArgument;
  return nvml::read([&](Driver& d) { return d.compute_instance_id(device(of)); },
                    [&](std::uint32_t found) { *id = found; });
}
KERF_NVML nvmlDeviceGetAttributes_v2(abi::Device of, abi::DeviceAttributes* attributes) {
  if (attributes == nullptr) return abi::kInvalidArgument;
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
