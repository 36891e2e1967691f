// exact_within: the cheapest fleet for a few items, given up where that takes too long.
#pragma once

#include <cstdint>
#include <optional>

#include "core/online/purchase_fill.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::online {

/// What plan::exact_fleet finds, with a bound on the work: nullopt where there are more than
/// `vectors_max` count vectors, where some item has no machine, or where more than `steps` times an
/// item would be put into a node. A node is asked about its GPUs only where CPU, memory, disk, pod
/// slots and the weight of the least forms allow it, so that the bound is seldom reached. Cost:
/// vectors^2 additions, vectors * machines comparisons, `steps` node checks.
std::optional<plan::Fleet> exact_within(const plan::Problem& problem, const ClassItems& items,
                                        std::int64_t vectors_max, std::int64_t steps);

}  // namespace kerf::online
