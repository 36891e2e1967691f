// Rules of a kubelet: admission, status, restart, reboot, the end of pods.
#include "sim/kubelet.h"

#include <gtest/gtest.h>

#include "sim/kubelet_testing.h"

namespace kerf::sim {
namespace {

using control::kSecond;
using control::PodPhase;
using testing::devices;
using testing::key;
using testing::kSmall;
using testing::Small;

TEST(Kubelet, RunsABoundPodAndShowsItsDevice) {
  Small world;
  world.plugin.serve(devices(1));
  world.run(kSecond);
  world.bind("a");
  world.run(5 * kSecond);
  EXPECT_TRUE(world.pod("a").admitted);
  EXPECT_EQ(world.pod("a").phase, PodPhase::Running);
  EXPECT_EQ(world.pod("a").devices, (std::vector<control::HeldDevice>{{kSmall, "d0"}}));
  EXPECT_EQ(world.runtime.running.size(), 1u);
}

TEST(Kubelet, WritesAChangeOfDevicesWithItsNextStatusOnly) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Small world(seed);
    world.plugin.serve(devices(2));
    world.run(12 * kSecond);
    ASSERT_EQ(world.allocatable(), 2);
    world.run(static_cast<std::int64_t>(seed) * 137);
    const Instant changed = world.clock.now();
    world.plugin.serve(devices(5));
    while (world.allocatable() == 2) ASSERT_TRUE(world.clock.step());
    EXPECT_LE(world.clock.now() - changed, 10 * kSecond);
    // The next change waits for the next tick, 10 s after this one.
    const Instant tick = world.clock.now();
    world.plugin.serve(devices(3));
    while (world.allocatable() == 5) ASSERT_TRUE(world.clock.step());
    EXPECT_EQ(world.clock.now() - tick, 10 * kSecond);
  }
}

TEST(Kubelet, CountsAnUnhealthyDeviceInCapacityOnly) {
  Small world;
  world.plugin.serve({{"a", true}, {"b", false}});
  world.run(12 * kSecond);
  EXPECT_EQ(world.object().capacity_of.at(kSmall), 2);
  EXPECT_EQ(world.object().allocatable_of.at(kSmall), 1);
}

TEST(Kubelet, OverwritesWhatOthersPatchedWithItsOwnTruth) {
  Small world;
  world.plugin.serve(devices(2));
  world.run(12 * kSecond);
  world.api.mutate<control::Node>(Key{"", "n"}, [](control::Node& node) {
    node.allocatable_of[kSmall] = 7;
    node.capacity_of["example.com/other"] = 3;
  });
  world.run(10 * kSecond);
  EXPECT_EQ(world.allocatable(), 2);
  EXPECT_EQ(world.object().capacity_of.at("example.com/other"), 0);
}

TEST(Kubelet, WritesNothingWhileNothingDiffers) {
  Small world;
  world.plugin.serve(devices(2));
  world.run(30 * kSecond);
  const Version version = world.object().meta.version;
  const std::uint64_t steps = world.clock.steps();
  world.run(control::kHour);
  EXPECT_EQ(world.object().meta.version, version);
  EXPECT_EQ(world.clock.steps(), steps) << "it polls";
}

TEST(Kubelet, AForgottenResourceStaysInTheStatusWithZero) {
  Small world;
  world.plugin.serve(devices(2));
  world.run(12 * kSecond);
  world.kubelet.unplug(kSmall, world.plugin);
  world.run(10 * kSecond);
  EXPECT_EQ(world.object().capacity_of.at(kSmall), 2);
  EXPECT_EQ(world.allocatable(), 0);
  world.run(DeviceManager::kForgetAfter + 10 * kSecond);
  EXPECT_EQ(world.object().capacity_of.at(kSmall), 0);
}

TEST(Kubelet, FollowsThePreferredAllocation) {
  Small world;
  world.plugin.serve(devices(7));
  world.plugin.preferred = {"d4"};
  world.run(kSecond);
  world.bind("a");
  world.run(5 * kSecond);
  EXPECT_EQ(world.plugin.asked.size(), 7u);
  EXPECT_EQ(world.pod("a").devices[0].id, "d4");
}

TEST(Kubelet, RejectsAPodForGoodWhenItsDeviceIsGone) {
  Small world;
  world.plugin.serve(devices(1));
  world.run(kSecond);
  world.bind("a");
  world.run(5 * kSecond);
  world.bind("b");
  world.run(5 * kSecond);
  EXPECT_EQ(world.pod("b").phase, PodPhase::Failed);
  EXPECT_EQ(world.pod("b").reason, "UnexpectedAdmissionError");
  EXPECT_NE(world.pod("b").message.find("requested number of devices unavailable"),
            std::string::npos);
  ASSERT_EQ(world.kubelet.rejections().size(), 1u);
  EXPECT_EQ(world.kubelet.rejections()[0].cause, Rejection::Cause::Unavailable);
  world.plugin.serve(devices(3));
  world.run(control::kMinute);
  EXPECT_EQ(world.pod("b").phase, PodPhase::Failed);
}

TEST(Kubelet, AnAllocateThatThePluginRefusesRejectsThePod) {
  Small world;
  world.plugin.serve(devices(1));
  world.plugin.grants = false;
  world.run(kSecond);
  world.bind("a");
  world.run(5 * kSecond);
  EXPECT_EQ(world.pod("a").phase, PodPhase::Failed);
  EXPECT_EQ(world.kubelet.rejections()[0].cause, Rejection::Cause::Plugin);
  EXPECT_TRUE(world.kubelet.devices().holders("d0").empty());
}

TEST(Kubelet, PanicsIfADeviceIsUnlistedWhileItIsAllocated) {
  Small world;
  world.plugin.serve(devices(2));
  world.plugin.latency_ms = 500;
  world.run(kSecond);
  world.bind("a");
  while (world.plugin.granted.empty()) ASSERT_TRUE(world.clock.step());
  world.plugin.serve({});
  world.run(600);
  EXPECT_EQ(world.kubelet.crashes(), 1);
  EXPECT_FALSE(world.kubelet.up());
  world.run(20 * kSecond);
  EXPECT_TRUE(world.kubelet.up());
}

TEST(Kubelet, DoesNotPanicIfTheDeviceTurnsUnhealthyInstead) {
  Small world;
  world.plugin.serve(devices(1));
  world.plugin.latency_ms = 500;
  world.run(kSecond);
  world.bind("a");
  while (world.plugin.granted.empty()) ASSERT_TRUE(world.clock.step());
  world.plugin.serve({{"d0", false}});
  world.run(10 * kSecond);
  EXPECT_EQ(world.kubelet.crashes(), 0);
  EXPECT_EQ(world.pod("a").phase, PodPhase::Running);
}

TEST(Kubelet, OffersNothingAfterARestartUntilPluginsRegister) {
  Small world;
  world.plugin.serve(devices(3));
  world.run(12 * kSecond);
  world.plugin.registers_after_ms = 60 * kSecond;
  world.kubelet.crash();
  world.run(20 * kSecond);
  ASSERT_TRUE(world.kubelet.up());
  EXPECT_EQ(world.allocatable(), 0);
  world.run(61 * kSecond);
  EXPECT_EQ(world.allocatable(), 3);
}

TEST(Kubelet, RunningContainersOutliveARestart) {
  Small world;
  world.plugin.serve(devices(1));
  world.run(kSecond);
  world.bind("a");
  world.run(5 * kSecond);
  world.kubelet.crash();
  world.run(30 * kSecond);
  EXPECT_EQ(world.runtime.running.size(), 1u);
  EXPECT_EQ(world.pod("a").phase, PodPhase::Running);
  world.bind("b");
  world.run(5 * kSecond);
  EXPECT_EQ(world.pod("b").phase, PodPhase::Failed) << "the checkpoint knows that d0 is held";
}

TEST(Kubelet, APodThatIsNotRunningAtARestartIsRejected) {
  KubeletOptions options = Small::no_init();
  options.container = {5000, 5000};
  Small world(1, options);
  world.plugin.serve(devices(2));
  world.run(kSecond);
  world.bind("a");
  world.run(2 * kSecond);
  ASSERT_TRUE(world.pod("a").admitted);
  world.kubelet.crash();
  world.run(30 * kSecond);
  EXPECT_EQ(world.pod("a").phase, PodPhase::Failed);
  EXPECT_EQ(world.kubelet.rejections()[0].cause, Rejection::Cause::Unregistered);
}

/// Runs a pod, reboots, and lists `list` again in time for its admission.
PodPhase phase_after_reboot(std::vector<PluginDevice> list) {
  Small world;
  world.plugin.serve(devices(2));
  world.plugin.preferred = {"d1"};
  world.run(kSecond);
  world.bind("a");
  world.run(5 * kSecond);
  EXPECT_EQ(world.pod("a").devices[0].id, "d1");
  world.kubelet.machine_down();
  EXPECT_TRUE(world.runtime.running.empty());
  world.run(30 * kSecond);
  world.plugin.serve(std::move(list));
  world.kubelet.start_after_boot("boot/2");
  world.run(70 * kSecond);
  EXPECT_EQ(world.object().boot_id, "boot/2");
  return world.pod("a").phase;
}

TEST(Kubelet, AfterARebootAPodNeedsItsOldDevice) {
  EXPECT_EQ(phase_after_reboot(devices(2)), PodPhase::Running);
  EXPECT_EQ(phase_after_reboot({{"d0", true}, {"d2", true}}), PodPhase::Failed);
  EXPECT_EQ(phase_after_reboot({{"d0", true}, {"d1", false}}), PodPhase::Failed);
}

TEST(Kubelet, ADeletedPodKeepsItsDeviceUntilItsContainersHaveEnded) {
  Small world;
  world.plugin.serve(devices(1));
  world.run(kSecond);
  world.bind("a");
  world.api.mutate<control::Pod>(
      key("a"), [](control::Pod& pod) { pod.meta.annotations[kEndsInMs] = "8000"; });
  world.run(5 * kSecond);
  world.api.erase(Kind::Pod, key("a"));
  world.run(7 * kSecond);
  EXPECT_EQ(world.runtime.running.size(), 1u);
  EXPECT_FALSE(world.kubelet.devices().holders("d0").empty());
  // First the containers, then the devices, then the object.
  while (!world.runtime.running.empty()) ASSERT_TRUE(world.clock.step());
  EXPECT_FALSE(world.kubelet.devices().holders("d0").empty());
  while (!world.kubelet.devices().holders("d0").empty()) ASSERT_TRUE(world.clock.step());
  EXPECT_NE(world.api.find<control::Pod>(key("a")), nullptr);
  world.run(kSecond);
  EXPECT_EQ(world.api.find<control::Pod>(key("a")), nullptr);
}

TEST(Kubelet, APodThatEndsByItselfSucceedsOrFailsAndFreesItsDevice) {
  for (const bool fails : {false, true}) {
    Small world;
    world.plugin.serve(devices(1));
    world.run(kSecond);
    world.bind("a");
    world.api.mutate<control::Pod>(key("a"), [&](control::Pod& pod) {
      pod.meta.annotations[kRunsForMs] = "4000";
      if (fails) pod.meta.annotations[kFails] = "true";
    });
    world.run(20 * kSecond);
    EXPECT_EQ(world.pod("a").phase, fails ? PodPhase::Failed : PodPhase::Succeeded);
    EXPECT_TRUE(world.kubelet.devices().holders("d0").empty());
    world.bind("b");
    world.run(5 * kSecond);
    EXPECT_EQ(world.pod("b").phase, PodPhase::Running);
  }
}

TEST(Kubelet, APodWhoseContainersEndWhileItIsDownIsOverWhenItReturns) {
  Small world;
  world.plugin.serve(devices(1));
  world.run(kSecond);
  world.bind("a");
  world.api.mutate<control::Pod>(
      key("a"), [](control::Pod& pod) { pod.meta.annotations[kRunsForMs] = "10000"; });
  world.run(5 * kSecond);
  world.kubelet.stop();
  world.run(30 * kSecond);
  EXPECT_TRUE(world.runtime.running.empty());
  EXPECT_EQ(world.pod("a").phase, PodPhase::Running);
  world.kubelet.start("boot/1");
  world.run(5 * kSecond);
  EXPECT_EQ(world.pod("a").phase, PodPhase::Succeeded);
}

TEST(Kubelet, AForceDeletedPodHoldsItsDeviceUntilKubeletHasEndedIt) {
  Small world;
  world.plugin.serve(devices(1));
  world.run(kSecond);
  world.bind("a");
  world.run(5 * kSecond);
  world.api.erase(Kind::Pod, key("a"), 0);
  EXPECT_EQ(world.api.find<control::Pod>(key("a")), nullptr);
  EXPECT_EQ(world.runtime.running.size(), 1u);
  world.run(10 * kSecond);
  EXPECT_TRUE(world.runtime.running.empty());
  EXPECT_TRUE(world.kubelet.devices().holders("d0").empty());
}

TEST(Kubelet, CutOffItRunsOnAndTakesUpWhatHappenedWhenItReturns) {
  Small world;
  world.plugin.serve(devices(3));
  world.run(kSecond);
  world.bind("stays");
  world.bind("goes");
  world.run(5 * kSecond);
  world.kubelet.cut_off(true);
  world.api.erase(Kind::Pod, key("goes"));
  world.bind("comes");
  world.plugin.serve(devices(4));
  world.run(25 * kSecond);
  EXPECT_EQ(world.runtime.running.size(), 2u);
  EXPECT_EQ(world.pod("comes").phase, PodPhase::Pending);
  EXPECT_EQ(world.allocatable(), 3);
  world.kubelet.cut_off(false);
  world.run(40 * kSecond);
  EXPECT_EQ(world.pod("comes").phase, PodPhase::Running);
  EXPECT_EQ(world.api.find<control::Pod>(key("goes")), nullptr);
  EXPECT_EQ(world.pod("stays").phase, PodPhase::Running);
  EXPECT_EQ(world.allocatable(), 4);
}

TEST(Kubelet, APluginThatTakesTheNameCutsOffTheOther) {
  Small world;
  world.plugin.serve(devices(3));
  world.run(12 * kSecond);
  testing::ScriptedPlugin other(world.kubelet, world.clock, kSmall);
  other.serve(devices(1));
  other.connect();
  EXPECT_EQ(world.plugin.drops, 1);
  EXPECT_EQ(world.kubelet.served_by_others(world.plugin), std::set<std::string>{kSmall});
  world.plugin.serve(devices(5));
  world.run(10 * kSecond);
  EXPECT_EQ(world.allocatable(), 1);
}

TEST(Kubelet, PodsAreAdmittedOneAfterTheOther) {
  Small world;
  world.plugin.serve(devices(4));
  world.plugin.answers = false;
  world.run(kSecond);
  for (const std::string name : {"a", "b", "c"}) world.bind(name);
  world.run(10 * kSecond);
  EXPECT_EQ(world.plugin.granted.size(), 1u);
}

/// Pods come and go, devices change, kubelet and machine fall over, over many seeds: what runs
/// never shares a device, kubelet never has more pods with devices than it ever listed, and nothing
/// hangs: in the end every pod runs, or is over for a reason.
TEST(KubeletProperty, DevicesAreNeverSharedAndNothingHangs) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    KubeletOptions options;
    options.init_milli = 200;
    Small world(seed, options);
    Dice dice(seed, "property");
    world.plugin.serve(devices(6));
    std::vector<PodDevices> told;
    world.kubelet.when_changed([&] { told = world.kubelet.devices().pod_resources(); });
    int made = 0;
    for (int i = 0; i < 120; ++i) {
      const std::int64_t what = dice.between(0, 19);
      if (what <= 9) {
        world.bind("p" + std::to_string(++made), dice.between(1, 2));
      } else if (what <= 15 && made > 0) {
        world.api.erase(Kind::Pod, key("p" + std::to_string(dice.between(1, made))),
                        dice.chance(200) ? 0 : -1);
      } else if (what == 16) {
        std::vector<PluginDevice> list = devices(6);
        for (PluginDevice& device : list) device.healthy = dice.chance(700);
        world.plugin.serve(std::move(list));
      } else if (what == 17 && world.kubelet.up()) {
        world.kubelet.crash();
      } else if (what == 18 && dice.chance(300)) {
        world.kubelet.machine_down();
        world.run(30 * kSecond);
        world.kubelet.start_after_boot("boot/" + std::to_string(i));
      } else if (what == 19) {
        world.kubelet.cut_off(dice.chance(500));
      }
      world.run(dice.between(0, 4000));
      ASSERT_EQ(world.runtime.shared, 0) << "seed " << seed;
      ASSERT_LE(world.runtime.held.size(), 6u);
      ASSERT_EQ(told, world.kubelet.devices().pod_resources()) << "seed " << seed;
      for (const auto& [uid, held] : world.runtime.running) {
        for (const control::HeldDevice& device : held)
          ASSERT_EQ(world.kubelet.devices().holders(device.id).size(), 1u) << "seed " << seed;
      }
    }
    world.kubelet.cut_off(false);
    world.plugin.serve(devices(6));
    world.run(3 * control::kMinute);
    ASSERT_EQ(world.kubelet.crashes(), 0);
    for (const control::Pod& pod : world.api.all<control::Pod>()) {
      ASSERT_EQ(pod.meta.deleted, 0) << "seed " << seed << " " << pod.meta.name;
      ASSERT_NE(pod.phase, PodPhase::Pending) << "seed " << seed << " " << pod.meta.name;
    }
    std::size_t running = 0;
    for (const control::Pod& pod : world.api.all<control::Pod>()) {
      if (pod.phase == PodPhase::Running) ++running;
    }
    ASSERT_EQ(running, world.runtime.running.size()) << "seed " << seed;
  }
}

TEST(KubeletProperty, TheSameSeedRunsTheSame) {
  const auto run = [](std::uint64_t seed) {
    Small world(seed);
    world.plugin.serve(devices(3));
    for (int i = 0; i < 10; ++i) {
      world.bind("p" + std::to_string(i));
      world.run(700);
    }
    Hasher hasher;
    world.kubelet.add_to(hasher);
    world.api.add_to(hasher);
    return hasher.value();
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace kerf::sim
