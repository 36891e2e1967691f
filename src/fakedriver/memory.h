// Memory sizes where no table has recorded them: a real driver always answers a figure.
#pragma once

#include <cstdint>

#include "simgpu/boards.h"
#include "simgpu/driver.h"

namespace kerf::fakedriver {

/// MiB. Derived from the GB in NVIDIA's names, so that clients which make a profile's name out of
/// its memory and the GPU's (go-nvlib) come to the name that the table has.
std::int64_t memory_mib(const simgpu::Board& board);
std::int64_t memory_mib(const simgpu::Board& board, const simgpu::BoardProfile& profile);

/// Where a device is: `profile` is nullptr for a GPU, `board` too for a stale handle.
struct Whereabouts {
  int gpu = -1;  ///< index
  const simgpu::Board* board = nullptr;
  const simgpu::BoardProfile* profile = nullptr;
};
/// Without a call of the driver, which might use up a fault.
Whereabouts whereabouts(const simgpu::Driver& driver, simgpu::Device device);

}  // namespace kerf::fakedriver
