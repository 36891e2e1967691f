// The agent's two transactions, told as stories of one node.
#include "core/agent/stories_testing.h"

namespace kerf::agent {
namespace {

TEST(Agent, CutsPublishesAndReportsAnEmptyGpu) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 1g.5gb@2 !3g.20gb@4");
  EXPECT_EQ(world.layout(0), "2g.10gb@0 1g.5gb@2 3g.20gb@4");
  EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{"gpu0/2g.10gb@0"});
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), Ids{});
  EXPECT_EQ(world.slices(), "2g.10gb@0 Free published, 1g.5gb@2 Free published, 3g.20gb@4 Free");
  EXPECT_TRUE(world.status.ready);
  EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
  EXPECT_EQ(world.status.observed_generation, 1);
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(Agent, AtRestDoesNothingButLookAndConfirmNowAndThen) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 1g.5gb@2 !3g.20gb@4");
  world.run_for(control::kMinute);
  const std::size_t from = world.log.size();
  world.run_for(10 * control::kMinute);
  EXPECT_EQ(world.log.size() - from, count<Look>(world, from) + count<Confirm>(world, from));
  EXPECT_LE(world.log.size() - from, 22U);
}

TEST(Agent, StartedAnewOnANodeThatIsWellTouchesNothing) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 1g.5gb@2 !3g.20gb@4");
  run_pod(world, "a", "nvidia.com/mig-2g.10gb");
  world.settle();
  const std::string epoch = world.status.epoch;
  const std::size_t from = world.log.size();
  world.start();
  world.run_for(control::kMinute);
  EXPECT_EQ(changes(world, from), 0U);
  EXPECT_EQ(count<WriteJournal>(world, from), 0U);
  EXPECT_EQ(count<WriteCdi>(world, from), 3U) << "what they are made of may have changed";
  EXPECT_TRUE(world.status.cut && world.status.ready);
  EXPECT_NE(world.status.epoch, epoch);
}

TEST(Agent, CutsFreeSlicesAwayAndTouchesNoOther) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 1g.5gb@2 1g.5gb@3 3g.20gb@4");
  const std::string uuid = world.uuid_of("gpu0/3g.20gb@4");
  const std::size_t from = world.log.size();
  world.want({cut("2g.10gb@0 1g.10gb@2 3g.20gb@4")});
  world.settle();
  EXPECT_EQ(world.layout(0), "2g.10gb@0 1g.10gb@2 3g.20gb@4");
  EXPECT_EQ(world.uuid_of("gpu0/3g.20gb@4"), uuid);
  EXPECT_EQ(changes(world, from), 2 * 2 + 2U);
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(Agent, ParksAndPublishesWithoutTheDriver) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 !3g.20gb@4");
  const std::size_t from = world.log.size();
  world.want({cut("!2g.10gb@0 3g.20gb@4")});
  world.settle();
  EXPECT_EQ(changes(world, from), 0U);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Free, 3g.20gb@4 Free published");
}

TEST(Agent, ParksASliceInUseWhilePodsRunOn) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 2g.10gb@2");
  run_pod(world, "a", "nvidia.com/mig-2g.10gb");
  world.settle();
  world.want({cut("!2g.10gb@0 2g.10gb@2")});
  world.settle();
  EXPECT_EQ(world.slices(), "2g.10gb@0 Used ns/a, 2g.10gb@2 Free published");
  EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{"gpu0/2g.10gb@2"});
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(Agent, WaitsForAUsedSliceAndTakesItWhenItsPodEnds) {
  World world({"A100-40"});
  at_rest(world, "3g.20gb@0");
  run_pod(world, "a", "nvidia.com/mig-3g.20gb");
  world.settle();
  world.want({cut("1g.5gb@0")});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.slices(), "1g.5gb@0 Creating, 3g.20gb@0 Used ns/a");
  EXPECT_FALSE(world.status.cut);
  world.end("a");
  world.say_pods();
  world.run_for(10'000);
  EXPECT_EQ(world.layout(0), "1g.5gb@0");
  EXPECT_TRUE(world.status.cut);
}

/// Each source alone keeps a slice; the others say that it is free.
TEST(Agent, KeepsASliceThatOneSourceAloneSaysIsHeld) {
  for (const char* source : {"list", "checkpoint", "process", "grant"}) {
    World world({"A100-40"});
    at_rest(world, "3g.20gb@0");
    const std::string which = source;
    if (which == "process") {
      world.run_process("gpu0/3g.20gb@0", 7);
    } else {
      run_pod(world, "a", "nvidia.com/mig-3g.20gb");
      world.pod("a")->in_list = which == "list";
      world.pod("a")->in_checkpoint = which == "checkpoint";
      world.say_pods();
    }
    world.want({cut("1g.5gb@0")});
    // A grant that nobody shows is believed for as long as it may be under way.
    world.run_for(which == "grant" ? 8'000 : control::kMinute);
    EXPECT_EQ(world.layout(0), "3g.20gb@0") << source;
    EXPECT_EQ(world.wrong(), Ids{}) << source;
    EXPECT_EQ(count<DestroyCompute>(world) + count<DestroyInstance>(world), 0U) << source;
  }
}

TEST(Agent, IsPermittedNothingByWhatItDidNotAskFor) {
  World world({"A100-40"});
  at_rest(world, "3g.20gb@0");
  run_pod(world, "a", "nvidia.com/mig-3g.20gb");
  world.pod("a")->in_checkpoint = false;
  world.run_for(20'000);
  world.want({cut("1g.5gb@0")});
  for (int i = 0; i < 300; ++i) {
    world.tell(Holders{0, Source::PodResources, true, {}, {}});  // from before the pod came
    world.tick();
  }
  EXPECT_EQ(world.layout(0), "3g.20gb@0");
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(Agent, FearsForAWhileWhatTheRunBeforeMayHaveGranted) {
  World world({"A100-40"});
  at_rest(world, "3g.20gb@0");
  run_pod(world, "a", "nvidia.com/mig-3g.20gb");
  world.pod("a")->in_list = world.pod("a")->in_checkpoint = false;  // kubelet is about to note it
  world.start();
  world.want({cut("1g.5gb@0")});
  world.run_for(8'000);
  EXPECT_EQ(world.layout(0), "3g.20gb@0");
  world.pod("a")->in_checkpoint = true;
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "3g.20gb@0");
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(Agent, GivesACutUpForAnAllocationThatComesBeforeTheJournal) {
  World world({"A100-40"});
  at_rest(world, "3g.20gb@0");
  Pod late;
  late.name = "late";
  late.resource = "nvidia.com/mig-3g.20gb";
  ASSERT_TRUE(world.pick(late));
  world.want({cut("1g.5gb@0")});
  const auto writes = [](const Effect& effect) {
    const auto* write = std::get_if<WriteJournal>(&effect.action);
    return write && !write->journal.gpus[0].devices.empty() &&
           write->journal.gpus[0].devices.back().mark == Mark::Going;
  };
  // The list says unhealthy, nobody holds it, the entry is on its way to the disk.
  world.pod("late")->picked = kLate;
  for (int i = 0; i < 200; ++i) {
    if (std::any_of(world.waiting.begin(), world.waiting.end(), writes)) break;
    world.tick();
  }
  ASSERT_TRUE(std::any_of(world.waiting.begin(), world.waiting.end(), writes));
  world.call(*world.pod("late"));
  EXPECT_EQ(world.wrong(), Ids{});
  world.say_pods();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "3g.20gb@0");
  EXPECT_EQ(world.slices(), "1g.5gb@0 Creating, 3g.20gb@0 Used ns/late");
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(Agent, RefusesAnAllocationOfWhatIsBeingDestroyed) {
  World world({"A100-40"});
  at_rest(world, "3g.20gb@0");
  Pod late;
  late.name = "late";
  late.resource = "nvidia.com/mig-3g.20gb";
  ASSERT_TRUE(world.pick(late));
  world.want({cut("1g.5gb@0")});
  world.pod("late")->picked = kLate;
  const auto destroys = [](const Effect& effect) {
    return std::holds_alternative<DestroyCompute>(effect.action);
  };
  for (int i = 0; i < 200; ++i) {
    if (std::any_of(world.waiting.begin(), world.waiting.end(), destroys)) break;
    world.tick();
  }
  EXPECT_TRUE(world.stands("gpu0/3g.20gb@0"));
  world.call(*world.pod("late"));
  EXPECT_EQ(world.wrong(), Ids{"gpu0/3g.20gb@0 was refused"});
}

TEST(Agent, CompletesAnInstanceThatACrashLeftWithoutAComputeInstance) {
  World world({"A100-40"});
  at_rest(world, "");
  world.want({cut("2g.10gb@0")});
  for (int i = 0; i < 200 && count<CreateInstance>(world) == 0; ++i) world.tick();
  EXPECT_EQ(world.layout(0), "2g.10gb@0-");
  world.start();
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "2g.10gb@0");
  EXPECT_EQ(count<CreateInstance>(world), 1U);
  EXPECT_TRUE(world.status.cut);
}

TEST(Agent, DestroysAnInstanceThatCannotBeCompleted) {
  World world({"A100-40"});
  world.fault = [](const Action& action) -> std::optional<std::pair<Code, bool>> {
    if (!std::holds_alternative<CreateCompute>(action)) return std::nullopt;
    return std::pair(Code::InsufficientResources, false);
  };
  world.start();
  world.want({cut("2g.10gb@0")});
  world.run_for(10 * control::kMinute);
  EXPECT_GE(count<DestroyInstance>(world), 1U);
  EXPECT_LE(changes(world), 60U);
  EXPECT_EQ(world.status.degraded, Degraded::CutFailed);
  EXPECT_EQ(world.status.message, "completing gpu0/2g.10gb@0: INSUFFICIENT_RESOURCES");
  world.fault = nullptr;
  world.run_for(3 * control::kMinute);
  EXPECT_TRUE(world.status.cut);
}

TEST(Agent, LooksBeforeItTriesAgainWhateverTheAnswerWas) {
  for (const Code code : {Code::Unknown, Code::Timeout, Code::InUse}) {
    World world({"A100-40"});
    world.fault = [code](const Action& action) -> std::optional<std::pair<Code, bool>> {
      if (!std::holds_alternative<CreateInstance>(action)) return std::nullopt;
      return std::pair(code, false);
    };
    world.start();
    world.want({cut("2g.10gb@0")});
    world.run_for(control::kMinute);
    const Action* last = nullptr;
    std::size_t tries = 0;
    for (const Action& action : world.log) {
      if (action.index() > Action(DestroyInstance{}).index()) continue;
      if (std::holds_alternative<CreateInstance>(action)) {
        ++tries;
        ASSERT_TRUE(last && std::holds_alternative<Look>(*last));
      }
      last = &action;
    }
    EXPECT_GE(tries, 4U);
    EXPECT_LE(tries, 9U);
    EXPECT_EQ(world.status.degraded, Degraded::CutFailed);
  }
}

// What holds a slice for long is asked about less and less; its end is heard at once all the same.
TEST(Agent, SeesWithinSecondsThatAPodThatRanForLongHasEnded) {
  World world({"A100-40"});
  at_rest(world, "3g.20gb@0 3g.20gb@4");
  Pod pod;
  pod.name = "a";
  pod.resource = "nvidia.com/mig-3g.20gb";
  ASSERT_TRUE(world.pick(pod));
  world.call(*world.pod("a"));
  world.settle();
  world.say_pods();
  world.run_for(10 * control::kMinute);
  EXPECT_EQ(world.slices(), "3g.20gb@0 Used published ns/a, 3g.20gb@4 Free published");
  world.end("a");
  world.say_pods();
  world.run_for(3'000);
  EXPECT_EQ(world.slices(), "3g.20gb@0 Free published, 3g.20gb@4 Free published");
  EXPECT_EQ(world.wrong(), Ids{});
}

}  // namespace
}  // namespace kerf::agent
