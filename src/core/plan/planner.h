// make_plan: demand + market + policy -> the cheapest fleet found, with its bound and baselines.
#pragma once

#include <cstdint>
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

/// Where Jobs and CronJobs run.
enum class JobsOn : std::uint8_t {
  Shared,  ///< with everybody else: least cost while everything runs
  Apart,   ///< on nodes of their own: dearer while they run; the bound is for fleets that do the
           ///< same
  Auto,    ///< Shared, or Apart where the hours given make that cheaper by the month
};

class Geometries;

struct PlanOptions {
  /// 1: at once, with the bound of the aggregated LP. 2, 3 (default): column generation and its
  /// bound, integer node counts. 4, 5: more of everything. Counted in steps, never in time.
  int effort = 3;
  bool certificate = false;  ///< fill Plan::certificate
  bool baselines = true;
  /// Fill Plan::levers: plans again, once for each capacity type of the policy beyond on-demand and
  /// once for what is owned; nothing more where the policy buys on demand only and nothing is
  /// owned.
  bool levers = false;
  JobsOn jobs = JobsOn::Auto;
  std::function<void(const Progress&)> progress;  ///< may be empty; called between rounds
  /// Kept from one plan to the next where several are made, all with one catalogue; nullptr: none.
  Geometries* tables = nullptr;
};

/// Never fails: pods that cannot be served are in `unplaced` with a reason. Deterministic for one
/// build and LP solver version. Cost grows about linearly with pods for a fixed number of classes.
Plan make_plan(const cluster::Demand& demand, const market::Market& market,
               const cluster::Policy& policy, LpSolver& solver, const PlanOptions& options = {});

}  // namespace kerf::plan
