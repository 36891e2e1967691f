// Driver: what a Look sees: modes and instances, listed by profile, never by MIG handles.
#include <algorithm>

#include "shell/nvml/driver.h"
#include "shell/nvml/kinds.h"

namespace kerf::nvml {

agent::Looked Driver::look() {
  agent::Looked looked;
  looked.code = renew_if_due();
  if (looked.code != Code::Success) return looked;
  for (std::uint32_t i = 0; i < roster_.size(); ++i) {
    agent::SeenGpu seen;
    const Code code = see(i, seen);
    if (code == Code::Success) {
      seen.lost = false;
      roster_[i].fell = false;
      roster_[i].named = !seen.model.empty();
      roster_[i].seen = std::move(seen);
    } else if (is_lost(code)) {
      roster_[i].seen.lost = true;  // the rest is as last seen
    } else {
      looked.code = code;
      return looked;
    }
  }
  join_links();
  for (const Member& member : roster_) looked.gpus.push_back(member.seen);
  return looked;
}

Code Driver::see(std::uint32_t gpu, agent::SeenGpu& seen) {
  const auto found = device(gpu);
  if (!found.ok()) return found.code;
  seen = roster_[gpu].seen;  // after device(), which may have learnt its UUID
  see_links(found.value, roster_[gpu]);
  if (!roster_[gpu].named) seen.model = model_of(found.value);
  seen.instances.clear();
  auto mode = session_->mig_mode(found.value);
  if (mode.code == Code::NotSupported) {
    // A GPU does not lose MIG; and what one call says may be a failure of that call.
    if (seen.mig_capable) return mode.code;
    mode = session_->mig_mode(found.value);
  }
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
  const Code code = for_each_kind(
      [&](std::uint32_t enumerator) { return session_->gpu_profile(device, enumerator); },
      [&](GpuProfile profile) {
        if (std::ranges::find(fresh.gpu, profile.id, &GpuProfile::id) == fresh.gpu.end())
          fresh.gpu.push_back(std::move(profile));
        return true;
      });
  if (code != Code::Success) return code;
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
  const Code code = for_each_kind(
      [&](std::uint32_t enumerator) { return session_->compute_profile(instance, enumerator); },
      [&](const ComputeProfile& compute) {
        if (std::ranges::find(fresh, compute.id, &ComputeProfile::id) == fresh.end())
          fresh.push_back(compute);
        return true;
      });
  if (code != Code::Success) return code;
  // An instance that stands can have a compute instance: no kind at all makes no sense.
  if (fresh.empty()) return Code::Unknown;
  out = &(kinds.compute[profile] = std::move(fresh));
  return Code::Success;
}

std::vector<Driver::Asked> Driver::kinds_to_list(const Kinds& kinds,
                                                 const std::string& model) const {
  std::vector<Asked> asked;
  for (const GpuProfile& profile : kinds.gpu) asked.push_back({profile.id, true});
  const gpu::Model* table = catalogue_.find(model);
  if (table == nullptr) return asked;
  for (const agent::InventoryProfile& profile : agent::profiles_of(*table))
    if (std::ranges::find(asked, profile.id, &Asked::id) == asked.end())
      asked.push_back({profile.id, false});
  return asked;
}

Answer<std::vector<GpuInstance>> Driver::list_of(Device device, const Asked& kind) {
  auto list = session_->gpu_instances(device, kind.id);
  // The driver has no such kind, as it said.
  if (!kind.told && (list.code == Code::NotSupported || list.code == Code::InvalidArgument))
    list = {};
  return list;
}

Code Driver::see_instances(Device device, agent::SeenGpu& seen) {
  Kinds* kinds = nullptr;
  if (const Code code = learn(device, seen.uuid, kinds); code != Code::Success) return code;
  if (kinds->gpu.empty()) return Code::Unknown;  // while MIG is on there are some
  for (const Asked& kind : kinds_to_list(*kinds, seen.model)) {
    const auto list = list_of(device, kind);
    if (!list.ok()) return list.code;
    if (list.value.size() + seen.instances.size() > Session::kListMax) return Code::Unknown;
    for (const GpuInstance& instance : list.value) {
      const auto info = session_->info(instance);
      // NOT_FOUND too: if somebody else has just destroyed it, the next Look sees that.
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
