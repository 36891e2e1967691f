// check_plan: verifies a plan from scratch; shares no code with the planner that made it.
#pragma once

#include <string>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::check {

/// Everything that is wrong with the plan, one sentence each with node and pod names; empty = the
/// plan holds. Checked: every pod is placed exactly once or unplaced with a reason; capacity of
/// every node in every resource; slices legal (own geometry code), of a kind that serves the pod's
/// request, enough of them and held by nobody else; MIG mode per node where the generation wants
/// it; node selectors, affinity, taints, architecture, zones, spread, anti-affinity, host ports;
/// prices are the market's and add up in nodes, bill, placements, workloads and actions; policy
/// limits and headroom; the bound is not above the bill.
std::vector<std::string> check_plan(const plan::Plan& plan, const cluster::Demand& demand,
                                    const market::Market& market, const cluster::Policy& policy);

}  // namespace kerf::check
