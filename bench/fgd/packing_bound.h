// How much of a cluster's GPUs can be allocated at most, by shares of a GPU alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "core/plan/lp.h"

namespace kerf::fgd {

/// Shares of one size, in numbers of GPUs asked for (a task with 8 whole GPUs counts 8).
struct Shares {
  std::int64_t staying = 0;  ///< that have to be allocated
  std::int64_t arrived = 0;  ///< that may be; >= staying
};

/// The most thousandths of GPUs that can be allocated on `gpus` GPUs if shares can be put together
/// on any of them and moved at will: the LP over all ways to fill one GPU. By thousandths (1 to
/// 1000). Nothing but the GPU counts, so no policy can do better. nullopt: those that stay do not
/// fit, or the LP failed. Cost: some dozen small LPs.
std::optional<double> most_allocated(std::int64_t gpus,
                                     const std::map<std::int32_t, Shares>& shares,
                                     plan::LpSolver& solver);

}  // namespace kerf::fgd
