// Reuse, case by case: whoever can stay stays, and what stands is used.
#include "core/plan/reuse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/plan/reuse_testing.h"
#include "core/plan/standing_testing.h"

namespace kerf::plan {
namespace {

using cluster::kNone;
using gpu::FormKind;

/// Standing nodes and a plan, put together device by device.
struct Hand {
  market::Market market = testing::market();
  cluster::Cluster cluster;
  Plan plan;

  void want(const std::string& name, std::int64_t count, cluster::PodShape shape) {
    testing::add(cluster.demand, name, count, std::move(shape));
    cluster.pods.resize(cluster.demand.pods.size());
  }
  std::uint32_t stand(const std::string& name, const std::string& type,
                      std::int64_t price = 8'000'000) {
    cluster::StandingNode node;
    node.name = name;
    node.type = testing::type_index(market, type);
    node.zone = "us-east-1a";
    node.price = node.list_price = {price};
    node.layout = cluster::LayoutFrom::Seen;
    node.gpus.resize(static_cast<std::size_t>(market.types[node.type].gpu_count));
    cluster.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(cluster.nodes.size() - 1);
  }
  std::uint32_t buy(const std::string& type, std::int64_t price = 8'000'000) {
    NodePlan node;
    node.type = testing::type_index(market, type);
    node.price = {price};
    node.gpus.resize(static_cast<std::size_t>(market.types[node.type].gpu_count));
    plan.nodes.push_back(std::move(node));
    plan.bill += {price};
    return static_cast<std::uint32_t>(plan.nodes.size() - 1);
  }
  gpu::Form form(std::uint32_t type, const std::string& name) const {
    const market::InstanceType& of = market.types[type];
    const gpu::Model& model = market.model_of(of);
    if (name.empty()) return testing::form_of(model, of.gpu_fraction, FormKind::Whole);
    return testing::form_of(model, 1, FormKind::Slice,
                            static_cast<std::uint8_t>(*model.profile_named(name)));
  }
  /// `profile` "" = the whole GPU.
  void runs(std::uint32_t node, std::size_t gpu, const std::string& profile, std::uint8_t start,
            std::uint32_t pod, const std::string& holder = "") {
    cluster::StandingNode& there = cluster.nodes[node];
    there.gpus[gpu].slices.push_back({form(there.type, profile), start, pod, holder});
    if (pod == kNone) return;
    if (cluster.pods[pod].node == kNone) there.pods.push_back(pod);
    cluster.pods[pod].node = node;
  }
  void place(std::uint32_t node, std::size_t gpu, const std::string& profile, std::uint8_t start,
             std::uint32_t pod) {
    NodePlan& there = plan.nodes[node];
    const gpu::Form made = form(there.type, profile);
    there.gpus[gpu].slices.push_back({made, start, pod, false});
    if (pod == kNoPod) return;
    if (std::binary_search(there.pods.begin(), there.pods.end(), pod)) return;
    there.pods.push_back(pod);
    std::sort(there.pods.begin(), there.pods.end());
    plan.placements.push_back({pod, node, made, {}, {}, {}});
    std::sort(plan.placements.begin(), plan.placements.end(),
              [](const Placement& a, const Placement& b) { return a.pod < b.pod; });
  }
  Reuse run() {
    const Plan before = plan;
    const Reuse made = reuse(cluster, market, plan);
    testing::expect_same_plan(cluster, before, plan, made);
    testing::expect_stays(cluster, plan, made);
    return made;
  }
  std::string actions() const {
    std::string text;
    for (const Action& action : plan.actions)
      text += std::string(text.empty() ? "" : ", ") + std::string(to_string(action.kind)) + " " +
              std::to_string(action.count) + " " + market.types[action.type].name + " " +
              std::to_string(action.per_hour.micro);
    return text;
  }
};

TEST(Reuse, LetsLikePodsChangePlacesSoThatNobodyMoves) {
  Hand hand;
  hand.want("chat", 2, testing::shape(testing::whole()));
  hand.stand("a", "g6.xlarge");
  hand.stand("b", "g6.xlarge");
  hand.runs(0, 0, "", 0, 0);
  hand.runs(1, 0, "", 0, 1);
  hand.buy("g6.xlarge");
  hand.buy("g6.xlarge");
  hand.place(0, 0, "", 0, 1);
  hand.place(1, 0, "", 0, 0);
  const Reuse made = hand.run();
  EXPECT_EQ(made.stay, 2);
  EXPECT_EQ(hand.plan.nodes[0].name, "a");
  EXPECT_EQ(hand.plan.nodes[0].pods, std::vector<std::uint32_t>{0});
  EXPECT_EQ(hand.actions(), "keep 2 g6.xlarge 0");
}

TEST(Reuse, ReturnsWhatIsNotPlannedAndBuysWhatDoesNotStand) {
  Hand hand;
  hand.want("chat", 2, testing::shape(testing::whole()));
  hand.stand("a", "g6.xlarge", 800'000);
  hand.stand("b", "g5.xlarge", 1'000'000);
  hand.runs(0, 0, "", 0, 0);
  hand.runs(1, 0, "", 0, 1);
  hand.cluster.pods[1].fixed = "bare pod";
  hand.buy("g6.xlarge", 800'000);
  hand.buy("g4dn.xlarge", 500'000);
  hand.place(0, 0, "", 0, 0);
  hand.place(1, 0, "", 0, 1);
  const Reuse made = hand.run();
  EXPECT_EQ(made.standing, (std::vector<std::uint32_t>{0, kNone}));
  EXPECT_EQ(made.returned, std::vector<std::uint32_t>{1});
  ASSERT_EQ(made.moves.size(), 1U);
  EXPECT_EQ(made.moves[0].from, 1U);
  EXPECT_EQ(made.moves[0].to, 1U);
  EXPECT_EQ(made.fixed, 1);
  EXPECT_EQ(hand.actions(),
            "keep 1 g6.xlarge 0, return 1 g5.xlarge -1000000, buy 1 g4dn.xlarge 500000, "
            "move 1 g4dn.xlarge 0");
}

TEST(Reuse, LeavesASliceWhereItsPodHasItAndArrangesTheRestAroundIt) {
  Hand hand;
  hand.want("small", 2, testing::shape(testing::slice("1g.10gb")));
  hand.want("big", 1, testing::shape(testing::slice("3g.40gb")));
  hand.stand("a", "p5.4xlarge");
  hand.runs(0, 0, "1g.10gb", 3, 0);
  hand.runs(0, 0, "1g.10gb", 2, 1);
  hand.buy("p5.4xlarge");
  hand.place(0, 0, "3g.40gb", 0, 2);
  hand.place(0, 0, "1g.10gb", 4, 0);
  hand.place(0, 0, "1g.10gb", 5, 1);
  const Reuse made = hand.run();
  EXPECT_TRUE(made.moves.empty());
  EXPECT_TRUE(made.cut[0]) << "the large one has to be made";
  const std::vector<SlicePlan>& slices = hand.plan.nodes[0].gpus[0].slices;
  ASSERT_EQ(slices.size(), 3U);
  EXPECT_EQ(slices[0].start, 2);
  EXPECT_EQ(slices[0].pod, 1U);
  EXPECT_EQ(slices[2].start, 4);
  EXPECT_EQ(slices[2].pod, 2U);
  EXPECT_EQ(hand.actions(), "cut 1 p5.4xlarge 0");
}

TEST(Reuse, MovesAPodOnlyWhereNoLegalLayoutKeepsIt) {
  Hand hand;
  hand.want("small", 2, testing::shape(testing::slice("1g.10gb")));
  hand.want("big", 1, testing::shape(testing::slice("4g.40gb")));  // starts at slot 0 only
  hand.stand("a", "p5.4xlarge");
  hand.runs(0, 0, "1g.10gb", 1, 0);
  hand.runs(0, 0, "1g.10gb", 5, 1);
  hand.buy("p5.4xlarge");
  hand.place(0, 0, "4g.40gb", 0, 2);
  hand.place(0, 0, "1g.10gb", 4, 0);
  hand.place(0, 0, "1g.10gb", 5, 1);
  const Reuse made = hand.run();
  ASSERT_EQ(made.moves.size(), 1U);
  EXPECT_EQ(made.moves[0].pod, 0U);
  EXPECT_EQ(made.moves[0].from, 0U);
  EXPECT_EQ(made.moves[0].to, 0U) << "on its own node, on another device";
}

TEST(Reuse, KeepsAPodThatKerfWouldNeverMoveBeforeOthers) {
  Hand hand;
  hand.want("small", 2, testing::shape(testing::slice("1g.10gb")));
  hand.stand("a", "p5.4xlarge");
  hand.runs(0, 0, "1g.10gb", 1, 0);
  hand.runs(0, 0, "1g.10gb", 2, 1);
  hand.cluster.pods[1].fixed = "do-not-disrupt";
  hand.buy("p5.4xlarge");
  hand.place(0, 0, "1g.10gb", 0, 0);
  hand.plan.unplaced.push_back({1, {}});
  const Reuse made = hand.run();
  EXPECT_EQ(hand.plan.nodes[0].pods, std::vector<std::uint32_t>{1});
  EXPECT_EQ(hand.plan.unplaced[0].pod, 0U);
  ASSERT_EQ(made.moves.size(), 1U);
  EXPECT_EQ(made.moves[0].to, kNone);
  EXPECT_EQ(made.fixed, 0);
  EXPECT_EQ(hand.actions(), "keep 1 p5.4xlarge 0") << "who has no place is not moved";
}

TEST(Reuse, PlacesThoseThatRunBeforeThoseThatWait) {
  Hand hand;
  hand.want("chat", 2, testing::shape(testing::whole()));
  hand.stand("a", "g5.xlarge");
  hand.runs(0, 0, "", 0, 1);
  hand.buy("g6.xlarge");
  hand.place(0, 0, "", 0, 0);
  hand.plan.unplaced.push_back({1, {}});
  const Reuse made = hand.run();
  EXPECT_EQ(hand.plan.nodes[0].pods, std::vector<std::uint32_t>{1});
  ASSERT_EQ(made.moves.size(), 1U);
  EXPECT_EQ(made.moves[0].to, 0U);
}

TEST(Reuse, LeavesTheJobsOfOneWorkloadToIt) {
  Hand hand;
  cluster::PodShape shape = testing::shape(testing::whole());
  shape.labels = {{"app", "same"}};
  hand.want("serve", 1, shape);
  hand.want("job", 1, shape);
  hand.cluster.demand.workloads[1].transient = true;
  ASSERT_EQ(hand.cluster.demand.pods[0].shape, hand.cluster.demand.pods[1].shape);
  hand.stand("a", "g6.xlarge");
  hand.runs(0, 0, "", 0, 1);
  hand.buy("g6.xlarge");
  hand.place(0, 0, "", 0, 0);
  hand.plan.unplaced.push_back({1, {}});
  const Reuse made = hand.run();
  EXPECT_EQ(hand.plan.nodes[0].pods, std::vector<std::uint32_t>{0});
  EXPECT_EQ(made.moves.size(), 1U);
}

TEST(Reuse, TakesANodeOfItsKindEvenIfNobodyStaysThere) {
  Hand hand;
  hand.want("train", 1, testing::shape(testing::whole()));
  hand.stand("a", "p4d.24xlarge");
  hand.stand("b", "p4d.24xlarge");
  hand.runs(0, 0, "1g.5gb", 0, kNone);
  hand.runs(1, 0, "", 0, kNone);
  hand.buy("p4d.24xlarge");
  hand.place(0, 3, "", 0, 0);
  const Reuse made = hand.run();
  EXPECT_EQ(made.standing[0], 1U) << "it is whole already";
  EXPECT_FALSE(made.cut[0]);
  EXPECT_EQ(made.returned, std::vector<std::uint32_t>{0});
}

TEST(Reuse, TellsApartWhatMayBeWhichNode) {
  struct Case {
    const char* what;
    void (*change)(Hand&);
    bool stands;
  };
  const Case cases[] = {
      {"as it is", [](Hand&) {}, true},
      {"its zone",
       [](Hand& h) {
         h.plan.nodes[0].zones = {"us-east-1a", "us-east-1c"};
       },
       true},
      {"another zone", [](Hand& h) { h.plan.nodes[0].zones = {"us-east-1b"}; }, false},
      {"spot", [](Hand& h) { h.cluster.nodes[0].capacity_type = market::CapacityType::Spot; },
       false},
      {"owned", [](Hand& h) { h.cluster.nodes[0].owned = true; }, false},
      {"both owned",
       [](Hand& h) {
         h.cluster.nodes[0].owned = h.plan.nodes[0].owned = true;
         h.plan.nodes[0].capacity_type = market::CapacityType::Reserved;
       },
       true},
      {"not ready", [](Hand& h) { h.cluster.nodes[0].ready = false; }, false},
      {"cordoned", [](Hand& h) { h.cluster.nodes[0].cordoned = true; }, false},
      {"offers nothing", [](Hand& h) { h.cluster.nodes[0].layout = cluster::LayoutFrom::Nothing; },
       false},
      {"a taint",
       [](Hand& h) {
         h.cluster.nodes[0].taints = {{"team", "a", "NoSchedule"}};
       },
       false},
      {"the agent's taint",
       [](Hand& h) {
         h.cluster.nodes[0].taints = {{"kerf.dev/slices", "", "NoSchedule"}};
       },
       true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    Hand hand;
    hand.want("chat", 1, testing::shape(testing::whole()));
    hand.stand("a", "g6.xlarge");
    hand.buy("g6.xlarge");
    hand.place(0, 0, "", 0, 0);
    c.change(hand);
    const Reuse made = hand.run();
    EXPECT_EQ(made.standing[0] != kNone, c.stands);
    EXPECT_EQ(made.returned.empty(), c.stands);
  }
}

TEST(Reuse, TakesANodeWithTheLabelThatItsPodsSelectBy) {
  Hand hand;
  cluster::PodShape shape = testing::shape(testing::whole());
  shape.node_selector = {{"team", cluster::Operator::In, {"blue"}}};
  hand.want("chat", 1, shape);
  hand.stand("a", "g6.xlarge");
  hand.stand("b", "g6.xlarge", 9'000'000);
  hand.cluster.nodes[0].labels = {{"team", "red"}};
  hand.cluster.nodes[1].labels = {{"team", "blue"}};
  hand.buy("g6.xlarge");
  hand.place(0, 0, "", 0, 0);
  EXPECT_EQ(hand.run().standing[0], 1U);
  hand.cluster.nodes[1].labels.clear();
  EXPECT_EQ(hand.run().standing[0], kNone);
  hand.runs(0, 0, "", 0, 0);
  EXPECT_EQ(hand.run().standing[0], 0U) << "who runs there came in, whatever its labels are now";
}

TEST(Reuse, PrefersWhatIsNotToBeDisruptedThenTheCheaper) {
  Hand hand;
  hand.want("chat", 1, testing::shape(testing::whole()));
  for (const char* name : {"a", "b", "c"}) hand.stand(name, "g6.xlarge", 900'000);
  hand.cluster.nodes[1].price = {800'000};
  hand.buy("g6.xlarge");
  hand.place(0, 0, "", 0, 0);
  EXPECT_EQ(hand.run().standing[0], 1U);
  hand.cluster.nodes[2].kept = true;
  EXPECT_EQ(hand.run().standing[0], 2U);
}

TEST(Reuse, LeavesTheDevicesOfPodsThatAreNotPlanned) {
  Hand hand;
  hand.want("big", 1, testing::shape(testing::slice("4g.40gb")));
  hand.stand("a", "p5.4xlarge");
  hand.runs(0, 0, "1g.10gb", 0, kNone, "other/tool");
  hand.buy("p5.4xlarge");
  hand.place(0, 0, "4g.40gb", 0, 0);
  EXPECT_EQ(hand.run().standing[0], kNone) << "its only start is taken";
  hand.cluster.nodes[0].gpus[0].slices[0].start = 5;
  EXPECT_EQ(hand.run().standing[0], 0U);
}

TEST(Reuse, KeepsNobodyOnADeviceThatIsNamedTwice) {
  Hand hand;
  hand.want("small", 2, testing::shape(testing::slice("1g.10gb")));
  hand.stand("a", "p5.4xlarge");
  hand.runs(0, 0, "1g.10gb", 2, 0);
  hand.runs(0, 0, "1g.10gb", 2, 1);
  hand.buy("p5.4xlarge");
  hand.place(0, 0, "1g.10gb", 0, 0);
  hand.place(0, 0, "1g.10gb", 1, 1);
  EXPECT_EQ(hand.run().stay, 1);
}

TEST(Reuse, BringsTheGpusOfAPodTogether) {
  Hand hand;
  hand.want("pair", 2, testing::shape(testing::whole(2)));
  hand.stand("a", "g4dn.12xlarge");
  hand.runs(0, 0, "", 0, 0);
  hand.runs(0, 3, "", 0, 0);
  hand.runs(0, 1, "", 0, 1);
  hand.runs(0, 2, "", 0, 1);
  hand.buy("g4dn.12xlarge");
  for (const std::size_t gpu : {0U, 1U}) hand.place(0, gpu, "", 0, 0);
  for (const std::size_t gpu : {2U, 3U}) hand.place(0, gpu, "", 0, 1);
  EXPECT_EQ(hand.run().stay, 2);
}

TEST(Reuse, KeepsAPodOfWhichNoDeviceIsKnownOnItsNode) {
  Hand hand;
  hand.want("chat", 2, testing::shape(testing::whole()));
  hand.stand("a", "g4dn.12xlarge");
  hand.runs(0, 0, "", 0, 0);
  hand.cluster.pods[1].node = 0;
  hand.buy("g4dn.12xlarge");
  hand.place(0, 0, "", 0, 0);
  hand.place(0, 1, "", 0, 1);
  const Reuse made = reuse(hand.cluster, hand.market, hand.plan);
  EXPECT_EQ(made.stay, 2);
  EXPECT_TRUE(made.moves.empty());
}

TEST(Reuse, OfAnEmptyClusterBuysEverythingAndChangesNothing) {
  Hand hand;
  hand.want("chat", 3, testing::shape(testing::whole()));
  hand.buy("g6.xlarge", 2);
  hand.buy("g6.xlarge", 2);
  hand.place(0, 0, "", 0, 2);
  hand.place(1, 0, "", 0, 0);
  hand.plan.unplaced.push_back({1, {}});
  const Reuse made = hand.run();
  EXPECT_EQ(hand.plan.nodes[0].pods, std::vector<std::uint32_t>{2});
  EXPECT_EQ(hand.actions(), "buy 2 g6.xlarge 4");
  EXPECT_EQ(made.stay, 0);
}

}  // namespace
}  // namespace kerf::plan
