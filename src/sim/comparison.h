// Comparison: runs one scenario under several strategies, and makes the figures of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "report/simulation.h"
#include "sim/scenario.h"

namespace kerf::sim {

enum class Strategy : std::uint8_t { Kerf, WholeGpu };
std::string_view to_string(Strategy strategy);

/// Where a comparison is: called again and again, at most once for each simulated hour.
struct ComparisonProgress {
  Strategy strategy = Strategy::Kerf;
  std::int64_t done_ms = 0;  ///< simulated, over all strategies
  std::int64_t all_ms = 0;
};

/// Deterministic: the same scenario, the same figures, in every build.
report::Simulation compare(const Scenario& scenario, const std::vector<Strategy>& strategies,
                           const std::function<void(const ComparisonProgress&)>& progress = {});

}  // namespace kerf::sim
