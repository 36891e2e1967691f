// Tests of what is read for labels and metrics: what is not told, lost GPUs, memory by slice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "shell/nvml/nvml_testing.h"
#include "simgpu/boards.h"

namespace kerf::nvml {
namespace {

std::string sys_folder() { return std::string(std::getenv(fakedriver::kFolderVariable)) + "/sys"; }

TEST(Facts, AreWhatTheBoardIs) {
  Rig rig({"H100-80", "T4"});
  const auto facts = rig.driver.facts(sys_folder());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->driver_version, "570.133.20");
  EXPECT_EQ(facts->cuda_version, 12080);
  EXPECT_EQ(facts->machine, "") << "there is no such file";
  EXPECT_FALSE(facts->vgpu);
  ASSERT_EQ(facts->gpus.size(), 2U);
  const agent::GpuFacts& h100 = facts->gpus[0];
  EXPECT_EQ(h100.uuid, rig.driver.uuid_of(0));
  EXPECT_EQ(h100.product, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(h100.memory_mib, simgpu::find_board("H100-80")->memory_mib);
  EXPECT_EQ(h100.compute_major, 9);
  EXPECT_EQ(h100.compute_minor, 0);
  EXPECT_TRUE(h100.mig_capable);
  EXPECT_EQ(h100.pci_class, 0x030200U);
  EXPECT_EQ(h100.clique, "");
  const simgpu::Board& board = *simgpu::find_board("H100-80");
  ASSERT_EQ(h100.profiles.size(), board.profiles.size());
  for (const simgpu::BoardProfile& profile : board.profiles) {
    const auto found =
        std::ranges::find(h100.profiles, std::string(profile.name), &agent::ProfileFacts::form);
    ASSERT_NE(found, h100.profiles.end()) << profile.name;
    EXPECT_EQ(found->memory_mib, profile.memory_mib);
    EXPECT_EQ(found->slices, profile.compute_slices);
  }
  EXPECT_FALSE(facts->gpus[1].mig_capable);
  EXPECT_THAT(facts->gpus[1].profiles, testing::IsEmpty());
}

TEST(Facts, OfAnOldDriverWithoutModeComeFromTheTable) {
  Rig rig({"A100-40"}, 535, false);
  const auto facts = rig.driver.facts(sys_folder());
  ASSERT_TRUE(facts);
  EXPECT_THAT(facts->gpus.at(0).profiles,
              testing::Contains(testing::Field(&agent::ProfileFacts::form, "3g.20gb")));
}

TEST(Facts, LeaveALostGpuOut) {
  Rig rig({"H100-80", "H100-80"});
  rig.machine.change([](simgpu::Driver& d) { return d.lose_gpu(0), 0; });
  const auto facts = rig.driver.facts(sys_folder());
  ASSERT_TRUE(facts);
  ASSERT_EQ(facts->gpus.size(), 1U);
  EXPECT_EQ(facts->gpus[0].uuid, rig.driver.uuid_of(1));
}

TEST(Facts, SayNothingOfAPciClassThatMakesNoSense) {
  Rig rig({"T4"});
  const std::string devices = sys_folder() + "/bus/pci/devices";
  const auto first = std::filesystem::directory_iterator(devices)->path();
  for (const char* text : {"", "030200", "0x", "0xzz", "0x0302001111"}) {
    std::ofstream(first / "class", std::ios::trunc) << text << "\n";
    EXPECT_EQ(rig.driver.facts(sys_folder())->gpus.at(0).pci_class, std::nullopt) << text;
  }
  std::ofstream(first / "class", std::ios::trunc) << "0x030000\n" << std::string(5000, 'x');
  EXPECT_EQ(rig.driver.facts(sys_folder())->gpus.at(0).pci_class, 0x030000U);
}

TEST(Facts, NeedADriver) {
  Driver driver({"/nowhere/libnvidia-ml.so.1"}, codec::builtin_catalogue());
  EXPECT_FALSE(driver.facts());
  EXPECT_THAT(driver.memory(), testing::IsEmpty());
}

TEST(Memory, IsToldOfEachSliceAndOfGpusThatAreNotCut) {
  Rig rig({"H100-80", "T4"});
  const auto small = rig.give(0, 19, 0, 1, 1);
  const auto big = rig.give(0, 9, 4, 4, 3);
  ASSERT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 2, 1}),
            Code::Success);  // incomplete: there is nothing to be used
  rig.driver.look();
  rig.machine.change(
      [&](simgpu::Driver& d) { return d.process_start(big.computes[0].uuid, 100, 20'000); });
  std::map<std::pair<std::string, std::uint32_t>, std::pair<std::uint64_t, std::uint64_t>> told;
  for (const Driver::MemoryFacts& one : rig.driver.memory())
    told[{one.gpu, one.gi}] = {one.total_mib, one.used_mib};
  ASSERT_EQ(told.size(), 3U);
  const std::string gpu = rig.driver.uuid_of(0);
  const auto idle = told.at({gpu, small.gi});
  const auto busy = told.at({gpu, big.gi});
  EXPECT_EQ(busy.first,
            static_cast<std::uint64_t>(simgpu::find_board("H100-80")->by_id(9)->memory_mib));
  EXPECT_GE(busy.second, 20'000U);
  EXPECT_LT(idle.second, 1'000U);
  EXPECT_EQ(told.at({rig.driver.uuid_of(1), agent::kNoInstance}).first,
            static_cast<std::uint64_t>(simgpu::find_board("T4")->memory_mib));
}

TEST(Memory, LeavesOutWhatIsGone) {
  Rig rig({"H100-80", "T4"});
  const auto slice = rig.give(0, 19, 0, 1, 1);
  const std::string gpu = rig.driver.uuid_of(0);
  ASSERT_EQ(rig.driver.perform(agent::DestroyCompute{gpu, slice.gi, 19, 0, slice.computes[0].id,
                                                     slice.computes[0].uuid}),
            Code::Success);
  EXPECT_EQ(rig.driver.memory().size(), 1U);
  rig.machine.change([](simgpu::Driver& d) { return d.lose_gpu(1), 0; });
  EXPECT_THAT(rig.driver.memory(), testing::IsEmpty());
}

}  // namespace
}  // namespace kerf::nvml
