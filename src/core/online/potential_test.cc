// Potential: cases worked out by hand, and what holds for every room.
#include "core/online/potential.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"

namespace kerf::online {
namespace {

/// A GPU of `parts` equal parts; unit u takes u + 1 of them. State = parts in use.
GpuTable parted(std::int32_t parts) {
  std::vector<std::vector<GpuState>> after;
  std::vector<std::int32_t> idle;
  for (std::int32_t used = 0; used <= parts; ++used) {
    idle.push_back((parts - used) * GpuTable::kWhole / parts);
    for (std::int32_t take = 1; take <= parts; ++take) {
      after.emplace_back();
      if (used + take <= parts) after.back().push_back(static_cast<GpuState>(used + take));
    }
  }
  return GpuTable(static_cast<std::size_t>(parts), after, idle);
}

Ask ask_for(Unit unit, std::int32_t count, std::int64_t worth, std::int64_t cpu = 1000) {
  Ask ask;
  ask.need = {cpu, 0, 0, 1};
  ask.ways = {{{{unit, count}}}};
  ask.worth = {worth};
  return ask;
}

NodeRoom room(std::vector<GpuState> gpus, std::int64_t cpu = 100'000) {
  return {0, {cpu, 1'000'000, 0, 110}, std::move(gpus)};
}

struct World {
  GpuTable table = parted(4);
  std::vector<Kind> kinds = {{&table}};
  std::vector<Ask> asks = {ask_for(0, 1, 100), ask_for(1, 1, 200), ask_for(3, 1, 400),
                           ask_for(3, 2, 800)};
};

TEST(Potential, OfOneSortOfPodsIsHowManyFit) {
  World world;
  Potential potential(world.kinds, world.asks, {{0, 1}}, {.alone_milli = 0, .span_milli = 0});
  EXPECT_EQ(potential.worth(room({0})), 400);
  EXPECT_EQ(potential.worth(room({3})), 100);
  EXPECT_EQ(potential.worth(room({4})), 0);
  EXPECT_EQ(potential.worth(room({0, 0, 2})), 1000);
  EXPECT_EQ(potential.worth(room({0, 0}, 3000)), 300) << "CPU for three";
}

TEST(Potential, AloneCountsWhatWouldFitIfNothingElseCame) {
  World world;
  // Two asks of equal demand: half of the share each; worth 4 x 100 and 1 x 400 on an empty GPU.
  Potential with(world.kinds, world.asks, {{0, 4}, {2, 1}}, {.alone_milli = 1000, .span_milli = 0});
  Potential without(world.kinds, world.asks, {{0, 4}, {2, 1}}, {.alone_milli = 0, .span_milli = 0});
  EXPECT_EQ(with.worth(room({0})) - without.worth(room({0})), 400);
  EXPECT_EQ(with.worth(room({1})) - without.worth(room({1})), 150) << "the large one is lost";
}

TEST(Potential, SpanKeepsRoomForWhatNoSingleGpuHolds) {
  World world;
  Potential with(world.kinds, world.asks, {{0, 99}, {3, 1}},
                 {.alone_milli = 0, .span_milli = 1000});
  Potential without(world.kinds, world.asks, {{0, 99}, {3, 1}},
                    {.alone_milli = 0, .span_milli = 0});
  EXPECT_EQ(with.worth(room({0, 0})) - without.worth(room({0, 0})), 800);
  EXPECT_EQ(with.worth(room({0, 1})) - without.worth(room({0, 1})), 0);
}

TEST(Potential, OrderOfGpusDoesNotMatter) {
  World world;
  Potential potential(world.kinds, world.asks, {{0, 3}, {1, 2}, {2, 1}, {3, 1}});
  Prng prng(3);
  for (int i = 0; i < 50; ++i) {
    std::vector<GpuState> gpus;
    for (int g = 0; g < 4; ++g) gpus.push_back(static_cast<GpuState>(prng.below(5)));
    const std::int64_t worth = potential.worth(room(gpus, 6000));
    std::reverse(gpus.begin(), gpus.end());
    EXPECT_EQ(potential.worth(room(gpus, 6000)), worth);
  }
}

TEST(Potential, MemoryChangesNothing) {
  World world;
  const Expectation next = {{0, 3}, {1, 2}, {2, 1}, {3, 1}};
  Potential keeps(world.kinds, world.asks, next);
  Potential forgets(world.kinds, world.asks, next, {.remembered_max = 1});
  Prng prng(5);
  for (int i = 0; i < 200; ++i) {
    std::vector<GpuState> gpus;
    for (int g = 0; g < 3; ++g) gpus.push_back(static_cast<GpuState>(prng.below(5)));
    const NodeRoom one = room(gpus, static_cast<std::int64_t>(1000 * prng.below(8)));
    EXPECT_EQ(keeps.worth(one), forgets.worth(one));
    Potential fresh(world.kinds, world.asks, next);
    EXPECT_EQ(keeps.worth(one), fresh.worth(one)) << "what was asked before does not matter";
  }
  EXPECT_LT(keeps.evaluations(), forgets.evaluations());
}

TEST(Potential, FitsAreAllThereAreBestFirst) {
  World world;
  Potential potential(world.kinds, world.asks, {{0, 3}, {1, 2}, {2, 1}, {3, 1}});
  Prng prng(7);
  for (int i = 0; i < 200; ++i) {
    std::vector<GpuState> gpus;
    for (int g = 0; g < 3; ++g) gpus.push_back(static_cast<GpuState>(prng.below(5)));
    const NodeRoom before = room(gpus);
    const auto ask = static_cast<AskId>(prng.below(3));
    std::optional<std::int64_t> least;
    for (std::uint32_t g = 0; g < gpus.size(); ++g) {
      const auto after = world.table.after(gpus[g], world.asks[ask].ways[0][0][0].first);
      if (after.empty()) continue;
      NodeRoom then = before;
      then.gpus[g] = after.front();
      then.left = then.left - world.asks[ask].need;
      const std::int64_t harm = potential.worth(before) - potential.worth(then);
      if (!least || harm < *least) least = harm;
    }
    const auto fits = potential.fits(ask, before);
    EXPECT_EQ(fits.empty(), !least.has_value());
    EXPECT_EQ(potential.least_harm(ask, before), least);
    if (!fits.empty()) {
      EXPECT_EQ(fits.front().harm, *least);
    }
    for (std::size_t f = 1; f < fits.size(); ++f) EXPECT_LE(fits[f - 1].harm, fits[f].harm);
  }
}

TEST(Potential, PodsOfSeveralGpusTakeThemTogether) {
  World world;
  Potential potential(world.kinds, world.asks, {{0, 1}});
  EXPECT_TRUE(potential.fits(3, room({0, 1, 2})).empty());
  const auto fits = potential.fits(3, room({0, 1, 0}));
  ASSERT_EQ(fits.size(), 1U);
  EXPECT_EQ(fits[0].fit.gpus, (std::vector<std::pair<std::uint32_t, GpuState>>{{0, 4}, {2, 4}}));
}

TEST(Potential, KindsAndAsksMayGrow) {
  World world;
  Potential potential(world.kinds, world.asks, {{0, 1}}, {.alone_milli = 0, .span_milli = 0});
  EXPECT_EQ(potential.worth(room({0})), 400);
  const std::uint64_t evaluations = potential.evaluations();
  const GpuTable other = parted(4);
  world.kinds.push_back({&other});
  world.kinds.push_back({&world.table});
  for (Ask& ask : world.asks) ask.ways.resize(3);
  world.asks[0].ways[2] = world.asks[0].ways[0];
  world.asks.push_back(ask_for(1, 1, 50));
  NodeRoom none = room({0});
  none.kind = 1;
  EXPECT_EQ(potential.worth(none), 0) << "nothing expected is served there";
  NodeRoom alike = room({0});
  alike.kind = 2;
  EXPECT_EQ(potential.worth(alike), 400);
  EXPECT_EQ(potential.evaluations(), evaluations + 1) << "kinds that serve alike share results";
  EXPECT_EQ(potential.fits(4, room({0})).size(), 1U);
}

}  // namespace
}  // namespace kerf::online
