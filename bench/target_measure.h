// One measurement of kerf_target_bench: a plan made in a process of its own, with its time, its
// memory and what core/check says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"

namespace kerf::bench {

struct Ask {
  int runs = 1;  ///< seconds are the median
  int effort = 3;
  int limit_s = 900;  ///< of CPU for all runs; then the planner is stopped
};

struct Outcome {
  double seconds = 0;  ///< of make_plan alone, from parsed input
  std::int64_t bill_micro = 0, bound_micro = 0;
  double gap_percent = 0;
  bool optimal = false;
  std::int64_t pods = 0, nodes = 0, unplaced = 0, classes = 0;
  std::int64_t peak_kib = 0;  ///< resident at most, with the program and its input
  std::int64_t faults = 0;    ///< of core/check, printed as they are found
  char method[40] = "";

  double bill() const { return static_cast<double>(bill_micro) / 1e6; }
  double bound() const { return static_cast<double>(bound_micro) / 1e6; }
};

/// Plans in a child process, without baselines, Jobs beside everybody else. nullopt where the limit
/// was reached. Exits with a message where the child dies otherwise.
std::optional<Outcome> measure(const cluster::Demand& demand, const market::Market& market,
                               const cluster::Policy& policy, const Ask& ask);

}  // namespace kerf::bench
