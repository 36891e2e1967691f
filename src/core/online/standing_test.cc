// Standing keeps rooms, slices and counts by change; undo and snapshots lose nothing.
#include "core/online/standing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/online/standing_testing.h"

namespace kerf::online {
namespace {

using testing::Ground;
using testing::node_of;
using testing::portable;
using testing::shape;
using testing::slice;
using testing::whole;

TEST(Standing, APodTakesItsSliceAndLeavesTheRest) {
  Ground ground({"p5.4xlarge"});
  const NodeId node = ground.node("p5.4xlarge");
  const PodId pod =
      ground.run("chat-0", shape(slice("2g.20gb")), node, {ground.device(node, 0, "2g.20gb@2")});
  EXPECT_EQ(ground.layout(node, 0, false), "H100-80 [2g.20gb@2]");
  EXPECT_EQ(ground.standing.room(node).left,
            ground.standing.node(node).allocatable - (Resources{1000, 2048, 0, 1}));
  ground.standing.release(pod);
  EXPECT_EQ(ground.layout(node, 0, false), "H100-80 []");
  EXPECT_EQ(ground.layout(node, 0, true), "H100-80 [2g.20gb@2]") << "cut, free and parked";
  EXPECT_EQ(ground.standing.room(node).left, ground.standing.node(node).allocatable);
  EXPECT_EQ(ground.standing.room(node).gpus, std::vector<GpuState>{0});
}

TEST(Standing, OnlyFreeSlicesInTheWayAreCutAway) {
  Ground ground({"p5.4xlarge"});
  const NodeId node = ground.node("p5.4xlarge");
  const PodId gone =
      ground.run("a-0", shape(slice("1g.10gb")), node, {ground.device(node, 0, "1g.10gb@0")});
  const PodId also =
      ground.run("b-0", shape(slice("1g.10gb")), node, {ground.device(node, 0, "1g.10gb@6")});
  ground.run("c-0", shape(slice("1g.10gb")), node, {ground.device(node, 0, "1g.10gb@5")});
  ground.standing.release(gone);
  ground.standing.release(also);
  const std::vector<DeviceAt> wanted = {ground.device(node, 0, "3g.40gb@0")};
  const std::vector<Cut> cuts = ground.standing.cuts_for(node, wanted);
  ASSERT_EQ(cuts.size(), 1U);
  EXPECT_EQ(cuts[0].destroy, std::vector<DeviceAt>{ground.device(node, 0, "1g.10gb@0")});
  EXPECT_EQ(cuts[0].create, wanted);
  ground.run("d-0", shape(slice("3g.40gb")), node, wanted);
  EXPECT_EQ(ground.layout(node, 0, false), "H100-80 [3g.40gb@0 1g.10gb@5]");
  EXPECT_EQ(ground.layout(node, 0, true), "H100-80 [1g.10gb@6]");
}

TEST(Standing, AFreeSliceNeedsNoCut) {
  Ground ground({"p5.4xlarge"});
  const NodeId node = ground.node("p5.4xlarge");
  const std::vector<DeviceAt> devices = {ground.device(node, 0, "1g.10gb@4")};
  EXPECT_EQ(ground.standing.cuts_for(node, devices).size(), 1U);
  ground.standing.release(ground.run("a-0", shape(slice("1g.10gb")), node, devices));
  EXPECT_TRUE(ground.standing.cuts_for(node, devices).empty());
}

TEST(Standing, WholeGpusAreThereByNature) {
  Ground ground({"p4d.24xlarge"});
  const NodeId node = ground.node("p4d.24xlarge", gpu::GpuMode::Whole);
  const std::vector<DeviceAt> devices = {ground.device(node, 3, "whole")};
  EXPECT_TRUE(ground.standing.cuts_for(node, devices).empty());
  const PodId pod = ground.run("train-0", shape(whole()), node, devices);
  EXPECT_EQ(ground.standing.room(node).gpus[3] == 0, false);
  ground.standing.release(pod);
  EXPECT_TRUE(ground.standing.node(node).gpus[3].slices.empty());
}

TEST(Standing, AWholeGpuDoesNotFitOnACutAmpereNode) {
  Ground ground({"p4d.24xlarge"});
  const NodeId cut = ground.node("p4d.24xlarge", gpu::GpuMode::Cut);
  const NodeId uncut = ground.node("p4d.24xlarge", gpu::GpuMode::Whole);
  const ShapeId wants_whole = ground.standing.shape(shape(whole()));
  const ShapeId wants_slice = ground.standing.shape(shape(slice("1g.5gb")));
  EXPECT_FALSE(ground.standing.fits(wants_whole, cut, {ground.device(cut, 0, "whole")}));
  EXPECT_TRUE(ground.standing.fits(wants_whole, uncut, {ground.device(uncut, 0, "whole")}));
  EXPECT_TRUE(ground.standing.fits(wants_slice, cut, {ground.device(cut, 0, "1g.5gb@0")}));
  EXPECT_FALSE(ground.standing.fits(wants_slice, uncut, {ground.device(uncut, 0, "1g.5gb@0")}));
}

TEST(Standing, LostAndRetiringSlicesAreRoomThatIsNotThere) {
  Ground ground({"p5.4xlarge"});
  cluster::Node broken = node_of(ground.market, ground.policy, "p5.4xlarge", "broken");
  const NodeId model = ground.node("p5.4xlarge");  // only to name devices
  const DeviceAt lost = ground.device(model, 0, "3g.40gb@4");
  broken.gpus[0].slices = {{lost.form, lost.start, cluster::SliceState::Lost}};
  const NodeId node = ground.standing.add(broken);
  const ShapeId wants = ground.standing.shape(shape(slice("1g.10gb")));
  EXPECT_FALSE(ground.standing.fits(wants, node, {ground.device(node, 0, "1g.10gb@5")}));
  EXPECT_TRUE(ground.standing.fits(wants, node, {ground.device(node, 0, "1g.10gb@1")}));
}

TEST(Standing, SharedGpusTakeTurnsUpToTheirNumber) {
  Ground ground({"g4dn.xlarge"});
  const NodeId node = ground.node("g4dn.xlarge");
  cluster::GpuRequest request = portable(4);
  request.isolation = cluster::Isolation::Shared;
  const gpu::Model& model =
      ground.market.model_of(ground.market.types[ground.standing.node(node).type]);
  gpu::Form quarter;
  for (const gpu::Form& form : gpu::forms_of(model, 1, ground.policy.sharing))
    if (form.kind == gpu::FormKind::TimeSliced && form.replicas == 4) quarter = form;
  ASSERT_EQ(quarter.replicas, 4);
  const cluster::PodShape pod = shape(request, 250, 512);
  std::vector<PodId> pods;
  for (std::uint8_t turn = 0; turn < 4; ++turn)
    pods.push_back(ground.run("turn-" + std::to_string(turn), pod, node, {{0, quarter, turn}}));
  EXPECT_FALSE(ground.standing.fits(ground.standing.pod(pods[0]).shape, node, {{0, quarter, 0}}));
  ground.standing.release(pods[1]);
  // The table counts two or three in use; which number is free is the node's to know.
  const GpuState full = [&] {
    ground.standing.begin();
    ground.run("turn-9", pod, node, {{0, quarter, 1}});
    const GpuState state = ground.standing.room(node).gpus[0];
    ground.standing.rollback();
    return state;
  }();
  EXPECT_EQ(ground.standing.devices_to(node, 0, full), (std::vector<DeviceAt>{{0, quarter, 1}}));
}

TEST(Standing, LabelsThatNobodySelectsByTellNoKindsApart) {
  Ground ground({"p5.4xlarge"});
  const NodeId a = ground.node("p5.4xlarge");
  cluster::Node blue = node_of(ground.market, ground.policy, "p5.4xlarge", "blue");
  blue.labels["team"] = "blue";
  const NodeId b = ground.standing.add(blue);
  EXPECT_EQ(ground.standing.room(a).kind, ground.standing.room(b).kind);
  cluster::PodShape picky = shape(slice("1g.10gb"));
  picky.node_selector = {{"team", cluster::Operator::In, {"blue"}}};
  const ShapeId wants = ground.standing.shape(picky);
  EXPECT_NE(ground.standing.room(a).kind, ground.standing.room(b).kind);
  EXPECT_FALSE(ground.standing.fits(wants, a, {ground.device(a, 0, "1g.10gb@0")}));
  EXPECT_TRUE(ground.standing.fits(wants, b, {ground.device(b, 0, "1g.10gb@0")}));
}

TEST(Standing, TaintsOtherThanKerfsMustBeTolerated) {
  Ground ground({"p5.4xlarge"});
  cluster::Node tainted = node_of(ground.market, ground.policy, "p5.4xlarge", "tainted");
  tainted.taints = {{"team", "red", "NoSchedule"}, {"soft", "", "PreferNoSchedule"}};
  const NodeId node = ground.standing.add(tainted);
  cluster::PodShape pod = shape(slice("1g.10gb"));
  EXPECT_FALSE(ground.standing.fits(ground.standing.shape(pod), node,
                                    {ground.device(node, 0, "1g.10gb@0")}));
  pod.tolerations = {{"team", true, "", ""}};
  EXPECT_TRUE(ground.standing.fits(ground.standing.shape(pod), node,
                                   {ground.device(node, 0, "1g.10gb@0")}));
}

/// Random changes to a few nodes; what they did can be read off a snapshot.
class Changes {
 public:
  Changes(Ground& ground, std::uint64_t seed) : ground_(ground), prng_(seed) {}

  void some(int steps) {
    for (int i = 0; i < steps; ++i) one();
  }

 private:
  void one() {
    Standing& standing = ground_.standing;
    const std::uint64_t draw = prng_.below(10);
    if (draw == 0) {
      ground_.node(prng_.below(2) == 0 ? "p5.4xlarge" : "p4d.24xlarge");
    } else if (draw == 1) {
      const auto node = static_cast<NodeId>(prng_.below(standing.nodes()));
      if (standing.stands(node)) standing.remove(node);
    } else if (draw == 2) {
      const auto node = static_cast<NodeId>(prng_.below(standing.nodes()));
      if (standing.stands(node)) standing.mark(node, prng_.below(2) == 0, prng_.below(2) == 0);
    } else if (draw < 5) {
      if (standing.pods() == 0) return;
      const auto pod = static_cast<PodId>(prng_.below(standing.pods()));
      if (standing.runs(pod)) standing.release(pod);
    } else {
      run();
    }
  }

  void run() {
    Standing& standing = ground_.standing;
    const auto node = static_cast<NodeId>(prng_.below(standing.nodes()));
    if (!standing.stands(node)) return;
    const gpu::Model& model =
        ground_.market.model_of(ground_.market.types[standing.node(node).type]);
    const gpu::Profile& profile = model.profiles[prng_.below(model.profiles.size())];
    const std::string start = std::to_string(profile.starts[prng_.below(profile.starts.size())]);
    const auto gpu = static_cast<std::uint32_t>(prng_.below(standing.node(node).gpus.size()));
    const DeviceAt device = ground_.device(node, gpu, profile.name + "@" + start);
    const ShapeId wants = standing.shape(shape(slice(profile.name)));
    if (!standing.fits(wants, node, {device})) return;
    cluster::Running pod;
    pod.name = "pod-" + std::to_string(++named_);
    pod.shape = wants;
    pod.node = node;
    standing.run(pod, {device});
  }

  Ground& ground_;
  Prng prng_;
  int named_ = 0;
};

/// All that can be seen of it.
std::string seen(const Standing& standing) {
  std::string text;
  for (NodeId n = 0; n < standing.nodes(); ++n) {
    if (!standing.stands(n)) continue;
    const cluster::Node& node = standing.node(n);
    text += node.name + (node.closed ? " closed" : "") + (node.kept ? " kept" : "");
    for (const cluster::Gpu& gpu : node.gpus) {
      text += " |";
      for (const cluster::Slice& s : gpu.slices)
        text += " " + std::to_string(s.form.profile) + "@" + std::to_string(s.start) +
                (s.pod == cluster::kNone ? "" : ":" + standing.pod(s.pod).name);
    }
    for (const GpuState state : standing.room(n).gpus) text += " " + std::to_string(state);
    text += " cpu " + std::to_string(standing.room(n).left.cpu_milli);
    for (const PodId pod : standing.pods_on(n)) text += " " + standing.pod(pod).name;
    text += "\n";
  }
  return text + std::to_string(standing.bill().micro);
}

/// A pod of the app "web", spread over zones with skew 1.
cluster::PodShape spread_web() {
  cluster::PodShape web = shape(slice("1g.10gb"));
  web.labels["app"] = "web";
  web.requests.pods = 1;
  cluster::PodSelector selector;
  selector.namespaces = {"default"};
  selector.labels = {{"app", cluster::Operator::In, {"web"}}};
  web.spread = {{1, 1, "topology.kubernetes.io/zone", selector}};
  return web;
}

/// Zone us-east-1z is not among those that can be bought in.
cluster::Node node_in(const Ground& ground, const std::string& name, char zone,
                      const std::string& team = "") {
  cluster::Node node = node_of(ground.market, ground.policy, "p5.4xlarge", name, gpu::GpuMode::Any,
                               std::string("us-east-1") + zone);
  if (!team.empty()) node.labels["team"] = team;
  return node;
}

TEST(Standing, ASpreadCountsNoPodsOnNodesThatItsPodsMayNotUse) {
  // The old pod in zone b is on a node of nobody's: for pods of the team zone b has none.
  for (const bool of_the_team : {false, true}) {
    Ground ground({"p5.4xlarge"});
    ground.policy.zones = {"us-east-1a", "us-east-1b"};
    Standing standing(ground.market, ground.policy);
    const std::vector<DeviceAt> devices = {
        ground.device(ground.node("p5.4xlarge"), 0, "1g.10gb@0")};
    const NodeId a = standing.add(node_in(ground, "a", 'a', "red"));
    const NodeId b = standing.add(node_in(ground, "b", 'b', "red"));
    const NodeId old = standing.add(node_in(ground, "old", 'b', of_the_team ? "red" : ""));
    cluster::PodShape red = spread_web();
    red.node_selector = {{"team", cluster::Operator::In, {"red"}}};
    const ShapeId web = standing.shape(red);
    standing.run({"new-0", web, a}, devices);
    standing.run({"old-0", standing.shape(spread_web()), old}, devices);
    EXPECT_EQ(standing.allows(web, a), of_the_team);
    EXPECT_TRUE(standing.allows(web, b));
  }
}

TEST(Standing, LabelsOfANodeThatIsTakenBackAreForgotten) {
  Ground ground({"p5.4xlarge"});
  ground.policy.zones = {"us-east-1a", "us-east-1b"};
  Standing standing(ground.market, ground.policy);
  const std::vector<DeviceAt> devices = {ground.device(ground.node("p5.4xlarge"), 0, "1g.10gb@0")};
  cluster::PodShape red = spread_web();
  red.node_selector = {{"team", cluster::Operator::In, {"red"}}};
  const ShapeId web = standing.shape(red);
  const NodeId a = standing.add(node_in(ground, "a", 'a', "red"));
  standing.run({"new-0", web, a}, devices);
  standing.begin();
  standing.add(node_in(ground, "tried", 'b', "red"));
  standing.rollback();
  const NodeId old = standing.add(node_in(ground, "old", 'b'));
  standing.run({"old-0", standing.shape(spread_web()), old}, devices);
  EXPECT_FALSE(standing.allows(web, a)) << "the pod in zone b is on a node of nobody's";
}

TEST(Standing, AZoneThatNobodyCanUseAnyMoreCountsForNoSpread) {
  Ground ground({"p5.4xlarge"});
  ground.policy.zones = {"us-east-1a"};
  Standing standing(ground.market, ground.policy);
  const std::vector<DeviceAt> devices = {ground.device(ground.node("p5.4xlarge"), 0, "1g.10gb@0")};
  const ShapeId web = standing.shape(spread_web());
  const NodeId a = standing.add(node_in(ground, "a", 'a'));
  const NodeId z = standing.add(node_in(ground, "z", 'z'));
  standing.run({"web-0", web, a}, devices);
  EXPECT_FALSE(standing.allows(web, a)) << "zone z has a node and no pod";
  standing.begin();
  standing.remove(z);
  EXPECT_TRUE(standing.allows(web, a)) << "zone z is no more";
  standing.rollback();
  EXPECT_FALSE(standing.allows(web, a)) << "it is there again";
  standing.remove(z);
  standing.begin();
  standing.add(node_in(ground, "z2", 'z'));
  EXPECT_FALSE(standing.allows(web, a));
  standing.rollback();
  EXPECT_TRUE(standing.allows(web, a)) << "it was never there";
}

TEST(Standing, RollbackTakesEverythingBack) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Ground ground({"p5.4xlarge", "p4d.24xlarge"});
    ground.node("p5.4xlarge");
    ground.node("p4d.24xlarge");
    Changes changes(ground, seed);
    changes.some(60);
    const std::string before = seen(ground.standing);
    const std::size_t nodes = ground.standing.nodes();
    ground.standing.begin();
    changes.some(30);
    const std::string middle = seen(ground.standing);
    ground.standing.begin();
    changes.some(30);
    ground.standing.rollback();
    EXPECT_EQ(seen(ground.standing), middle) << seed;
    ground.standing.begin();
    changes.some(10);
    ground.standing.commit();
    ground.standing.rollback();
    EXPECT_EQ(seen(ground.standing), before) << seed;
    EXPECT_EQ(ground.standing.nodes(), nodes);
    EXPECT_EQ(ground.faults(), std::vector<std::string>{}) << seed;
  }
}

TEST(Standing, ASnapshotBuildsTheSameAgain) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Ground ground({"p5.4xlarge", "p4d.24xlarge"});
    ground.node("p4d.24xlarge");
    Changes(ground, seed).some(120);
    const cluster::Snapshot snapshot = ground.standing.snapshot();
    const Standing again(snapshot, ground.market, ground.policy);
    EXPECT_EQ(seen(again), seen(ground.standing)) << seed;
    EXPECT_EQ(ground.faults(), std::vector<std::string>{}) << seed;
  }
}

TEST(Standing, ReportsEveryNodeThatChanged) {
  Ground ground({"p5.4xlarge"});
  const NodeId a = ground.node("p5.4xlarge");
  const NodeId b = ground.node("p5.4xlarge");
  EXPECT_EQ(ground.standing.take_changes(), (std::vector<NodeId>{a, b}));
  const PodId pod =
      ground.run("x-0", shape(slice("1g.10gb")), b, {ground.device(b, 0, "1g.10gb@0")});
  EXPECT_EQ(ground.standing.take_changes(), std::vector<NodeId>{b});
  ground.standing.mark(a, true, false);
  ground.standing.release(pod);
  EXPECT_EQ(ground.standing.take_changes(), (std::vector<NodeId>{a, b}));
  EXPECT_TRUE(ground.standing.take_changes().empty());
}

}  // namespace
}  // namespace kerf::online
