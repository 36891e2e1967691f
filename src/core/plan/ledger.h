// Ledger: where every micro-dollar of a fleet's hour goes: to pods, or to what keeps room unused.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/resources.h"
#include "core/cluster/cluster.h"
#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/gpu/form.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::plan {

/// Why a part of a GPU earns nothing. The first that applies.
enum class Waste : std::uint8_t {
  Down,      ///< the node is not ready or offers no device
  Empty,     ///< no pod of the node holds a device
  Geometry,  ///< no pod of the demand can get its devices of what is left
  Cpu,       ///< the node's CPU is used up for every pod that could
  Memory,    ///< its memory, disk or pod count is, for one of them at least
  Free,      ///< some pod of the demand, or one like it, could use it now
};
inline constexpr int kWastes = 6;
/// "down", "empty", "geometry", "cpu", "memory", "free".
std::string_view to_string(Waste waste);

/// One GPU's part of the node's price, taken apart.
struct GpuLedger {
  MicroUsdPerHour price;
  struct Share {
    std::uint32_t pod = kNoPod;  ///< index in Demand::pods; kNoPod = a pod that is not planned
    std::string holder;          ///< that pod's name; "headroom" = kept free by the policy
    MicroUsdPerHour cost;
  };
  std::vector<Share> shares;  ///< one for each device that is held, in order of start
  MicroUsdPerHour idle;       ///< the rest; shares and idle add up to the price
  Waste waste = Waste::Free;  ///< why, where idle is not 0
};

struct NodeLedger {
  MicroUsdPerHour price;
  std::vector<GpuLedger> gpus;  ///< their prices add up to the node's, exactly
};

struct Ledger {
  std::vector<NodeLedger> nodes;           ///< parallel to the fleet
  MicroUsdPerHour bill;                    ///< sum of the nodes' prices
  std::vector<MicroUsdPerHour> pods;       ///< by Demand::pods
  std::vector<MicroUsdPerHour> workloads;  ///< by Demand::workloads
  MicroUsdPerHour others;                  ///< pods that are not planned, and headroom
  std::array<MicroUsdPerHour, kWastes> wastes;
  /// Invariant: sum(workloads) + others + sum(wastes) == bill; sum(pods) == sum(workloads).
};

/// Rules:
///  - a node's price is split evenly over its GPUs; a GPU's over its memory slots, of which a slice
///    takes those of its profile, a replica 1/r, all else the GPU. Largest remainder, so that no
///    micro-dollar is lost;
///  - the price of a node that is shared (cluster::select) is the demand's alone: a pod pays as it
///    does without the selection, others nothing, and the demand's part of the idle room the rest;
///  - a pod can be served where each of its requests finds enough devices of one form on the node,
///    one of them on the GPU in question. What nobody holds can be cut anew; the mode of a node
///    that has one (gpu::mode_is_the_nodes) stays. Selectors, taints and other pods do not count.
///
/// `list`: by StandingNode::list_price instead of price, so that what is owned has a value too.
/// Cost: a few ms for each model of GPU; else nodes x distinct requests, plus nodes x GPUs x forms.
Ledger ledger_of(const cluster::Cluster& cluster, const market::Market& market,
                 const cluster::Policy& policy, bool list = false);
/// The same of a planned fleet. This parting is by what is held of the GPUs alone; Placement::cost
/// counts CPU and memory too, and leaves nothing over.
Ledger ledger_of(const Plan& plan, const cluster::Demand& demand, const market::Market& market,
                 const cluster::Policy& policy);

}  // namespace kerf::plan
