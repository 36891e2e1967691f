// What could serve a pod and at what price; what the planner itself pays is the judge.
#include "core/plan/alternatives.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "base/prng.h"
#include "core/plan/plan_testing.h"
#include "core/plan/planner.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

struct Asked {
  cluster::Demand demand;
  market::Market market = testing::market();
  cluster::Policy policy;

  Alternatives run() const {
    std::vector<std::uint32_t> pods(demand.pods.size());
    std::iota(pods.begin(), pods.end(), 0U);
    return alternatives(demand, pods, market, policy);
  }
};

MicroUsdPerHour price_of(const market::Market& market, const std::string& name) {
  for (const market::Offering& offering : market.offerings)
    if (market.types[offering.type].name == name &&
        offering.capacity_type == market::CapacityType::OnDemand)
      return offering.price;
  return {};
}

const Constraint* named(const Alternatives& found, const std::string& start) {
  for (const Constraint& one : found.constraints)
    if (one.name.starts_with(start)) return &one;
  return nullptr;
}

TEST(Alternatives, AWholeGpuIsPricedByItself) {
  Asked asked;
  asked.market = testing::market({"g4dn.xlarge", "g6.xlarge"});
  testing::add(asked.demand, "web", 1, testing::shape(testing::whole()));
  const Alternatives found = asked.run();
  ASSERT_EQ(found.forms.size(), 2U);
  EXPECT_EQ(found.forms[0].form, "whole T4");
  EXPECT_EQ(found.forms[0].type, "g4dn.xlarge");
  EXPECT_EQ(found.forms[0].price.shared, price_of(asked.market, "g4dn.xlarge"));
  EXPECT_EQ(found.forms[0].price.alone, price_of(asked.market, "g4dn.xlarge"));
  EXPECT_EQ(found.forms[1].form, "whole L4");
  ASSERT_TRUE(found.least);
  EXPECT_EQ(*found.least, found.forms[0].price);
}

TEST(Alternatives, ASliceSharesAFullNodeOrPaysForItAlone) {
  Asked asked;
  asked.market = testing::market({"p4d.24xlarge"});
  testing::add(asked.demand, "embed", 2, testing::shape(testing::slice("1g.5gb")));
  const Alternatives found = asked.run();
  ASSERT_EQ(found.forms.size(), 1U);
  EXPECT_EQ(found.forms[0].form, "1g.5gb A100-40");
  const std::int64_t price = price_of(asked.market, "p4d.24xlarge").micro;
  EXPECT_EQ(found.forms[0].price.shared.micro, (price + 55) / 56);  // seven on each of eight GPUs
  EXPECT_EQ(found.forms[0].price.alone.micro, (price + 1) / 2);
}

TEST(Alternatives, ASelectorThatPinsTheModelCostsMost) {
  Asked asked;
  asked.market = testing::market({"g4dn.xlarge", "p5.4xlarge"});
  cluster::PodShape shape = testing::shape(testing::whole());
  shape.node_selector = {{"karpenter.k8s.aws/instance-family", cluster::Operator::In, {"p5"}}};
  testing::add(asked.demand, "web", 1, shape);
  const Alternatives found = asked.run();
  ASSERT_TRUE(found.least);
  EXPECT_EQ(found.least->shared, price_of(asked.market, "p5.4xlarge"));
  ASSERT_FALSE(found.constraints.empty());
  EXPECT_EQ(found.constraints[0].name, "node selector karpenter.k8s.aws/instance-family=p5");
  EXPECT_EQ(found.constraints[0].saving,
            price_of(asked.market, "p5.4xlarge") - price_of(asked.market, "g4dn.xlarge"));
}

TEST(Alternatives, AntiAffinityCostsWhatTheRestOfTheNodeCosts) {
  Asked asked;
  asked.market = testing::market({"g6.12xlarge"});
  cluster::PodShape shape = testing::shape(testing::whole());
  cluster::AffinityTerm term;
  term.selector.namespaces = {"default"};
  term.selector.labels = {{"app", cluster::Operator::In, {"web"}}};
  term.topology_key = "kubernetes.io/hostname";
  shape.anti_affinity = {term};
  testing::add(asked.demand, "web", 4, shape);
  const Alternatives found = asked.run();
  const Constraint* anti = named(found, "anti-affinity by kubernetes.io/hostname");
  ASSERT_NE(anti, nullptr);
  const std::int64_t price = price_of(asked.market, "g6.12xlarge").micro;
  ASSERT_TRUE(found.least && anti->without);
  EXPECT_EQ(found.least->shared.micro, price);
  EXPECT_EQ(anti->without->shared.micro, (price + 3) / 4);
  EXPECT_EQ(found.constraints[0].name, anti->name);
}

TEST(Alternatives, NamesTheConstraintThatKeepsAllAway) {
  Asked asked;
  cluster::PodShape shape = testing::shape(testing::whole());
  shape.node_selector = {{"karpenter.k8s.aws/instance-family", cluster::Operator::In, {"p99"}}};
  testing::add(asked.demand, "web", 1, shape);
  const Alternatives found = asked.run();
  EXPECT_FALSE(found.least);
  EXPECT_EQ(found.why_not.code, ReasonCode::NoTypeMatches);
  ASSERT_FALSE(found.constraints.empty());
  EXPECT_EQ(found.constraints[0].name, "node selector karpenter.k8s.aws/instance-family=p99");
  EXPECT_TRUE(found.constraints[0].without);
  for (std::size_t i = 1; i < found.constraints.size(); ++i)
    EXPECT_FALSE(found.constraints[i].without) << found.constraints[i].name;
}

TEST(Alternatives, EachKindOfConstraintIsLookedAt) {
  Asked asked;
  cluster::PodShape shape = testing::shape(testing::portable(10));
  shape.node_affinity = {{{"kubernetes.io/arch", cluster::Operator::In, {"amd64"}}}};
  shape.volume_zone_bound = true;
  shape.volume_zones = {"us-east-1a"};
  cluster::SpreadConstraint spread;
  spread.max_skew = 2;
  spread.topology_key = "topology.kubernetes.io/zone";
  spread.selector.labels = {{"app", cluster::Operator::In, {"web"}}};
  spread.selector.namespaces = {"default"};
  shape.spread = {spread};
  asked.policy.node_taints = {{"team", "ml", "NoSchedule"}};
  testing::add(asked.demand, "web", 2, shape);
  const Alternatives found = asked.run();
  for (const char* start :
       {"node affinity", "volumes in us-east-1a", "no toleration of team",
        "spread over topology.kubernetes.io/zone", "isolation", "1 CPU", "2.0 GiB of memory"})
    EXPECT_NE(named(found, start), nullptr) << start;
  const Constraint* taint = named(found, "no toleration of team");
  EXPECT_FALSE(found.least);
  EXPECT_TRUE(taint != nullptr && taint->without);
}

TEST(Alternatives, ASliceAskedForByNameIsComparedWithItsMemory) {
  Asked asked;
  asked.market = testing::market({"p5.4xlarge", "g6.xlarge"});
  testing::add(asked.demand, "embed", 1, testing::shape(testing::slice("1g.10gb")));
  const Alternatives found = asked.run();
  const Constraint* by_name = named(found, "profile 1g.10gb by name (not kerf.dev/gpu-10gi)");
  ASSERT_NE(by_name, nullptr);
  ASSERT_TRUE(by_name->without && found.least);
  EXPECT_LT(by_name->without->alone, found.least->alone);
}

TEST(Alternatives, AffinityToOthersIsNotHeldAgainstThem) {
  Asked asked;
  cluster::PodShape shape = testing::shape(testing::whole());
  cluster::AffinityTerm term;
  term.selector.namespaces = {"default"};
  term.selector.labels = {{"app", cluster::Operator::In, {"cache"}}};
  term.topology_key = "kubernetes.io/hostname";
  shape.affinity = {term};
  testing::add(asked.demand, "web", 1, shape);
  EXPECT_TRUE(asked.run().least);
}

TEST(Alternatives, WhatIsOwnedIsNoPrice) {
  Asked asked;
  asked.market = testing::market({"g4dn.xlarge"});
  market::Offering owned = asked.market.offerings.front();
  owned.price = {};
  owned.capacity_type = market::CapacityType::Reserved;
  owned.count = 3;
  asked.market.offerings.push_back(owned);
  testing::add(asked.demand, "web", 1, testing::shape(testing::whole()));
  const Alternatives found = asked.run();
  ASSERT_TRUE(found.least);
  EXPECT_EQ(found.least->shared, price_of(asked.market, "g4dn.xlarge"));
}

TEST(Alternatives, NoPodsNoAnswer) {
  Asked asked;
  const Alternatives found = asked.run();
  EXPECT_TRUE(found.forms.empty() && found.constraints.empty() && !found.least);
}

/// The plan of one workload alone is never dearer than its cheapest form by itself, and never
/// cheaper than full nodes.
TEST(Alternatives, EncloseWhatThePlannerPays) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Prng prng(seed);
    Asked asked;
    asked.market = testing::market(testing::some_types());
    testing::add_random(prng, 1, 9, asked.demand);
    const Alternatives found = asked.run();
    const auto solver = solver::make_clp();
    const Plan plan =
        make_plan(asked.demand, asked.market, asked.policy, *solver, testing::quick());
    ASSERT_EQ(found.least.has_value(), plan.unplaced.empty()) << seed;
    if (!found.least) continue;
    const auto pods = static_cast<std::int64_t>(asked.demand.pods.size());
    EXPECT_LE(plan.bill.micro, found.least->alone.micro * pods) << seed;
    for (const Constraint& one : found.constraints) {
      EXPECT_GE(one.saving.micro, 0) << seed << one.name;
      ASSERT_TRUE(one.without) << seed << one.name;  // less constraints never serve less
      EXPECT_LE(one.without->alone, found.least->alone) << seed << one.name;
      EXPECT_LE(one.without->shared, found.least->shared) << seed << one.name;
    }
  }
}

}  // namespace
}  // namespace kerf::plan
