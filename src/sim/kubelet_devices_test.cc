// Rules of kubelet's device manager.
#include "sim/kubelet_devices.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace kerf::sim {
namespace {

constexpr const char* kSlice = "nvidia.com/mig-1g.5gb";

class Devices : public ::testing::Test {
 protected:
  void serve(const std::vector<PluginDevice>& devices) {
    manager.registered(kSlice);
    manager.list(kSlice, devices);
  }
  Grant choose(const std::string& uid, std::int64_t count = 1,
               const std::vector<std::string>& preferred = {}) {
    return manager.choose("default/" + uid, uid, kSlice, count, preferred, dice);
  }
  /// Chosen, and answered.
  void hold(const std::string& uid, const std::string& id) {
    ASSERT_EQ(choose(uid, 1, {id}).ids, std::vector<std::string>{id});
    ASSERT_TRUE(manager.answered(uid, kSlice, false));
  }

  DeviceManager manager;
  Dice dice{1, "test"};
};

TEST_F(Devices, CapacityIsWhatIsListedAndAllocatableWhatIsHealthy) {
  serve({{"a", true}, {"b", false}, {"c", true}});
  EXPECT_EQ(manager.capacity(0).at(kSlice), 3);
  EXPECT_EQ(manager.allocatable(0).at(kSlice), 2);
  EXPECT_EQ(manager.allocatable_ids().at(kSlice), (std::set<std::string>{"a", "c"}));
}

TEST_F(Devices, AResourceWhosePluginIsGoneHasNoHealthyDeviceAndIsForgottenLater) {
  serve({{"a", true}});
  manager.unplugged(kSlice, 1000);
  EXPECT_EQ(manager.capacity(1000).at(kSlice), 1);
  EXPECT_EQ(manager.allocatable(1000).at(kSlice), 0);
  EXPECT_EQ(manager.capacity(1000 + DeviceManager::kForgetAfter - 1).count(kSlice), 1u);
  EXPECT_EQ(manager.capacity(1000 + DeviceManager::kForgetAfter).count(kSlice), 0u);
}

TEST_F(Devices, AListOfAPluginThatIsGoneIsIgnored) {
  serve({{"a", true}});
  manager.unplugged(kSlice, 0);
  manager.list(kSlice, {{"a", true}});
  EXPECT_EQ(manager.allocatable(0).at(kSlice), 0);
}

TEST_F(Devices, PreferredDevicesAreTakenIfTheyAreFree) {
  serve({{"a", true}, {"b", true}, {"c", true}, {"d", false}});
  hold("first", "a");
  const Grant grant = choose("second", 2, {"d", "a", "c"});
  ASSERT_EQ(grant.kind, Grant::Kind::Call);
  EXPECT_EQ(grant.ids, (std::vector<std::string>{"c", "b"}));
}

TEST_F(Devices, AnAllocationInFlightIsInUseAndNowhereToBeSeen) {
  serve({{"a", true}});
  ASSERT_EQ(choose("first").kind, Grant::Kind::Call);
  EXPECT_TRUE(manager.pod_resources().empty());
  EXPECT_TRUE(manager.checkpoint().empty());
  EXPECT_EQ(manager.holders("a"), std::set<std::string>{"default/first"});
  EXPECT_EQ(choose("second").kind, Grant::Kind::Rejected);
  ASSERT_TRUE(manager.answered("first", kSlice, false));
  ASSERT_EQ(manager.pod_resources().size(), 1u);
  EXPECT_EQ(manager.checkpoint(), manager.pod_resources());
}

TEST_F(Devices, DevicesOfAnInitContainerAreInTheCheckpointOnly) {
  serve({{"a", true}});
  ASSERT_EQ(choose("first").kind, Grant::Kind::Call);
  ASSERT_TRUE(manager.answered("first", kSlice, true));
  EXPECT_TRUE(manager.pod_resources().empty());
  ASSERT_EQ(manager.checkpoint().size(), 1u);
  EXPECT_EQ(choose("second").kind, Grant::Kind::Rejected);
}

TEST_F(Devices, TooFewHealthyFreeDevicesRejectInKubeletsWords) {
  serve({{"a", true}, {"b", false}});
  hold("first", "a");
  const Grant grant = choose("second");
  ASSERT_EQ(grant.kind, Grant::Kind::Rejected);
  EXPECT_EQ(grant.why,
            "Allocate failed due to requested number of devices unavailable for "
            "nvidia.com/mig-1g.5gb. Requested: 1, Available: 0, which is unexpected");
}

TEST_F(Devices, ADeviceThatWasUnlistedBeforeTheAnswerCrashesKubelet) {
  serve({{"a", true}, {"b", true}});
  ASSERT_EQ(choose("first", 1, {"a"}).kind, Grant::Kind::Call);
  manager.list(kSlice, {{"b", true}});
  EXPECT_FALSE(manager.answered("first", kSlice, false));
}

TEST_F(Devices, ADeviceThatTurnedUnhealthyBeforeTheAnswerIsGranted) {
  serve({{"a", true}});
  ASSERT_EQ(choose("first").kind, Grant::Kind::Call);
  manager.list(kSlice, {{"a", false}});
  EXPECT_TRUE(manager.answered("first", kSlice, false));
}

TEST_F(Devices, ADeviceOfARunningPodCanLeaveTheList) {
  serve({{"a", true}});
  hold("first", "a");
  manager.list(kSlice, {});
  EXPECT_EQ(manager.capacity(0).at(kSlice), 0);
  EXPECT_EQ(manager.holders("a"), std::set<std::string>{"default/first"});
  manager.list(kSlice, {{"a", true}});
  EXPECT_EQ(choose("second").kind, Grant::Kind::Rejected);
}

TEST_F(Devices, ARefusedAllocationFreesItsDevices) {
  serve({{"a", true}});
  ASSERT_EQ(choose("first").kind, Grant::Kind::Call);
  manager.refused("first", kSlice);
  EXPECT_TRUE(manager.holders("a").empty());
  EXPECT_EQ(choose("second").kind, Grant::Kind::Call);
}

TEST_F(Devices, AfterARestartNothingIsOfferedUntilThePluginRegisters) {
  serve({{"a", true}, {"b", true}});
  hold("first", "a");
  manager.restart();
  EXPECT_EQ(manager.allocatable(0).count(kSlice), 0u);
  EXPECT_EQ(choose("second").kind, Grant::Kind::Rejected);
  EXPECT_EQ(manager.holders("a"), std::set<std::string>{"default/first"});
  serve({{"a", true}, {"b", true}});
  EXPECT_EQ(choose("second", 2).kind, Grant::Kind::Rejected);
  EXPECT_EQ(choose("second").ids, std::vector<std::string>{"b"});
}

TEST_F(Devices, AfterARebootAPodKeepsItsDevicesIfTheyAreListedAndHealthy) {
  serve({{"a", true}, {"b", true}});
  hold("first", "a");
  manager.restart();
  serve({{"b", true}});
  EXPECT_NE(choose("first").why.find("previously allocated"), std::string::npos);
  serve({{"a", false}, {"b", true}});
  EXPECT_EQ(choose("first").kind, Grant::Kind::Rejected);
  serve({{"a", true}, {"b", true}});
  EXPECT_EQ(choose("first").kind, Grant::Kind::Kept);
}

TEST_F(Devices, AnAllocationInFlightIsForgottenByARestart) {
  serve({{"a", true}});
  ASSERT_EQ(choose("first").kind, Grant::Kind::Call);
  manager.restart();
  serve({{"a", true}});
  EXPECT_EQ(choose("second").kind, Grant::Kind::Call);
}

/// Over random lists, choices, answers, ends and restarts: no device has two pods, no pod gets more
/// than was healthy and free, and what is in use is never offered again.
TEST(DevicesProperty, ADeviceIsNeverGivenToTwoPods) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    DeviceManager manager;
    Dice dice(seed, "property");
    manager.registered(kSlice);
    std::set<std::string> flying;
    std::set<std::string> pods;
    std::uint64_t uids = 0;
    for (int i = 0; i < 200; ++i) {
      const std::int64_t what = dice.between(0, 9);
      if (what <= 2) {
        std::vector<PluginDevice> devices;
        for (int d = 0; d < 8; ++d) {
          const std::string id = "d" + std::to_string(d);
          // What is in flight stays listed: what happens otherwise has a test of its own.
          const bool used = !manager.holders(id).empty();
          if (used || dice.chance(800)) devices.push_back({id, dice.chance(700)});
        }
        manager.list(kSlice, devices);
      } else if (what <= 6) {
        const std::string uid = "p" + std::to_string(++uids);
        const std::int64_t count = dice.between(1, 3);
        const auto free = manager.free(kSlice, dice);
        const Grant grant = manager.choose("ns/" + uid, uid, kSlice, count, {"d3"}, dice);
        const bool enough = static_cast<std::int64_t>(free.size()) >= count;
        ASSERT_EQ(grant.kind, enough ? Grant::Kind::Call : Grant::Kind::Rejected);
        for (const std::string& id : grant.ids) {
          ASSERT_NE(std::find(free.begin(), free.end(), id), free.end()) << id;
          ASSERT_EQ(manager.holders(id), std::set<std::string>{"ns/" + uid});
        }
        if (enough) flying.insert(uid);
      } else if (what == 7 && !flying.empty()) {
        ASSERT_TRUE(manager.answered(*flying.begin(), kSlice, dice.chance(100)));
        pods.insert(*flying.begin());
        flying.erase(flying.begin());
      } else if (what == 8 && !pods.empty()) {
        manager.free_pod(*pods.begin());
        pods.erase(pods.begin());
      } else if (what == 9 && dice.chance(200)) {
        manager.restart();
        manager.registered(kSlice);
        flying.clear();
      }
      for (int d = 0; d < 8; ++d) ASSERT_LE(manager.holders("d" + std::to_string(d)).size(), 1u);
      std::size_t held = 0;
      for (const PodDevices& pod : manager.checkpoint()) held += pod.ids.at(kSlice).size();
      std::set<std::string> distinct;
      for (const PodDevices& pod : manager.checkpoint())
        distinct.insert(pod.ids.at(kSlice).begin(), pod.ids.at(kSlice).end());
      ASSERT_EQ(held, distinct.size()) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace kerf::sim
