// Workloads: what each controller keeps, how it rolls out, and what comes of evicted pods.
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

// --- Deployments ---------------------------------------------------------------------------------

TEST(Deployment, KeepsItsReplicasRunning) {
  World w;
  w.workloads.add(spec(WorkloadKind::Deployment, 3));
  w.run();
  EXPECT_EQ(w.running(), 3);
  const Pod& pod = *w.api.all<Pod>().begin();
  EXPECT_EQ(pod.owner.kind, "ReplicaSet");
  EXPECT_EQ(pod.meta.labels.at("app"), "w");
  EXPECT_EQ(pod.shape.labels, pod.meta.labels);
}

TEST(Deployment, MakesAnotherPodForOneThatIsEvicted) {
  World w;
  w.workloads.add(spec(WorkloadKind::Deployment, 2));
  w.run();
  const Pod victim = *w.api.all<Pod>().begin();
  w.api.erase(Kind::Pod, control::key_of(victim.meta));
  w.run(100);
  EXPECT_EQ(w.names().size(), 3U) << "the new one does not wait for the old one to end";
  w.run();
  EXPECT_EQ(w.running(), 2);
  EXPECT_FALSE(w.names().contains(victim.meta.name));
  for (const Pod& pod : w.api.all<Pod>()) EXPECT_EQ(pod.owner.uid, victim.owner.uid);
}

TEST(Deployment, MakesAnotherPodForOneThatKubeletRejected) {
  World w;
  w.kubelet.rejects = "n0";
  w.workloads.add(spec(WorkloadKind::Deployment, 3));
  w.run(300);
  w.kubelet.rejects = "";
  w.run();
  EXPECT_EQ(w.running(), 3);
  EXPECT_GE(w.workloads.counts().rejected, 1);
  w.run(11 * kMinute);
  EXPECT_EQ(w.names().size(), 3U) << "the failed one is cleared away in the end";
}

TEST(Deployment, ScalesUpAndDown) {
  World w;
  w.workloads.add(spec(WorkloadKind::Deployment, 2));
  w.run();
  ASSERT_TRUE(w.workloads.scale(key("w"), 5));
  w.run();
  EXPECT_EQ(w.running(), 5);
  ASSERT_TRUE(w.workloads.scale(key("w"), 1));
  w.run();
  EXPECT_EQ(w.running(), 1);
  EXPECT_EQ(w.names(), (std::set<std::string>{"w-1-1"})) << "the oldest";
  EXPECT_FALSE(w.workloads.scale(key("nobody"), 1));
}

TEST(Deployment, GivesUpPodsWithoutANodeFirst) {
  World w;
  WorkloadSpec s = spec(WorkloadKind::Deployment, 2);
  s.shape.requests.cpu_milli = 6000;
  w.workloads.add(s);
  w.run();
  w.workloads.scale(key("w"), 5);  // three nodes have room for one each
  w.run();
  ASSERT_EQ(w.running(), 3);
  w.workloads.scale(key("w"), 3);
  w.run();
  EXPECT_EQ(w.running(), 3);
  EXPECT_EQ(w.names().size(), 3U);
}

TEST(Deployment, RollsOutWithoutEverRunningTooFew) {
  for (const std::int64_t surge : {0, 1, 3}) {
    World w;
    WorkloadSpec s = spec(WorkloadKind::Deployment, 4);
    s.max_surge = surge;
    s.max_unavailable = surge == 0 ? 1 : 0;
    w.workloads.add(s);
    w.run();
    ASSERT_EQ(w.running(), 4);
    std::int64_t least = 4;
    std::int64_t most = 0;
    w.api.listen(Kind::Pod, [&](const Change&) {
      const auto pods = w.api.all<Pod>();
      least = std::min(least, w.running());
      most = std::max(most, std::count_if(pods.begin(), pods.end(),
                                          [](const Pod& pod) { return pod.meta.deleted == 0; }));
    });
    const std::set<std::string> before = w.names();
    w.workloads.roll_out(key("w"), s.shape);
    w.run(kMinute);
    EXPECT_EQ(w.running(), 4);
    EXPECT_GE(least, 4 - s.max_unavailable) << "surge " << surge;
    EXPECT_LE(most, 4 + surge) << "surge " << surge;
    for (const std::string& name : w.names()) EXPECT_FALSE(before.contains(name));
  }
}

TEST(Deployment, KeepsTheOldPodsWhereTheNewTemplateCannotRun) {
  World w;
  WorkloadSpec s = spec(WorkloadKind::Deployment, 3);
  w.workloads.add(s);
  w.run();
  s.shape.requests.cpu_milli = 99000;
  w.workloads.roll_out(key("w"), s.shape);
  w.run(kMinute);
  EXPECT_EQ(w.running(), 3);
  EXPECT_EQ(w.names().size(), 4U);
}

TEST(Deployment, KeepsOldPodsThatWaitWhileNewOnesDoNotRun) {
  World w;
  WorkloadSpec s = spec(WorkloadKind::Deployment, 4);
  s.shape.requests.cpu_milli = 6000;  // three nodes have room for one each
  w.workloads.add(s);
  w.run();
  ASSERT_EQ(w.running(), 3);
  s.shape.requests.cpu_milli = 99000;
  w.workloads.roll_out(key("w"), s.shape);
  w.run(kMinute);
  const std::set<std::string> names = w.names();
  EXPECT_EQ(names.size(), 5U);
  EXPECT_EQ(std::count_if(names.begin(), names.end(),
                          [](const std::string& name) { return name.starts_with("w-1-"); }),
            4);
}

TEST(Deployment, GoesWithAllItsPods) {
  World w;
  WorkloadSpec s = spec(WorkloadKind::Deployment, 3);
  s.lives_for = {30 * kSecond, 30 * kSecond, 0};
  w.workloads.add(s);
  w.run(29 * kSecond);
  EXPECT_EQ(w.running(), 3);
  w.run(10 * kSecond);
  EXPECT_TRUE(w.names().empty());
  EXPECT_TRUE(w.workloads.instances().empty());
}

TEST(Deployment, DoesItsStepsInTime) {
  World w;
  WorkloadSpec s = spec(WorkloadKind::Deployment, 1);
  s.steps = {{10 * kSecond, Step::What::Scale, 3},
             {20 * kSecond, Step::What::Rollout, 0},
             {60 * kSecond, Step::What::Delete, 0}};
  w.workloads.add(s);
  w.run(9 * kSecond);
  EXPECT_EQ(w.running(), 1);
  w.run(10 * kSecond);
  EXPECT_EQ(w.running(), 3);
  w.run(40 * kSecond);
  EXPECT_EQ(w.running(), 3);
  for (const std::string& name : w.names()) EXPECT_EQ(name.substr(0, 4), "w-2-");
  w.run(10 * kSecond);
  EXPECT_TRUE(w.names().empty());
}

TEST(Deployment, IsOneWorkloadForABudgetWhileItRollsOut) {
  World w;
  Evictions evictions(w.api, 1,
                      [&](const control::Owner& owner) { return w.workloads.wanted(owner); });
  BudgetSpec budget;
  budget.name = "w";
  budget.selector.namespaces = {"default"};
  budget.selector.labels = {{"app", cluster::Operator::In, {"w"}}};
  budget.max_unavailable = 1;
  evictions.put_budget(budget);
  WorkloadSpec s = spec(WorkloadKind::Deployment, 4);
  w.workloads.add(s);
  w.run();
  EXPECT_EQ(w.api.find<control::Budget>(key("w"))->allowed, 1);
  s.shape.requests.cpu_milli = 99000;  // stays half way
  w.workloads.roll_out(key("w"), s.shape);
  w.run();
  EXPECT_EQ(w.api.find<control::Budget>(key("w"))->allowed, 1);
}

// --- StatefulSets --------------------------------------------------------------------------------

TEST(StatefulSet, StartsItsPodsOneAfterTheOther) {
  World w;
  std::vector<std::string> order;
  std::int64_t most_starting = 0;
  w.api.listen(Kind::Pod, [&](const Change& change) {
    if (!change.before) order.push_back(change.key.name);
    const auto pods = w.api.all<Pod>();
    most_starting = std::max(most_starting, std::count_if(pods.begin(), pods.end(), [](auto& pod) {
                               return pod.phase == PodPhase::Pending;
                             }));
  });
  w.workloads.add(spec(WorkloadKind::StatefulSet, 3));
  w.run();
  EXPECT_EQ(order, (std::vector<std::string>{"w-0", "w-1", "w-2"}));
  EXPECT_EQ(most_starting, 1);
  EXPECT_EQ(w.running(), 3);
}

TEST(StatefulSet, MakesAPodAgainUnderItsNameOnceItIsGone) {
  World w;
  w.workloads.add(spec(WorkloadKind::StatefulSet, 2));
  w.run();
  const std::string uid = w.api.find<Pod>(key("w-0"))->meta.uid;
  w.api.erase(Kind::Pod, key("w-0"));
  w.run(150);
  EXPECT_EQ(w.names().size(), 2U);
  EXPECT_EQ(w.api.find<Pod>(key("w-0"))->meta.uid, uid);
  w.run();
  EXPECT_EQ(w.running(), 2);
  EXPECT_NE(w.api.find<Pod>(key("w-0"))->meta.uid, uid);
}

TEST(StatefulSet, MakesNoMorePodsWhileOneIsEnding) {
  World w;
  w.workloads.add(spec(WorkloadKind::StatefulSet, 2));
  w.run();
  std::vector<std::string> order;
  w.api.listen(Kind::Pod, [&](const Change& change) {
    if (!change.before) order.push_back(change.key.name);
  });
  w.api.erase(Kind::Pod, key("w-0"));
  w.workloads.scale(key("w"), 3);
  w.run(10 * kSecond);
  EXPECT_EQ(order, (std::vector<std::string>{"w-0", "w-2"}));
}

TEST(StatefulSet, ReplacesAPodThatKubeletRejected) {
  World w;
  w.kubelet.rejects = "n0";
  w.workloads.add(spec(WorkloadKind::StatefulSet, 3));
  w.run(2 * kSecond);
  w.kubelet.rejects = "";
  w.run(10 * kSecond);
  EXPECT_EQ(w.running(), 3);
  EXPECT_GE(w.workloads.counts().rejected, 1);
}

TEST(StatefulSet, ScalesDownFromTheTopAndRollsOutFromTheTop) {
  World w;
  WorkloadSpec s = spec(WorkloadKind::StatefulSet, 4);
  w.workloads.add(s);
  w.run();
  std::vector<std::string> ended;
  w.api.listen(Kind::Pod, [&](const Change& change) {
    if (!change.after) ended.push_back(change.key.name);
  });
  w.workloads.scale(key("w"), 2);
  w.run(20 * kSecond);
  EXPECT_EQ(ended, (std::vector<std::string>{"w-3", "w-2"}));
  ended.clear();
  w.workloads.roll_out(key("w"), s.shape);
  w.run(30 * kSecond);
  EXPECT_EQ(ended, (std::vector<std::string>{"w-1", "w-0"}));
  EXPECT_EQ(w.running(), 2);
}

}  // namespace
}  // namespace kerf::sim
