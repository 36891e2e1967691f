// Tests of what a Look sees on the simulated driver: boards, modes, instances, lost GPUs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shell/nvml/nvml_testing.h"
#include "simgpu/boards.h"

namespace kerf::nvml {
namespace {

using agent::SeenGpu;
using agent::SeenInstance;

TEST(Look, SeesEachBoardUnderKerfsKey) {
  const std::vector<std::string> boards = {"A100-40", "H100-80", "RTX-PRO-6000", "A30", "T4", "L4"};
  Rig rig(boards, 570, false);
  const agent::Looked looked = rig.driver.look();
  ASSERT_EQ(looked.code, Code::Success);
  ASSERT_EQ(looked.gpus.size(), boards.size());
  const simgpu::State state = rig.machine.state();
  for (std::size_t i = 0; i < boards.size(); ++i) {
    SCOPED_TRACE(boards[i]);
    EXPECT_EQ(looked.gpus[i].model, boards[i]);
    EXPECT_EQ(looked.gpus[i].uuid, state.gpus[i].uuid);
    EXPECT_EQ(looked.gpus[i].mig_capable, boards[i] != "T4" && boards[i] != "L4");
    EXPECT_FALSE(looked.gpus[i].mode);
    EXPECT_FALSE(looked.gpus[i].lost);
    EXPECT_TRUE(looked.gpus[i].instances.empty());
  }
}

TEST(Look, SeesWhatEveryBoardOfTheSimulatorIs) {
  for (const simgpu::Board& board : simgpu::boards()) {
    SCOPED_TRACE(board.key);
    Rig rig({std::string(board.key)});
    const agent::Looked looked = rig.driver.look();
    ASSERT_EQ(looked.gpus.size(), 1U);
    EXPECT_EQ(looked.gpus[0].model, board.key) << board.name;
    EXPECT_EQ(looked.gpus[0].mode, board.mig());
  }
}

TEST(Look, SeesAModeThatIsPending) {
  Rig rig({"A100-40"}, 570, false);
  rig.machine.change([](simgpu::Driver& d) {
    d.set_open_clients(0, 1);
    return d.set_mig_mode(d.device_by_index(0).value, true).value;
  });
  const SeenGpu gpu = rig.driver.look().gpus.at(0);
  EXPECT_FALSE(gpu.mode);
  EXPECT_TRUE(gpu.mode_pending);
}

TEST(Look, SeesAGpuInstanceWithoutAComputeInstance) {
  Rig rig({"H100-80"});
  ASSERT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 9, 4, 4}),
            Code::Success);
  const SeenInstance bare = rig.at(0, 4);
  EXPECT_EQ(bare.profile, 9);
  EXPECT_EQ(bare.size, 4);
  EXPECT_TRUE(bare.computes.empty());
}

TEST(Look, SeesSlicesAsTheDriverHasThem) {
  Rig rig({"T4", "H100-80"});
  rig.give(1, 9, 4, 4, 3);
  rig.give(1, 19, 0, 1, 1);
  const SeenGpu gpu = rig.driver.look().gpus.at(1);
  const simgpu::State state = rig.machine.state();
  ASSERT_EQ(gpu.instances.size(), 2U);
  EXPECT_EQ(gpu.instances[0].start, 0) << "by start";
  for (const SeenInstance& seen : gpu.instances) {
    const auto real =
        std::ranges::find(state.gpus[1].instances, seen.gi, &simgpu::GpuInstanceState::id);
    ASSERT_NE(real, state.gpus[1].instances.end());
    ASSERT_EQ(seen.computes.size(), 1U);
    EXPECT_EQ(seen.computes[0].uuid, real->compute_instances[0].uuid);
    EXPECT_EQ(seen.computes[0].slices, real->compute_instances[0].placement.size);
    EXPECT_EQ(seen.start, real->start);
  }
}

TEST(Look, SeesSeveralComputeInstancesOfOneGpuInstance) {
  Rig rig({"A100-40"});
  ASSERT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(0), 9, 0, 4}),
            Code::Success);
  const std::uint32_t gi = rig.at(0, 0).gi;
  ASSERT_EQ(rig.driver.perform(agent::CreateCompute{rig.driver.uuid_of(0), gi, 1}), Code::Success);
  ASSERT_EQ(rig.driver.perform(agent::CreateCompute{rig.driver.uuid_of(0), gi, 1}), Code::Success);
  const SeenInstance seen = rig.at(0, 0);
  ASSERT_EQ(seen.computes.size(), 2U);
  EXPECT_NE(seen.computes[0].uuid, seen.computes[1].uuid);
  EXPECT_EQ(seen.computes[1].id, seen.computes[0].id + 1);
}

TEST(Look, MarksALostGpuAndSeesTheOthers) {
  Rig rig({"H100-80", "A100-40"});
  rig.give(0, 19, 2, 1, 1);
  rig.give(1, 19, 3, 1, 1);
  const agent::Looked before = rig.driver.look();
  rig.machine.change([](simgpu::Driver& d) { return d.lose_gpu(0), 0; });
  const agent::Looked after = rig.driver.look();
  ASSERT_EQ(after.code, Code::Success);
  SeenGpu expected = before.gpus[0];
  expected.lost = true;
  EXPECT_EQ(after.gpus[0], expected) << "the rest is as last seen";
  EXPECT_EQ(after.gpus[1], before.gpus[1]);
}

TEST(Look, FindsAGpuThatCameBack) {
  Rig rig({"H100-80", "H100-80"});
  rig.machine.change([](simgpu::Driver& d) { return d.lose_gpu(1, true), 0; });
  EXPECT_TRUE(rig.driver.look().gpus.at(1).lost);
  rig.machine.change([](simgpu::Driver& d) { return d.reboot(), 0; });
  const agent::Looked looked = rig.driver.look();
  EXPECT_FALSE(looked.gpus.at(1).lost);
  EXPECT_FALSE(looked.gpus.at(1).mode) << "Hopper has MIG off after a boot";
}

TEST(Look, KnowsAGpuThatWasLostFromTheStartOnceItIsBack) {
  TestMachine machine({"H100-80", "A100-40"});
  machine.change([](simgpu::Driver& d) { return d.lose_gpu(0, true), 0; });
  Driver driver(fake_library(), codec::builtin_catalogue());
  ASSERT_TRUE(driver.start());
  agent::Looked looked = driver.look();
  ASSERT_EQ(looked.gpus.size(), 2U);
  EXPECT_TRUE(looked.gpus[0].lost);
  EXPECT_EQ(looked.gpus[0].uuid, "");
  EXPECT_EQ(looked.gpus[1].model, "A100-40");
  machine.change([](simgpu::Driver& d) { return d.reboot(), 0; });
  looked = driver.look();
  ASSERT_EQ(looked.gpus.size(), 2U);
  EXPECT_FALSE(looked.gpus[0].lost);
  EXPECT_EQ(looked.gpus[0].uuid, machine.state().gpus[0].uuid);
  EXPECT_EQ(looked.gpus[0].model, "H100-80");
}

TEST(Look, SeesTheMachineAnewAfterADriverReload) {
  Rig rig({"A100-40"});
  rig.give(0, 19, 0, 1, 1);
  rig.machine.change([](simgpu::Driver& d) { return d.reload_driver().code; });
  const SeenGpu gpu = rig.driver.look().gpus.at(0);
  EXPECT_TRUE(gpu.mode) << "Ampere keeps it";
  EXPECT_TRUE(gpu.instances.empty());
}

/// Every code from every call that a Look makes: the Look fails, or where it is a GPU's own, that
/// GPU is lost, or the Look sees exactly what stands.
TEST(Look, PassesEveryFailureOnOrSeesExactlyWhatStands) {
  using simgpu::Operation;
  const std::vector<Operation> calls = {Operation::DeviceCount,
                                        Operation::DeviceByIndex,
                                        Operation::DeviceInfo,
                                        Operation::GetMigMode,
                                        Operation::GpuInstanceProfileInfo,
                                        Operation::ListGpuInstances,
                                        Operation::GpuInstanceInfo,
                                        Operation::ComputeInstanceProfileInfo,
                                        Operation::ListComputeInstances,
                                        Operation::ComputeInstanceInfo,
                                        Operation::MigDeviceUuid};
  Rig rig({"H100-80"});
  rig.give(0, 19, 0, 1, 1);
  rig.give(0, 9, 4, 4, 3);
  const agent::Looked stands = rig.driver.look();
  for (const Operation call : calls)
    for (const simgpu::Return code : all_codes())
      for (const int count : {1, 3, 1000}) {
        SCOPED_TRACE(static_cast<int>(call));
        SCOPED_TRACE(simgpu::name(code));
        SCOPED_TRACE(count);
        Driver driver(fake_library(), codec::builtin_catalogue());
        ASSERT_TRUE(driver.start());
        rig.machine.change([&](simgpu::Driver& d) { return d.fail_next(call, code, count), 0; });
        const agent::Looked looked = driver.look();
        // What a driver says of MIG whenever it is asked is so, as far as one can know.
        const bool no_mig =
            call == Operation::GetMigMode && count > 1 && code == simgpu::Return::NotSupported;
        if (no_mig) {
          ASSERT_EQ(looked.gpus.size(), 1U);
          EXPECT_FALSE(looked.gpus[0].mig_capable);
        } else if (looked.code != Code::Success) {
          EXPECT_EQ(looked.code == static_cast<Code>(code) || looked.code == Code::Unknown, true)
              << agent::to_string(looked.code);
          EXPECT_TRUE(looked.gpus.empty());
        } else if (!looked.gpus.at(0).lost) {
          EXPECT_EQ(looked.gpus, stands.gpus);
        }
        rig.machine.change([](simgpu::Driver& d) { return d.clear_faults(), 0; });
        const agent::Looked again = driver.look();
        ASSERT_EQ(again.code, Code::Success);
        EXPECT_EQ(again.gpus, stands.gpus) << "nothing wrong was kept";
      }
}

TEST(Look, DoesNotForgetThatAGpuHasMig) {
  Rig rig({"H100-80"});
  rig.give(0, 19, 0, 1, 1);
  rig.machine.change([](simgpu::Driver& d) {
    d.fail_next(simgpu::Operation::GetMigMode, simgpu::Return::NotSupported, 1000);
    return 0;
  });
  EXPECT_EQ(rig.driver.look().code, Code::NotSupported);
}

/// One GPU that does not answer does not take the node down.
TEST(SickGpu, FailsTheLookAndNothingOfTheOthers) {
  for (const simgpu::Return code : all_codes()) {
    if (code == simgpu::Return::Uninitialized || code == simgpu::Return::DriverNotLoaded) continue;
    SCOPED_TRACE(simgpu::name(code));
    TestMachine machine({"H100-80", "H100-80"});
    machine.cut();
    machine.change([&](simgpu::Driver& d) {
      d.fail_next(simgpu::Operation::DeviceByIndex, code, 1000, simgpu::Effect::Nothing, 1);
      return 0;
    });
    Driver driver(fake_library(), codec::builtin_catalogue());
    const auto started = driver.start();
    ASSERT_TRUE(started) << started.error().message();
    ASSERT_EQ(driver.gpus(), 2U);
    const agent::Looked looked = driver.look();
    if (looked.code == Code::Success) {
      EXPECT_TRUE(looked.gpus.at(1).lost);
    } else {
      EXPECT_EQ(looked.code, static_cast<Code>(code));
    }
    EXPECT_EQ(driver.perform(agent::CreateInstance{driver.uuid_of(0), 19, 3, 1}), Code::Success);
    EXPECT_NE(driver.perform(agent::CreateInstance{driver.uuid_of(1), 19, 3, 1}), Code::Success);
    machine.change([](simgpu::Driver& d) { return d.inject_xid(0, 94), 0; });
    EXPECT_EQ(driver.news().xids.size(), 1U);
    const auto inventory = driver.inventory();
    ASSERT_TRUE(inventory);
    ASSERT_EQ(inventory->gpus.size(), 2U);
    EXPECT_TRUE(inventory->gpus[0].unanswered.empty());
    EXPECT_FALSE(inventory->gpus[1].unanswered.empty());

    machine.change([](simgpu::Driver& d) { return d.clear_faults(), 0; });
    const agent::Looked well = driver.look();
    ASSERT_EQ(well.code, Code::Success);
    ASSERT_EQ(well.gpus.size(), 2U);
    EXPECT_FALSE(well.gpus[1].lost);
    EXPECT_EQ(well.gpus[1].uuid, machine.state().gpus[1].uuid);
    for (int i = 0; i < 8; ++i) driver.news();
    machine.change([](simgpu::Driver& d) { return d.inject_xid(1, 94), 0; });
    EXPECT_EQ(driver.news().xids.size(), 1U) << "and is watched";
  }
}

/// Listing that fails half-way leaves every GPU where it was.
TEST(SickGpu, ListingThatFailsHalfwayLosesNoGpu) {
  Rig rig({"H100-80", "H100-80"});
  rig.driver.look();
  const std::string uuid = rig.machine.state().gpus[1].uuid;
  rig.machine.change([&](simgpu::Driver& d) {
    for (const simgpu::Return code :
         {simgpu::Return::InvalidArgument, simgpu::Return::Uninitialized})
      d.fail_next(simgpu::Operation::DeviceByIndex, code, 1, simgpu::Effect::Nothing, 1);
    return d.process_start(uuid, 7), 0;
  });
  EXPECT_EQ(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(1), 19, 0, 1}),
            Code::Uninitialized);
  EXPECT_TRUE(rig.machine.state().faults.empty());
  EXPECT_NE(rig.driver.perform(agent::CreateInstance{rig.driver.uuid_of(1), 19, 7, 1}),
            Code::GpuIsLost);
  const agent::Looked looked = rig.driver.look();
  ASSERT_EQ(looked.code, Code::Success);
  EXPECT_FALSE(looked.gpus.at(1).lost);
}

TEST(Handles, OfAnEarlierGenerationNeverReachTheDriver) {
  Rig rig({"H100-80"});
  rig.give(0, 19, 0, 1, 1);
  Session& session = rig.driver.session();
  const auto gpu = rig.driver.device(0);
  ASSERT_TRUE(gpu.ok());
  const auto instances = session.gpu_instances(gpu.value, 19);
  ASSERT_EQ(instances.value.size(), 1U);
  const auto computes = session.computes(instances.value[0], 0);
  ASSERT_EQ(computes.value.size(), 1U);
  const auto info = session.info(computes.value[0]);
  ASSERT_TRUE(session.uuid(info.value.device).ok());

  session.outdate();
  const std::uint64_t calls = session.calls();
  EXPECT_EQ(session.uuid(gpu.value).code, Code::InvalidArgument);
  EXPECT_EQ(session.set_mig_mode(gpu.value, false).code, Code::InvalidArgument);
  EXPECT_EQ(session.create(gpu.value, 19, {1, 1}).code, Code::InvalidArgument);
  EXPECT_EQ(session.processes(gpu.value).code, Code::InvalidArgument);
  EXPECT_EQ(session.info(instances.value[0]).code, Code::InvalidArgument);
  EXPECT_EQ(session.destroy(instances.value[0]), Code::InvalidArgument);
  EXPECT_EQ(session.create_compute(instances.value[0], 0).code, Code::InvalidArgument);
  EXPECT_EQ(session.destroy(computes.value[0]), Code::InvalidArgument);
  EXPECT_EQ(session.uuid(info.value.device).code, Code::InvalidArgument);
  EXPECT_EQ(session.uuid(Device{}).code, Code::InvalidArgument);
  EXPECT_EQ(session.calls(), calls);
  EXPECT_EQ(rig.machine.state().gpus[0].instances.size(), 1U);

  EXPECT_TRUE(session.uuid(rig.driver.device(0).value).ok()) << "asked for again it works";
  session.shutdown();
  EXPECT_EQ(session.uuid(gpu.value).code, Code::Uninitialized);
}

TEST(Handles, RiseAGenerationWithEachInitialisationAndModeChange) {
  Rig rig({"H100-80"}, 570, false);
  const Generation first = rig.driver.session().generation();
  const ModeChange change = rig.driver.set_mig_mode(0, true);
  EXPECT_TRUE(change.done(true));
  const Generation second = rig.driver.session().generation();
  EXPECT_GT(second, first);
  rig.driver.session().init();
  EXPECT_GT(rig.driver.session().generation(), second);
}

}  // namespace
}  // namespace kerf::nvml
