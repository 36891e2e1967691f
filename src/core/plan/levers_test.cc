// Levers: which part of a saving is whose, adding up to the micro-dollar.
#include "core/plan/levers.h"

#include <gtest/gtest.h>

#include "core/plan/plan_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

void offer(market::Market& market, const std::string& type, std::int64_t micro,
           market::CapacityType capacity, std::optional<std::int64_t> count = std::nullopt) {
  market::Offering offering;
  offering.type = static_cast<std::uint32_t>(market.type_named(type) - market.types.data());
  offering.capacity_type = capacity;
  offering.price = {micro};
  offering.count = count;
  market.offerings.push_back(offering);
}

/// 14 pods that a seventh of an H100, or an L4, serves: at $6.88 for the one and $0.80 for the
/// other two H100s cost $13.76 and 14 L4s $11.20.
struct World {
  cluster::Demand demand;
  market::Market market = testing::market();
  cluster::Policy policy;

  World() {
    testing::add(demand, "chat", 14, testing::shape(testing::portable(10), 1000, 4096));
    market.offerings.clear();
    offer(market, "p5.4xlarge", 6'880'000, market::CapacityType::OnDemand);
    offer(market, "g6.xlarge", 800'000, market::CapacityType::OnDemand);
  }

  Plan plan() const {
    const auto solver = solver::make_clp();
    PlanOptions options = testing::quick();
    options.baselines = true;
    options.levers = true;
    return make_plan(demand, market, policy, *solver, options);
  }
};

std::vector<std::pair<std::string, std::int64_t>> parts(const Plan& plan) {
  std::vector<std::pair<std::string, std::int64_t>> parts;
  for (const Lever& lever : plan.levers) {
    EXPECT_TRUE(lever.comparable);
    parts.emplace_back(lever.name, (lever.before - lever.after).micro);
  }
  return parts;
}

using Parts = std::vector<std::pair<std::string, std::int64_t>>;

TEST(Levers, SlicingThatSavesNothingIsShownWithNothing) {
  const Plan plan = World().plan();
  EXPECT_EQ(parts(plan), (Parts{{"types", 0}, {"slicing", 0}}));
  EXPECT_EQ(plan.levers.back().after, plan.bill);
  EXPECT_EQ(plan.bill.micro, 14 * 800'000);
}

TEST(Levers, SpotAndWhatIsOwnedHaveTheirOwnParts) {
  World w;
  offer(w.market, "p5.4xlarge", 2'000'000, market::CapacityType::Spot);
  w.policy.capacity_types = {market::CapacityType::OnDemand, market::CapacityType::Spot};
  EXPECT_EQ(parts(w.plan()),
            (Parts{{"types", 0}, {"slicing", 0}, {"spot", 11'200'000 - 4'000'000}}));
  offer(w.market, "p5.4xlarge", 0, market::CapacityType::Reserved, 1);
  const Plan plan = w.plan();
  EXPECT_EQ(
      parts(plan),
      (Parts{
          {"types", 0}, {"slicing", 0}, {"spot", 11'200'000 - 4'000'000}, {"owned", 2'000'000}}));
  EXPECT_EQ(plan.levers.front().before.micro, 14 * 800'000);
  EXPECT_EQ(plan.levers.back().after, plan.bill);
}

TEST(Levers, WhatTypesSaveIsNotSlicing) {
  World w;
  // Karpenter's rule fills claims until only a large type is left; the best types are small ones.
  w.demand = {};
  testing::add(w.demand, "chat", 8, testing::shape(testing::portable(10), 1000, 4096));
  offer(w.market, "g6.12xlarge", 4'601'600, market::CapacityType::OnDemand);
  const Plan plan = w.plan();
  std::int64_t sum = 0;
  for (const auto& [name, part] : parts(plan)) sum += part;
  ASSERT_EQ(plan.baselines[0].name, "whole-gpu");
  ASSERT_EQ(plan.baselines[1].name, "whole-gpu-best-types");
  EXPECT_GT(plan.baselines[0].per_hour, plan.baselines[1].per_hour);
  EXPECT_EQ(sum, (plan.baselines[0].per_hour - plan.bill).micro);
  EXPECT_EQ(parts(plan)[0].second, (plan.baselines[0].per_hour - plan.baselines[1].per_hour).micro);
}

TEST(Levers, ANameOfASliceCanCostMoreThanWholeGpus) {
  World w;
  w.demand = {};
  testing::add(w.demand, "chat", 2, testing::shape(testing::slice("1g.10gb"), 1000, 4096));
  EXPECT_EQ(parts(w.plan()), (Parts{{"types", 0}, {"slicing", 1'600'000 - 6'880'000}}));
}

TEST(Levers, WaysThatServeOtherPodsAreNotCompared) {
  World w;
  cluster::PodShape fraction = testing::shape(testing::slice("1g.10gb"), 1000, 4096);
  fraction.node_selector = {{"karpenter.sh/capacity-type", cluster::Operator::In, {"spot"}}};
  testing::add(w.demand, "spot-only", 1, fraction);
  offer(w.market, "p5.4xlarge", 2'000'000, market::CapacityType::Spot);
  w.policy.capacity_types = {market::CapacityType::OnDemand, market::CapacityType::Spot};
  const Plan plan = w.plan();
  ASSERT_EQ(plan.levers.size(), 3U);
  EXPECT_TRUE(plan.levers[1].comparable);
  EXPECT_FALSE(plan.levers[2].comparable) << "one pod more is served";
}

TEST(Levers, ThereAreNoneWithoutPricesOnDemand) {
  World w;
  for (market::Offering& offering : w.market.offerings)
    offering.capacity_type = market::CapacityType::Spot;
  w.policy.capacity_types = {market::CapacityType::Spot};
  EXPECT_TRUE(w.plan().levers.empty());
}

}  // namespace
}  // namespace kerf::plan
