// Placer: free slices, least harmful cuts, purchases; and the same by trying everything.
#include "core/online/place.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>

#include "core/online/standing_testing.h"

namespace kerf::online {
namespace {

using testing::Ground;
using testing::shape;
using testing::slice;
using testing::whole;

/// Weights by shape, as the Placer wants them.
Expectation expecting(Standing& standing,
                      const std::vector<std::pair<cluster::PodShape, std::int64_t>>& next) {
  std::map<AskId, std::int64_t> weights;
  for (auto [pod, weight] : next) {
    pod.requests.pods = 1;
    weights[standing.ask_of(standing.shape(pod))] += weight;
  }
  Expectation expectation;
  for (const auto& [ask, weight] : weights) expectation.push_back({ask, weight});
  return expectation;
}

std::vector<std::uint32_t> all_of(const cluster::Demand& demand) {
  std::vector<std::uint32_t> pods(demand.pods.size());
  for (std::uint32_t i = 0; i < pods.size(); ++i) pods[i] = i;
  return pods;
}

const cluster::PodShape kSmall = shape(slice("1g.10gb"), 500, 1024);
const cluster::PodShape kLarge = shape(slice("3g.40gb"), 500, 1024);

TEST(Placer, TakesAFreeSliceWhereNothingIsHarmed) {
  Ground ground({"p5.4xlarge"});
  const NodeId a = ground.node("p5.4xlarge");
  const NodeId b = ground.node("p5.4xlarge");
  ground.run("stay-0", kSmall, a, {ground.device(a, 0, "1g.10gb@0")});
  ground.run("stay-1", kSmall, b, {ground.device(b, 0, "1g.10gb@0")});
  ground.standing.release(ground.run("go-0", kSmall, b, {ground.device(b, 0, "1g.10gb@1")}));
  Placer placer(ground.standing, expecting(ground.standing, {{kSmall, 1}}));
  const auto place = placer.find(ground.standing.shape(kSmall));
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->node, b);
  EXPECT_EQ(place->devices, std::vector<DeviceAt>{ground.device(b, 0, "1g.10gb@1")});
  EXPECT_TRUE(place->cuts.empty());
}

TEST(Placer, CutsRatherThanSpoilARoomThatIsWorthMore) {
  Ground ground({"p5.4xlarge"});
  // The free slice on `a` stands where the only 3g could go; on `b` a cut beside others harms less.
  const NodeId a = ground.node("p5.4xlarge");
  ground.run("large-0", kLarge, a, {ground.device(a, 0, "3g.40gb@4")});
  ground.standing.release(ground.run("go-0", kSmall, a, {ground.device(a, 0, "1g.10gb@1")}));
  const NodeId b = ground.node("p5.4xlarge");
  ground.run("large-1", kLarge, b, {ground.device(b, 0, "3g.40gb@4")});
  ground.run("stay-0", kSmall, b, {ground.device(b, 0, "1g.10gb@0")});
  Placer placer(ground.standing, expecting(ground.standing, {{kSmall, 1}, {kLarge, 3}}));
  const auto place = placer.find(ground.standing.shape(kSmall));
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->node, b);
  EXPECT_EQ(place->cuts.size(), 1U);
}

TEST(Placer, WhatIsExpectedNextDecides) {
  // A 1g beside a 1g: with 3g expected it goes where a 3g has become impossible already.
  Ground ground({"p5.4xlarge"});
  const NodeId broken = ground.node("p5.4xlarge");
  ground.run("a-0", kSmall, broken, {ground.device(broken, 0, "1g.10gb@1")});
  ground.run("b-0", kSmall, broken, {ground.device(broken, 0, "1g.10gb@5")});
  ground.node("p5.4xlarge");
  Placer placer(ground.standing, expecting(ground.standing, {{kLarge, 1}}));
  const auto place = placer.find(ground.standing.shape(kSmall));
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->node, broken);
  EXPECT_EQ(place->harm.micro, 0) << "no room for a large one is lost there";
}

TEST(Placer, ClosedNodesTakeNobody) {
  Ground ground({"p5.4xlarge"});
  const NodeId node = ground.node("p5.4xlarge");
  Placer placer(ground.standing, {});
  EXPECT_TRUE(placer.find(ground.standing.shape(kSmall)).has_value());
  ground.standing.mark(node, true, false);
  EXPECT_FALSE(placer.find(ground.standing.shape(kSmall)).has_value());
  ground.standing.mark(node, false, false);
  EXPECT_TRUE(placer.find(ground.standing.shape(kSmall)).has_value());
}

TEST(Placer, BuysTogetherForWhatDoesNotFit) {
  Ground ground({"p5.4xlarge"});
  const NodeId node = ground.node("p5.4xlarge");
  ground.run("large-0", kLarge, node, {ground.device(node, 0, "3g.40gb@0")});
  cluster::Demand demand;
  plan::testing::add(demand, "large", 3, kLarge);
  Placer placer(ground.standing, {});
  const Decision decision = placer.decide(demand, all_of(demand));
  ASSERT_EQ(decision.placed.size(), 1U) << "one fits beside the one that runs";
  EXPECT_EQ(decision.placed[0].place.node, node);
  ASSERT_EQ(decision.purchase.nodes.size(), 1U) << "the two others share what is bought";
  EXPECT_EQ(decision.purchase.nodes[0].pods.size(), 2U);
  EXPECT_LE(decision.purchase.bill, decision.purchase.apart);
  EXPECT_TRUE(decision.purchase.unplaced.empty());
}

TEST(Placer, TheMostImportantPodsComeFirst) {
  Ground ground({"p5.4xlarge"});
  ground.policy.limit_gpus = 1;
  const NodeId node = ground.node("p5.4xlarge");
  cluster::Demand demand;
  plan::testing::add(demand, "plain", 1, shape(slice("7g.80gb")));
  cluster::PodShape important = shape(slice("7g.80gb"));
  important.priority = 1000;
  plan::testing::add(demand, "important", 1, important);
  Placer placer(ground.standing, {});
  const Decision decision = placer.decide(demand, all_of(demand));
  ASSERT_EQ(decision.placed.size(), 1U);
  EXPECT_EQ(demand.pods[decision.placed[0].pod].name, "important-0");
  EXPECT_EQ(decision.placed[0].place.node, node);
  ASSERT_EQ(decision.purchase.unplaced.size(), 1U) << "the limit counts what stands";
  EXPECT_EQ(decision.purchase.unplaced[0].reason.code, plan::ReasonCode::LimitGpus);
}

TEST(Placer, NamesWhatElseWasPossible) {
  Ground ground({"p5.4xlarge"});
  for (int i = 0; i < 4; ++i) {
    const NodeId node = ground.node("p5.4xlarge");
    if (i > 0)
      ground.run("a-" + std::to_string(i), kSmall, node, {ground.device(node, 0, "1g.10gb@0")});
  }
  cluster::Demand demand;
  plan::testing::add(demand, "small", 1, kSmall);
  Placer placer(ground.standing, expecting(ground.standing, {{kSmall, 1}, {kLarge, 1}}));
  const Decision decision = placer.decide(demand, all_of(demand));
  ASSERT_EQ(decision.placed.size(), 1U);
  const Placed& placed = decision.placed[0];
  ASSERT_EQ(placed.others.size(), 2U);
  EXPECT_LE(placed.place.micro_usd, placed.others[0].micro_usd);
  EXPECT_LE(placed.others[0].micro_usd, placed.others[1].micro_usd);
  EXPECT_GT(placed.buying.micro, 0);
}

TEST(Placer, PodsThatNeedEachOtherShareANode) {
  Ground ground({"p5.4xlarge"});
  const NodeId full = ground.node("p5.4xlarge");
  ground.run("x-0", shape(slice("4g.40gb")), full, {ground.device(full, 0, "4g.40gb@0")});
  const NodeId roomy = ground.node("p5.4xlarge");
  cluster::PodShape team = kLarge;
  cluster::PodSelector own;
  own.namespaces = {"default"};
  own.labels = {{"app", cluster::Operator::In, {"team"}}};
  team.affinity = {{own, "kubernetes.io/hostname"}};
  cluster::Demand demand;
  plan::testing::add(demand, "team", 2, team);
  // Alone, the first of them would go to the fuller node, where the second has no room.
  Placer placer(ground.standing, expecting(ground.standing, {{kSmall, 1}, {kLarge, 1}}));
  const Decision decision = placer.decide(demand, all_of(demand));
  ASSERT_EQ(decision.placed.size(), 2U);
  EXPECT_EQ(decision.placed[0].place.node, roomy);
  EXPECT_EQ(decision.placed[1].place.node, roomy);
  EXPECT_EQ(ground.faults(), std::vector<std::string>{});
}

TEST(Placer, ASpreadGoesToTheZoneThatLacksPods) {
  Ground ground({"p5.4xlarge"});
  const NodeId a = ground.node("p5.4xlarge", gpu::GpuMode::Any, "us-east-1a");
  cluster::PodShape web = kSmall;
  cluster::PodSelector own;
  own.namespaces = {"default"};
  own.labels = {{"app", cluster::Operator::In, {"web"}}};
  web.spread = {{1, 1, "topology.kubernetes.io/zone", own}};
  ground.run("web-0", web, a, {ground.device(a, 0, "1g.10gb@0")});
  cluster::Demand demand;
  plan::testing::add(demand, "web", 2, web);
  demand.pods[0].name = "web-1";
  demand.pods[1].name = "web-2";
  Placer placer(ground.standing, {});
  const Decision decision = placer.decide(demand, all_of(demand));
  EXPECT_TRUE(decision.placed.empty()) << "zones b and c have none yet";
  ASSERT_EQ(decision.purchase.nodes.size(), 2U);
  std::vector<std::string> zones;
  for (const plan::NodePlan& node : decision.purchase.nodes)
    zones.insert(zones.end(), node.zones.begin(), node.zones.end());
  std::sort(zones.begin(), zones.end());
  EXPECT_EQ(zones, (std::vector<std::string>{"us-east-1b", "us-east-1c"}));
}

TEST(Placer, DoesNotLookAtNodesThatDidNotChange) {
  Ground ground({"p5.4xlarge"});
  for (int i = 0; i < 50; ++i) ground.node("p5.4xlarge");
  Placer placer(ground.standing, expecting(ground.standing, {{kSmall, 1}}));
  const ShapeId wants = ground.standing.shape(kSmall);
  placer.find(wants);
  const std::uint64_t first = placer.scored();
  EXPECT_EQ(first, 50U);
  placer.find(wants);
  EXPECT_EQ(placer.scored(), first);
  ground.run("a-0", kSmall, 17, {ground.device(17, 0, "1g.10gb@0")});
  placer.find(wants);
  EXPECT_EQ(placer.scored(), first + 1);
}

/// All ways to put `requests` devices of the pod's profile on the node, by plain recursion.
void each_way(const Ground& ground, const ShapeId wants, NodeId node, const std::string& profile,
              std::int64_t left, std::vector<DeviceAt>& devices,
              const std::function<void(const std::vector<DeviceAt>&)>& each) {
  if (left == 0) {
    if (ground.standing.fits(wants, node, devices)) each(devices);
    return;
  }
  const gpu::Model& model =
      ground.market.model_of(ground.market.types[ground.standing.node(node).type]);
  const auto index = model.profile_named(profile);
  if (!index) return;
  for (std::uint32_t g = 0; g < ground.standing.node(node).gpus.size(); ++g) {
    for (const std::uint8_t start : model.profiles[*index].starts) {
      devices.push_back(ground.device(node, g, profile + "@" + std::to_string(start)));
      each_way(ground, wants, node, profile, left - 1, devices, each);
      devices.pop_back();
    }
  }
}

TEST(Placer, FindsTheLeastCostThatTryingEverythingFinds) {
  const std::vector<std::string> profiles = {"1g.10gb", "2g.20gb", "3g.40gb", "1g.5gb", "2g.10gb"};
  std::size_t placed = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng prng(seed);
    Ground ground({"p5.4xlarge", "p4d.24xlarge", "g7e.12xlarge"});
    const PlaceOptions options;
    std::vector<PodId> pods;
    for (int i = 0; i < 4; ++i) ground.node(prng.below(3) == 0 ? "p4d.24xlarge" : "p5.4xlarge");
    Expectation next;
    for (const std::string& profile : profiles) {
      const AskId ask = ground.standing.ask_of(ground.standing.shape(shape(slice(profile))));
      next.push_back({ask, static_cast<std::int64_t>(1 + prng.below(5))});
    }
    Placer placer(ground.standing, next, options);
    Potential judge(ground.standing.asks().kinds(), ground.standing.asks().asks(), next, {});
    for (int step = 0; step < 25; ++step) {
      if (!pods.empty() && prng.below(3) == 0) {
        const std::size_t at = prng.below(pods.size());
        ground.standing.release(pods[at]);
        pods.erase(pods.begin() + static_cast<std::ptrdiff_t>(at));
        continue;
      }
      const std::string profile = profiles[prng.below(profiles.size())];
      const auto count = static_cast<std::int64_t>(1 + prng.below(6) / 5);
      const ShapeId wants = ground.standing.shape(shape(slice(profile, count)));
      testing::set_prices(judge, ground.standing);
      std::int64_t least = std::numeric_limits<std::int64_t>::max();
      for (NodeId node = 0; node < ground.standing.nodes(); ++node) {
        const std::int64_t before = judge.worth(ground.standing.room(node));
        std::vector<DeviceAt> devices;
        each_way(ground, wants, node, profile, count, devices, [&](const auto& way) {
          ground.standing.begin();
          const std::size_t cuts = ground.standing.cuts_for(node, way).size();
          cluster::Running pod;
          pod.shape = wants;
          pod.node = node;
          ground.standing.run(pod, way);
          const std::int64_t harm = before - judge.worth(ground.standing.room(node));
          ground.standing.rollback();
          least = std::min(least, harm * options.minutes / 60 +
                                      static_cast<std::int64_t>(cuts) * options.cut_micro_usd);
        });
      }
      const auto place = placer.find(wants);
      ASSERT_EQ(place.has_value(), least != std::numeric_limits<std::int64_t>::max())
          << "seed " << seed << " step " << step;
      if (!place) continue;
      if (count == 1) {
        EXPECT_EQ(place->micro_usd, least) << "seed " << seed << " step " << step;
      } else {  // harm is least; of ways that leave the same rooms, not all are compared for cuts
        EXPECT_GE(place->micro_usd, least) << "seed " << seed << " step " << step;
        EXPECT_LE(place->micro_usd, least + count * options.cut_micro_usd) << seed << " " << step;
      }
      EXPECT_TRUE(ground.standing.fits(wants, place->node, place->devices));
      EXPECT_EQ(place->cuts, ground.standing.cuts_for(place->node, place->devices));
      cluster::Running pod;
      pod.name = "p-" + std::to_string(step);
      pod.shape = wants;
      pod.node = place->node;
      pods.push_back(ground.standing.run(pod, place->devices));
      ++placed;
    }
  }
  EXPECT_GT(placed, 500U);
}

}  // namespace
}  // namespace kerf::online
