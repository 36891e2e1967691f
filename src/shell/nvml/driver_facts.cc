// Driver: what of the node does not change while its driver is loaded, and the use of memory.
#include <algorithm>
#include <charconv>
#include <fstream>

#include "shell/nvml/driver.h"

namespace kerf::nvml {
namespace {

constexpr std::size_t kSysMax = 256;  ///< of a file of /sys that is read

/// The first line of a small file; "" if it cannot be read.
std::string line_of(const std::string& path) {
  std::ifstream file(path);
  std::string text(kSysMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  text.resize(std::min(text.size(), text.find('\n')));
  return text;
}

/// "00000000:17:00.0", as NVML has it, is "0000:17:00.0" to the kernel.
std::string kernel_address(std::string bus_id) {
  constexpr std::size_t kDomain = 8;
  if (bus_id.find(':') == kDomain && bus_id.starts_with("0000")) bus_id.erase(0, 4);
  for (char& c : bus_id)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return bus_id;
}

std::optional<std::uint32_t> class_of(const std::string& sys, const std::string& bus_id) {
  const std::string address = kernel_address(bus_id);
  if (address.find_first_not_of("0123456789abcdef:.") != std::string::npos) return std::nullopt;
  const std::string text = line_of(sys + "/bus/pci/devices/" + address + "/class");
  std::uint32_t value = 0;
  if (!text.starts_with("0x")) return std::nullopt;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + 2, end, value, 16);
  return error == std::errc() && rest == end ? std::optional(value) : std::nullopt;
}

std::int16_t engine(std::uint32_t told) {
  return static_cast<std::int16_t>(std::min(told, 0x7fffU));
}

agent::ProfileFacts facts_of(const GpuProfile& told) {
  agent::ProfileFacts facts;
  facts.form = told.name;
  facts.memory_mib = static_cast<std::int64_t>(told.memory_mib);
  facts.multiprocessors = told.multiprocessors;
  facts.slices = told.compute_slices;
  facts.engines = {engine(told.copy_engines), engine(told.decoders), engine(told.encoders),
                   engine(told.jpeg), engine(told.ofa)};
  return facts;
}

agent::ProfileFacts facts_of(const agent::InventoryProfile& known) {
  return {known.name, known.memory_mib, known.multiprocessors, known.compute_slices, known.engines};
}

}  // namespace

std::vector<agent::ProfileFacts> Driver::profile_facts(Device device, const std::string& uuid,
                                                       const gpu::Model* model) {
  std::vector<agent::ProfileFacts> facts;
  const std::vector<agent::InventoryProfile> table =
      model == nullptr ? std::vector<agent::InventoryProfile>() : agent::profiles_of(*model);
  Kinds* kinds = nullptr;
  if (learn(device, uuid, kinds) == Code::Success)
    for (const GpuProfile& told : kinds->gpu) {
      facts.push_back(facts_of(told));
      const auto known = std::ranges::find(table, told.id, &agent::InventoryProfile::id);
      if (known != table.end()) facts.back().form = known->name;
    }
  // An old driver tells nothing while MIG is off.
  if (facts.empty())
    for (const agent::InventoryProfile& known : table) facts.push_back(facts_of(known));
  return facts;
}

Result<agent::NodeFacts> Driver::facts(const std::string& sys) {
  if (!started()) KERF_CHECK_OK(start());
  agent::NodeFacts facts;
  facts.driver_version = session_->driver_version().value;
  facts.cuda_version = session_->cuda_number().value;
  facts.machine = line_of(sys + "/class/dmi/id/product_name");
  for (std::uint32_t i = 0; i < roster_.size(); ++i) {
    const auto found = device(i);
    if (!found.ok()) continue;
    const auto name = session_->name(found.value);
    if (!name.ok()) continue;
    agent::GpuFacts& gpu = facts.gpus.emplace_back();
    gpu.uuid = roster_[i].seen.uuid;
    gpu.product = name.value;
    gpu.memory_mib = static_cast<std::int64_t>(session_->memory(found.value).value.total_mib);
    const ComputeCapability compute = session_->compute_capability(found.value).value;
    gpu.compute_major = compute.major;
    gpu.compute_minor = compute.minor;
    gpu.mig_capable = session_->mig_mode(found.value).ok();
    gpu.pci_class = class_of(sys, session_->pci_bus_id(found.value).value);
    gpu.clique = session_->clique(found.value).value;
    facts.vgpu = facts.vgpu || session_->is_vgpu(found.value).value;
    if (gpu.mig_capable)
      gpu.profiles =
          profile_facts(found.value, gpu.uuid, agent::model_of_product(catalogue_, gpu.product));
  }
  return facts;
}

std::vector<Driver::MemoryFacts> Driver::memory() {
  std::vector<MemoryFacts> all;
  for (std::uint32_t i = 0; i < roster_.size(); ++i) {
    const agent::SeenGpu seen = roster_[i].seen;
    if (seen.lost) continue;
    const auto found = device(i);
    if (!found.ok()) continue;
    const auto add = [&](std::uint32_t gi, Device of) {
      if (const auto use = session_->memory(of); use.ok())
        all.push_back({seen.uuid, gi, use.value.total_mib, use.value.used_mib});
    };
    if (!seen.mode) add(agent::kNoInstance, found.value);
    for (const agent::SeenInstance& instance : seen.instances) {
      if (instance.computes.empty()) continue;
      const auto gi = session_->gpu_instance(found.value, instance.gi);
      if (!gi.ok()) continue;
      const auto compute = session_->compute(gi.value, instance.computes.front().id);
      if (!compute.ok()) continue;
      if (const auto info = session_->info(compute.value); info.ok())
        add(instance.gi, info.value.device);
    }
  }
  return all;
}

}  // namespace kerf::nvml
