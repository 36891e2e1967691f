// Tests of SliceTable: every state of every shipped model against the rules of MIG themselves.
#include "core/online/slice_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "codec/catalogue.h"
#include "core/gpu/legality.h"

namespace kerf::online {
namespace {

using gpu::FormKind;
using gpu::GpuMode;
using testing::ElementsAre;
using testing::IsEmpty;

const gpu::Model& model(std::string_view key) { return *codec::builtin_catalogue().find(key); }

std::vector<std::string> names(const SliceTable& table) {
  std::vector<std::string> out;
  for (const gpu::Form& form : table.forms()) out.push_back(describe(table.model(), form));
  return out;
}

Unit unit(const SliceTable& table, const std::string& name) {
  const std::vector<std::string> all = names(table);
  const auto at = std::find(all.begin(), all.end(), name);
  EXPECT_NE(at, all.end()) << name;
  return static_cast<Unit>(at - all.begin());
}

/// Devices by the names of their forms.
std::optional<GpuState> state(const SliceTable& table,
                              const std::vector<std::pair<std::string, std::uint8_t>>& devices) {
  std::vector<Device> in_use;
  for (const auto& [name, start] : devices) in_use.push_back({unit(table, name), start});
  return table.state(in_use);
}

gpu::SharingOptions sharing() {
  gpu::SharingOptions options;
  options.time_slicing_replicas = {2, 3, 8};
  options.offer_mps = true;
  options.mps_replicas = {4};
  return options;
}

std::vector<Device> devices(const SliceTable& table, std::size_t s) {
  const std::span<const Device> held = table.devices(static_cast<GpuState>(s));
  return {held.begin(), held.end()};
}

class EveryModel : public testing::TestWithParam<std::size_t> {
 protected:
  const gpu::Model& model_ = codec::builtin_catalogue().models[GetParam()];
  SliceTable any_{model_, GpuMode::Any, 1, sharing()};
  std::size_t states_ = any_.table().states();

  bool holds_slices(std::size_t s) const {
    const auto held = any_.devices(static_cast<GpuState>(s));
    return !held.empty() && any_.forms()[held[0].unit].kind == FormKind::Slice;
  }
  gpu::Placed placed(Device device) const {
    return {any_.forms()[device.unit].profile, device.start};
  }
};

TEST_P(EveryModel, NumbersEachSetOfDevicesOnce) {
  std::set<std::vector<Device>> seen;
  for (std::size_t s = 0; s < states_; ++s) {
    std::vector<Device> held = devices(any_, s);
    EXPECT_TRUE(std::is_sorted(held.begin(), held.end()));
    EXPECT_TRUE(seen.insert(held).second) << s;
    EXPECT_EQ(any_.state(held), s);
    std::reverse(held.begin(), held.end());
    EXPECT_EQ(any_.state(held), s) << "the order is of no matter";
  }
  std::size_t expected = 1 + 1 + (2 + 3 + 8) + 4;  // nothing, whole, shared forms
  if (model_.cuttable()) expected += gpu::Geometry(model_).states() - 1;
  EXPECT_EQ(states_, expected);
  EXPECT_EQ(any_.geometry() != nullptr, model_.cuttable());
}

/// The most of one profile that still fit, tried one start after the other.
int most_of(const gpu::Model& m, gpu::Usage& usage, std::uint8_t profile, std::size_t first) {
  int most = 0;
  const std::vector<std::uint8_t>& starts = m.profiles[profile].starts;
  for (std::size_t i = first; i < starts.size(); ++i) {
    const gpu::Placed at{profile, starts[i]};
    if (usage.conflict(at) != gpu::Usage::Conflict::None) continue;
    usage.add(at);
    most = std::max(most, 1 + most_of(m, usage, profile, i + 1));
    usage.remove(at);
  }
  return most;
}

TEST_P(EveryModel, AddsWhatTheRulesOfMigAllowBestFirst) {
  std::map<std::vector<Device>, std::size_t> numbers;
  std::vector<int> open(states_);
  std::vector<std::optional<gpu::Usage>> usages(states_);
  for (std::size_t s = 0; s < states_; ++s) {
    numbers[devices(any_, s)] = s;
    if (!model_.cuttable() || (s != 0 && !holds_slices(s))) continue;
    usages[s].emplace(model_);
    for (const Device device : devices(any_, s)) usages[s]->add(placed(device));
    for (std::uint8_t p = 0; p < model_.profiles.size(); ++p)
      if (!model_.profiles[p].special())
        open[s] += most_of(model_, *usages[s], p, 0) * model_.profiles[p].slots;
  }
  for (std::size_t s = 0; s < states_; ++s) {
    for (std::size_t u = 0; u < any_.forms().size(); ++u) {
      const gpu::Form& form = any_.forms()[u];
      std::vector<std::pair<int, std::size_t>> expected;  // minus the open slots, state
      if (form.kind == FormKind::Slice && (s == 0 || holds_slices(s))) {
        for (const std::uint8_t start : model_.profiles[form.profile].starts) {
          if (usages[s]->conflict({form.profile, start}) != gpu::Usage::Conflict::None) continue;
          std::vector<Device> held = devices(any_, s);
          held.push_back({static_cast<Unit>(u), start});
          std::sort(held.begin(), held.end());
          ASSERT_EQ(numbers.count(held), 1u);
          expected.emplace_back(-open[numbers[held]], numbers[held]);
        }
      } else if (form.kind != FormKind::Slice) {
        const std::vector<Device> held = devices(any_, s);
        const bool alone =
            std::all_of(held.begin(), held.end(), [&](Device device) { return device.unit == u; });
        if (alone && held.size() < form.replicas) {
          std::vector<Device> next = held;
          next.push_back({static_cast<Unit>(u), static_cast<std::uint8_t>(held.size())});
          expected.emplace_back(0, numbers[next]);
        }
      }
      std::sort(expected.begin(), expected.end());
      std::vector<GpuState> order;
      for (const auto& [minus_open, to] : expected) order.push_back(static_cast<GpuState>(to));
      const auto after = any_.table().after(static_cast<GpuState>(s), static_cast<Unit>(u));
      ASSERT_EQ(std::vector<GpuState>(after.begin(), after.end()), order) << s << " " << u;
      for (const GpuState to : after) {
        const Device device = any_.added(static_cast<GpuState>(s), to);
        EXPECT_EQ(device.unit, u);
        std::vector<Device> with = devices(any_, s);
        with.push_back(device);
        EXPECT_EQ(any_.state(with), to);
      }
    }
  }
}

/// Any part of a legal set is legal, in any order: so what can follow a state is given by how many
/// of each unit the states above it have more, and how idle they are.
TEST_P(EveryModel, StatesOfOneRoomHaveTheSameFutures) {
  using Future = std::set<std::pair<std::vector<std::uint8_t>, std::int32_t>>;
  const std::size_t units = any_.forms().size();
  std::vector<std::vector<std::uint8_t>> counts(states_, std::vector<std::uint8_t>(units));
  std::vector<std::uint64_t> masks(states_);  // of (unit, start) pairs, numbered as met
  std::map<Device, std::size_t> pairs;
  for (std::size_t s = 0; s < states_; ++s)
    for (const Device device : devices(any_, s)) {
      ++counts[s][device.unit];
      masks[s] |= std::uint64_t{1} << pairs.try_emplace(device, pairs.size()).first->second;
    }
  ASSERT_LE(pairs.size(), 64u);
  std::map<Future, std::size_t> least;
  for (std::size_t s = 0; s < states_; ++s) {
    Future future;
    for (std::size_t t = 0; t < states_; ++t) {
      if ((masks[s] & ~masks[t]) != 0) continue;
      std::vector<std::uint8_t> more = counts[t];
      for (std::size_t u = 0; u < units; ++u)
        more[u] = static_cast<std::uint8_t>(more[u] - counts[s][u]);
      future.emplace(std::move(more), any_.table().idle(static_cast<GpuState>(t)));
    }
    const std::size_t first = least.try_emplace(std::move(future), s).first->second;
    EXPECT_EQ(any_.table().room(static_cast<GpuState>(s)), first) << s;
  }
  RecordProperty("states", static_cast<int>(states_));
  RecordProperty("rooms", static_cast<int>(least.size()));
}

TEST_P(EveryModel, IsIdleAsFarAsNeitherMemoryNorComputeIsHeld) {
  for (std::size_t s = 0; s < states_; ++s) {
    std::int64_t slots = 0;
    std::int64_t compute = 0;
    std::int64_t shared = 0;
    for (const Device device : devices(any_, s)) {
      const gpu::Form& form = any_.forms()[device.unit];
      if (form.kind != FormKind::Slice) {
        shared += 840 / form.replicas;
        continue;
      }
      slots += model_.profiles[form.profile].slots;
      compute += model_.profiles[form.profile].compute_slices;
    }
    const std::int64_t idle = any_.table().idle(static_cast<GpuState>(s));
    EXPECT_GE(idle, 0);
    if (!holds_slices(s)) {
      EXPECT_EQ(idle, 840 - shared);
      continue;
    }
    // idle / 840 = the smaller of what memory and compute leave, without a division.
    EXPECT_TRUE((840 - idle) * model_.slots == 840 * slots ||
                (840 - idle) * model_.compute_slices == 840 * compute);
    EXPECT_GE((840 - idle) * model_.slots, 840 * slots);
    EXPECT_GE((840 - idle) * model_.compute_slices, 840 * compute);
  }
}

TEST_P(EveryModel, HasOnlyWhatTheModeAllows) {
  const SliceTable cut(model_, GpuMode::Cut, 1, sharing());
  const SliceTable whole(model_, GpuMode::Whole, 1, sharing());
  for (const gpu::Form& form : any_.forms()) {
    const bool slice = form.kind == FormKind::Slice;
    EXPECT_EQ(cut.unit(form).has_value(), slice);
    EXPECT_EQ(whole.unit(form).has_value(), !slice);
  }
  EXPECT_EQ(cut.forms().size() + whole.forms().size(), any_.forms().size());
  EXPECT_EQ(cut.table().states(), model_.cuttable() ? cut.geometry()->states() : 1);
  EXPECT_EQ(whole.table().states(), 1u + 1 + 2 + 3 + 8 + 4);
  EXPECT_EQ(whole.geometry(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryModel,
                         testing::Range<std::size_t>(0, codec::builtin_catalogue().models.size()),
                         [](const auto& spec) {
                           std::string name = codec::builtin_catalogue().models[spec.param].key;
                           std::erase(name, '-');
                           return name;
                         });

TEST(SliceTable, LeavesNothingIdleWhereComputeHasRunOut) {
  const SliceTable table(model("A100-40"), GpuMode::Cut, 1, {});
  const auto full = state(table, {{"1g.5gb", 0},
                                  {"1g.5gb", 1},
                                  {"1g.5gb", 2},
                                  {"1g.5gb", 3},
                                  {"1g.5gb", 4},
                                  {"1g.5gb", 5},
                                  {"1g.5gb", 6}});
  EXPECT_EQ(table.table().idle(full.value()), 0) << "the eighth slot is of no use";
  EXPECT_EQ(table.table().idle(state(table, {{"1g.5gb", 0}}).value()), 720);
  EXPECT_EQ(table.table().idle(state(table, {{"3g.20gb", 0}}).value()), 420);
  EXPECT_EQ(table.table().idle(state(table, {{"3g.20gb", 0}, {"3g.20gb", 4}}).value()), 0);
  EXPECT_EQ(table.table().idle(state(table, {{"1g.10gb", 0}, {"1g.5gb", 2}}).value()), 525);
}

TEST(SliceTable, PutsTheSliceFirstWhereMostCanStillBeAdded) {
  const SliceTable table(model("A100-40"), GpuMode::Cut, 1, {});
  const auto after = table.table().after(0, unit(table, "1g.5gb"));
  ASSERT_EQ(after.size(), 7u);
  EXPECT_EQ(table.added(0, after[0]), (Device{unit(table, "1g.5gb"), 6}))
      << "beside the slot that only 3g and 1g.10gb can use";
}

TEST(SliceTable, RefusesWhatIsNotLegalTogether) {
  const SliceTable table(model("H100-80"), GpuMode::Any, 1, sharing());
  const std::string whole = "whole H100-80";
  const std::string half = "1/2 of H100-80, time-sliced";
  const struct {
    std::string why;
    std::vector<std::pair<std::string, std::uint8_t>> devices;
    bool legal;
  } cases[] = {
      {"nothing", {}, true},
      {"one slice", {{"1g.10gb", 3}}, true},
      {"the same slots", {{"1g.10gb", 3}, {"1g.10gb", 3}}, false},
      {"slots overlap", {{"2g.20gb", 2}, {"1g.10gb", 3}}, false},
      {"no such start", {{"2g.20gb", 1}}, false},
      {"one media extension", {{"1g.10gb+me", 0}}, true},
      {"two media extensions", {{"1g.10gb+me", 0}, {"1g.10gb+me", 1}}, false},
      {"the whole GPU", {{whole, 0}}, true},
      {"the whole GPU has no second device", {{whole, 1}}, false},
      {"the whole GPU twice", {{whole, 0}, {whole, 0}}, false},
      {"whole and cut", {{whole, 0}, {"1g.10gb", 0}}, false},
      {"cut and whole", {{"1g.10gb", 0}, {whole, 0}}, false},
      {"shared and cut", {{half, 0}, {"1g.10gb", 0}}, false},
      {"replicas", {{half, 1}, {half, 0}}, true},
      {"one replica, the second", {{half, 1}}, true},
      {"one replica twice", {{half, 1}, {half, 1}}, false},
      {"no such replica", {{half, 2}}, false},
      {"replicas of two kinds", {{half, 0}, {"1/3 of H100-80, time-sliced", 1}}, false},
  };
  for (const auto& c : cases) EXPECT_EQ(state(table, c.devices).has_value(), c.legal) << c.why;
  const std::vector<Device> unknown = {{static_cast<Unit>(table.forms().size()), 0}};
  EXPECT_EQ(table.state(unknown), std::nullopt);
  const std::vector<Device> known_and_unknown = {{unit(table, "1g.10gb"), 0}, unknown[0]};
  EXPECT_EQ(table.state(known_and_unknown), std::nullopt);
}

TEST(SliceTable, CountsReplicasWhicheverTheyAre) {
  const SliceTable table(model("T4"), GpuMode::Any, 1, sharing());
  const std::string third = "1/3 of T4, time-sliced";
  const GpuState two = state(table, {{third, 2}, {third, 0}}).value();
  const Unit u = unit(table, third);
  EXPECT_THAT(table.devices(two), ElementsAre(Device{u, 0}, Device{u, 1}));
  EXPECT_EQ(table.table().idle(two), 280);
  ASSERT_EQ(table.table().after(two, u).size(), 1u);
  EXPECT_EQ(table.added(two, table.table().after(two, u)[0]), (Device{u, 2}));
  EXPECT_THAT(table.table().after(two, unit(table, "whole T4")), IsEmpty());
  EXPECT_THAT(table.table().after(two, unit(table, "1/8 of T4, time-sliced")), IsEmpty());
}

TEST(SliceTable, GivesAFractionalInstanceItsOneForm) {
  const SliceTable table(model("L4"), GpuMode::Any, 8, sharing());
  EXPECT_THAT(names(table), ElementsAre("1/8 L4"));
  EXPECT_EQ(table.table().states(), 2u);
  EXPECT_EQ(table.table().idle(1), 0);
  EXPECT_THAT(table.table().after(0, 0), ElementsAre(GpuState{1}));
  EXPECT_THAT(table.table().after(1, 0), IsEmpty());
  EXPECT_EQ(table.unit(gpu::forms_of(model("L4"), 1, {})[0]), std::nullopt);
}

}  // namespace
}  // namespace kerf::online
