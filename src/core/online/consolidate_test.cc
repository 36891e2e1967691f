// consolidate: what it proposes can be done, in order, and saves what it says.
#include "core/online/consolidate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/online/consolidate_testing.h"
#include "core/online/place.h"

namespace kerf::online {
namespace {

using testing::Ground;
using testing::shape;
using testing::slice;
using testing::unlimited;

/// Nodes with a few pods each, as departures leave them.
void scatter(Ground& ground, std::uint64_t seed) {
  Prng prng(seed);
  const std::vector<std::string> profiles = {"1g.10gb", "2g.20gb", "3g.40gb", "1g.5gb", "2g.10gb"};
  const std::uint64_t nodes = 2 + prng.below(6);
  for (std::uint64_t n = 0; n < nodes; ++n)
    ground.node(prng.below(3) == 0 ? "p4d.24xlarge" : "p5.4xlarge");
  Placer placer(ground.standing, {});
  std::vector<PodId> pods;
  const std::uint64_t wanted = 4 + prng.below(30);
  for (std::uint64_t p = 0; p < wanted; ++p) {
    const ShapeId wants =
        ground.standing.shape(shape(slice(profiles[prng.below(profiles.size())]), 500, 1024));
    const auto place = placer.find(wants);
    if (!place) continue;
    cluster::Running pod;
    pod.name = "pod-" + std::to_string(p);
    pod.shape = wants;
    pod.node = place->node;
    pod.owner = static_cast<std::uint32_t>(prng.below(4));
    pod.budget = prng.below(4) == 0 ? 0 : cluster::kNone;
    pod.fixed = prng.below(15) == 0;
    pods.push_back(ground.standing.run(pod, place->devices));
  }
  ground.standing.budgets() = {static_cast<std::int64_t>(prng.below(4))};
  for (const PodId pod : pods)
    if (prng.below(2) == 0) ground.standing.release(pod);
  for (NodeId node = 0; node < ground.standing.nodes(); ++node)
    if (prng.below(8) == 0) ground.standing.mark(node, false, true);
}

TEST(Consolidate, AnEmptyNodeGoesBackEvenOutsideTheWindow) {
  Ground ground({"p5.4xlarge"});
  const NodeId empty = ground.node("p5.4xlarge");
  const NodeId busy = ground.node("p5.4xlarge");
  ground.run("a-0", shape(slice("1g.10gb")), busy, {ground.device(busy, 0, "1g.10gb@0")});
  ConsolidateLimits limits = unlimited();
  limits.open = false;
  const std::vector<Proposal> proposals = consolidate(ground.standing, limits);
  ASSERT_EQ(proposals.size(), 1U);
  EXPECT_EQ(proposals[0].kind, ProposalKind::ReturnEmpty);
  EXPECT_EQ(proposals[0].returns, std::vector<NodeId>{empty});
  EXPECT_EQ(proposals[0].saving, ground.standing.node(empty).price);
}

TEST(Consolidate, FreesTheNodeWithTheFewestPods) {
  testing::FewAndMany ground;
  const std::vector<Proposal> proposals = consolidate(ground.standing, unlimited());
  ASSERT_EQ(proposals.size(), 1U);
  EXPECT_EQ(proposals[0].kind, ProposalKind::FreeNode);
  EXPECT_EQ(proposals[0].returns, std::vector<NodeId>{ground.few});
  ASSERT_EQ(proposals[0].moves.size(), 1U);
  EXPECT_EQ(proposals[0].moves[0].pod, ground.pod);
  EXPECT_EQ(proposals[0].moves[0].to, ground.many);
}

TEST(Consolidate, KeptNodesFixedPodsAndUsedUpBudgetsStay) {
  const cluster::PodShape small = shape(slice("1g.10gb"), 500, 1024);
  for (int rule = 0; rule < 4; ++rule) {
    Ground ground({"p5.4xlarge"});
    for (int n = 0; n < 2; ++n) {
      const NodeId node = ground.node("p5.4xlarge");
      cluster::PodShape pod = small;
      pod.requests.pods = 1;
      cluster::Running running;
      running.name = "a-" + std::to_string(n);
      running.shape = ground.standing.shape(pod);
      running.node = node;
      running.fixed = rule == 1;
      running.budget = rule == 2 ? 0 : cluster::kNone;
      ground.standing.run(running, {ground.device(node, 0, "1g.10gb@0")});
      if (rule == 0) ground.standing.mark(node, false, true);
    }
    ground.standing.budgets() = {0};
    ConsolidateLimits limits = unlimited();
    if (rule == 3) limits.moves = 0;
    EXPECT_TRUE(consolidate(ground.standing, limits).empty()) << rule;
  }
}

TEST(Consolidate, WhatItProposesHoldsWhenItsTurnComesAndSavesWhatItSays) {
  std::size_t proposed = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Ground ground({"p5.4xlarge", "p4d.24xlarge", "g7e.2xlarge"});
    scatter(ground, seed);
    ConsolidateLimits limits = unlimited();
    if (seed % 3 == 0) limits.moves = 3;
    const cluster::Snapshot before = ground.standing.snapshot();
    const std::vector<Proposal> proposals = consolidate(ground.standing, limits);
    EXPECT_TRUE(check::touched_pods(before, ground.standing.snapshot()).empty()) << seed;
    const std::vector<std::int64_t> budgets = ground.standing.budgets();
    std::int64_t moves = 0;
    std::set<std::string> moved;
    for (const Proposal& proposal : proposals) {
      ++proposed;
      ASSERT_EQ(why_stale(ground.standing, limits, proposal), "") << seed;
      for (const Move& move : proposal.moves) {
        EXPECT_FALSE(ground.standing.pod(move.pod).fixed) << seed;
        EXPECT_TRUE(moved.insert(ground.standing.pod(move.pod).name).second) << "moved twice";
      }
      for (const NodeId node : proposal.returns)
        EXPECT_FALSE(ground.standing.node(node).kept) << seed;
      const MicroUsdPerHour bill = ground.standing.bill();
      carry_out(ground.standing, proposal);
      EXPECT_EQ(bill - ground.standing.bill(), proposal.saving) << seed;
      EXPECT_GT(proposal.saving.micro, 0) << seed;
      EXPECT_EQ(ground.faults(), std::vector<std::string>{}) << seed;
      moves += proposal.disruption;
    }
    EXPECT_LE(moves, limits.moves) << seed;
    for (const std::int64_t left : ground.standing.budgets()) EXPECT_GE(left, 0) << seed;
    EXPECT_EQ(ground.standing.snapshot().pods.size(), before.pods.size()) << seed;
    EXPECT_EQ(budgets.size(), ground.standing.budgets().size());
  }
  EXPECT_GT(proposed, 150U);
}

TEST(Consolidate, SaysWhyAProposalIsStale) {
  testing::FewAndMany ground;
  const NodeId few = ground.few, many = ground.many;
  const PodId pod = ground.pod;
  const cluster::PodShape& small = ground.small;
  const Proposal proposal = consolidate(ground.standing, unlimited()).at(0);
  const auto why = [&](const std::function<void()>& change) {
    ground.standing.begin();
    change();
    const std::string word = why_stale(ground.standing, unlimited(), proposal);
    ground.standing.rollback();
    return word;
  };
  EXPECT_EQ(why([] {}), "");
  EXPECT_EQ(why([&] { ground.standing.mark(few, false, true); }), "kept");
  EXPECT_EQ(why([&] { ground.standing.mark(many, true, false); }), "closed");
  EXPECT_EQ(why([&] { ground.standing.release(pod); }), "pod-gone");
  EXPECT_EQ(why([&] { ground.run("c-0", small, few, {ground.device(few, 0, "1g.10gb@3")}); }),
            "not-empty");
  EXPECT_EQ(why([&] {
              cluster::Running taker;
              taker.name = "taker-0";
              taker.shape = ground.standing.pod(pod).shape;
              taker.node = many;
              ground.standing.run(taker, proposal.moves[0].devices);
            }),
            "destination-taken");
  EXPECT_EQ(why([&] { ground.standing.remove(many); }), "node-gone");
}

TEST(Consolidate, OpensASlotByMovingTheLeast) {
  testing::InTheWay ground(3);
  const ShapeId wants = ground.standing.shape(ground.large);
  const auto opened = open_slot(ground.standing, unlimited(), wants, {6'880'000});
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->kind, ProposalKind::OpenSlot);
  EXPECT_EQ(opened->slot_node, ground.a);
  ASSERT_EQ(opened->moves.size(), 1U);
  EXPECT_EQ(opened->moves[0].pod, ground.in_the_way);
  EXPECT_EQ(opened->moves[0].to, ground.b);
  carry_out(ground.standing, *opened);
  EXPECT_TRUE(ground.standing.fits(wants, ground.a, opened->slot));
}

}  // namespace
}  // namespace kerf::online
