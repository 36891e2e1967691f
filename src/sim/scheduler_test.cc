// The scheduler: filters and tastes.
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
using testing::app_pod;
using testing::gpu_pod;
using testing::key;
using testing::kSmall;
using testing::node;
using testing::pod;

constexpr std::int64_t kSoon = 500;

using World = testing::SchedulerWorld;

TEST(Scheduler, BindsAPodWithinMilliseconds) {
  World w;
  w.api.create(node("n"));
  w.api.create(pod("a"));
  EXPECT_EQ(w.node_of("a"), "");
  w.run(70);
  EXPECT_EQ(w.node_of("a"), "n");
  EXPECT_EQ(w.scheduler.pending(), 0U);
}

TEST(Scheduler, SaysWhyAPodFitsNowhere) {
  World w;
  w.api.create(node("n", {{kSmall, 0}}));
  w.api.create(node("m"));
  w.api.mutate<Node>({"", "m"}, [](Node& it) { it.cordoned = true; });
  w.api.create(gpu_pod("a"));
  w.run();
  EXPECT_TRUE(w.at("a").unschedulable);
  EXPECT_EQ(w.at("a").message,
            "0/2 nodes are available: 1 Insufficient nvidia.com/mig-1g.5gb, "
            "1 node(s) were unschedulable");
  EXPECT_GT(w.at("a").judged, 0);
}

TEST(Scheduler, TakesTheMarkBackWhenItBinds) {
  World w;
  w.api.create(node("n"));
  w.api.create(gpu_pod("a"));
  w.run();
  ASSERT_TRUE(w.at("a").unschedulable);
  w.offer("n", 1);
  w.run(2000);
  EXPECT_EQ(w.node_of("a"), "n");
  EXPECT_FALSE(w.at("a").unschedulable);
  EXPECT_EQ(w.at("a").message, "");
}

struct FilterCase {
  std::string what;
  void (*change)(Pod&, Node&);
};

TEST(Scheduler, KeepsAPodOffANodeThatIsNotForIt) {
  const FilterCase cases[] = {
      {"cordoned", [](Pod&, Node& n) { n.cordoned = true; }},
      {"not ready", [](Pod&, Node& n) { n.ready = false; }},
      {"tainted",
       [](Pod&, Node& n) {
         n.taints = {{"a", "", "NoSchedule"}};
       }},
      {"tainted to evict",
       [](Pod&, Node& n) {
         n.taints = {{"a", "", "NoExecute"}};
       }},
      {"node selector",
       [](Pod& p, Node&) {
         p.shape.node_selector = {{"x", cluster::Operator::In, {"y"}}};
       }},
      {"node affinity",
       [](Pod& p, Node&) {
         p.shape.node_affinity = {{{"x", cluster::Operator::Exists, {}}},
                                  {{"z", cluster::Operator::Exists, {}}}};
       }},
      {"volume elsewhere",
       [](Pod& p, Node& n) {
         n.meta.labels[control::kZoneLabel] = "a";
         p.shape.volume_zone_bound = true;
         p.shape.volume_zones = {"b"};
       }},
      {"cpu", [](Pod& p, Node&) { p.shape.requests.cpu_milli = 10001; }},
      {"memory", [](Pod& p, Node&) { p.shape.requests.memory_mib = 10241; }},
      {"disk", [](Pod& p, Node&) { p.shape.requests.disk_mib = 10241; }},
      {"pods", [](Pod&, Node& n) { n.allocatable.pods = 0; }},
      {"device", [](Pod& p, Node&) { p.shape.gpu = {testing::slice("1g.5gb")}; }},
      {"too few devices",
       [](Pod& p, Node& n) {
         n.allocatable_of[kSmall] = 1;
         n.capacity_of[kSmall] = 7;  // parked slices are in capacity only
         p.shape.gpu = {testing::slice("1g.5gb", 2)};
       }},
      {"affinity to nobody",
       [](Pod& p, Node&) {
         p.shape.affinity = {{app("b"), "kubernetes.io/hostname"}};
       }},
      {"no such domain",
       [](Pod& p, Node&) {
         p.shape.spread = {{1, 1, control::kZoneLabel, app("a")}};
       }},
  };
  for (const FilterCase& c : cases) {
    World w;
    Pod p = pod("a");
    Node n = node("n");
    c.change(p, n);
    w.api.create(n);
    w.api.create(p);
    w.run();
    EXPECT_EQ(w.node_of("a"), "") << c.what;
    EXPECT_TRUE(w.at("a").unschedulable) << c.what;
  }
}

TEST(Scheduler, PlacesAPodThatToleratesOrSelectsRightly) {
  World w;
  Node n = node("n", {{kSmall, 1}});
  n.taints = {{control::kSlicesTaint, "", "NoSchedule"}};
  n.meta.labels["x"] = "y";
  w.api.create(n);
  Pod p = gpu_pod("a");
  p.shape.node_selector = {{"x", cluster::Operator::In, {"y"}}};
  w.api.create(p);
  w.api.create(pod("b"));
  w.run();
  EXPECT_EQ(w.node_of("a"), "n");
  EXPECT_EQ(w.node_of("b"), "");
}

TEST(Scheduler, LeavesAloneWhatIsNotItsOwn) {
  World w;
  w.api.create(node("n"));
  Pod other = pod("other");
  other.scheduler = "kueue";
  Pod gated = pod("gated");
  gated.gated = true;
  w.api.create(other);
  w.api.create(gated);
  w.run();
  EXPECT_EQ(w.node_of("other") + w.node_of("gated"), "");
  EXPECT_FALSE(w.at("gated").unschedulable);
  w.api.mutate<Pod>(key("gated"), [](Pod& it) { it.gated = false; });
  w.run();
  EXPECT_EQ(w.node_of("gated"), "n");
}

TEST(Scheduler, NeverGivesOutMoreThanIsOffered) {
  World w;
  w.api.create(node("n", {{kSmall, 2}}));
  for (const char* name : {"a", "b", "c", "d"}) w.api.create(gpu_pod(name));
  w.run();
  EXPECT_EQ(w.api.pods_on("n").size(), 2U);
}

TEST(Scheduler, KeepsTheRoomOfAPodThatIsEnding) {
  World w;
  w.api.create(node("n", {{kSmall, 1}}));
  w.api.create(gpu_pod("a"));
  w.run();
  w.api.erase(Kind::Pod, key("a"));
  w.api.create(gpu_pod("b"));
  w.run(5000);
  EXPECT_EQ(w.node_of("b"), "") << "the kubelet has not ended a yet";
  w.end("a");
  w.run(11000);
  EXPECT_EQ(w.node_of("b"), "n");
}

TEST(Scheduler, FreesTheRoomOfAPodThatIsDone) {
  World w;
  w.api.create(node("n", {{kSmall, 1}}));
  w.api.create(gpu_pod("a"));
  w.run();
  w.api.create(gpu_pod("b"));
  w.run();
  w.api.mutate<Pod>(key("a"), [](Pod& it) { it.phase = control::PodPhase::Succeeded; });
  w.run(2000);
  EXPECT_EQ(w.node_of("b"), "n");
}

TEST(Scheduler, TakesTheMoreImportantFirstAndThenTheOlder) {
  World w;
  w.api.create(gpu_pod("old"));
  w.clock.run_until(10);
  w.api.create(gpu_pod("young"));
  Pod vip = gpu_pod("vip");
  vip.shape.priority = 10;
  w.api.create(vip);
  w.run(30000);
  w.api.create(node("n", {{kSmall, 1}}));
  w.run(11000);
  EXPECT_EQ(w.node_of("vip"), "n");
  w.offer("n", 2);
  w.run(11000);
  EXPECT_EQ(w.node_of("old"), "n");
  EXPECT_EQ(w.node_of("young"), "");
}

TEST(Scheduler, SpreadsPodsOfOneOwnerOverNodes) {
  World w;
  for (const char* name : {"k", "l", "m"}) w.api.create(node(name));
  for (const char* name : {"a", "b", "c"}) {
    Pod p = pod(name);
    p.owner = {"ReplicaSet", "web", "uid-web"};
    w.api.create(p);
  }
  w.run();
  std::set<std::string> used = {w.node_of("a"), w.node_of("b"), w.node_of("c")};
  EXPECT_EQ(used, (std::set<std::string>{"k", "l", "m"}));
}

TEST(Scheduler, LikesNodesWithoutAPreferredTaintBetter) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    World w(seed);
    Node disliked = node("a");
    disliked.taints = {{"x", "", "PreferNoSchedule"}};
    w.api.create(disliked);
    w.api.create(node("b"));
    w.api.create(pod("p"));
    w.run();
    EXPECT_EQ(w.node_of("p"), "b") << seed;
  }
}

TEST(Scheduler, EndsTiesByChance) {
  std::set<std::string> chosen;
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    World w(seed);
    w.api.create(node("a"));
    w.api.create(node("b"));
    w.api.create(pod("p"));
    w.run();
    chosen.insert(w.node_of("p"));
  }
  EXPECT_EQ(chosen.size(), 2U);
}

TEST(Scheduler, GivesHostPortsOutOnce) {
  World w;
  w.api.create(node("n"));
  for (const char* name : {"a", "b"}) {
    Pod p = pod(name);
    p.shape.host_ports = {{8080, "TCP", ""}};
    w.api.create(p);
    w.run();
  }
  EXPECT_EQ(w.node_of("a"), "n");
  EXPECT_EQ(w.node_of("b"), "");
}

TEST(Scheduler, HoldsZonesToTheSkewOfASpreadConstraint) {
  World w;
  for (const char* zone : {"a", "b"}) {
    Node n = node(std::string("n-") + zone);
    n.meta.labels[control::kZoneLabel] = zone;
    if (zone[0] == 'b') n.cordoned = true;
    w.api.create(n);
  }
  for (const char* name : {"p", "q"}) {
    Pod p = app_pod(name, "web");
    p.shape.spread = {{1, 1, control::kZoneLabel, app("web")}};
    w.api.create(p);
    w.run();
  }
  EXPECT_EQ(w.node_of("p"), "n-a");
  EXPECT_EQ(w.node_of("q"), "") << "a second one in zone a would be two ahead of zone b";
  w.api.mutate<Node>({"", "n-b"}, [](Node& it) { it.cordoned = false; });
  w.run(2000);
  EXPECT_EQ(w.node_of("q"), "n-b");
}

TEST(Scheduler, CountsForASpreadOnlyNodesThatThePodMayUseAndPodsThatStay) {
  World w;
  for (const char* zone : {"a", "b"}) {
    Node n = node(std::string("n-") + zone);
    n.meta.labels[control::kZoneLabel] = zone;
    n.meta.labels["gpu"] = zone[0] == 'a' ? "yes" : "no";
    w.api.create(n);
  }
  for (const char* name : {"p", "q"}) {
    Pod p = app_pod(name, "web");
    p.shape.node_selector = {{"gpu", cluster::Operator::In, {"yes"}}};
    p.shape.spread = {{1, 1, control::kZoneLabel, app("web")}};
    w.api.create(p);
    w.run();
  }
  EXPECT_EQ(w.node_of("q"), "n-a") << "zone b is no domain: the pod may not go there";

  World v;
  for (const char* name : {"k", "l"}) v.api.create(node(name));
  v.api.mutate<Node>({"", "l"}, [](Node& it) { it.cordoned = true; });
  for (const char* name : {"p", "q"}) {
    Pod p = app_pod(name, "web");
    p.shape.spread = {{1, 1, "kubernetes.io/hostname", app("web")}};
    v.api.create(p);
    v.run();
    if (v.node_of(name) == "k") v.api.erase(Kind::Pod, key(name));
    v.run();
  }
  EXPECT_EQ(v.node_of("q"), "k") << "p is ending";
}

TEST(Scheduler, CountsTooFewDomainsAsEmpty) {
  World w;
  w.api.create(node("n"));
  for (const char* name : {"p", "q"}) {
    Pod p = app_pod(name, "web");
    p.shape.spread = {{1, 2, "kubernetes.io/hostname", app("web")}};
    w.api.create(p);
    w.run();
  }
  EXPECT_EQ(w.node_of("p"), "n");
  EXPECT_EQ(w.node_of("q"), "");
}

TEST(Scheduler, LetsPodsFollowThoseTheyNeed) {
  World w;
  for (const char* name : {"k", "l", "m"}) w.api.create(node(name));
  Pod follower = pod("follower");
  follower.shape.affinity = {{app("db"), "kubernetes.io/hostname"}};
  w.api.create(follower);
  w.run();
  EXPECT_EQ(w.node_of("follower"), "");
  w.api.create(app_pod("db", "db"));
  w.run(2000);
  EXPECT_NE(w.node_of("db"), "");
  EXPECT_EQ(w.node_of("follower"), w.node_of("db"));
}

TEST(Scheduler, LetsTheFirstOfAGroupThatWantsItsOwnKindStart) {
  World w;
  for (const char* name : {"k", "l", "m"}) w.api.create(node(name));
  for (const char* name : {"a", "b", "c"}) {
    Pod p = app_pod(name, "ring");
    p.shape.affinity = {{app("ring"), "kubernetes.io/hostname"}};
    w.api.create(p);
  }
  w.run(3000);
  EXPECT_NE(w.node_of("a"), "");
  EXPECT_EQ(w.node_of("b"), w.node_of("a"));
  EXPECT_EQ(w.node_of("c"), w.node_of("a"));
}

TEST(Scheduler, KeepsPodsApartWhicheverOfThemAsksForIt) {
  World w;
  w.api.create(node("n"));
  Pod alone = app_pod("alone", "alone");
  alone.shape.anti_affinity = {{app("noisy"), "kubernetes.io/hostname"}};
  w.api.create(alone);
  w.run();
  w.api.create(app_pod("noisy", "noisy"));
  w.run();
  EXPECT_EQ(w.node_of("alone"), "n");
  EXPECT_EQ(w.node_of("noisy"), "");
  EXPECT_NE(w.at("noisy").message.find("existing pods anti-affinity"), std::string::npos);

  World v;
  v.api.create(node("n"));
  v.api.create(app_pod("noisy", "noisy"));
  v.run();
  v.api.create(alone);
  v.run();
  EXPECT_EQ(v.node_of("alone"), "");
}

}  // namespace
}  // namespace kerf::sim
