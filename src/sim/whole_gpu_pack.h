// Packs pods as Karpenter's scheduler does: nodes that stand, claims under way, then new claims.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/control/objects.h"
#include "core/market/market.h"
#include "sim/api_server.h"

namespace kerf::sim {

/// Label of the claims of the whole-GPU strategy and of their nodes: the NodePool.
inline constexpr const char* kPoolLabel = "sim.kerf.dev/pool";

struct PackInput {
  const ApiServer& api;
  const market::Market& feed;                      ///< what can be bought now, and for how much
  const std::vector<control::SlicePolicy>& pools;  ///< a NodePool each
  const market::NodeOverhead& overhead;
  std::vector<Value> pods;  ///< control::Pod without a node
  std::string without;      ///< a node that is thought away, with its pods; "" = none
  bool may_buy = true;
};

/// A claim to make. It becomes its cheapest type when it is made.
struct PackedClaim {
  std::size_t pool = 0;
  std::string type;
  std::vector<std::string> zones;  ///< any of these
  std::vector<market::CapacityType> capacity_types;
  MicroUsdPerHour price;
  std::int64_t gpus = 0;
  std::int64_t pods = 0;
  bool spot = false;  ///< the price is one of spot
};

struct Packing {
  std::vector<PackedClaim> claims;
  std::int64_t unplaced = 0;
};

/// The NodePool of a pod: the policy that would govern it; nullopt: none does.
std::optional<std::size_t> pool_of(const std::vector<control::SlicePolicy>& pools,
                                   const control::Pod& pod);

/// Rules (Karpenter 1.14, provisioning/scheduling): pods by CPU, then memory, descending, then age;
/// each goes to the first node that takes it, initialized ones first; else to the claim with the
/// fewest pods of which a type is left; else it opens a claim. GPUs are not looked at. A claim is
/// of one zone while it is packed; it may be launched in all if none of its pods cares about zones.
/// Nodes and claims that are not initialized count with what their type has. The greatest number of
/// GPUs is the pool's limit. Cost: pods x (nodes + claims).
Packing pack_whole(const PackInput& input);

}  // namespace kerf::sim
