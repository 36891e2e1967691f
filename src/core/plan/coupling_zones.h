// The part of coupling that chooses zones: spread and (anti-)affinity by zone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/plan/coupling.h"

namespace kerf::plan {

/// The topology keys that are planned with.
bool is_zone(const std::string& key);
bool is_host(const std::string& key);

/// "app=web,tier=a|b", for people.
std::string describe(const cluster::PodSelector& selector);

struct ZoneDecisions {
  std::map<std::uint32_t, std::string> zone_of;  ///< by pod; who is not in it may go to any zone
  std::vector<Unplaced> unplaced;                ///< NoZone
  bool coupled = false;                          ///< some term asked for a decision
};

/// The zones of all pods whose shape (in `live`) has a zone term, is counted by one, or must share
/// a node with one that is. Pods that get none are taken out of `pods_of` (by shape).
/// `gather`: as in couple().
ZoneDecisions decide_zones(const cluster::Demand& demand, const std::vector<std::uint32_t>& live,
                           std::vector<std::vector<std::uint32_t>>& pods_of,
                           const ZonesOf& zones_of, bool gather);

}  // namespace kerf::plan
