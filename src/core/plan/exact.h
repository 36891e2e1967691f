// exact_fleet: the cheapest fleet for a few items, found by trying everything that can matter.
#pragma once

#include <optional>
#include <vector>

#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// The cheapest fleet that serves exactly `items` of each class, by dynamic programming over the
/// vectors of item counts: the price of the cheapest machine that holds a vector, then the cheapest
/// way to part the whole. Exact: every machine, form and company is tried. nullopt where there are
/// more than `vectors_max` vectors (the product of items + 1), or the GPU search gave up somewhere.
/// Cost: vectors^2 additions and vectors * machines node checks.
std::optional<Fleet> exact_fleet(const Problem& problem, const std::vector<std::int64_t>& items,
                                 std::int64_t vectors_max);

}  // namespace kerf::plan
