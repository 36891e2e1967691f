// Parts of the top of a plan that the top of a cluster's plan has too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/money.h"
#include "report/screen.h"

namespace kerf::report {

/// A way to serve the pods that no baseline of the plan is.
struct CostRow {
  std::string name;
  std::int64_t month = 0;  ///< micro-dollars
  MicroUsdPerHour hour;
  std::int64_t nodes = 0;
  std::int64_t unplaced = 0;
};

/// Region, prices, what was read.
void write_inputs(Screen& screen);

/// The costs each way: `first`, the baselines, the plan.
void write_costs(Screen& screen, const std::vector<CostRow>& first);

/// What other requests, or Jobs apart, would make cheaper.
void write_advice(Screen& screen);

/// How far the plan is from the cheapest possible, as sentences.
std::string proof_words(const Screen& screen);

}  // namespace kerf::report
