// Levers: which part of a plan's saving comes from types, from slicing, from spot, from what is
// owned.
#pragma once

#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"
#include "core/plan/planner.h"

namespace kerf::plan {

/// Splits what `plan` saves against whole GPUs as Karpenter packs them (the baseline "whole-gpu",
/// on demand and with nothing owned) by planning again with one lever more each time, with the same
/// options but for the bound. `plan` is make_plan's for the same arguments.
///
/// Empty where nothing is sold on demand: then there is nothing to start from. A lever's part
/// depends on the order, which is fixed: what whole GPUs of other types save is never counted for
/// slicing. Plans are searched, so that a lever that changes nothing may come out at a few cents
/// either way; a negative part is left as it is. Cost: that of the plan for each lever after
/// "slicing", and once more for "types" and "slicing" unless the plan's own baselines have them.
std::vector<Lever> levers_of(const Plan& plan, const cluster::Demand& demand,
                             const market::Market& market, const cluster::Policy& policy,
                             LpSolver& solver, const PlanOptions& options);

}  // namespace kerf::plan
