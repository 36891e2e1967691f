// Driver: the inventory: everything that can be read, and which questions were not answered.
#include <algorithm>
#include <utility>

#include "shell/nvml/driver.h"
#include "shell/nvml/session_parts.h"

namespace kerf::nvml {
namespace {

using agent::FactFrom;
using agent::InventoryGpu;
using agent::InventoryInstance;
using agent::InventoryProfile;

/// Whether there is an answer; if not, the GPU's inventory says to which question.
template <class T>
bool answered(const Answer<T>& answer, const char* question, InventoryGpu& gpu) {
  if (!answer.ok()) {
    const agent::Unanswered one{question, answer.code};
    if (std::ranges::find(gpu.unanswered, one) == gpu.unanswered.end())
      gpu.unanswered.push_back(one);
  }
  if (is_lost(answer.code)) gpu.lost = true;
  return answer.ok();
}

std::int16_t engines(std::uint32_t count) {
  return fits<std::uint8_t>(count) ? static_cast<std::int16_t>(count) : std::int16_t{-1};
}

InventoryProfile profile_of(const GpuProfile& raw) {
  InventoryProfile profile;
  profile.id = raw.id;
  profile.name = raw.name;
  profile.compute_slices = raw.compute_slices;
  profile.max_instances = raw.max_instances;
  profile.multiprocessors = raw.multiprocessors;
  profile.engines = {engines(raw.copy_engines), engines(raw.decoders), engines(raw.encoders),
                     engines(raw.jpeg), engines(raw.ofa)};
  profile.memory_mib = static_cast<std::int64_t>(raw.memory_mib & 0x7fffffff);
  return profile;
}

agent::InventoryProcess process_of(const RunningProcess& raw) {
  agent::InventoryProcess process{raw.pid, raw.ci, std::nullopt, raw.gi};
  if (raw.used_mib) process.used_mib = static_cast<std::int64_t>(*raw.used_mib);
  return process;
}

const InventoryProfile* known_profile(const InventoryGpu& gpu, std::uint16_t id) {
  const auto found = std::ranges::find(gpu.profiles, id, &InventoryProfile::id);
  return found == gpu.profiles.end() ? nullptr : &*found;
}

}  // namespace

Result<agent::Inventory> Driver::inventory() {
  KERF_CHECK_OK(start());
  agent::Inventory inventory;
  inventory.driver_version = session_->driver_version().value;
  inventory.nvml_version = session_->nvml_version().value;
  inventory.cuda_version = session_->cuda_version().value;
  for (std::uint32_t i = 0; i < roster_.size(); ++i) inventory.gpus.push_back(describe(i));
  return inventory;
}

agent::InventoryGpu Driver::describe(std::uint32_t index) {
  InventoryGpu gpu;
  gpu.index = index;
  const auto found = device(index);
  gpu.uuid = roster_[index].seen.uuid;
  gpu.model = roster_[index].seen.model;
  if (!answered(found, "the GPU", gpu)) return gpu;
  describe_board(found.value, gpu);
  const auto mode = session_->mig_mode(found.value);
  if (mode.code == Code::NotSupported) {
    gpu.mig_capable = false;
  } else if (answered(mode, "MIG mode", gpu)) {
    gpu.mig_capable = true;
    gpu.mode = mode.value.current;
    gpu.mode_pending = mode.value.pending;
    describe_profiles(found.value, gpu);
    if (gpu.mode) describe_instances(found.value, gpu);
  }
  describe_processes(found.value, gpu);
  return gpu;
}

void Driver::describe_board(Device device, InventoryGpu& gpu) {
  if (const auto name = session_->name(device); answered(name, "product name", gpu)) {
    gpu.name = name.value;
    const gpu::Model* model = agent::model_of_product(catalogue_, gpu.name);
    gpu.model = model == nullptr ? "" : model->key;
  }
  if (const auto bus = session_->pci_bus_id(device); answered(bus, "PCI address", gpu))
    gpu.pci_bus_id = bus.value;
  if (const auto minor = session_->minor_number(device); answered(minor, "minor number", gpu))
    gpu.minor = minor.value;
  if (const auto memory = session_->memory(device); answered(memory, "memory", gpu)) {
    gpu.memory_mib = static_cast<std::int64_t>(memory.value.total_mib);
    gpu.used_mib = static_cast<std::int64_t>(memory.value.used_mib);
  }
}

void Driver::describe_profiles(Device device, InventoryGpu& gpu) {
  const gpu::Model* model = catalogue_.find(gpu.model);
  Kinds* kinds = nullptr;
  const Answer<int> learnt{learn(device, gpu.uuid, kinds), 0};
  if (answered(learnt, "profiles", gpu) && !kinds->gpu.empty()) {
    gpu.profiles_from = FactFrom::Driver;
    for (const GpuProfile& raw : kinds->gpu) gpu.profiles.push_back(profile_of(raw));
    describe_placements(device, model, gpu);
  } else if (model != nullptr && !model->profiles.empty()) {
    gpu.profiles_from = FactFrom::Table;
    gpu.profiles = agent::profiles_of(*model);
  }
}

void Driver::describe_placements(Device device, const gpu::Model* model, InventoryGpu& gpu) {
  const std::vector<InventoryProfile> table =
      model == nullptr ? std::vector<InventoryProfile>() : agent::profiles_of(*model);
  for (InventoryProfile& profile : gpu.profiles) {
    const auto told = session_->placements(device, profile.id);
    const auto known = std::ranges::find(table, profile.id, &InventoryProfile::id);
    if (profile.name.empty() && known != table.end()) profile.name = known->name;
    if (told.ok()) {
      for (const Placement& at : told.value) profile.placements.push_back({at.start, at.size});
      std::ranges::sort(profile.placements);
      profile.placements_from = FactFrom::Driver;
      continue;
    }
    answered(told, "placements", gpu);
    if (known == table.end()) continue;
    profile.placements = known->placements;
    profile.placements_from = known->placements_from;
  }
}

void Driver::describe_instances(Device device, InventoryGpu& gpu) {
  Kinds* kinds = nullptr;
  if (learn(device, gpu.uuid, kinds) != Code::Success) return;  // said with the profiles
  // While MIG is on there are some.
  const Answer<int> any{kinds->gpu.empty() ? Code::Unknown : Code::Success, 0};
  if (!answered(any, "profiles", gpu)) return;
  gpu.instances_known = true;
  for (const Asked& kind : kinds_to_list(*kinds, gpu.model)) {
    const auto list = list_of(device, kind);
    if (!answered(list, "GPU instances", gpu)) {
      gpu.instances_known = false;
      break;
    }
    for (const GpuInstance& instance : list.value) {
      const auto info = session_->info(instance);
      if (!answered(info, "a GPU instance", gpu) || gpu.instances.size() >= Session::kListMax) {
        gpu.instances_known = false;
        continue;
      }
      InventoryInstance one;
      one.gi = info.value.id;
      one.profile = info.value.profile;
      one.slots = {info.value.placement.start, info.value.placement.size};
      const InventoryProfile* known = known_profile(gpu, one.profile);
      if (known != nullptr) one.name = known->name;
      describe_computes(instance, *kinds, gpu, one);
      gpu.instances.push_back(std::move(one));
    }
  }
  std::ranges::sort(gpu.instances, {}, [](const InventoryInstance& one) {
    return std::pair(one.slots.start, one.gi);
  });
}

void Driver::describe_computes(GpuInstance instance, Kinds& kinds, InventoryGpu& gpu,
                               InventoryInstance& out) {
  out.computes_known = false;
  const std::vector<ComputeProfile>* profiles = nullptr;
  const Answer<int> learnt{learn_compute(instance, out.profile, kinds, profiles), 0};
  if (!answered(learnt, "kinds of compute instance", gpu)) return;
  bool all = true;
  for (const ComputeProfile& profile : *profiles) {
    const auto list = session_->computes(instance, profile.id);
    if (!answered(list, "compute instances", gpu)) {
      all = false;
      break;
    }
    for (const ComputeInstance& compute : list.value) {
      const auto info = session_->info(compute);
      if (!answered(info, "a compute instance", gpu) || out.computes.size() >= Session::kListMax) {
        all = false;
        continue;
      }
      agent::InventoryCompute one{info.value.id, profile.slices, "", 0};
      const Device mig = info.value.device;
      if (const auto uuid = session_->uuid(mig); answered(uuid, "UUID of a MIG device", gpu))
        one.uuid = uuid.value;
      const auto attributes = session_->attributes(mig);
      if (answered(attributes, "attributes of a MIG device", gpu))
        one.multiprocessors = attributes.value.multiprocessors;
      if (const auto memory = session_->memory(mig);
          answered(memory, "memory of a MIG device", gpu)) {
        out.memory_mib = static_cast<std::int64_t>(memory.value.total_mib);
        out.used_mib = static_cast<std::int64_t>(memory.value.used_mib);
      }
      out.computes.push_back(std::move(one));
    }
  }
  out.computes_known = all;
  if (!all) out.computes.clear();
  std::ranges::sort(out.computes, {}, &agent::InventoryCompute::id);
}

void Driver::describe_processes(Device device, InventoryGpu& gpu) {
  const auto list = session_->processes(device);
  if (!answered(list, "processes", gpu)) return;
  for (const RunningProcess& process : list.value) {
    const auto home = process.gi == agent::kNoInstance
                          ? gpu.instances.end()
                          : std::ranges::find(gpu.instances, process.gi, &InventoryInstance::gi);
    auto& processes = home == gpu.instances.end() ? gpu.processes : home->processes;
    processes.push_back(process_of(process));
  }
}

}  // namespace kerf::nvml
