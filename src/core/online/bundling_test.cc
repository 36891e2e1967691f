// Company by hostname of pods that are bought for: who can start on a new node, and beside whom.
#include "core/online/bundling.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/online/place.h"
#include "core/online/purchase_testing.h"
#include "core/online/standing_testing.h"

namespace kerf::online {
namespace {

using plan::ReasonCode;
using testing::Ground;
using testing::shape;
using testing::slice;

constexpr const char* kHost = "kubernetes.io/hostname";
constexpr const char* kZone = "topology.kubernetes.io/zone";

/// A pod that must share a node with one of that app.
cluster::PodShape beside(const std::string& app, cluster::PodShape pod) {
  pod.affinity = {{testing::own_app(app), kHost}};
  return pod;
}

/// A node of one H100 that a pod of the app fills.
NodeId filled(Ground& ground, const std::string& name, cluster::PodShape pod,
              const std::string& zone = "") {
  const NodeId node = ground.node("p5.4xlarge", gpu::GpuMode::Any, zone);
  pod.gpu = {slice("7g.80gb")};
  ground.run(name, pod, node, {ground.device(node, 0, "7g.80gb@0")});
  return node;
}

Decision decide(Ground& ground, const cluster::Demand& demand) {
  Placer placer(ground.standing, {});
  return placer.decide(demand, testing::all_pods(demand));
}

std::vector<std::uint32_t> unplaced(const Decision& decision, ReasonCode code) {
  std::vector<std::uint32_t> pods;
  for (const plan::Unplaced& one : decision.purchase.unplaced)
    if (one.reason.code == code) pods.push_back(one.pod);
  return pods;
}

using Pods = std::vector<std::uint32_t>;

TEST(Bundling, NoNodeIsBoughtWhereTheCompanyRunsElsewhere) {
  for (const int pods : {1, 2}) {
    Ground ground({"p5.4xlarge"});
    const cluster::PodShape team = beside("team", shape(slice("1g.10gb")));
    filled(ground, "team-9", team);
    cluster::Demand demand;
    plan::testing::add(demand, "team", pods, team);
    const Decision decision = decide(ground, demand);
    EXPECT_TRUE(decision.purchase.nodes.empty()) << "the first of them could never start there";
    EXPECT_EQ(unplaced(decision, ReasonCode::ConflictingPods), testing::all_pods(demand));
  }
}

TEST(Bundling, TheFirstOfItsLikeIsBoughtForAsBefore) {
  Ground ground({"p5.4xlarge"});
  filled(ground, "other-0", shape(slice("7g.80gb")));
  cluster::Demand demand;
  plan::testing::add(demand, "team", 2, beside("team", shape(slice("1g.10gb"))));
  const Decision decision = decide(ground, demand);
  ASSERT_EQ(decision.purchase.nodes.size(), 1U);
  EXPECT_EQ(decision.purchase.nodes[0].pods, (Pods{0, 1}));
}

/// The company itself is pending, and fits nowhere either: a node for both is right.
TEST(Bundling, PodsJoinAPendingOneThatTheyLookFor) {
  for (const bool self : {false, true}) {  // does the pod select its own like too?
    Ground ground({"p5.4xlarge"});
    filled(ground, "db-9", shape(slice("7g.80gb")));
    cluster::Demand demand;
    cluster::PodShape web = beside("db", shape(slice("1g.10gb")));
    if (self) web.labels["app"] = "db";
    plan::testing::add(demand, "other", 1, shape(slice("7g.80gb")));
    plan::testing::add(demand, "db", 1, shape(slice("4g.40gb")));
    plan::testing::add(demand, "web", 2, web);
    const Decision decision = decide(ground, demand);
    EXPECT_TRUE(decision.purchase.unplaced.empty()) << self;
    ASSERT_EQ(decision.purchase.nodes.size(), 2U) << self;
    const std::vector<plan::NodePlan>& nodes = decision.purchase.nodes;
    EXPECT_TRUE(nodes[0].pods == Pods({1, 2, 3}) || nodes[1].pods == Pods({1, 2, 3})) << self;
  }
}

TEST(Bundling, APodThatWouldSpoilItsHostsNodeDoesNotJoin) {
  Ground ground({"p5.4xlarge"});
  filled(ground, "db-9", shape(slice("7g.80gb")));
  cluster::Demand demand;
  plan::testing::add(demand, "db", 1, shape(slice("4g.40gb")));
  plan::testing::add(demand, "web", 1, beside("db", shape(slice("4g.40gb"))));
  const Decision decision = decide(ground, demand);
  ASSERT_EQ(decision.purchase.nodes.size(), 1U) << "two 4g.40gb fit on no node on sale";
  EXPECT_EQ(decision.purchase.nodes[0].pods, Pods{0});
  EXPECT_EQ(unplaced(decision, ReasonCode::ConflictingPods), Pods{1});
}

TEST(Bundling, JoiningIsNoWayAroundPorts) {
  Ground ground({"p5.4xlarge"});
  filled(ground, "db-9", shape(slice("7g.80gb")));
  cluster::Demand demand;
  cluster::PodShape db = shape(slice("1g.10gb"));
  db.host_ports = {{8080, "TCP", ""}};
  cluster::PodShape web = beside("db", db);
  plan::testing::add(demand, "db", 1, db);
  plan::testing::add(demand, "web", 1, web);
  const Decision decision = decide(ground, demand);
  EXPECT_EQ(unplaced(decision, ReasonCode::ConflictingPods), Pods{1});
}

/// The zone of the two follows from the one that is spread.
TEST(Bundling, WhoJoinsComesToTheZoneOfItsHost) {
  Ground ground({"p5.4xlarge"});
  cluster::PodShape db = shape(slice("4g.40gb"));
  db.spread = {{1, 1, kZone, testing::own_app("db")}};
  filled(ground, "db-9", db, "us-east-1a");
  cluster::Demand demand;
  plan::testing::add(demand, "db", 1, db);
  plan::testing::add(demand, "web", 1, beside("db", shape(slice("1g.10gb"))));
  const Decision decision = decide(ground, demand);
  EXPECT_TRUE(decision.purchase.unplaced.empty());
  ASSERT_EQ(decision.purchase.nodes.size(), 1U);
  EXPECT_EQ(decision.purchase.nodes[0].pods, (Pods{0, 1}));
  EXPECT_NE(decision.purchase.nodes[0].zones, std::vector<std::string>{"us-east-1a"});
}

TEST(Bundling, WhereTheJointZoneIsTakenTheHostIsBoughtForAlone) {
  Ground ground({"p5.4xlarge"});
  cluster::PodShape db = shape(slice("4g.40gb"));
  db.node_selector = {{kZone, cluster::Operator::In, {"us-east-1b"}}};
  filled(ground, "db-9", shape(slice("7g.80gb")));
  cluster::PodShape web = beside("db", shape(slice("1g.10gb")));
  web.anti_affinity = {{testing::own_app("noisy"), kZone}};
  filled(ground, "noisy-0", shape(slice("7g.80gb")), "us-east-1b");
  cluster::Demand demand;
  plan::testing::add(demand, "db", 1, db);
  plan::testing::add(demand, "web", 1, web);
  const Decision decision = decide(ground, demand);
  ASSERT_EQ(decision.purchase.nodes.size(), 1U);
  EXPECT_EQ(decision.purchase.nodes[0].pods, Pods{0});
  EXPECT_EQ(unplaced(decision, ReasonCode::NoZone), Pods{1});
}

/// A price of 0 in every zone says that nothing serves the pod, not that no zone is left.
TEST(Bundling, ASpreadPodThatNothingServesHearsWhy) {
  Ground ground({"p5.4xlarge"});
  cluster::Demand demand;
  const auto spread = [&](const std::string& app, cluster::PodShape pod) {
    pod.spread.push_back({1, 1, kZone, testing::own_app(app)});
    plan::testing::add(demand, app, 1, pod);
  };
  cluster::PodShape arm = shape(slice("1g.10gb"));
  arm.node_selector = {{"kubernetes.io/arch", cluster::Operator::In, {"s390x"}}};
  cluster::PodShape racks = shape(slice("1g.10gb"));
  racks.spread = {{1, 1, "example.com/rack", testing::own_app("racks")}};
  spread("profile", shape(slice("9g.90gb")));
  spread("arm", arm);
  spread("memory", shape(slice("1g.10gb"), 1000, 1 << 30));
  spread("racks", racks);
  const Decision decision = decide(ground, demand);
  std::vector<ReasonCode> codes;
  for (const plan::Unplaced& one : decision.purchase.unplaced) codes.push_back(one.reason.code);
  EXPECT_EQ(codes, (std::vector<ReasonCode>{ReasonCode::UnknownProfile, ReasonCode::NoTypeMatches,
                                            ReasonCode::TooLargeForNode, ReasonCode::Unsupported}));
}

TEST(Bundling, WhereOthersTakeAllZonesThatIsTheReason) {
  Ground ground({"p5.4xlarge"});
  cluster::PodShape lonely = shape(slice("1g.10gb"));
  lonely.anti_affinity = {{testing::own_app("noisy"), kZone}};
  for (const char zone : {'a', 'b', 'c', 'd', 'e', 'f'})
    filled(ground, std::string("noisy-") + zone, shape(slice("7g.80gb")),
           std::string("us-east-1") + zone);
  cluster::Demand demand;
  plan::testing::add(demand, "lonely", 1, lonely);
  const Decision decision = decide(ground, demand);
  EXPECT_EQ(unplaced(decision, ReasonCode::NoZone), Pods{0});
}

}  // namespace
}  // namespace kerf::online
