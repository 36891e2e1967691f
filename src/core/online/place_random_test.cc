// Placer::decide with purchases on small random clusters: what holds whatever stands and whatever
// comes.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/online/pending.h"
#include "core/online/place_testing.h"

namespace kerf::online {
namespace {

using plan::ReasonCode;
using testing::AllOn;
using testing::each_decision;
using testing::fits_on;
using testing::Ground;
using testing::grouped;
using testing::kZones;
using testing::needs_company;
using testing::node_of;
using testing::PlacesOn;
using testing::Step;

std::vector<std::uint32_t> bought_for(const Purchase& purchase) {
  std::vector<std::uint32_t> pods;
  for (const plan::NodePlan& node : purchase.nodes)
    pods.insert(pods.end(), node.pods.begin(), node.pods.end());
  return pods;
}

TEST(PlaceRandom, WhatStandsAfterwardsHoldsAndNobodyWasTouched) {
  std::size_t placed = 0, bought = 0;
  each_decision(1, 40, [&](Step& step) {
    const Standing& standing = step.cluster.ground.standing;
    EXPECT_EQ(step.cluster.ground.faults(), std::vector<std::string>{}) << step.where;
    EXPECT_EQ(check::touched_pods(step.before, standing.snapshot()), std::vector<std::string>{})
        << step.where;
    for (const Placed& one : step.decision.placed) {
      const cluster::Node& node = standing.node(one.place.node);
      EXPECT_FALSE(node.closed) << step.where;
      for (const cluster::Taint& taint : node.taints)
        EXPECT_TRUE(
            cluster::tolerates(standing.shape_at(standing.pod(one.as).shape).tolerations, taint))
            << step.where << " " << standing.pod(one.as).name;
    }
    placed += step.decision.placed.size();
    bought += bought_for(step.decision.purchase).size();
  });
  EXPECT_GT(placed, 200U);
  EXPECT_GT(bought, 200U);
}

TEST(PlaceRandom, EveryPodIsPlacedBoughtForOrUnplacedOnce) {
  std::map<ReasonCode, std::size_t> reasons;
  each_decision(101, 40, [&](Step& step) {
    const Purchase& purchase = step.decision.purchase;
    std::vector<std::uint32_t> pods = bought_for(purchase);
    for (const Placed& one : step.decision.placed) pods.push_back(one.pod);
    for (const plan::Unplaced& one : purchase.unplaced) {
      pods.push_back(one.pod);
      EXPECT_GE(one.reason.code, ReasonCode::Unsupported)
          << step.where << ": a reason not to place";
      ++reasons[one.reason.code];
    }
    std::sort(pods.begin(), pods.end());
    EXPECT_EQ(pods, step.pods) << step.where;
  });
  EXPECT_GT(reasons[ReasonCode::LimitPerHour], 0U);
  EXPECT_GT(reasons[ReasonCode::LimitGpus], 0U);
  EXPECT_GT(reasons[ReasonCode::NoZone], 0U);
  EXPECT_GT(reasons[ReasonCode::ConflictingPods], 0U);
}

/// One empty node of everything that the policy lets be bought, in each zone and mode, with and
/// without a label that pods select by.
class Showroom {
 public:
  explicit Showroom(const Ground& ground) : standing_(ground.market, ground.policy) {
    const cluster::Policy& policy = ground.policy;
    for (const market::Offering& offering : ground.market.offerings) {
      const market::InstanceType& type = ground.market.types[offering.type];
      if (!cluster::allows(policy, type, offering)) continue;
      for (const std::string& zone : policy.zones.empty() ? kZones : policy.zones)
        for (const gpu::GpuMode mode : {gpu::GpuMode::Cut, gpu::GpuMode::Whole}) {
          cluster::Node node = node_of(ground.market, policy, type.name, "sample", mode, zone);
          standing_.add(node);
          if (!policy.node_labels.empty()) continue;
          node.labels["team"] = "blue";
          standing_.add(node);
        }
    }
  }

  /// The least that a node for one such pod alone costs, of nodes with at most that price and so
  /// many GPUs; 0 = nothing holds it.
  std::int64_t price_of(cluster::PodShape shape, std::int64_t most, std::int64_t gpus) {
    shape.spread.clear();
    shape.affinity.clear();
    shape.anti_affinity.clear();
    const ShapeId alone = standing_.shape(shape);
    const auto [known, fresh] = known_.try_emplace({alone, most, gpus}, 0);
    if (!fresh) return known->second;
    std::int64_t& least = known->second;
    for (NodeId node = 0; node < standing_.nodes(); ++node) {
      const std::int64_t price = standing_.node(node).price.micro;
      if (price > most || std::ssize(standing_.node(node).gpus) > gpus) continue;
      if ((least == 0 || price < least) && fits_on(standing_, alone, node)) least = price;
    }
    return least;
  }

 private:
  Standing standing_;
  std::map<std::tuple<ShapeId, std::int64_t, std::int64_t>, std::int64_t> known_;
};

/// What the policy's limits leave beside what stood before the decision.
std::pair<std::int64_t, std::int64_t> left_of_limits(const Step& step) {
  const cluster::Policy& policy = step.cluster.ground.policy;
  constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
  std::int64_t price = policy.limit_per_hour ? policy.limit_per_hour->micro : kNoLimit;
  std::int64_t gpus = policy.limit_gpus.value_or(kNoLimit);
  for (const cluster::Node& node : step.before.nodes) {
    price -= node.price.micro;
    gpus -= std::ssize(node.gpus);
  }
  return {price, gpus};
}

TEST(PlaceRandom, BuysWithinLimitsAndNeverDearerThanApart) {
  std::size_t together = 0, compared = 0;
  each_decision(201, 60, [&](Step& step) {
    const Purchase& purchase = step.decision.purchase;
    const cluster::Demand& demand = step.cluster.demand;
    const auto [price_left, gpus_left] = left_of_limits(step);
    std::int64_t bill = 0, gpus = 0, apart = 0;
    for (const plan::NodePlan& node : purchase.nodes) {
      bill += node.price.micro;
      gpus += std::ssize(node.gpus);
    }
    EXPECT_EQ(purchase.bill.micro, bill) << step.where;
    EXPECT_LE(purchase.bill, purchase.apart) << step.where;
    if (!purchase.nodes.empty()) {
      EXPECT_LE(bill, price_left) << step.where;
      EXPECT_LE(gpus, gpus_left) << step.where;
    }
    Showroom showroom(step.cluster.ground);
    const std::vector<std::uint32_t> pods = bought_for(purchase);
    bool bundles = false;  // a node for one of a bundle alone does not do
    for (const std::uint32_t pod : pods) {
      const cluster::PodShape& shape = demand.shapes[demand.pods[pod].shape];
      bundles = bundles || needs_company(shape);
      apart += showroom.price_of(shape, price_left, gpus_left);
    }
    if (bundles) return;
    EXPECT_LE(bill, apart) << step.where;
    EXPECT_EQ(purchase.apart.micro, apart) << step.where;
    compared += pods.size();
    together += bill < apart ? 1 : 0;
  });
  EXPECT_GT(compared, 100U);
  EXPECT_GT(together, 10U) << "sharing pays now and then";
}

TEST(PlaceRandom, BuysForAllThatCanBeHad) {
  std::size_t hopeless = 0;
  each_decision(301, 40, [&](Step& step) {
    Showroom showroom(step.cluster.ground);
    constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
    for (const plan::Unplaced& one : step.decision.purchase.unplaced) {
      const cluster::PodShape& shape =
          step.cluster.demand.shapes[step.cluster.demand.pods[one.pod].shape];
      const ReasonCode code = one.reason.code;
      if (code == ReasonCode::LimitGpus || code == ReasonCode::LimitPerHour) continue;
      if (code == ReasonCode::NoZone || grouped(shape)) continue;
      EXPECT_EQ(showroom.price_of(shape, kAny, kAny), 0)
          << step.where << " " << step.cluster.demand.pods[one.pod].name << ": "
          << plan::to_string(code);
      ++hopeless;
    }
  });
  EXPECT_GT(hopeless, 5U);
}

TEST(PlaceRandom, ThePlacerThatSawItAllDecidesAsAFreshOne) {
  std::size_t later = 0;
  each_decision(401, 40, [&](Step& step) {
    const Ground& ground = step.cluster.ground;
    Standing again(step.before, ground.market, ground.policy);
    Placer fresh(again, step.expected);
    const Decision decision = fresh.decide(step.cluster.demand, step.pods);
    EXPECT_EQ(testing::told(decision, again, step.cluster.demand), step.told) << step.where;
    later += step.where.back() != '0' ? decision.placed.size() : 0;
  });
  EXPECT_GT(later, 100U);
}

/// Goes through the turns of a decision again and looks at each who is not placed.
class Turns {
 public:
  explicit Turns(const Step& step)
      : step_(step),
        standing_(step.before, step.cluster.ground.market, step.cluster.ground.policy) {
    for (NodeId node = 0; node < standing_.nodes(); ++node)
      by_name_[standing_.node(node).name] = node;
    for (const Placed& one : step.decision.placed) placed_[one.pod] = &one;
  }

  void check() {
    std::size_t decided = 0;
    for (const std::vector<std::uint32_t>& pods :
         in_order(standing_, step_.cluster.demand, step_.pods)) {
      if (placed_.count(pods[0]) == 0) {
        refused(pods);
        continue;
      }
      std::set<std::uint32_t> group(pods.begin(), pods.end());
      unlike +=
          step_.cluster.demand.pods[pods[0]].shape != step_.cluster.demand.pods[pods.back()].shape;
      while (!group.empty()) {
        ASSERT_LT(decided, step_.decision.placed.size()) << step_.where << ": together or none";
        const Placed& next = step_.decision.placed[decided++];
        ASSERT_EQ(group.erase(next.pod), 1U) << step_.where << ": in order";
        run(next);
      }
    }
    EXPECT_EQ(decided, step_.decision.placed.size()) << step_.where;
  }

  std::size_t full = 0;      ///< pods that fitted nowhere
  std::size_t together = 0;  ///< groups that fitted nowhere
  std::size_t unlike = 0;    ///< groups placed, of pods that are not all alike

 private:
  ShapeId shape_of(std::uint32_t pod) {
    return standing_.shape(step_.cluster.demand.shapes[step_.cluster.demand.pods[pod].shape]);
  }

  void run(const Placed& placed) {
    cluster::Running pod;
    pod.name = step_.cluster.demand.pods[placed.pod].name;
    pod.shape = shape_of(placed.pod);
    pod.node = by_name_.at(step_.cluster.ground.standing.node(placed.place.node).name);
    ASSERT_TRUE(standing_.fits(pod.shape, pod.node, placed.place.devices))
        << step_.where << " " << pod.name;
    EXPECT_EQ(standing_.cuts_for(pod.node, placed.place.devices), placed.place.cuts)
        << step_.where << " " << pod.name;
    standing_.run(pod, placed.place.devices);
  }

  void refused(const std::vector<std::uint32_t>& pods) {
    std::vector<ShapeId> shapes;
    for (const std::uint32_t pod : pods) shapes.push_back(shape_of(pod));
    std::sort(shapes.begin(), shapes.end());
    for (NodeId node = 0; node < standing_.nodes(); ++node)
      EXPECT_FALSE(pods.size() == 1 ? fits_on(standing_, shapes[0], node)
                                    : AllOn(standing_, node).fit(shapes))
          << step_.where << " " << step_.cluster.demand.pods[pods[0]].name << " and "
          << pods.size() - 1 << " more on " << standing_.node(node).name;
    ++(pods.size() == 1 ? full : together);
  }

  const Step& step_;
  Standing standing_;
  std::map<std::string, NodeId> by_name_;
  std::map<std::uint32_t, const Placed*> placed_;
};

TEST(PlaceRandom, NobodyWhoFitsIsRefusedOrBoughtFor) {
  std::size_t placed = 0, full = 0, together = 0, unlike = 0;
  each_decision(501, 80, [&](Step& step) {
    Turns turns(step);
    turns.check();
    placed += step.decision.placed.size();
    full += turns.full;
    together += turns.together;
    unlike += turns.unlike;
  });
  EXPECT_GT(placed, 200U);
  EXPECT_GT(full, 200U);
  EXPECT_GT(together, 5U);
  EXPECT_GT(unlike, 5U);
}

TEST(PlaceRandom, ImportantPodsComeFirstThenThoseThatAreDearToBuy) {
  each_decision(601, 20, [&](Step& step) {
    const cluster::Demand& demand = step.cluster.demand;
    const auto rank = [&](const Placed& one) {
      const cluster::PodShape& shape = demand.shapes[demand.pods[one.pod].shape];
      return std::tuple(-shape.priority, -one.buying.micro, shape.ns, demand.pods[one.pod].name);
    };
    const std::vector<Placed>& placed = step.decision.placed;
    for (std::size_t i = 1; i < placed.size(); ++i) {
      const bool group = grouped(demand.shapes[demand.pods[placed[i - 1].pod].shape]) ||
                         grouped(demand.shapes[demand.pods[placed[i].pod].shape]);
      EXPECT_TRUE(group || rank(placed[i - 1]) < rank(placed[i])) << step.where << " " << i;
    }
  });
}

}  // namespace
}  // namespace kerf::online
