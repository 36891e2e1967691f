// What the API server and the driver tell in unlucky ways: GpuNodes that come, go and cannot be
// read, generations that go back, doubts without end.
#include "core/agent/stories_testing.h"

namespace kerf::agent {
namespace {

Wanted wanted(const std::string& uid, std::int64_t generation, const char* layout) {
  return {uid, generation, {{cut(layout)}}};
}
void refuse_reports(World& world, Code code) {
  world.fault = [code](const Action& action) -> std::optional<std::pair<Code, bool>> {
    if (!std::holds_alternative<Report>(action)) return std::nullopt;
    return std::pair(code, false);
  };
}

TEST(AReport, IsTriedNowAndThenWithoutAGpuNodeAndAtOnceWhenOneComes) {
  World world({"A100-40"});
  refuse_reports(world, Code::NotFound);
  world.start();
  world.tell(NotWanted{});
  world.run_for(5 * control::kMinute);
  const std::size_t from = count<Report>(world);
  world.run_for(control::kMinute);
  EXPECT_EQ(count<Report>(world) - from, 6U) << "each 10 s";
  world.fault = nullptr;
  world.tell(wanted("a", 1, "2g.10gb@0"));
  world.run_for(20);
  EXPECT_EQ(world.status.observed_generation, 1);
}

TEST(AReport, IsMadeAnewForAGpuNodeThatIsMadeAnew) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  const std::size_t from = world.log.size();
  world.tell(wanted("uid", 1, "2g.10gb@0"));
  world.run_for(1'000);
  EXPECT_EQ(count<Report>(world, from), 0U) << "the same one";
  world.tell(wanted("b", 1, "2g.10gb@0"));  // its deletion was not even told
  world.run_for(1'000);
  EXPECT_EQ(count<Report>(world, from), 1U);
  world.tell(NotWanted{});
  world.run_for(1'000);
  world.tell(wanted("c", 1, "2g.10gb@0"));
  const auto reports = [](const Effect& effect) {
    return std::holds_alternative<Report>(effect.action);
  };
  ASSERT_TRUE(std::any_of(world.waiting.begin(), world.waiting.end(), reports));
  const std::size_t then = world.log.size();
  world.tell(wanted("d", 1, "2g.10gb@0"));  // who knows which of the two gets what is in flight
  world.run_for(1'000);
  EXPECT_EQ(count<Report>(world, then), 2U);
  EXPECT_TRUE(world.status.cut);
}

TEST(AReport, ThatFailedForLongIsTriedAtOnceForANewGpuNode) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  refuse_reports(world, Code::Unknown);
  world.want({cut("2g.10gb@0 3g.20gb@4")});
  world.run_for(10 * control::kMinute);
  world.fault = nullptr;
  world.tell(wanted("b", 1, "2g.10gb@0 3g.20gb@4"));
  world.run_for(20);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Free published, 3g.20gb@4 Free published");
}

TEST(ASpecThatCannotBeRead, IsSaidUntilOneCanBe) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  world.tell(Unreadable{2, "spec.gpus[0].slices: is text, not a list"});
  world.run_for(1'000);
  EXPECT_EQ(world.status.degraded, Degraded::IllegalLayout);
  EXPECT_EQ(world.status.message,
            "generation 2 of the spec cannot be read: spec.gpus[0].slices: is text, not a list");
  EXPECT_EQ(world.status.observed_generation, 1);
  EXPECT_FALSE(world.status.cut);
  EXPECT_EQ(world.slices(), "2g.10gb@0 Free published");
  world.tell(wanted("uid", 1, "2g.10gb@0"));  // late
  world.run_for(1'000);
  EXPECT_EQ(world.status.degraded, Degraded::IllegalLayout);
  world.tell(wanted("uid", 3, "2g.10gb@0"));
  world.run_for(1'000);
  EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
  EXPECT_EQ(world.status.observed_generation, 3);
  EXPECT_TRUE(world.status.cut);
  world.tell(Unreadable{4, "again"});
  world.tell(NotWanted{});
  world.run_for(1'000);
  EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
  world.tell(Unreadable{4, "again"});
  world.tell(wanted("another", 1, "2g.10gb@0"));
  world.run_for(1'000);
  EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
}

TEST(ASpecThatCannotBeRead, IsSaidInAFewPlainWords) {
  World world({"A100-40"});
  world.start();
  world.tell(Unreadable{1, "a\x01\xff" + std::string(2'000, 'x')});
  world.run_for(1'000);
  const std::string start = "generation 1 of the spec cannot be read: ";
  EXPECT_EQ(world.status.message, start + "a??" + std::string(497, 'x') + "...");
  EXPECT_EQ(world.status.observed_generation, 0);
}

TEST(ASpecThatIsOlder, IsSaidWhenItStaysAndFollowedOnlyOnceItIsWrittenAgain) {
  for (const bool restart : {false, true}) {
    World world({"A100-40"});
    world.start();
    world.tell(wanted("uid", 12, "2g.10gb@0 3g.20gb@4"));
    world.settle();
    world.run_for(20'000);
    if (restart) world.start();
    world.tell(wanted("uid", 7, "2g.10gb@0"));
    world.run_for(40'000);
    world.tell(wanted("uid", 7, "2g.10gb@0"));
    world.run_for(19'000);
    EXPECT_EQ(world.status.degraded, Degraded::No) << "it may have come late";
    world.run_for(2'000);
    EXPECT_EQ(world.status.degraded, Degraded::IllegalLayout);
    EXPECT_EQ(world.status.message,
              "generation 7 is older than 12, which was followed: the API server was restored? "
              "Write the spec again");
    world.run_for(10 * control::kMinute);
    EXPECT_EQ(world.layout(0), "2g.10gb@0 3g.20gb@4");
    EXPECT_EQ(world.status.observed_generation, restart ? 0 : 12);
    world.tell(wanted("uid", 8, "2g.10gb@0"));
    world.run_for(control::kMinute);
    EXPECT_EQ(world.layout(0), "2g.10gb@0");
    EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
    EXPECT_EQ(world.status.observed_generation, 8);
    EXPECT_TRUE(world.status.cut);
    world.tell(wanted("uid", 9, "2g.10gb@0 1g.5gb@2"));
    world.run_for(control::kMinute);
    EXPECT_TRUE(world.status.cut);
    EXPECT_EQ(world.wrong(), Ids{});
  }
}

TEST(ASpecThatIsOlder, IsForgottenWhenANewerOneIsToldAndCountsFromItsLastChange) {
  World world({"A100-40"});
  world.start();
  world.tell(wanted("uid", 12, "2g.10gb@0"));
  world.settle();
  world.tell(wanted("uid", 7, "3g.20gb@4"));
  world.run_for(50'000);
  world.tell(wanted("uid", 12, "2g.10gb@0"));
  world.run_for(5 * control::kMinute);
  EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
  // A watch that comes late, step by step.
  for (std::int64_t generation = 7; generation < 12; ++generation) {
    world.tell(wanted("uid", generation, "3g.20gb@4"));
    world.run_for(50'000);
    EXPECT_EQ(world.status.degraded, Degraded::No) << world.status.message;
  }
  EXPECT_EQ(world.layout(0), "2g.10gb@0");
}

/// A pod whose program makes XIDs on its slice without end.
class Doubts : public testing::Test {
 protected:
  Doubts() : world({"A100-40", "A100-40"}) {
    world.start();
    world.want({cut("2g.10gb@0"), cut("2g.10gb@0")});
    world.settle();
    run_pod(world, "a", "nvidia.com/mig-2g.10gb");
    world.run_for(20'000);
    gpu = world.pod("a")->device.starts_with("gpu0/") ? 0 : 1;
    xid = {world.gpu_uuid(gpu), world.driver.state().gpus[gpu].instances.at(0).id, 94};
  }
  void storm(const Event& event, std::int64_t ms, std::int64_t every = 50) {
    for (std::int64_t passed = 0; passed < ms; passed += every) {
      world.tell(event);
      world.run_for(every);
    }
  }
  bool looks() const {
    return std::any_of(world.waiting.begin(), world.waiting.end(), [](const Effect& effect) {
      return std::holds_alternative<Look>(effect.action);
    });
  }

  World world;
  std::uint32_t gpu = 0;
  Xid xid;
};

TEST_F(Doubts, WithoutEndAreLookedAtWithLongerAndLongerPauses) {
  for (const Event& event : {Event(xid), Event(Doubt{}), Event(CdiStale{})}) {
    world.run_for(20'000);
    const std::size_t from = world.log.size();
    world.tell(event);
    EXPECT_TRUE(looks()) << "the first one at once";
    storm(event, 7'000);
    EXPECT_EQ(count<Look>(world, from), 5U) << "at 0, 0.25, 0.75, 1.75 and 3.75 s";
    const std::size_t later = world.log.size();
    storm(event, 50'000);
    EXPECT_GE(count<Look>(world, later), 9U);
    EXPECT_LE(count<Look>(world, later), 11U);
  }
}

TEST_F(Doubts, OfASliceHoldUpNoCutOfTheOthers) {
  storm(xid, 20'000);  // to the longest pauses
  std::vector<control::WantedGpu> gpus = {cut("2g.10gb@0"), cut("2g.10gb@0")};
  gpus[1 - gpu] = cut("3g.20gb@4 3g.20gb@0");
  world.want(gpus);
  storm(xid, 4'000, 1);
  EXPECT_EQ(world.layout(1 - gpu), "3g.20gb@0 3g.20gb@4");
  EXPECT_EQ(world.wrong(), Ids{});
}

TEST_F(Doubts, OfTheHostAreClearedBeforeAnythingIsDone) {
  storm(Doubt{}, 20'000);
  world.want({cut("2g.10gb@0 1g.5gb@6"), cut("2g.10gb@0 1g.5gb@6")});
  const std::size_t from = world.log.size();
  for (int i = 0; i < 1'000 && changes(world, from) == 0; ++i) world.tick();
  std::size_t first = from;
  while (first < world.log.size() && !std::holds_alternative<Look>(world.log[first])) ++first;
  EXPECT_EQ(changes(world, from), 1U);
  EXPECT_EQ(changes(world, first), 1U) << "after the Look";
}

TEST(AHolder, KeepsItsNameWhileOnlyTheCheckpointKnowsOfIt) {
  World world({"A100-40"});
  at_rest(world, "2g.10gb@0");
  run_pod(world, "a", "nvidia.com/mig-2g.10gb");
  world.run_for(1'000);
  const std::string name = world.status.gpus[0].slices[0].pod;
  ASSERT_FALSE(name.empty());
  const Holder by_uid{"gpu0/2g.10gb@0", "nvidia.com/mig-2g.10gb", ""};
  world.tell(Holders{0, Source::Checkpoint, true, {by_uid}, {}});
  world.tell(Holders{0, Source::PodResources, true, {}, {}});  // it has ended
  world.run_for(500);
  EXPECT_EQ(world.status.gpus[0].slices[0].state, cluster::SliceState::Used);
  EXPECT_EQ(world.status.gpus[0].slices[0].pod, name);
}

}  // namespace
}  // namespace kerf::agent
