// Allocatable by the checker's own reckoning, nodes that are too full, and headroom.
#include <gtest/gtest.h>

#include "core/check/fleet_testing.h"

namespace kerf::check {
namespace {

using testing::Fleet;
using testing::World;

TEST(CheckCapacity, ReckonsWhatANodeCanGive) {
  struct Case {
    int vcpu;
    std::int64_t memory_mib;
    int max_pods;
    std::int64_t cpu_milli;
    std::int64_t memory;
  };
  // By hand from the formula: 4 vCPU lose 60 + 10 + 10 m; 16384 MiB lose 1229 + 255 + 319 + 100.
  const Case kCases[] = {{1, 2048, 8, 940, 2048 - 154 - 255 - 88 - 100},
                         {2, 8192, 20, 1930, 8192 - 615 - 255 - 220 - 100},
                         {4, 16384, 29, 3920, 14481},
                         {96, 1179648, 737, 95690, 1179648 - 88474 - 255 - 8107 - 100}};
  for (const Case& c : kCases) {
    const auto type =
        testing::type("x.large", "amd64", c.vcpu, c.memory_mib, "T4", 1, 16, c.max_pods);
    // 200 GiB of disk lose a tenth and 1 GiB.
    const Resources expected = {c.cpu_milli, c.memory, 204800 - 20480 - 1024, c.max_pods};
    EXPECT_EQ(allocatable_of(type, {}), expected) << c.vcpu;
  }
}

TEST(CheckCapacity, TakesOffWhatKernelsForArmKeep) {
  const auto type = testing::type("x.large", "arm64", 4, 8192, "T4G", 1, 16, 58);
  EXPECT_EQ(allocatable_of(type, {}).memory_mib, 8192 - 64 - 610 - 255 - 638 - 100);
}

TEST(CheckCapacity, TakesDaemonSetsOffAndNeverGoesBelowNothing) {
  const auto type = testing::type("x.large", "amd64", 4, 16384, "T4", 1, 16, 29);
  market::NodeOverhead overhead;
  overhead.daemonsets = {920, 481, 1 << 20, 4};
  overhead.root_volume_gib = 20;
  EXPECT_EQ(allocatable_of(type, overhead), (Resources{3000, 14000, 0, 25}));
}

TEST(CheckCapacity, ReportsNodesThatAreTooFullOrMiscounted) {
  testing::expect_reported<Fleet>({
      {"CPU",
       [](Fleet& f) {
         f.shape(f.any).requests.cpu_milli = 4000;
         f.finish();
       },
       "node 3 (g4dn.xlarge): 4000 milli-CPU are asked for and 3920 are there"},
      {"memory",
       [](Fleet& f) {
         f.shape(f.any).requests.memory_mib = 14482;
         f.finish();
       },
       "14482 MiB of memory are asked for and 14481 are there"},
      {"disk",
       [](Fleet& f) {
         f.shape(f.any).requests.disk_mib = 200000;
         f.finish();
       },
       "200000 MiB of disk are asked for"},
      {"pods",
       [](Fleet& f) {
         f.market.types[Fleet::kG4dn].max_pods = 1;
         f.finish();
       },
       "node 2 (g4dn.xlarge): 2 pods are asked for and 1 are there"},
      {"daemonsets",
       [](Fleet& f) {
         f.demand.overhead.daemonsets.cpu_milli = 3500;
         f.finish();
       },
       "node 3 (g4dn.xlarge): 500 milli-CPU are asked for and 420 are there"},
      {"allocatable", [](Fleet& f) { f.plan.nodes[3].allocatable.memory_mib += 1; },
       "is said to have 14482 MiB of memory for pods and has 14481"},
      {"used", [](Fleet& f) { f.plan.nodes[3].used.cpu_milli -= 1; },
       "node 3 (g4dn.xlarge): its pods ask for 500 milli-CPU and 499 are counted"},
      {"used too much", [](Fleet& f) { f.plan.nodes[3].used.cpu_milli += 1; },
       "node 3 (g4dn.xlarge): what it uses beyond its pods is not the headroom"},
  });
}

/// Two kinds of headroom: 1 x 2g.10gb on a p4d beside a pod, 2 x kerf.dev/gpu-10gi on a p4d alone.
struct Roomy : World {
  Roomy() {
    policy.headroom = {{testing::slice("2g.10gb"), 1, {1000, 4096, 0, 1}},
                       {testing::portable(10), 2, {2000, 8192, 0, 1}}};
    const auto a = pod("a", {testing::slice("3g.20gb")});
    const auto first = node(kP4d);
    give(first, 0, cut(first, "3g.20gb"), 4, a);
    give(first, 0, cut(first, "2g.10gb"), 0, plan::kNoPod, true);
    const auto second = node(kP4d);
    give(second, 1, cut(second, "1g.10gb"), 0, plan::kNoPod, true);
    give(second, 1, cut(second, "2g.10gb"), 2, plan::kNoPod, true);
    finish();
    plan.nodes[0].used = plan.nodes[0].used + policy.headroom[0].each;
    plan.nodes[1].used = policy.headroom[1].each * 2;
  }
};

TEST(CheckHeadroom, AcceptsRoomBesidePodsAndAlone) {
  EXPECT_EQ(testing::listed(Roomy().complaints()), "no complaint");
}

TEST(CheckHeadroom, ReportsRoomThatIsMissing) {
  testing::expect_reported<Roomy>({
      {"one more", [](Roomy& r) { r.policy.headroom[1].count = 3; },
       "headroom: 1 of 3 x kerf.dev/gpu-10gi are missing"},
      {"not marked", [](Roomy& r) { r.plan.nodes[1].gpus[1].slices[0].headroom = false; },
       "node 1 (p4d.12xlarge): what it uses beyond its pods is not the headroom"},
      {"device of another kind",
       [](Roomy& r) { r.plan.nodes[0].gpus[0].slices[1].form = r.cut(0, "1g.10gb"); },
       "node 0 (p4d.12xlarge): what it uses beyond its pods is not the headroom"},
      {"CPU not kept", [](Roomy& r) { r.plan.nodes[0].used.cpu_milli -= 1; },
       "node 0 (p4d.12xlarge): what it uses beyond its pods is not the headroom"},
      {"nobody's node",
       [](Roomy& r) {
         r.plan.nodes[1].gpus[1].slices.clear();
         r.plan.nodes[1].used = {};
       },
       "node 1 (p4d.12xlarge) is bought for no pod and no headroom"},
      {"all missing",
       [](Roomy& r) {
         r.plan.nodes[1].gpus[1].slices.clear();
         r.plan.nodes[1].used = {};
       },
       "headroom: 2 of 2 x kerf.dev/gpu-10gi are missing"},
  });
}

TEST(CheckHeadroom, ExcusesOnlyWhatIsNotedAndCannotBe) {
  const auto complaints = [](const cluster::GpuRequest& wish, bool noted, bool limited) {
    World world;
    world.policy.headroom = {{wish, 1, {1000, 1024, 0, 1}}};
    if (noted) world.plan.notes = {"No node can serve the headroom " + request_name(wish) + "."};
    if (limited) world.policy.limit_gpus = 0;
    world.finish();
    return world.complaints();
  };
  const auto unknown = testing::slice("9g.90gb");
  const auto known = testing::portable(10);
  EXPECT_TRUE(complaints(unknown, true, false).empty());
  EXPECT_FALSE(complaints(unknown, false, false).empty()) << "not told";
  EXPECT_FALSE(complaints(known, true, false).empty()) << "a whole T4 would do";
  EXPECT_TRUE(complaints(known, true, true).empty());
  EXPECT_FALSE(complaints(known, false, true).empty()) << "not told";
  EXPECT_FALSE(complaints(testing::whole(2, 80), true, false).empty()) << "a p5.8xlarge has two";
  EXPECT_TRUE(complaints(testing::whole(3), true, false).empty()) << "nothing has three";
}

TEST(CheckHeadroom, FindsTheReadingThatMeetsAllWishes) {
  // Either device of the first node could be either wish; only the second node settles it.
  World world;
  world.policy.headroom = {{testing::portable(10), 1, {1000, 1024, 0, 1}},
                           {testing::slice("2g.10gb"), 1, {1000, 1024, 0, 1}}};
  const auto first = world.node(World::kP4d);
  world.give(first, 0, world.cut(first, "2g.10gb"), 0, plan::kNoPod, true);
  const auto second = world.node(World::kP4d);
  world.give(second, 0, world.cut(second, "1g.10gb"), 0, plan::kNoPod, true);
  world.finish();
  for (plan::NodePlan& node : world.plan.nodes) node.used = {1000, 1024, 0, 1};
  EXPECT_EQ(testing::listed(world.complaints()), "no complaint");
}

}  // namespace
}  // namespace kerf::check
