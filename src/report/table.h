// Plan -> the text that people read in a terminal: at most 100 columns.
#pragma once

#include <string>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::report {

struct TableOptions {
  bool colour = false;
  bool unicode = true;  ///< slot bars with box characters; else ASCII
  bool all = false;     ///< every workload and node group instead of the first screen
  /// The plan buys nothing: its nodes are owned and priced at what they would cost on demand.
  bool owned_only = false;
};

/// First line: region and price date. Then what it costs as whole GPUs, what it would cost, how far
/// from the cheapest possible; workload by workload; the fleet with slot bars; what is not placed.
std::string plan_table(const plan::Plan& plan, const cluster::Demand& demand,
                       const market::Market& market, const cluster::Policy& policy,
                       const TableOptions& options);

}  // namespace kerf::report
