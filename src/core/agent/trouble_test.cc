// The agent in trouble: reboots, restarts, foreign hands, broken GPUs, an absent controller.
#include "core/agent/stories_testing.h"

namespace kerf::agent {
namespace {

TEST(AgentInTrouble, LeavesInstancesAloneThatItDidNotMake) {
  World world({"A100-40"});
  const auto gpu = world.driver.device_by_index(0).value;
  ASSERT_TRUE(world.driver.create_gpu_instance_with_placement(gpu, 9, {4, 4}).ok());
  world.trace.push_back({Fact::Kind::Foreign, "gpu0/3g.20gb@4", "", {}});
  world.start();
  world.want({cut("2g.10gb@0 2g.10gb@4")});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "2g.10gb@0 3g.20gb@4-");
  EXPECT_EQ(world.status.degraded, Degraded::ForeignInstances);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Free published, 2g.10gb@4 Creating");
  EXPECT_FALSE(world.status.cut);
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(AgentInTrouble, MakesTheSameDevicesAgainAfterARebootWithoutTheApiServer) {
  World world({"H100-80", "A100-40"});
  world.start();
  world.want({cut("3g.40gb@4 !1g.10gb@0"), cut("7g.40gb@0")});
  world.settle();
  run_pod(world, "a", "nvidia.com/mig-3g.40gb");
  world.settle();
  const std::string uuid = world.uuid_of("gpu0/3g.40gb@4");
  world.api_up = false;
  world.reboot();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "1g.10gb@0 3g.40gb@4");
  EXPECT_EQ(world.layout(1), "7g.40gb@0");
  EXPECT_NE(world.uuid_of("gpu0/3g.40gb@4"), uuid);
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.40gb"), Ids{"gpu0/3g.40gb@4"});
  EXPECT_EQ(world.healthy("nvidia.com/mig-1g.10gb"), Ids{});
  EXPECT_EQ(world.status.boot_id, "boot2");
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(AgentInTrouble, UnlistsWhatAnotherHandDestroyedOnlyWhenNothingCanBeInFlight) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  Pod late;
  late.name = "late";
  late.resource = "nvidia.com/mig-2g.10gb";
  ASSERT_TRUE(world.pick(late));
  world.pod("late")->picked = kLate;
  ASSERT_TRUE(world.driver.reset_gpu(0).ok());
  world.tell(Xid{world.gpu_uuid(0), kNoInstance, 94});
  world.want({cut("")});
  world.run_for(900);
  EXPECT_EQ(world.wrong(), Ids{});
  EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{});
}

TEST(AgentInTrouble, TakesBackWhatKubeletKnowsWhenItsJournalIsLost) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 3g.20gb@4");
  run_pod(world, "a", "nvidia.com/mig-2g.10gb");
  world.settle();
  world.journal_lost = true;
  world.start();
  world.want({cut("3g.20gb@4")});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Used ns/a, 3g.20gb@4 Free published");
  EXPECT_EQ(world.status.degraded, Degraded::No);
}

TEST(AgentInTrouble, SaysThatModeIsOffAndNeverSetsIt) {
  World world({"H100-80"}, false);
  world.start();
  world.want({cut("1g.10gb@0")});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.status.degraded, Degraded::ModeOff);
  EXPECT_EQ(changes(world), 0U);
  world.want({cut("whole@0")});
  world.settle();
  EXPECT_EQ(world.slices(), "whole@0 Free published");
  EXPECT_TRUE(world.status.cut);
}

TEST(AgentInTrouble, KeepsWhatStandsWhenTheLayoutIsIllegal) {
  for (const char* wrong : {"3g.20gb@0 2g.10gb@2", "9g.99gb@0", "2g.10gb@1", "whole@0 1g.5gb@0",
                            "1g.5gb+me@0 1g.5gb+me@1", "1g.5gb@0=nameless"}) {
    World world({"A100-40"});
    at_rest(world, "2g.10gb@0");
    control::WantedGpu gpu = cut(wrong);
    if (gpu.slices[0].resource == "nameless") gpu.slices[0].resource = "two words";
    world.want({gpu});
    world.run_for(control::kMinute);
    EXPECT_EQ(world.status.degraded, Degraded::IllegalLayout) << wrong;
    EXPECT_EQ(world.layout(0), "2g.10gb@0") << wrong;
    EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{"gpu0/2g.10gb@0"}) << wrong;
  }
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  world.want({});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.status.degraded, Degraded::IllegalLayout);
  EXPECT_EQ(world.layout(0), "2g.10gb@0");
}

TEST(AgentInTrouble, KeepsWhatStandsWhenItsGpuNodeIsGone) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 3g.20gb@4");
  world.tell(NotWanted{});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Free published, 3g.20gb@4 Free published");
}

TEST(AgentInTrouble, BelievesNoSpecThatIsOlderThanTheOneItFollowed) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  world.want({cut("2g.10gb@0 3g.20gb@4")});
  world.settle();
  const Wanted old{"uid", 1, {{cut("2g.10gb@0")}}};
  world.tell(old);
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "2g.10gb@0 3g.20gb@4");
  world.api_up = false;
  world.start();
  world.tell(old);
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "2g.10gb@0 3g.20gb@4");
}

TEST(AgentInTrouble, TouchesNothingBesideAnotherDevicePluginOrDriver) {
  for (const bool plugin : {true, false}) {
    World world({"A100-40"});
    at_rest(world, "2g.10gb@0");
    const std::size_t from = world.log.size();
    world.tell(plugin ? Event(ForeignPlugins{{"nvidia.com/mig-2g.10gb"}})
                      : Event(ForeignDriver{true}));
    world.want({cut("!3g.20gb@4")});
    world.run_for(control::kMinute);
    EXPECT_EQ(changes(world, from) + count<Serve>(world, from), 0U);
    EXPECT_EQ(world.status.degraded, plugin ? Degraded::ForeignPlugin : Degraded::ForeignDriver);
    world.tell(plugin ? Event(ForeignPlugins{}) : Event(ForeignDriver{false}));
    world.run_for(control::kMinute);
    EXPECT_TRUE(world.status.cut);
  }
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  world.tell(ForeignPlugins{{"example.com/fpga"}});
  EXPECT_EQ(world.status.degraded, Degraded::No);
}

TEST(AgentInTrouble, AnXidTakesThatSliceAloneOutAndMakesItAnewWhenItIsFree) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 2g.10gb@2");
  run_pod(world, "a", "nvidia.com/mig-2g.10gb");
  world.settle();
  const std::string uuid = world.uuid_of("gpu0/2g.10gb@0");
  std::uint32_t gi = 0;
  for (const auto& instance : world.driver.state().gpus[0].instances)
    if (instance.start == 0) gi = instance.id;
  world.tell(Xid{world.gpu_uuid(0), gi, 13});
  world.settle();
  EXPECT_EQ(world.slices(), "2g.10gb@0 Used published ns/a, 2g.10gb@2 Free published");
  world.tell(Xid{world.gpu_uuid(0), gi, 94});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Lost ns/a, 2g.10gb@2 Free published");
  world.start();  // and it is not forgotten
  world.run_for(control::kMinute);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Lost ns/a, 2g.10gb@2 Free published");
  EXPECT_EQ(world.uuid_of("gpu0/2g.10gb@0"), uuid);
  world.end("a");
  world.say_pods();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Free published, 2g.10gb@2 Free published");
  EXPECT_NE(world.uuid_of("gpu0/2g.10gb@0"), uuid);
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(AgentInTrouble, ServesTheOtherGpusWhenOneIsLost) {
  World world({"A100-40", "A100-40"});
  world.start();
  world.want({cut("2g.10gb@0"), cut("2g.10gb@0")});
  world.settle();
  world.driver.lose_gpu(0);
  world.tell(Xid{world.gpu_uuid(0), kNoInstance, 79});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.status.degraded, Degraded::GpuLost);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Lost, 2g.10gb@0 Free published");
  world.want({cut("2g.10gb@0"), cut("3g.20gb@4")});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(1), "3g.20gb@4");
}

TEST(AgentInTrouble, ServesTheSameDevicesAtOnceAfterARestartOfKubelet) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 !3g.20gb@4");
  const std::string epoch = world.status.epoch;
  const std::size_t from = world.log.size();
  world.tell(Kubelet{false});
  world.settle();
  EXPECT_FALSE(world.status.ready);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Creating, 3g.20gb@4 Creating");
  world.restart_kubelet();
  world.settle();
  EXPECT_TRUE(world.status.ready);
  EXPECT_NE(world.status.epoch, epoch);
  EXPECT_EQ(changes(world, from), 0U);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Free published, 3g.20gb@4 Free");
}

TEST(AgentInTrouble, ServesAgainWhenKubeletDropsItsStream) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  const std::size_t from = world.log.size();
  world.tell(Dropped{"nvidia.com/mig-2g.10gb"});
  world.settle();
  EXPECT_EQ(count<Serve>(world, from), 1U);
  EXPECT_TRUE(world.status.ready && world.status.cut);
}

TEST(AgentInTrouble, SendsTheSameListAgainWhenItIsNotKnownWhetherKubeletGotIt) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  world.list_lag = 1000;
  bool failed = false;
  world.fault = [&failed](const Action& action) -> std::optional<std::pair<Code, bool>> {
    if (!std::holds_alternative<Serve>(action) || failed) return std::nullopt;
    failed = true;
    return std::pair(Code::Unknown, true);
  };
  world.want({cut("!2g.10gb@0")});
  world.run_for(100);
  ASSERT_TRUE(failed);
  world.want({cut("2g.10gb@0")});
  world.run_for(20'000);
  EXPECT_EQ(world.wrong(), Ids{});
  EXPECT_TRUE(world.status.cut);
}

TEST(AgentInTrouble, SendsAListAgainThatMayHaveGoneToTheKubeletBefore) {
  World world({"A100-40"});
  at_rest(world, "!2g.10gb@0");
  world.want({cut("!2g.10gb@0 !2g.10gb@2")});
  const auto serves = [](const Effect& effect) {
    return std::holds_alternative<Serve>(effect.action);
  };
  for (int i = 0; i < 200; ++i) {
    if (std::any_of(world.waiting.begin(), world.waiting.end(), serves)) break;
    world.tick();
  }
  const std::size_t from = world.log.size();
  bool lost = false;
  world.fault = [&lost](const Action& action) -> std::optional<std::pair<Code, bool>> {
    if (!std::holds_alternative<Serve>(action) || lost) return std::nullopt;
    lost = true;
    return std::pair(Code::Success, false);
  };
  world.restart_kubelet();
  world.run_for(10'000);
  EXPECT_EQ(count<Serve>(world, from), 2U);
}

TEST(AgentInTrouble, KeepsItsJournalOverABootWithoutMode) {
  World world({"H100-80"});
  at_rest(world, "3g.40gb@4");
  world.api_up = false;
  world.boot_with(false);
  world.reboot();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "");
  world.boot_with(true);
  world.reboot();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "3g.40gb@4");
}

TEST(AgentInTrouble, OffersWhatIsParkedWhileTheControllerIsAway) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 !1g.5gb@2 !1g.5gb@3 !3g.20gb@4");
  const Instant renewed = world.now;
  world.tell(Lease{true, renewed});
  world.run_for(50'000);
  world.tell(Lease{true, renewed});
  world.settle();
  EXPECT_EQ(world.healthy("nvidia.com/mig-1g.5gb"), Ids{});
  world.run_for(11'000);
  world.tell(Lease{false, 0});
  world.settle();
  EXPECT_EQ(world.healthy("nvidia.com/mig-1g.5gb"), Ids{});
  world.tell(Lease{true, renewed});
  world.settle();
  EXPECT_EQ(world.healthy("nvidia.com/mig-1g.5gb"), (Ids{"gpu0/1g.5gb@2", "gpu0/1g.5gb@3"}));
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), Ids{"gpu0/3g.20gb@4"});
  EXPECT_EQ(world.wrong(), Ids{});
}

// The API offers what was lent: pods may be on their way to it when the controller comes back.
TEST(AgentInTrouble, WhatWasLentIsTakenBackByTheSpecOnly) {
  World world({"A100-40"});
  at_rest(world, "!3g.20gb@0 !3g.20gb@4");
  const Instant renewed = world.now;
  world.tell(Lease{true, renewed});
  world.run_for(61'000);
  world.tell(Lease{true, renewed});
  world.settle();
  const Ids both{"gpu0/3g.20gb@0", "gpu0/3g.20gb@4"};
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), both);
  world.tell(Lease{true, world.now});
  world.run_for(10'000);
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), both);
  const auto lent = [&](std::size_t slice) { return world.status.gpus[0].slices[slice].lent; };
  EXPECT_TRUE(lent(0) && lent(1));
  world.want({cut("3g.20gb@0 !3g.20gb@4")});  // one is known now, the other not yet
  world.settle();
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), both);
  EXPECT_TRUE(!lent(0) && lent(1));
  world.want({cut("!3g.20gb@0 !3g.20gb@4")});
  world.settle();
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), Ids{"gpu0/3g.20gb@4"});
  EXPECT_EQ(world.wrong(), Ids{});
}

// A controller that is back and parks what was lent need not wait until its Lease is read again.
TEST(AgentInTrouble, BelievesThatWhoWritesTheSpecIsThere) {
  World world({"A100-40"});
  at_rest(world, "!3g.20gb@0 !3g.20gb@4");
  const Instant renewed = world.now;
  world.tell(Lease{true, renewed});
  world.run_for(61'000);
  world.tell(Lease{true, renewed});
  world.settle();
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), (Ids{"gpu0/3g.20gb@0", "gpu0/3g.20gb@4"}));
  world.want({cut("3g.20gb@0 3g.20gb@4")});
  world.settle();
  world.want({cut("!3g.20gb@0 !3g.20gb@4")});
  world.settle();
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), Ids{});
  world.run_for(61'000);  // and then it is away again
  world.tell(Lease{true, renewed});
  world.settle();
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb").size(), 2U);
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(AgentInTrouble, PrefersDevicesThatStay) {
  World world({"A100-40"});
  at_rest(world, "1g.5gb@0 1g.5gb@1 1g.5gb@2");
  world.want({cut("1g.5gb@1 !1g.5gb@0 1g.5gb@3")});
  world.tell(PreferredAllocation{
      9, "nvidia.com/mig-1g.5gb", {"gpu0/1g.5gb@2", "gpu0/1g.5gb@0", "gpu0/1g.5gb@1"}, {}, 2});
  ASSERT_TRUE(world.preferred);
  EXPECT_EQ(world.preferred->devices, (Ids{"gpu0/1g.5gb@1", "gpu0/1g.5gb@0"}));
  world.tell(PreferredAllocation{
      10, "nvidia.com/mig-1g.5gb", {"gpu0/1g.5gb@1", "gpu0/1g.5gb@2"}, {"gpu0/1g.5gb@2"}, 2});
  EXPECT_EQ(world.preferred->devices, (Ids{"gpu0/1g.5gb@2", "gpu0/1g.5gb@1"}));
}

TEST(AgentInTrouble, PrefersSlicesBesideThoseInUse) {
  World world({"A100-40", "A100-40"});
  world.start();
  world.want({cut("1g.5gb@0 1g.5gb@1 1g.5gb@6"), cut("1g.5gb@0 1g.5gb@5 1g.5gb@6 2g.10gb@2")});
  world.settle();
  run_pod(world, "two", "nvidia.com/mig-2g.10gb");
  world.tell(PreferredAllocation{
      1,
      "nvidia.com/mig-1g.5gb",
      {"gpu0/1g.5gb@0", "gpu0/1g.5gb@6", "gpu1/1g.5gb@0", "gpu1/1g.5gb@5", "gpu1/1g.5gb@6"},
      {},
      1});
  ASSERT_TRUE(world.preferred);
  EXPECT_EQ(world.preferred->devices, Ids{"gpu1/1g.5gb@0"}) << "3g.20gb@4 stays possible";
}

TEST(AgentInTrouble, IsTheSameForTheSameEvents) {
  const auto run = [] {
    World world({"A100-40"});
    prepare(world, scenarios()[2]);
    world.want(cuts(scenarios()[2].wanted));
    world.run_for(20'000);
    return world.hash();
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace kerf::agent
