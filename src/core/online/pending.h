// Pending pods: in which order they are decided, who goes together, and what is bought for the
// rest.
#pragma once

#include <cstdint>
#include <vector>

#include "core/cluster/demand.h"
#include "core/online/purchase.h"
#include "core/online/standing.h"

namespace kerf::online {

/// Pods (indices in `demand`) in the order in which they are decided, those that need each other on
/// one node and have no company there yet side by side in one entry. Order: priority, then what the
/// like of all of them cost to buy, both falling; then namespace, name, index. Interns the shapes.
std::vector<std::vector<std::uint32_t>> in_order(Standing& standing, const cluster::Demand& demand,
                                                 const std::vector<std::uint32_t>& pods);

/// Buys for pods that fit nowhere, but for those that could not start on a new node (bundling.h),
/// each in a zone that constraints with what stands, and with each other, leave open: one pod after
/// the other takes the zone where its like cost least, ties to the fewest pods
/// (Company::fresh_zones). Limits of the policy count what stands too. `pods` in the order of
/// in_order(); where there are none, nothing is worked out. Nothing in `standing` changes but for
/// shapes interned and Asks::geometries().
Purchase buy_for(Standing& standing, const cluster::Demand& demand,
                 const std::vector<std::vector<std::uint32_t>>& pods, std::int64_t steps);

}  // namespace kerf::online
