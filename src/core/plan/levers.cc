// One plan for each lever, each the one before and what the lever adds.
#include "core/plan/levers.h"

#include <algorithm>
#include <string_view>

#include "core/market/owned.h"

namespace kerf::plan {

namespace {

using market::CapacityType;

/// One way to serve the demand: its bill and whom it leaves out.
struct Way {
  MicroUsdPerHour bill;
  std::vector<std::uint32_t> unplaced;
};

Way way_of(const Plan& plan) {
  Way way{plan.bill, {}};
  for (const Unplaced& entry : plan.unplaced) way.unplaced.push_back(entry.pod);
  std::sort(way.unplaced.begin(), way.unplaced.end());
  return way;
}

Way way_of(const Plan& plan, std::string_view baseline) {
  for (const Baseline& one : plan.baselines)
    if (one.name == baseline) return {one.per_hour, one.unplaced};
  return way_of(plan);
}

class Splitter {
 public:
  Splitter(const Plan& plan, const cluster::Demand& demand, const market::Market& market,
           const cluster::Policy& policy, LpSolver& solver, const PlanOptions& options)
      : plan_(plan),
        demand_(demand),
        for_sale_(market),
        policy_(policy),
        solver_(solver),
        options_(options) {
    owned_ = std::erase_if(for_sale_.offerings, market::is_owned) > 0;
    for (const CapacityType type :
         {CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved})
      if (sold(type) && (policy.capacity_types.empty() ||
                         std::find(policy.capacity_types.begin(), policy.capacity_types.end(),
                                   type) != policy.capacity_types.end()))
        allowed_.push_back(type);
    options_.baselines = false;
    options_.levers = false;
    options_.certificate = false;
    options_.progress = {};  // its figures are those of other plans
  }

  std::vector<Lever> run() {
    if (!sold(CapacityType::OnDemand)) return {};
    const std::vector<CapacityType> on_demand = {CapacityType::OnDemand};
    if (is_the_plan(on_demand) && !plan_.baselines.empty()) {
      start(plan_);
    } else {
      options_.baselines = true;
      start(planned(on_demand));
      options_.baselines = false;
    }
    const bool reserved = allows(CapacityType::Reserved);
    if (allows(CapacityType::Spot)) {
      std::vector<CapacityType> types = allowed_;
      std::erase(types, CapacityType::Reserved);
      pull("spot", is_the_plan(types) ? way_of(plan_) : way_of(planned(types)));
    }
    if (reserved)
      pull("reserved", is_the_plan(allowed_) ? way_of(plan_) : way_of(planned(allowed_)));
    if (owned_) pull("owned", way_of(plan_));
    return std::move(levers_);
  }

 private:
  bool sold(CapacityType type) const {
    return std::any_of(for_sale_.offerings.begin(), for_sale_.offerings.end(),
                       [&](const market::Offering& o) { return o.capacity_type == type; });
  }
  bool allows(CapacityType type) const {
    return std::find(allowed_.begin(), allowed_.end(), type) != allowed_.end();
  }
  /// Is the plan in hand what these capacity types give without anything owned?
  bool is_the_plan(const std::vector<CapacityType>& types) const {
    return !owned_ && types == allowed_;
  }

  Plan planned(const std::vector<CapacityType>& types) const {
    cluster::Policy policy = policy_;
    policy.capacity_types = types;
    return make_plan(demand_, for_sale_, policy, solver_, options_);
  }

  void start(const Plan& sliced) {
    last_ = way_of(sliced, "whole-gpu");
    pull("types", way_of(sliced, "whole-gpu-best-types"));
    pull("slicing", way_of(sliced));
  }

  void pull(const char* name, Way next) {
    levers_.push_back({name, last_.bill, next.bill, last_.unplaced == next.unplaced});
    last_ = std::move(next);
  }

  const Plan& plan_;
  const cluster::Demand& demand_;
  market::Market for_sale_;
  const cluster::Policy& policy_;
  LpSolver& solver_;
  PlanOptions options_;
  bool owned_ = false;
  std::vector<CapacityType> allowed_;  ///< by the policy, and sold
  Way last_;
  std::vector<Lever> levers_;
};

}  // namespace

std::vector<Lever> levers_of(const Plan& plan, const cluster::Demand& demand,
                             const market::Market& market, const cluster::Policy& policy,
                             LpSolver& solver, const PlanOptions& options) {
  return Splitter(plan, demand, market, policy, solver, options).run();
}

}  // namespace kerf::plan
