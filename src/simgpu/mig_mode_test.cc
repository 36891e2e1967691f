// Tests of MIG mode over set, reset, reload and reboot, on boards of each kind.
#include <gtest/gtest.h>

#include "simgpu/boards.h"
#include "simgpu/driver_testing.h"

namespace kerf::simgpu {
namespace {

constexpr MigMode kOff{false, false};
constexpr MigMode kOn{true, true};
constexpr MigMode kTurningOn{false, true};
constexpr MigMode kTurningOff{true, false};

TEST(MigMode, IsNotSupportedOnBoardsWithoutMig) {
  for (const Board& board : boards()) {
    Driver driver(machine({std::string(board.key).c_str()}));
    const Device device = gpu(driver);
    const Return expected = board.mig() ? Return::Success : Return::NotSupported;
    EXPECT_EQ(driver.mig_mode(device).code, expected) << board.key;
    EXPECT_EQ(driver.set_mig_mode(device, true).code, expected) << board.key;
    EXPECT_EQ(driver.gpu_instance_profile_info(device, 0).code, expected) << board.key;
    EXPECT_EQ(driver.create_gpu_instance(device, 0).code, expected) << board.key;
    EXPECT_EQ(good(driver.max_mig_device_count(device)), board.mig() ? board.compute_slices : 0)
        << board.key;
  }
}

TEST(MigMode, TakesEffectAtOnceOnAnIdleGpu) {
  for (const char* board : {"A100-40", "H100-80"}) {
    Driver driver(machine({board}));
    const Device device = gpu(driver);
    EXPECT_EQ(good(driver.mig_mode(device)), kOff);
    EXPECT_EQ(good(driver.set_mig_mode(device, true)), Return::Success);
    EXPECT_EQ(good(driver.mig_mode(device)), kOn);
    EXPECT_EQ(good(driver.set_mig_mode(device, false)), Return::Success);
    EXPECT_EQ(good(driver.mig_mode(device)), kOff);
  }
}

TEST(MigMode, StaysPendingWhileClientsOrProcessesHoldTheGpu) {
  for (const char* board : {"A100-40", "H100-80"}) {
    Driver driver(machine({board}));
    driver.set_open_clients(0, 2);
    EXPECT_EQ(good(driver.set_mig_mode(gpu(driver), true)), Return::InUse);
    EXPECT_EQ(good(driver.mig_mode(gpu(driver))), kTurningOn);
    driver.set_open_clients(0, 0);
    EXPECT_EQ(good(driver.mig_mode(gpu(driver))), kTurningOn);
    EXPECT_EQ(driver.reset_gpu(0).code, Return::Success);
    EXPECT_EQ(good(driver.mig_mode(gpu(driver))), kOn);

    Driver busy(machine({board}));
    EXPECT_TRUE(busy.process_start(busy.state().gpus[0].uuid, 7));
    EXPECT_EQ(good(busy.set_mig_mode(gpu(busy), true)), Return::InUse);
    EXPECT_EQ(good(busy.mig_mode(gpu(busy))), kTurningOn);
  }
}

TEST(MigMode, IsTakenBackByAskingForTheCurrentMode) {
  Driver driver(machine({"A100-40"}));
  driver.set_open_clients(0, 1);
  good(driver.set_mig_mode(gpu(driver), true));
  EXPECT_EQ(good(driver.set_mig_mode(gpu(driver), false)), Return::Success);
  EXPECT_EQ(good(driver.mig_mode(gpu(driver))), kOff);
}

TEST(MigMode, StaysOnWhenTurnedOffWithInstancesAlthoughTheCallSucceeds) {
  Driver driver = cut_machine("H100-80");
  const GpuInstance instance = good(driver.create_gpu_instance(gpu(driver), 19));
  const auto answer = driver.set_mig_mode(gpu(driver), false);
  EXPECT_EQ(answer.code, Return::Success);
  EXPECT_EQ(answer.value, Return::InUse);
  EXPECT_EQ(good(driver.mig_mode(gpu(driver))), kTurningOff);
  EXPECT_TRUE(driver.gpu_instance_info(instance).ok());
}

TEST(MigMode, NeedsARebootOnAmperePassedThrough) {
  Config config = machine({"A100-40", "H100-80"});
  config.passthrough = true;
  Driver driver(config);
  EXPECT_EQ(good(driver.set_mig_mode(gpu(driver, 0), true)), Return::ResetRequired);
  EXPECT_EQ(good(driver.set_mig_mode(gpu(driver, 1), true)), Return::Success);
  EXPECT_EQ(good(driver.mig_mode(gpu(driver, 0))), kTurningOn);
  EXPECT_EQ(driver.reset_gpu(0).code, Return::NotSupported);
  EXPECT_EQ(driver.create_gpu_instance(gpu(driver, 0), 19).code, Return::NotSupported);
  driver.reboot();
  EXPECT_EQ(good(driver.mig_mode(gpu(driver, 0))), kOn);
  EXPECT_EQ(good(driver.mig_mode(gpu(driver, 1))), kOff);
}

TEST(MigMode, OutlivesRebootAndReloadOnAmpereOnly) {
  for (const bool reload : {false, true}) {
    Driver driver = cut_machine(machine({"A100-80", "A30", "H200", "RTX-PRO-6000"}));
    for (int i = 0; i < 4; ++i)
      good(driver.create_gpu_instance(gpu(driver, i), i == 0 || i == 2 ? 19 : 14));
    if (reload) EXPECT_EQ(driver.reload_driver().code, Return::Success);
    else driver.reboot();
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(good(driver.mig_mode(gpu(driver, i))), i < 2 ? kOn : kOff) << i;
      EXPECT_TRUE(driver.state().gpus[static_cast<std::size_t>(i)].instances.empty()) << i;
    }
  }
}

TEST(MigMode, OutlivesAGpuResetEverywhere) {
  for (const char* board : {"A100-40", "H100-80"}) {
    Driver driver = cut_machine(board);
    good(driver.create_gpu_instance(gpu(driver), 19));
    EXPECT_EQ(driver.reset_gpu(0).code, Return::Success);
    EXPECT_EQ(good(driver.mig_mode(gpu(driver))), kOn);
    EXPECT_TRUE(driver.state().gpus[0].instances.empty());
  }
}

TEST(MigMode, AllowsNoResetWhileAnythingHoldsTheGpu) {
  Driver driver = cut_machine("H100-80");
  const Slice slice = make_slice(driver, 19, 0, 1, 0);
  driver.set_open_clients(0, 1);
  EXPECT_EQ(driver.reset_gpu(0).code, Return::InUse);
  EXPECT_EQ(driver.reload_driver().code, Return::InUse);
  driver.set_open_clients(0, 0);
  EXPECT_TRUE(driver.process_start(slice.info.mig_uuid, 7));
  EXPECT_EQ(driver.reset_gpu(0).code, Return::InUse);
  EXPECT_EQ(driver.reload_driver().code, Return::InUse);
  EXPECT_TRUE(driver.process_exit(7));
  EXPECT_EQ(driver.reset_gpu(0).code, Return::Success);
  EXPECT_EQ(driver.reset_gpu(1).code, Return::InvalidArgument);
}

TEST(MigMode, IsLeftAloneByARebootWhateverRuns) {
  Driver driver = cut_machine("A100-40");
  const Slice slice = make_slice(driver, 19, 0, 1, 0);
  driver.set_open_clients(0, 3);
  EXPECT_TRUE(driver.process_start(slice.info.mig_uuid, 7));
  EXPECT_TRUE(driver.process_start(driver.state().gpus[0].uuid, 8));
  driver.reboot();
  EXPECT_EQ(good(driver.mig_mode(gpu(driver))), kOn);
  EXPECT_EQ(driver.open_clients(0), 0);
  EXPECT_TRUE(good(driver.running_processes(gpu(driver))).empty());
}

TEST(MigMode, HidesProfilesWhileOffFromR535Back) {
  for (const int driver_major : {535, 550}) {
    Config config = machine({"H100-80"});
    config.driver_major = driver_major;
    Driver driver(config);
    const Return expected = driver_major <= 535 ? Return::NotSupported : Return::Success;
    EXPECT_EQ(driver.gpu_instance_profile_info(gpu(driver), 0).code, expected);
    EXPECT_EQ(driver.possible_placements(gpu(driver), 19).code, expected);
    EXPECT_EQ(driver.remaining_capacity(gpu(driver), 19).code, Return::NotSupported);
    good(driver.set_mig_mode(gpu(driver), true));
    EXPECT_EQ(driver.gpu_instance_profile_info(gpu(driver), 0).code, Return::Success);
    EXPECT_EQ(driver.possible_placements(gpu(driver), 19).code, Return::Success);
  }
}

}  // namespace
}  // namespace kerf::simgpu
