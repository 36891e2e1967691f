// check_snapshot goes by the labels, taints and slices that nodes have, not by those that the
// policy wants.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "core/check/snapshot_testing.h"

namespace kerf::check {
namespace {

using cluster::Operator;
using testing::app;
using testing::expect_holds;
using testing::Slice;
using testing::SliceState;
using testing::Stands;
using Breaches = testing::StandingBreaches;

TEST(CheckSnapshotNodes, ReportsPodsThatTheNodesOwnLabelsAndTaintsKeepOff) {
  testing::expect_reported<Stands>(Breaches{
      {"a taint of the node alone",
       [](Stands& s) {
         s.p4d().taints = {{"team", "red", "NoSchedule"}};
         for (const std::uint32_t pod : {s.fleet.llm0, s.fleet.ten})
           s.shape(pod).tolerations = {{"team", true, "", ""}};
       },
       "pod default/small-0 cannot run on node 1 (p4d.12xlarge): it does not tolerate the taint "
       "team"},
      {"a taint of Kubernetes on a node that is open",
       [](Stands& s) {
         s.any().taints = {{"node.kubernetes.io/not-ready", "", "NoExecute"}};
       },
       "it does not tolerate the taint node.kubernetes.io/not-ready"},
      {"another taint on a node that is closed",
       [](Stands& s) {
         s.any().closed = true;
         s.any().taints = {{"team", "red", "NoExecute"}};
       },
       "it does not tolerate the taint team"},
      {"a label of the policy that the node lacks",
       [](Stands& s) {
         s.fleet.policy.node_labels = {{"team", "blue"}};
         s.shape(s.fleet.any).node_selector = {{"team", Operator::In, {"blue"}}};
       },
       "pod default/any-0 cannot run on node 3 (g4dn.xlarge): its node selector on team"},
      {"another value than the policy's",
       [](Stands& s) {
         s.fleet.policy.node_labels = {{"team", "blue"}};
         s.any().labels["team"] = "red";
         s.shape(s.fleet.any).node_affinity = {{{"team", Operator::In, {"blue"}}}};
       },
       "no term of its node affinity holds"},
      {"a label of its type that the node lacks",
       [](Stands& s) {
         s.any().labels.erase("nvidia.com/gpu.present");
         s.shape(s.fleet.any).node_selector = {{"nvidia.com/gpu.present", Operator::In, {"true"}}};
       },
       "its node selector on nvidia.com/gpu.present"},
      {"a zone label that the node lacks",
       [](Stands& s) {
         s.any().labels.erase(kZoneLabel);
         s.shape(s.fleet.any).node_selector = {{kZoneLabel, Operator::In, {"us-east-1a"}}};
       },
       "its node selector on topology.kubernetes.io/zone"},
  });
}

TEST(CheckSnapshotNodes, ReportsLabelsThatTypeAndZoneDecideOtherwise) {
  const Stands stands;
  for (const auto& [label, value] : stands.snapshot.nodes[3].labels) {
    if (label == kHostnameLabel) continue;
    const std::string key = label;
    testing::expect_reported<Stands>(Breaches{
        {key, [&](Stands& s) { s.any().labels[key] = "else"; },
         "node 3 (g4dn.xlarge) has the label " + key + "=else, and its type and zone make it " +
             value},
    });
  }
}

TEST(CheckSnapshotNodes, ReportsSlicesThatCannotBeHeld) {
  testing::expect_reported<Stands>(Breaches{
      {"lost", [](Stands& s) { s.small().state = SliceState::Lost; },
       "node 1 (p4d.12xlarge): a lost slice is held by a pod"},
      {"retiring", [](Stands& s) { s.small().state = SliceState::Retiring; },
       "node 1 (p4d.12xlarge): a retiring slice is held by a pod"},
      {"free", [](Stands& s) { s.small().state = SliceState::Free; },
       "node 1 (p4d.12xlarge): a free slice is held by a pod"},
  });
}

TEST(CheckSnapshotNodes, AcceptsNodesThatAreNotAsThePolicyWantsNewOnes) {
  expect_holds("a taint of the policy that no node has", [](Stands& s) {
    s.fleet.policy.node_taints = {{"team", "red", "NoSchedule"}};
  });
  expect_holds("a label of the policy with another value", [](Stands& s) {
    s.fleet.policy.node_labels = {{"team", "blue"}};
    s.any().labels["team"] = "red";
    s.shape(s.fleet.any).node_selector = {{"team", Operator::In, {"red"}}};
  });
  expect_holds("labels left out", [](Stands& s) { s.any().labels.clear(); });
  expect_holds("another name of the product",
               [](Stands& s) { s.p5().labels["nvidia.com/gpu.product"] = "NVIDIA-H100-PCIE"; });
  expect_holds("cordoned", [](Stands& s) {
    s.any().closed = true;
    s.any().taints = {{"node.kubernetes.io/unschedulable", "", "NoSchedule"}};
  });
  expect_holds("Kerf's own taint, and one that repels nobody for sure", [](Stands& s) {
    s.any().taints = {{"kerf.dev/slices", "", "NoSchedule"}, {"team", "red", "PreferNoSchedule"}};
  });
}

/// The two turns are spread over zones and select the team's nodes: their own in zone a, the
/// fractional one in zone b. Pod any-0 is one more of theirs, in zone b, on a node of nobody's.
void spread_the_team(Stands& s) {
  s.part().labels["team"] = s.turns().labels["team"] = "red";
  for (cluster::Node* node : {&s.part(), &s.any()}) {
    node->zone = "us-east-1b";
    node->labels[kZoneLabel] = node->labels[kZoneLabelBeta] = node->zone;
  }
  s.shape(s.fleet.turn0).spread = {{2, 1, kZoneLabel, app("turn")}};
  s.shape(s.fleet.turn0).node_selector = {{"team", Operator::In, {"red"}}};
  s.shape(s.fleet.any).labels["app"] = "turn";
}

TEST(CheckSnapshotNodes, CountsForASpreadOnlyPodsOnNodesThatThePodAdmits) {
  expect_holds("two in zone a, none in zone b, skew 2", spread_the_team);
  const auto tighter = [](Stands& s) {
    spread_the_team(s);
    s.shape(s.fleet.turn0).spread[0].max_skew = 1;
  };
  testing::expect_reported<Stands>(Breaches{
      {"none on the team's node in zone b", tighter,
       "2 like pods share its topology.kubernetes.io/zone, 0 the least, and the skew may be 1"}});
  expect_holds("the node in zone b is the team's", [&](Stands& s) {
    tighter(s);
    s.any().labels["team"] = "red";
  });
  expect_holds("one more in zone a, on a node of nobody's", [](Stands& s) {
    spread_the_team(s);
    s.any().zone = "us-east-1a";
    s.any().labels[kZoneLabel] = s.any().labels[kZoneLabelBeta] = s.any().zone;
  });
}

TEST(CheckSnapshotNodes, CountsForASpreadOnlyNodesWithAllItsTopologyKeys) {
  // kube-scheduler takes no notice of a node that lacks one of the keys, for either constraint.
  const auto racks = [](Stands& s) {
    spread_the_team(s);
    s.shape(s.fleet.turn0).spread.push_back({2, 1, "example.com/rack", app("turn")});
    s.shape(s.fleet.turn0).spread[0].max_skew = 1;
    s.turns().labels["example.com/rack"] = "one";
  };
  expect_holds("no node in zone b has a rack", racks);
  testing::expect_reported<Stands>(Breaches{
      {"one has",
       [&](Stands& s) {
         racks(s);
         s.part().labels["example.com/rack"] = "two";
       },
       "2 like pods share its topology.kubernetes.io/zone, 0 the least, and the skew may be 1"}});
}

TEST(TouchedPods, SeesThatAGpuIsSharedByAnotherNumber) {
  const Stands before;
  Stands after;
  for (Slice& slice : after.turns().gpus[0].slices) slice.form.replicas = 2;
  EXPECT_EQ(touched_pods(before.snapshot, after.snapshot).size(), 2U);
}

}  // namespace
}  // namespace kerf::check
