// Workloads: Jobs, bare pods, and what holds for all.
#include "sim/workloads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/api_server_testing.h"
#include "sim/evictions.h"
#include "sim/scheduler.h"
#include "sim/workloads_testing.h"

namespace kerf::sim {
namespace {

using control::kHour;
using control::kMinute;
using control::kSecond;
using control::Pod;
using control::PodPhase;
using testing::key;
using testing::node;

using World = testing::WorkloadsWorld;
using testing::spec;

// --- Jobs ----------------------------------------------------------------------------------------

WorkloadSpec job(std::int64_t parallelism, std::int64_t completions) {
  WorkloadSpec result = spec(WorkloadKind::Job, parallelism);
  result.completions = completions;
  result.runs_for = {10 * kSecond, 10 * kSecond, 0};
  return result;
}

TEST(Job, RunsSoManyAtOnceUntilAllAreDone) {
  World w;
  w.workloads.add(job(2, 5));
  w.run();
  EXPECT_EQ(w.running(), 2);
  EXPECT_EQ(w.api.find<control::Workload>(key("w"))->at_once, 2);
  w.run(22 * kSecond);
  EXPECT_EQ(w.running(), 1) << "the fifth";
  EXPECT_EQ(w.api.find<control::Workload>(key("w"))->at_once, 1);
  w.run(15 * kSecond);
  EXPECT_EQ(w.workloads.counts().completed, 1);
  EXPECT_EQ(w.workloads.counts().pods, 5);
  EXPECT_EQ(w.api.find<control::Workload>(key("w")), nullptr);
  w.run(2 * kMinute);
  EXPECT_TRUE(w.names().empty()) << "cleared away after a while";
}

TEST(Job, NamesItsWorkloadAsTheOwner) {
  World w;
  w.workloads.add(job(1, 1));
  w.run();
  const Pod& pod = *w.api.all<Pod>().begin();
  EXPECT_EQ(pod.owner.kind, "Job");
  EXPECT_EQ(pod.owner.uid, w.api.find<control::Workload>(key("w"))->meta.uid);
}

TEST(Job, TriesAgainAfterAFailureLaterEachTime) {
  World w;
  WorkloadSpec s = job(1, 1);
  s.fails_milli = 1000;
  s.backoff_limit = 2;
  std::vector<Instant> made;
  w.api.listen(Kind::Pod, [&](const Change& change) {
    if (!change.before) made.push_back(w.clock.now());
  });
  w.workloads.add(s);
  w.run(10 * kMinute);
  ASSERT_EQ(made.size(), 3U);
  EXPECT_NEAR(static_cast<double>(made[1] - made[0]), 20 * kSecond, 500);
  EXPECT_NEAR(static_cast<double>(made[2] - made[1]), 30 * kSecond, 500);
  EXPECT_EQ(w.workloads.counts().given_up, 1);
  EXPECT_EQ(w.workloads.counts().failed, 3);
}

TEST(Job, MakesAnotherPodForOneThatIsEvictedWithoutCountingAFailure) {
  World w;
  WorkloadSpec s = job(1, 1);
  s.backoff_limit = 0;
  w.workloads.add(s);
  w.run();
  w.api.erase(Kind::Pod, key("w-1"));
  w.run(30 * kSecond);
  EXPECT_EQ(w.workloads.counts().completed, 1);
  EXPECT_EQ(w.workloads.counts().pods, 2);
}

TEST(Job, ComesByArrivalsWithANameForEach) {
  World w;
  WorkloadSpec s = job(1, 1);
  s.arrivals.pattern = Arrivals::Pattern::Steady;
  s.arrivals.per_hour_milli = 60000;
  w.workloads.add(s);
  w.run(10 * kMinute - 1);
  EXPECT_EQ(w.workloads.counts().instances, 10);
  EXPECT_TRUE(w.names().contains("w-10-1"));
  w.run(5 * kMinute);
  EXPECT_EQ(w.workloads.counts().completed, 15);
}

// --- Bare pods -----------------------------------------------------------------------------------

TEST(BarePod, IsNotMadeAgain) {
  World w;
  w.workloads.add(spec(WorkloadKind::Bare, 2));
  w.run();
  EXPECT_EQ(w.running(), 2);
  EXPECT_EQ(w.api.all<Pod>().begin()->owner, control::Owner{});
  w.api.erase(Kind::Pod, key("w-0"));
  w.run(10 * kSecond);
  EXPECT_EQ(w.names(), (std::set<std::string>{"w-1"}));
  w.api.erase(Kind::Pod, key("w-1"));
  w.run(10 * kSecond);
  EXPECT_TRUE(w.workloads.instances().empty());
}

TEST(BarePod, EndsByItselfAndIsClearedAway) {
  World w;
  WorkloadSpec s = spec(WorkloadKind::Bare);
  s.runs_for = {10 * kSecond, 10 * kSecond, 0};
  w.workloads.add(s);
  w.run(12 * kSecond);
  EXPECT_EQ(w.api.find<Pod>(key("w"))->phase, PodPhase::Succeeded);
  w.run(2 * kMinute);
  EXPECT_TRUE(w.names().empty());
}

// --- All -----------------------------------------------------------------------------------------

TEST(Workloads, GiveTheSamePodTheSameRunTimeWhateverElseComes) {
  const auto run_times = [](bool with_other) {
    World w;
    WorkloadSpec other = job(3, 9);
    other.name = "other";
    other.runs_for = {0, 0, kMinute};
    if (with_other) w.workloads.add(other);
    WorkloadSpec s = job(2, 20);
    s.runs_for = {0, 0, kMinute};
    w.workloads.add(s);
    std::map<std::string, std::int64_t> result;
    w.api.listen(Kind::Pod, [&](const Change& change) {
      if (change.after && change.key.name.starts_with("w-"))
        result[change.key.name] = runs_for_ms(*change.is<Pod>());
    });
    w.run(kHour);
    return result;
  };
  const auto alone = run_times(false);
  EXPECT_EQ(alone.size(), 20U);
  EXPECT_EQ(alone, run_times(true));
}

TEST(Workloads, NeverNameTwoPodsAlike) {
  World w;
  WorkloadSpec deployment = spec(WorkloadKind::Deployment, 3);
  w.workloads.add(deployment);
  WorkloadSpec s = job(3, 3);  // pods w-1-1, w-1-2, w-1-3, as those of the Deployment
  s.name = "w-1";
  w.workloads.add(s);
  w.run();
  EXPECT_EQ(w.names().size(), 6U);
}

/// A month of arrivals, evictions and changes: at the end each controller has what it wants.
TEST(Workloads, SettleOnWhatIsWantedAfterAnyTrouble) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    World w(seed);
    Dice dice(seed, "test");
    WorkloadSpec d = spec(WorkloadKind::Deployment, 4);
    d.name = "d";
    WorkloadSpec s = spec(WorkloadKind::StatefulSet, 3);
    s.name = "s";
    WorkloadSpec j = job(3, 40);
    j.name = "j";
    j.fails_milli = 20;
    for (const WorkloadSpec& it : {d, s, j}) w.workloads.add(it);
    for (int step = 0; step < 200; ++step) {
      w.run(dice.between(0, 1500));
      const std::vector<Key> pods = w.api.keys<Pod>();
      if (pods.empty()) continue;
      const Key& any = pods[static_cast<std::size_t>(
          dice.between(0, static_cast<std::int64_t>(pods.size()) - 1))];
      switch (dice.between(0, 5)) {
        case 0: w.api.erase(Kind::Pod, any); break;
        case 1: w.api.remove(Kind::Pod, any); break;
        case 2: w.workloads.scale(key("d"), dice.between(0, 6)); break;
        case 3: w.workloads.scale(key("s"), dice.between(0, 5)); break;
        case 4: w.workloads.roll_out(key(dice.chance(500) ? "d" : "s"), d.shape); break;
        case 5: w.kubelet.rejects = dice.chance(300) ? "n1" : ""; break;
      }
    }
    w.kubelet.rejects = "";
    w.workloads.scale(key("d"), 4);
    w.workloads.scale(key("s"), 3);
    w.run(kHour);
    EXPECT_EQ(w.running(), 7) << "seed " << seed;
    EXPECT_EQ(w.workloads.counts().completed + w.workloads.counts().given_up, 1);
    EXPECT_EQ(w.scheduler.pending(), 0U);
  }
}

TEST(Workloads, DoTheSameForTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    World w(seed);
    WorkloadSpec s = job(2, 4);
    s.runs_for = {0, 0, kMinute};
    s.arrivals.pattern = Arrivals::Pattern::Daily;
    s.arrivals.per_hour_milli = 20000;
    w.workloads.add(s);
    w.run(6 * kHour);
    Hasher hasher;
    w.api.add_to(hasher);
    w.workloads.add_to(hasher);
    w.scheduler.add_to(hasher);
    return hasher.value();
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Workloads, CostNothingWhileNothingHappens) {
  World w;
  for (int i = 0; i < 20; ++i) w.api.create(node("m" + std::to_string(i)));
  for (int i = 0; i < 25; ++i) {
    WorkloadSpec s = spec(WorkloadKind::Deployment, 4);
    s.name = "d" + std::to_string(i);
    w.workloads.add(s);
  }
  w.run(kMinute);
  ASSERT_EQ(w.running(), 100);
  const std::uint64_t steps = w.clock.steps();
  w.run(30 * 24 * kHour);
  EXPECT_EQ(w.clock.steps(), steps);
}

}  // namespace
}  // namespace kerf::sim
