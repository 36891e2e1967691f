// Prices, sums, limits, month and bound: each off by one micro-dollar, or by one node.
#include <gtest/gtest.h>

#include "core/check/fleet_testing.h"

namespace kerf::check {
namespace {

using testing::Fleet;
using testing::World;

TEST(CheckMoney, ReportsEverySumThatIsOff) {
  testing::expect_reported<Fleet>({
      {"price", [](Fleet& f) { f.plan.nodes[3].price.micro -= 1; },
       "node 3 (g4dn.xlarge) is planned at $0.525999 and costs $0.526000"},
      {"capacity type",
       [](Fleet& f) {
         f.policy.capacity_types.clear();
         f.plan.nodes[3].capacity_type = market::CapacityType::Spot;
       },
       "node 3 (g4dn.xlarge) is not sold in the region with its capacity type"},
      {"bill", [](Fleet& f) { f.plan.bill.micro += 1; }, "bill: the prices of the nodes"},
      {"part of a pod", [](Fleet& f) { f.plan.placements[0].cost.micro += 1; },
       "node 0 (p5.8xlarge): the parts of its pods add up to $12.000001 and not to $12.000000"},
      {"less than nothing", [](Fleet& f) { f.plan.placements[0].cost.micro = -1; },
       "pod default/trainer-0 is charged less than nothing"},
      {"action's change", [](Fleet& f) { f.plan.actions[0].per_hour.micro -= 1; },
       "an action: the prices of its nodes"},
      {"actions in all", [](Fleet& f) { f.plan.actions.pop_back(); },
       "actions: their changes of the bill"},
      {"not bought", [](Fleet& f) { f.plan.actions.pop_back(); }, "node 4 (g6f.large) is bought 0"},
      {"bought twice",
       [](Fleet& f) {
         f.plan.actions[2].nodes = {2, 3};
       },
       "node 3 (g4dn.xlarge) is bought 2 times"},
      {"count", [](Fleet& f) { f.plan.actions[2].count = 2; },
       "an action buys 2 nodes and names 1"},
      {"other type", [](Fleet& f) { f.plan.actions[2].type = 0; },
       "an action buys node 2 (g4dn.xlarge) as something else"},
      {"kind", [](Fleet& f) { f.plan.actions[0].kind = plan::ActionKind::Keep; },
       "an action keeps node 0 (p5.8xlarge), which is not there yet"},
      {"another kind", [](Fleet& f) { f.plan.actions[0].kind = plan::ActionKind::Cut; },
       "an action does not buy"},
      {"bought and there", [](Fleet& f) { f.plan.nodes[0].name = "ip-10-0-0-1"; },
       "an action buys node 0 (p5.8xlarge), which stands"},
      {"kept at a price",
       [](Fleet& f) {
         f.plan.nodes[0].name = "ip-10-0-0-1";
         f.plan.actions[0].kind = plan::ActionKind::Keep;
       },
       "an action: the prices of its nodes"},
      {"returned at a price",
       [](Fleet& f) {
         f.plan.actions.push_back({plan::ActionKind::Return, 1, 0, {}, {}, {1}});
       },
       "an action that returns names nodes of the plan, or adds to the bill"},
      {"moved for money",
       [](Fleet& f) {
         f.plan.actions.push_back({plan::ActionKind::Move, 1, 0, {}, {}, {-1}});
       },
       "an action that moves names nodes of the plan, or changes the bill"},
      {"said to be owned", [](Fleet& f) { f.plan.nodes[3].owned = true; },
       "node 3 (g4dn.xlarge) is not sold in the region with its capacity type"},
      {"owned at a price", [](Fleet& f) { f.plan.nodes[3].owned = true; },
       "node 3 (g4dn.xlarge) is owned and has a price of $0.526000"},
      {"owned and bought", [](Fleet& f) { f.plan.nodes[3].owned = true; },
       "an action buys node 3 (g4dn.xlarge), which is owned"},
      {"workload", [](Fleet& f) { f.plan.workloads[0].per_hour.micro -= 1; },
       "Deployment default/trainer: the parts of its pods"},
      {"workload's pods", [](Fleet& f) { f.plan.workloads[0].placed = 2; },
       "Deployment default/trainer has 1 pods placed, 2 accounted for"},
      {"workload's forms", [](Fleet& f) { f.plan.workloads[0].forms.clear(); }, "and 0 by form"},
      {"no workloads", [](Fleet& f) { f.plan.workloads.pop_back(); },
       "workloads are accounted for"},
      {"transient", [](Fleet& f) { f.plan.transient_part.micro = 1; },
       "transient part: the nodes that only Jobs hold"},
      {"a workload's month", [](Fleet& f) { f.plan.workloads[0].month_micro_usd += 1; },
       "the months of the workloads come to"},
      {"month", [](Fleet& f) { f.plan.month_micro_usd += 730; }, "the month is given as"},
      {"order",
       [](Fleet& f) {
         f.market.offerings[World::kG6f].price = {600'000};
         f.finish();
       },
       "node 4 (g6f.large) is dearer than the node before it"},
      {"GPUs counted", [](Fleet& f) { f.plan.utilisation.gpus -= 1; },
       "7 GPUs are bought and 6 are counted"},
  });
}

/// The last node, a g6f.large, is the one that is owned.
struct Owner : Fleet {
  Owner() {
    market::Offering offering{World::kG6f, "", market::CapacityType::Reserved, {}};
    offering.count = 1;
    market.offerings.push_back(offering);
    use();
  }
  void use() {
    plan.nodes.back().owned = true;
    plan.nodes.back().capacity_type = market::CapacityType::Reserved;
    finish();
  }
};

TEST(CheckMoney, ReportsWhatIsNotOwned) {
  testing::expect_reported<Owner>({
      {"count", [](Owner& o) { o.market.offerings.back().count = 0; },
       "1 nodes of g6f.large are used as owned and 0 are"},
      {"bought", [](Owner& o) { o.plan.nodes.back().owned = false; },
       "node 4 (g6f.large) is not sold in the region with its capacity type"},
      {"price", [](Owner& o) { o.plan.nodes.back().price.micro = 1; },
       "node 4 (g6f.large) is owned and has a price of $0.000001"},
      {"action", [](Owner& o) { o.plan.actions.back().kind = plan::ActionKind::Buy; },
       "an action buys node 4 (g6f.large), which is owned"},
      {"another type", [](Owner& o) { o.market.offerings.back().type = World::kP4d; },
       "node 4 (g6f.large) is not sold in the region with its capacity type"},
      {"no count",
       [](Owner& o) {
         o.market.offerings.back().count.reset();
         o.policy.capacity_types.push_back(market::CapacityType::Reserved);
       },
       "node 4 (g6f.large) is not sold in the region with its capacity type"},
      {"zone",
       [](Owner& o) {
         o.market.offerings.back().zone = "us-east-1a";
         o.plan.nodes.back().zones = {"us-east-1b"};
       },
       "is not sold in zone us-east-1b"},
      {"two in one zone",
       [](Owner& o) {
         market::Offering& here = o.market.offerings.back();
         here.zone = "us-east-1a";
         here.count = 0;
         market::Offering other = here;
         other.zone = "us-east-1b";
         other.count = 1;
         o.market.offerings.push_back(other);
         o.plan.nodes.back().zones = {"us-east-1a"};
       },
       "1 nodes of g6f.large in us-east-1a are used as owned and 0 are"},
  });
}

TEST(CheckMoney, AllowsWhatIsOwnedWhateverThePolicyBuys) {
  Owner owner;
  owner.policy.instance_types = {"p5.*", "p4d.*", "g4dn.*"};
  owner.policy.families = {"p5", "p4d", "g4dn"};
  EXPECT_EQ(testing::listed(owner.complaints()), "no complaint");
  owner.policy.zones = {"us-east-1a"};
  EXPECT_TRUE(testing::says(owner.complaints(), "may come up in any zone"));
}

TEST(CheckMoney, ReportsLimitsThatArePassed) {
  testing::expect_reported<Fleet>({
      {"dollars", [](Fleet& f) { f.policy.limit_per_hour = f.plan.bill - MicroUsdPerHour{1}; },
       "is above the policy's limit of $23.254000 an hour"},
      {"GPUs", [](Fleet& f) { f.policy.limit_gpus = 6; },
       "7 GPUs are bought and the policy's limit is 6"},
  });
  Fleet fleet;
  fleet.policy.limit_per_hour = fleet.plan.bill;
  fleet.policy.limit_gpus = 7;
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint");
}

TEST(CheckMoney, ReportsBoundsThatCannotBe) {
  testing::expect_reported<Fleet>({
      {"above", [](Fleet& f) { f.plan.bound.per_hour.micro += 1; }, "the bound of $23.254002"},
      {"negative",
       [](Fleet& f) {
         f.plan.bound.optimal = false;
         f.plan.bound.per_hour.micro = -1;
       },
       "is not between nothing and the bill"},
      {"not optimal", [](Fleet& f) { f.plan.bound.per_hour.micro -= 1; },
       "called the cheapest possible, and its bound is $0.000001 below"},
  });
}

TEST(CheckMoney, ReportsBaselinesThatDoNotAddUp) {
  plan::Baseline holds;
  holds.name = "whole-gpu";
  holds.per_hour = {300};
  holds.nodes = 3;
  holds.per_workload = {{100}, {200}};
  holds.fleet = {{"a", 1}, {"b", 2}};
  Fleet fleet;
  fleet.plan.baselines = {holds};
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint");
  fleet.plan.baselines[0].per_workload[0].micro = 99;
  EXPECT_TRUE(testing::says(fleet.complaints(), "baseline whole-gpu: the parts of workloads"));
  fleet.policy.headroom = {{testing::whole(), 0, {}}};
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint")
      << "headroom alone is no workload's";
  fleet.policy.headroom.clear();
  fleet.plan.baselines = {holds};
  fleet.plan.baselines[0].nodes = 4;
  EXPECT_TRUE(testing::says(fleet.complaints(), "baseline whole-gpu has 4 nodes and lists 3"));
}

TEST(CheckMoney, CountsTransientWorkloadsByTheirHours) {
  Fleet fleet;
  cluster::Workload& job = fleet.demand.workloads[0];
  job.transient = true;
  job.hours_per_month = 10.5;
  fleet.finish();
  // It shares its node of $12.00/h with a pod that is always on: the node is paid for all month.
  EXPECT_EQ(fleet.plan.month_micro_usd, fleet.plan.bill.micro * 730);
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint");
  for (cluster::Workload& workload : fleet.demand.workloads) {
    workload.transient = true;
    workload.hours_per_month = 10.5;
  }
  fleet.finish();
  EXPECT_EQ(fleet.plan.transient_part, fleet.plan.bill);
  EXPECT_EQ(fleet.plan.month_micro_usd, fleet.plan.bill.micro * 21 / 2);
  EXPECT_EQ(testing::listed(fleet.complaints()), "no complaint");
  fleet.plan.month_micro_usd = fleet.plan.bill.micro * 730;
  EXPECT_TRUE(testing::says(fleet.complaints(), "the month is given as"));
}

TEST(CheckMoney, TakesThePriceOfTheZone) {
  struct Case {
    const char* what;
    std::vector<std::string> zones;
    std::int64_t price;
    bool holds;
  };
  // Sold at 1 in zone a, at 2 in zone b, not in zone c, where something else is sold.
  const Case kCases[] = {{"a", {"a"}, 1, true},
                         {"b", {"b"}, 2, true},
                         {"b at a's", {"b"}, 1, false},
                         {"c", {"c"}, 1, false},
                         {"a or b", {"a", "b"}, 1, false},
                         {"any", {}, 1, false}};
  for (const Case& c : kCases) {
    World world;
    world.market.offerings = {{World::kG4dn, "a", market::CapacityType::OnDemand, {1}},
                              {World::kG4dn, "b", market::CapacityType::OnDemand, {2}},
                              {World::kP5, "c", market::CapacityType::OnDemand, {9}}};
    world.on_g4dn(world.pod("any", {testing::whole()}), c.zones);
    world.finish();
    world.plan.nodes[0].price = {c.price};
    world.plan.placements[0].cost = {c.price};
    world.plan.actions[0].per_hour = world.plan.bill = world.plan.bound.per_hour = {c.price};
    world.plan.workloads[0].per_hour = {c.price};
    world.plan.month_micro_usd = c.price * 730;
    EXPECT_EQ(world.complaints().empty(), c.holds) << c.what << testing::listed(world.complaints());
  }
}

}  // namespace
}  // namespace kerf::check
