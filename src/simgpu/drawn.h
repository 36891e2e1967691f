// What the simulated machine draws by chance: UUIDs, and how ids lie on a board after a reset.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "simgpu/state.h"

namespace kerf::simgpu {

/// "<prefix>xxxxxxxx-xxxx-5xxx-xxxx-xxxxxxxxxxxx", new at each call on one machine.
std::string draw_uuid(std::string_view prefix, std::uint64_t seed, State& state);

/// The GPU as after a reset: a handle, no instances, its ids laid out anew. Mode, processes,
/// clients and loss are the caller's.
void initialise(GpuState& gpu, std::uint64_t seed, State& state);

}  // namespace kerf::simgpu
