// Tests of Company: each rule allowed and refused. Random clusters are in company_review_test.cc.
#include "core/online/company.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "base/prng.h"

namespace kerf::online {
namespace {

using cluster::Operator;
using cluster::PodSelector;
using cluster::PodShape;
using cluster::Requirement;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kHost = "kubernetes.io/hostname";
constexpr const char* kZone = "topology.kubernetes.io/zone";
constexpr const char* kBetaZone = "failure-domain.beta.kubernetes.io/zone";
constexpr const char* kRack = "example.com/rack";

PodSelector app(const std::string& name) {
  return {{"default"}, false, {{"app", Operator::In, {name}}}, false};
}

/// A shape in words.
struct Pod : PodShape {
  explicit Pod(const std::string& app_name) { labels["app"] = app_name; }
  Pod in(const std::string& name) && {
    ns = name;
    return *this;
  }
  Pod label(const std::string& key, const std::string& value) && {
    labels[key] = value;
    return *this;
  }
  Pod beside(PodSelector selector, const std::string& key) && {
    affinity.push_back({std::move(selector), key});
    return *this;
  }
  Pod apart(PodSelector selector, const std::string& key) && {
    anti_affinity.push_back({std::move(selector), key});
    return *this;
  }
  Pod spread(PodSelector selector, const std::string& key, int skew, int domains = 1) && {
    PodShape::spread.push_back({skew, domains, key, std::move(selector)});
    return *this;
  }
  Pod port(int number, const std::string& ip = "", const std::string& protocol = "TCP") && {
    host_ports.push_back({number, protocol, ip});
    return *this;
  }
  Pod zone(Operator op, std::vector<std::string> zones) && {
    node_selector.push_back({kZone, op, std::move(zones)});
    return *this;
  }
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// Nodes a0, a1 in zone a, b0 in zone b, x0 in none; zone c has no node.
class Town {
 public:
  Town() {
    for (const char* zone : {"c", "b", "a"}) company.add_zone(zone);
    for (const char* name : {"a0", "a1", "b0"})
      nodes.emplace_back(name, company.add_node({name, 1}));
    nodes.emplace_back("x0", company.add_node(""));
  }
  /// On a node (a0), or on one yet to be bought in a zone (a).
  void stand(const PodShape& shape, const std::string& place) {
    const Company::Shape id = company.add_shape(shape);
    const auto node = std::find_if(nodes.begin(), nodes.end(),
                                   [&](const auto& entry) { return entry.first == place; });
    if (node == nodes.end()) company.bind_zone(id, place);
    else company.bind(id, node->second);
  }
  /// "nodes | zones" that take one more.
  std::string takes(Company::Shape shape) const {
    std::vector<std::string> open;
    for (const auto& [name, node] : nodes)
      if (company.allows(shape, node)) open.push_back(name);
    return joined(open) + " | " + joined(company.fresh_zones(shape));
  }

  Company company;
  std::vector<std::pair<std::string, Company::Node>> nodes;
};

struct Case {
  std::string why;
  std::vector<std::pair<PodShape, std::string>> standing;
  PodShape asked;
  std::string takes;
};

void expect(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    for (const bool asked_first : {false, true}) {
      Town town;
      Company::Shape id = 0;
      if (asked_first) id = town.company.add_shape(c.asked);
      for (const auto& [shape, place] : c.standing) town.stand(shape, place);
      if (!asked_first) id = town.company.add_shape(c.asked);
      EXPECT_EQ(town.takes(id), c.takes) << c.why << (asked_first ? ", asked first" : "");
      const bool somewhere_not = c.takes != "a0 a1 b0 x0 | a b c";
      EXPECT_TRUE(town.company.constrained(id) || !somewhere_not) << c.why;
    }
  }
}

TEST(Company, KeepsHostPortsApart) {
  const Pod plain("web");
  expect({
      {"another port", {{Pod("web").port(80), "a0"}}, Pod("web").port(81), "a0 a1 b0 x0 | a b c"},
      {"the same port", {{Pod("web").port(80), "a0"}}, Pod("db").port(80), "a1 b0 x0 | a b c"},
      {"another protocol",
       {{Pod("web").port(80), "a0"}},
       Pod("web").port(80, "", "UDP"),
       "a0 a1 b0 x0 | a b c"},
      {"two addresses",
       {{Pod("web").port(80, "10.0.0.1"), "a0"}},
       Pod("web").port(80, "10.0.0.2"),
       "a0 a1 b0 x0 | a b c"},
      {"an address and every one",
       {{Pod("web").port(80, "10.0.0.1"), "a0"}, {Pod("web").port(80, "0.0.0.0"), "b0"}},
       Pod("web").port(80, "10.0.0.1"),
       "a1 x0 | a b c"},
      {"one of two ports",
       {{Pod("web").port(80).port(443), "b0"}},
       Pod("web").port(8080).port(443),
       "a0 a1 x0 | a b c"},
      {"a pod without ports", {{Pod("web").port(80), "a0"}}, plain, "a0 a1 b0 x0 | a b c"},
      {"on a node that is not there yet",
       {{Pod("web").port(80), "a"}},
       Pod("web").port(80),
       "a0 a1 b0 x0 | a b c"},
  });
}

TEST(Company, KeepsAwayFromThoseThatAnAntiAffinitySelects) {
  PodSelector nobody = app("db");
  nobody.none = true;
  PodSelector other_namespace = app("db");
  other_namespace.namespaces = {"other"};
  PodSelector every_namespace = app("db");
  every_namespace.namespaces.clear();
  every_namespace.all_namespaces = true;
  const std::vector<std::pair<PodShape, std::string>> db_on_a0 = {{Pod("db"), "a0"}};
  expect({
      {"by hostname", db_on_a0, Pod("web").apart(app("db"), kHost), "a1 b0 x0 | a b c"},
      {"by zone", db_on_a0, Pod("web").apart(app("db"), kZone), "b0 x0 | b c"},
      {"by the old zone label", db_on_a0, Pod("web").apart(app("db"), kBetaZone), "b0 x0 | b c"},
      {"by a key nobody knows", db_on_a0, Pod("web").apart(app("db"), kRack), " | "},
      {"not selected", db_on_a0, Pod("web").apart(app("mail"), kZone), "a0 a1 b0 x0 | a b c"},
      {"null selector", db_on_a0, Pod("web").apart(nobody, kZone), "a0 a1 b0 x0 | a b c"},
      {"namespace", db_on_a0, Pod("web").apart(other_namespace, kZone), "a0 a1 b0 x0 | a b c"},
      {"that namespace",
       {{Pod("db").in("other"), "a0"}},
       Pod("web").apart(other_namespace, kHost),
       "a1 b0 x0 | a b c"},
      {"every namespace",
       {{Pod("db").in("other"), "a0"}},
       Pod("web").apart(every_namespace, kHost),
       "a1 b0 x0 | a b c"},
      {"bought for a zone",
       {{Pod("db"), "c"}},
       Pod("web").apart(app("db"), kZone),
       "a0 a1 b0 x0 | a b"},
      {"bought for a zone, by hostname",
       {{Pod("db"), "c"}},
       Pod("web").apart(app("db"), kHost),
       "a0 a1 b0 x0 | a b c"},
      {"either of two terms",
       {{Pod("db"), "a0"}, {Pod("mail"), "b0"}},
       Pod("web").apart(app("db"), kHost).apart(app("mail"), kZone),
       "a1 x0 | a c"},
  });
}

TEST(Company, KeepsAwayFromThoseWhoseAntiAffinitySelectsIt) {
  expect({
      {"by hostname", {{Pod("db").apart(app("web"), kHost), "a0"}}, Pod("web"), "a1 b0 x0 | a b c"},
      {"by zone", {{Pod("db").apart(app("web"), kZone), "a0"}}, Pod("web"), "b0 x0 | b c"},
      {"bought for a zone",
       {{Pod("db").apart(app("web"), kZone), "c"}},
       Pod("web"),
       "a0 a1 b0 x0 | a b"},
      {"it selects others",
       {{Pod("db").apart(app("mail"), kZone), "a0"}},
       Pod("web"),
       "a0 a1 b0 x0 | a b c"},
      {"in a zone that is not known",
       {{Pod("db").apart(app("web"), kZone), "x0"}},
       Pod("web"),
       "a0 a1 b0 x0 | a b c"},
      {"by a key nobody knows", {{Pod("db").apart(app("web"), kRack), "a0"}}, Pod("web"), " | "},
      {"each from its like",
       {{Pod("web").apart(app("web"), kHost), "a0"}, {Pod("web").apart(app("web"), kHost), "b0"}},
       Pod("web").apart(app("web"), kHost),
       "a1 x0 | a b c"},
  });
}

TEST(Company, GoesWhereAllThatItsAffinitySelectsIs) {
  PodSelector nobody = app("db");
  nobody.none = true;
  const std::vector<std::pair<PodShape, std::string>> db_on_a0 = {{Pod("db"), "a0"}};
  const auto web = [] { return Pod("web").label("tier", "front"); };
  const PodSelector front = {{"default"}, false, {{"tier", Operator::Exists, {}}}, false};
  expect({
      {"by hostname", db_on_a0, Pod("web").beside(app("db"), kHost), "a0 | "},
      {"by zone", db_on_a0, Pod("web").beside(app("db"), kZone), "a0 a1 | a"},
      {"by a key nobody knows", db_on_a0, Pod("web").beside(app("db"), kRack), " | "},
      {"nobody is there", {}, Pod("web").beside(app("db"), kZone), " | "},
      {"null selector", db_on_a0, Pod("web").beside(nobody, kZone), " | "},
      {"bought for a zone", {{Pod("db"), "c"}}, Pod("web").beside(app("db"), kZone), " | c"},
      {"bought for a zone, by hostname",
       {{Pod("db"), "c"}},
       Pod("web").beside(app("db"), kHost),
       " | "},
      {"the first of its group, by hostname",
       {},
       Pod("web").beside(app("web"), kHost),
       "a0 a1 b0 x0 | a b c"},
      {"the first of its group, by zone",
       {},
       Pod("web").beside(app("web"), kZone),
       "a0 a1 b0 | a b c"},
      {"the second of its group",
       {{Pod("web"), "b0"}},
       Pod("web").beside(app("web"), kHost),
       "b0 | "},
      {"the second, the first is being bought",
       {{Pod("web"), "c"}},
       Pod("web").beside(app("web"), kZone),
       " | c"},
      {"another namespace is another group",
       {{Pod("web").in("other"), "b0"}},
       Pod("web").beside(app("web"), kHost),
       "a0 a1 b0 x0 | a b c"},
      {"two terms, and each selects another",
       {{Pod("db"), "a0"}, {Pod("mail"), "a0"}},
       Pod("web").beside(app("db"), kHost).beside(app("mail"), kZone),
       " | "},
      {"two terms that select the same pod",
       {{web(), "a0"}},
       web().beside(app("web"), kZone).beside(front, kHost),
       "a0 | "},
      {"two terms, and each like pod meets one",
       {{Pod("web"), "a0"}},
       web().beside(app("web"), kZone).beside(front, kZone),
       "a0 a1 b0 | a b c"},
      {"it is not one of its own group",
       {},
       Pod("web").beside(app("web"), kZone).beside(app("db"), kZone),
       " | "},
  });
}

TEST(Company, SpreadsOverZonesThatCount) {
  const auto web = [](int skew, int domains = 1) {
    return Pod("web").spread(app("web"), kZone, skew, domains);
  };
  PodSelector nobody = app("web");
  nobody.none = true;
  const std::vector<std::pair<PodShape, std::string>> one_in_a = {{Pod("web"), "a0"}};
  const std::vector<std::pair<PodShape, std::string>> one_in_each = {
      {Pod("web"), "a0"}, {Pod("web"), "b0"}, {Pod("web"), "c"}};
  const std::vector<std::pair<PodShape, std::string>> in_a_and_b = {{Pod("web"), "a1"},
                                                                    {Pod("web"), "b0"}};
  expect({
      {"nobody stands", {}, web(1), "a0 a1 b0 | a b c"},
      {"one in a", one_in_a, web(1), "b0 | b c"},
      {"one in a, more skew", one_in_a, web(2), "a0 a1 b0 | b c a"},
      {"c is the emptiest", in_a_and_b, web(1), " | c"},
      {"even again", one_in_each, web(1), "a0 a1 b0 | a b c"},
      {"c does not count", in_a_and_b, web(1).zone(Operator::In, {"a", "b"}), "a0 a1 b0 | a b"},
      {"c does not count, said otherwise", in_a_and_b, web(1).zone(Operator::NotIn, {"c"}),
       "a0 a1 b0 | a b"},
      {"fewer zones than it wants", one_in_each, web(1, 4), " | "},
      {"fewer zones than it wants, none here", one_in_a, web(1, 4), "b0 | b c"},
      {"as many zones as it wants", one_in_each, web(1, 3), "a0 a1 b0 | a b c"},
      {"too few by its own selector", in_a_and_b, web(1, 3).zone(Operator::In, {"a", "b"}), " | "},
      {"other pods do not count",
       {{Pod("db"), "a0"}, {Pod("web").in("other"), "a0"}},
       web(1),
       "a0 a1 b0 | a b c"},
      {"null selector", one_in_a, Pod("web").spread(nobody, kZone, 1), "a0 a1 b0 | a b c"},
      {"it does not count itself", one_in_a, Pod("db").spread(app("web"), kZone, 1),
       "a0 a1 b0 | b c a"},
      {"it does not count itself, two in a",
       {{Pod("web"), "a0"}, {Pod("web"), "a0"}},
       Pod("db").spread(app("web"), kZone, 1),
       "b0 | b c"},
      {"a key nobody knows", {}, Pod("web").spread(app("web"), kRack, 9), " | "},
  });
}

TEST(Company, SpreadsOverNodesUpToTheSkew) {
  const std::vector<std::pair<PodShape, std::string>> standing = {
      {Pod("web"), "a0"}, {Pod("web"), "a0"}, {Pod("web"), "b0"}, {Pod("web"), "c"}};
  expect({
      {"one a node", standing, Pod("web").spread(app("web"), kHost, 1), "a1 x0 | a b c"},
      {"two a node", standing, Pod("web").spread(app("web"), kHost, 2), "a1 b0 x0 | a b c"},
      {"it does not count itself", standing, Pod("db").spread(app("web"), kHost, 1),
       "a1 b0 x0 | a b c"},
      {"nodes can always be had", standing, Pod("web").spread(app("web"), kHost, 3, 9),
       "a0 a1 b0 x0 | a b c"},
  });
}

TEST(Company, BuysOnlyWhereZonesOfThePodItselfAllow) {
  Pod bound("web");
  bound.volume_zone_bound = true;
  bound.volume_zones = {"b", "d"};
  Pod stuck("web");
  stuck.volume_zone_bound = true;
  Pod either("web");
  either.node_affinity = {{{kBetaZone, Operator::In, {"a"}}, {"team", Operator::Exists, {}}},
                          {{kZone, Operator::In, {"c"}}}};
  Town town;
  EXPECT_THAT(town.company.fresh_zones(town.company.add_shape(bound)), ElementsAre("b"));
  EXPECT_THAT(town.company.fresh_zones(town.company.add_shape(stuck)), IsEmpty());
  EXPECT_THAT(town.company.fresh_zones(town.company.add_shape(either)), ElementsAre("a", "c"));
  town.company.add_zone("d");
  EXPECT_THAT(town.company.fresh_zones(0), ElementsAre("b", "d"));
  EXPECT_FALSE(town.company.bound_to_zones(0)) << "no other pod has to do with it";
}

TEST(Company, ZonesCountAsLongAsSomethingIsThere) {
  // Web pods, spread with skew 1: one in zone a. Zone d is not on sale.
  Town town;
  Company& company = town.company;
  const auto web = company.add_shape(Pod("web").spread(app("web"), kZone, 1));
  for (const char* zone : {"a", "b", "c"}) company.bind_zone(web, zone);
  const auto takes_a = [&] { return company.allows(web, 0); };
  EXPECT_TRUE(takes_a());
  const auto d0 = company.add_node("d");
  const auto d1 = company.add_node("d");
  EXPECT_FALSE(takes_a()) << "zone d has nodes and no pod";
  EXPECT_THAT(company.fresh_zones(web), ElementsAre("d"));
  company.remove_node(d0);
  EXPECT_FALSE(takes_a()) << "zone d has one node";
  company.remove_node(d1);
  EXPECT_TRUE(takes_a());
  EXPECT_THAT(company.fresh_zones(web), ElementsAre("a", "b", "c"));
  company.return_node(d0);
  EXPECT_FALSE(takes_a());
  company.remove_node(d0);
  EXPECT_EQ(company.add_node("d"), d1 + 1);
  EXPECT_FALSE(takes_a());
  company.take_back_node();
  EXPECT_TRUE(takes_a());
  EXPECT_EQ(company.add_node("a"), d1 + 1) << "its number is free again";

  const auto other = company.add_shape(Pod("other"));
  company.bind_zone(other, "d");
  EXPECT_FALSE(takes_a()) << "a node is to be bought in zone d";
  company.release_zone(other, "d");
  EXPECT_TRUE(takes_a());
  company.add_zone("d");
  EXPECT_FALSE(takes_a()) << "zone d is on sale";
}

TEST(Company, ANodeThatGoesLeavesAZoneThatIsOnSale) {
  Town town;
  const auto web = town.company.add_shape(Pod("web").spread(app("web"), kZone, 1));
  town.company.bind(web, 0);
  town.company.bind_zone(web, "c");
  town.company.remove_node(2);
  EXPECT_FALSE(town.company.allows(web, 1)) << "zone b, without nodes, has the fewest";
  EXPECT_THAT(town.company.fresh_zones(web), ElementsAre("b"));
}

TEST(Company, SaysWhoHasToBePlacedTogether) {
  Town town;
  const auto web = town.company.add_shape(Pod("web").beside(app("web"), kHost));
  const auto by_zone = town.company.add_shape(Pod("web").beside(app("web"), kZone));
  const auto guest = town.company.add_shape(Pod("guest").beside(app("web"), kHost));
  EXPECT_TRUE(town.company.wants_company(web));
  EXPECT_TRUE(town.company.wants_company(guest));
  EXPECT_FALSE(town.company.wants_company(by_zone));
  town.company.bind_zone(web, "a");
  EXPECT_TRUE(town.company.wants_company(web)) << "on no node yet";
  town.company.bind(web, 0);
  EXPECT_FALSE(town.company.wants_company(web));
  EXPECT_FALSE(town.company.wants_company(guest));
  town.company.release(web, 0);
  EXPECT_TRUE(town.company.wants_company(guest));
}

TEST(Company, SaysWhomZonesBind) {
  Town town;
  const auto plain = town.company.add_shape(Pod("plain"));
  const auto by_host = town.company.add_shape(Pod("host")
                                                  .apart(app("host"), kHost)
                                                  .beside(app("other"), kHost)
                                                  .spread(app("host"), kHost, 1)
                                                  .port(80));
  const auto counted = town.company.add_shape(Pod("counted"));
  EXPECT_FALSE(town.company.bound_to_zones(counted));
  const auto spread = town.company.add_shape(Pod("web").spread(app("counted"), kZone, 1));
  const auto beside = town.company.add_shape(Pod("b").beside(app("b"), kZone));
  const auto apart = town.company.add_shape(Pod("c").apart(app("d"), kBetaZone));
  const auto repelled = town.company.add_shape(Pod("d"));
  for (const auto shape : {counted, spread, beside, apart, repelled})
    EXPECT_TRUE(town.company.bound_to_zones(shape)) << shape;
  for (const auto shape : {plain, by_host})
    EXPECT_FALSE(town.company.bound_to_zones(shape)) << shape;
}

TEST(Company, IsNoMatterToPodsThatNothingStandingConcerns) {
  Town town;
  const auto plain = town.company.add_shape(Pod("plain"));
  const auto web = town.company.add_shape(Pod("web"));
  const auto db = town.company.add_shape(Pod("db").apart(app("web"), kHost));
  const auto port = town.company.add_shape(Pod("plain").port(80));
  EXPECT_FALSE(town.company.constrained(web)) << "nobody who repels it stands";
  EXPECT_FALSE(town.company.constrained(port)) << "nobody has the port";
  town.company.bind(db, 0);
  town.company.bind(port, 0);
  EXPECT_TRUE(town.company.constrained(web));
  EXPECT_TRUE(town.company.constrained(port));
  EXPECT_FALSE(town.company.constrained(db)) << "nobody whom it repels stands";
  EXPECT_FALSE(town.company.constrained(plain));
  town.company.release(db, 0);
  EXPECT_FALSE(town.company.constrained(web));
}

}  // namespace
}  // namespace kerf::online
