// make_live_plan: what a cluster costs, what it would cost if it were bought and cut well, starting
// from the nodes that stand, and which lever makes which part of the difference.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/cluster/cluster.h"
#include "core/plan/live_demand.h"
#include "core/plan/planner.h"
#include "core/plan/reuse.h"

namespace kerf::plan {

/// What the nodes that stand cost.
struct Today {
  MicroUsdPerHour bill;  ///< of all GPU nodes that have a price; what is owned costs nothing more
  MicroUsdPerHour list;  ///< the same nodes on demand, owned ones too
  std::int64_t nodes = 0;
  std::int64_t gpus = 0;
  std::int64_t owned = 0;          ///< nodes
  std::int64_t price_assumed = 0;  ///< spot nodes counted at the on-demand price
  std::int64_t unpriced = 0;       ///< nodes counted as 0
  std::int64_t running = 0;        ///< pods with a GPU request on them
  std::int64_t waiting = 0;        ///< pods that wait for a GPU
  std::int64_t empty_nodes = 0;    ///< no pod holds a GPU there: they can go without a move
  MicroUsdPerHour empty;           ///< what they cost
  MicroUsdPerHour spot_saves;      ///< list - price of the spot nodes
  MicroUsdPerHour owned_value;     ///< list price of the nodes that are owned
};
Today today_of(const cluster::Cluster& cluster);

/// The cost if something were otherwise; bill and what could not be served.
struct WhatIf {
  MicroUsdPerHour bill;
  std::int64_t nodes = 0;
  std::int64_t owned = 0;     ///< of them: nodes that are owned
  std::int64_t unplaced = 0;  ///< pods
};

struct LivePlan {
  Plan plan;  ///< for LiveDemand::planned; levers are those of live_levers()
  LiveDemand demand;
  Today today;
  Reuse reuse;
  /// Pods that ask for a whole GPU and not which: what all would cost if they asked for 8, 16, 24,
  /// 48, 80 GiB in its place (kSizes), as parts of GPUs or whole ones of any model. Where nodes are
  /// owned they count at their on-demand price here.
  struct Size {
    std::int32_t gib = 0;
    WhatIf cost;
  };
  std::vector<Size> sizes;
  /// What all would cost if slices that are asked for by name were asked for by their memory.
  std::optional<WhatIf> by_memory;
  std::int64_t by_name = 0;     ///< pods that ask for a slice by name
  std::optional<WhatIf> least;  ///< every autoscaled workload at its minimum; nullopt: none is
  std::optional<WhatIf> most;   ///< at its maximum
};
inline constexpr std::int32_t kSizes[] = {8, 16, 24, 48, 80};

struct LiveOptions {
  PlanOptions plan;
  std::string gpu;  ///< LiveDemand rule 2
  bool levers = true;
  bool sizes = true;
  bool autoscalers = true;
  bool owned_only = false;  ///< the market is at_list_price() of what is owned alone: call_owned()
};

/// The plan itself first: `first` (may be empty) is called when plan, today and reuse are there,
/// and the rest is not. Never fails, as make_plan. Market: with what is owned
/// (market::Offering::count, price 0), as many nodes at least as stand.
LivePlan make_live_plan(const cluster::Cluster& cluster, const market::Market& market,
                        const cluster::Policy& policy, LpSolver& solver, const LiveOptions& options,
                        const std::function<void(const LivePlan&)>& first = {});

/// The market with what is owned at the least on-demand price of its type, as reserved capacity
/// that has to be allowed like any other (market::Offering::count stays): so that a plan uses no
/// more of it than it needs. Types that are not sold on demand stay at 0.
market::Market at_list_price(market::Market market);

/// Says of a plan on such a market what its nodes are: owned, kept and not bought. Prices stay.
void call_owned(Plan& plan);

/// Which lever makes which part of today's bill minus the plan's, in this order; the parts add up
/// to the difference to the micro-dollar, and Lever::before of the first is today's bill:
///   purchase  pods on nodes that are paid for keep what they hold, and the model; nodes are bought
///             and packed anew, on demand
///   model     whole GPUs of any model that the request allows
///   slicing   the pods' own requests: slices, fractions, replicas
///   spot      what the policy may buy beyond on demand, less what spot saves today
///   owned     all pods that run, with what is owned: its room is used, and it is cut anew
///   waiting   the pods that wait now are served too (it costs)
/// Empty where nothing is sold on demand. The plans between are searched with the plan's effort.
std::vector<Lever> live_levers(const cluster::Cluster& cluster, const LivePlan& live,
                               const market::Market& market, const cluster::Policy& policy,
                               LpSolver& solver, const PlanOptions& options);

/// Whole GPUs of the model that each pod's node has today, packed by Karpenter's rules:
/// "whole-gpu-same-model".
Baseline same_model_baseline(const LiveDemand& demand, const market::Market& market,
                             const cluster::Policy& policy);

}  // namespace kerf::plan
