// Scarcity: prices against a plain reckoning by the rules of its header, and by change against
// anew.
#include "core/online/scarcity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/prng.h"

namespace kerf::online {
namespace {

/// Unit 0 is half a GPU, unit 1 a whole one. States: empty, half in use, full.
GpuTable halves() {
  return GpuTable(2, {{1}, {2}, {2}, {}, {}, {}}, {GpuTable::kWhole, GpuTable::kWhole / 2, 0});
}

Ask ask_for(std::vector<std::vector<Way>> ways, std::int64_t worth, std::int64_t cpu = 0) {
  return {{cpu, 0, 0, 1}, std::move(ways), {worth}};
}

const std::vector<Way> kHalf = {{{0, 1}}};
const std::vector<Way> kWholeGpu = {{{1, 1}}};
const std::vector<Way> kFour = {{{1, 4}}};

/// Two kinds of nodes, and what is expected on them; only prices make a room worth anything.
struct World {
  GpuTable table = halves();
  std::vector<Kind> kinds = {{&table}, {&table}};
  std::vector<Ask> asks;
  Expectation expectation;
  Potential potential;
  Scarcity scarcity;

  World(std::vector<Ask> given, const std::vector<std::int64_t>& weights)
      : asks(std::move(given)),
        expectation(expect(weights)),
        potential(kinds, asks, expectation, options()),
        scarcity(potential, kinds, asks) {}

  static Potential::Options options() {
    Potential::Options options;
    options.sequences = 1;
    options.alone_milli = 0;
    options.span_milli = 0;
    return options;
  }
  static Expectation expect(const std::vector<std::int64_t>& weights) {
    Expectation out;
    for (AskId a = 0; a < weights.size(); ++a) out.push_back({a, weights[a]});
    return out;
  }
  static NodeRoom room(KindId kind, std::vector<GpuState> gpus, std::int64_t cpu = 1000) {
    return {kind, {cpu, 0, 0, 100}, std::move(gpus)};
  }
  /// What prices make this room worth.
  std::int64_t priced(const NodeRoom& room) {
    Potential plain(kinds, asks, expectation, options());
    return potential.worth(room) - plain.worth(room);
  }
};

const NodeRoom kEmpty = World::room(0, {0, 0, 0, 0});

TEST(Scarcity, PlentyOfRoomHasNoPrice) {
  World world({ask_for({kHalf, kHalf}, 500), ask_for({kFour, kFour}, 4000)}, {999, 1});
  for (NodeIndex node = 0; node < 100; ++node) world.scarcity.set(node, &kEmpty);
  world.scarcity.reprice();
  EXPECT_EQ(world.priced(kEmpty), 0) << "one large pod is expected, and a hundred fit";
}

TEST(Scarcity, ARoomThatIsSurelyMissedIsWorthThePod) {
  // Large pods only, and of a hundred nodes one is left that could take one.
  World world({ask_for({kHalf, kHalf}, 500), ask_for({kFour, kFour}, 4000)}, {1, 1000});
  world.scarcity.set(0, &kEmpty);
  const NodeRoom broken = World::room(0, {1, 1, 1, 1});
  for (NodeIndex node = 1; node < 100; ++node) world.scarcity.set(node, &broken);
  world.scarcity.reprice();
  EXPECT_EQ(world.priced(kEmpty), 4000);
  EXPECT_EQ(world.priced(broken), 0) << "nothing large fits there anyway, and halves are common";
}

TEST(Scarcity, ACommonPodOfOneGpuHasNoPrice) {
  const auto priced = [](NodeIndex nodes) {
    World world({ask_for({kWholeGpu, kWholeGpu}, 1000)}, {1});
    for (NodeIndex node = 0; node < nodes; ++node) world.scarcity.set(node, &kEmpty);
    world.scarcity.reprice();
    return world.priced(kEmpty);
  };
  EXPECT_EQ(priced(8), 4 * 500) << "32 are expected, and so many fit";
  EXPECT_EQ(priced(9), 0) << "36 are expected";
}

TEST(Scarcity, NodesThatTakeNobodyDoNotCount) {
  World world({ask_for({kFour, kFour}, 4000)}, {1});
  for (NodeIndex node = 0; node < 10; ++node) world.scarcity.set(node, &kEmpty);
  world.scarcity.reprice();
  EXPECT_EQ(world.priced(kEmpty), 2000) << "ten are expected, and ten fit";
  for (NodeIndex node = 1; node < 10; ++node) world.scarcity.set(node, nullptr);
  world.scarcity.reprice();
  EXPECT_EQ(world.priced(kEmpty), 2000) << "one of each";
  world.scarcity.set(0, nullptr);
  EXPECT_TRUE(world.scarcity.reprice().empty()) << "nobody is there";
  EXPECT_EQ(world.priced(kEmpty), 0);
}

TEST(Scarcity, ThoseWhoCanGoNowhereElseAreRivals) {
  // Both kinds serve the first ask, only kind 1 the second, which needs more CPU as well.
  const std::vector<Ask> asks = {ask_for({kFour, kFour}, 4000, 10), ask_for({{}, kFour}, 4000, 20)};
  World world(asks, {1, 3});
  const NodeRoom wide = World::room(1, {0, 0, 0, 0}, 20);
  const NodeRoom tight = World::room(1, {0, 0, 0, 0}, 10);
  const NodeRoom full = World::room(1, {2, 2, 2, 2}, 20);
  world.scarcity.set(0, &wide);
  for (NodeIndex node = 1; node < 3; ++node) world.scarcity.set(node, &full);
  world.scarcity.reprice();
  // One pod is expected until the GPUs are in use. For the first ask it is a rival or itself: at a
  // chance of a half the room is worth 4000 / 2 to four kinds of pods alike, a quarter of it to the
  // first. Of the second 3/4 are expected: (0.75 + 3 - 1) / 6 is three eighths.
  EXPECT_EQ(world.priced(tight), 500);
  EXPECT_EQ(world.priced(wide), 500 + 1500);
}

/// The price of one room by the rules, within what rounding leaves open.
struct Range {
  std::int64_t least = 0, most = 0;
};
Range price_of(const std::vector<NodeRoom>& nodes, World& world, std::size_t e) {
  const auto part = [&](std::size_t ask, KindId kind) {
    const std::vector<Way>& ways = world.asks[ask].ways[kind];
    return ways.empty() ? 0.0 : ways[0][0].first == 0 ? 0.5 : double(ways[0][0].second);
  };
  std::vector<bool> here(world.kinds.size());
  double idle = 0, rooms = 0;
  for (const NodeRoom& node : nodes) {
    here[node.kind] = true;
    for (const GpuState gpu : node.gpus) idle += 1 - 0.5 * gpu;
    rooms += double(world.potential.fitting(e, node));
  }
  const auto weight = [&](std::size_t f) { return double(world.expectation[f].weight); };
  double use = 0, rivals = 0;
  bool large = false;
  for (std::size_t f = 0; f < world.asks.size(); ++f) {
    double least = 0;
    bool served = false, rival = world.asks[e].need.fits(world.asks[f].need);
    for (KindId kind = 0; kind < here.size(); ++kind) {
      if (!here[kind] || part(f, kind) == 0) continue;
      least = served ? std::min(least, part(f, kind)) : part(f, kind);
      served = true;
      rival = rival && part(e, kind) > 0 && part(f, kind) >= part(e, kind);
    }
    use += least * weight(f);
    if (served && rival) rivals += weight(f);
    if (f == e && !served) return {};
    if (f == e) large = least > 1;
  }
  const double demand = idle * rivals / use;
  if (!large && demand > 32) return {};
  const double spread = 3 * std::sqrt(demand + 0.25);
  const double steps = (demand + spread - rooms) / (2 * spread) * 8;
  const auto price = [&](double x) {
    return static_cast<std::int64_t>(double(world.asks[e].worth.micro) *
                                     std::clamp(std::floor(x), 0.0, 8.0) / 8 * weight(e) / rivals);
  };
  return {price(steps - 0.01) - 1, price(steps + 0.01) + 1};
}

TEST(Scarcity, PricesFollowTheRulesHoweverTheClusterCameToBe) {
  std::size_t prices = 0, touched_some = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    std::vector<Ask> asks;
    std::vector<std::int64_t> weights;
    for (int a = 0; a < 5; ++a) {
      std::vector<std::vector<Way>> ways;
      for (int kind = 0; kind < 2; ++kind) {
        const std::vector<Way> all[] = {{}, kHalf, kWholeGpu, {{{1, 2}}}, kFour};
        ways.push_back(all[prng.below(5)]);
      }
      const auto cpu = static_cast<std::int64_t>(prng.below(4) * 100);
      asks.push_back(ask_for(std::move(ways), 100'000 + a * 80'000, cpu));
      weights.push_back(static_cast<std::int64_t>(1 + prng.below(20)));
    }
    World world(asks, weights);
    std::vector<NodeRoom> nodes(5 + prng.below(20));
    std::vector<std::int64_t> worth(nodes.size(), 0);
    const auto change = [&](NodeIndex node) {
      nodes[node] = World::room(static_cast<KindId>(prng.below(2)), {},
                                static_cast<std::int64_t>(prng.below(5) * 100));
      for (int gpu = 0; gpu < 4; ++gpu)
        nodes[node].gpus.push_back(static_cast<GpuState>(prng.below(4) / 2 * prng.below(3)));
      world.scarcity.set(node, &nodes[node]);
    };
    for (NodeIndex node = 0; node < nodes.size(); ++node) change(node);
    for (int step = 0; step < 10; ++step) {
      const auto changed = static_cast<NodeIndex>(prng.below(nodes.size()));
      change(changed);
      const std::vector<NodeIndex> touched = world.scarcity.reprice();
      touched_some += !touched.empty() && touched.size() < nodes.size() ? 1 : 0;
      for (NodeIndex n = 0; n < nodes.size(); ++n) {
        const std::int64_t now = world.priced(nodes[n]);
        Range range;
        for (std::size_t e = 0; e < asks.size(); ++e) {
          const Range one = price_of(nodes, world, e);
          const std::int64_t fit = world.potential.fitting(e, nodes[n]);
          range.least += one.least * fit;
          range.most += one.most * fit;
          prices += one.least > 0 && fit > 0 ? 1 : 0;
        }
        ASSERT_GE(now, range.least) << "seed " << seed << " step " << step << " node " << n;
        ASSERT_LE(now, range.most) << "seed " << seed << " step " << step << " node " << n;
        if (step > 0 && n != changed && now != worth[n]) {
          ASSERT_TRUE(std::binary_search(touched.begin(), touched.end(), n)) << seed << " " << n;
        }
        worth[n] = now;
      }
    }
  }
  EXPECT_GT(prices, 10'000U);
  EXPECT_GT(touched_some, 100U) << "a price changes some nodes, not all";
}

}  // namespace
}  // namespace kerf::online
