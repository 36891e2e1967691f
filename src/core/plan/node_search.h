// search_node: fills one node for the most value by branch and bound over its items.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/pattern.h"

namespace kerf::plan {

/// Looks for a filling worth more than `at_least`, depth first, the items of most value per
/// resource first. A branch is cut where even the best density left, by each of several mixes of
/// CPU, memory and GPU, could not beat the best filling so far. At most `steps` items are put in;
/// within them the result is the best there is. An empty pattern with value 0: nothing beats
/// `at_least`, or it was not found. Cost: a machine whose items cannot be worth `at_least` at all
/// is seen at once.
Filled search_node(const Problem& problem, std::uint32_t machine, const std::vector<double>& values,
                   const std::vector<std::int64_t>& residual, double at_least, std::int64_t steps);

}  // namespace kerf::plan
