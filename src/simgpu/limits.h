// How long the lists of a machine's state may get.
#pragma once

#include <cstddef>

namespace kerf::simgpu {

/// Faults that wait, processes on one device, processes whose memory is known. Driver::restore()
/// believes in no more; who adds to them has to stop there.
inline constexpr std::size_t kMostEntries = std::size_t{1} << 16;

}  // namespace kerf::simgpu
