// branch_on_nodes: column generation inside branch and bound on whole numbers of nodes.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"
#include "core/plan/proof.h"

namespace kerf::plan {

struct BranchOptions {
  std::int64_t steps = 2000;         ///< linear programs solved at most
  std::int64_t labels = 20'000'000;  ///< partial contents looked at by all pricing together
  std::size_t width = 5120;          ///< NodePricer's at most; a narrower one is tried first
  std::function<void(MicroUsdPerHour bill, MicroUsdPerHour bound)> tick;  ///< may be empty
};

/// Raises the proof of a problem, and lowers the bill of its fleet where a branch shows how.
/// `columns` (node contents) start the master; `root` is a leaf without boxes that is proven.
///
/// Rules: the branch of least bound is solved by column generation over whole nodes, with a row for
/// the node count of each machine; it is split at the fractional count with the most dollars at
/// stake, ties to the lower machine. A branch whose counts are whole, or whose bound reaches the
/// bill, is closed. Every few branches the solution is dived for a cheaper fleet. Ends when the
/// least open bound reaches the bill or the steps are used up. For few items: the gap between
/// fractions of a node and whole nodes is what a small fleet's bound lacks. Valid for any answers
/// of the solver; deterministic for one solver version.
Proof branch_on_nodes(const Problem& problem, const std::vector<std::int64_t>& items,
                      const std::vector<Pattern>& columns, const Proof& root, LpSolver& solver,
                      const BranchOptions& options, Fleet& fleet);

}  // namespace kerf::plan
