// Tests of legality by the driver's calls, against a brute force and the planner's tables.
#include "simgpu/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "codec/catalogue.h"
#include "core/gpu/geometry.h"
#include "simgpu/driver_testing.h"

namespace kerf::simgpu {
namespace {

/// Profile id and start of each instance.
using Cut = std::set<std::pair<std::uint32_t, std::uint8_t>>;

Cut cut_of(const Driver& driver, const Board& board) {
  Cut cut;
  for (const GpuInstanceState& gi : driver.state().gpus[0].instances)
    cut.insert({board.profiles[gi.profile].id, gi.start});
  return cut;
}

/// Judges a whole set by the rows of the catalogue, which this module does not read.
bool legal(const gpu::Model& model, const Cut& cut) {
  std::map<int, int> at_unit;
  std::map<std::uint32_t, int> of_profile;
  gpu::Engines used{0, 0, 0, 0, 0};
  for (const auto& [id, start] : cut) {
    const auto& p = *std::ranges::find(model.profiles, id, &gpu::Profile::id);
    for (int unit = start; unit < start + p.slots; ++unit)
      if (++at_unit[unit] > 1) return false;
    if (++of_profile[id] > p.max_instances) return false;
    for (auto kind : {&gpu::Engines::copy, &gpu::Engines::decoders, &gpu::Engines::encoders,
                      &gpu::Engines::jpeg, &gpu::Engines::ofa}) {
      const int most = model.full_profile().engines.*kind;
      if (p.engines.*kind > 0) used.*kind = static_cast<std::int16_t>(used.*kind + p.engines.*kind);
      if (most >= 0 && used.*kind > most) return false;
    }
  }
  return true;
}

void grow(const gpu::Model& model, const std::vector<std::pair<std::uint32_t, std::uint8_t>>& items,
          std::size_t from, Cut& cut, std::set<Cut>& all) {
  all.insert(cut);
  for (std::size_t i = from; i < items.size(); ++i) {
    cut.insert(items[i]);
    if (legal(model, cut)) grow(model, items, i + 1, cut, all);
    cut.erase(items[i]);
  }
}

std::set<Cut> brute_force(const gpu::Model& model) {
  std::vector<std::pair<std::uint32_t, std::uint8_t>> items;
  for (const gpu::Profile& p : model.profiles)
    for (const std::uint8_t start : p.starts) items.emplace_back(p.id, start);
  Cut cut;
  std::set<Cut> all;
  grow(model, items, 0, cut, all);
  return all;
}

std::set<Cut> planners(const gpu::Model& model) {
  const gpu::Geometry geometry(model);
  std::set<Cut> all;
  for (std::size_t s = 0; s < geometry.states(); ++s) {
    Cut cut;
    for (const gpu::Placed& placed : geometry.layout(static_cast<gpu::Geometry::State>(s)))
      cut.insert({model.profiles[placed.profile].id, placed.start});
    all.insert(cut);
  }
  return all;
}

/// Every state that creating and destroying one instance after the other can reach.
std::set<Cut> reachable(const Board& board) {
  const Driver empty = cut_machine(std::string(board.key).c_str());
  std::set<Cut> seen = {Cut{}};
  std::deque<Driver> open = {empty};
  const auto arrive = [&](const Driver& driver) {
    if (seen.insert(cut_of(driver, board)).second) open.push_back(driver);
  };
  while (!open.empty()) {
    Driver here = open.front();
    open.pop_front();
    for (const BoardProfile& p : board.profiles) {
      for (const std::uint8_t start : p.starts) {
        Driver next = here;
        const Return code =
            next.create_gpu_instance_with_placement(gpu(next), p.id, {start, p.size}).code;
        EXPECT_TRUE(code == Return::Success || code == Return::InsufficientResources);
        EXPECT_EQ(code == Return::Success, next.state().gpus != here.state().gpus);
        arrive(next);
      }
      for (const GpuInstance instance : good(here.gpu_instances(gpu(here), p.id))) {
        Driver next = here;
        EXPECT_TRUE(next.destroy_gpu_instance(instance).ok());
        arrive(next);
      }
    }
  }
  return seen;
}

TEST(Placement, ReachesExactlyTheLegalStatesOfEveryBoardInAnyOrder) {
  for (const Board& board : boards()) {
    if (!board.mig()) continue;
    SCOPED_TRACE(board.key);
    const gpu::Model& model = *codec::builtin_catalogue().find(board.key);
    const std::set<Cut> found = reachable(board);
    EXPECT_EQ(found.size(), board.units == 8 ? 2319u : board.units == 12 ? 717u : 76u);
    EXPECT_TRUE(found == brute_force(model));
    EXPECT_TRUE(found == planners(model));
  }
}

TEST(Placement, RepeatsTheRecordedTranscripts) {
  // MIG User Guide, "Instance Geometry", and captures: ids as printed by nvidia-smi mig -cgi.
  struct Transcript {
    std::uint8_t mask;
    std::initializer_list<std::uint32_t> profiles;
    Created expected;
  };
  const Transcript transcripts[] = {
      {0, {19, 19, 19, 19, 19, 19, 19}, {{13, 11, 12, 7, 8, 9, 10}, Return::Success}},
      {4, {19, 19, 19, 19, 19, 19, 19}, {{9, 7, 8, 11, 12, 13, 14}, Return::Success}},
      {0, {19, 14, 5}, {{13, 5, 1}, Return::Success}},
      {0, {19, 19, 14, 9}, {{13, 11, 3}, Return::InsufficientResources}},
      {0, {9, 19, 14, 19}, {{2, 7, 4, 8}, Return::Success}},
      {4, {9, 19, 14, 19}, {{1, 11, 6, 12}, Return::Success}},
      {0, {9, 14, 19, 19}, {{2, 3, 9, 10}, Return::Success}},
      {4, {14}, {{3}, Return::Success}},
  };
  for (const Transcript& t : transcripts) {
    Driver driver = cut_machine_with_ids("A100-40", t.mask);
    EXPECT_EQ(create_in_order(driver, t.profiles).ids, t.expected.ids);
    Driver again = cut_machine_with_ids("A100-40", t.mask);
    EXPECT_EQ(create_in_order(again, t.profiles), t.expected);
  }
}

TEST(Placement, TriesEveryStartOfAProfileOnce) {
  for (const Board& board : boards()) {
    for (const BoardProfile& p : board.profiles) {
      std::vector<std::uint8_t> order = auto_placement_order(board, p);
      std::ranges::sort(order);
      EXPECT_TRUE(std::ranges::equal(order, p.starts)) << board.key << " " << p.name;
    }
  }
}

TEST(Placement, GivesIdsByClassOfSize) {
  for (const Board& board : boards()) {
    for (const BoardProfile& p : board.profiles) {
      std::set<std::uint32_t> all;
      for (std::uint8_t mask = 0; mask < 8; ++mask) {
        std::set<std::uint32_t> ids;
        for (const std::uint8_t start : p.starts)
          ids.insert(gpu_instance_id_at(board, p, start, mask));
        EXPECT_EQ(ids.size(), p.starts.size()) << board.key << " " << p.name;
        all.merge(ids);
      }
      const std::uint32_t parts = board.units / p.size;
      EXPECT_EQ(*all.begin(), parts - 1) << board.key << " " << p.name;
      EXPECT_EQ(*all.rbegin(), 2 * parts - 2) << board.key << " " << p.name;
    }
  }
}

TEST(Placement, LaysIdsOutDifferentlyOnDifferentMachines) {
  std::set<std::uint32_t> of_3g_at_0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Driver driver = cut_machine(machine({"H100-80"}, seed));
    const auto made = driver.create_gpu_instance_with_placement(gpu(driver), 9, {0, 4});
    of_3g_at_0.insert(good(driver.gpu_instance_info(good(made))).id);
  }
  EXPECT_EQ(of_3g_at_0, (std::set<std::uint32_t>{1, 2}));
}

}  // namespace
}  // namespace kerf::simgpu
