// The scheduler: nominations, back-off, preemption, and that it trusts only its own view.
#include "sim/scheduler.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "sim/scheduler_testing.h"

namespace kerf::sim {
namespace {

using control::Node;
using control::Pod;
using testing::app;
using testing::gpu_pod;
using testing::key;
using testing::kSmall;
using testing::node;
using testing::pod;

constexpr std::int64_t kSoon = 500;

using World = testing::SchedulerWorld;

// --- Nominations ---------------------------------------------------------------------------------

TEST(Scheduler, GoesToTheNominatedNodeAgainstItsOwnTaste) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    World w(seed);
    for (const char* name : {"a", "b", "c", "d"}) w.api.create(node(name, {{kSmall, 1}}));
    for (int i = 0; i < 3; ++i) {
      Pod filler = pod("filler" + std::to_string(i));
      filler.node = "c";
      w.api.create(filler);  // c is the least liked by score
    }
    Pod p = gpu_pod("p");
    p.nominated = "c";
    w.api.create(p);
    w.run();
    EXPECT_EQ(w.node_of("p"), "c") << seed;
  }
}

TEST(Scheduler, GoesElsewhereIfTheNominatedNodeHasNoRoom) {
  World w;
  w.api.create(node("a", {{kSmall, 0}}));
  w.api.create(node("b", {{kSmall, 1}}));
  Pod p = gpu_pod("p");
  p.nominated = "a";
  w.api.create(p);
  w.run();
  EXPECT_EQ(w.node_of("p"), "b");
}

TEST(Scheduler, KeepsRoomForTheNominatedAgainstOlderPodsOfItsPriority) {
  World w;
  w.api.create(node("n", {{kSmall, 0}}));
  w.api.create(gpu_pod("old"));
  w.run(10);
  w.api.create(gpu_pod("young"));
  w.run();
  w.api.mutate<Pod>(key("young"), [](Pod& it) { it.nominated = "n"; });
  w.run(60000);
  w.offer("n", 1);
  w.run(12000);
  EXPECT_EQ(w.node_of("young"), "n");
  EXPECT_EQ(w.node_of("old"), "");
}

TEST(Scheduler, KeepsNoRoomAgainstAMoreImportantPod) {
  World w;
  w.api.create(node("n", {{kSmall, 0}}));
  Pod nominated = gpu_pod("nominated");
  nominated.nominated = "n";
  w.api.create(nominated);
  Pod vip = gpu_pod("vip");
  vip.shape.priority = 5;
  w.api.create(vip);
  w.run(30000);
  w.offer("n", 1);
  w.run(12000);
  EXPECT_EQ(w.node_of("vip"), "n");
  EXPECT_EQ(w.node_of("nominated"), "");
}

TEST(Scheduler, MayClearANominationThatFailed) {
  SchedulerOptions always;
  always.clears_nomination_milli = 1000;
  SchedulerOptions never;
  never.clears_nomination_milli = 0;
  for (const SchedulerOptions& options : {always, never}) {
    World w(1, options);
    w.api.create(node("n", {{kSmall, 0}}));
    Pod p = gpu_pod("p");
    p.nominated = "n";
    w.api.create(p);
    w.run(30000);
    EXPECT_EQ(w.at("p").nominated, options.clears_nomination_milli == 0 ? "n" : "");
  }
}

// --- Trying again --------------------------------------------------------------------------------

TEST(Scheduler, DoesNotTryAgainWhileNothingChanges) {
  World w;
  w.api.create(node("n"));
  w.api.create(gpu_pod("a"));
  w.run(4 * control::kMinute);
  EXPECT_EQ(w.scheduler.attempts(), 1U) << "its own mark is no reason";
  w.run(2 * control::kMinute);
  EXPECT_EQ(w.scheduler.attempts(), 2U) << "after five minutes anyway";
}

TEST(Scheduler, DoesNotTryAgainBecauseOfferingsFell) {
  World w;
  w.api.create(node("n", {{kSmall, 1}}));
  w.api.create(gpu_pod("a", "1g.5gb", 2));
  w.run();
  w.offer("n", 0);
  w.run(control::kMinute);
  EXPECT_EQ(w.scheduler.attempts(), 1U);
}

TEST(Scheduler, JudgesLikePodsAnewOnceAnythingChanged) {
  World w;
  w.api.create(node("n", {{kSmall, 1}}));
  for (const char* name : {"a", "b", "c", "d"}) w.api.create(gpu_pod(name));
  w.run();
  EXPECT_EQ(w.scheduler.attempts(), 4U);
  EXPECT_EQ(w.at("b").message, w.at("d").message);
  w.api.create(gpu_pod("two", "2g.10gb"));
  w.run();
  EXPECT_EQ(w.at("two").message, "0/1 nodes are available: 1 Insufficient nvidia.com/mig-2g.10gb")
      << "another shape";
  w.offer("n", 2);
  w.run(3000);
  EXPECT_EQ(w.api.pods_on("n").size(), 2U);
  w.end("a");
  w.run(11000);
  EXPECT_EQ(w.api.pods_on("n").size(), 2U);
  Pod vip = gpu_pod("vip");
  vip.shape.priority = 9;
  w.api.create(vip);
  w.run();
  EXPECT_EQ(w.at("vip").nominated, "n") << "it may evict, the others may not";
}

TEST(Scheduler, WaitsLongerAfterEachFailure) {
  World w;
  w.api.create(node("n"));
  w.api.create(gpu_pod("a"));
  std::vector<Instant> judged;
  w.api.listen(Kind::Pod, [&](const Change& change) {
    if (change.after && change.is<Pod>()->unschedulable) judged.push_back(w.clock.now());
  });
  for (int i = 0; i < 400; ++i) {  // something that could help, ten times a second
    w.run(100);
    w.api.mutate<Node>({"", "n"}, [&](Node& it) { it.meta.labels["i"] = std::to_string(i); });
  }
  ASSERT_GE(judged.size(), 6U);
  EXPECT_LE(judged.size(), 8U);
  for (std::size_t i = 1; i < judged.size(); ++i) {
    const std::int64_t least = std::min<std::int64_t>(1000 << (i - 1), 10000);
    EXPECT_GE(judged[i] - judged[i - 1], least);
    EXPECT_LE(judged[i] - judged[i - 1], least + 300);
  }
}

TEST(Scheduler, BindsByAViewThatIsNotTrueAnyMore) {
  SchedulerOptions slow;
  slow.sees_least_ms = 40;
  slow.sees_most_ms = 50;
  World w(1, slow);
  w.api.create(node("n", {{kSmall, 1}}));
  w.run();
  w.api.create(gpu_pod("a"));
  w.run(52);
  w.offer("n", 0);
  w.run();
  EXPECT_EQ(w.node_of("a"), "n") << "decided before it saw that the device is withdrawn";
}

TEST(Scheduler, ForgetsWhatItHadNotWrittenWhenItDies) {
  SchedulerOptions slow;
  slow.binds_least_ms = 1000;
  slow.binds_most_ms = 1000;
  World w(1, slow);
  w.api.create(node("n", {{kSmall, 1}}));
  w.api.create(gpu_pod("a"));
  w.run();
  w.scheduler.stop();
  w.run(5000);
  EXPECT_EQ(w.node_of("a"), "");
  w.scheduler.start();
  w.run(5000);
  EXPECT_EQ(w.node_of("a"), "n");
}

TEST(Scheduler, GivesBackTheRoomOfAPodThatIsDeletedWhileItBinds) {
  SchedulerOptions slow;
  slow.binds_least_ms = 1000;
  slow.binds_most_ms = 1000;
  World w(1, slow);
  w.api.create(node("n", {{kSmall, 1}}));
  w.api.create(gpu_pod("a"));
  w.run();
  w.api.erase(Kind::Pod, key("a"));
  w.api.create(gpu_pod("b"));
  w.run(12000);
  EXPECT_EQ(w.node_of("b"), "n");
}

// --- Preemption ----------------------------------------------------------------------------------

Pod important(const std::string& name, std::int32_t priority, std::int64_t count = 1) {
  Pod result = gpu_pod(name, "1g.5gb", count);
  result.shape.priority = priority;
  return result;
}

TEST(Scheduler, EvictsTheLessImportantAndWaitsForItsRoom) {
  World w;
  w.api.create(node("n", {{kSmall, 2}}));
  w.api.create(important("low", 0));
  w.api.create(important("middle", 5));
  w.run();
  w.api.create(important("high", 9));
  w.run();
  EXPECT_NE(w.at("low").meta.deleted, 0);
  EXPECT_EQ(w.at("middle").meta.deleted, 0);
  EXPECT_EQ(w.at("high").nominated, "n");
  EXPECT_EQ(w.node_of("high"), "");
  w.run(30000);
  EXPECT_EQ(w.at("middle").meta.deleted, 0) << "it waits for the first victim";
  w.end("low");
  w.run(12000);
  EXPECT_EQ(w.node_of("high"), "n");
}

TEST(Scheduler, EvictsNobodyOfItsOwnPriority) {
  World w;
  w.api.create(node("n", {{kSmall, 1}}));
  w.api.create(important("a", 5));
  w.run();
  w.api.create(important("b", 5));
  w.run(20000);
  EXPECT_EQ(w.at("a").meta.deleted, 0);
}

TEST(Scheduler, EvictsNobodyIfItsClassSaysNever) {
  World w;
  control::PriorityClass never;
  never.meta.name = "patient";
  never.value = 9;
  never.preempts = false;
  w.api.create(never);
  w.api.create(node("n", {{kSmall, 1}}));
  w.api.create(important("a", 5));
  w.run();
  w.api.create(important("b", 9));
  w.run(20000);
  EXPECT_EQ(w.at("a").meta.deleted, 0);
}

TEST(Scheduler, EvictsAUserAlthoughParkedDevicesLieIdle) {
  World w;
  Node n = node("n", {{kSmall, 1}});
  n.capacity_of[kSmall] = 7;  // six are parked
  w.api.create(n);
  w.api.create(important("low", 0));
  w.run();
  w.api.create(important("high", 9));
  w.run();
  EXPECT_NE(w.at("low").meta.deleted, 0);
}

TEST(Scheduler, EvictsNobodyWhereThatDoesNotMakeRoom) {
  World w;
  w.api.create(node("n", {{kSmall, 1}}));
  w.api.create(important("low", 0));
  w.run();
  w.api.create(important("high", 9, 2));  // two devices; the node has one
  w.run();
  EXPECT_EQ(w.at("low").meta.deleted, 0);
}

TEST(Scheduler, SparesPodsOfABudgetWhereAnotherNodeWillDo) {
  World w;
  for (const char* name : {"a", "b"}) w.api.create(node(name, {{kSmall, 1}}));
  for (const char* name : {"pa", "pb"}) {
    Pod p = important(name, 0);
    p.nominated = name + 1;
    p.meta.labels["app"] = p.shape.labels["app"] = name;
    w.api.create(p);
  }
  control::Budget budget;
  budget.meta = {};
  budget.meta.ns = "default";
  budget.meta.name = "keep-pa";
  budget.selector = app("pa");
  budget.allowed = 0;
  w.api.create(budget);
  w.run();
  ASSERT_EQ(w.node_of("pa"), "a");
  ASSERT_EQ(w.node_of("pb"), "b");
  w.api.create(important("high", 9));
  w.run();
  EXPECT_EQ(w.at("pa").meta.deleted, 0);
  EXPECT_NE(w.at("pb").meta.deleted, 0);
}

TEST(Scheduler, SparesPodsOfABudgetBeforeOlderOnesOfTheirNode) {
  World w;
  w.api.create(node("n", {{kSmall, 2}}));
  w.api.create(important("old", 0));
  w.run();
  Pod young = important("young", 0);
  young.meta.labels["app"] = "kept";
  w.api.create(young);
  control::Budget budget;
  budget.meta.ns = "default";
  budget.meta.name = "kept";
  budget.selector = app("kept");
  w.api.create(budget);
  w.run();
  w.api.create(important("high", 9));
  w.run();
  EXPECT_NE(w.at("old").meta.deleted, 0);
  EXPECT_EQ(w.at("young").meta.deleted, 0);
}

// --- Properties ----------------------------------------------------------------------------------

/// Random pods come and go while nodes offer more and less; whenever a pod is bound, what its node
/// offers by the scheduler's own view holds all that is there.
TEST(Scheduler, NeverBindsBeyondWhatItsViewOffers) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SchedulerOptions instant;
    instant.sees_least_ms = instant.sees_most_ms = 0;
    instant.binds_least_ms = instant.binds_most_ms = 0;
    // Odd seeds: a view without delay, so that the view is the truth, and it is the truth that
    // holds.
    World w(seed, seed % 2 == 1 ? instant : SchedulerOptions{});
    Dice dice(seed, "test");
    int bound = 0;
    w.api.listen(Kind::Pod, [&](const Change& change) {
      const Pod* was = change.was<Pod>();
      const Pod* is = change.is<Pod>();
      if (!was || !is || !was->node.empty() || is->node.empty()) return;
      ++bound;
      const NodeSeen& seen = *w.scheduler.view().node(is->node);
      std::int64_t used = 0;
      for (const Key& other : seen.pods)
        used += w.scheduler.view().pods().at(other).devices.at(kSmall);
      ASSERT_EQ(used, seen.used_of.at(kSmall));
      if (seed % 2 == 0) return;
      const Node& truth = *w.api.find<Node>(is->node);
      std::int64_t held = 0;
      for (const Key& other : w.api.pods_on(is->node))
        held += w.api.find<Pod>(other)->shape.gpu[0].count;
      ASSERT_LE(held, truth.allocatable_of.at(kSmall)) << "seed " << seed;
    });
    for (int i = 0; i < 4; ++i) w.api.create(node("n" + std::to_string(i), {{kSmall, 3}}));
    for (int step = 0; step < 300; ++step) {
      w.run(dice.between(0, 400));
      const std::string name = "p" + std::to_string(dice.between(0, 20));
      const std::string where = "n" + std::to_string(dice.between(0, 3));
      switch (dice.between(0, 3)) {
        case 0: w.api.remove(Kind::Pod, key(name)); break;
        case 1: {
          std::int64_t held = 0;  // an honest publisher never goes below what is in use
          for (const Key& other : w.api.pods_on(where))
            held += w.api.find<Pod>(other)->shape.gpu[0].count;
          w.offer(where, held + dice.between(0, 4));
          break;
        }
        default: w.api.create(gpu_pod(name, "1g.5gb", dice.between(1, 3)));
      }
    }
    EXPECT_GT(bound, 30) << "seed " << seed;
  }
}

TEST(Scheduler, DoesTheSameForTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    World w(seed);
    for (int i = 0; i < 5; ++i) w.api.create(node("n" + std::to_string(i), {{kSmall, 2}}));
    for (int i = 0; i < 20; ++i) {
      w.api.create(gpu_pod("p" + std::to_string(i)));
      w.run(300);
    }
    Hasher hasher;
    w.api.add_to(hasher);
    w.clock.add_to(hasher);
    w.scheduler.add_to(hasher);
    return hasher.value();
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace kerf::sim
