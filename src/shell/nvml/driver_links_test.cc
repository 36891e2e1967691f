// NVLinks as a Look tells them.
#include "shell/nvml/nvml_testing.h"

namespace kerf::nvml {
namespace {

using Links = std::map<std::string, int>;

TEST(Links, ThroughSwitchesAreToAllOthersAlike) {
  Rig rig({"H100-80", "H100-80", "H100-80"}, 570, false);
  const agent::Looked looked = rig.driver.look();
  ASSERT_EQ(looked.gpus.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    Links expected;
    for (std::size_t k = 0; k < 3; ++k)
      if (k != i) expected[looked.gpus[k].uuid] = 18;
    EXPECT_EQ(looked.gpus[i].links, expected) << i;
  }
}

TEST(Links, OfBridgesAreToTheOtherGpuOfThePair) {
  simgpu::Config config = config_of({"A30", "A30", "A30", "A30"});
  config.bridges = {{0, 2}, {3, 1}};
  TestMachine machine(config);
  Driver driver(fake_library(), codec::builtin_catalogue());
  const agent::Looked looked = driver.look();
  ASSERT_EQ(looked.gpus.size(), 4U);
  EXPECT_EQ(looked.gpus[0].links, (Links{{looked.gpus[2].uuid, 4}}));
  EXPECT_EQ(looked.gpus[1].links, (Links{{looked.gpus[3].uuid, 4}}));
  EXPECT_EQ(looked.gpus[2].links, (Links{{looked.gpus[0].uuid, 4}}));
}

TEST(Links, AreNoneWhereThereAreNoneAndThatIsNoFailure) {
  Rig rig({"L4", "L4", "H100-80"});
  for (const agent::SeenGpu& gpu : rig.driver.look().gpus) EXPECT_EQ(gpu.links, Links{});
}

TEST(Links, AreReadOnceAGenerationAndKeptOfALostGpu) {
  Rig rig({"H200", "H200"}, 570, false);
  const Links links = rig.driver.look().gpus.at(0).links;
  EXPECT_EQ(links.size(), 1U);
  const std::uint64_t before = rig.driver.session().calls();
  rig.driver.look();
  const std::uint64_t look = rig.driver.session().calls() - before;
  EXPECT_LT(look, 20U) << "36 links are not asked for again";
  rig.machine.change([](simgpu::Driver& d) { return d.lose_gpu(0), 0; });
  const agent::Looked looked = rig.driver.look();
  EXPECT_TRUE(looked.gpus.at(0).lost);
  EXPECT_EQ(looked.gpus.at(0).links, links);
}

}  // namespace
}  // namespace kerf::nvml
