// World: a demand, a market and a policy that tests of make_plan fill in and plan; plans are
// checked.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/check/check.h"
#include "core/plan/plan_testing.h"
#include "core/plan/planner.h"
#include "solver/clp.h"

namespace kerf::plan::testing {

struct World {
  explicit World(const std::vector<std::string>& types = {}) : market(testing::market(types)) {}

  cluster::Demand demand;
  market::Market market;
  cluster::Policy policy;

  Plan plan(const PlanOptions& options = quick()) const {
    auto solver = solver::make_clp();
    Plan made = make_plan(demand, market, policy, *solver, options);
    EXPECT_EQ(faults(made), std::vector<std::string>{});
    return made;
  }
  std::vector<std::string> faults(const Plan& made) const {
    return check::check_plan(made, demand, market, policy);
  }
  std::string name(std::uint32_t pod) const { return demand.pods[pod].name; }
};

}  // namespace kerf::plan::testing
