// The layout that a node was bought with: followed before there is a GpuNode, and never to destroy.
#include "core/agent/stories_testing.h"

namespace kerf::agent {
namespace {

TEST(BootLayout, IsMadeAndServedBeforeThereIsAGpuNode) {
  World world({"A100-40"});
  world.want_at_boot({cut("2g.10gb@0 !3g.20gb@4")});
  world.start();
  world.run_for(20'000);
  EXPECT_EQ(world.layout(0), "2g.10gb@0 3g.20gb@4");
  EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{"gpu0/2g.10gb@0"});
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), Ids{});
  EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
  EXPECT_FALSE(world.status.cut) << "nobody wrote a spec";
  EXPECT_TRUE(world.status.ready);

  const std::size_t from = world.log.size();
  world.want({cut("2g.10gb@0 !3g.20gb@4")});
  world.run_for(20'000);
  EXPECT_TRUE(world.status.cut);
  EXPECT_EQ(changes(world, from), 0U);
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(BootLayout, NeverPermitsToDestroy) {
  World world({"A100-40"});
  world.want_at_boot({cut("2g.10gb@0 1g.5gb@2")});
  world.start();
  world.run_for(20'000);
  world.want_at_boot({cut("1g.5gb@0 3g.20gb@4")});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "2g.10gb@0 1g.5gb@2 3g.20gb@4") << "what fits beside what stands";
  EXPECT_EQ(count<DestroyInstance>(world), 0U);
  world.want({cut("1g.5gb@0")});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "1g.5gb@0") << "a spec rules";
  EXPECT_TRUE(world.status.cut);
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(BootLayout, IsThereAgainAfterARebootWithoutTheApiServer) {
  World world({"H100-80"});
  world.want_at_boot({cut("3g.40gb@4")});
  world.start();
  world.run_for(20'000);
  world.api_up = false;
  world.reboot();
  world.run_for(20'000);
  EXPECT_EQ(world.layout(0), "3g.40gb@4");
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.40gb"), Ids{"gpu0/3g.40gb@4"});
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(BootLayout, IsNotFollowedOnceASpecWas) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  world.want_at_boot({cut("2g.10gb@0 3g.20gb@4")});
  world.tell(NotWanted{});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "2g.10gb@0");
  world.api_up = false;
  world.start();
  world.tell(BootLayout{{{cut("2g.10gb@0 3g.20gb@4")}}});
  world.run_for(control::kMinute);
  EXPECT_EQ(world.layout(0), "2g.10gb@0");
}

TEST(BootLayout, ThatIsIllegalIsSaidAndNothingIsMade) {
  struct Case {
    std::vector<const char*> layout;
    const char* said;
  };
  const std::vector<Case> cases = {
      {{"2g.10gb@1"}, "GPU 0: there is no 2g.10gb@1 on A100-40; it has starts 0 2 4"},
      {{"3g.20gb@0 2g.10gb@2"}, "GPU 0: 2g.10gb@2 clashes with another one"},
      {{"2g.10gb@0", "2g.10gb@0"}, "GPU 0: the layout has 2 GPUs, here are 1"},
      {{"2g.10gb@0=nvidia.com/gpu"},
       "GPU 0: 2g.10gb@0 may not be offered as \"nvidia.com/gpu\": expected nvidia.com/mig-2g.10gb "
       "or "
       "kerf.dev/gpu-<M>gi; change its resource in the GpuNode"},
  };
  for (const Case& it : cases) {
    World world({"A100-40"});
    world.want_at_boot(cuts(it.layout));
    world.start();
    world.run_for(20'000);
    EXPECT_EQ(world.layout(0), "");
    EXPECT_EQ(world.status.degraded, Degraded::IllegalLayout);
    EXPECT_EQ(world.status.message, it.said);
  }
}

TEST(BootLayout, SaysThatModeIsOff) {
  World world({"A100-40"}, false);
  world.want_at_boot({cut("2g.10gb@0")});
  world.start();
  world.run_for(20'000);
  EXPECT_EQ(world.status.degraded, Degraded::ModeOff);
}

/// A crash before and after each effect, and a reboot after each; a spec comes at the end.
TEST(BootLayout, IsReachedWhereverTheAgentDies) {
  for (const bool reboot : {false, true})
    for (const bool before : {true, false})
      for (std::size_t at = 0; at < 40; ++at) {
        World world({"A100-40", "A30"});
        std::size_t seen = 0;
        world.want_at_boot({cut("2g.10gb@0 !3g.20gb@4"), cut("2g.12gb@2")});
        world.start();
        if (reboot) {
          while (world.log.size() < at && world.now < 60'000) world.tick();
          world.api_up = before;  // the Node may not be read any more
          world.reboot();
          world.run_for(control::kMinute);
          world.api_up = true;
          world.start();
        } else {
          world.crash = [&](bool is_before) { return is_before == before && seen++ == at; };
        }
        world.run_for(control::kMinute);
        ASSERT_EQ(world.layout(0), "2g.10gb@0 3g.20gb@4") << at << before << reboot;
        ASSERT_EQ(world.layout(1), "2g.12gb@2") << at << before << reboot;
        ASSERT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{"gpu0/2g.10gb@0"});
        ASSERT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), Ids{});
        world.want({cut("3g.20gb@0 3g.20gb@4"), cut("2g.12gb@2")});
        world.run_for(2 * control::kMinute);
        ASSERT_EQ(world.layout(0), "3g.20gb@0 3g.20gb@4") << at << before << reboot;
        ASSERT_TRUE(world.status.cut) << world.status.message;
        ASSERT_EQ(joined(world.wrong()), "") << at << before << reboot;
      }
}

}  // namespace
}  // namespace kerf::agent
