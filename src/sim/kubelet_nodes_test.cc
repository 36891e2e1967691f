// What Kubernetes does when a node is silent, tainted or gone.
#include "sim/kubelet_nodes.h"

#include <gtest/gtest.h>

#include "sim/kubelet_testing.h"

namespace kerf::sim {
namespace {

using control::kSecond;
using testing::devices;
using testing::key;
using testing::Small;

struct Running : Small {
  Running() {
    plugin.serve(devices(2));
    run(kSecond);
    bind("a");
    run(15 * kSecond);
  }
};

TEST(NodeMonitor, ASilentNodeIsNotReadyAfterFortySecondsAndItsPodsGoFiveMinutesLater) {
  Running world;
  world.kubelet.cut_off(true);
  world.nodes.silent("n");
  world.run(40 * kSecond - 1);
  EXPECT_TRUE(world.object().ready);
  world.run(1);
  EXPECT_FALSE(world.object().ready);
  EXPECT_EQ(world.object().taints.size(), 1u);
  world.run(300 * kSecond - 1);
  EXPECT_EQ(world.pod("a").meta.deleted, 0);
  world.run(1);
  EXPECT_NE(world.pod("a").meta.deleted, 0);
  EXPECT_EQ(world.runtime.running.size(), 1u) << "its kubelet has not heard of it";
}

TEST(NodeMonitor, ANodeThatSpeaksInTimeStaysReady) {
  Running world;
  world.nodes.silent("n");
  world.run(30 * kSecond);
  world.nodes.speaks("n");
  world.run(10 * control::kMinute);
  EXPECT_TRUE(world.object().ready);
  EXPECT_EQ(world.pod("a").meta.deleted, 0);
}

TEST(NodeMonitor, ANodeThatSpeaksAgainIsReadyWithItsNextStatus) {
  Running world;
  world.kubelet.cut_off(true);
  world.nodes.silent("n");
  world.run(60 * kSecond);
  ASSERT_FALSE(world.object().ready);
  world.kubelet.cut_off(false);
  world.nodes.speaks("n");
  world.run(10 * kSecond);
  EXPECT_TRUE(world.object().ready);
  EXPECT_TRUE(world.object().taints.empty());
}

TEST(NodeMonitor, ANoExecuteTaintEvictsWhoDoesNotTolerateIt) {
  Running world;
  control::Pod pod = testing::pod("tolerant");
  pod.shape.tolerations.push_back({"example.com/out", true, "", ""});
  pod.node = "n";
  world.api.create(std::move(pod));
  world.run(5 * kSecond);
  world.api.mutate<control::Node>(Key{"", "n"}, [](control::Node& node) {
    node.taints.push_back({"example.com/out", "", "NoExecute"});
  });
  world.run(45 * kSecond);
  EXPECT_EQ(world.api.find<control::Pod>(key("a")), nullptr);
  EXPECT_NE(world.api.find<control::Pod>(key("tolerant")), nullptr);
}

TEST(NodeMonitor, PodsOfANodeThatIsGoneAreCollected) {
  Running world;
  world.kubelet.machine_down();
  world.nodes.detach(world.kubelet);
  world.api.remove(Kind::Node, Key{"", "n"});
  world.run(19 * kSecond);
  EXPECT_NE(world.api.find<control::Pod>(key("a")), nullptr);
  world.run(22 * kSecond);
  EXPECT_EQ(world.api.find<control::Pod>(key("a")), nullptr);
}

}  // namespace
}  // namespace kerf::sim
