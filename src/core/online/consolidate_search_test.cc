// consolidate and open_slot against plain search over everything, on small clusters.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/online/consolidate.h"
#include "core/online/consolidate_testing.h"

namespace kerf::online {
namespace {

using testing::Ground;
using testing::moves_only;
using testing::shape;
using testing::slice;
using testing::types;

bool sends_on(const Proposal& proposal) {
  return std::any_of(proposal.moves.begin(), proposal.moves.end(), [&](const Move& move) {
    return std::find(proposal.returns.begin(), proposal.returns.end(), move.from) ==
           proposal.returns.end();
  });
}

TEST(ConsolidateSearch, SavesAtLeastWhatTheBestNodeAloneWould) {
  int freeable = 0, not_freeable = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    Ground ground(types());
    testing::small_cluster(ground, prng, 2 + prng.below(3), 2 + prng.below(6));
    Standing& standing = ground.standing;
    MicroUsdPerHour best;
    for (NodeId node = 0; node < standing.nodes(); ++node)
      if (!standing.pods_on(node).empty() && standing.pods_on(node).size() <= 3 &&
          standing.node(node).price > best) {
        // An empty node is given back first, so nobody goes there.
        standing.begin();
        for (NodeId other = 0; other < standing.nodes(); ++other)
          if (standing.pods_on(other).empty()) standing.mark(other, true, false);
        if (testing::can_be_freed(standing, node)) best = standing.node(node).price;
        standing.rollback();
      }
    MicroUsdPerHour freed;
    bool plain = false;
    for (const Proposal& proposal : consolidate(standing, moves_only())) {
      if (proposal.kind == ProposalKind::ReturnEmpty) continue;
      freed += proposal.saving;
      plain = plain || (!sends_on(proposal) && proposal.moves.size() <= 3);
    }
    EXPECT_GE(freed, best) << seed;
    // And what it frees by moves of the node's own pods alone, plain search frees as well.
    EXPECT_TRUE(best.micro > 0 || !plain) << seed;
    ++(best.micro > 0 ? freeable : not_freeable);
  }
  EXPECT_GT(freeable, 40);
  EXPECT_GT(not_freeable, 40);
}

TEST(ConsolidateSearch, OnceAllIsDoneNoNodeCanBeFreedByItsOwnPods) {
  int tried = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    Prng prng(seed);
    Ground ground(types());
    testing::small_cluster(ground, prng, 3 + prng.below(3), 3 + prng.below(8));
    const std::vector<Proposal> first = consolidate(ground.standing, moves_only());
    if (std::any_of(first.begin(), first.end(), sends_on)) continue;  // that leaves other room
    for (const Proposal& proposal : first) carry_out(ground.standing, proposal);
    for (const Proposal& proposal : consolidate(ground.standing, moves_only()))
      EXPECT_TRUE(sends_on(proposal)) << seed;
    for (NodeId node = 0; node < ground.standing.nodes(); ++node)
      if (ground.standing.stands(node) && ground.standing.pods_on(node).size() <= 3) {
        EXPECT_FALSE(testing::can_be_freed(ground.standing, node)) << seed;
      }
    ++tried;
  }
  EXPECT_GT(tried, 80);
}

TEST(ConsolidateSearch, SendsASmallPodOnWhereThatFreesANode) {
  // 2g.20gb fits beside nothing on b as it is; its 1g.10gb fits on c, where nothing else does.
  Ground ground({"p5.4xlarge"});
  const NodeId a = ground.node("p5.4xlarge");
  const NodeId b = ground.node("p5.4xlarge");
  const NodeId c = ground.node("p5.4xlarge");
  const auto run = [&](const std::string& name, NodeId node, const std::string& device) {
    return ground.run(name, shape(slice(device.substr(0, device.find('@'))), 500, 1024), node,
                      {ground.device(node, 0, device)});
  };
  run("a-0", a, "2g.20gb@0");
  const PodId small = run("b-0", b, "1g.10gb@0");
  run("b-1", b, "2g.20gb@2");
  run("b-2", b, "3g.40gb@4");
  run("c-0", c, "3g.40gb@4");
  run("c-1", c, "2g.20gb@0");
  run("c-2", c, "1g.10gb@2");
  ground.standing.mark(b, false, true);
  ground.standing.mark(c, false, true);
  const std::vector<Proposal> proposals = consolidate(ground.standing, moves_only());
  ASSERT_EQ(proposals.size(), 1U);
  EXPECT_EQ(proposals[0].returns, std::vector<NodeId>{a});
  ASSERT_EQ(proposals[0].moves.size(), 2U);
  EXPECT_EQ(proposals[0].moves[0].pod, small);
  EXPECT_EQ(proposals[0].moves[0].to, c);
  EXPECT_EQ(proposals[0].moves[1].to, b);
  EXPECT_EQ(why_stale(ground.standing, moves_only(), proposals[0]), "");
}

/// The fewest pods of one node, at most two, without which the shape fits there; by trying all.
std::optional<std::size_t> fewest(Standing& standing, ShapeId pending) {
  for (std::size_t moves = 0; moves <= 2; ++moves)
    for (NodeId node = 0; node < standing.nodes(); ++node) {
      const std::vector<PodId> pods = standing.pods_on(node);
      for (std::size_t i = 0; i < (moves > 0 ? pods.size() : 1); ++i)
        for (std::size_t j = i; j < (moves > 1 ? pods.size() : i + 1); ++j) {
          std::vector<PodId> chosen;
          if (moves > 0) chosen.push_back(pods[i]);
          if (moves > 1) chosen.push_back(pods[j]);
          if (moves > 1 && i == j) continue;
          if (testing::without(standing, chosen, [&](const std::vector<cluster::Running>& gone) {
                return !testing::places_on(standing, pending, node).empty() &&
                       testing::all_fit(standing, gone, node);
              }))
            return moves;
        }
    }
  return std::nullopt;
}

TEST(OpenSlot, MovesAsFewPodsAsPlainSearch) {
  int by_one = 0, by_two = 0, never = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Prng prng(seed);
    Ground ground(types());
    Standing& standing = ground.standing;
    testing::small_cluster(ground, prng, 2 + prng.below(2), 6 + prng.below(8));
    const char* profiles[] = {"2g.20gb", "3g.40gb", "4g.40gb", "1g.24gb", "7g.80gb"};
    const ShapeId pending = standing.shape(shape(slice(profiles[prng.below(5)]), 500, 1024));
    const std::optional<std::size_t> least = fewest(standing, pending);
    ConsolidateLimits limits = moves_only();
    limits.moves = 2;
    const auto opened = open_slot(standing, limits, pending, {5'000'000});
    ASSERT_EQ(opened.has_value(), least.has_value() && *least > 0) << seed;
    ++(!least ? never : *least == 1 ? by_one : by_two);
    if (!opened) continue;
    EXPECT_EQ(opened->moves.size(), *least) << seed;
    EXPECT_EQ(why_stale(standing, limits, *opened), "") << seed;
    carry_out(standing, *opened);
    EXPECT_TRUE(standing.fits(pending, opened->slot_node, opened->slot)) << seed;
    EXPECT_EQ(ground.faults(), std::vector<std::string>{}) << seed;
  }
  EXPECT_GT(by_one, 5);
  EXPECT_GT(by_two, 0);
  EXPECT_GT(never, 20);
}

TEST(OpenSlot, MovesNobodyForLessThanTheMovesCost) {
  testing::InTheWay ground(1);
  const ShapeId wants = ground.standing.shape(ground.large);
  ConsolidateLimits limits = moves_only();
  limits.least_per_move = {1'000'000};
  EXPECT_TRUE(open_slot(ground.standing, limits, wants, {1'000'001}).has_value());
  EXPECT_FALSE(open_slot(ground.standing, limits, wants, {1'000'000}).has_value());
  limits.open = false;
  EXPECT_FALSE(open_slot(ground.standing, limits, wants, {1'000'001}).has_value());
  limits.open = true;
  limits.moves = 0;
  EXPECT_FALSE(open_slot(ground.standing, limits, wants, {1'000'001}).has_value());
}

}  // namespace
}  // namespace kerf::online
