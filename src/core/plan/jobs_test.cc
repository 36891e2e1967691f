// Jobs apart: two fleets in one plan, the comparison with the shared one, and what forbids it.
#include "core/plan/jobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/check/check.h"
#include "core/plan/plan_testing.h"
#include "core/plan/planner.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::market;
using testing::shape;
using testing::slice;

/// Three pods that are always on and three of a Job; one H100 has room for all of them.
cluster::Demand three_and_three(double hours = 0) {
  cluster::Demand demand;
  add(demand, "web", 3, shape(slice("1g.10gb")));
  add(demand, "nightly", 3, shape(slice("1g.10gb")));
  demand.workloads[1].kind = "Job";
  demand.workloads[1].transient = true;
  demand.workloads[1].hours_per_month = hours;
  return demand;
}

Plan plan_of(const cluster::Demand& demand, bool apart, const cluster::Policy& policy = {}) {
  const market::Market one = market({"p5.4xlarge"});
  const auto solver = solver::make_clp();
  PlanOptions options;
  options.baselines = false;
  options.jobs = apart ? JobsOn::Apart : JobsOn::Shared;
  Plan plan = make_plan(demand, one, policy, *solver, options);
  EXPECT_EQ(check::check_plan(plan, demand, one, policy), std::vector<std::string>{});
  return plan;
}

TEST(JobsApart, GivesJobsNodesOfTheirOwn) {
  const Plan shared = plan_of(three_and_three(), false);
  EXPECT_EQ(shared.nodes.size(), 1U);
  EXPECT_EQ(shared.transient_part.micro, 0) << "the node stands for the web pods anyway";
  const Plan apart = plan_of(three_and_three(), true);
  ASSERT_EQ(apart.nodes.size(), 2U);
  EXPECT_EQ(apart.bill.micro, 2 * shared.bill.micro);
  EXPECT_EQ(apart.transient_part, shared.bill);
  EXPECT_EQ(apart.month_micro_usd, shared.month_micro_usd) << "a Job without hours adds nothing";
  EXPECT_TRUE(apart.bound.optimal);
  for (const NodePlan& node : apart.nodes) EXPECT_EQ(node.pods.size(), 3U);
}

TEST(JobsApart, IsComparedWhereNodesAreShared) {
  const Plan shared = plan_of(three_and_three(), false);
  ASSERT_TRUE(shared.jobs_apart.has_value());
  EXPECT_EQ(shared.jobs_apart->always_on, shared.bill);
  EXPECT_EQ(shared.jobs_apart->jobs, shared.bill);
  EXPECT_FALSE(plan_of(three_and_three(), true).jobs_apart.has_value());
  cluster::Demand alone;
  add(alone, "web", 3, shape(slice("1g.10gb")));
  EXPECT_FALSE(plan_of(alone, false).jobs_apart.has_value());
}

TEST(JobsApart, IsChosenWhereTheHoursMakeItCheaper) {
  // Seven web pods fill an H100; with a Job's whole GPU beside them a p5.48xlarge would be shared.
  cluster::Demand demand;
  add(demand, "web", 7, shape(slice("1g.10gb")));
  add(demand, "train", 1, shape(testing::whole(4), 32000, 65536));
  demand.workloads[1].transient = true;
  const market::Market two = market({"p5.4xlarge", "p5.48xlarge"});
  const auto solver = solver::make_clp();
  PlanOptions options;
  options.baselines = false;
  for (const auto& [hours, nodes] : {std::pair{0.0, 1U}, {20.0, 2U}, {730.0, 1U}}) {
    demand.workloads[1].hours_per_month = hours;
    EXPECT_EQ(make_plan(demand, two, {}, *solver, options).nodes.size(), nodes) << hours;
  }
}

TEST(JobsApart, IsNotChosenWhereALimitWouldLeavePodsOut) {
  cluster::Demand demand = three_and_three(10);
  cluster::Policy policy;
  policy.limit_gpus = 1;
  const market::Market one = market({"p5.4xlarge"});
  const auto solver = solver::make_clp();
  PlanOptions options;
  options.baselines = false;
  EXPECT_TRUE(make_plan(demand, one, policy, *solver, options).unplaced.empty());
}

TEST(JobsApart, KeepsTogetherWhatConstraintsTie) {
  cluster::Demand demand;
  add(demand, "web", 1, shape(slice("1g.10gb")));
  cluster::PodShape shy = shape(slice("1g.10gb"));
  cluster::PodSelector web;
  web.namespaces = {"default"};
  web.labels = {{"app", cluster::Operator::In, {"web"}}};
  shy.anti_affinity = {{web, "kubernetes.io/hostname"}};
  add(demand, "nightly", 1, shy);
  demand.workloads[1].transient = true;
  demand.workloads[1].hours_per_month = 0;
  const Plan plan = plan_of(demand, true);
  EXPECT_EQ(plan.nodes.size(), 2U);
  EXPECT_TRUE(std::any_of(plan.notes.begin(), plan.notes.end(), [](const std::string& note) {
    return note.find("tie them together") != std::string::npos;
  }));
}

TEST(JobsApart, CountsHeadroomOnce) {
  cluster::Policy policy;
  policy.headroom = {{slice("1g.10gb"), 4, {0, 0, 0, 1}}};
  const Plan plan = plan_of(three_and_three(), true, policy);
  EXPECT_EQ(plan.nodes.size(), 2U) << "three pods and four of headroom fill the first GPU";
}

TEST(JobsApart, HoldsTheLimitForBothTogether) {
  cluster::Policy policy;
  policy.limit_gpus = 1;
  const Plan plan = plan_of(three_and_three(), true, policy);
  EXPECT_EQ(plan.nodes.size(), 1U);
  EXPECT_EQ(plan.unplaced.size(), 3U);
}

}  // namespace
}  // namespace kerf::plan
