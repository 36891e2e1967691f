// GpuTable: made-up tables whose rooms are worked out by hand or plainly, and what holds on the
// tables of all shipped GPUs.
#include "core/online/gpu_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/online/slice_table.h"

namespace kerf::online {
namespace {

using After = std::vector<std::vector<GpuState>>;
using Idle = std::vector<std::int32_t>;

std::vector<GpuState> rooms(const GpuTable& table) {
  std::vector<GpuState> out;
  for (std::size_t s = 0; s < table.states(); ++s)
    out.push_back(table.room(static_cast<GpuState>(s)));
  return out;
}

std::vector<GpuState> listed(std::span<const GpuState> states) {
  return {states.begin(), states.end()};
}

TEST(GpuTable, GivesBackWhatItWasMadeOf) {
  // Two units: a half, which goes left (1) or right (2), and the whole (4).
  const GpuTable halves(2, After{{2, 1}, {4}, {3}, {}, {3}, {}, {}, {}, {}, {}},
                        Idle{840, 420, 420, 0, 0});
  EXPECT_EQ(halves.states(), 5U);
  EXPECT_EQ(halves.units(), 2U);
  EXPECT_EQ(listed(halves.after(0, 0)), (std::vector<GpuState>{2, 1})) << "the best first";
  EXPECT_EQ(listed(halves.after(0, 1)), std::vector<GpuState>{4});
  EXPECT_TRUE(halves.fits(1, 0));
  EXPECT_FALSE(halves.fits(1, 1));
  EXPECT_TRUE(halves.after(3, 0).empty());
  EXPECT_EQ(halves.idle(1), 420);
  EXPECT_EQ(rooms(halves), (std::vector<GpuState>{0, 1, 1, 3, 3}));
}

TEST(GpuTable, StatesThatIdleDifferentlyAreDifferentRooms) {
  const After after = {{1, 2}, {3}, {3}, {}};
  EXPECT_EQ(rooms(GpuTable(1, after, Idle{840, 400, 400, 0})), (std::vector<GpuState>{0, 1, 1, 3}));
  EXPECT_EQ(rooms(GpuTable(1, after, Idle{840, 400, 401, 0})), (std::vector<GpuState>{0, 1, 2, 3}));
}

TEST(GpuTable, WhatFollowsLaterTellsRoomsApartToo) {
  const After after = {{1, 2}, {3}, {4}, {}, {5}, {}};
  EXPECT_EQ(rooms(GpuTable(1, after, Idle(6, 0))), (std::vector<GpuState>{0, 1, 2, 3, 1, 3}))
      << "1 and 4 take one more, 2 takes two";
}

/// A table with 1 to 4 units in which states lead to later ones, all of them reachable.
struct Random {
  std::size_t units;
  After after;
  Idle idle;

  explicit Random(Prng& prng) : units(1 + prng.below(4)) {
    const std::size_t states = 2 + prng.below(14);
    std::vector<std::set<std::size_t>> next(states * units);
    for (std::size_t to = 1; to < states; ++to)
      for (std::uint64_t from = 1 + prng.below(3); from > 0; --from)
        next[prng.below(to) * units + prng.below(units)].insert(to);
    for (const std::set<std::size_t>& to : next) after.emplace_back(to.begin(), to.end());
    for (std::size_t s = 0; s < states; ++s)
      idle.push_back(static_cast<std::int32_t>(840 - 420 * (2 * s / states)));
  }
};

/// Rooms by refinement: all states are alike until something tells them apart.
std::vector<GpuState> refined(const GpuTable& table) {
  std::vector<GpuState> least(table.states(), 0);
  for (std::size_t round = 0; round <= table.states(); ++round) {
    std::map<std::pair<std::int32_t, std::vector<std::set<GpuState>>>, GpuState> classes;
    std::vector<GpuState> next;
    for (std::size_t s = 0; s < table.states(); ++s) {
      const auto state = static_cast<GpuState>(s);
      std::vector<std::set<GpuState>> leads(table.units());
      for (std::size_t u = 0; u < table.units(); ++u)
        for (const GpuState to : table.after(state, static_cast<Unit>(u)))
          leads[u].insert(least[to]);
      next.push_back(
          classes.try_emplace({table.idle(state), std::move(leads)}, state).first->second);
    }
    least = std::move(next);
  }
  return least;
}

TEST(GpuTable, RoomsAreThoseThatNothingTellsApart) {
  std::size_t merged = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Prng prng(seed);
    const Random random(prng);
    const GpuTable table(random.units, random.after, random.idle);
    EXPECT_EQ(rooms(table), refined(table)) << seed;
    for (std::size_t s = 0; s < table.states(); ++s)
      merged += table.room(static_cast<GpuState>(s)) != s ? 1 : 0;
  }
  EXPECT_GT(merged, 300U);
}

TEST(GpuTable, TheOrderOfWhatFollowsDoesNotMatterToRooms) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Prng prng(seed);
    Random random(prng);
    const std::vector<GpuState> before = rooms(GpuTable(random.units, random.after, random.idle));
    for (std::vector<GpuState>& next : random.after) std::reverse(next.begin(), next.end());
    EXPECT_EQ(rooms(GpuTable(random.units, random.after, random.idle)), before) << seed;
  }
}

TEST(GpuTableDeathTest, RefusesTablesThatCannotBe) {
  const auto make = [](std::size_t units, const After& after, Idle idle) {
    GpuTable(units, after, std::move(idle));
  };
  EXPECT_DEATH(make(1, {}, {}), "0 is a state");
  EXPECT_DEATH(make(2, {{}, {}, {}}, {840, 0}), "one entry for each state and unit");
  EXPECT_DEATH(make(1, {{2}, {}}, {840, 0}), "states of the table");
  EXPECT_DEATH(make(1, {{1}, {}}, {0, 840}), "leaves no more idle");
  EXPECT_DEATH(make(1, {{1}, {}}, {841, 0}), "1/kWhole");
  EXPECT_DEATH(make(1, {{1}, {}}, {0, -1}), "1/kWhole");
  EXPECT_DEATH(make(1, {{1}, {2}, {1}}, {0, 0, 0}), "never leads back");
  EXPECT_DEATH(make(1, {{0}}, {0}), "never leads back");
  EXPECT_DEATH(make(1, {{1}, {}, {}}, {0, 0, 0}), "reachable from 0");
}

class EveryGpu : public ::testing::TestWithParam<std::size_t> {
 protected:
  const gpu::Model& model_ = codec::builtin_catalogue().models[GetParam()];

  /// Its tables in every mode in which there are any forms.
  std::vector<SliceTable> tables() const {
    std::vector<SliceTable> all;
    for (const gpu::GpuMode mode : {gpu::GpuMode::Any, gpu::GpuMode::Cut, gpu::GpuMode::Whole})
      if (mode != gpu::GpuMode::Cut || model_.cuttable())
        all.emplace_back(model_, mode, std::uint8_t{1}, gpu::SharingOptions{});
    return all;
  }
};

TEST_P(EveryGpu, StatesOfOneRoomGoToTheSameRoomsAndOthersDoNot) {
  for (const SliceTable& slices : tables()) {
    const GpuTable& table = slices.table();
    std::map<std::pair<std::int32_t, std::vector<std::set<GpuState>>>, GpuState> seen;
    for (std::size_t s = 0; s < table.states(); ++s) {
      const auto state = static_cast<GpuState>(s);
      EXPECT_LE(table.room(state), state);
      EXPECT_EQ(table.room(table.room(state)), table.room(state));
      std::vector<std::set<GpuState>> leads(table.units());
      for (std::size_t u = 0; u < table.units(); ++u)
        for (const GpuState to : table.after(state, static_cast<Unit>(u)))
          leads[u].insert(table.room(to));
      const GpuState first =
          seen.try_emplace({table.idle(state), std::move(leads)}, state).first->second;
      ASSERT_EQ(table.room(state), first) << s;
    }
  }
}

/// Potential counts what fits alone by always taking the best state first: that must be the most.
TEST_P(EveryGpu, TheBestStateFirstLeavesRoomForTheMostOfItsLike) {
  for (const SliceTable& slices : tables()) {
    const GpuTable& table = slices.table();
    for (std::size_t u = 0; u < table.units(); ++u) {
      const auto unit = static_cast<Unit>(u);
      const gpu::Form& form = slices.forms()[u];
      for (std::size_t s = 0; s < table.states(); ++s) {
        const auto state = static_cast<GpuState>(s);
        int most = 0;
        for (auto to = table.after(state, unit); !to.empty(); to = table.after(to.front(), unit))
          ++most;
        const std::span<const Device> held = slices.devices(state);
        int expected = 0;
        if (form.kind != gpu::FormKind::Slice) {
          if (held.empty() || held[0].unit == unit)
            expected = form.replicas - static_cast<int>(held.size());
        } else if (held.empty() || slices.forms()[held[0].unit].kind == gpu::FormKind::Slice) {
          gpu::Layout layout;
          for (const Device& device : held)
            layout.push_back({slices.forms()[device.unit].profile, device.start});
          expected =
              slices.geometry()->room(slices.geometry()->state(layout).value(), form.profile);
        }
        ASSERT_EQ(most, expected) << "state " << s << " " << gpu::describe(model_, form);
      }
    }
  }
}

TEST_P(EveryGpu, ADeviceMoreLeavesLessIdle) {
  for (const SliceTable& slices : tables()) {
    const GpuTable& table = slices.table();
    EXPECT_EQ(table.idle(0), GpuTable::kWhole);
    for (std::size_t s = 0; s < table.states(); ++s)
      for (std::size_t u = 0; u < table.units(); ++u)
        for (const GpuState to : table.after(static_cast<GpuState>(s), static_cast<Unit>(u)))
          EXPECT_LT(table.idle(to), table.idle(static_cast<GpuState>(s))) << s << " " << u;
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryGpu,
                         ::testing::Range<std::size_t>(0, codec::builtin_catalogue().models.size()),
                         [](const auto& param) {
                           std::string name = codec::builtin_catalogue().models[param.param].key;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace kerf::online
