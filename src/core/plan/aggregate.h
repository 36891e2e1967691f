// certify: the bound that duals of the aggregated LP prove, in integers.
#pragma once

#include <cstdint>
#include <vector>

#include "base/money.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// Rows that a machine has in the aggregated LP, where all its nodes are one pool: what they offer
/// of CPU, memory, disk and pods (where somebody asks), the GPUs that are cut to each corner, and
/// each unit. In cores and GiB, so that the numbers stay near one.
struct MachineRows {
  std::int32_t cpu = -1, memory = -1, disk = -1, pods = -1, gpus = -1;  ///< -1 = no row
  std::vector<std::int32_t> units;                                      ///< by unit of the kind
};

/// A lower bound on the bill of every fleet that serves `demand` with no more nodes of each machine
/// than can be had, proven from the LP's duals in integers: duals (by row, $/h) are rounded to
/// whole femto-dollars, never below zero, and scaled down until no machine is worth more than its
/// price; what a pod is worth follows from them. A node of a limited number may be worth more than
/// its price: so much is taken off the bound for each node that there is. Any duals give a valid
/// bound; good ones give a good bound. A fleet's bill is whole micro-dollars, so the result is
/// rounded up to them. `values`, if given, gets what an item of each class is worth in that proof:
/// in Certificate parts, rounded down.
MicroUsdPerHour certify(const Problem& problem, const std::vector<std::int64_t>& demand,
                        const std::vector<MachineRows>& rows, const std::vector<double>& duals,
                        std::vector<std::int64_t>* values = nullptr);

}  // namespace kerf::plan
