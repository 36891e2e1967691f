// Plans of clusters: today's bill, the levers, the sizes.
#include "core/plan/live.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "codec/catalogue.h"
#include "core/cluster/cluster_testing.h"
#include "core/market/market.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using cluster::testing::portable;
using cluster::testing::slice;
using cluster::testing::Town;
using cluster::testing::whole;

Town town() { return Town(*codec::builtin_market("us-east-1")); }

LivePlan planned(const Town& t, const cluster::Policy& policy = {}, LiveOptions options = {}) {
  const auto solver = solver::make_clp();
  options.plan.effort = 2;
  return make_live_plan(t.cluster, t.market, policy, *solver, options);
}

MicroUsdPerHour sum_of(const std::vector<Lever>& levers) {
  MicroUsdPerHour sum;
  for (const Lever& lever : levers) sum += lever.before - lever.after;
  return sum;
}

void own(Town& t, const char* type, std::int64_t count) {
  market::Offering offering;
  offering.type = static_cast<std::uint32_t>(t.market.type_named(type) - t.market.types.data());
  offering.capacity_type = market::CapacityType::Reserved;
  offering.count = count;
  t.market.offerings.insert(t.market.offerings.begin(), offering);
}

TEST(LivePlan, AClusterThatIsBoughtWellStaysAsItIs) {
  Town t = town();
  const auto w = t.workload("embed", portable(16));
  t.pod(w, t.node("g4dn.xlarge"));
  const LivePlan live = planned(t);
  EXPECT_EQ(live.plan.bill, live.today.bill);
  EXPECT_TRUE(live.reuse.moves.empty());
  EXPECT_TRUE(live.reuse.returned.empty());
  ASSERT_EQ(live.plan.actions.size(), 1u);
  EXPECT_EQ(live.plan.actions.front().kind, ActionKind::Keep);
}

TEST(LivePlan, EmptyNodesGoBackWithoutAMove) {
  Town t = town();
  const auto w = t.workload("embed", portable(16));
  t.pod(w, t.node("g4dn.xlarge"));
  const auto empty = t.node("p4d.24xlarge");
  const LivePlan live = planned(t);
  EXPECT_EQ(live.today.empty_nodes, 1);
  EXPECT_EQ(live.today.empty, t.cluster.nodes[empty].price);
  EXPECT_EQ(live.plan.bill, live.today.bill - live.today.empty);
  EXPECT_EQ(live.reuse.returned, std::vector<std::uint32_t>{empty});
  EXPECT_TRUE(live.reuse.moves.empty());
}

TEST(LivePlan, WholeGpusOfAKnownModelAreNotReplacedByOthers) {
  Town t = town();
  const auto w = t.workload("train", whole());
  for (int i = 0; i < 4; ++i) t.pod(w, t.node("g5.xlarge"));
  const LivePlan live = planned(t);
  for (const NodePlan& node : live.plan.nodes)
    EXPECT_EQ(t.market.types[node.type].gpu_model, "A10G");
  ASSERT_EQ(live.sizes.size(), 5u);
  EXPECT_LT(live.sizes.front().cost.bill, live.plan.bill) << "8 GiB cost less than an A10G";
}

TEST(LivePlan, TheFirstScreenComesBeforeTheRest) {
  Town t = town();
  t.pod(t.workload("train", whole()), t.node("g5.xlarge"));
  const auto solver = solver::make_clp();
  int calls = 0;
  const LivePlan live =
      make_live_plan(t.cluster, t.market, {}, *solver, {}, [&](const LivePlan& first) {
        ++calls;
        EXPECT_FALSE(first.plan.placements.empty());
        EXPECT_TRUE(first.sizes.empty());
        EXPECT_TRUE(first.plan.levers.empty());
      });
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(live.plan.levers.empty());
}

TEST(LivePlan, AutoscaledWorkloadsAreShownAtBothEnds) {
  Town t = town();
  const auto w = t.workload("web", portable(16));
  for (int i = 0; i < 3; ++i) t.pod(w, t.node("g4dn.xlarge"));
  t.cluster.autoscalers.push_back({w, 1, 9});
  const LivePlan live = planned(t);
  ASSERT_TRUE(live.least && live.most);
  EXPECT_EQ(live.least->bill.micro * 3, live.plan.bill.micro);
  EXPECT_GT(live.most->bill, live.plan.bill);
}

TEST(LiveLevers, SpotThatIsUsedTodayIsNoSavingOfThePlan) {
  Town t = town();
  const auto type =
      static_cast<std::uint32_t>(t.market.type_named("g4dn.xlarge") - t.market.types.data());
  market::Offering spot;
  for (const market::Offering& one : t.market.offerings)
    if (one.type == type) spot = one;
  spot.capacity_type = market::CapacityType::Spot;
  spot.price.micro /= 2;
  t.market.offerings.push_back(spot);
  const auto n = t.node("g4dn.xlarge");
  t.cluster.nodes[n].capacity_type = market::CapacityType::Spot;
  t.cluster.nodes[n].price = spot.price;
  t.pod(t.workload("embed", portable(16)), n);
  cluster::Policy policy;
  policy.capacity_types.push_back(market::CapacityType::Spot);
  const LivePlan live = planned(t, policy);
  EXPECT_EQ(live.plan.bill, live.today.bill);
  for (const Lever& lever : live.plan.levers) EXPECT_EQ(lever.before, lever.after) << lever.name;
}

TEST(LiveLevers, OwnedNodesHaveAPartOfTheirOwn) {
  Town t = town();
  own(t, "p4d.24xlarge", 1);
  const auto n = t.node("p4d.24xlarge", "1g.5gb");
  t.cluster.nodes[n].owned = true;
  t.cluster.nodes[n].price = {};
  const auto w = t.workload("web", slice("1g.5gb"));
  for (int i = 0; i < 8; ++i) t.pod(w, n);
  const auto paid = t.node("p4d.24xlarge", "1g.5gb");
  t.pod(w, paid);
  const LivePlan live = planned(t);
  EXPECT_EQ(live.plan.bill.micro, 0);
  EXPECT_EQ(live.today.bill, t.cluster.nodes[paid].price);
  EXPECT_EQ(sum_of(live.plan.levers), live.today.bill - live.plan.bill);
  EXPECT_EQ(live.plan.levers.back().name, "owned");
}

/// A town of everything, drawn by the seed.
Town drawn(std::uint64_t seed) {
  Prng prng(seed);
  Town t = town();
  if (prng.below(3) == 0) own(t, "p4d.24xlarge", 1);
  const cluster::GpuRequest asks[] = {whole(), portable(10), slice("1g.5gb"), slice("2g.10gb"),
                                      portable(4, cluster::Isolation::Shared)};
  for (int w = 0; w < 4; ++w) {
    const cluster::GpuRequest& ask = asks[prng.below(5)];
    const auto workload = t.workload("w" + std::to_string(w), ask);
    const std::uint64_t pods = 1 + prng.below(4);
    for (std::uint64_t p = 0; p < pods; ++p) {
      if (prng.below(4) == 0) {
        t.pod(workload);
        continue;
      }
      const bool sliced = ask.kind == cluster::GpuRequestKind::Slice;
      const char* types[] = {"g4dn.xlarge", "g5.xlarge", "g6.2xlarge", "p4d.24xlarge"};
      t.pod(workload,
            t.node(sliced ? "p4d.24xlarge" : types[prng.below(4)], sliced ? ask.profile : "whole"));
    }
  }
  if (prng.below(2) == 0) t.node("g5.xlarge");
  return t;
}

TEST(LiveLevers, PartsAddUpToTheMicroDollarOnAnyCluster) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const Town t = drawn(seed);
    LiveOptions options;
    options.sizes = false;
    const LivePlan live = planned(t, {}, options);
    if (live.plan.levers.empty()) continue;
    EXPECT_EQ(live.plan.levers.front().before, live.today.bill) << seed;
    EXPECT_EQ(live.plan.levers.back().after, live.plan.bill) << seed;
    EXPECT_EQ(sum_of(live.plan.levers), live.today.bill - live.plan.bill) << seed;
    for (std::size_t i = 1; i < live.plan.levers.size(); ++i)
      EXPECT_EQ(live.plan.levers[i].before, live.plan.levers[i - 1].after) << seed;
  }
}

}  // namespace
}  // namespace kerf::plan
