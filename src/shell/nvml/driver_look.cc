// Driver: what a Look sees: modes and instances, listed by profile, never by MIG handles.
#include <algorithm>

#include "shell/nvml/driver.h"

namespace kerf::nvml {

agent::Looked Driver::look() {
  agent::Looked looked;
  looked.code = renew_if_due();
  if (looked.code != Code::Success) return looked;
  for (std::uint32_t i = 0; i < roster_.size(); ++i) {
    agent::SeenGpu seen = roster_[i].seen;
    const Code code = see(i, seen);
    if (code == Code::Success) {
      seen.lost = false;
      roster_[i].fell = false;
      roster_[i].seen = std::move(seen);
    } else if (is_lost(code)) {
      roster_[i].seen.lost = true;  // the rest is as last seen
    } else {
      looked.code = code;
      looked.gpus.clear();
      return looked;
    }
    looked.gpus.push_back(roster_[i].seen);
  }
  return looked;
}

Code Driver::see(std::uint32_t gpu, agent::SeenGpu& seen) {
  const auto found = device(gpu);
  if (!found.ok()) return found.code;
  if (!roster_[gpu].named) {
    seen.model = model_of(found.value);
    roster_[gpu].named = !seen.model.empty();
  }
  seen.instances.clear();
  const auto mode = session_->mig_mode(found.value);
  seen.mig_capable = mode.code != Code::NotSupported;
  seen.mode = mode.value.current;
  seen.mode_pending = mode.value.pending;
  if (!seen.mig_capable) return Code::Success;
  if (!mode.ok()) return mode.code;
  return seen.mode ? see_instances(found.value, seen) : Code::Success;
}

std::string Driver::model_of(Device device) {
  const auto name = session_->name(device);
  const gpu::Model* model = name.ok() ? agent::model_of_product(catalogue_, name.value) : nullptr;
  return model == nullptr ? "" : model->key;
}

Code Driver::learn(Device device, const std::string& uuid, Kinds*& kinds) {
  if (kinds_generation_ != session_->generation()) kinds_.clear();
  kinds_generation_ = session_->generation();
  // None at all is what an old driver says while MIG is off, so it is asked again then.
  if (const auto known = kinds_.find(uuid); known != kinds_.end() && !known->second.gpu.empty()) {
    kinds = &known->second;
    return Code::Success;
  }
  Kinds fresh;
  for (std::uint32_t i = 0; i < Session::kProfileEnums; ++i) {
    auto profile = session_->gpu_profile(device, i);
    if (profile.code == Code::InvalidArgument) break;  // past the last one
    if (profile.code == Code::NotSupported) continue;
    if (!profile.ok()) return profile.code;
    if (std::ranges::find(fresh.gpu, profile.value.id, &GpuProfile::id) == fresh.gpu.end())
      fresh.gpu.push_back(std::move(profile.value));
  }
  kinds = &(kinds_[uuid] = std::move(fresh));
  return Code::Success;
}

Code Driver::learn_compute(GpuInstance instance, std::uint16_t profile, Kinds& kinds,
                           const std::vector<ComputeProfile>*& out) {
  const auto known = kinds.compute.find(profile);
  if (known != kinds.compute.end()) {
    out = &known->second;
    return Code::Success;
  }
  std::vector<ComputeProfile> fresh;
  for (std::uint32_t i = 0; i < Session::kProfileEnums; ++i) {
    const auto compute = session_->compute_profile(instance, i);
    if (compute.code == Code::InvalidArgument) break;
    if (compute.code == Code::NotSupported) continue;
    if (!compute.ok()) return compute.code;
    if (std::ranges::find(fresh, compute.value.id, &ComputeProfile::id) == fresh.end())
      fresh.push_back(compute.value);
  }
  out = &(kinds.compute[profile] = std::move(fresh));
  return Code::Success;
}

Code Driver::see_instances(Device device, agent::SeenGpu& seen) {
  Kinds* kinds = nullptr;
  if (const Code code = learn(device, seen.uuid, kinds); code != Code::Success) return code;
  for (const GpuProfile& profile : kinds->gpu) {
    const auto list = session_->gpu_instances(device, profile.id);
    if (!list.ok()) return list.code;
    if (list.value.size() + seen.instances.size() > Session::kListMax) return Code::Unknown;
    for (const GpuInstance& instance : list.value) {
      const auto info = session_->info(instance);
      // It was destroyed by somebody else just now.
      if (info.code == Code::NotFound) continue;
      if (!info.ok()) return info.code;
      agent::SeenInstance one;
      one.gi = info.value.id;
      one.profile = info.value.profile;
      one.start = info.value.placement.start;
      one.size = info.value.placement.size;
      const Code code = see_computes(instance, *kinds, one);
      if (code != Code::Success) return code;
      seen.instances.push_back(std::move(one));
    }
  }
  std::ranges::sort(seen.instances, {},
                    [](const agent::SeenInstance& one) { return std::pair(one.start, one.gi); });
  return Code::Success;
}

Code Driver::see_computes(GpuInstance instance, Kinds& kinds, agent::SeenInstance& seen) {
  const std::vector<ComputeProfile>* profiles = nullptr;
  const Code learnt = learn_compute(instance, seen.profile, kinds, profiles);
  if (learnt != Code::Success) return learnt;
  for (const ComputeProfile& profile : *profiles) {
    const auto list = session_->computes(instance, profile.id);
    if (!list.ok()) return list.code;
    if (list.value.size() + seen.computes.size() > Session::kListMax) return Code::Unknown;
    for (const ComputeInstance& compute : list.value) {
      const auto info = session_->info(compute);
      if (info.code == Code::NotFound) continue;
      if (!info.ok()) return info.code;
      const auto uuid = session_->uuid(info.value.device);
      if (!uuid.ok()) return uuid.code;
      seen.computes.push_back({info.value.id, profile.slices, uuid.value});
    }
  }
  std::ranges::sort(seen.computes, {}, &agent::SeenCompute::id);
  return Code::Success;
}

}  // namespace kerf::nvml
