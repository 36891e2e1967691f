// Tests of the chronicle beside the real mind: each cut has one begin and one end, its steps come
// in order, and what went wrong is told.
#include "core/agent/chronicle.h"

#include <gmock/gmock.h>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/agent/shape.h"
#include "core/agent/stories_testing.h"

namespace kerf::agent {
namespace {

using Cut = Chronicle::Cut;
using Phase = Chronicle::Phase;
using Result = Chronicle::Result;

/// Everything that is recorded of a world.
class Watched {
 public:
  explicit Watched(World& world) {
    world.watch = [this](std::span<const Event> batch, std::span<const Effect> effects,
                         Instant now) {
      const bool starts = !batch.empty() && std::holds_alternative<Started>(batch.front());
      if (starts) open_in_crash_ += static_cast<int>(chronicle_.open());
      for (Chronicle::Record& record : chronicle_.observe(batch, effects, now))
        records.push_back(std::move(record));
    };
  }

  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const Chronicle::Record& record : records)
      if (const auto* it = std::get_if<T>(&record)) found.push_back(*it);
    return found;
  }

  /// "give gpu0/2g.10gb@0 done: making create_instance ...": each cut that ended, by its end.
  std::vector<std::string> cuts() const {
    std::map<std::string, std::string> steps;
    std::vector<std::string> lines;
    for (const Chronicle::Record& record : records) {
      if (const auto* phase = std::get_if<Chronicle::CutPhase>(&record))
        steps[phase->cut] +=
            std::string(" ") + to_string(phase->phase) + (phase->result == Result::Done ? "" : "!");
      if (const auto* end = std::get_if<Chronicle::CutEnded>(&record))
        lines.push_back(std::string(to_string(end->kind)) + " " + end->device + " " +
                        to_string(end->result) + ":" + steps[end->cut]);
    }
    return lines;
  }

  /// The place of a step in its cut; the CDI entry of a parked device may come at any time.
  static int rank_of(Cut kind, Phase phase) {
    if (kind == Cut::Take && phase == Phase::Confirmed)
      return 2 * static_cast<int>(Phase::Unhealthy) + 1;
    return 2 * static_cast<int>(phase);
  }

  /// What is not as the header promises; empty = all is well.
  std::vector<std::string> wrong() const {
    std::vector<std::string> found;
    std::map<std::string, int> begun, ended;
    std::map<std::string, Cut> kinds;
    std::map<std::string, int> ranks;
    for (const Chronicle::Record& record : records) {
      if (const auto* begin = std::get_if<Chronicle::CutBegan>(&record)) {
        if (++begun[begin->cut] != 1) found.push_back(begin->cut + " begins twice");
        kinds[begin->cut] = begin->kind;
      }
      if (const auto* phase = std::get_if<Chronicle::CutPhase>(&record)) {
        if (begun[phase->cut] != 1 || ended[phase->cut] != 0)
          found.push_back(phase->cut + " has a step outside of it");
        if (phase->result == Result::Done && phase->phase != Phase::Cdi) {
          int& rank = ranks[phase->cut];
          const int now = rank_of(phase->kind, phase->phase);
          if (now < rank)
            found.push_back(phase->cut + " is not in order: " + to_string(phase->phase));
          rank = now;
        }
        if (phase->ms < 0) found.push_back(phase->cut + " has a step of negative length");
        const bool takes = phase->phase > Phase::Confirmed;
        if (phase->phase != Phase::Confirmed && takes != (kinds[phase->cut] == Cut::Take))
          found.push_back(phase->cut + " has a step of the other kind");
      }
      if (const auto* end = std::get_if<Chronicle::CutEnded>(&record))
        if (begun[end->cut] != 1 || ++ended[end->cut] != 1)
          found.push_back(end->cut + " does not end once");
    }
    int open = 0;
    for (const auto& [cut, times] : begun) open += times - ended[cut];
    const int expected = open_in_crash_ + static_cast<int>(chronicle_.open());
    if (open != expected) found.push_back("cuts are open that it does not know of");
    return found;
  }

  std::size_t open() const { return chronicle_.open(); }
  const Chronicle& chronicle() const { return chronicle_; }
  std::vector<Chronicle::Record> records;

 private:
  Chronicle chronicle_{codec::builtin_catalogue()};
  int open_in_crash_ = 0;
};

constexpr const char* kGive = ": making create_instance create_compute cdi listed confirmed";

TEST(Chronicle, TellsOfEachStepOfAGive) {
  World world({"A100-40"});
  Watched watched(world);
  at_rest(world, "2g.10gb@0 3g.20gb@4");
  EXPECT_THAT(watched.cuts(),
              testing::UnorderedElementsAre(std::string("give gpu0/2g.10gb@0 done") + kGive,
                                            std::string("give gpu0/3g.20gb@4 done") + kGive));
  EXPECT_EQ(watched.wrong(), Ids{});
  EXPECT_EQ(watched.open(), 0U);
  const auto begun = watched.all<Chronicle::CutBegan>();
  EXPECT_EQ(begun.at(0).cut, "run1-1");
  EXPECT_EQ(begun.at(0).gpu, world.gpu_uuid(0));
  EXPECT_EQ(begun.at(0).resource, "nvidia.com/mig-2g.10gb");
  EXPECT_FALSE(begun.at(0).resumed);
  const auto ended = watched.all<Chronicle::CutEnded>();
  std::int64_t steps = 0;
  for (const auto& phase : watched.all<Chronicle::CutPhase>())
    if (phase.cut == ended.at(0).cut) steps += phase.ms;
  EXPECT_GE(ended.at(0).ms, steps) << "steps of one cut do not overlap here";
  EXPECT_GT(steps, 0);
  using Count = Chronicle::SliceCount;
  EXPECT_THAT(watched.chronicle().slices(),
              testing::ElementsAre(testing::Pair(Count{"2g.10gb", cluster::SliceState::Free}, 1),
                                   testing::Pair(Count{"3g.20gb", cluster::SliceState::Free}, 1)));
}

TEST(Chronicle, TellsOfEachStepOfATake) {
  World world({"A100-40"});
  Watched watched(world);
  at_rest(world, "2g.10gb@0 !3g.20gb@4");
  watched.records.clear();
  world.want({cut("")});
  world.run_for(20'000);
  EXPECT_THAT(watched.cuts(),
              testing::UnorderedElementsAre(
                  "take gpu0/2g.10gb@0 done: unhealthy confirmed drained going destroy_compute "
                  "destroy_instance unlisted",
                  "take gpu0/3g.20gb@4 done: drained going destroy_compute destroy_instance "
                  "unlisted"));
  EXPECT_EQ(watched.wrong(), Ids{});
  EXPECT_EQ(watched.open(), 0U);
}

TEST(Chronicle, TellsOfWholeGpusAndReplicas) {
  World world({"A100-40"}, false);
  Watched watched(world);
  world.start();
  world.want({cut("whole@0")});
  world.settle();
  EXPECT_THAT(watched.cuts(), testing::ElementsAre("give gpu0/whole@0 done: cdi listed confirmed"));
  world.run_for(20'000);
  world.want({cut("replica/2@0=nvidia.com/gpu.shared")});
  world.run_for(30'000);
  EXPECT_EQ(watched.cuts().at(1),
            "take gpu0/whole@0 done: unhealthy confirmed drained going unlisted");
  EXPECT_EQ(watched.wrong(), Ids{});
}

TEST(Chronicle, ATakeWaitsForAPodAndSaysSoByItsLength) {
  World world({"A100-40"});
  Watched watched(world);
  at_rest(world, "2g.10gb@0");
  run_pod(world, "a", "nvidia.com/mig-2g.10gb");
  world.settle();
  watched.records.clear();
  world.want({cut("")});
  world.run_for(100'000);
  EXPECT_EQ(watched.open(), 1U);
  EXPECT_THAT(watched.all<Chronicle::CutEnded>(), testing::IsEmpty());
  world.end("a");
  world.say_pods();
  world.run_for(60'000);
  const auto ended = watched.all<Chronicle::CutEnded>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].result, Result::Done);
  EXPECT_GE(ended[0].ms, 100'000);
  EXPECT_EQ(watched.wrong(), Ids{});
}

TEST(Chronicle, ATakeIsOverWhenThePodWasFaster) {
  World world({"A100-40"});
  Watched watched(world);
  at_rest(world, "2g.10gb@0");
  Pod pod;
  pod.name = "a";
  pod.resource = "nvidia.com/mig-2g.10gb";
  ASSERT_TRUE(world.pick(pod));
  watched.records.clear();
  world.want({cut("")});
  world.call(*world.pod("a"));
  world.say_pods();
  world.run_for(60'000);
  const auto ended = watched.all<Chronicle::CutEnded>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].result, Result::AllocateWon);
  const auto allocated = watched.all<Chronicle::Allocated>();
  ASSERT_EQ(allocated.size(), 1U);
  EXPECT_TRUE(allocated[0].granted);
  EXPECT_EQ(allocated[0].devices, Ids{"gpu0/2g.10gb@0"});
  world.end("a");
  world.say_pods();
  world.run_for(60'000);
  ASSERT_EQ(watched.all<Chronicle::CutEnded>().size(), 2U);
  EXPECT_EQ(watched.all<Chronicle::CutEnded>()[1].result, Result::Done);
  EXPECT_EQ(watched.wrong(), Ids{});
}

TEST(Chronicle, ACutIsSupersededWhenTheLayoutChanges) {
  World world({"A100-40"});
  Watched watched(world);
  at_rest(world, "2g.10gb@0");
  run_pod(world, "a", "nvidia.com/mig-2g.10gb");
  world.settle();
  watched.records.clear();
  world.want({cut("")});
  world.settle();
  world.want({cut("2g.10gb@0 3g.20gb@4")});
  world.want({cut("2g.10gb@0")});
  world.run_for(60'000);
  const auto ended = watched.all<Chronicle::CutEnded>();
  ASSERT_FALSE(ended.empty());
  EXPECT_EQ(ended[0].device, "gpu0/2g.10gb@0");
  EXPECT_EQ(ended[0].result, Result::Superseded);
  EXPECT_EQ(watched.open(), 0U);
  EXPECT_EQ(watched.wrong(), Ids{});
}

TEST(Chronicle, TellsOfEachTryThatFailed) {
  World world({"A100-40"});
  Watched watched(world);
  int failures = 4;
  world.fault = [&](const Action& action) -> std::optional<std::pair<Code, bool>> {
    if (!std::holds_alternative<CreateInstance>(action) || failures-- <= 0) return std::nullopt;
    return std::pair(Code::InUse, false);
  };
  at_rest(world, "2g.10gb@0");
  EXPECT_THAT(watched.cuts(),
              testing::ElementsAre("give gpu0/2g.10gb@0 done: making create_instance! "
                                   "create_instance! create_instance! create_instance! "
                                   "create_instance create_compute cdi listed confirmed"));
  const auto failed = watched.all<Chronicle::DriverFailed>();
  ASSERT_EQ(failed.size(), 4U);
  EXPECT_STREQ(failed[0].operation, "create_instance");
  EXPECT_EQ(failed[0].code, Code::InUse);
  const auto degraded = watched.all<Chronicle::DegradedChanged>();
  ASSERT_EQ(degraded.size(), 2U);
  EXPECT_EQ(degraded[0].reason, Degraded::CutFailed);
  EXPECT_EQ(degraded[1].reason, Degraded::No);
  EXPECT_EQ(watched.wrong(), Ids{});
}

TEST(Chronicle, SaysFailedWhenWhatFailsIsGivenUp) {
  World world({"A100-40"});
  Watched watched(world);
  world.fault = [&](const Action& action) -> std::optional<std::pair<Code, bool>> {
    if (!std::holds_alternative<CreateInstance>(action)) return std::nullopt;
    return std::pair(Code::InsufficientResources, false);
  };
  world.start();
  world.want({cut("2g.10gb@0")});
  world.run_for(5'000);
  world.want({cut("")});
  world.run_for(70'000);
  const auto ended = watched.all<Chronicle::CutEnded>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].result, Result::Failed);
  EXPECT_EQ(ended[0].code, Code::InsufficientResources);
  EXPECT_EQ(watched.open(), 0U);
  EXPECT_EQ(watched.wrong(), Ids{});
}

TEST(Chronicle, ARebootMakesAnewWhatStoodAndSaysSo) {
  World world({"A100-40"});
  Watched watched(world);
  at_rest(world, "2g.10gb@0 !3g.20gb@4");
  watched.records.clear();
  world.reboot();
  world.run_for(60'000);
  for (const auto& begun : watched.all<Chronicle::CutBegan>()) {
    EXPECT_TRUE(begun.resumed);
    EXPECT_TRUE(begun.cut.starts_with("run2-")) << begun.cut;
  }
  EXPECT_EQ(watched.all<Chronicle::CutEnded>().size(), 2U);
  EXPECT_EQ(watched.open(), 0U);
  EXPECT_EQ(watched.wrong(), Ids{});
}

TEST(Chronicle, TellsOfOffersEpochsXidsAndLostGpus) {
  World world({"A100-40", "A100-40"});
  Watched watched(world);
  world.start();
  world.want({cut("2g.10gb@0"), cut("!2g.10gb@0")});
  world.settle();
  world.run_for(20'000);
  EXPECT_EQ(watched.all<Chronicle::OfferChanged>().size(), 1U);
  world.want({cut("!2g.10gb@0"), cut("2g.10gb@0")});
  world.settle();
  const auto offers = watched.all<Chronicle::OfferChanged>();
  ASSERT_EQ(offers.size(), 3U);
  std::map<std::string, bool> last;
  for (const auto& offer : offers) last[offer.device] = offer.offered;
  EXPECT_FALSE(last["gpu0/2g.10gb@0"]);
  EXPECT_TRUE(last["gpu1/2g.10gb@0"]);
  EXPECT_THAT(watched.all<Chronicle::CutEnded>(), testing::SizeIs(2)) << "no cut for an offer";
  const std::size_t epochs = watched.all<Chronicle::Registered>().size();
  world.restart_kubelet();
  world.settle();
  EXPECT_EQ(watched.all<Chronicle::Registered>().size(), epochs + 1);
  const auto& instance = world.driver.state().gpus[1].instances.at(0);
  world.tell(Xid{world.gpu_uuid(1), instance.id, 31});
  const auto xids = watched.all<Chronicle::XidHeard>();
  ASSERT_EQ(xids.size(), 1U);
  EXPECT_EQ(xids[0].device, "gpu1/2g.10gb@0");
  world.driver.lose_gpu(0);
  world.tell(Xid{world.gpu_uuid(0), kNoInstance, 79});
  world.run_for(10'000);
  const auto lost = watched.all<Chronicle::GpuLostChanged>();
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].gpu, world.gpu_uuid(0));
  EXPECT_TRUE(lost[0].lost);
  EXPECT_FALSE(watched.all<Chronicle::Reported>().empty());
}

TEST(Chronicle, TellsOfARefusedAllocation) {
  World world({"A100-40"});
  Watched watched(world);
  at_rest(world, "2g.10gb@0");
  Pod pod;
  pod.name = "a";
  pod.resource = "nvidia.com/mig-2g.10gb";
  ASSERT_TRUE(world.pick(pod));
  world.pod("a")->device = "gpu0/7g.40gb@0";
  world.call(*world.pod("a"));
  const auto allocated = watched.all<Chronicle::Allocated>();
  ASSERT_EQ(allocated.size(), 1U);
  EXPECT_FALSE(allocated[0].granted);
  EXPECT_EQ(allocated[0].why, "gpu0/7g.40gb@0 is not served by Kerf");
}

/// Each change of layout, killed after each effect; and each with every effect failing once.
TEST(Chronicle, HasOneEndForEachBeginWhateverHappens) {
  for (const Scenario& scenario : scenarios()) {
    int effects = 0;
    for (int at = 0; at == 0 || at <= effects; at += 3)
      for (const int how : {0, 1, 2}) {
        SCOPED_TRACE(std::string(scenario.name) + " at " + std::to_string(at) + " how " +
                     std::to_string(how));
        World world(scenario.boards, scenario.mode);
        Watched watched(world);
        prepare(world, scenario);
        int seen = 0;
        if (how < 2)
          world.crash = [&](bool before) { return before == (how == 0) && ++seen == at; };
        else
          world.fault = [&](const Action&) -> std::optional<std::pair<Code, bool>> {
            if (++seen != at) return std::nullopt;
            return std::pair(Code::Unknown, at % 2 == 0);
          };
        world.want(cuts(scenario.wanted));
        world.run_for(120'000);
        if (at == 0) effects = std::max(effects, seen);
        EXPECT_EQ(watched.wrong(), Ids{});
        EXPECT_EQ(not_reached(world, scenario), Ids{});
        // What is open in the end is what waits for a pod.
        std::size_t waits = 0;
        const auto gpus = cuts(scenario.wanted);
        for (const Pod& pod : world.pods) {
          const auto name = parse_device_id(pod.device);
          bool stays = false;
          for (const auto& slice : gpus.at(name->gpu).slices)
            stays = stays || (slice.form == name->form && slice.start == name->start);
          waits += !stays;
        }
        EXPECT_EQ(watched.open(), waits);
      }
  }
}

/// Layouts, pods, restarts, reboots, failures and lost sources by chance.
TEST(Chronicle, KeepsItsPromisesOnRandomWalks) {
  const std::vector<const char*> layouts = {"2g.10gb@0 3g.20gb@4",
                                            "1g.5gb@0 1g.5gb@1 !2g.10gb@2 1g.5gb@4",
                                            "",
                                            "7g.40gb@0",
                                            "!3g.20gb@0 3g.20gb@4",
                                            "2g.10gb@0=kerf.dev/gpu-10gi 1g.5gb@4 !1g.5gb@6",
                                            "9g.99gb@0"};
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    World world({"A100-40"});
    Watched watched(world);
    world.choose = [&](std::size_t n) { return static_cast<std::size_t>(prng.below(n)); };
    world.fault = [&](const Action&) -> std::optional<std::pair<Code, bool>> {
      if (prng.below(40) != 0) return std::nullopt;
      return std::pair(prng.below(2) == 0 ? Code::InUse : Code::Unknown, prng.below(2) == 0);
    };
    world.start();
    world.want({cut(layouts[0])});
    int pods = 0;
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t dice = prng.below(20);
      if (dice < 6) world.want({cut(layouts[prng.below(layouts.size())])});
      if (dice == 6) world.start();
      if (dice == 7) world.restart_kubelet();
      if (dice == 8 && prng.below(4) == 0) world.reboot();
      if (dice == 9) world.tell(NotWanted{});
      if (dice >= 10 && dice < 14) {
        Pod pod;
        pod.name = "pod" + std::to_string(pods++);
        const char* names[] = {"nvidia.com/mig-2g.10gb", "nvidia.com/mig-1g.5gb",
                               "nvidia.com/mig-3g.20gb"};
        pod.resource = names[prng.below(3)];
        world.pick(pod);
      }
      if (dice >= 14 && !world.pods.empty())
        world.end(world.pods[prng.below(world.pods.size())].name);
      world.say_pods();
      world.run_for(static_cast<std::int64_t>(prng.below(15'000)));
      ASSERT_EQ(watched.wrong(), Ids{});
    }
    world.fault = nullptr;
    while (!world.pods.empty()) world.end(world.pods.front().name);
    world.say_pods();
    world.want({cut(layouts[0])});
    world.run_for(200'000);
    EXPECT_TRUE(world.status.cut) << world.status.message;
    EXPECT_EQ(watched.open(), 0U);
    ASSERT_EQ(watched.wrong(), Ids{});
  }
}

}  // namespace
}  // namespace kerf::agent
