// What consolidation must not do: constraints between pods, limits at every step, stale proposals.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <tuple>

#include "core/online/consolidate.h"
#include "core/online/consolidate_testing.h"

namespace kerf::online {
namespace {

using testing::Ground;
using testing::shape;
using testing::slice;
using testing::unlimited;
using testing::whole;

constexpr const char* kHost = "kubernetes.io/hostname";
constexpr const char* kZone = "topology.kubernetes.io/zone";

cluster::PodSelector app(const std::string& name) {
  cluster::PodSelector selector;
  selector.namespaces = {"default"};
  selector.labels = {{"app", cluster::Operator::In, {name}}};
  return selector;
}

/// A shape with one of the constraints there are between pods, or none.
cluster::PodShape coupled(Prng& prng) {
  const char* profiles[] = {"1g.10gb", "2g.20gb", "1g.20gb", "3g.40gb"};
  cluster::PodShape pod = shape(slice(profiles[prng.below(4)]), 500, 1024);
  const std::string own = "app-" + std::to_string(prng.below(4));
  const std::string other = "app-" + std::to_string(prng.below(4));
  pod.labels["app"] = own;
  pod.requests.pods = 1;
  switch (prng.below(8)) {
    case 0: pod.anti_affinity = {{app(own), kHost}}; break;
    case 1: pod.anti_affinity = {{app(other), prng.below(2) == 0 ? kHost : kZone}}; break;
    case 2: pod.affinity = {{app(other), prng.below(2) == 0 ? kHost : kZone}}; break;
    case 3: pod.spread = {{1, 1, kZone, app(own)}}; break;
    case 4: {
      // Selects only pods that have it too: others may come later, as kube-scheduler lets them.
      pod.labels["app"] = "even-" + own;
      pod.spread = {{2, 1, kHost, app("even-" + own)}};
      break;
    }
    case 5: pod.host_ports = {{static_cast<std::int32_t>(8080 + prng.below(2)), "TCP", ""}}; break;
    default: break;
  }
  return pod;
}

void coupled_cluster(Ground& ground, Prng& prng) {
  const char* zones[] = {"us-east-1a", "us-east-1b", "us-east-1c"};
  const std::uint64_t nodes = 4 + prng.below(5);
  for (std::uint64_t n = 0; n < nodes; ++n)
    ground.node(prng.below(4) == 0 ? "g7e.2xlarge" : "p5.4xlarge", gpu::GpuMode::Any,
                zones[prng.below(3)]);
  std::vector<ShapeId> shapes;
  for (int i = 0; i < 8; ++i) shapes.push_back(ground.standing.shape(coupled(prng)));
  for (int p = 0; p < 18; ++p) {
    cluster::Running pod;
    pod.name = "pod-" + std::to_string(p);
    pod.shape = shapes[prng.below(shapes.size())];
    pod.fixed = prng.below(12) == 0;
    pod.budget = static_cast<std::uint32_t>(prng.below(4));
    if (pod.budget > 1) pod.budget = cluster::kNone;
    testing::run_somewhere(ground, prng, pod);
  }
  ground.standing.budgets() = {static_cast<std::int64_t>(prng.below(4)), 2};
  for (NodeId node = 0; node < ground.standing.nodes(); ++node)
    if (prng.below(8) == 0) ground.standing.mark(node, prng.below(2) == 0, prng.below(2) == 0);
}

/// Does them in order; what is wrong with the first that does not hold.
std::string all_hold(Ground& ground, const std::vector<Proposal>& proposals,
                     ConsolidateLimits limits) {
  for (const Proposal& proposal : proposals) {
    const std::string stale = why_stale(ground.standing, limits, proposal);
    if (!stale.empty()) return stale;
    limits.moves -= proposal.disruption;
    const MicroUsdPerHour bill = ground.standing.bill();
    carry_out(ground.standing, proposal);
    if (bill - ground.standing.bill() != proposal.saving) return "another saving";
    for (const std::string& fault : ground.faults()) return fault;
    for (const std::int64_t left : ground.standing.budgets())
      if (left < 0) return "budget overdrawn";
  }
  return "";
}

TEST(ConsolidateLimits, ConstraintsBetweenPodsHoldAfterEveryProposal) {
  int moved = 0, coupled_moves = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    Ground ground({"p5.4xlarge", "g7e.2xlarge"});
    coupled_cluster(ground, prng);
    if (!ground.faults().empty()) continue;  // a zone that filled up later broke a spread before
    ConsolidateLimits limits = unlimited();
    limits.buy = prng.below(4) == 0;
    if (prng.below(3) == 0) limits.moves = static_cast<std::int64_t>(prng.below(5));
    const std::vector<Proposal> proposals = consolidate(ground.standing, limits);
    for (const Proposal& proposal : proposals)
      for (const Move& move : proposal.moves) {
        ++moved;
        const cluster::PodShape& pod =
            ground.standing.shape_at(ground.standing.pod(move.pod).shape);
        if (!pod.affinity.empty() || !pod.anti_affinity.empty() || !pod.spread.empty() ||
            !pod.host_ports.empty())
          ++coupled_moves;
      }
    EXPECT_EQ(all_hold(ground, proposals, limits), "") << seed;
  }
  EXPECT_GT(moved, 50);
  EXPECT_GT(coupled_moves, 20);
}

TEST(ConsolidateLimits, PodsThatNeedEachOtherOnANodeStay) {
  // One of the two would have to move first, and may only go where the other is.
  cluster::PodShape friends = shape(slice("1g.10gb"), 500, 1024);
  friends.requests.pods = 1;
  friends.labels["app"] = "friends";
  friends.affinity = {{app("friends"), kHost}};
  Ground ground({"p5.4xlarge"});
  const NodeId few = ground.node("p5.4xlarge");
  const NodeId many = ground.node("p5.4xlarge");
  for (int i = 0; i < 2; ++i)
    ground.run("friends-" + std::to_string(i), friends, few,
               {ground.device(few, 0, "1g.10gb@" + std::to_string(i))});
  for (int i = 0; i < 3; ++i)
    ground.run("b-" + std::to_string(i), shape(slice("1g.10gb"), 500, 1024), many,
               {ground.device(many, 0, "1g.10gb@" + std::to_string(i))});
  const std::vector<Proposal> proposals = consolidate(ground.standing, unlimited());
  for (const Proposal& proposal : proposals)
    for (const Move& move : proposal.moves) EXPECT_NE(move.from, few);
  EXPECT_EQ(all_hold(ground, proposals, unlimited()), "");
}

TEST(ConsolidateLimits, CompanyMovesBeforeWhoeverNeedsIt) {
  cluster::PodShape guest = shape(slice("1g.10gb"), 500, 1024);
  guest.requests.pods = 1;
  guest.labels["app"] = "guest";
  guest.affinity = {{app("host"), kHost}};
  cluster::PodShape host = shape(slice("1g.10gb"), 500, 1024);
  host.labels["app"] = "host";
  host.requests.pods = 1;
  Ground ground({"p5.4xlarge"});
  const NodeId few = ground.node("p5.4xlarge");
  const NodeId many = ground.node("p5.4xlarge");
  const PodId spare = ground.run("host-0", host, few, {ground.device(few, 0, "1g.10gb@0")});
  ground.run("guest-0", guest, few, {ground.device(few, 0, "1g.10gb@1")});
  const PodId later = ground.run("host-1", host, few, {ground.device(few, 0, "1g.10gb@2")});
  ground.standing.release(spare);
  ASSERT_LT(ground.standing.pods_on(few)[0], later);
  for (int i = 0; i < 4; ++i)
    ground.run("b-" + std::to_string(i), shape(slice("1g.10gb"), 500, 1024), many,
               {ground.device(many, 0, "1g.10gb@" + std::to_string(i))});
  const std::vector<Proposal> proposals = consolidate(ground.standing, unlimited());
  ASSERT_EQ(proposals.size(), 1U);
  EXPECT_EQ(proposals[0].returns, std::vector<NodeId>{few});
  ASSERT_EQ(proposals[0].moves.size(), 2U);
  EXPECT_EQ(proposals[0].moves[0].pod, later);
  EXPECT_EQ(all_hold(ground, proposals, unlimited()), "");
}

TEST(ConsolidateLimits, TheSameAgainGivesTheSame) {
  const auto words = [](const std::vector<Proposal>& proposals) {
    std::vector<std::tuple<ProposalKind, std::vector<NodeId>, std::int64_t, std::string>> out;
    for (const Proposal& proposal : proposals) {
      std::string moves;
      for (const Move& move : proposal.moves)
        moves += std::to_string(move.pod) + ">" + std::to_string(move.to) + "/" +
                 std::to_string(move.devices[0].gpu) + "@" + std::to_string(move.devices[0].start) +
                 " ";
      out.emplace_back(proposal.kind, proposal.returns, proposal.saving.micro, moves);
    }
    return out;
  };
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Prng prng(seed), again(seed);
    Ground ground({"p5.4xlarge", "g7e.2xlarge"}), other({"p5.4xlarge", "g7e.2xlarge"});
    coupled_cluster(ground, prng);
    coupled_cluster(other, again);
    const auto first = words(consolidate(ground.standing, unlimited()));
    EXPECT_EQ(first, words(consolidate(ground.standing, unlimited()))) << seed;
    EXPECT_EQ(first, words(consolidate(other.standing, unlimited()))) << seed;
  }
}

TEST(ConsolidateLimits, NothingIsFoundWithoutStepsAndNothingWrongWithFew) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Prng prng(seed);
    Ground ground({"p5.4xlarge", "g7e.2xlarge"});
    testing::small_cluster(ground, prng, 6, 12);
    ConsolidateLimits limits = unlimited();
    limits.steps = static_cast<std::int64_t>(seed * 3);
    const std::vector<Proposal> proposals = consolidate(ground.standing, limits);
    EXPECT_EQ(all_hold(ground, proposals, limits), "") << seed;
  }
}

/// One pod alone on a node that is dearer than it needs.
struct Dear {
  Ground ground{{"g6.xlarge", "g6.12xlarge"}};
  NodeId dear = ground.node("g6.12xlarge");
  PodId pod = 0;
  Dear() {
    pod = ground.run("a-0", shape(whole(), 1000, 2048), dear, {ground.device(dear, 0, "whole")});
  }
};

TEST(ConsolidateLimits, ReplacesADearNodeByACheaperOne) {
  Dear one;
  const std::vector<Proposal> proposals = consolidate(one.ground.standing, unlimited());
  ASSERT_EQ(proposals.size(), 1U);
  const Proposal& proposal = proposals[0];
  EXPECT_EQ(proposal.kind, ProposalKind::Replace);
  EXPECT_EQ(proposal.returns, std::vector<NodeId>{one.dear});
  ASSERT_EQ(proposal.buys.size(), 1U);
  EXPECT_EQ(one.ground.market.types[proposal.buys[0].type].name, "g6.xlarge");
  EXPECT_EQ(proposal.saving, one.ground.standing.node(one.dear).price - proposal.buys[0].price);
  EXPECT_EQ(proposal.buys[0].pods, std::vector<std::uint32_t>{one.pod});
  const std::vector<NodeId> bought = carry_out(one.ground.standing, proposal);
  ASSERT_EQ(bought.size(), 1U);
  EXPECT_EQ(one.ground.standing.pods_on(bought[0]).size(), 1U);
  EXPECT_FALSE(one.ground.standing.stands(one.dear));
  EXPECT_EQ(one.ground.faults(), std::vector<std::string>{});
  ConsolidateLimits no_buying = unlimited();
  no_buying.buy = false;
  Dear other;
  EXPECT_TRUE(consolidate(other.ground.standing, no_buying).empty());
}

TEST(ConsolidateLimits, SavesLessThanTheLeastIsNotProposed) {
  Dear one;
  const Proposal found = consolidate(one.ground.standing, unlimited()).at(0);
  ConsolidateLimits limits = unlimited();
  limits.least_saving = found.saving;
  EXPECT_EQ(consolidate(one.ground.standing, limits).size(), 1U);
  limits.least_saving.micro += 1;
  EXPECT_TRUE(consolidate(one.ground.standing, limits).empty());
  limits.least_saving = {};
  limits.least_per_move = found.saving;  // one pod moves: more than this is asked for
  EXPECT_TRUE(consolidate(one.ground.standing, limits).empty());
  limits.least_per_move.micro -= 1;
  EXPECT_EQ(consolidate(one.ground.standing, limits).size(), 1U);
}

TEST(ConsolidateLimits, APurchaseThatBecameWrongIsStale) {
  Dear one;
  Standing& standing = one.ground.standing;
  const Proposal proposal = consolidate(standing, unlimited()).at(0);
  const auto why = [&](const std::function<void(ConsolidateLimits&)>& change) {
    ConsolidateLimits limits = unlimited();
    change(limits);
    return why_stale(standing, limits, proposal);
  };
  EXPECT_EQ(why([](ConsolidateLimits&) {}), "");
  EXPECT_EQ(why([](ConsolidateLimits& limits) { limits.open = false; }), "window");
  EXPECT_EQ(why([](ConsolidateLimits& limits) { limits.moves = 0; }), "moves");
  EXPECT_EQ(why([](ConsolidateLimits& limits) { limits.buy = false; }), "buying");
  EXPECT_EQ(
      why([&](ConsolidateLimits& limits) { limits.least_saving = {proposal.saving.micro + 1}; }),
      "saves-less");
  one.ground.policy.limit_gpus = 4;  // the old node's are these already
  EXPECT_EQ(why([](ConsolidateLimits&) {}), "limit");
  one.ground.policy.limit_gpus.reset();
  one.ground.policy.limit_per_hour = standing.bill();
  EXPECT_EQ(why([](ConsolidateLimits&) {}), "limit");
  one.ground.policy.limit_per_hour.reset();
  for (market::Offering& offering : one.ground.market.offerings) offering.price.micro += 1;
  EXPECT_EQ(why([](ConsolidateLimits&) {}), "not-sold");
}

/// Two nodes of which one can be freed, with a pod that may be fixed or have a budget.
struct Pair {
  Ground ground{{"p5.4xlarge"}};
  NodeId few = ground.node("p5.4xlarge");
  NodeId many = ground.node("p5.4xlarge");
  explicit Pair(bool fixed, std::uint32_t budget, const cluster::PodShape& pod) {
    cluster::Running running;
    running.name = "a-0";
    running.shape = ground.standing.shape(pod);
    running.node = few;
    running.fixed = fixed;
    running.budget = budget;
    ground.standing.budgets() = {1};
    ground.standing.run(running, {ground.device(few, 0, "1g.10gb@0")});
    for (int i = 0; i < 2; ++i)
      ground.run("b-" + std::to_string(i), shape(slice("2g.20gb"), 500, 1024), many,
                 {ground.device(many, 0, "2g.20gb@" + std::to_string(2 * i))});
  }
};

TEST(ConsolidateLimits, APodThatMustStayNowMakesAProposalStale) {
  cluster::PodShape small = shape(slice("1g.10gb"), 500, 1024);
  small.requests.pods = 1;
  Pair free(false, 0, small);
  const Proposal proposal = consolidate(free.ground.standing, unlimited()).at(0);
  EXPECT_EQ(why_stale(free.ground.standing, unlimited(), proposal), "");
  free.ground.standing.budgets() = {0};
  EXPECT_EQ(why_stale(free.ground.standing, unlimited(), proposal), "budget");
  const Pair fixed(true, 0, small);
  EXPECT_EQ(why_stale(fixed.ground.standing, unlimited(), proposal), "fixed");
}

TEST(ConsolidateLimits, APodKeptAwayByAnotherMakesAProposalStale) {
  cluster::PodShape small = shape(slice("1g.10gb"), 500, 1024);
  small.requests.pods = 1;
  small.labels["app"] = "alone";
  small.anti_affinity = {{app("alone"), kHost}};
  Pair pair(false, cluster::kNone, small);
  const Proposal proposal = consolidate(pair.ground.standing, unlimited()).at(0);
  ASSERT_EQ(proposal.moves.size(), 1U);
  EXPECT_EQ(why_stale(pair.ground.standing, unlimited(), proposal), "");
  cluster::Running same;
  same.name = "alone-1";
  same.shape = pair.ground.standing.shape(small);
  same.node = pair.many;
  const std::vector<std::vector<DeviceAt>> places =
      testing::places_on(pair.ground.standing, same.shape, pair.many);
  for (const std::vector<DeviceAt>& devices : places) {
    if (devices == proposal.moves[0].devices) continue;
    pair.ground.standing.run(same, devices);
    EXPECT_EQ(why_stale(pair.ground.standing, unlimited(), proposal), "constraint");
    return;
  }
  FAIL() << "there is room for another one";
}

TEST(ConsolidateLimits, MoreSavedPerMoveComesFirst) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Prng prng(seed);
    Ground ground({"p5.4xlarge", "g7e.2xlarge", "g6.xlarge", "g6.12xlarge"});
    testing::small_cluster(ground, prng, 8, 12);
    const std::vector<Proposal> proposals = consolidate(ground.standing, unlimited());
    for (std::size_t i = 1; i < proposals.size(); ++i) {
      const Proposal& before = proposals[i - 1];
      const Proposal& after = proposals[i];
      EXPECT_FALSE(before.disruption > 0 && after.disruption == 0) << seed;
      const bool sends_on =
          std::any_of(before.moves.begin(), before.moves.end(), [&](const Move& m) {
            return std::find(before.returns.begin(), before.returns.end(), m.from) ==
                   before.returns.end();
          });
      if (before.disruption == 0 || sends_on) continue;
      EXPECT_GE(before.saving.micro * after.disruption, after.saving.micro * before.disruption)
          << seed;
    }
  }
}

}  // namespace
}  // namespace kerf::online
