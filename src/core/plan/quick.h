// start_fleet: a first fleet and a certified bound from the aggregated LP, in little time.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/plan/lp.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::plan {

struct StartOptions {
  bool fleet = true;           ///< false: bound and values only
  std::function<void()> tick;  ///< called between rounds; may be empty
};

struct Start {
  /// Serves exactly the demand, but for `unserved`.
  Fleet fleet;
  bool solved = false;  ///< false: the solver failed, and nothing is proven
  /// No fleet for this demand costs less; 0 where the solver failed.
  MicroUsdPerHour bound;
  std::vector<double> values;          ///< by class: what an item is worth, $/h
  std::vector<std::int64_t> proven;    ///< by class: worths that prove the bound, Certificate parts
  std::vector<std::int64_t> unserved;  ///< by class: items for whom no node is left to be had
  std::int64_t lps = 0;                ///< LPs solved
};

/// Rules: the aggregated LP is solved over part of its machines and merged classes (sift.h,
/// merge.h); its duals, certified, are the bound. Nodes are bought through an LP over contents that
/// starts from the even parts of that solution (contents.h), for the merged classes where there are
/// more than 120, then for what is left. In the end nodes go to cheaper machines where these hold
/// what they hold (tidy.h). Deterministic for one solver version. Cost: nearly linear in classes
/// times machines; the number of pods counts only where their items are handed out.
Start start_fleet(const Problem& problem, const std::vector<std::int64_t>& demand, LpSolver& solver,
                  const StartOptions& options = {});

}  // namespace kerf::plan
