// divide(): how so many slices may stand on so many GPUs, where only their number is known.
#pragma once

#include <cstdint>
#include <vector>

#include "core/gpu/geometry.h"

namespace kerf::gpu {

struct Divided {
  std::vector<Layout> layouts;  ///< by GPU; legal
  Counts left;                  ///< slices that no GPU had room for, by profile
};

/// Rules: where the GPUs can all be cut alike, they are; else profile by profile, the widest first,
/// each slice on the first GPU that can still hold it. Within a GPU the starts that leave the most
/// room (Geometry::arrange). Cost: slices x GPUs.
Divided divide(const Geometry& geometry, const std::vector<std::int64_t>& counts, std::size_t gpus);

}  // namespace kerf::gpu
