// Fleets within a limit on GPUs: searched with a rent on every GPU, paid for without it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/search.h"

namespace kerf::plan {

/// GPUs of all nodes.
std::int64_t gpus_of(const Problem& problem, const Fleet& fleet);

/// True if Problem::limit_gpus allows the fleet.
bool keeps_to_gpus(const Problem& problem, const Fleet& fleet);

/// search_fleet(); and where that fleet has more GPUs than the limit allows, the cheapest within
/// the limit that some rent on GPUs leads to. A rent makes nodes that hold more on each GPU worth
/// their price; only whether it is high enough is found out, by trying. Where none leads there, the
/// fleet breaks the limit. The proof is at true prices, of fleets with any number of GPUs or within
/// the limit: a bound for those within it either way. Prices in the problem are as before
/// afterwards. Cost: up to a dozen searches where the limit binds.
Found search_within_gpus(Problem& problem, const std::vector<std::int64_t>& items, LpSolver& solver,
                         const Effort& effort, const Told& told);

}  // namespace kerf::plan
