// make_plan where pods decide each other's node: labels that agree only two by two, required
// company, and limits that one dear pod must not use up for all.
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

constexpr const char* kHost = "kubernetes.io/hostname";

cluster::PodShape of_team(cluster::Operator op, std::vector<std::string> teams) {
  cluster::PodShape pod = shape(slice("1g.10gb"));
  pod.node_selector = {{"team", op, std::move(teams)}};
  return pod;
}

cluster::PodSelector with_label(const std::string& key, const std::string& value) {
  cluster::PodSelector selector;
  selector.namespaces = {"default"};
  selector.labels = {{key, cluster::Operator::In, {value}}};
  return selector;
}

TEST(Company, NeedsOneLabelValueForAllNotForEachTwo) {
  using cluster::Operator;
  const std::vector<std::vector<cluster::PodShape>> cases = {
      {of_team(Operator::In, {"a", "b"}), of_team(Operator::In, {"b", "c"}),
       of_team(Operator::In, {"a", "c"})},
      {of_team(Operator::In, {"a", "b"}), of_team(Operator::NotIn, {"a"}),
       of_team(Operator::NotIn, {"b"})},
  };
  for (const std::vector<cluster::PodShape>& shapes : cases) {
    World world({"p5.4xlarge"});
    for (const cluster::PodShape& pod : shapes)
      add(world.demand, "w" + std::to_string(world.demand.pods.size()), 1, pod);
    EXPECT_EQ(world.plan().nodes.size(), 2u);
  }
}

TEST(Company, ThatWantsTwoValuesOfALabelIsNotPlaced) {
  World world({"p5.4xlarge"});
  cluster::PodShape follower = of_team(cluster::Operator::In, {"a"});
  follower.affinity = {{with_label("app", "leader"), kHost}};
  add(world.demand, "follower", 1, follower);
  add(world.demand, "leader", 1, of_team(cluster::Operator::In, {"b"}));
  const Plan plan = world.plan();
  ASSERT_EQ(plan.unplaced.size(), 2u);
  EXPECT_EQ(plan.unplaced[0].reason.code, ReasonCode::ConflictingPods);
}

TEST(Company, GivesEveryPodTheFormItAskedFor) {
  // Ten portable pods beside one that wants a whole GPU, on eight GPUs: the whole one is not
  // theirs.
  World world({"p5.48xlarge"});
  cluster::PodShape follower = shape(portable(10));
  follower.affinity = {{with_label("app", "leader"), kHost}};
  add(world.demand, "follower", 10, follower);
  add(world.demand, "leader", 1, shape(whole()));
  const Plan plan = world.plan();
  EXPECT_EQ(plan.placements.size(), 11u);
  EXPECT_EQ(plan.placements.back().form.kind, gpu::FormKind::Whole);
}

TEST(Company, ThatCouldBeFoundElsewhereIsNoReasonToCallAPlanOptimal) {
  // All eight beside each other need a p5.48xlarge; two p5.4xlarge would do, each with some of
  // team.
  World world({"p5.4xlarge", "p5.48xlarge"});
  cluster::PodShape social = shape(slice("1g.10gb"));
  social.labels = {{"team", "x"}};
  cluster::PodShape other = social;
  social.affinity = {{with_label("team", "x"), kHost}};
  add(world.demand, "social", 8, social);
  add(world.demand, "other", 6, other);
  const Plan plan = world.plan();
  EXPECT_LE(plan.bound.per_hour.micro, 2 * 6'880'000);
  EXPECT_FALSE(plan.bound.optimal);
  EXPECT_FALSE(plan.bound.relaxed.empty());
}

TEST(Company, OfOneLeaderIsForAllWhoNeedIt) {
  World world({"p5.4xlarge"});
  add(world.demand, "leader", 1, shape(slice("1g.10gb")));
  for (const char* name : {"a", "b"}) {
    cluster::PodShape follower = shape(slice("1g.10gb"));
    follower.affinity = {{with_label("app", "leader"), kHost}};
    add(world.demand, name, 1, follower);
  }
  const Plan plan = world.plan();
  EXPECT_EQ(plan.placements.size(), 3U);
  EXPECT_EQ(plan.nodes.size(), 1U);
  EXPECT_TRUE(plan.bound.optimal) << "there is no other leader: nothing was chosen";
}

void price(World& world, const std::string& type, std::int64_t micro) {
  for (market::Offering& offering : world.market.offerings)
    if (world.market.types[offering.type].name == type) offering.price = {micro};
}

TEST(Company, OfSeveralLeadersIsSharedOut) {
  // Two nodes with a leader and a follower each: 2 x $1. All four on one node: $10.
  World world({"g6.12xlarge", "g7e.12xlarge"});
  price(world, "g7e.12xlarge", 1'000'000);
  price(world, "g6.12xlarge", 10'000'000);
  add(world.demand, "leader", 2, shape(whole()));
  cluster::PodShape follower = shape(whole());
  follower.affinity = {{with_label("app", "leader"), kHost}};
  add(world.demand, "follower", 2, follower);
  EXPECT_EQ(world.plan().bill.micro, 2'000'000);
}

TEST(Limits, AreNotUsedUpByAPodThatNeedsADearNode) {
  World world({"p4d.24xlarge", "g6.xlarge"});
  add(world.demand, "mig", 1, shape(slice("1g.5gb")));  // cheap by its part, but of a $21.96 node
  add(world.demand, "w", 3, shape(whole()));
  world.policy.limit_per_hour = MicroUsdPerHour{5'000'000};
  const Plan plan = world.plan();
  EXPECT_EQ(plan.placements.size(), 3u);
  ASSERT_EQ(plan.unplaced.size(), 1u);
  EXPECT_EQ(plan.unplaced[0].reason.code, ReasonCode::LimitPerHour);
}

cluster::SpreadConstraint spread_over(const char* key, int skew, cluster::PodSelector selector) {
  cluster::SpreadConstraint spread;
  spread.topology_key = key;
  spread.max_skew = skew;
  spread.selector = std::move(selector);
  return spread;
}

TEST(Bound, DoesNotKnowTheZonesThatThePlanChose) {
  // All pods may lie in the cheap zone, because the skew may be as large as they are many.
  World world({"g4dn.xlarge"});
  const market::Offering cheap = world.market.offerings.at(0);
  world.market.offerings.clear();
  for (const auto& [zone, price] :
       {std::pair{"a", 1'000'000}, {"b", 2'000'000}, {"c", 2'000'000}}) {
    market::Offering offering = cheap;
    offering.zone = std::string("us-east-1") + zone;
    offering.price = {price};
    world.market.offerings.push_back(offering);
  }
  for (const char* name : {"x", "y"}) {
    cluster::PodShape pod = shape(whole());
    pod.spread = {spread_over("topology.kubernetes.io/zone", 90, with_label("app", name))};
    add(world.demand, name, 90, pod);
  }
  const Plan plan = world.plan();
  EXPECT_LE(plan.bound.per_hour.micro, 180'000'000) << "one dollar for each pod serves them";
}

TEST(Company, OfAZoneIsAsFullAsTheSkewAllows) {
  World world({"p5.4xlarge"});
  const market::Offering model = world.market.offerings.at(0);
  world.market.offerings.clear();
  for (const char* zone : {"us-east-1a", "us-east-1b", "us-east-1c"}) {
    market::Offering offering = model;
    offering.zone = zone;
    world.market.offerings.push_back(offering);
  }
  cluster::PodShape pod = shape(slice("1g.10gb"));
  pod.spread = {spread_over("topology.kubernetes.io/zone", 2, with_label("app", "w"))};
  add(world.demand, "w", 2, pod);
  EXPECT_EQ(world.plan().nodes.size(), 1U) << "a skew of two permits both on one node";
}

TEST(Bound, LeavesOutSpreadOverHostNames) {
  World world({"p5.4xlarge"});
  for (const char* name : {"x", "y"}) {
    cluster::PodShape pod = shape(slice("1g.10gb"));
    pod.labels = {{"set", "one"}};
    pod.spread = {spread_over(kHost, 2, with_label("set", "one"))};
    add(world.demand, name, 1, pod);
  }
  const Plan plan = world.plan();
  EXPECT_LE(plan.bound.per_hour.micro, 6'880'000) << "a skew of two permits both on one node";
  EXPECT_FALSE(plan.bound.optimal && plan.bill.micro > 6'880'000);
}

}  // namespace
}  // namespace kerf::plan
