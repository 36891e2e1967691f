// Why a pod is where it is: a running, a waiting and a misplaced one as a person reads them.
#include "report/why.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/json.h"
#include "report/cluster_testing.h"
#include "report/lines_testing.h"

namespace kerf::report {
namespace {

using testing::expect_tame;
using ::testing::HasSubstr;
using testing::joined;
using testing::small_cluster;
using testing::StandingExample;

std::string why(const StandingExample& e, const WhyTarget& target,
                const TableOptions& options = {}) {
  const cluster::Policy policy;
  return why_table(e.standing(), find_why(e.standing(), policy, target), options);
}

TEST(Why, APodThatRunsReadsLikeThis) {
  EXPECT_EQ("\n" + why(small_cluster(), {1, 5}), R"(
context prod, read 2026-11-30T10:00:00Z

team-a/train-0, a pod of deploy/train, asks for nvidia.com/gpu, 1 CPU, 2.0 GiB of memory.

It runs on ip-10-0-1-12.ec2.internal (p4d.24xlarge, on-demand, us-east-1a), on whole A100-40.
It costs $2.8000/h, $2,044 a month: the price of the GPUs' memory that it holds.

What could serve it, bought anew
                 in a full node   by itself  cheapest on
  whole T4            $0.5260/h   $0.5260/h  g4dn.xlarge
  whole L4            $0.8000/h   $0.8000/h  g6.xlarge
  whole A100-40       $2.8000/h  $22.4000/h  p4d.24xlarge  now
  For one pod. In a full node: its part of a node that pods like it fill. By itself: whole nodes for
  this workload alone.
whole T4 in a full node would cost $2.2740/h less than what it holds now ($2.8000/h at list prices).
Its request is for any GPU: whether one with less memory or speed is enough, Kerf cannot know.

None of its constraints by itself makes it dearer.
)");
}

TEST(Why, APodThatWaitsReadsLikeThis) {
  EXPECT_EQ("\n" + why(small_cluster(), {0, 3}), R"(
context prod, read 2026-11-30T10:00:00Z

team-a/embed-3, a pod of deploy/embed, asks for nvidia.com/mig-1g.5gb, 1 CPU, 2.0 GiB of memory.

It waits. The scheduler says: 0/3 nodes are available: 3 Insufficient nvidia.com/mig-1g.5gb.
Every nvidia.com/mig-1g.5gb that it could use is held by another pod.
  2 nodes  no such device                      ip-10-0-2-7.ec2.internal, ip-10-0-3-9.ec2.internal
   1 node  such devices, and too few are free  ip-10-0-1-12.ec2.internal

What could serve it, bought anew
                  in a full node  by itself  cheapest on
  1g.5gb A100-40       $0.4000/h  $4.4800/h  p4d.24xlarge
  For one pod. In a full node: its part of a node that pods like it fill. By itself: whole nodes for
  this workload alone.

The constraint that costs most: profile 1g.5gb by name (not kerf.dev/gpu-5gi). Without it, by
itself, a pod could cost $3.9540/h less, $2,886 a month.
  without                                        in a full node  saves  by itself      saves
  profile 1g.5gb by name (not kerf.dev/gpu-5gi)       $0.4000/h      -  $0.5260/h  $3.9540/h
)");
}

TEST(Why, AWorkloadReadsLikeThis) {
  EXPECT_EQ("\n" + why(small_cluster(), {0, {}}), R"(
context prod, read 2026-11-30T10:00:00Z

team-a/deploy/embed asks for nvidia.com/mig-1g.5gb, 1 CPU, 2.0 GiB of memory for each pod.

3 pods run. They cost $1.0500/h, $767 a month: the price of the GPUs' memory that they hold.
  ip-10-0-1-12.ec2.internal  p4d.24xlarge  1g.5gb A100-40  3 pods  $1.0500/h

2 pods wait. The scheduler says: 0/3 nodes are available: 3 Insufficient nvidia.com/mig-1g.5gb.
Every nvidia.com/mig-1g.5gb that it could use is held by another pod.
  2 nodes  no such device                      ip-10-0-2-7.ec2.internal, ip-10-0-3-9.ec2.internal
   1 node  such devices, and too few are free  ip-10-0-1-12.ec2.internal

What could serve it, bought anew
                  in a full node  by itself  cheapest on
  1g.5gb A100-40       $0.4000/h  $4.4800/h  p4d.24xlarge  now
  For one pod. In a full node: its part of a node that pods like it fill. By itself: whole nodes for
  this workload alone.
None is cheaper than what a pod holds now ($0.3500/h at list prices).

The constraint that costs most: profile 1g.5gb by name (not kerf.dev/gpu-5gi). Without it, by
itself, a pod could cost $3.9540/h less, $2,886 a month.
  without                                        in a full node  saves  by itself      saves
  profile 1g.5gb by name (not kerf.dev/gpu-5gi)       $0.4000/h      -  $0.5260/h  $3.9540/h
)");
}

TEST(Why, AnOwnedNodeHasAValue) {
  EXPECT_THAT(joined(why(small_cluster(), {2, 6})),
              HasSubstr("(g6.xlarge, owned, us-east-1a), on whole L4. It costs $0.0000/h, $0 a "
                        "month; at list prices $0.8000/h"));
}

TEST(Why, APodElsewhereHasNoCost) {
  EXPECT_THAT(
      joined(why(small_cluster(), {2, 7})),
      HasSubstr("It is bound to fargate-10-0-9-9, which is no GPU node that Kerf can price"));
}

TEST(Why, SaysInASentenceWhatKeepsItFromTheNodes) {
  const auto verdict = [](const auto& change) {
    StandingExample e = small_cluster();
    change(e);
    return joined(why(e, {0, 3}));
  };
  const auto serve = [](StandingExample& e) {  // a fourth device that nobody holds
    auto& slices = e.cluster.nodes[0].gpus[0].slices;
    slices.insert(slices.begin() + 3, slices[0]);
    slices[3].start = 3;
    slices[3].pod = cluster::kNone;
  };
  EXPECT_THAT(verdict([](StandingExample& e) { e.cluster.nodes.clear(); }),
              HasSubstr("There is no GPU node at all."));
  EXPECT_THAT(verdict([](StandingExample& e) { e.cluster.nodes[0].gpus[0].slices.clear(); }),
              HasSubstr("No node that stands offers nvidia.com/mig-1g.5gb"));
  EXPECT_THAT(verdict([](StandingExample&) {}),
              HasSubstr("Every nvidia.com/mig-1g.5gb that it could use is held by another pod."));
  EXPECT_THAT(verdict(serve), HasSubstr("As far as Kerf sees it would fit on a node that stands"));
  EXPECT_THAT(verdict([&](StandingExample& e) {
                serve(e);
                e.cluster.nodes[0].used.cpu_milli = e.cluster.nodes[0].allocatable.cpu_milli;
              }),
              HasSubstr("CPU or memory of its node is used up"));
  EXPECT_THAT(verdict([&](StandingExample& e) {
                serve(e);
                e.cluster.nodes[0].taints = {{"team", "x", "NoSchedule"}};
              }),
              HasSubstr("its own rules keep it from them"));
}

TEST(Why, NamesTheConstraintThatKeepsItFromEverything) {
  StandingExample e = small_cluster();
  e.cluster.demand.shapes[2].node_selector = {
      {"karpenter.k8s.aws/instance-family", cluster::Operator::In, {"p99"}}};
  const std::string text = joined(why(e, {2, {}}));
  EXPECT_THAT(text, HasSubstr("Nothing on sale can serve it."));
  EXPECT_THAT(text, HasSubstr("It could run without one of these"));
  EXPECT_THAT(text, HasSubstr("node selector karpenter.k8s.aws/instance-family=p99"));
}

TEST(Why, NoNameBreaksALineOrATerminal) {
  for (const std::string& name : {std::string(253, 'x'), std::string("a\x1b[31mred\x07"),
                                  std::string("\xff\n\t"), std::string()}) {
    StandingExample e = small_cluster();
    for (cluster::StandingNode& node : e.cluster.nodes) node.name = node.zone = name;
    for (cluster::Pod& pod : e.cluster.demand.pods) pod.name = name;
    for (cluster::Workload& workload : e.cluster.demand.workloads)
      workload.ns = workload.name = workload.kind = name;
    for (cluster::PodFacts& facts : e.cluster.pods) facts.waits = facts.nominated = name;
    e.cluster.pods[7].elsewhere = name + "!";
    for (cluster::PodShape& shape : e.cluster.demand.shapes)
      shape.node_selector = {{name, cluster::Operator::In, {name}}};
    const cluster::Policy policy;
    for (const WhyTarget& target :
         {WhyTarget{0, {}}, WhyTarget{0, 0}, WhyTarget{0, 3}, WhyTarget{2, 7}}) {
      const Why found = find_why(e.standing(), policy, target);
      for (const bool unicode : {true, false})
        expect_tame(why_table(e.standing(), found, {false, unicode, true}), !unicode);
      EXPECT_FALSE(codec::write_json(why_json(e.standing(), found)).empty());
    }
  }
}

TEST(Why, TheDocumentSaysWhatTheTextSays) {
  const StandingExample e = small_cluster();
  const cluster::Policy policy;
  const codec::Node document = why_json(e.standing(), find_why(e.standing(), policy, {0, 3}));
  EXPECT_EQ(document.find("apiVersion")->text, "kerf.dev/why/v1alpha1");
  EXPECT_EQ(document.find("target")->find("pod")->text, "embed-3");
  EXPECT_EQ(document.find("pods")->items.at(0).find("state")->text, "waits");
  EXPECT_EQ(document.find("obstacles")->items.at(0).find("obstacle")->text, "no-device");
  EXPECT_EQ(document.find("forms")->items.at(0).find("form")->text, "1g.5gb A100-40");
  EXPECT_TRUE(document.find("why_not")->is_null());
}

}  // namespace
}  // namespace kerf::report
