// A machine with the real mind of the agent: boots, cuts, crashes, faults.
#include "sim/machine.h"

#include <gtest/gtest.h>

#include "sim/machine_testing.h"

namespace kerf::sim {
namespace {

using control::kMinute;
using control::kSecond;
using control::PodPhase;
using testing::key;
using testing::OneMachine;

const std::vector<std::pair<std::string, std::uint8_t>> kTwo = {{"1g.5gb", 0}, {"2g.10gb", 4}};

bool mig_is_on(const Machine& machine) { return machine.driver().state().gpus[0].mig.current; }

TEST(Machine, ACutAmpereNodeChangesItsModeAtOneMoreReboot) {
  OneMachine cut({"A100-40"});
  EXPECT_FALSE(cut.machine.kubelet().up()) << "the mode is set before kubelet starts";
  cut.run(2 * kMinute);
  EXPECT_TRUE(mig_is_on(cut.machine));
  EXPECT_TRUE(cut.machine.kubelet().up());
}

TEST(Machine, ModesFollowTheNodeClassAtEachBoot) {
  OneMachine hopper({"H100-80"});
  EXPECT_TRUE(mig_is_on(hopper.machine));
  EXPECT_TRUE(hopper.machine.kubelet().up()) << "no reboot is needed";
  hopper.machine.reboot();
  hopper.run(2 * kMinute);
  EXPECT_TRUE(mig_is_on(hopper.machine));
  OneMachine whole({"A100-40"}, 1, OneMachine::calm(), gpu::GpuMode::Whole);
  EXPECT_FALSE(mig_is_on(whole.machine));
}

TEST(Machine, CutsWhatItsGpuNodeWants) {
  OneMachine world;
  world.want(kTwo);
  ASSERT_TRUE(world.converges());
  const std::vector<InstanceView> views = world.machine.instances();
  ASSERT_EQ(views.size(), 2u);
  for (const InstanceView& view : views) {
    EXPECT_FALSE(view.uuid.empty());
    EXPECT_FALSE(view.held());
    const std::string id = control::device_id(0, view.form, view.start);
    EXPECT_EQ(world.machine.disk().cdi.at(id), view.uuid);
  }
  world.run(12 * kSecond);
  EXPECT_EQ(world.object().allocatable_of.at("nvidia.com/mig-2g.10gb"), 1);
}

TEST(Machine, APodIsAProcessOnItsSlice) {
  OneMachine world;
  world.want(kTwo);
  ASSERT_TRUE(world.converges());
  world.bind("a");
  world.run(20 * kSecond);
  ASSERT_EQ(world.pod("a").phase, PodPhase::Running);
  for (const InstanceView& view : world.machine.instances()) {
    const std::set<std::string> holders =
        view.form == "1g.5gb" ? std::set<std::string>{"default/a"} : std::set<std::string>{};
    EXPECT_EQ(view.holders, holders);
    EXPECT_EQ(view.processes, holders);
  }
  EXPECT_EQ(world.gpu_node().status.gpus[0].slices[0].pod, "default/a");
  world.api.erase(Kind::Pod, key("a"));
  world.run(2 * kMinute);
  for (const InstanceView& view : world.machine.instances()) EXPECT_FALSE(view.held());
  EXPECT_TRUE(world.machine.broken_starts().empty());
}

TEST(Machine, AFreeSliceThatIsNotWantedIsDestroyedAndLoggedWithoutHolders) {
  OneMachine world;
  world.want(kTwo);
  ASSERT_TRUE(world.converges());
  world.want({{"1g.5gb", 0}});
  ASSERT_TRUE(world.converges());
  EXPECT_EQ(world.machine.instances().size(), 1u);
  ASSERT_FALSE(world.machine.destroyed().empty());
  for (const DestroyedInstance& destroyed : world.machine.destroyed()) {
    EXPECT_EQ(destroyed.was.form, "2g.10gb");
    EXPECT_EQ(destroyed.by, DestroyedInstance::By::Agent);
    EXPECT_FALSE(destroyed.was.held());
  }
}

TEST(Machine, TheLogNamesWhoHeldAnInstanceThatSomebodyElseDestroyed) {
  MachineOptions options = OneMachine::calm();
  options.idle_milli = 1000;  // the process never opens it, so the driver lets it go
  OneMachine world({"A100-40"}, 1, options);
  world.want({{"1g.5gb", 0}});
  ASSERT_TRUE(world.converges());
  world.bind("a");
  world.run(20 * kSecond);
  ASSERT_TRUE(world.machine.destroy_foreign_instance(0, 0));
  ASSERT_EQ(world.machine.destroyed().size(), 1u);
  EXPECT_EQ(world.machine.destroyed()[0].by, DestroyedInstance::By::Other);
  EXPECT_EQ(world.machine.destroyed()[0].was.holders, std::set<std::string>{"default/a"});
}

/// Crashes before each effect of a re-cut in turn; the next run of the agent brings it to an end.
TEST(Machine, AnAgentThatCrashesBeforeAnyEffectConverges) {
  std::int64_t length = 0;
  {
    OneMachine world;
    world.want(kTwo);
    ASSERT_TRUE(world.converges());
    const std::uint64_t before = world.machine.agent().effects();
    world.want({{"1g.5gb", 0}, {"3g.20gb", 4}});
    ASSERT_TRUE(world.converges());
    length = static_cast<std::int64_t>(world.machine.agent().effects() - before);
    ASSERT_GT(length, 10);
  }
  for (std::int64_t effect = 0; effect <= length; ++effect) {
    OneMachine world;
    world.want(kTwo);
    ASSERT_TRUE(world.converges());
    world.bind("a");
    world.run(20 * kSecond);
    world.machine.crash_agent_before_effect(effect);
    world.want({{"1g.5gb", 0}, {"3g.20gb", 4}});
    world.run(10 * kSecond);
    ASSERT_TRUE(world.converges()) << "crash before effect " << effect;
    world.run(5 * kMinute);
    EXPECT_EQ(world.machine.agent().runs(), 2u) << effect;
    ASSERT_EQ(world.machine.instances().size(), 2u) << effect;
    EXPECT_EQ(world.machine.instances()[0].holders, std::set<std::string>{"default/a"});
    EXPECT_EQ(world.pod("a").phase, PodPhase::Running);
    for (const DestroyedInstance& destroyed : world.machine.destroyed())
      EXPECT_FALSE(destroyed.was.held()) << effect;
    EXPECT_EQ(world.machine.kubelet().crashes(), 0) << effect;
  }
}

TEST(Machine, AfterARebootTheLayoutAndThePodsComeBackWithOtherUuids) {
  MachineOptions options = OneMachine::calm();
  options.kubelet.readmit = {2 * kMinute, 2 * kMinute};
  OneMachine world({"A100-40"}, 1, options);
  world.want(kTwo);
  ASSERT_TRUE(world.converges());
  world.bind("a");
  world.run(20 * kSecond);
  const std::string uuid = world.machine.instances()[0].uuid;
  world.machine.reboot();
  EXPECT_TRUE(world.machine.instances().empty());
  EXPECT_TRUE(world.machine.disk().cdi.empty());
  EXPECT_FALSE(world.machine.kubelet().up());
  world.run(6 * kMinute);
  ASSERT_TRUE(world.converges());
  EXPECT_EQ(world.pod("a").phase, PodPhase::Running);
  EXPECT_EQ(world.machine.instances()[0].processes, std::set<std::string>{"default/a"});
  EXPECT_NE(world.machine.instances()[0].uuid, uuid);
  EXPECT_TRUE(world.machine.broken_starts().empty());
  EXPECT_EQ(world.machine.boots(), 2);
}

TEST(Machine, CutOffItsAgentDoesNotHearOfAChangeUntilItReturns) {
  OneMachine world;
  world.want(kTwo);
  ASSERT_TRUE(world.converges());
  world.machine.cut_off(false, true);
  world.want({});
  world.run(3 * kMinute);
  EXPECT_EQ(world.machine.instances().size(), 2u);
  world.machine.cut_off(false, false);
  EXPECT_TRUE(world.converges());
  EXPECT_TRUE(world.machine.instances().empty());
}

TEST(Machine, ALostGpuIsReported) {
  OneMachine world({"A100-40", "A100-40"});
  world.want(kTwo);
  ASSERT_TRUE(world.converges());
  world.machine.lose_gpu(0, false);
  world.run(2 * kMinute);
  EXPECT_EQ(world.machine.lost(), std::set<int>{0});
  EXPECT_TRUE(world.gpu_node().status.gpus[0].lost);
  EXPECT_EQ(world.gpu_node().status.degraded, control::Degraded::GpuLost);
}

TEST(Machine, AForeignPluginThatTakesANameOfKerfsIsReportedUntilItIsGone) {
  OneMachine world;
  world.want(kTwo);
  ASSERT_TRUE(world.converges());
  world.machine.add_foreign_plugin("nvidia.com/mig-1g.5gb", {{"MIG-1", true}});
  world.run(kMinute);
  EXPECT_EQ(world.gpu_node().status.degraded, control::Degraded::ForeignPlugin);
  world.machine.remove_foreign_plugin("nvidia.com/mig-1g.5gb");
  EXPECT_TRUE(world.converges());
}

TEST(Machine, AForeignPluginRegistersAgainAfterKubeletRestarts) {
  OneMachine world;
  ASSERT_TRUE(world.converges());
  world.machine.add_foreign_plugin("example.com/nic", {{"nic-0", true}});
  world.run(kMinute);
  EXPECT_EQ(world.object().allocatable_of.at("example.com/nic"), 1);
  world.machine.restart_kubelet();
  world.run(kMinute);
  EXPECT_EQ(world.object().allocatable_of.at("example.com/nic"), 1);
  EXPECT_EQ(world.gpu_node().status.degraded, control::Degraded::No);
}

TEST(Machine, AForeignInstanceInTheWayIsReported) {
  OneMachine world;
  ASSERT_TRUE(world.converges());
  ASSERT_TRUE(world.machine.create_foreign_instance(0, 14, {4, 2}, true));
  world.want({{"3g.20gb", 4}});
  world.run(2 * kMinute);
  EXPECT_EQ(world.gpu_node().status.degraded, control::Degraded::ForeignInstances);
}

TEST(Machine, AStaleLeaseMakesTheAgentOfferWhatIsParked) {
  OneMachine world;
  world.lease.renewed = 0;
  world.lease.lease_renewed(world.clock.now());
  world.want({{"1g.5gb", 0}}, false);
  const auto offered = [&] {
    const auto ids = world.machine.kubelet().devices().allocatable_ids();
    const auto at = ids.find("nvidia.com/mig-1g.5gb");
    return at != ids.end() && !at->second.empty();
  };
  // Renewed every 10 s for an hour, then never again.
  for (int i = 0; i < 360; ++i) {
    world.run(10 * kSecond);
    world.lease.lease_renewed(world.clock.now());
    ASSERT_FALSE(offered()) << i;
  }
  world.run(140 * kSecond);
  EXPECT_TRUE(offered());
  world.lease.lease_renewed(world.clock.now());
  world.run(20 * kSecond);
  EXPECT_TRUE(offered()) << "pods may be on their way";
  world.want({{"1g.5gb", 0}}, true);
  world.run(kSecond);
  world.want({{"1g.5gb", 0}}, false);
  world.run(kSecond);
  EXPECT_FALSE(offered());
}

TEST(Machine, AnErrorOfTheDriverIsTriedAgain) {
  OneMachine world;
  ASSERT_TRUE(world.converges());
  world.machine.fail_next(simgpu::Operation::CreateGpuInstance, simgpu::Return::Unknown, 2,
                          simgpu::Effect::Done);
  world.machine.fail_next(simgpu::Operation::CreateComputeInstance, simgpu::Return::InUse, 1,
                          simgpu::Effect::Nothing);
  world.want(kTwo);
  EXPECT_TRUE(world.converges());
  EXPECT_EQ(world.machine.instances().size(), 2u);
}

TEST(Machine, AJournalThatCannotBeWrittenDelaysTheCut) {
  OneMachine world;
  ASSERT_TRUE(world.converges());
  world.machine.agent().fail_journal(3);
  world.want(kTwo);
  EXPECT_TRUE(world.converges());
}

TEST(Machine, ASlowDriverIsWaitedFor) {
  OneMachine world;
  world.machine.set_slow(true);
  world.want(kTwo);
  EXPECT_TRUE(world.converges(20 * kMinute));
}

TEST(Machine, ATerminatedMachineStaysSilent) {
  OneMachine world;
  world.want(kTwo);
  ASSERT_TRUE(world.converges());
  world.machine.terminate();
  world.run(60 * kSecond);
  EXPECT_FALSE(world.object().ready);
  EXPECT_FALSE(world.machine.agent().up());
  EXPECT_FALSE(world.machine.kubelet().up());
  world.machine.restart_kubelet();
  world.machine.crash_agent();
  world.run(5 * kMinute);
  EXPECT_FALSE(world.machine.agent().up());
  EXPECT_FALSE(world.machine.kubelet().up());
}

}  // namespace
}  // namespace kerf::sim
