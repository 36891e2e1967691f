// The ladder from today's bill to the plan's, one lever at a time.
//
// Today's nodes may be spot already. So that this is not claimed as a saving, rungs are bills on
// demand until spot's own, which counts only what spot saves beyond what it saves today:
//   today + what spot saves today      = the paid nodes on demand
//   - purchase - model - slicing       = their pods' own requests on demand
//   - spot - owned - waiting           = the plan
// Pods on owned nodes are left there until the lever "owned": nodes that are paid for anyway are no
// saving of whoever packs better. The sum of the parts is today's bill minus the plan's by
// construction.
#include <algorithm>
#include <optional>
#include <vector>

#include "core/market/owned.h"
#include "core/plan/live.h"

namespace kerf::plan {

namespace {

using market::CapacityType;

class Ladder {
 public:
  Ladder(const cluster::Cluster& cluster, const LivePlan& live, const market::Market& market,
         const cluster::Policy& policy, LpSolver& solver, const PlanOptions& options)
      : live_(live), market_(market), policy_(policy), solver_(solver), options_(options) {
    options_.baselines = false;
    options_.levers = false;
    options_.certificate = false;
    options_.progress = {};
    for_sale_ = market;
    owns_ = std::erase_if(for_sale_.offerings, market::is_owned) > 0;
    on_demand_ = policy;
    on_demand_.capacity_types = {CapacityType::OnDemand};
    for (std::uint32_t p = 0; p < cluster.pods.size(); ++p) {
      const std::uint32_t node = cluster.pods[p].node;
      if (node == cluster::kNone) {
        waits_ = true;
        continue;
      }
      running_.push_back(p);
      if (!cluster.nodes[node].owned) paid_.push_back(p);
    }
  }

  std::vector<Lever> run() {
    const bool sold = std::any_of(
        for_sale_.offerings.begin(), for_sale_.offerings.end(),
        [](const market::Offering& one) { return one.capacity_type == CapacityType::OnDemand; });
    if (!sold || running_.empty()) return {};
    bill_ = live_.today.bill;
    const LiveDemand& demand = live_.demand;
    const bool only_on_demand = policy_.capacity_types == on_demand_.capacity_types;
    const Rung held = planned(demand.held, paid_, for_sale_, on_demand_);
    const Rung any_model = planned(demand.held_any_model, paid_, for_sale_, on_demand_);
    const Rung own = planned(demand.planned, paid_, for_sale_, on_demand_);
    const Rung sold_all = only_on_demand ? own : planned(demand.planned, paid_, for_sale_, policy_);
    const Rung last = owns_ ? planned(demand.planned, running_, market_, policy_) : sold_all;
    const MicroUsdPerHour spot_today = live_.today.spot_saves;
    pull("purchase", live_.today.bill + spot_today - held.bill, held, held);
    pull("model", held.bill - any_model.bill, held, any_model);
    pull("slicing", any_model.bill - own.bill, any_model, own);
    if (!only_on_demand || spot_today.micro != 0)
      pull("spot", own.bill - sold_all.bill - spot_today, own, sold_all);
    if (owns_) pull("owned", sold_all.bill - last.bill, sold_all, last);
    if (waits_) pull("waiting", last.bill - live_.plan.bill, last, last);
    return std::move(levers_);
  }

 private:
  struct Rung {
    MicroUsdPerHour bill;
    std::size_t unplaced = 0;
  };

  /// The plan in hand where these are its pods on its terms, else a new one.
  Rung planned(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
               const market::Market& market, const cluster::Policy& policy) const {
    const bool in_hand = &demand == &live_.demand.planned && pods.size() == demand.pods.size() &&
                         policy.capacity_types == policy_.capacity_types &&
                         (!owns_ || &market == &market_);
    if (in_hand) return {live_.plan.bill, live_.plan.unplaced.size()};
    const Plan plan = make_plan(only(demand, pods), market, policy, solver_, options_);
    return {plan.bill, plan.unplaced.size()};
  }

  void pull(const char* name, MicroUsdPerHour part, const Rung& before, const Rung& after) {
    const MicroUsdPerHour next = bill_ - part;
    levers_.push_back({name, bill_, next, before.unplaced == after.unplaced});
    bill_ = next;
  }

  const LivePlan& live_;
  const market::Market& market_;
  const cluster::Policy& policy_;
  LpSolver& solver_;
  PlanOptions options_;
  market::Market for_sale_;
  cluster::Policy on_demand_;
  bool owns_ = false;
  std::vector<std::uint32_t> running_;
  std::vector<std::uint32_t> paid_;  ///< of them: on nodes that are not owned
  bool waits_ = false;               ///< some pod waits
  MicroUsdPerHour bill_;
  std::vector<Lever> levers_;
};

}  // namespace

std::vector<Lever> live_levers(const cluster::Cluster& cluster, const LivePlan& live,
                               const market::Market& market, const cluster::Policy& policy,
                               LpSolver& solver, const PlanOptions& options) {
  return Ladder(cluster, live, market, policy, solver, options).run();
}

}  // namespace kerf::plan
