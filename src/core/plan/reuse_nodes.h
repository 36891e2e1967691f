// match_nodes: which node that stands is which planned node.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/cluster/cluster.h"
#include "core/market/market.h"
#include "core/plan/plan.h"
#include "core/plan/seats.h"

namespace kerf::plan {

/// By planned node: the standing one, or kNone. `seats`, `running`: what pods hold of each node, by
/// node. `fits(planned, standing)` is asked once the pair is as good as taken, where pods that are
/// not planned hold devices of the standing node.
///
/// Rules: see reuse.h. Equal pairs: the same parts on each GPU first, then planned nodes with
/// fewest zones, standing nodes that are kept, the cheaper, then by name. A node on which nobody
/// stays goes to one in the same mode, if that is the node's, before others. Nodes that differ in
/// nothing are one group, and groups are compared. If the fleet is the plan already, every node is
/// found: no pair keeps more pods than either of its nodes has, so the largest find their like
/// first.
std::vector<std::uint32_t> match_nodes(
    const cluster::Cluster& cluster, const market::Market& market, const Plan& plan,
    const SeatReader& reader, const std::vector<Seats>& seats, const std::vector<Seats>& running,
    const std::function<bool(std::uint32_t, std::uint32_t)>& fits);

}  // namespace kerf::plan
