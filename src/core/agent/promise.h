// Promise: the resource names under which a device may be offered; what a name says, it has to
// give.
#pragma once

#include <string>

#include "core/agent/shape.h"

namespace kerf::agent {

/// Why the device may not be offered under that name, for people; "" = it may. A slice: as
/// nvidia.com/mig-<its profile>; a whole GPU: as nvidia.com/gpu; a replica, whose memory nobody
/// enforces: as nvidia.com/gpu.shared; each as kerf.dev/gpu-<M>gi too, with M at most its nominal
/// GB and, for a replica, only with -shared. A null model promises no memory.
std::string dishonest(const gpu::Model* model, const control::WantedSlice& slice,
                      const Shape& shape);

/// Why there is no such form on the GPU, for people; the form has no shape.
std::string no_form(const gpu::Model* model, const control::WantedSlice& slice);

}  // namespace kerf::agent
