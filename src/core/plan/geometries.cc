// Looks a model's table up, or makes it.
#include "core/plan/geometries.h"

#include "base/assert.h"

namespace kerf::plan {

std::shared_ptr<const gpu::Geometry> Geometries::of(const gpu::Model& model) {
  if (const auto it = tables_.find(model.key); it != tables_.end()) {
    const gpu::Model& known = it->second->model();
    KERF_ASSERT(known.slots == model.slots && known.profiles.size() == model.profiles.size(),
                "one Geometries is for one catalogue");
    return it->second;
  }
  if (tables_.size() == kModelsMax) tables_.clear();
  return tables_.emplace(model.key, std::make_shared<const gpu::Geometry>(model)).first->second;
}

}  // namespace kerf::plan
