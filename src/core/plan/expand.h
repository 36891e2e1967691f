// expand: a fleet of patterns -> nodes with start slots and the pod on each device.
#pragma once

#include <vector>

#include "core/plan/pattern.h"
#include "core/plan/plan.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// The nodes of a plan, ordered by price (dearest first), type name, content. Pods of a class are
/// handed out in their order. The fleet must serve exactly the problem's demand.
std::vector<NodePlan> expand(const Problem& problem, const Fleet& fleet,
                             const cluster::Demand& demand, const market::Market& market,
                             const cluster::Policy& policy);

}  // namespace kerf::plan
