// Parts of what a seed stands for, each drawn with chance of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/swarm.h"

namespace kerf::sim {

/// Of the market that was drawn before.
void draw_policies(std::uint64_t seed, WorldSpec& world);
/// For the policies; with budgets and priority classes.
void draw_workloads(std::uint64_t seed, SwarmCase& drawn);
void draw_latencies(std::uint64_t seed, WorldSpec& world);
std::vector<FaultSpec> draw_faults(std::uint64_t seed, const SwarmCase& drawn);

}  // namespace kerf::sim
