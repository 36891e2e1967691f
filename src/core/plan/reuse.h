// reuse(): which node of a plan is which node that stands, so that as few pods as possible move.
#pragma once

#include <cstdint>
#include <vector>

#include "core/cluster/cluster.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::plan {

/// A pod that runs and would run elsewhere, or on another device.
struct PodMove {
  std::uint32_t pod = 0;                ///< Demand::pods
  std::uint32_t from = cluster::kNone;  ///< Cluster::nodes
  std::uint32_t to = 0;  ///< Plan::nodes; kNone = nowhere, the plan does not place it
};

struct Reuse {
  std::vector<std::uint32_t> standing;  ///< by Plan::nodes: Cluster::nodes, or kNone = to be bought
  std::vector<std::uint32_t> returned;  ///< Cluster::nodes that no planned node is, ascending
  std::vector<bool> cut;                ///< by Plan::nodes: stands, and some GPU is cut anew
  std::vector<PodMove> moves;           ///< by pod
  std::int64_t fixed = 0;               ///< of the moves: pods that Kerf would never move
  std::int64_t stay = 0;                ///< running pods that stay where they are, on their device
};

/// Matches and rewrites: like pods change places, the GPUs of a node change numbers and slices
/// their starts, so that whoever can stay stays. Bill, nodes, forms and the number of pods of each
/// shape on each node stay as they were; a place keeps its cost and its reason, whoever takes it.
/// What follows of workloads and the month is reckoned anew. NodePlan::name is filled in, and
/// Plan::actions are made anew: Keep, Cut, Return, Buy and Move, in this order, of each one entry a
/// type and capacity type. Return and Move name no nodes; a Move is entered by where it leads. Buy
/// costs, Return saves, all else leaves the bill as it is.
///
/// Like pods: of one shape; pods of Jobs of one Job besides. Where some of them are not placed,
/// those that run are before those that wait.
///
/// Rules: a planned node may be a standing one of its type and capacity type (owned ones are those
/// that are owned), in one of its zones, that is neither down, cordoned nor shared, and whose
/// taints and labels (of those that no offering decides) admit its pods, unless their like runs
/// there. Devices of pods that are not planned stay; their CPU and memory do not count. Pairs are
/// taken by the number of pods that may stay, then by price, then by name (reuse_nodes.h,
/// reseat.h). Cost: pods, plus kinds of planned nodes x kinds of standing nodes of each type that
/// share a kind of seat, plus for each planned node the square of its GPUs times legal states.
Reuse reuse(const cluster::Cluster& cluster, const market::Market& market, Plan& plan);

}  // namespace kerf::plan
