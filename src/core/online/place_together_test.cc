// Pods that need each other on one node: unlike shapes, where only some ways leave room for all.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/online/place.h"
#include "core/online/place_testing.h"

namespace kerf::online {
namespace {

using testing::Ground;
using testing::shape;
using testing::slice;

constexpr const char* kHost = "kubernetes.io/hostname";

/// One pod for each of the profiles; each must share its node with the others.
cluster::Demand group(const std::vector<std::string>& profiles) {
  cluster::Demand demand;
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    cluster::PodShape pod = shape(slice(profiles[i]), 500, 1024);
    pod.labels = {{"app", "team"}};
    pod.affinity = {{testing::own_app("team"), kHost}};
    plan::testing::add(demand, "team" + std::to_string(i), 1, pod);
  }
  return demand;
}

/// How many of them are placed; the group must be placed as a whole and hold.
std::size_t placed(Ground& ground, const cluster::Demand& demand) {
  Placer placer(ground.standing, {});
  const Decision decision = placer.decide(demand, testing::all_pods(demand));
  EXPECT_EQ(ground.faults(), std::vector<std::string>{});
  for (const Placed& one : decision.placed)
    EXPECT_EQ(one.place.node, decision.placed[0].place.node);
  return decision.placed.size();
}

TEST(PlaceTogether, UnlikePodsThatFitInSomeWayArePlaced) {
  std::vector<std::string> profiles = {"2g.20gb", "2g.20gb", "3g.40gb"};
  do {
    Ground ground({"p5.4xlarge"});
    ground.node("p5.4xlarge");
    EXPECT_EQ(placed(ground, group(profiles)), 3U) << profiles[0] << " " << profiles[1];
  } while (std::next_permutation(profiles.begin(), profiles.end()));
}

/// The free slice is the cheapest place for the 3g, but then a 2g finds none.
TEST(PlaceTogether, TheSearchGoesBackFromTheCheapestPlace) {
  Ground ground({"p5.4xlarge"});
  const NodeId node = ground.node("p5.4xlarge");
  const cluster::PodShape pod = shape(slice("3g.40gb"));
  ground.standing.release(ground.run("gone-0", pod, node, {ground.device(node, 0, "3g.40gb@0")}));
  Placer placer(ground.standing, {});
  const auto alone = placer.find(ground.standing.shape(pod));
  ASSERT_TRUE(alone.has_value());
  EXPECT_EQ(alone->devices[0].start, 0);
  const cluster::Demand demand = group({"2g.20gb", "3g.40gb", "2g.20gb"});
  EXPECT_EQ(placer.decide(demand, testing::all_pods(demand)).placed.size(), 3U);
  EXPECT_EQ(ground.faults(), std::vector<std::string>{});
}

TEST(PlaceTogether, WhoNeedsAnotherComesAfterIt) {
  Ground ground({"p5.4xlarge"});
  ground.node("p5.4xlarge");
  cluster::Demand demand;
  cluster::PodShape web = shape(slice("3g.40gb"));
  web.affinity = {{testing::own_app("db"), kHost}};
  plan::testing::add(demand, "web", 1, web);
  plan::testing::add(demand, "db", 1, shape(slice("1g.10gb")));
  Placer placer(ground.standing, {});
  const Decision decision = placer.decide(demand, testing::all_pods(demand));
  ASSERT_EQ(decision.placed.size(), 2U);
  EXPECT_EQ(demand.pods[decision.placed[0].pod].name, "db-0");
  EXPECT_TRUE(decision.purchase.nodes.empty());
}

TEST(PlaceTogether, AGroupThatDoesNotFitLeavesNothingBehind) {
  Ground ground({"p5.4xlarge"});
  const NodeId node = ground.node("p5.4xlarge");
  ground.run("stay-0", shape(slice("1g.10gb")), node, {ground.device(node, 0, "1g.10gb@1")});
  const cluster::Snapshot before = ground.standing.snapshot();
  const cluster::Demand demand = group({"3g.40gb", "3g.40gb", "1g.10gb"});
  Placer placer(ground.standing, {});
  const Decision decision = placer.decide(demand, testing::all_pods(demand));
  EXPECT_TRUE(decision.placed.empty());
  EXPECT_TRUE(ground.standing.pods_on(node).size() == 1);
  EXPECT_EQ(ground.standing.snapshot().pods.size(), before.pods.size());
  EXPECT_EQ(ground.standing.node(node).gpus, before.nodes[node].gpus);
}

/// 2,000 nodes with no room for all; like rooms are searched once, and the last node, where the
/// group fits in one way only, is found.
TEST(PlaceTogether, ManyNodesThatAreAlikeCostNoMoreStepsThanOne) {
  Ground ground({"p5.4xlarge"});
  for (int n = 0; n < 2000; ++n) {
    const NodeId node = ground.node("p5.4xlarge");
    ground.run("stay-" + std::to_string(n), shape(slice("1g.10gb")), node,
               {ground.device(node, 0, "1g.10gb@6")});
  }
  const NodeId last = ground.node("p5.4xlarge");
  ground.standing.release(
      ground.run("gone-0", shape(slice("3g.40gb")), last, {ground.device(last, 0, "3g.40gb@0")}));
  EXPECT_EQ(placed(ground, group({"2g.20gb", "3g.40gb", "2g.20gb"})), 3U);
}

/// On one or two nodes of one GPU each, with pods and rubbish on them; greedy placement would miss
/// many of these.
TEST(PlaceTogether, EveryGroupIsPlacedThatTryingEverythingPlaces) {
  const std::vector<std::string> profiles = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb"};
  std::size_t fitting = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Prng prng(seed);
    Ground ground({"p5.4xlarge"});
    for (std::uint64_t n = 1 + prng.below(2); n > 0; --n) ground.node("p5.4xlarge");
    for (std::uint64_t n = prng.below(4); n > 0; --n) {
      const ShapeId alone = ground.standing.shape(shape(slice(testing::one_of(prng, profiles))));
      const auto node = static_cast<NodeId>(prng.below(ground.standing.nodes()));
      const auto places = testing::PlacesOn(ground.standing, alone, node, false).found;
      if (places.empty()) continue;
      cluster::Running pod;
      pod.shape = alone;
      pod.node = node;
      const PodId as = ground.standing.run(pod, testing::one_of(prng, places));
      if (prng.below(2) == 0) ground.standing.release(as);
    }
    std::vector<std::string> wanted;
    for (std::uint64_t n = 2 + prng.below(3); n > 0; --n)
      wanted.push_back(testing::one_of(prng, profiles));
    if (prng.below(2) == 0) wanted = {"2g.20gb", "3g.40gb", "2g.20gb"};  // fits in one way only
    const cluster::Demand demand = group(wanted);
    std::vector<ShapeId> shapes;
    for (const cluster::Pod& pod : demand.pods)
      shapes.push_back(ground.standing.shape(demand.shapes[pod.shape]));
    std::sort(shapes.begin(), shapes.end());
    bool fits = false;
    for (NodeId node = 0; node < ground.standing.nodes() && !fits; ++node)
      fits = testing::AllOn(ground.standing, node).fit(shapes);
    EXPECT_EQ(placed(ground, demand), fits ? demand.pods.size() : 0U) << "seed " << seed;
    ++(fits ? fitting : refused);
  }
  EXPECT_GT(fitting, 80U);
  EXPECT_GT(refused, 80U);
}

}  // namespace
}  // namespace kerf::online
