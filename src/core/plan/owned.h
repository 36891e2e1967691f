// Owned: what becomes of pods that only owned nodes can serve, where these do not suffice.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/cluster/demand.h"
#include "core/market/market.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"
#include "core/plan/reason.h"

namespace kerf::plan {

/// True if the fleet has nodes that are not there (Machine::missing): only owned ones serve
/// somebody, and they are used up.
bool lacks_nodes(const Problem& problem, const Fleet& fleet);

/// True if headroom stands on such nodes.
bool headroom_lacks_nodes(const Problem& problem, const Fleet& fleet);

/// Why the pods on such nodes are not placed: OwnedUsedUp with the types of these nodes.
Reason used_up(const Problem& problem, const Fleet& fleet, const market::Market& market);

/// Pods that nothing but what is owned can serve, by the stocks that can; each list by priority,
/// then in order.
using ByStock = std::map<std::set<std::int32_t>, std::vector<std::uint32_t>>;
ByStock needing_owned(const Problem& problem, const cluster::Demand& demand);

/// As many pods of each class as stand on nodes that are missing, the last ones of it.
std::set<std::uint32_t> pods_too_many(const Problem& problem, const Fleet& fleet);

}  // namespace kerf::plan
