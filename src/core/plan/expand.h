// expand: a fleet of patterns -> nodes with start slots and the pod on each device.
#pragma once

#include <vector>

#include "core/plan/geometries.h"
#include "core/plan/pattern.h"
#include "core/plan/plan.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// The nodes of a plan, ordered by price (dearest first), type name, content. Pods of a class are
/// handed out in their order. The fleet must serve exactly the problem's demand. Cost: linear in
/// devices, and for each model of GPU cut that is not in `tables` yet some milliseconds (null:
/// nothing is kept); the nodes are the same with any.
std::vector<NodePlan> expand(const Problem& problem, const Fleet& fleet,
                             const cluster::Demand& demand, const market::Market& market,
                             const cluster::Policy& policy, Geometries* tables = nullptr);

}  // namespace kerf::plan
