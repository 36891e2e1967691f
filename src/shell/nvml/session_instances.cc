// Session: profiles and placements, GPU instances and compute instances.
#include <algorithm>
#include <array>

#include "shell/nvml/session.h"
#include "shell/nvml/session_parts.h"

namespace kerf::nvml {
namespace {

/// NVML's placement, if it can be one.
bool placement_of(const nvmlabi::Placement& raw, Placement& out) {
  if (!fits<std::uint8_t>(raw.start) || !fits<std::uint8_t>(raw.size)) return false;
  out = {static_cast<std::uint8_t>(raw.start), static_cast<std::uint8_t>(raw.size)};
  return true;
}

/// nvidia-smi prints "MIG 1g.5gb" where the profile is "1g.5gb".
std::string profile_name(std::string name) {
  constexpr std::string_view kPrefix = "MIG ";
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  return name;
}

/// What all versions of the struct have.
template <class Info>
Code profile_of(const Info& raw, std::string name, GpuProfile& out) {
  if (!fits<std::uint16_t>(raw.id)) return Code::Unknown;
  out.id = static_cast<std::uint16_t>(raw.id);
  out.name = profile_name(std::move(name));
  out.compute_slices = raw.slice_count;
  out.max_instances = raw.instance_count;
  out.multiprocessors = raw.multiprocessor_count;
  out.copy_engines = raw.copy_engine_count;
  out.decoders = raw.decoder_count;
  out.encoders = raw.encoder_count;
  out.jpeg = raw.jpeg_count;
  out.ofa = raw.ofa_count;
  out.memory_mib = raw.memory_size_mib;
  return Code::Success;
}

/// Says that this driver does not know the struct's version. Some answer INVALID_ARGUMENT, which
/// past the last enum means something else; the older version then gives the same answer again.
bool is_too_new(Code code) {
  return code == Code::ArgumentVersionMismatch || code == Code::FunctionNotFound ||
         code == Code::InvalidArgument;
}

}  // namespace

template <class Info>
Code Session::versioned_profile(Device gpu, std::uint32_t enumerator, unsigned version,
                                GpuProfile& out) {
  Info raw{};
  raw.version = nvmlabi::struct_version<Info>(version);
  const Code code = note(call_.device_get_gpu_instance_profile_info_v(gpu.raw, enumerator, &raw));
  return code == Code::Success ? profile_of(raw, text_of(raw.name), out) : code;
}

Code Session::plain_profile(Device gpu, std::uint32_t enumerator, GpuProfile& out) {
  nvmlabi::GpuInstanceProfileInfo raw{};
  const Code code = note(call_.device_get_gpu_instance_profile_info(gpu.raw, enumerator, &raw));
  return code == Code::Success ? profile_of(raw, "", out) : code;
}

Answer<GpuProfile> Session::gpu_profile(Device gpu, std::uint32_t enumerator) {
  if (const auto refused = refuse(gpu)) return {*refused, {}};
  Answer<GpuProfile> answer;
  const auto ask = [&](unsigned version) {
    switch (version) {
      case 3:
        return versioned_profile<nvmlabi::GpuInstanceProfileInfo_v3>(gpu, enumerator, 3,
                                                                     answer.value);
      case 2:
        return versioned_profile<nvmlabi::GpuInstanceProfileInfo_v2>(gpu, enumerator, 2,
                                                                     answer.value);
      default: return plain_profile(gpu, enumerator, answer.value);
    }
  };
  for (unsigned version = profile_version_; version >= 1; --version) {
    answer.code = ask(version);
    if (is_too_new(answer.code)) continue;
    // The first enum settles which version this driver knows; what it says of others is no sign.
    if (answer.ok()) profile_version_ = version;
    break;
  }
  if (!answer.ok()) answer.value = {};
  return answer;
}

Answer<std::vector<Placement>> Session::placements(Device gpu, std::uint16_t profile) {
  if (const auto code = refuse(gpu)) return {*code, {}};
  unsigned count = 0;
  Code code =
      note(call_.device_get_gpu_instance_possible_placements_v2(gpu.raw, profile, nullptr, &count));
  if (code != Code::Success && code != Code::InsufficientSize) return {code, {}};
  if (count > kListMax) return {Code::Unknown, {}};
  if (count == 0) return {Code::Success, {}};
  std::array<nvmlabi::Placement, kListMax> buffer{};
  code = note(call_.device_get_gpu_instance_possible_placements_v2(gpu.raw, profile, buffer.data(),
                                                                   &count));
  if (code != Code::Success) return {code, {}};
  if (count > kListMax) return {Code::Unknown, {}};
  std::vector<Placement> found(count);
  for (unsigned i = 0; i < count; ++i)
    if (!placement_of(buffer[i], found[i])) return {Code::Unknown, {}};
  return {Code::Success, std::move(found)};
}

Answer<GpuInstance> Session::create(Device gpu, std::uint16_t profile, Placement at) {
  if (const auto code = refuse(gpu)) return {*code, {}};
  const nvmlabi::Placement placement{at.start, at.size};
  nvmlabi::GpuInstance raw = nullptr;
  const Code code =
      note(call_.device_create_gpu_instance_with_placement(gpu.raw, profile, &placement, &raw));
  if (code != Code::Success) return {code, {}};
  return {raw == nullptr ? Code::Unknown : code, stamp(raw)};
}

Answer<std::vector<GpuInstance>> Session::gpu_instances(Device gpu, std::uint16_t profile) {
  if (const auto code = refuse(gpu)) return {*code, {}};
  std::array<nvmlabi::GpuInstance, kListMax> buffer{};
  unsigned count = kListMax;
  const Code code = note(call_.device_get_gpu_instances(gpu.raw, profile, buffer.data(), &count));
  if (code != Code::Success) return {code, {}};
  if (count > kListMax) return {Code::Unknown, {}};
  std::vector<GpuInstance> found;
  for (unsigned i = 0; i < count; ++i) {
    if (buffer[i] == nullptr) return {Code::Unknown, {}};
    found.push_back(stamp(buffer[i]));
  }
  return {code, std::move(found)};
}

Answer<GpuInstance> Session::gpu_instance(Device gpu, std::uint32_t id) {
  if (const auto code = refuse(gpu)) return {*code, {}};
  nvmlabi::GpuInstance raw = nullptr;
  const Code code = note(call_.device_get_gpu_instance_by_id(gpu.raw, id, &raw));
  if (code != Code::Success) return {code, {}};
  return {raw == nullptr ? Code::Unknown : code, stamp(raw)};
}

Answer<GpuInstanceInfo> Session::info(GpuInstance instance) {
  if (const auto code = refuse(instance)) return {*code, {}};
  nvmlabi::GpuInstanceInfo raw{};
  const Code code = note(call_.gpu_instance_get_info(instance.raw, &raw));
  if (code != Code::Success) return {code, {}};
  GpuInstanceInfo info;
  if (!fits<std::uint16_t>(raw.profile_id) || !placement_of(raw.placement, info.placement))
    return {Code::Unknown, {}};
  info.id = raw.id;
  info.profile = static_cast<std::uint16_t>(raw.profile_id);
  return {code, info};
}

Code Session::destroy(GpuInstance instance) {
  if (const auto code = refuse(instance)) return *code;
  return note(call_.gpu_instance_destroy(instance.raw));
}

Answer<ComputeProfile> Session::compute_profile(GpuInstance instance, std::uint32_t enumerator) {
  if (const auto code = refuse(instance)) return {*code, {}};
  nvmlabi::ComputeInstanceProfileInfo raw{};
  const Code code = note(call_.gpu_instance_get_compute_instance_profile_info(
      instance.raw, enumerator, nvmlabi::kEngineProfileShared, &raw));
  if (code != Code::Success) return {code, {}};
  if (!fits<std::uint8_t>(raw.slice_count)) return {Code::Unknown, {}};
  return {code, {raw.id, static_cast<std::uint8_t>(raw.slice_count), raw.instance_count}};
}

Answer<ComputeInstance> Session::create_compute(GpuInstance instance, std::uint32_t profile) {
  if (const auto code = refuse(instance)) return {*code, {}};
  nvmlabi::ComputeInstance raw = nullptr;
  const Code code = note(call_.gpu_instance_create_compute_instance(instance.raw, profile, &raw));
  if (code != Code::Success) return {code, {}};
  return {raw == nullptr ? Code::Unknown : code, stamp(raw)};
}

Answer<std::vector<ComputeInstance>> Session::computes(GpuInstance instance,
                                                       std::uint32_t profile) {
  if (const auto code = refuse(instance)) return {*code, {}};
  std::array<nvmlabi::ComputeInstance, kListMax> buffer{};
  unsigned count = kListMax;
  const Code code =
      note(call_.gpu_instance_get_compute_instances(instance.raw, profile, buffer.data(), &count));
  if (code != Code::Success) return {code, {}};
  if (count > kListMax) return {Code::Unknown, {}};
  std::vector<ComputeInstance> found;
  for (unsigned i = 0; i < count; ++i) {
    if (buffer[i] == nullptr) return {Code::Unknown, {}};
    found.push_back(stamp(buffer[i]));
  }
  return {code, std::move(found)};
}

Answer<ComputeInstance> Session::compute(GpuInstance instance, std::uint32_t id) {
  if (const auto code = refuse(instance)) return {*code, {}};
  nvmlabi::ComputeInstance raw = nullptr;
  const Code code = note(call_.gpu_instance_get_compute_instance_by_id(instance.raw, id, &raw));
  if (code != Code::Success) return {code, {}};
  return {raw == nullptr ? Code::Unknown : code, stamp(raw)};
}

Answer<ComputeInfo> Session::info(ComputeInstance compute) {
  if (const auto code = refuse(compute)) return {*code, {}};
  nvmlabi::ComputeInstanceInfo raw{};
  const Code code = note(call_.compute_instance_get_info_v2(compute.raw, &raw));
  if (code != Code::Success) return {code, {}};
  ComputeInfo info;
  if (!placement_of(raw.placement, info.placement)) return {Code::Unknown, {}};
  info.id = raw.id;
  info.profile = raw.profile_id;
  info.device = stamp(raw.device);
  return {code, info};
}

Code Session::destroy(ComputeInstance compute) {
  if (const auto code = refuse(compute)) return *code;
  return note(call_.compute_instance_destroy(compute.raw));
}

}  // namespace kerf::nvml
