// The part of coupling that makes one item of pods that must share a node.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/coupling.h"

namespace kerf::plan {

/// Both want the same port of their node.
bool ports_clash(const cluster::PodShape& a, const cluster::PodShape& b);
/// x keeps y off its node.
bool repels(const cluster::PodShape& x, const cluster::PodShape& y);

struct Company {
  std::vector<Unplaced> unplaced;  ///< ConflictingPods
  bool chosen = false;             ///< some pod could have had other company
};

/// Required affinity by hostname: makes items of the groups' pods, by the rules in coupling.h.
/// Groups come with one shape each, by shape and zone, and leave by first shape and zone. `live`
/// are the shapes that are planned. `for_bound`: only what holds in every legal fleet. `gather`: as
/// in couple().
Company bundle(const cluster::Demand& demand, const std::vector<std::uint32_t>& live,
               bool for_bound, bool gather, std::vector<Group>& groups);

}  // namespace kerf::plan
