// exact_fleet: the cheapest fleet for a few items, found by trying everything that can matter.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// How many vectors of counts lie between nothing and `items`: the product of items + 1, or
/// most + 1 where that is more than `most`.
std::int64_t vectors_of(const std::vector<std::int64_t>& items, std::int64_t most);

/// The cheapest fleet that serves exactly `items` of each class, by dynamic programming over the
/// vectors of item counts: the price of the cheapest machine that holds a vector, then the cheapest
/// way to part the whole. Exact: every machine, form and company is tried. Of what is limited it
/// uses no more than `stock` has (null: the problem's); a vector then counts once for every number
/// of such nodes that may hold it. With `gpus` >= 0 the fleet has at most so many GPUs, and a
/// vector counts once for every number of them, too. nullopt where there are more than
/// `vectors_max` vectors, where there is no such fleet, where the GPU search gave up somewhere, or
/// where more than `steps` times an item would be put into a node. A node is asked about its GPUs
/// only where CPU, memory, disk, pod slots and the weight of the least forms allow it, so that such
/// a bound is seldom reached. Cost: vectors^2 additions, vectors * machines comparisons, `steps`
/// node checks.
std::optional<Fleet> exact_fleet(const Problem& problem, const std::vector<std::int64_t>& items,
                                 std::int64_t vectors_max,
                                 std::int64_t steps = std::numeric_limits<std::int64_t>::max(),
                                 const Stock* stock = nullptr, std::int64_t gpus = -1);

}  // namespace kerf::plan
