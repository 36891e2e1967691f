// Coupling: zones, bundles and conflicts on small sets of pods.
#include "core/plan/coupling.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::shape;
using testing::slice;

const std::vector<std::string> kZones = {"a", "b", "c"};

cluster::PodSelector app(const std::string& name) {
  cluster::PodSelector selector;
  selector.namespaces = {"default"};
  selector.labels = {{"app", cluster::Operator::In, {name}}};
  return selector;
}

Coupling couple_all(const cluster::Demand& demand, bool for_bound = false) {
  std::vector<std::uint32_t> pods(demand.pods.size());
  std::iota(pods.begin(), pods.end(), 0);
  return couple(
      demand, pods,
      [](std::uint32_t) {
        return Zones{kZones, kZones};
      },
      for_bound);
}

cluster::PodShape with_spread(const std::string& name, const std::string& key, int skew) {
  cluster::PodShape pod = shape(slice("1g.10gb"));
  cluster::SpreadConstraint term;
  term.topology_key = key;
  term.max_skew = skew;
  term.selector = app(name);
  pod.spread = {term};
  return pod;
}

TEST(Coupling, SpreadsEvenlyOverZones) {
  cluster::Demand demand;
  add(demand, "web", 8, with_spread("web", "topology.kubernetes.io/zone", 1));
  Coupling coupling = couple_all(demand);
  std::map<std::string, std::size_t> by_zone;
  for (const Group& group : coupling.groups) by_zone[group.zone] += group.pods.size();
  EXPECT_EQ(by_zone, (std::map<std::string, std::size_t>{{"a", 3}, {"b", 3}, {"c", 2}}));
  EXPECT_TRUE(coupling.unplaced.empty());
  EXPECT_FALSE(coupling.relaxed.empty());
  EXPECT_EQ(couple_all(demand, true).groups.size(), 1u) << "a bound chooses no zones";
}

cluster::Requirements in(const std::string& key, const std::string& value) {
  return {{key, cluster::Operator::In, {value}}};
}

/// Pods of workload `name` by zone, and those without one.
std::map<std::string, std::size_t> zones_of(const Coupling& coupling, const cluster::Demand& demand,
                                            const std::string& name) {
  std::map<std::string, std::size_t> by_zone;
  const auto is_of = [&](std::uint32_t pod) {
    return demand.workloads[demand.pods[pod].workload].name == name;
  };
  for (const Group& group : coupling.groups)
    for (std::uint32_t pod : group.pods)
      if (is_of(pod)) ++by_zone[group.zone];
  for (const Unplaced& unplaced : coupling.unplaced)
    if (is_of(unplaced.pod)) ++by_zone["none"];
  return by_zone;
}

using ByZone = std::map<std::string, std::size_t>;

/// Three "web" pods, all in zone a, that ask for other nodes; five that are spread.
cluster::Demand two_webs(cluster::Requirements others, cluster::Requirements own) {
  cluster::Demand demand;
  cluster::PodShape filler = shape(slice("1g.10gb"));
  filler.labels = {{"app", "web"}};
  filler.node_selector = std::move(others);
  filler.node_selector.push_back({"topology.kubernetes.io/zone", cluster::Operator::In, {"a"}});
  add(demand, "filler", 3, filler);
  cluster::PodShape pod = with_spread("web", "topology.kubernetes.io/zone", 1);
  pod.labels = {{"app", "web"}};
  pod.node_selector = std::move(own);
  add(demand, "web", 5, pod);
  return demand;
}

TEST(Coupling, SpreadCountsPodsOnNodesThatItsOwnPodMayUse) {
  cluster::Demand demand = two_webs(in("team", "red"), in("team", "blue"));
  EXPECT_EQ(zones_of(couple_all(demand), demand, "web"), (ByZone{{"a", 2}, {"b", 2}, {"c", 1}}));
  demand = two_webs(in("team", "red"), in("team", "red"));
  EXPECT_EQ(zones_of(couple_all(demand), demand, "web"), (ByZone{{"b", 3}, {"c", 2}}));
}

TEST(Coupling, SpreadHoldsWhetherOrNotOthersCount) {
  // If the three count, none may come to zone a; if they do not, zone a has none, so b and c may
  // have one each.
  cluster::Demand demand = two_webs({}, in("team", "red"));
  EXPECT_EQ(zones_of(couple_all(demand), demand, "web"), (ByZone{{"b", 1}, {"c", 1}, {"none", 3}}));
}

TEST(Coupling, SpreadHoldsForPodsThatComeLater) {
  // Four that are not spread and would all go to zone a, after six that count them.
  cluster::Demand demand;
  add(demand, "web", 6, with_spread("web", "topology.kubernetes.io/zone", 1));
  cluster::PodShape late = shape(slice("2g.20gb"));
  late.labels = {{"app", "web"}};
  add(demand, "late", 4, late);
  const Coupling coupling = couple_all(demand);
  EXPECT_EQ(zones_of(coupling, demand, "web"), (ByZone{{"a", 2}, {"b", 2}, {"c", 2}}));
  EXPECT_EQ(zones_of(coupling, demand, "late"), (ByZone{{"a", 2}, {"b", 1}, {"c", 1}}));
}

TEST(Coupling, PodsOfOneZoneComeBeforeTheSpreadThatCountsThem) {
  // Spread first, two in each zone, the three of zone a would have no room there.
  cluster::Demand demand;
  add(demand, "web", 6, with_spread("web", "topology.kubernetes.io/zone", 1));
  cluster::PodShape bound = shape(slice("2g.20gb"));
  bound.labels = {{"app", "web"}};
  bound.node_selector = in("topology.kubernetes.io/zone", "a");
  add(demand, "bound", 3, bound);
  std::vector<std::uint32_t> pods(demand.pods.size());
  std::iota(pods.begin(), pods.end(), 0);
  const Coupling coupling = couple(
      demand, pods,
      [](std::uint32_t s) {
        return s == 1 ? Zones{{"a"}, {"a"}} : Zones{kZones, kZones};
      },
      false);
  EXPECT_EQ(zones_of(coupling, demand, "web"), (ByZone{{"b", 3}, {"c", 3}}));
  EXPECT_EQ(zones_of(coupling, demand, "bound"), (ByZone{{"a", 3}}));
}

TEST(Coupling, ZoneAntiAffinityLeavesWhoHasNoZoneLeft) {
  cluster::Demand demand;
  cluster::PodShape pod = shape(slice("1g.10gb"));
  pod.anti_affinity = {{app("db"), "topology.kubernetes.io/zone"}};
  add(demand, "db", 5, pod);
  Coupling coupling = couple_all(demand);
  EXPECT_EQ(coupling.groups.size(), 3u);
  ASSERT_EQ(coupling.unplaced.size(), 2u);
  EXPECT_EQ(coupling.unplaced[0].reason.code, ReasonCode::NoZone);
}

TEST(Coupling, ZoneAffinityFollowsThePodsItWants) {
  cluster::Demand demand;
  cluster::PodShape cache = shape(slice("1g.10gb"));
  cache.affinity = {{app("db"), "topology.kubernetes.io/zone"}};
  add(demand, "cache", 2, cache);
  cluster::PodShape db = shape(slice("2g.20gb"));
  add(demand, "db", 1, db);
  Coupling coupling = couple_all(demand);
  ASSERT_EQ(coupling.groups.size(), 2u);
  EXPECT_EQ(coupling.groups[0].zone, coupling.groups[1].zone);
  EXPECT_FALSE(coupling.groups[0].zone.empty());
}

TEST(Coupling, OnePerNodeByAntiAffinityPortsOrSpread) {
  cluster::Demand demand;
  cluster::PodShape lonely = shape(slice("1g.10gb"));
  lonely.anti_affinity = {{app("lonely"), "kubernetes.io/hostname"}};
  add(demand, "lonely", 3, lonely);
  cluster::PodShape port = shape(slice("1g.10gb"));
  port.host_ports = {{8080, "TCP", ""}};
  add(demand, "port", 3, port);
  add(demand, "spread", 3, with_spread("spread", "kubernetes.io/hostname", 2));
  add(demand, "free", 3, shape(slice("1g.10gb")));
  Coupling coupling = couple_all(demand);
  ASSERT_EQ(coupling.groups.size(), 4u);
  EXPECT_EQ(coupling.groups[0].per_node, 1);
  EXPECT_EQ(coupling.groups[1].per_node, 1);
  EXPECT_EQ(coupling.groups[2].per_node, 2);
  EXPECT_EQ(coupling.groups[3].per_node, std::numeric_limits<std::int32_t>::max());
  EXPECT_TRUE(coupling.conflicts.empty());
}

TEST(Coupling, AntiAffinityToOthersKeepsGroupsApartBothWays) {
  cluster::Demand demand;
  cluster::PodShape shy = shape(slice("1g.10gb"));
  shy.anti_affinity = {{app("loud"), "kubernetes.io/hostname"}};
  add(demand, "shy", 2, shy);
  add(demand, "loud", 2, shape(slice("1g.10gb")));
  Coupling coupling = couple_all(demand);
  ASSERT_EQ(coupling.conflicts.size(), 1u);
  EXPECT_EQ(coupling.conflicts[0], (std::pair<std::uint32_t, std::uint32_t>{0, 1}));
}

TEST(Coupling, HostnameAffinityMakesOneItem) {
  cluster::Demand demand;
  cluster::PodShape herd = shape(slice("1g.10gb"));
  herd.affinity = {{app("herd"), "kubernetes.io/hostname"}};
  add(demand, "herd", 4, herd);
  Coupling coupling = couple_all(demand);
  ASSERT_EQ(coupling.groups.size(), 1u);
  EXPECT_EQ(coupling.groups[0].shapes.size(), 4u);
  EXPECT_TRUE(coupling.relaxed.empty()) << "nothing was chosen, so bounds keep it";
}

/// Sizes of the groups' items, each with how many there are.
std::map<std::size_t, std::size_t> items_of(const Coupling& coupling) {
  std::map<std::size_t, std::size_t> items;
  for (const Group& group : coupling.groups)
    items[group.shapes.size()] += group.pods.size() / group.shapes.size();
  return items;
}

TEST(Coupling, FollowersAreSharedOutOrGathered) {
  cluster::Demand demand;
  cluster::PodShape follower = shape(slice("1g.10gb"));
  follower.affinity = {{app("leader"), "kubernetes.io/hostname"}};
  add(demand, "follower", 5, follower);
  add(demand, "leader", 3, shape(slice("2g.20gb")));
  const Coupling shared = couple_all(demand);
  EXPECT_EQ(items_of(shared), (std::map<std::size_t, std::size_t>{{2, 1}, {3, 2}}));
  EXPECT_TRUE(shared.company_chosen);
  EXPECT_FALSE(shared.relaxed.empty());
  std::vector<std::uint32_t> pods(demand.pods.size());
  std::iota(pods.begin(), pods.end(), 0);
  const auto anywhere = [](std::uint32_t) { return Zones{kZones, kZones}; };
  EXPECT_EQ(items_of(couple(demand, pods, anywhere, false, true, true)),
            (std::map<std::size_t, std::size_t>{{1, 2}, {6, 1}}));
  EXPECT_EQ(items_of(couple_all(demand, true)), (std::map<std::size_t, std::size_t>{{1, 8}}))
      << "a bound chooses nobody's company";
}

TEST(Coupling, TheOnlyLeaderIsEverybodysCompany) {
  cluster::Demand demand;
  add(demand, "leader", 1, shape(slice("2g.20gb")));
  cluster::PodShape follower = shape(slice("1g.10gb"));
  follower.affinity = {{app("leader"), "kubernetes.io/hostname"}};
  add(demand, "a", 2, follower);
  follower.affinity = {{app("a"), "kubernetes.io/hostname"}};
  follower.requests.cpu_milli += 1;
  add(demand, "late", 1, follower);
  const Coupling coupling = couple_all(demand);
  EXPECT_EQ(items_of(coupling), (std::map<std::size_t, std::size_t>{{4, 1}}));
  EXPECT_TRUE(coupling.unplaced.empty());
  EXPECT_EQ(items_of(couple_all(demand, true)),
            (std::map<std::size_t, std::size_t>{{1, 1}, {3, 1}}))
      << "the late one may choose between two";
}

TEST(Coupling, ItemsOnANodeAreAsManyAsTheirPodsMayBe) {
  cluster::Demand demand;
  cluster::PodShape follower = with_spread("follower", "kubernetes.io/hostname", 5);
  follower.affinity = {{app("leader"), "kubernetes.io/hostname"}};
  add(demand, "follower", 6, follower);
  add(demand, "leader", 3, shape(slice("2g.20gb")));
  const Coupling coupling = couple_all(demand);
  ASSERT_EQ(coupling.groups.size(), 1u);
  EXPECT_EQ(coupling.groups[0].per_node, 2) << "two followers in each, five on a node";
}

TEST(Coupling, WhoMayNotShareWithOneLeaderTakesAnother) {
  cluster::Demand demand;
  cluster::PodShape follower = shape(slice("1g.10gb"));
  follower.affinity = {{app("leader"), "kubernetes.io/hostname"}};
  follower.anti_affinity = {{app("follower"), "kubernetes.io/hostname"}};
  add(demand, "follower", 3, follower);
  add(demand, "leader", 2, shape(slice("2g.20gb")));
  const Coupling coupling = couple_all(demand);
  EXPECT_EQ(items_of(coupling), (std::map<std::size_t, std::size_t>{{2, 2}}));
  ASSERT_EQ(coupling.unplaced.size(), 1u) << "and only who finds none is left out";
  EXPECT_EQ(coupling.unplaced[0].reason.code, ReasonCode::ConflictingPods);
  EXPECT_EQ(coupling.unplaced[0].reason.args.at(0), "its pods must share a node and must not");
}

TEST(Coupling, ASkewOfTwoLeavesTwoTogether) {
  cluster::Demand demand;
  add(demand, "web", 2, with_spread("web", "topology.kubernetes.io/zone", 2));
  EXPECT_EQ(zones_of(couple_all(demand), demand, "web"), (ByZone{{"a", 2}}));
}

TEST(Coupling, SaysWhatItCannotPlan) {
  cluster::Demand demand;
  add(demand, "rack", 2, with_spread("rack", "example.com/rack", 1));
  cluster::PodShape orphan = shape(slice("1g.10gb"));
  orphan.affinity = {{app("nobody"), "kubernetes.io/hostname"}};
  add(demand, "orphan", 1, orphan);
  Coupling coupling = couple_all(demand);
  EXPECT_TRUE(coupling.groups.empty());
  ASSERT_EQ(coupling.unplaced.size(), 3u);
  EXPECT_EQ(coupling.unplaced[0].reason.code, ReasonCode::Unsupported);
  EXPECT_EQ(coupling.unplaced[2].reason.code, ReasonCode::ConflictingPods);
}

}  // namespace
}  // namespace kerf::plan
