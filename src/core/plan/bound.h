// lower_bound: the least that any fleet can cost for these items, proven.
#pragma once

#include <functional>
#include <vector>

#include "core/plan/aggregate.h"
#include "core/plan/lp.h"
#include "core/plan/plan.h"
#include "core/plan/problem.h"

namespace kerf::plan {

struct BoundResult {
  MicroUsdPerHour per_hour;
  std::int64_t search_nodes = 0;  ///< LPs solved
  bool integer_nodes = false;     ///< branching raised it above the plain LP
  std::vector<double> values;     ///< by class, from the root: what an item is worth ($/h)
};

/// Aggregated LP with rows for what one whole node can hold, then branch and bound on node counts,
/// best bound first, at most `steps` LPs, fewer where the bound no longer rises; every bound comes
/// from certify(). Stops as soon as the bound reaches `incumbent` (the bill of a plan in hand),
/// which it never exceeds. Rules: branch on the fractional node count with the most dollars at
/// stake, ties to the lower machine. Valid for any solver answers; deterministic for one solver
/// version.
BoundResult lower_bound(const Problem& problem, const std::vector<std::int64_t>& demand,
                        MicroUsdPerHour incumbent, LpSolver& solver, std::int64_t steps);

}  // namespace kerf::plan
