// Obstacles: what keeps a pod that waits from each node that stands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/cluster/cluster.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"

namespace kerf::plan {

/// The first that applies to a node, in this order: what no waiting will change comes first.
enum class Obstacle : std::uint8_t {
  NoDevice,  ///< none of its GPUs offers such a device, held or not
  Selector,  ///< node selector, node affinity or architecture; detail: which
  Zone,      ///< its volumes are in other zones; detail: the node's
  Taint,     ///< not tolerated; detail: the taint
  Down,      ///< not ready
  Cordoned,
  Held,     ///< it has such devices, and too few are free
  Cpu,      ///< detail: "asks for 8, 3.5 are left"
  Memory,   ///< memory, disk or pod count; the same
  Nothing,  ///< it would fit: the scheduler has not come to it, or knows another rule
};
inline constexpr int kObstacles = 10;
/// "no-device", "selector", "zone", "taint", "down", "cordoned", "held", "cpu", "memory",
/// "nothing".
std::string_view to_string(Obstacle obstacle);

/// Nodes with the same obstacle and detail.
struct ObstacleGroup {
  Obstacle obstacle = Obstacle::Nothing;
  std::string detail;
  std::vector<std::uint32_t> nodes;  ///< Cluster::nodes, ascending
};

/// Of every standing node, by obstacle and detail. Rules between pods (spread, affinity) and host
/// ports are not judged: the scheduler's own words say them.
/// A device serves a request for nvidia.com/gpu if it is not a MIG slice: that is the name under
/// which the device plugin offers whole GPUs, fractions and replicas.
std::vector<ObstacleGroup> obstacles(const cluster::Cluster& cluster, const market::Market& market,
                                     const cluster::Policy& policy, std::uint32_t pod);

}  // namespace kerf::plan
