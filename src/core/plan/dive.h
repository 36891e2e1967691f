// dive_fleet: a fleet from the aggregated LP, bought a part at a time and solved again for the
// rest.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

struct DiveOptions {
  std::int64_t exact_vectors = 3000;  ///< the rest is solved exactly once it is that small
  /// Of the whole nodes that the LP wants of a machine, this part is bought before it is asked
  /// again.
  double share = 0.5;
  std::function<void()> tick;  ///< called between rounds; may be empty
};

/// A fleet that serves exactly `demand`.
///
/// Rules: the aggregated LP says how many nodes of each machine serve which items; that many whole
/// nodes are filled one by one with their even part of these items, largest first, then topped up
/// with whatever else fits by its dual value; the LP is asked again for what is left. Where it
/// wants no whole node, the machine with the largest fraction gets one. Ties: the lower machine,
/// the lower candidate. Deterministic for one solver version. Cost: one LP per round, about
/// log(nodes) / share rounds and as many as machines at the end.
Fleet dive_fleet(const Problem& problem, std::vector<std::int64_t> demand, LpSolver& solver,
                 const DiveOptions& options);

}  // namespace kerf::plan
