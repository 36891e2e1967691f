// Placer::find and for_each_place against trying every device on every node of random clusters:
// costs, ties, and which of like places.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/online/place_testing.h"

namespace kerf::online {
namespace {

using testing::Cluster;
using testing::Devices;
using testing::PlacesOn;

/// What a pod could hold on a node, and what that costs.
struct Choice {
  std::int64_t cost = 0;
  std::int64_t harm = 0;
  std::size_t way = 0;
  std::uint32_t gpu = 0;             ///< the first GPU of the same room; one device only
  std::vector<GpuState> afterwards;  ///< rooms, in order of size
  Devices devices;

  auto order() const { return std::tuple(cost, harm, way, gpu); }
};

/// Tries everything, by the rules of place.h.
class Trial {
 public:
  Trial(Standing& standing, Potential& judge, const PlaceOptions& options)
      : standing_(standing), judge_(judge), options_(options) {}

  std::vector<Choice> choices(ShapeId shape, NodeId node) {
    std::vector<Choice> all;
    for (const Devices& devices : PlacesOn(standing_, shape, node, false).found)
      all.push_back(choice(shape, node, devices));
    return all;
  }

 private:
  Choice choice(ShapeId shape, NodeId node, const Devices& devices) {
    Choice made;
    made.devices = devices;
    const NodeRoom before = standing_.room(node);
    const std::size_t cuts = standing_.cuts_for(node, devices).size();
    cluster::Running pod;
    pod.shape = shape;
    pod.node = node;
    standing_.begin();
    standing_.run(pod, devices);
    const NodeRoom after = standing_.room(node);
    standing_.rollback();
    const GpuTable& table = *standing_.asks().kinds()[before.kind].gpus;
    for (const GpuState state : after.gpus) made.afterwards.push_back(table.room(state));
    std::sort(made.afterwards.begin(), made.afterwards.end());
    made.harm = judge_.worth(before) - judge_.worth(after);
    made.cost = made.harm * options_.minutes / 60 +
                static_cast<std::int64_t>(cuts) * options_.cut_micro_usd;
    made.way = way_of(shape, before.kind, devices);
    while (table.room(before.gpus[made.gpu]) != table.room(before.gpus[devices[0].gpu])) ++made.gpu;
    return made;
  }

  std::size_t way_of(ShapeId shape, KindId kind, const Devices& devices) const {
    std::map<Unit, std::int32_t> units;
    for (const DeviceAt& device : devices)
      ++units[*standing_.asks().slices(kind).unit(device.form)];
    const std::vector<Way>& ways = standing_.asks().asks()[standing_.ask_of(shape)].ways[kind];
    return static_cast<std::size_t>(
        std::find(ways.begin(), ways.end(), Way(units.begin(), units.end())) - ways.begin());
  }

  Standing& standing_;
  Potential& judge_;
  const PlaceOptions& options_;
};

/// A placer in a random cluster, and pods that come one by one.
struct Oracle {
  Cluster cluster;
  Standing& standing;
  Expectation expected;
  PlaceOptions options;
  Placer placer;
  Potential judge;
  Trial trial;

  explicit Oracle(std::uint64_t seed)
      : cluster(seed),
        standing(cluster.ground.standing),
        expected(cluster.expectation()),
        options(some_options(cluster.prng)),
        placer(standing, expected, options),
        judge(standing.asks().kinds(), standing.asks().asks(), expected),
        trial(standing, judge, options) {
    cluster.add_node();
    cluster.add_node();
  }

  static PlaceOptions some_options(Prng& prng) {
    const std::int64_t minutes[] = {0, 1, 60, 1440};
    const std::int64_t cuts[] = {0, 10'000, 1'000'000};
    PlaceOptions options;
    options.minutes = minutes[prng.below(4)];
    options.cut_micro_usd = cuts[prng.below(3)];
    return options;
  }

  std::int64_t devices_of(ShapeId shape) const {
    std::int64_t devices = 0;
    for (const cluster::GpuRequest& request : standing.shape_at(shape).gpu)
      devices += request.count;
    return devices;
  }

  /// Every place that the placer names, best first; the judge's prices are those of now.
  std::vector<Place> places(ShapeId shape) {
    testing::set_prices(judge, standing);
    std::vector<Place> all;
    placer.for_each_place(shape, [&](const Place& place) {
      all.push_back(place);
      return false;
    });
    return all;
  }

  /// The pod runs where the placer says, if anywhere; then something else may change.
  bool run(std::uint32_t pod, const std::vector<Place>& places) {
    if (!places.empty()) standing.run(cluster.running(pod, places[0].node), places[0].devices);
    if (cluster.prng.below(6) == 0) cluster.change();
    return !places.empty();
  }
};

TEST(PlaceOracle, OneDeviceGoesToTheLeastCostOfAll) {
  std::size_t placed = 0, several = 0, tied = 0;
  for (std::uint64_t seed = 1001; seed <= 1070; ++seed) {
    Oracle oracle(seed);
    for (const std::uint32_t pod : oracle.cluster.waiting) {
      const ShapeId shape = oracle.cluster.shape_of(pod);
      if (oracle.devices_of(shape) != 1) continue;
      const std::string where = "seed " + std::to_string(seed) + " pod " + std::to_string(pod);
      const std::vector<Place> places = oracle.places(shape);
      std::vector<std::pair<std::int64_t, NodeId>> expected;
      std::map<NodeId, std::vector<Choice>> choices;
      for (NodeId node = 0; node < oracle.standing.nodes(); ++node) {
        std::vector<Choice> here = oracle.trial.choices(shape, node);
        if (here.empty()) continue;
        std::sort(here.begin(), here.end(),
                  [](const Choice& a, const Choice& b) { return a.order() < b.order(); });
        expected.emplace_back(here[0].cost, node);
        choices[node] = std::move(here);
      }
      std::sort(expected.begin(), expected.end());
      std::vector<std::pair<std::int64_t, NodeId>> got;
      for (const Place& place : places) got.emplace_back(place.micro_usd, place.node);
      ASSERT_EQ(got, expected) << where;
      for (const Place& place : places) {
        const std::vector<Choice>& here = choices[place.node];
        const auto taken = std::find_if(here.begin(), here.end(), [&](const Choice& choice) {
          return choice.devices == place.devices;
        });
        ASSERT_NE(taken, here.end()) << where << ": devices that fit";
        EXPECT_EQ(taken->order(), here[0].order()) << where << " node " << place.node;
        EXPECT_EQ(place.harm.micro, taken->harm) << where;
        EXPECT_EQ(place.cuts, oracle.standing.cuts_for(place.node, place.devices)) << where;
        several += here.back().order() != here[0].order() ? 1 : 0;
      }
      for (std::size_t i = 1; i < expected.size(); ++i)
        tied += expected[i].first == expected[i - 1].first ? 1 : 0;
      const auto found = oracle.placer.find(shape);
      ASSERT_EQ(found.has_value(), !places.empty()) << where;
      if (found) {
        EXPECT_EQ(found->devices, places[0].devices) << where;
      }
      placed += oracle.run(pod, places) ? 1 : 0;
    }
  }
  EXPECT_GT(placed, 200U);
  EXPECT_GT(several, 200U) << "there was something to choose";
  EXPECT_GT(tied, 20U);
}

/// Of the sets of rooms that a pod can leave, each costs its harm and the cuts of one of the ways
/// to leave it, no matter which.
TEST(PlaceOracle, SeveralDevicesLeaveTheRoomsOfLeastCost) {
  std::size_t placed = 0, several = 0;
  for (std::uint64_t seed = 2001; seed <= 2120; ++seed) {
    Oracle oracle(seed);
    for (const std::uint32_t pod : oracle.cluster.waiting) {
      const ShapeId shape = oracle.cluster.shape_of(pod);
      if (oracle.devices_of(shape) != 2) continue;
      const std::string where = "seed " + std::to_string(seed) + " pod " + std::to_string(pod);
      const std::vector<Place> places = oracle.places(shape);
      std::map<NodeId, const Place*> at;
      for (const Place& place : places) at[place.node] = &place;
      ASSERT_EQ(at.size(), places.size()) << where << ": each node once";
      for (std::size_t i = 1; i < places.size(); ++i)
        EXPECT_LE(std::pair(places[i - 1].micro_usd, places[i - 1].node),
                  std::pair(places[i].micro_usd, places[i].node))
            << where;
      for (NodeId node = 0; node < oracle.standing.nodes(); ++node) {
        std::map<std::vector<GpuState>, std::pair<std::int64_t, std::int64_t>> costs;
        const std::vector<Choice> here = oracle.trial.choices(shape, node);
        ASSERT_EQ(at.count(node), here.empty() ? 0U : 1U) << where << " node " << node;
        if (here.empty()) continue;
        for (const Choice& choice : here) {
          const auto [known, fresh] =
              costs.try_emplace(choice.afterwards, choice.cost, choice.cost);
          known->second.first = std::min(known->second.first, choice.cost);
          known->second.second = std::max(known->second.second, choice.cost);
        }
        std::int64_t least = std::numeric_limits<std::int64_t>::max();
        std::int64_t most = least;
        for (const auto& [rooms, cost] : costs) {
          least = std::min(least, cost.first);
          most = std::min(most, cost.second);
        }
        const Place& place = *at[node];
        EXPECT_GE(place.micro_usd, least) << where << " node " << node;
        EXPECT_LE(place.micro_usd, most) << where << " node " << node;
        const auto taken = std::find_if(here.begin(), here.end(), [&](const Choice& choice) {
          return std::is_permutation(choice.devices.begin(), choice.devices.end(),
                                     place.devices.begin(), place.devices.end());
        });
        ASSERT_NE(taken, here.end()) << where << ": devices that fit";
        EXPECT_EQ(taken->cost, place.micro_usd) << where << " node " << node;
        EXPECT_EQ(taken->harm, place.harm.micro) << where << " node " << node;
        several += costs.size() > 1 ? 1 : 0;
      }
      placed += oracle.run(pod, places) ? 1 : 0;
    }
  }
  EXPECT_GT(placed, 40U);
  EXPECT_GT(several, 40U) << "there was something to choose";
}

}  // namespace
}  // namespace kerf::online
