// How much of a GPU a device takes, in equal parts: what bills and causes of waste are counted in.
#pragma once

#include <cstdint>

#include "core/gpu/form.h"
#include "core/gpu/model.h"

namespace kerf::gpu {

/// In how many equal parts a GPU is parted that holds such devices: memory slots, replicas, or 1.
std::int64_t parts_of_gpu(const Model& model, const Form& form);
/// How many of these parts one such device takes.
std::int64_t parts_held(const Model& model, const Form& form);

}  // namespace kerf::gpu
