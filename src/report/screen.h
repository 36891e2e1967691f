// Screen: the plan that the sections of its table read, and the text that they add to.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/plan.h"
#include "report/paper.h"

namespace kerf::report {

// Short names, because members of Screen are called as the namespaces are.
using market::Market;
using plan::Plan;

class Screen : public Paper {
 public:
  /// `month_micro_usd`: the largest sum of a month beside the plan's.
  Screen(const Plan& plan_in, const cluster::Demand& demand_in, const Market& market_in,
         const cluster::Policy& policy_in, const TableOptions& options_in,
         std::int64_t month_micro_usd = 0)
      : Paper(options_in, std::max(plan_in.month_micro_usd, month_micro_usd)),
        plan(plan_in),
        demand(demand_in),
        market(market_in),
        policy(policy_in) {}

  const Plan& plan;
  const cluster::Demand& demand;
  const Market& market;
  const cluster::Policy& policy;
};

// The sections, from top to bottom.
void write_headline(Screen& screen);
/// In its place where nothing is bought: how many pods fit, and what is left over.
void write_owned_only(Screen& screen);
void write_levers(Screen& screen);
/// What is owned and used, and what it would cost; part of the headline.
void write_owned(Screen& screen);
void write_workloads(Screen& screen);
void write_fleet(Screen& screen);
void write_use(Screen& screen);
void write_unplaced(Screen& screen);
void write_notes(Screen& screen);

}  // namespace kerf::report
