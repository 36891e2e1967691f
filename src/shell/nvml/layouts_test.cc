// Every legal layout of five boards, set through the Driver at chosen starts and read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/prng.h"
#include "core/gpu/geometry.h"
#include "shell/nvml/nvml_testing.h"

namespace kerf::nvml {
namespace {

using State = gpu::Geometry::State;

/// What stands, as a layout of the model.
gpu::Layout layout_of(const gpu::Model& model, const agent::SeenGpu& seen) {
  gpu::Layout layout;
  for (const agent::SeenInstance& one : seen.instances) {
    const auto profile = std::ranges::find(model.profiles, one.profile, &gpu::Profile::id);
    if (profile == model.profiles.end()) {
      ADD_FAILURE() << "the model has no profile " << one.profile;
      return layout;
    }
    EXPECT_EQ(one.size, profile->slots);
    EXPECT_EQ(one.computes.size(), 1U);
    for (const agent::SeenCompute& compute : one.computes)
      EXPECT_EQ(compute.slices, profile->compute_slices);
    layout.push_back({static_cast<std::uint8_t>(profile - model.profiles.begin()), one.start});
  }
  return layout;
}

class Walk {
 public:
  explicit Walk(const std::string& key)
      : rig_({key}), geometry_(*codec::builtin_catalogue().find(key)) {}

  const gpu::Geometry& geometry() const { return geometry_; }

  /// One of a few drawn from `left`, the one with the fewest slices to change: its index there.
  std::size_t near(State from, const std::vector<State>& left, Prng& dice) const {
    std::size_t best = 0;
    std::size_t fewest = SIZE_MAX;
    for (int i = 0; i < 48; ++i) {
      const auto drawn = static_cast<std::size_t>(dice.below(left.size()));
      std::vector<gpu::Placed> changed;
      std::ranges::set_symmetric_difference(geometry_.layout(from), geometry_.layout(left[drawn]),
                                            std::back_inserter(changed), order);
      if (changed.size() >= fewest) continue;
      fewest = changed.size();
      best = drawn;
    }
    return best;
  }

  /// Takes what is not in `next`, then gives what is; in an order drawn by `dice`.
  void go(State next, Prng& dice) {
    const gpu::Layout& wanted = geometry_.layout(next);
    for (const agent::SeenInstance& one : shuffled(now_.instances, dice))
      if (!std::ranges::binary_search(wanted, placed(one), order)) take(one);
    for (const gpu::Placed& slice : shuffled(wanted, dice))
      if (std::ranges::none_of(now_.instances,
                               [&](const auto& one) { return placed(one) == slice; }))
        give(slice);
    look();
    ASSERT_EQ(layout_of(geometry_.model(), now_), wanted)
        << gpu::format_layout(geometry_.model(), wanted);
  }

 private:
  static bool order(gpu::Placed a, gpu::Placed b) {
    return std::pair(a.start, a.profile) < std::pair(b.start, b.profile);
  }
  template <class List>
  static List shuffled(List list, Prng& dice) {
    for (std::size_t i = list.size(); i > 1; --i)
      std::swap(list[i - 1], list[static_cast<std::size_t>(dice.below(i))]);
    return list;
  }
  gpu::Placed placed(const agent::SeenInstance& one) const {
    const auto& profiles = geometry_.model().profiles;
    const auto profile = std::ranges::find(profiles, one.profile, &gpu::Profile::id);
    return {static_cast<std::uint8_t>(profile - profiles.begin()), one.start};
  }
  void look() {
    const agent::Looked looked = rig_.driver.look();
    ASSERT_EQ(looked.code, Code::Success);
    now_ = looked.gpus.at(0);
  }
  void take(const agent::SeenInstance& one) {
    for (const agent::SeenCompute& compute : one.computes)
      ASSERT_EQ(
          rig_.driver.perform(agent::DestroyCompute{rig_.driver.uuid_of(0), one.gi, one.profile,
                                                    one.start, compute.id, compute.uuid}),
          Code::Success);
    ASSERT_EQ(rig_.driver.perform(
                  agent::DestroyInstance{rig_.driver.uuid_of(0), one.gi, one.profile, one.start}),
              Code::Success);
  }
  void give(const gpu::Placed& slice) {
    const gpu::Profile& profile = geometry_.model().profiles[slice.profile];
    ASSERT_EQ(rig_.driver.perform(agent::CreateInstance{rig_.driver.uuid_of(0), profile.id,
                                                        slice.start, profile.slots}),
              Code::Success);
    // The GPU instance's id, without a Look: of the one that stands at that start.
    const auto device = rig_.driver.device(0);
    for (const GpuInstance& instance :
         rig_.driver.session().gpu_instances(device.value, profile.id).value) {
      const auto info = rig_.driver.session().info(instance);
      if (info.value.placement.start != slice.start) continue;
      ASSERT_EQ(rig_.driver.perform(agent::CreateCompute{rig_.driver.uuid_of(0), info.value.id,
                                                         profile.compute_slices}),
                Code::Success);
    }
  }

  Rig rig_;
  gpu::Geometry geometry_;
  agent::SeenGpu now_;
};

struct Board {
  const char* key;
  std::size_t layouts;
};

class EveryLayout : public testing::TestWithParam<Board> {};

TEST_P(EveryLayout, IsSetAtItsStartsReadBackAndTakenDown) {
  Walk walk(GetParam().key);
  std::vector<State> left(walk.geometry().states());
  std::iota(left.begin(), left.end(), State{0});
  ASSERT_EQ(left.size(), GetParam().layouts);
  Prng dice(7);
  State now = 0;
  while (!left.empty()) {
    const std::size_t next = walk.near(now, left, dice);
    now = left[next];
    left[next] = left.back();
    left.pop_back();
    walk.go(now, dice);
    if (HasFatalFailure()) return;
  }
  walk.go(0, dice);
}

INSTANTIATE_TEST_SUITE_P(Boards, EveryLayout,
                         testing::Values(Board{"A100-40", 2319}, Board{"A100-80", 2319},
                                         Board{"H100-80", 2319}, Board{"RTX-PRO-6000", 717},
                                         Board{"A30", 76}),
                         [](const auto& board) {
                           std::string name = board.param.key;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace kerf::nvml
