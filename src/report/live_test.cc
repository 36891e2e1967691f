// The first lines of a cluster's plan where little stands, or little can be planned: no false
// comfort.
#include "report/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "report/cluster_testing.h"
#include "report/lines_testing.h"

namespace kerf::report {
namespace {

using ::testing::HasSubstr;
using testing::joined;
using ::testing::Not;
using testing::small_cluster;
using testing::StandingExample;

/// The first screen of a plan in which no pod is placed.
std::string nothing_placed(const StandingExample& e, bool selected = false) {
  plan::LivePlan live;
  live.today = plan::today_of(e.cluster);
  live.demand.planned = e.cluster.demand;
  for (std::uint32_t p = 0; p < e.cluster.demand.pods.size(); ++p)
    live.plan.unplaced.push_back({p, {}});
  const cluster::Policy policy;
  const LiveView view{live, e.cluster, e.market, policy, "context prod", {}, selected};
  return joined(live_table_first(view, {}));
}

TEST(Live, NothingThatIsPlacedSavesNothing) {
  StandingExample e;
  e.workload("a", "web", 1, "", cluster::GpuRequestKind::Whole);
  const std::string one = nothing_placed(e);
  EXPECT_THAT(one, HasSubstr("no GPU node that Kerf knows; 1 pod waits for a GPU"));
  EXPECT_THAT(one,
              HasSubstr("No GPU node is known. The one pod that asks for a GPU cannot be placed"));
  EXPECT_THAT(one, Not(HasSubstr("cost the same")));
  EXPECT_THAT(one, Not(HasSubstr("From what stands")));
  e.workload("a", "api", 2, "", cluster::GpuRequestKind::Whole);
  e.node("n", "g6.xlarge", {800'000});
  EXPECT_THAT(
      nothing_placed(e),
      HasSubstr("This cluster's GPU node costs $584.00 a month ($0.80/h). None of the 3 pods "
                "that ask for GPUs can be placed"));
}

TEST(Live, NodesThatNobodyAsksForAreNotNeeded) {
  StandingExample e;
  e.node("n", "g6.xlarge", {800'000});
  e.node("m", "p4d.24xlarge", {22'000'000});
  const std::string text = nothing_placed(e);
  EXPECT_THAT(text, HasSubstr("GPU nodes cost $16,644 a month ($22.80/h). No pod asks for a GPU"))
      << "whole dollars, although the plan costs nothing";
  EXPECT_THAT(text, HasSubstr("2 GPU nodes with 9 GPUs, 0 pods on them"));
}

TEST(Live, OneIsNotSeveral) {
  StandingExample e;
  e.workload("a", "web", 1, "", cluster::GpuRequestKind::Whole);
  e.node("n", "g6.xlarge", {800'000});
  e.seat(0, 0, gpu::Form{}, 0, {800'000});
  EXPECT_THAT(nothing_placed(e), HasSubstr("1 GPU node with 1 GPU, 1 pod on it"));
}

TEST(Live, APartOfAClusterIsNotCalledTheCluster) {
  StandingExample e = small_cluster();
  EXPECT_THAT(nothing_placed(e), HasSubstr("This cluster's GPU nodes cost $16,736 a month"));
  e.cluster.nodes[0].shared = true;
  const std::string text = nothing_placed(e, true);
  EXPECT_THAT(text,
              HasSubstr("These pods' GPU nodes cost $16,736 a month ($22.93/h; of 1 node that "
                        "is shared with other pods, their part)."));
  EXPECT_THAT(text, Not(HasSubstr("This cluster")));
}

TEST(Live, WhatIsMissingInTheFiguresIsSaidAboveThem) {
  StandingExample e = small_cluster();  // of whose nodes one is not ready
  e.cluster.nodes[0].unpriced = true;
  e.cluster.demand.left_out = {{"node", "it cannot be read: no name", 2},
                               {"pod", "it cannot be read: no containers", 1},
                               {"pod", "being deleted", 7}};
  const std::string text = nothing_placed(e);
  EXPECT_THAT(text,
              HasSubstr("1 node is not ready or offers no GPU, for $0.53/h: kerf status names "
                        "it."));
  EXPECT_THAT(text, HasSubstr("1 node has no price (p4d.24xlarge) and counts as $0, today and in "
                              "the plan: --prices FILE has one."));
  EXPECT_THAT(text, HasSubstr("2 nodes and 1 pod cannot be read and are left out of every figure"));
}

}  // namespace
}  // namespace kerf::report
