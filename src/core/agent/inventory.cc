// Inventory: what follows from it without asking the driver.
#include "core/agent/inventory.h"

#include <algorithm>

namespace kerf::agent {

const gpu::Model* model_of_product(const gpu::Catalogue& catalogue, const std::string& name) {
  std::string label = name;
  std::replace(label.begin(), label.end(), ' ', '-');
  for (const gpu::Model& model : catalogue.models)
    if (std::ranges::find(model.labels, label) != model.labels.end()) return &model;
  return nullptr;
}

std::vector<InventoryProfile> profiles_of(const gpu::Model& model) {
  std::vector<InventoryProfile> profiles;
  for (const gpu::Profile& known : model.profiles) {
    if (known.id == gpu::Profile::kUnknownId) continue;
    InventoryProfile profile;
    profile.id = known.id;
    profile.name = known.name;
    profile.compute_slices = known.compute_slices;
    profile.max_instances = known.max_instances;
    profile.multiprocessors = static_cast<std::uint32_t>(std::max(known.sm_count, 0));
    profile.engines = known.engines;
    profile.memory_mib = known.memory_mib;
    for (const std::uint8_t start : known.starts)
      profile.placements.push_back({start, known.slots});
    if (!profile.placements.empty()) profile.placements_from = FactFrom::Table;
    profiles.push_back(std::move(profile));
  }
  return profiles;
}

std::string layout_text(const InventoryGpu& gpu) {
  std::string text = (gpu.model.empty() ? gpu.name : gpu.model) + " [";
  bool first = true;
  for (const InventoryInstance& instance : gpu.instances) {
    if (!first) text += ' ';
    first = false;
    text += instance.name.empty() ? "profile-" + std::to_string(instance.profile) : instance.name;
    text += '@' + std::to_string(instance.slots.start);
  }
  return text + ']';
}

bool has_trouble(const Inventory& inventory) {
  return std::ranges::any_of(inventory.gpus, [](const InventoryGpu& gpu) {
    return gpu.lost || std::ranges::any_of(gpu.unanswered, [](const Unanswered& one) {
             return one.code != Code::NoPermission && one.code != Code::NotSupported &&
                    one.code != Code::FunctionNotFound;
           });
  });
}

}  // namespace kerf::agent
