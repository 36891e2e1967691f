// make_plan: demand + market + policy -> the cheapest fleet found, with its bound and baselines.
#pragma once

#include <functional>
#include <string_view>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/lp.h"
#include "core/plan/plan.h"

namespace kerf::plan {

/// What is going on, for a progress line: bill of the best plan so far and the bound so far
/// (0 = none yet).
struct Progress {
  std::string_view stage;
  MicroUsdPerHour bill;
  MicroUsdPerHour bound;
};

struct PlanOptions {
  /// Branch-and-bound nodes spent on integer node counts.
  std::int64_t bound_steps = 2000;
  /// Local-search rounds that may pass without a gain.
  std::int64_t search_steps = 400;
  bool baselines = true;
  /// Jobs and CronJobs get nodes of their own: dearer while they run, cheaper while they do not. The
  /// bound is then for fleets that do the same.
  bool jobs_apart = false;
  std::function<void(const Progress&)> progress;  ///< may be empty; called a few times a second
};

/// Never fails: pods that cannot be served are in `unplaced` with a reason. Deterministic for one
/// build and LP solver version. Cost grows about linearly with pods for a fixed number of classes.
Plan make_plan(const cluster::Demand& demand, const market::Market& market,
               const cluster::Policy& policy, LpSolver& solver, const PlanOptions& options = {});

}  // namespace kerf::plan
