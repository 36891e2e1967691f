// Spread, affinity, anti-affinity and host ports, on small fleets of whole T4s and shared ones.
#include <gtest/gtest.h>

#include <functional>

#include "core/check/fleet_testing.h"
#include "core/check/labels.h"

namespace kerf::check {
namespace {

using cluster::AffinityTerm;
using cluster::Isolation;
using cluster::SpreadConstraint;
using testing::app;
using testing::World;

using Zones = std::vector<std::string>;
const Zones kA = {"us-east-1a"};
const Zones kB = {"us-east-1b"};
const Zones kC = {"us-east-1c"};
const Zones kAny = {};

SpreadConstraint spread(const std::string& key, int skew, const std::string& of, int domains = 1) {
  SpreadConstraint constraint;
  constraint.max_skew = skew;
  constraint.min_domains = domains;
  constraint.topology_key = key;
  constraint.selector = app(of);
  return constraint;
}

/// Web pods, one on a node of its own in each of the zones given; `change` makes their shape.
struct Webs : World {
  Webs(const std::vector<Zones>& zones, const std::function<void(cluster::PodShape&)>& change) {
    for (const Zones& zone : zones) add(zone);
    change(demand.shapes[0]);
    finish();
  }
  void add(const Zones& zone) {
    on_g4dn(demand.pods.empty() ? pod("web", {testing::whole()}) : like(0), zone);
  }
};

/// Two turns of one T4: pods of the shapes `first` and `second`.
struct Shared : World {
  std::uint32_t first, second;
  Shared() {
    first = pod("first", {testing::portable(4, Isolation::Shared)});
    second = pod("second", {testing::portable(4, Isolation::Shared)});
    const auto at = node(kG4dn);
    give(at, 0, other(at, gpu::FormKind::TimeSliced, 4), 0, first);
    give(at, 0, other(at, gpu::FormKind::TimeSliced, 4), 1, second);
    finish();
  }
};

void expect_holds(const World& world, bool holds, const std::string& what) {
  EXPECT_EQ(world.complaints().empty(), holds) << what << testing::listed(world.complaints());
}

TEST(CheckCoupling, SpreadsOverZonesWithinTheSkew) {
  struct Case {
    const char* what;
    std::vector<Zones> zones;
    int skew;
    int domains;
    bool holds;
  };
  const Case kCases[] = {
      {"even", {kA, kB, kC}, 1, 1, true},
      {"one more", {kA, kB, kC, kA}, 1, 1, true},
      {"two more", {kA, kB, kA, kA}, 1, 1, false},
      {"two more allowed", {kA, kB, kA, kA}, 2, 1, true},
      {"one zone is all there is", {kA, kA, kA}, 1, 1, true},
      {"too few domains", {kA, kB, kA, kB}, 1, 3, false},
      {"domains enough", {kA, kB, kC, kB}, 1, 3, true},
      {"zone not chosen", {kA, kB, kAny}, 1, 1, false},
      {"two zones possible", {kA, kB, {"us-east-1a", "us-east-1c"}}, 1, 1, false},
  };
  for (const Case& c : kCases) {
    expect_holds(Webs(c.zones,
                      [&](cluster::PodShape& shape) {
                        shape.spread = {spread(kZoneLabel, c.skew, "web", c.domains)};
                      }),
                 c.holds, c.what);
  }
}

TEST(CheckCoupling, CountsOnlyDomainsThatThePodMayUse) {
  const auto with_other = [](const Zones& zone, bool bound) {
    Webs webs({kA, kA}, [](cluster::PodShape& s) { s.spread = {spread(kZoneLabel, 1, "web")}; });
    if (bound) {
      webs.demand.shapes[0].node_selector = {{kZoneLabel, cluster::Operator::In, kA}};
    }
    webs.on_g4dn(webs.pod("other", {testing::whole()}), zone);
    webs.finish();
    return webs;
  };
  expect_holds(with_other(kA, false), true, "no other zone");
  expect_holds(with_other(kB, false), false, "an empty zone that it could use");
  expect_holds(with_other(kB, true), true, "an empty zone that it may not use");
}

TEST(CheckCoupling, CountsForASpreadOnlyPodsOnNodesThatThePodAdmits) {
  // Two web pods on g4dn in zone a, which ask for g4dn; a third one, which asks for nothing, on
  // g5g in `third`. A g4dn of somebody else in zone b makes that a domain.
  const auto with_third = [](const Zones& third, bool asks) {
    Webs webs({kA, kA}, [](cluster::PodShape& s) { s.spread = {spread(kZoneLabel, 2, "web")}; });
    if (asks) {
      webs.demand.shapes[0].node_selector = {
          {"node.kubernetes.io/instance-type", cluster::Operator::In, {"g4dn.xlarge"}}};
    }
    webs.on_g4dn(webs.pod("other", {testing::whole()}), kB);
    webs.policy.architectures.clear();
    const auto pod = webs.pod("plain", {testing::whole()});
    webs.shape(pod).labels["app"] = "web";
    const auto node = webs.node(World::kG5g, third);
    webs.give(node, 0, webs.all(node), 0, pod);
    webs.finish();
    return webs;
  };
  expect_holds(with_third(kA, false), false, "three in a, none in b");
  expect_holds(with_third(kA, true), true, "two in a: the third is not on g4dn");
  const auto tight = [&](bool asks) {
    Webs webs = with_third(kB, asks);
    webs.demand.shapes[0].spread[0].max_skew = 1;
    return webs;
  };
  expect_holds(tight(false), true, "two in a, one in b");
  expect_holds(tight(true), false, "two in a, none in b on g4dn");
}

TEST(CheckCoupling, SpreadsOverHostsByAtMostTheSkewOnANode) {
  Shared two;
  two.shape(two.first).labels["app"] = "web";
  two.shape(two.second).labels["app"] = "web";
  two.shape(two.first).spread = {spread(kHostnameLabel, 2, "web")};
  expect_holds(two, true, "two of two");
  two.shape(two.first).spread = {spread(kHostnameLabel, 1, "web")};
  expect_holds(two, false, "two of one");
  two.shape(two.second).ns = "elsewhere";
  expect_holds(two, true, "other namespaces do not count");
}

TEST(CheckCoupling, KeepsPodsApartInBothDirections) {
  const AffinityTerm not_second = {app("second"), kHostnameLabel};
  const AffinityTerm not_first = {app("first"), kHostnameLabel};
  Shared pair;
  pair.shape(pair.first).anti_affinity = {not_second};
  EXPECT_TRUE(testing::says(pair.complaints(),
                            "pod default/first-0 must be apart from pod default/second-0 in "
                            "kubernetes.io/hostname, and is not"))
      << testing::listed(pair.complaints());
  Shared other_way;
  other_way.shape(other_way.second).anti_affinity = {not_first};
  expect_holds(other_way, false, "the other pod carries it");
  Shared itself;
  itself.shape(itself.first).anti_affinity = {not_first};
  expect_holds(itself, true, "a pod is not its own company");
  Shared nobody;
  nobody.shape(nobody.first).anti_affinity = {not_second};
  nobody.shape(nobody.first).anti_affinity[0].selector.none = true;
  expect_holds(nobody, true, "a null selector matches nothing");
  Shared labelled;
  labelled.shape(labelled.first).anti_affinity = {{app("second"), "team"}};
  expect_holds(labelled, true, "the node has no such label");
  labelled.policy.node_labels = {{"team", "red"}};
  expect_holds(labelled, false, "now it has");
}

TEST(CheckCoupling, ReadsNamespacesOfSelectors) {
  struct Case {
    std::vector<std::string> namespaces;
    bool all;
    bool apart;  ///< the other pod, in namespace "elsewhere", is looked at
  };
  for (const Case& c : {Case{{}, false, false}, Case{{"elsewhere"}, false, true},
                        Case{{"default"}, false, false}, Case{{}, true, true}}) {
    Shared pair;
    pair.shape(pair.second).ns = "elsewhere";
    AffinityTerm term = {app("second"), kHostnameLabel};
    term.selector.namespaces = c.namespaces;
    term.selector.all_namespaces = c.all;
    pair.shape(pair.first).anti_affinity = {term};
    expect_holds(pair, !c.apart, "namespaces");
  }
}

TEST(CheckCoupling, KeepsPodsApartInZonesThatMayBeTheSame) {
  const std::pair<std::vector<Zones>, bool> kCases[] = {
      {{kA, kB, kC}, true},
      {{kA, kB, kA}, false},
      {{kA, kAny}, false},
      {{kA, {"us-east-1a", "us-east-1b"}}, false},
      {{kA, {"us-east-1b", "us-east-1c"}}, true},
      {{{"us-east-1a", "us-east-1b"}, {"us-east-1a", "us-east-1b"}}, false},
  };
  for (const auto& [zones, holds] : kCases) {
    expect_holds(Webs(zones,
                      [](cluster::PodShape& shape) {
                        shape.anti_affinity = {{app("web"), kZoneLabel}};
                      }),
                 holds, "zones");
  }
}

TEST(CheckCoupling, WantsCompanyWhereAffinityAsksForIt) {
  const auto beside = [](const std::string& of, const std::string& key) {
    return [=](cluster::PodShape& shape) { shape.affinity = {{app(of), key}}; };
  };
  expect_holds(Webs({kA}, beside("web", kHostnameLabel)), true, "the first of its kind");
  expect_holds(Webs({kA, kB}, beside("web", kHostnameLabel)), false, "two hosts");
  expect_holds(Webs({kA, kA}, beside("web", kZoneLabel)), true, "one zone");
  expect_holds(Webs({kA, kA, kB, kB}, beside("web", kZoneLabel)), false,
               "two zones, each with company, that no order of coming up leads to");
  expect_holds(Webs({kAny, kAny}, beside("web", kZoneLabel)), false, "zones not chosen");
  expect_holds(Webs({kA}, beside("nobody", kZoneLabel)), false, "nobody there");
  expect_holds(Webs({kA}, beside("web", "team")), false, "the node has no such label");

  Shared pair;
  pair.shape(pair.first).affinity = {{app("second"), kZoneLabel}};
  expect_holds(pair, true, "one node is one zone, whichever");
  pair.shape(pair.second).affinity = {{app("first"), kHostnameLabel}};
  expect_holds(pair, false, "each waits for the other");
}

TEST(CheckCoupling, FindsAnOrderForChainsOfAffinity) {
  World chain;
  const auto a = chain.pod("a", {testing::whole()});
  const auto b = chain.pod("b", {testing::whole()});
  const auto c = chain.pod("c", {testing::whole()});
  chain.shape(a).affinity = {{app("b"), kZoneLabel}};
  chain.shape(b).affinity = {{app("c"), kZoneLabel}};
  for (const auto pod : {a, b, c}) chain.on_g4dn(pod, kA);
  chain.finish();
  expect_holds(chain, true, "c, then b, then a");
  chain.plan.nodes[1].zones = kB;
  EXPECT_TRUE(testing::says(chain.complaints(),
                            "pod default/b-0 must be beside other pods in "
                            "topology.kubernetes.io/zone"))
      << testing::listed(chain.complaints());
}

TEST(CheckCoupling, GivesEachHostPortOnce) {
  struct Case {
    cluster::HostPort a, b;
    bool holds;
  };
  const Case kCases[] = {{{80, "TCP", ""}, {80, "TCP", ""}, false},
                         {{80, "TCP", ""}, {81, "TCP", ""}, true},
                         {{80, "TCP", ""}, {80, "UDP", ""}, true},
                         {{80, "TCP", "10.0.0.1"}, {80, "TCP", "10.0.0.2"}, true},
                         {{80, "TCP", "10.0.0.1"}, {80, "TCP", "0.0.0.0"}, false}};
  for (const Case& c : kCases) {
    Shared pair;
    pair.shape(pair.first).host_ports = {c.a};
    pair.shape(pair.second).host_ports = {c.b};
    expect_holds(pair, c.holds, "ports");
  }
  Shared said;
  said.shape(said.first).host_ports = {{80, "TCP", ""}};
  said.shape(said.second).host_ports = {{80, "TCP", ""}};
  EXPECT_TRUE(testing::says(said.complaints(),
                            "pod default/first-0 and pod default/second-0 both "
                            "want host port 80 of node 0 (g4dn.xlarge)"));
}

}  // namespace
}  // namespace kerf::check
