// start_fleet: a first fleet and a certified bound from the aggregated LP, in little time.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

struct StartOptions {
  bool fleet = true;           ///< false: bound and values only
  std::function<void()> tick;  ///< called between rounds; may be empty
};

struct Start {
  /// Serves exactly the demand, but for `unserved`.
  Fleet fleet;
  /// No fleet for this demand costs less; 0 where the solver failed.
  MicroUsdPerHour bound;
  std::vector<double> values;          ///< by class: what an item is worth, $/h
  std::vector<std::int64_t> unserved;  ///< by class: items for whom no node is left to be had
  std::int64_t lps = 0;                ///< LPs solved
};

/// A fleet bought along the aggregated LP (sift.h), a part of it at a time.
///
/// Rules: the LP says how many nodes of each machine are wanted and what CPU, memory and GPU are
/// worth on each. A node of a machine is filled with items that are worth there what they take,
/// under several notions of what is scarce; the content that wastes the fewest dollars is bought as
/// often as a part of the nodes wanted and the items left allow. Machines whose nodes waste more
/// than the round allows wait for the next LP, which knows what is left; rounds allow more as less
/// comes of them. Where no whole node is wanted, the best node per dollar is bought. Then every
/// node goes to the cheapest machine that holds what it holds, and nodes whose items find room in
/// others go. Ties: the lower machine, the lower candidate. Deterministic for one solver version.
/// Cost: some tens of LPs, and one filling for each different node.
Start start_fleet(const Problem& problem, const std::vector<std::int64_t>& demand, LpSolver& solver,
                  const StartOptions& options = {});

}  // namespace kerf::plan
