// Tests of the inventory: every board, what comes from the table, what is not answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shell/nvml/nvml_testing.h"
#include "simgpu/boards.h"

namespace kerf::nvml {
namespace {

using agent::FactFrom;
using agent::Inventory;
using agent::InventoryGpu;
using agent::InventoryProfile;

Inventory inventory_of(Driver& driver) {
  auto inventory = driver.inventory();
  EXPECT_TRUE(inventory) << (inventory ? "" : inventory.error().message());
  return inventory ? *inventory : Inventory{};
}

/// The profiles are those of the board, by id, with its placements.
void expect_profiles(const InventoryGpu& gpu, const simgpu::Board& board, FactFrom from) {
  EXPECT_EQ(gpu.profiles_from, from);
  ASSERT_EQ(gpu.profiles.size(), board.profiles.size());
  for (const InventoryProfile& profile : gpu.profiles) {
    const simgpu::BoardProfile* real = board.by_id(profile.id);
    ASSERT_NE(real, nullptr) << profile.id;
    EXPECT_EQ(profile.name, real->name);
    EXPECT_EQ(profile.compute_slices, real->compute_slices);
    EXPECT_EQ(profile.max_instances, real->max_instances);
    EXPECT_EQ(profile.memory_mib, real->memory_mib);
    EXPECT_EQ(profile.placements_from, from);
    std::vector<agent::SlotRange> placements;
    for (const std::uint8_t start : real->starts) placements.push_back({start, real->size});
    EXPECT_EQ(profile.placements, placements) << profile.name;
  }
}

TEST(InventoryOf, EachBoardComesFromItsDriver) {
  for (const bool mig : {true, false})
    for (const char* key : {"A100-40", "H100-80", "RTX-PRO-6000", "A30"}) {
      SCOPED_TRACE(key);
      Rig rig({key}, 570, mig);
      const Inventory inventory = inventory_of(rig.driver);
      ASSERT_EQ(inventory.gpus.size(), 1U);
      const InventoryGpu& gpu = inventory.gpus[0];
      EXPECT_EQ(gpu.model, key);
      EXPECT_EQ(gpu.name, simgpu::find_board(key)->name);
      EXPECT_EQ(gpu.mig_capable, true);
      EXPECT_EQ(gpu.mode, mig);
      EXPECT_EQ(gpu.memory_mib, simgpu::find_board(key)->memory_mib);
      EXPECT_EQ(gpu.minor, 0U);
      EXPECT_FALSE(gpu.pci_bus_id.empty());
      EXPECT_THAT(gpu.unanswered, testing::IsEmpty());
      expect_profiles(gpu, *simgpu::find_board(key), FactFrom::Driver);
      EXPECT_EQ(agent::layout_text(gpu), std::string(key) + " []");
      EXPECT_FALSE(agent::has_trouble(inventory));
    }
}

TEST(InventoryOf, AnOldDriverWithMigOffComesFromTheTable) {
  for (const char* key : {"A100-40", "H100-80", "A30"}) {
    SCOPED_TRACE(key);
    Rig rig({key}, 535, false);
    Inventory inventory = inventory_of(rig.driver);
    expect_profiles(inventory.gpus.at(0), *simgpu::find_board(key), FactFrom::Table);
    EXPECT_FALSE(agent::has_trouble(inventory));
    ASSERT_TRUE(rig.driver.set_mig_mode(0, true).done(true));
    inventory = inventory_of(rig.driver);
    expect_profiles(inventory.gpus.at(0), *simgpu::find_board(key), FactFrom::Driver);
  }
}

TEST(InventoryOf, AnOldDriverWhoseMigModeSomebodyElseSwitchedOn) {
  Rig rig({"A100-40"}, 535, false);
  EXPECT_EQ(inventory_of(rig.driver).gpus.at(0).profiles_from, FactFrom::Table);
  rig.machine.cut();
  EXPECT_EQ(inventory_of(rig.driver).gpus.at(0).profiles_from, FactFrom::Driver);
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 0, 1}),
            Code::Success);
  EXPECT_EQ(rig.at(0, 0).profile, 19);
}

TEST(InventoryOf, AGpuWithoutMig) {
  Rig rig({"T4"});
  const InventoryGpu gpu = inventory_of(rig.driver).gpus.at(0);
  EXPECT_EQ(gpu.model, "T4");
  EXPECT_EQ(gpu.mig_capable, false);
  EXPECT_EQ(gpu.profiles_from, FactFrom::Nowhere);
  EXPECT_TRUE(gpu.profiles.empty());
  EXPECT_THAT(gpu.unanswered, testing::IsEmpty());
}

TEST(InventoryOf, TellsVersions) {
  Rig rig({"T4"}, 550);
  const Inventory inventory = inventory_of(rig.driver);
  EXPECT_TRUE(inventory.driver_version.starts_with("550.")) << inventory.driver_version;
  EXPECT_TRUE(inventory.nvml_version.starts_with("12.550.")) << inventory.nvml_version;
  EXPECT_EQ(inventory.cuda_version, "12.4");
}

TEST(InventoryOf, TellsSlicesProcessesAndMemory) {
  Rig rig({"H100-80", "H100-80"});
  const auto one = rig.give(1, 19, 0, 1, 1);
  const auto three = rig.give(1, 9, 4, 4, 3);
  ASSERT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(1), 14, 2, 2}),
            Code::Success);
  const std::string whole = rig.machine.state().gpus[0].uuid;
  rig.machine.change([&](simgpu::Driver& d) {
    d.process_start(three.computes[0].uuid, 100, 512);
    d.process_start(three.computes[0].uuid, 101);
    d.process_start(whole, 7, 64);
    return 0;
  });
  const Inventory inventory = inventory_of(rig.driver);
  EXPECT_EQ(inventory.gpus.at(0).processes.size(), 1U);
  EXPECT_EQ(inventory.gpus[0].processes[0].used_mib, 64);
  EXPECT_EQ(inventory.gpus[0].used_mib, 64);
  const InventoryGpu& gpu = inventory.gpus.at(1);
  EXPECT_EQ(agent::layout_text(gpu), "H100-80 [1g.10gb@0 2g.20gb@2 3g.40gb@4]");
  ASSERT_EQ(gpu.instances.size(), 3U);
  EXPECT_EQ(gpu.instances[0].gi, one.gi);
  EXPECT_EQ(gpu.instances[0].memory_mib, 9984);
  EXPECT_EQ(gpu.instances[0].computes.at(0).uuid, one.computes[0].uuid);
  EXPECT_TRUE(gpu.instances[1].computes.empty()) << "made by the driver, and of no use";
  EXPECT_FALSE(gpu.instances[1].memory_mib);
  EXPECT_EQ(gpu.instances[2].used_mib, 512);
  EXPECT_EQ(gpu.instances[2].computes.at(0).multiprocessors, 60U);
  ASSERT_EQ(gpu.instances[2].processes.size(), 2U);
  EXPECT_EQ(gpu.instances[2].processes[0].pid, 100U);
  EXPECT_EQ(gpu.instances[2].processes[0].used_mib, 512);
  EXPECT_EQ(gpu.instances[2].processes[1].used_mib, std::nullopt);
  EXPECT_TRUE(gpu.processes.empty());
}

TEST(InventoryOf, ALostGpuIsTrouble) {
  Rig rig({"H100-80", "T4"});
  rig.machine.change([](simgpu::Driver& d) { return d.lose_gpu(0), 0; });
  const Inventory inventory = inventory_of(rig.driver);
  ASSERT_EQ(inventory.gpus.size(), 2U);
  EXPECT_TRUE(inventory.gpus[0].lost);
  EXPECT_FALSE(inventory.gpus[0].uuid.empty());
  EXPECT_EQ(inventory.gpus[1].model, "T4");
  EXPECT_TRUE(agent::has_trouble(inventory));
}

/// What a user who is not root may not ask is said, the rest is there; other failures are trouble.
TEST(InventoryOf, SaysWhichQuestionWasNotAnswered) {
  using simgpu::Operation;
  for (const Operation call :
       {Operation::DeviceInfo, Operation::GetMigMode, Operation::GpuInstanceProfileInfo,
        Operation::PossiblePlacements, Operation::ListGpuInstances, Operation::GpuInstanceInfo,
        Operation::ListComputeInstances, Operation::ComputeInstanceInfo,
        Operation::RunningProcesses}) {
    SCOPED_TRACE(static_cast<int>(call));
    Rig rig({"H100-80"});
    rig.give(0, 19, 0, 1, 1);
    for (const simgpu::Return code : {simgpu::Return::NoPermission, simgpu::Return::Unknown}) {
      Driver driver(fake_library(), codec::builtin_catalogue());
      ASSERT_TRUE(driver.start());
      rig.machine.change([&](simgpu::Driver& d) { return d.fail_next(call, code, 99), 0; });
      const Inventory inventory = inventory_of(driver);
      rig.machine.change([&](simgpu::Driver& d) { return d.clear_faults(), 0; });
      ASSERT_EQ(inventory.gpus.size(), 1U);
      EXPECT_EQ(inventory.gpus[0].uuid, rig.machine.state().gpus[0].uuid);
      ASSERT_FALSE(inventory.gpus[0].unanswered.empty());
      EXPECT_EQ(inventory.gpus[0].unanswered[0].code, static_cast<Code>(code));
      EXPECT_EQ(agent::has_trouble(inventory), code == simgpu::Return::Unknown);
      if (call == Operation::ListGpuInstances || call == Operation::GpuInstanceInfo) {
        EXPECT_FALSE(inventory.gpus[0].instances_known) << "or it would look empty";
      }
    }
  }
}

TEST(InventoryOf, TakesPlacementsFromTheTableWhereOnlyRootMayAsk) {
  Rig rig({"A100-40"});
  rig.machine.change([&](simgpu::Driver& d) {
    d.fail_next(simgpu::Operation::PossiblePlacements, simgpu::Return::NoPermission, 99);
    return 0;
  });
  const InventoryGpu gpu = inventory_of(rig.driver).gpus.at(0);
  EXPECT_EQ(gpu.profiles_from, FactFrom::Driver);
  for (const InventoryProfile& profile : gpu.profiles) {
    EXPECT_EQ(profile.placements_from, FactFrom::Table);
    EXPECT_FALSE(profile.placements.empty());
  }
}

TEST(InventoryOf, ComputeInstancesThatCouldNotBeReadAreNotKnown) {
  using simgpu::Operation;
  for (const Operation call : {Operation::ComputeInstanceProfileInfo,
                               Operation::ListComputeInstances, Operation::ComputeInstanceInfo})
    for (const simgpu::Return code : all_codes()) {
      SCOPED_TRACE(simgpu::name(code));
      Rig rig({"H100-80"});
      rig.give(0, 19, 0, 1, 1);
      Driver driver(fake_library(), codec::builtin_catalogue());
      ASSERT_TRUE(driver.start());
      rig.machine.change([&](simgpu::Driver& d) { return d.fail_next(call, code, 1), 0; });
      const Inventory inventory = inventory_of(driver);
      const InventoryGpu& gpu = inventory.gpus.at(0);
      ASSERT_EQ(gpu.instances.size(), 1U);
      EXPECT_FALSE(gpu.instances[0].computes_known);
      EXPECT_TRUE(gpu.instances[0].computes.empty());
      EXPECT_FALSE(gpu.unanswered.empty());
      EXPECT_TRUE(inventory_of(rig.driver).gpus.at(0).instances.at(0).computes_known);
    }
}

TEST(InventoryOf, AProcessOnAnInstanceThatWasNotToldIsNotOnTheGpuItself) {
  Rig rig({"H100-80"});
  const auto slice = rig.give(0, 19, 0, 1, 1);
  rig.machine.change([&](simgpu::Driver& d) {
    d.process_start(slice.computes[0].uuid, 100);
    d.fail_next(simgpu::Operation::ListGpuInstances, simgpu::Return::NoPermission, 99);
    return 0;
  });
  const InventoryGpu gpu = inventory_of(rig.driver).gpus.at(0);
  ASSERT_EQ(gpu.processes.size(), 1U);
  EXPECT_EQ(gpu.processes[0].gi, slice.gi);
}

TEST(InventoryOf, EachCodeOfAQuestionIsSaidOnceAndTheWorstCounts) {
  Rig rig({"A100-40"});
  rig.machine.change([&](simgpu::Driver& d) {
    d.fail_next(simgpu::Operation::PossiblePlacements, simgpu::Return::Unknown, 1);
    d.fail_next(simgpu::Operation::PossiblePlacements, simgpu::Return::NoPermission, 99);
    return 0;
  });
  const Inventory inventory = inventory_of(rig.driver);
  const std::vector<agent::Unanswered> expected = {{"placements", Code::Unknown},
                                                   {"placements", Code::NoPermission}};
  EXPECT_EQ(inventory.gpus.at(0).unanswered, expected);
  EXPECT_TRUE(agent::has_trouble(inventory));
}

TEST(InventoryOf, ChangesNothing) {
  Rig rig({"A100-40", "T4", "H100-80"});
  rig.give(0, 19, 0, 1, 1);
  const simgpu::State before = rig.machine.state();
  inventory_of(rig.driver);
  EXPECT_EQ(rig.machine.state(), before);
}

}  // namespace
}  // namespace kerf::nvml
