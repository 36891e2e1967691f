// CDI entries over time: what they are made of changes, or one of them cannot be written.
#include "core/agent/stories_testing.h"

namespace kerf::agent {
namespace {

std::size_t writes(const World& world, const std::string& device, std::size_t from) {
  std::size_t number = 0;
  for (std::size_t i = from; i < world.log.size(); ++i)
    if (const auto* write = std::get_if<WriteCdi>(&world.log[i])) number += write->device == device;
  return number;
}
std::size_t waiting_writes(const World& world) {
  return static_cast<std::size_t>(std::count_if(
      world.waiting.begin(), world.waiting.end(),
      [](const Effect& effect) { return std::holds_alternative<WriteCdi>(effect.action); }));
}
void fail_writes_of(World& world, const std::string& device) {
  world.fault = [device](const Action& action) -> std::optional<std::pair<Code, bool>> {
    const auto* write = std::get_if<WriteCdi>(&action);
    if (write == nullptr || write->device != device) return std::nullopt;
    return std::pair(Code::Unknown, false);
  };
}

TEST(CdiEntries, ThatAreStaleAreWrittenAnewOnceAndCountMeanwhile) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 !3g.20gb@4");
  const control::GpuNodeStatus before = world.status;
  const std::size_t from = world.log.size();
  world.tell(CdiStale{});
  for (int i = 0; i < 50 && waiting_writes(world) < 2; ++i) world.tick();
  ASSERT_EQ(waiting_writes(world), 2U);
  EXPECT_EQ(count<Look>(world, from), 1U) << "with the ids that stand now";
  run_pod(world, "a", "nvidia.com/mig-2g.10gb");
  EXPECT_TRUE(world.pod("a")->admitted);
  world.end("a");
  world.run_for(30'000);
  EXPECT_EQ(writes(world, "gpu0/2g.10gb@0", from), 1U);
  EXPECT_EQ(writes(world, "gpu0/3g.20gb@4", from), 1U);
  EXPECT_EQ(count<Serve>(world, from), 0U) << "nothing flaps";
  EXPECT_EQ(world.status, before);
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST(CdiEntries, ThatBecomeStaleWhileTheyAreWrittenAreWrittenAgain) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  const std::size_t from = world.log.size();
  world.tell(CdiStale{});
  for (int i = 0; i < 50 && waiting_writes(world) < 1; ++i) world.tick();
  world.tell(CdiStale{});
  EXPECT_EQ(waiting_writes(world), 1U) << "one at a time";
  world.run_for(30'000);
  EXPECT_EQ(writes(world, "gpu0/2g.10gb@0", from), 2U);
}

TEST(CdiEntries, OfWholeGpusAreWrittenAnewToo) {
  World world({"A100-40"}, false);
  world.start();
  world.want({cut("whole@0")});
  world.settle();
  const std::size_t from = world.log.size();
  world.tell(CdiStale{});
  world.run_for(1'000);
  EXPECT_EQ(writes(world, "gpu0/whole@0", from), 1U);
}

TEST(CdiEntries, OfAGpuThatIsAwayAreWrittenAnewWhenItIsBack) {
  World world({"A100-40", "A100-40"});
  world.start();
  world.want({cut("2g.10gb@0"), cut("2g.10gb@0")});
  world.settle();
  world.fall(1);
  world.tell(Doubt{});
  world.run_for(1'000);
  const std::size_t from = world.log.size();
  world.tell(CdiStale{});
  world.run_for(2 * control::kMinute);
  EXPECT_EQ(writes(world, "gpu0/2g.10gb@0", from), 1U);
  EXPECT_EQ(writes(world, "gpu1/2g.10gb@0", from), 0U);
  world.come_back(1);
  world.tell(Doubt{});
  world.run_for(20'000);
  EXPECT_EQ(writes(world, "gpu0/2g.10gb@0", from), 1U);
  EXPECT_EQ(writes(world, "gpu1/2g.10gb@0", from), 1U);
}

/// It stays as good as it was, waits longer and longer, and holds nobody else up.
TEST(CdiEntries, ThatCannotBeWrittenAnewStayAndDelayNoOther) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0 2g.10gb@2");
  fail_writes_of(world, "gpu0/2g.10gb@0");
  const std::size_t from = world.log.size();
  world.tell(CdiStale{});
  world.run_for(5'000);
  EXPECT_EQ(writes(world, "gpu0/2g.10gb@2", from), 1U);
  // New entries of others come at once, and are no reason to try this one sooner.
  for (const char* layout :
       {"2g.10gb@0 2g.10gb@2 1g.5gb@4", "2g.10gb@0 2g.10gb@2 1g.5gb@4 1g.5gb@5",
        "2g.10gb@0 2g.10gb@2 1g.5gb@4 1g.5gb@5 1g.5gb@6"}) {
    world.want({cut(layout)});
    world.run_for(1'000);
    EXPECT_TRUE(world.status.cut) << layout;
  }
  world.run_for(55'000);
  EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), (Ids{"gpu0/2g.10gb@0", "gpu0/2g.10gb@2"}));
  const std::size_t tries = writes(world, "gpu0/2g.10gb@0", from);
  EXPECT_EQ(tries, 8U) << "at 0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75 and 31.75 s";
  EXPECT_TRUE(world.status.cut);
  world.fault = nullptr;
  world.run_for(control::kMinute);
  EXPECT_EQ(writes(world, "gpu0/2g.10gb@0", from), tries + 1);
  world.run_for(5 * control::kMinute);
  EXPECT_EQ(writes(world, "gpu0/2g.10gb@0", from), tries + 1);
}

TEST(CdiEntries, ThatCannotBeWrittenAtAllAreTriedAtOnceWhenWhatTheyAreMadeOfChanges) {
  World world({"A100-40"});
  fail_writes_of(world, "gpu0/2g.10gb@0");
  world.start();
  world.want({cut("2g.10gb@0 3g.20gb@4")});
  world.run_for(100'000);
  EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{});
  EXPECT_EQ(world.healthy("nvidia.com/mig-3g.20gb"), Ids{"gpu0/3g.20gb@4"});
  world.fault = nullptr;
  world.tell(CdiStale{});
  world.run_for(1'000);
  EXPECT_EQ(world.healthy("nvidia.com/mig-2g.10gb"), Ids{"gpu0/2g.10gb@0"});
  EXPECT_TRUE(world.status.cut);
  EXPECT_EQ(world.wrong(), Ids{});
}

}  // namespace
}  // namespace kerf::agent
