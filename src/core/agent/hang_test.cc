// A driver that does not answer any more: said, the rest goes on, and all is well when it is back.
#include "core/agent/stories_testing.h"

namespace kerf::agent {
namespace {

bool is_driver(const Action& action) {
  if (const auto* ask = std::get_if<AskHolders>(&action)) return ask->source == Source::Processes;
  return action.index() <= Action(DestroyInstance{}).index();
}

/// Each driver operation takes as long as the host waits for it, and is done or not.
void hang(World& world, bool done) {
  world.fault = [&world, done](const Action& action) -> std::optional<std::pair<Code, bool>> {
    if (!is_driver(action)) return std::nullopt;
    world.now += 30'000;
    return std::pair(Code::Timeout, done);
  };
}

TEST(AHangingDriver, IsSaidAndWhatStandsIsServedAndAllIsMadeWhenItIsBack) {
  for (const bool done : {false, true}) {
    World world({"A100-40", "A100-40"});
    world.start();
    world.want({cut("2g.10gb@0 2g.10gb@2"), cut("3g.20gb@4")});
    world.settle();
    hang(world, done);
    world.want({cut("2g.10gb@0 1g.5gb@2 1g.5gb@4"), cut("3g.20gb@4")});
    world.run_for(10 * control::kMinute);
    EXPECT_EQ(world.status.degraded, Degraded::CutFailed);
    EXPECT_EQ(
        world.status.message,
        "the driver cannot be looked at: TIMEOUT; what stood is served as it was seen last. If "
        "it stays so, the driver or a GPU hangs: see dmesg on the node, and reboot it");
    EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{"gpu0/2g.10gb@0"});
    EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), Ids{"gpu1/3g.20gb@4"});
    EXPECT_LE(changes(world), 8U) << "nothing is tried before it can be looked at";
    run_pod(world, "a", "nvidia.com/mig-3g.20gb");
    EXPECT_TRUE(world.pod("a")->admitted);
    world.restart_kubelet();
    world.run_for(control::kMinute);
    EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{"gpu0/2g.10gb@0"});

    world.fault = nullptr;
    world.run_for(3 * control::kMinute);
    EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
    EXPECT_TRUE(world.status.cut);
    EXPECT_EQ(world.layout(0), "2g.10gb@0 1g.5gb@2 1g.5gb@4");
    EXPECT_EQ(world.wrong(), Ids{});
  }
}

TEST(AHangingDriver, IsSaidByAnAgentThatNeverSawIt) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  hang(world, false);
  world.start();
  world.run_for(5 * control::kMinute);
  EXPECT_EQ(world.status.degraded, Degraded::CutFailed);
  EXPECT_EQ(
      world.status.message,
      "the driver cannot be looked at: TIMEOUT; nothing is served. If it stays so, the driver "
      "or a GPU hangs: see dmesg on the node, and reboot it");
  EXPECT_FALSE(world.status.ready || world.status.cut);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Creating");
  EXPECT_EQ(world.status.gpus[0].uuid, world.gpu_uuid(0));
  world.fault = nullptr;
  world.run_for(2 * control::kMinute);
  EXPECT_TRUE(world.status.ready && world.status.cut) << world.status.message;
  EXPECT_EQ(world.slices(), "2g.10gb@0 Free published");
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(ASourceThatCannotBeRead, IsSaidWhereSomethingHasToGo) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 3g.20gb@4");
  world.fault = [](const Action& action) -> std::optional<std::pair<Code, bool>> {
    const auto* ask = std::get_if<AskHolders>(&action);
    if (ask == nullptr || ask->source != Source::Processes) return std::nullopt;
    return std::pair(Code::Timeout, false);
  };
  world.run_for(5 * control::kMinute);
  EXPECT_EQ(world.status.degraded, Degraded::No) << "nothing waits for it";
  world.want({cut("3g.20gb@4")});
  world.run_for(5 * control::kMinute);
  EXPECT_EQ(world.status.degraded, Degraded::CutFailed);
  EXPECT_EQ(world.status.message,
            "the list of processes on the GPUs cannot be read, so nothing may be taken away");
  EXPECT_EQ(world.layout(0), "2g.10gb@0 3g.20gb@4");
  world.fault = nullptr;
  world.run_for(2 * control::kMinute);
  EXPECT_TRUE(world.status.cut) << world.status.message;
}

}  // namespace
}  // namespace kerf::agent
