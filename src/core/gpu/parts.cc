// Slots of slices, shares of replicas, or the GPU.
#include "core/gpu/parts.h"

#include <algorithm>

namespace kerf::gpu {

std::int64_t parts_of_gpu(const Model& model, const Form& form) {
  if (form.kind == FormKind::Slice) return model.slots;
  const bool shared = form.kind == FormKind::TimeSliced || form.kind == FormKind::Mps;
  return shared ? std::max<std::int64_t>(form.replicas, 1) : 1;
}

std::int64_t parts_held(const Model& model, const Form& form) {
  return form.kind == FormKind::Slice ? model.profiles.at(form.profile).slots : 1;
}

}  // namespace kerf::gpu
