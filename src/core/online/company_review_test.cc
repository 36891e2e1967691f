// Company against a plain recount of every pod that stands, and against kube-scheduler's rules on
// nodes with labels, over random clusters that change with undo.
#include "core/online/company.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/online/company_testing.h"
#include "core/online/standing_testing.h"

namespace kerf::online {
namespace {

using cluster::Operator;
using cluster::PodSelector;
using cluster::PodShape;
using testing::Ground;
using testing::kHost;
using testing::kRack;
using testing::kZone;
using testing::meets;
using testing::Place;
using testing::Plain;
using testing::Scheduler;
using testing::Stands;

PodSelector app(const std::string& name, const std::string& ns = "default") {
  return {{ns}, false, {{"app", Operator::In, {name}}}, false};
}

PodSelector random_selector(Prng& prng) {
  PodSelector selector = app("app-" + std::to_string(prng.below(3)));
  switch (prng.below(8)) {
    case 0: selector.namespaces = {"other"}; break;
    case 1: selector.namespaces = {"default", "other"}; break;
    case 2:
      selector.namespaces.clear();
      selector.all_namespaces = true;
      break;
    case 3: selector.labels = {{"tier", Operator::Exists, {}}}; break;
    case 4: selector.labels.push_back({"tier", Operator::DoesNotExist, {}}); break;
    case 5: selector.none = prng.below(3) == 0; break;
    default: break;
  }
  return selector;
}

std::string random_key(Prng& prng) {
  const std::uint64_t draw = prng.below(20);
  return draw == 0 ? kRack : draw < 10 ? kHost : kZone;
}

PodShape random_shape(Prng& prng) {
  PodShape pod = testing::shape(testing::slice("1g.10gb"), 100, 256);
  if (prng.below(4) == 0) pod.ns = "other";
  pod.labels["app"] = "app-" + std::to_string(prng.below(3));
  if (prng.below(3) == 0) pod.labels["tier"] = "front";
  for (std::uint64_t terms = prng.below(4); terms > 0; --terms) {
    switch (prng.below(4)) {
      case 0: pod.anti_affinity.push_back({random_selector(prng), random_key(prng)}); break;
      case 1: pod.affinity.push_back({random_selector(prng), random_key(prng)}); break;
      case 2:
        pod.spread.push_back({static_cast<std::int32_t>(1 + prng.below(2)),
                              static_cast<std::int32_t>(1 + prng.below(4)), random_key(prng),
                              random_selector(prng)});
        pod.spread.back().selector.namespaces = {pod.ns};
        pod.spread.back().selector.all_namespaces = false;
        break;
      default:
        pod.host_ports.push_back(
            {static_cast<std::int32_t>(80 + prng.below(2)), "TCP",
             prng.below(2) == 0 ? "" : "10.0.0." + std::to_string(prng.below(2))});
    }
  }
  if (prng.below(3) == 0) pod.node_selector.push_back({"team", Operator::In, {"red"}});
  if (prng.below(4) == 0)
    pod.node_selector.push_back(
        {kZone, prng.below(2) == 0 ? Operator::In : Operator::NotIn, {"us-east-1a"}});
  return pod;
}

/// A cluster that changes at random, with undo, and what Company must say of it.
class Town {
 public:
  explicit Town(std::uint64_t seed) : prng_(seed), ground_({"p5.4xlarge"}) {
    for (const std::string& zone : market::assumed_zones(ground_.market)) on_sale_.insert(zone);
  }

  void change() {
    Standing& standing = ground_.standing;
    switch (prng_.below(10)) {
      case 0:
        if (standing.shapes() < 12) standing.shape(random_shape(prng_));
        break;
      case 1: add_node(); break;
      case 2:
        if (const auto node = some_node(); node && prng_.below(3) == 0) standing.remove(*node);
        break;
      case 3:
        if (depth_ < 3) {
          standing.begin();
          ++depth_;
        }
        break;
      case 4:
        if (depth_ > 0) {
          if (prng_.below(3) == 0) standing.commit();
          else standing.rollback();
          --depth_;
        }
        break;
      case 5: release(); break;
      case 6: bound_for_a_zone(); break;
      default: run(); break;
    }
  }

  void expect_same(const std::string& where) const {
    const Standing& standing = ground_.standing;
    const Company& company = standing.company();
    const cluster::Snapshot snapshot = standing.snapshot();
    std::vector<Stands> pods = standing_pods(snapshot);
    for (const auto& [shape, zone] : bound_)
      pods.push_back({&standing.shape_at(shape), {"", zone, {}}});
    const Plain plain(pods, zones(snapshot));
    for (ShapeId shape = 0; shape < standing.shapes(); ++shape) {
      const PodShape& pod = standing.shape_at(shape);
      const std::string what = where + " shape " + std::to_string(shape);
      bool everywhere = true;
      for (NodeId node = 0; node < standing.nodes(); ++node) {
        if (!standing.stands(node)) continue;
        const bool takes = plain.takes(pod, place_of(standing.node(node)));
        everywhere = everywhere && takes;
        ASSERT_EQ(company.allows(shape, standing.company_of(node)), takes)
            << what << " node " << node;
        ASSERT_EQ(standing.allows(shape, node), takes) << what << " node " << node;
      }
      ASSERT_TRUE(everywhere || company.constrained(shape)) << what;
      ASSERT_EQ(company.fresh_zones(shape), plain.fresh_zones(pod)) << what;
      ASSERT_EQ(company.wants_company(shape), plain.wants_company(pod)) << what;
      ASSERT_EQ(company.bound_to_zones(shape), bound_to_zones(pod)) << what;
    }
  }

  /// A Company that knows the labels of nodes is never looser than kube-scheduler, for what stands.
  void expect_not_looser(const std::string& where, int& allowed, int& refused) const {
    const cluster::Snapshot snapshot = ground_.standing.snapshot();
    Company company;  // knows the zones of the nodes, so that few are without pods
    for (const PodShape& pod : snapshot.shapes) company.add_shape(pod);
    std::vector<Place> nodes;
    for (const cluster::Node& node : snapshot.nodes) {
      nodes.push_back(place_of(node));
      company.add_node(node.zone, node.labels);
    }
    for (const cluster::Running& pod : snapshot.pods) company.bind(pod.shape, pod.node);
    const Scheduler scheduler(standing_pods(snapshot), nodes);
    for (Company::Shape shape = 0; shape < snapshot.shapes.size(); ++shape)
      for (Company::Node node = 0; node < nodes.size(); ++node) {
        if (!meets(snapshot.shapes[shape], nodes[node])) continue;
        const bool takes = scheduler.allows(snapshot.shapes[shape], nodes[node]);
        ++(takes ? allowed : refused);
        ASSERT_TRUE(takes || !company.allows(shape, node))
            << where << ": shape " << shape << " may not go to node " << node;
      }
  }

 private:
  static Place place_of(const cluster::Node& node) { return {node.name, node.zone, node.labels}; }

  /// Those on sale, those of nodes that stand and those that pods are bound for.
  std::set<std::string> zones(const cluster::Snapshot& snapshot) const {
    std::set<std::string> zones = on_sale_;
    for (const cluster::Node& node : snapshot.nodes) zones.insert(node.zone);
    for (const auto& [shape, zone] : bound_) zones.insert(zone);
    return zones;
  }

  static std::vector<Stands> standing_pods(const cluster::Snapshot& snapshot) {
    std::vector<Stands> pods;
    for (const cluster::Running& pod : snapshot.pods)
      pods.push_back({&snapshot.shapes[pod.shape], place_of(snapshot.nodes[pod.node])});
    return pods;
  }

  bool bound_to_zones(const PodShape& pod) const {
    for (ShapeId shape = 0; shape < ground_.standing.shapes(); ++shape)
      if (Plain::binds(ground_.standing.shape_at(shape), pod)) return true;
    const auto by_zone = [](const auto& term) { return term.topology_key == kZone; };
    return std::any_of(pod.spread.begin(), pod.spread.end(), by_zone) ||
           std::any_of(pod.affinity.begin(), pod.affinity.end(), by_zone) ||
           std::any_of(pod.anti_affinity.begin(), pod.anti_affinity.end(), by_zone);
  }

  void add_node() {
    const std::string zone =
        prng_.below(12) == 0 ? "us-east-1f"
                             : std::string("us-east-1") + static_cast<char>('a' + prng_.below(3));
    cluster::Node node =
        testing::node_of(ground_.market, ground_.policy, "p5.4xlarge",
                         "node-" + std::to_string(named_++), gpu::GpuMode::Any, zone);
    if (prng_.below(2) == 0) node.labels["team"] = "red";
    ground_.standing.add(std::move(node));
  }

  std::optional<NodeId> some_node() {
    std::vector<NodeId> nodes;
    for (NodeId node = 0; node < ground_.standing.nodes(); ++node)
      if (ground_.standing.stands(node)) nodes.push_back(node);
    if (nodes.empty()) return std::nullopt;
    return nodes[prng_.below(nodes.size())];
  }

  /// Mostly where it may, sometimes where it may not: others' constraints change with time.
  void run() {
    Standing& standing = ground_.standing;
    const auto node = some_node();
    if (!node || standing.shapes() == 0) return;
    cluster::Running pod;
    pod.name = "pod-" + std::to_string(named_++);
    pod.shape = static_cast<ShapeId>(prng_.below(standing.shapes()));
    pod.node = *node;
    if (!meets(standing.shape_at(pod.shape), place_of(standing.node(*node)))) return;
    if (!standing.allows(pod.shape, *node) && prng_.below(4) != 0) return;
    const std::size_t taken = standing.pods_on(*node).size();
    if (taken == 7) return;
    std::set<std::uint8_t> starts = {0, 1, 2, 3, 4, 5, 6};
    for (const PodId other : standing.pods_on(*node))
      starts.erase(standing.devices_of(other)[0].start);
    standing.run(pod, {ground_.device(*node, 0, "1g.10gb@" + std::to_string(*starts.begin()))});
  }

  void release() {
    std::vector<PodId> pods;
    for (PodId pod = 0; pod < ground_.standing.pods(); ++pod)
      if (ground_.standing.runs(pod)) pods.push_back(pod);
    if (!pods.empty()) ground_.standing.release(pods[prng_.below(pods.size())]);
  }

  void bound_for_a_zone() {
    if (!bound_.empty() && prng_.below(2) == 0) {
      ground_.standing.company().release_zone(bound_.back().first, bound_.back().second);
      bound_.pop_back();
    } else if (ground_.standing.shapes() > 0 && bound_.size() < 2 && prng_.below(3) == 0) {
      bound_.emplace_back(static_cast<ShapeId>(prng_.below(ground_.standing.shapes())),
                          "us-east-1" + std::string(1, static_cast<char>('a' + prng_.below(3))));
      ground_.standing.company().bind_zone(bound_.back().first, bound_.back().second);
    }
  }

  Prng prng_;
  Ground ground_;
  std::set<std::string> on_sale_;
  std::vector<std::pair<ShapeId, std::string>> bound_;
  int depth_ = 0;
  int named_ = 0;
};

TEST(CompanyReview, SaysWhatARecountOfEveryPodSays) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Town town(seed);
    for (int step = 0; step < 120; ++step) {
      town.change();
      town.expect_same("seed " + std::to_string(seed) + " step " + std::to_string(step));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(CompanyReview, IsNeverLooserThanKubeScheduler) {
  int allowed = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Town town(seed);
    for (int step = 0; step < 120; ++step) {
      town.change();
      if (step % 5 != 0) continue;
      town.expect_not_looser("seed " + std::to_string(seed) + " step " + std::to_string(step),
                             allowed, refused);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(allowed, 5000);
  EXPECT_GT(refused, 5000);
}

/// Zones a and b with a node each, and one more in b that is not of the team.
struct TwoZones {
  Company company;
  Company::Node a, b, other;
  TwoZones() {
    a = company.add_node("a", {{"team", "red"}, {kZone, "a"}});
    b = company.add_node("b", {{"team", "red"}, {kZone, "b"}});
    other = company.add_node("b", {{kZone, "b"}});
  }
};

PodShape spread_web() {
  PodShape web;
  web.labels["app"] = "web";
  web.spread = {{1, 1, kZone, app("web")}};
  return web;
}

TEST(CompanyReview, PodsOnNodesThatAreNotAdmittedDoNotMakeASpreadEven) {
  // The pod without a selector is in zone b, on a node that the others may not use: kube-scheduler
  // counts a 1, b 0.
  PodShape red = spread_web();
  red.node_selector = {{"team", Operator::In, {"red"}}};
  PodShape by_affinity = spread_web();
  by_affinity.node_affinity = {{{"team", Operator::Exists, {}}}};
  for (const PodShape& asked : {red, by_affinity}) {
    TwoZones town;
    const auto plain = town.company.add_shape(spread_web());
    town.company.bind(plain, town.other);
    const auto id = town.company.add_shape(asked);
    town.company.bind(id, town.a);
    EXPECT_FALSE(town.company.allows(id, town.a));
    EXPECT_TRUE(town.company.allows(id, town.b));
    EXPECT_TRUE(town.company.allows(plain, town.a)) << "who admits all nodes counts all";
    town.company.bind(id, town.b);
    EXPECT_TRUE(town.company.allows(id, town.a));
    town.company.release(id, town.b);
    EXPECT_FALSE(town.company.allows(id, town.a));
  }
}

TEST(CompanyReview, OldPodsWithoutTheSelectorCountWhereTheyAre) {
  // A Deployment gets a node selector; its old pods are on nodes that the new ones may use.
  PodShape red = spread_web();
  red.node_selector = {{"team", Operator::In, {"red"}}};
  TwoZones town;
  const auto plain = town.company.add_shape(spread_web());
  const auto id = town.company.add_shape(red);
  town.company.bind(plain, town.a);
  EXPECT_FALSE(town.company.allows(id, town.a));
  EXPECT_TRUE(town.company.allows(id, town.b));
  town.company.bind(plain, town.b);
  EXPECT_TRUE(town.company.allows(id, town.a));
}

TEST(CompanyReview, PodsToBeBoughtForCountIfTheyAskForSuchNodes) {
  PodShape red = spread_web();
  red.node_affinity = {{{"team", Operator::In, {"red"}}, {kZone, Operator::Exists, {}}},
                       {{"team", Operator::In, {"red"}}, {"disk", Operator::Exists, {}}}};
  PodShape more = red;
  more.node_selector = {{"arch", Operator::In, {"amd64"}}};
  PodShape less = red;
  less.node_affinity.push_back({{"disk", Operator::Exists, {}}});
  const std::vector<std::pair<PodShape, bool>> cases = {
      {red, true}, {more, true}, {less, false}, {spread_web(), false}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    TwoZones town;
    const auto id = town.company.add_shape(red);
    town.company.bind(id, town.a);
    town.company.bind_zone(town.company.add_shape(cases[i].first), "b");
    EXPECT_EQ(town.company.allows(id, town.a), cases[i].second) << i;
  }
}

}  // namespace
}  // namespace kerf::online
