// The aggregated LP: all nodes of a machine as one pool; and its certificate in integers.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// Columns: for each machine m its node count n, for each corner of its GPU kind the GPUs y cut so,
/// for each candidate the items x served so. Rows: demand of each class; for each machine CPU,
/// memory, disk, pods (where somebody asks), GPUs, each unit, and per-node limits of classes.
/// In dollars, cores and GiB, so that the numbers stay near one.
struct AggregateLp {
  LinearProgram lp;
  std::vector<std::int32_t> node_column;  ///< by machine
  std::vector<std::int32_t> demand_row;   ///< by class
  std::vector<std::int32_t> stock_row;    ///< by stock: its machines' nodes are at most so many
  struct MachineRows {
    std::int32_t cpu, memory, disk, pods, gpus;  ///< -1 = no row
    std::vector<std::int32_t> units;             ///< by unit of the kind
    std::vector<std::int32_t> limits;            ///< by candidate; -1 = no row
  };
  std::vector<MachineRows> machine_rows;
};
/// The most items of a class that one empty node of the machine can hold through this candidate:
/// what an integral node adds to the LP as a row x <= most * n. By machine, candidate.
using NodeLimits = std::vector<std::vector<std::int64_t>>;
NodeLimits node_limits(const Problem& problem);
/// `unserved` > 0 adds a column per class by which an item stays unserved at that many dollars, so
/// that a branch that can serve nobody still has duals. `stock`: nodes left (null: the problem's).
AggregateLp build_aggregate(const Problem& problem, const std::vector<std::int64_t>& demand,
                            const NodeLimits& limits, double unserved = 0,
                            const Stock* stock = nullptr);

/// Node counts allowed to a machine in a branch: lower..upper; upper < 0 = unbounded.
struct NodeBox {
  std::int64_t lower = 0;
  std::int64_t upper = -1;
};

/// A lower bound on the bill of every fleet that serves `demand` with node counts inside `boxes`,
/// proven from the LP's duals in integers: duals are rounded to whole femto-dollars, never below
/// zero, and scaled down until no machine is worth more than its price; what a pod is worth follows
/// from them. A node of a stock may be worth more than its price: so much is taken off the bound
/// for each node that there is. Any duals give a valid bound; good ones give a good bound. A
/// fleet's bill is whole micro-dollars, so the result is rounded up to them. `values`, if given,
/// gets what an item of each class is worth in that proof: in Certificate parts, rounded down.
MicroUsdPerHour certify(const Problem& problem, const std::vector<std::int64_t>& demand,
                        const AggregateLp& lp, const std::vector<double>& duals,
                        const std::vector<NodeBox>& boxes, const NodeLimits& limits,
                        std::vector<std::int64_t>* values = nullptr);

/// What the LP's duals say one item of each class is worth, in dollars; for heuristics.
std::vector<double> class_values(const AggregateLp& lp, const std::vector<double>& duals);

}  // namespace kerf::plan
