// What a plan takes for granted where nothing was said: the sentences that table and JSON share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/plan/plan.h"

namespace kerf::report {

/// Where the room for DaemonSets was read: "none given", "--daemonsets", "DaemonSets in the
/// input (9)".
std::string_view overhead_source(const cluster::Demand& demand);

/// One sentence each, in this order: what DaemonSets take of every node (always there), pods
/// without requests, baselines beside a policy with limits. Empty if no pod asks for a GPU.
std::vector<std::string> assumptions(const plan::Plan& plan, const cluster::Demand& demand,
                                     const cluster::Policy& policy);

}  // namespace kerf::report
