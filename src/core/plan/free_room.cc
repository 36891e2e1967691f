// Parts of a GPU that are held, and the devices that still fit beside them.
#include "core/plan/free_room.h"

#include <algorithm>

namespace kerf::plan {

using gpu::Form;
using gpu::FormKind;

namespace {

bool shared(const Form& form) {
  return form.kind == FormKind::TimeSliced || form.kind == FormKind::Mps;
}

/// How many such devices, that are no slices, a GPU has.
std::int64_t holders(const Form& form) {
  return shared(form) ? std::max<std::int64_t>(form.replicas, 1) : 1;
}

}  // namespace

bool same_device(const Form& a, const Form& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == FormKind::Slice) return a.profile == b.profile;
  return shared(a) ? a.replicas == b.replicas : a.fraction == b.fraction;
}

FreeRoom::FreeRoom(const gpu::Geometry* table, gpu::GpuMode mode, std::vector<HeldDevice> held)
    : table_(table), mode_(mode), held_(std::move(held)) {
  gpu::Layout layout;
  for (const HeldDevice& device : held_) {
    if (device.form.kind != FormKind::Slice) return;
    layout.push_back({device.form.profile, device.start});
  }
  if (table_ != nullptr) state_ = table_->state(layout);
}

std::int64_t FreeRoom::most(const Form& form) const {
  if (!gpu::allowed_in(mode_, form)) return 0;
  if (form.kind == FormKind::Slice) return state_ ? table_->room(*state_, form.profile) : 0;
  const auto here = static_cast<std::int64_t>(held_.size());
  const bool alike = std::all_of(held_.begin(), held_.end(), [&](const HeldDevice& device) {
    return same_device(device.form, form);
  });
  return alike ? std::max<std::int64_t>(holders(form) - here, 0) : 0;
}

}  // namespace kerf::plan
