// make_plan under a policy: limits, priorities, headroom, and the month of Jobs.
#include <gtest/gtest.h>

#include "core/plan/planner_testing.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::portable;
using testing::quick;
using testing::shape;
using testing::slice;
using testing::whole;
using testing::World;

std::int64_t gpus_of(const Plan& plan) {
  std::int64_t sum = 0;
  for (const NodePlan& node : plan.nodes) sum += static_cast<std::int64_t>(node.gpus.size());
  return sum;
}

TEST(PlannerLimits, StayWithinTheBillAndSayWhoIsLeftOut) {
  World world;
  world.market = testing::market({"g6.xlarge"});  // $0.8048
  add(world.demand, "low", 5, shape(whole()));
  cluster::PodShape urgent = shape(whole());
  urgent.priority = 100;
  add(world.demand, "high", 3, urgent);
  world.policy.limit_per_hour = MicroUsdPerHour{4 * 804'800};
  const Plan plan = world.plan();
  EXPECT_EQ(plan.bill.micro, 4 * 804'800);
  ASSERT_EQ(plan.unplaced.size(), 4u);
  for (const Unplaced& entry : plan.unplaced) {
    EXPECT_EQ(entry.reason.code, ReasonCode::LimitPerHour);
    EXPECT_EQ(entry.reason.args.at(0), "$3.22");
    EXPECT_EQ(world.name(entry.pod).substr(0, 3), "low") << "the higher priority is served first";
  }
  EXPECT_TRUE(plan.bound.optimal) << "for the pods that are placed";
}

TEST(PlannerLimits, CountGpus) {
  World world;
  world.market = testing::market({"g6.xlarge", "g6.12xlarge"});
  add(world.demand, "w", 9, shape(whole()));
  world.policy.limit_gpus = 6;
  const Plan plan = world.plan();
  EXPECT_EQ(gpus_of(plan), 6);
  ASSERT_EQ(plan.unplaced.size(), 3u);
  for (const Unplaced& entry : plan.unplaced) EXPECT_EQ(entry.reason.code, ReasonCode::LimitGpus);
}

TEST(PlannerLimits, OnGpusAreMetByDearerNodesThatHoldMore) {
  World world({"g4dn.xlarge", "p5.4xlarge"});
  add(world.demand, "w", 2, shape(portable(10)));
  world.policy.limit_gpus = 1;  // one p5.4xlarge holds both; two g4dn.xlarge are cheaper
  const Plan plan = world.plan();
  EXPECT_EQ(plan.placements.size(), 2U);
  EXPECT_EQ(gpus_of(plan), 1);
  EXPECT_TRUE(plan.bound.optimal) << "of the fleets within the limit, all were tried";
}

TEST(PlannerLimits, OnGpusAreMetByFleetsTooLargeToTryEverything) {
  // Slices of an H100 fit ten to a GPU by their memory and no GPU of a g4dn.xlarge holds two.
  World world({"g4dn.xlarge", "p5.4xlarge"});
  for (int i = 0; i < 14; ++i)
    add(world.demand, "w" + std::to_string(i), 2, shape(portable(10), 100 + i, 512 + 7 * i));
  const Plan free = world.plan();
  ASSERT_EQ(gpus_of(free), 28);
  world.policy.limit_gpus = 12;
  const Plan plan = world.plan();
  EXPECT_EQ(plan.placements.size(), 28U);
  EXPECT_LE(gpus_of(plan), 12);
  EXPECT_GT(plan.bill, free.bill);
  EXPECT_LE(plan.bound.per_hour, plan.bill);
  // One GPU of a p5.4xlarge takes seven; what it saves is bought back as g4dn.xlarge.
  EXPECT_EQ(plan.bill.micro, 3 * 6'880'000 + 7 * 526'000);
}

TEST(PlannerLimits, ThatAreWideChangeNothing) {
  World world;
  world.market = testing::market({"g6.xlarge"});
  add(world.demand, "w", 3, shape(whole()));
  const Plan free = world.plan();
  world.policy.limit_per_hour = free.bill;
  world.policy.limit_gpus = gpus_of(free);
  const Plan bounded = world.plan();
  EXPECT_EQ(bounded.bill, free.bill);
  EXPECT_TRUE(bounded.unplaced.empty());
}

TEST(PlannerLimits, OfNothingLeaveEverybodyOutWithTheirOwnReasons) {
  World world;
  world.market = testing::market({"g6.xlarge"});
  add(world.demand, "w", 3, shape(whole()));
  add(world.demand, "impossible", 1, shape(slice("1g.10gb")));
  world.policy.limit_per_hour = MicroUsdPerHour{100'000};
  const Plan plan = world.plan();
  EXPECT_TRUE(plan.nodes.empty());
  ASSERT_EQ(plan.unplaced.size(), 4u);
  for (const Unplaced& entry : plan.unplaced)
    EXPECT_EQ(entry.reason.code, world.name(entry.pod) == "impossible-0"
                                     ? ReasonCode::UnknownProfile
                                     : ReasonCode::LimitPerHour);
}

TEST(PlannerLimits, HoldForRandomDemands) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    World world;
    Prng prng(seed);
    world.market = testing::market(testing::some_types());
    testing::add_random(prng, 5, 5, world.demand);
    const Plan free = world.plan();
    world.policy.limit_per_hour = MicroUsdPerHour{free.bill.micro * 6 / 10};
    const Plan half = world.plan();
    EXPECT_LE(half.bill, *world.policy.limit_per_hour) << "seed " << seed;
    EXPECT_GT(half.unplaced.size(), free.unplaced.size());
    EXPECT_LE(half.bound.per_hour, half.bill);
  }
}

TEST(Headroom, IsKeptFreeAndPaidForByThoseWhoAreThere) {
  World world;
  world.market = testing::market({"p5.4xlarge"});
  add(world.demand, "llm", 2, shape(slice("1g.10gb")));
  world.policy.headroom = {{slice("2g.20gb"), 2, {1000, 2048, 0, 1}}};
  const Plan plan = world.plan();
  ASSERT_EQ(plan.nodes.size(), 1u);
  int kept = 0;
  for (const SlicePlan& s : plan.nodes[0].gpus[0].slices) kept += s.headroom ? 1 : 0;
  EXPECT_EQ(kept, 2);
  EXPECT_EQ(plan.nodes[0].used.cpu_milli, 4000);
  EXPECT_EQ(plan.placements.size(), 2u);
  EXPECT_EQ(plan.placements[0].cost + plan.placements[1].cost, plan.bill);
}

TEST(Headroom, ThatNothingServesIsSaid) {
  World world;
  world.market = testing::market({"g6.xlarge"});
  add(world.demand, "w", 1, shape(whole()));
  world.policy.headroom = {{slice("2g.20gb"), 2, {1000, 2048, 0, 1}}};
  auto solver = solver::make_clp();
  const Plan plan = make_plan(world.demand, world.market, world.policy, *solver, quick());
  EXPECT_EQ(plan.bill.micro, 804'800);
  EXPECT_FALSE(plan.notes.empty());
}

TEST(Month, CountsJobsForTheirHoursAndTheRestForAllOfIt) {
  World world;
  world.market = testing::market({"g6.xlarge"});
  add(world.demand, "web", 2, shape(whole()));
  add(world.demand, "job", 1, shape(whole()));
  world.demand.workloads[1].transient = true;
  world.demand.workloads[1].hours_per_month = 10.5;
  const Plan plan = world.plan();
  EXPECT_EQ(plan.bill.micro, 3 * 804'800);
  EXPECT_EQ(plan.transient_part.micro, 804'800);
  EXPECT_EQ(plan.month_micro_usd, 2 * 804'800 * std::int64_t{730} + 804'800 * 105 / 10);
  EXPECT_EQ(plan.workloads[0].per_hour.micro, 2 * 804'800);
  EXPECT_EQ(plan.workloads[1].per_hour.micro, 804'800);
  EXPECT_EQ(plan.workloads[1].placed, 1);
}

TEST(Policies, ChooseWhatMayBeBought) {
  struct Case {
    const char* what;
    void (*set)(cluster::Policy&);
    const char* type;
  };
  const Case cases[] = {
      {"nothing", [](cluster::Policy&) {}, "g4dn.xlarge"},
      {"types", [](cluster::Policy& p) { p.instance_types = {"g6.*"}; }, "g6.xlarge"},
      {"families", [](cluster::Policy& p) { p.families = {"g5"}; }, "g5.xlarge"},
      {"architectures", [](cluster::Policy& p) { p.architectures = {"arm64"}; }, "g5g.xlarge"},
  };
  for (const Case& c : cases) {
    World world;
    c.set(world.policy);
    add(world.demand, "w", 1, shape(portable(10)));
    const Plan plan = world.plan();
    ASSERT_EQ(plan.nodes.size(), 1u) << c.what;
    EXPECT_EQ(world.market.types[plan.nodes[0].type].name, c.type) << c.what;
  }
}

}  // namespace
}  // namespace kerf::plan
