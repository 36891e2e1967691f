// divide(): counts become legal layouts.
#include "core/gpu/divide.h"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"
#include "codec/catalogue.h"

namespace kerf::gpu {
namespace {

const Model& a100() { return *codec::builtin_catalogue().find("A100-40"); }

std::vector<std::int64_t> counts_of(const Geometry& geometry, const std::vector<Layout>& layouts) {
  std::vector<std::int64_t> counts(geometry.model().profiles.size(), 0);
  for (const Layout& layout : layouts)
    for (const Placed& placed : layout) ++counts[placed.profile];
  return counts;
}

TEST(Divide, CutsAllGpusAlikeWhereTheCountsAllowIt) {
  const Geometry geometry(a100());
  std::vector<std::int64_t> counts(a100().profiles.size(), 0);
  counts[*a100().profile_named("1g.5gb")] = 16;
  counts[*a100().profile_named("2g.10gb")] = 8;
  counts[*a100().profile_named("3g.20gb")] = 8;
  const Divided divided = divide(geometry, counts, 8);
  ASSERT_EQ(divided.layouts.size(), 8u);
  for (const Layout& layout : divided.layouts) EXPECT_EQ(layout, divided.layouts.front());
  EXPECT_EQ(counts_of(geometry, divided.layouts), counts);
}

TEST(Divide, GivesBackWhatCannotStandThere) {
  const Geometry geometry(a100());
  std::vector<std::int64_t> counts(a100().profiles.size(), 0);
  const std::size_t three = *a100().profile_named("3g.20gb");
  counts[three] = 5;
  const Divided divided = divide(geometry, counts, 2);
  EXPECT_EQ(divided.left[three], 1);
  EXPECT_EQ(counts_of(geometry, divided.layouts)[three], 4);
}

TEST(Divide, NoGpusHoldNothing) {
  const Geometry geometry(a100());
  std::vector<std::int64_t> counts(a100().profiles.size(), 0);
  counts[0] = 3;
  const Divided divided = divide(geometry, counts, 0);
  EXPECT_TRUE(divided.layouts.empty());
  EXPECT_EQ(divided.left[0], 3);
}

TEST(Divide, LayoutsAreLegalAndNothingIsLost) {
  Prng prng(7);
  for (const Model& model : codec::builtin_catalogue().models) {
    if (!model.cuttable()) continue;
    const Geometry geometry(model);
    for (int round = 0; round < 20; ++round) {
      std::vector<std::int64_t> counts(model.profiles.size(), 0);
      const std::size_t gpus = 1 + prng.below(8);
      for (std::size_t g = 0; g < gpus; ++g) {  // counts that some layouts do have
        const auto state = static_cast<Geometry::State>(prng.below(geometry.states()));
        for (const Placed& placed : geometry.layout(state)) ++counts[placed.profile];
      }
      const Divided divided = divide(geometry, counts, gpus);
      ASSERT_EQ(divided.layouts.size(), gpus);
      auto found = counts_of(geometry, divided.layouts);
      for (std::size_t p = 0; p < counts.size(); ++p) found[p] += divided.left[p];
      EXPECT_EQ(found, counts) << model.key;
      for (const Layout& layout : divided.layouts)
        EXPECT_TRUE(geometry.state(layout).has_value()) << model.key;
    }
  }
}

}  // namespace
}  // namespace kerf::gpu
