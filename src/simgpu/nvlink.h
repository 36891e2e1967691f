// NVLinks of a simulated machine: through switches, or by bridges from GPU to GPU.
#pragma once

#include "simgpu/driver.h"

namespace kerf::simgpu {

/// What is at the other end of a link.
struct NvLink {
  enum class To : std::uint8_t { Nothing, Gpu, Switch };
  To to = To::Nothing;  ///< Nothing: the link is not active
  int gpu = -1;         ///< Gpu: its index
};

/// How many NVLinks a board has (NVIDIA's data sheets: A100 12, A30 4, H100 and later 18); 0: none,
/// or none that is simulated.
unsigned nvlinks_of(std::string_view board);

/// Boards that come with NVSwitch where there is more than one of them (p4d, p5, p6), unless the
/// machine has bridges. A bridge takes all links of both GPUs.
NvLink nvlink_of(const Config& config, int gpu, unsigned link);

/// Why these bridges cannot be, for people; "" = they can.
std::string wrong_bridges(const Config& config);

}  // namespace kerf::simgpu
