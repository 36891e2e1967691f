// Swarm: a whole simulated cluster drawn from one number, run with faults and then without,
// checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/check.h"
#include "sim/faults.h"
#include "sim/world.h"

namespace kerf::sim {

/// All that one seed stands for.
struct SwarmCase {
  std::uint64_t seed = 0;
  WorldSpec world;
  std::vector<FaultSpec> faults;
  Instant calm_at = 0;  ///< no faults and no new workloads from then on
  Instant until = 0;
};

/// Draws instance types, prices, policies, workloads, budgets, latencies and faults, each with a
/// chance of its own. `base`: the types that can be drawn, with on-demand prices. Small clusters:
/// some ten nodes and some dozens of pods at a time, for some hours.
SwarmCase draw(std::uint64_t seed, const market::Market& base);

struct SwarmStats {
  std::int64_t simulated_ms = 0;
  std::uint64_t steps = 0;    ///< of the clock
  std::uint64_t effects = 0;  ///< writes of the controller
  std::int64_t pods = 0;      ///< that were made
  std::int64_t nodes = 0;     ///< instances that were launched
  std::int64_t faults = 0;    ///< that happened
  std::int64_t micro_usd = 0;
};

struct SwarmResult {
  std::uint64_t seed = 0;
  std::vector<Verdict> verdicts;
  std::uint64_t hash = 0;  ///< of the world at the end; the same in every build
  SwarmStats stats;
};

/// Faults until calm_at; then none, for liveness; then five minutes without the controller.
SwarmResult run(const SwarmCase& drawn);
SwarmResult run(std::uint64_t seed, const market::Market& base);

/// "kerf simulate --swarm 1 --seed 17": what runs that seed again.
std::string replay_of(std::uint64_t seed);
/// That line, and each verdict with its time.
std::string to_text(const SwarmResult& result);

}  // namespace kerf::sim
