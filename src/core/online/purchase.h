// buy: the cheapest nodes for pods that are pending together, without an LP, in integers.
#pragma once

#include <cstdint>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/geometries.h"
#include "core/plan/plan.h"

namespace kerf::online {

struct Purchase {
  std::vector<plan::NodePlan> nodes;     ///< as plan::expand orders them
  std::vector<plan::Unplaced> unplaced;  ///< by pod
  MicroUsdPerHour bill;                  ///< sum of the nodes' prices
  MicroUsdPerHour apart;  ///< what a node for each pod (or bundle) that is bought for would cost
};

/// Buys for the pods of `demand` named by `pods` (distinct indices), all together. Never dearer
/// than buying apart. Policy limits are those that remain; pods are given up from the least
/// important end until they hold (priority, then position in `pods`). The policy's headroom is not
/// bought for: give it as pods.
///
/// Rules. The pods become classes and the offerings machines as for a plan (plan/problem.h), with
/// every constraint between these pods; pods that stand already are not known here. Machines that
/// break a limit by themselves are not on sale; a pod that nothing else serves is given up,
/// whatever its importance, and keeps nobody waiting. Few pods are bought for exactly, others by
/// cheapest_fleet (purchase_search.h). Where that fleet breaks a limit, the longest prefix of the
/// pods that does not is found by bisection, so among prefixes that break it a longer one is not
/// looked for; those left out have the reason of the first that was.
///
/// Ties as there. `steps` bounds the tries of local search (a quarter for each prefix tried under a
/// limit). Cost besides: compiling and some greedy fleets; about linear in pods for a given number
/// of classes. Compiling is quick where `tables`, which the caller keeps from purchase to purchase
/// (null: they are made each time), has the models of the market; what is bought is the same with
/// any.
Purchase buy(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
             const market::Market& market, const cluster::Policy& policy, std::int64_t steps = 2000,
             plan::Geometries* tables = nullptr);

}  // namespace kerf::online
