// slot_bar: one GPU as a drawing, as wide as its parts are; never parsed.
#pragma once

#include <string>

#include "core/gpu/model.h"
#include "core/plan/plan.h"

namespace kerf::report {

/// "│1g.10gb │▒ free ▒│░░░░░░░░│     3g.40gb      │": slices by start slot, as wide as their memory
/// slots; ▒ is cut and held by no pod, ░ is not cut. A GPU without MIG slices is one cell, idle or
/// with its form, or a cell for each replica. At most kSlotBarMax columns.
std::string slot_bar(const gpu::Model& model, const plan::GpuPlan& gpu, bool unicode);

inline constexpr std::size_t kSlotBarMax = 88;

/// The signs of the two kinds of unused room, for a legend.
std::string_view free_sign(bool unicode);
std::string_view uncut_sign(bool unicode);

}  // namespace kerf::report
