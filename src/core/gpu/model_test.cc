// Tests of models and the catalogue as values.
#include "core/gpu/model.h"

#include <gtest/gtest.h>

#include "codec/catalogue.h"

namespace kerf::gpu {
namespace {

Profile profile(std::string name, std::uint8_t slots, std::vector<std::uint8_t> starts,
                Status status) {
  Profile p;
  p.name = std::move(name);
  p.compute_slices = 1;
  p.slots = slots;
  p.max_instances = 1;
  p.starts = std::move(starts);
  p.status = status;
  return p;
}

TEST(Model, IsCuttableIfEveryPlacementIsKnown) {
  Model m;
  m.slots = 8;
  EXPECT_FALSE(m.cuttable()) << "no profiles";
  m.profiles = {profile("1g.5gb", 1, {0}, Status::Verified),
                profile("2g.10gb", 2, {0}, Status::Derived)};
  EXPECT_TRUE(m.cuttable());
  m.profiles[1].starts.clear();
  EXPECT_FALSE(m.cuttable());
  m.profiles[1] = profile("2g.10gb", 0, {0}, Status::Derived);
  EXPECT_FALSE(m.cuttable());
  m.profiles[1] = profile("2g.10gb", 2, {0}, Status::Unverified);
  EXPECT_FALSE(m.cuttable());
}

TEST(Model, FindsProfilesByExactName) {
  Model m;
  m.profiles = {profile("1g.5gb", 1, {0}, Status::Verified),
                profile("1g.5gb+me", 1, {0}, Status::Verified)};
  EXPECT_EQ(m.profile_named("1g.5gb+me"), 1u);
  EXPECT_EQ(m.profile_named("1g.5gb.me"), std::nullopt);
  EXPECT_EQ(m.profile_named("1G.5gb"), std::nullopt);
}

TEST(Model, TakesThePlainFullGpuProfileForTheEnginesThereAre) {
  for (const Model& m : codec::builtin_catalogue().models) {
    if (!m.cuttable()) continue;
    EXPECT_EQ(m.full_profile().id, 0) << m.key;
    EXPECT_EQ(m.full_profile().slots, m.slots) << m.key;
    EXPECT_FALSE(m.full_profile().special()) << m.key;
  }
}

TEST(Model, NamesResourcesAsTheDevicePluginDoes) {
  EXPECT_EQ(resource_name(profile("1g.10gb", 1, {0}, Status::Verified)), "nvidia.com/mig-1g.10gb");
  EXPECT_EQ(resource_name(profile("1g.5gb+me", 1, {0}, Status::Verified)),
            "nvidia.com/mig-1g.5gb.me");
  EXPECT_EQ(resource_name(profile("1g.24gb+me.all", 1, {0}, Status::Verified)),
            "nvidia.com/mig-1g.24gb.me.all");
  EXPECT_EQ(resource_name(profile("1g.24gb-me", 1, {0}, Status::Verified)),
            "nvidia.com/mig-1g.24gb-me");
}

TEST(Catalogue, FindsModelsInAnyCase) {
  Catalogue c;
  c.models.resize(2);
  c.models[0].key = "A100-40";
  c.models[1].key = "RTX-PRO-6000";
  EXPECT_EQ(c.find("a100-40"), &c.models[0]);
  EXPECT_EQ(c.find("RTX-pro-6000"), &c.models[1]);
  EXPECT_EQ(c.find("A100"), nullptr);
  EXPECT_EQ(c.find("A100-400"), nullptr);
  EXPECT_EQ(c.find(""), nullptr);
}

}  // namespace
}  // namespace kerf::gpu
