// Tests of the operations that change instances: at the chosen start, on that very one, or not at
// all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shell/nvml/nvml_testing.h"

namespace kerf::nvml {
namespace {

using simgpu::Operation;

/// The driver's next such call answers each code in turn; the operation passes it on and has
/// changed nothing, and once it is over works.
void expect_passed_on(Rig& rig, Operation call, const std::function<Code()>& operate) {
  for (const simgpu::Return code : all_codes()) {
    SCOPED_TRACE(simgpu::name(code));
    const auto before = rig.machine.state().gpus;
    rig.machine.change([&](simgpu::Driver& d) { return d.fail_next(call, code), 0; });
    EXPECT_EQ(operate(), static_cast<Code>(code));
    EXPECT_EQ(rig.machine.state().gpus, before);
    EXPECT_TRUE(rig.machine.state().faults.empty());
    EXPECT_EQ(rig.driver.look().code, Code::Success) << "and recovers";
  }
  EXPECT_EQ(operate(), Code::Success);
}

TEST(CreateInstance, StandsAtTheChosenStart) {
  Rig rig({"A100-40"});
  for (const std::uint8_t start : {3, 0, 6, 1, 5, 2, 4})
    ASSERT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, start, 1}),
              Code::Success);
  const auto seen = rig.driver.look().gpus.at(0).instances;
  ASSERT_EQ(seen.size(), 7U);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].start, i);
}

TEST(CreateInstance, PassesOnWhatTheDriverRefuses) {
  Rig rig({"A100-40", "T4"});
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 0, 1}),
            Code::Success);
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 0, 1}),
            Code::InsufficientResources);
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 9, 2, 4}),
            Code::InvalidArgument);
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 77, 0, 1}),
            Code::NotSupported);
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(1), 19, 0, 1}),
            Code::NotSupported);
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(2), 19, 0, 1}),
            Code::GpuIsLost);
}

TEST(CreateInstance, PassesOnEveryCode) {
  Rig rig({"H100-80"});
  expect_passed_on(rig, Operation::CreateGpuInstance, [&] {
    return rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 3, 1});
  });
}

TEST(CreateInstance, SaysSoWhenItCannotBeReadBack) {
  Rig rig({"H100-80"});
  rig.machine.change([](simgpu::Driver& d) {
    return d.fail_next(Operation::GpuInstanceInfo, simgpu::Return::Unknown), 0;
  });
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 3, 1}),
            Code::Unknown);
  EXPECT_EQ(rig.at(0, 3).profile, 19) << "it is there all the same";
}

TEST(CreateInstance, ThatFailedMayBeThereAllTheSame) {
  Rig rig({"H100-80"});
  rig.machine.change([](simgpu::Driver& d) {
    d.fail_next(Operation::CreateGpuInstance, simgpu::Return::Timeout, 1, simgpu::Effect::Done);
    return 0;
  });
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 3, 1}),
            Code::Timeout);
  EXPECT_EQ(rig.at(0, 3).profile, 19);
}

TEST(CreateCompute, TakesAllOfTheGpuInstance) {
  Rig rig({"H100-80", "RTX-PRO-6000"});
  const auto three = rig.give(0, 9, 4, 4, 3);
  ASSERT_EQ(three.computes.size(), 1U);
  EXPECT_EQ(three.computes[0].slices, 3);
  const auto two = rig.give(1, 5, 6, 6, 2);
  ASSERT_EQ(two.computes.size(), 1U);
  EXPECT_EQ(two.computes[0].slices, 2);
  EXPECT_EQ(rig.driver.perform(agent::CreateCompute{rig.driver.uuid_of(0), three.gi, 3}),
            Code::InsufficientResources);
  EXPECT_EQ(rig.driver.perform(agent::CreateCompute{rig.driver.uuid_of(0), three.gi, 7}),
            Code::NotSupported);
  EXPECT_EQ(rig.driver.perform(agent::CreateCompute{rig.driver.uuid_of(0), 14, 1}), Code::NotFound);
}

TEST(CreateCompute, PassesOnEveryCode) {
  Rig rig({"H100-80"});
  ASSERT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 9, 4, 4}),
            Code::Success);
  const std::uint32_t gi = rig.at(0, 4).gi;
  expect_passed_on(rig, Operation::CreateComputeInstance, [&] {
    return rig.driver.perform(agent::CreateCompute{rig.driver.uuid_of(0), gi, 3});
  });
}

TEST(DestroyCompute, LeavesOneOfAnotherUuidAlone) {
  Rig rig({"H100-80"});
  const auto slice = rig.give(0, 19, 0, 1, 1);
  const std::uint32_t ci = slice.computes[0].id;
  EXPECT_EQ(rig.driver.perform(agent::DestroyCompute{rig.driver.uuid_of(0), slice.gi, slice.profile,
                                                     slice.start, ci, "MIG-other"}),
            Code::NotFound);
  EXPECT_EQ(rig.at(0, 0), slice);
  EXPECT_EQ(rig.driver.perform(agent::DestroyCompute{rig.driver.uuid_of(0), slice.gi, slice.profile,
                                                     slice.start, ci + 1, slice.computes[0].uuid}),
            Code::NotFound);
  EXPECT_EQ(rig.driver.perform(agent::DestroyCompute{rig.driver.uuid_of(0), slice.gi, slice.profile,
                                                     slice.start, ci, slice.computes[0].uuid}),
            Code::Success);
  EXPECT_TRUE(rig.at(0, 0).computes.empty());
}

/// A UUID may come again with a slice that is made anew.
TEST(DestroyCompute, LeavesOneInAnotherGpuInstanceAlone) {
  Rig rig({"H100-80"});
  const auto slice = rig.give(0, 19, 2, 1, 1);
  agent::DestroyCompute op{rig.driver.uuid_of(0), slice.gi, 19, 3, 0, slice.computes[0].uuid};
  EXPECT_EQ(rig.driver.perform(op), Code::NotFound);
  op.start = 2;
  op.profile = 20;
  EXPECT_EQ(rig.driver.perform(op), Code::NotFound);
  op.profile = 19;
  op.gpu = "GPU-other";
  EXPECT_EQ(rig.driver.perform(op), Code::GpuIsLost);
  EXPECT_EQ(rig.at(0, 2), slice);
  op.gpu = rig.driver.uuid_of(0);
  EXPECT_EQ(rig.driver.perform(op), Code::Success);
}

TEST(DestroyCompute, IsRefusedWhileAProcessRuns) {
  Rig rig({"H100-80"});
  const auto slice = rig.give(0, 19, 0, 1, 1);
  rig.machine.change(
      [&](simgpu::Driver& d) { return d.process_start(slice.computes[0].uuid, 100); });
  EXPECT_EQ(rig.driver.perform(agent::DestroyCompute{rig.driver.uuid_of(0), slice.gi, slice.profile,
                                                     slice.start, 0, slice.computes[0].uuid}),
            Code::InUse);
  EXPECT_EQ(rig.driver.perform(agent::DestroyInstance{rig.driver.uuid_of(0), slice.gi, 19, 0}),
            Code::InUse);
  EXPECT_EQ(rig.at(0, 0), slice);
}

TEST(DestroyCompute, PassesOnEveryCode) {
  Rig rig({"H100-80"});
  const auto slice = rig.give(0, 19, 0, 1, 1);
  expect_passed_on(rig, Operation::DestroyComputeInstance, [&] {
    return rig.driver.perform(agent::DestroyCompute{rig.driver.uuid_of(0), slice.gi, slice.profile,
                                                    slice.start, 0, slice.computes[0].uuid});
  });
}

TEST(DestroyInstance, LeavesOneOfAnotherProfileOrStartAlone) {
  Rig rig({"H100-80"});
  ASSERT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 2, 1}),
            Code::Success);
  const auto bare = rig.at(0, 2);
  EXPECT_EQ(rig.driver.perform(agent::DestroyInstance{rig.driver.uuid_of(0), bare.gi, 19, 3}),
            Code::NotFound);
  EXPECT_EQ(rig.driver.perform(agent::DestroyInstance{rig.driver.uuid_of(0), bare.gi, 20, 2}),
            Code::NotFound);
  EXPECT_EQ(rig.driver.perform(agent::DestroyInstance{rig.driver.uuid_of(0), bare.gi + 1, 19, 2}),
            Code::NotFound);
  EXPECT_EQ(rig.at(0, 2), bare);
  EXPECT_EQ(rig.driver.perform(agent::DestroyInstance{rig.driver.uuid_of(0), bare.gi, 19, 2}),
            Code::Success);
  EXPECT_TRUE(rig.driver.look().gpus[0].instances.empty());
}

TEST(DestroyInstance, PassesOnEveryCode) {
  Rig rig({"H100-80"});
  ASSERT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 2, 1}),
            Code::Success);
  const auto bare = rig.at(0, 2);
  expect_passed_on(rig, Operation::DestroyGpuInstance, [&] {
    return rig.driver.perform(agent::DestroyInstance{rig.driver.uuid_of(0), bare.gi, 19, 2});
  });
}

TEST(EveryOperation, OnALostGpuSaysThatItIsLost) {
  Rig rig({"A100-40", "H100-80"});
  const auto slice = rig.give(1, 19, 0, 1, 1);
  rig.machine.change([](simgpu::Driver& d) { return d.lose_gpu(1), 0; });
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(1), 19, 1, 1}),
            Code::GpuIsLost);
  EXPECT_EQ(rig.driver.perform(agent::CreateCompute{rig.driver.uuid_of(1), slice.gi, 1}),
            Code::GpuIsLost);
  EXPECT_EQ(rig.driver.perform(agent::DestroyCompute{rig.driver.uuid_of(1), slice.gi, slice.profile,
                                                     slice.start, 0, "MIG-x"}),
            Code::GpuIsLost);
  EXPECT_EQ(rig.driver.perform(agent::DestroyInstance{rig.driver.uuid_of(1), slice.gi, 19, 0}),
            Code::GpuIsLost);
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 1, 1}),
            Code::Success);
}

TEST(EveryOperation, WorksAfterADriverReloadWithoutALook) {
  Rig rig({"A100-40"});
  rig.give(0, 19, 0, 1, 1);
  rig.machine.change([](simgpu::Driver& d) { return d.reload_driver().code; });
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 19, 0, 1}),
            Code::Success);
  EXPECT_EQ(rig.machine.state().gpus[0].instances.size(), 1U);
}

TEST(MigMode, TellsTheReturnCodeTheActivationAndTheModeItself) {
  Rig rig({"H100-80", "A100-40", "T4"}, 570, false);
  ModeChange change = rig.driver.set_mig_mode(0, true);
  EXPECT_TRUE(change.done(true));
  EXPECT_TRUE(rig.machine.state().gpus[0].mig.current);

  rig.machine.change([](simgpu::Driver& d) { return d.set_open_clients(1, 1), 0; });
  change = rig.driver.set_mig_mode(1, true);
  EXPECT_EQ(change.code, Code::Success) << "accepted";
  EXPECT_EQ(change.activation, Code::InUse) << "and not done";
  EXPECT_EQ(change.read_back, Code::Success);
  EXPECT_FALSE(change.mode.current);
  EXPECT_TRUE(change.mode.pending);
  EXPECT_FALSE(change.done(true));

  EXPECT_EQ(rig.driver.set_mig_mode(2, true).code, Code::NotSupported);
  EXPECT_EQ(rig.driver.set_mig_mode(3, true).code, Code::InvalidArgument);
}

TEST(MigMode, PassesOnEveryCode) {
  Rig rig({"H100-80"}, 570, false);
  expect_passed_on(rig, Operation::SetMigMode,
                   [&] { return rig.driver.set_mig_mode(0, true).code; });
}

TEST(MigMode, OfAPassedThroughAmpereNeedsAReboot) {
  simgpu::Config config = config_of({"A100-40"});
  config.passthrough = true;
  TestMachine machine(config);
  Driver driver(fake_library(), codec::builtin_catalogue());
  ASSERT_TRUE(driver.start());
  const ModeChange change = driver.set_mig_mode(0, true);
  EXPECT_EQ(change.code, Code::Success);
  EXPECT_EQ(change.activation, Code::ResetRequired);
  EXPECT_TRUE(change.mode.pending);
  machine.change([](simgpu::Driver& d) { return d.reboot(), 0; });
  EXPECT_TRUE(driver.look().gpus.at(0).mode);
}

}  // namespace
}  // namespace kerf::nvml
