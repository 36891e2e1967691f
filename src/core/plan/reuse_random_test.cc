// Reuse of any cluster: what is planned already moves nobody, and a plan that held holds.
#include "core/plan/reuse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/check/check.h"
#include "core/plan/planner.h"
#include "core/plan/reuse_testing.h"
#include "core/plan/standing_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using cluster::kNone;

constexpr testing::StandingOptions kPlain{.odd = false};

template <class T>
void shuffle(Prng& prng, std::vector<T>& list) {
  for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[prng.below(i)]);
}

/// Another plan that says the same: nodes and GPUs in another order, like pods in other places.
Plan shuffled(const cluster::Cluster& cluster, Plan plan, std::uint64_t seed) {
  Prng prng(seed);
  std::map<std::uint32_t, std::vector<std::uint32_t>> by_shape;
  for (std::uint32_t pod = 0; pod < cluster.demand.pods.size(); ++pod)
    if (cluster.pods[pod].node != kNone) by_shape[cluster.demand.pods[pod].shape].push_back(pod);
  std::vector<std::uint32_t> to(cluster.demand.pods.size());
  for (const auto& [shape, pods] : by_shape) {
    std::vector<std::uint32_t> others = pods;
    shuffle(prng, others);
    for (std::size_t i = 0; i < pods.size(); ++i) to[pods[i]] = others[i];
  }
  std::vector<std::uint32_t> order(plan.nodes.size());
  for (std::uint32_t n = 0; n < order.size(); ++n) order[n] = n;
  shuffle(prng, order);
  Plan made = plan;
  std::vector<std::uint32_t> place(order.size());
  for (std::uint32_t n = 0; n < order.size(); ++n) {
    NodePlan& node = made.nodes[n] = plan.nodes[order[n]];
    place[order[n]] = n;
    shuffle(prng, node.gpus);
    for (std::uint32_t& pod : node.pods) pod = to[pod];
    std::sort(node.pods.begin(), node.pods.end());
    for (GpuPlan& gpu : node.gpus)
      for (SlicePlan& slice : gpu.slices)
        if (slice.pod != kNoPod) slice.pod = to[slice.pod];
  }
  for (Placement& placement : made.placements)
    placement.pod = to[placement.pod], placement.node = place[placement.node];
  std::sort(made.placements.begin(), made.placements.end(),
            [](const Placement& a, const Placement& b) { return a.pod < b.pod; });

  return made;
}

TEST(Reuse, OfWhatStandsChangesNothingHoweverItIsWrittenDown) {
  const market::Market market = testing::market();
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    SCOPED_TRACE(seed);
    const cluster::Cluster cluster =
        testing::RandomCluster(seed, 1 + seed % 15, market, kPlain).take();
    Plan same = testing::as_plan(cluster);
    for (const bool mixed : {false, true}) {
      Plan plan = mixed ? shuffled(cluster, same, seed) : same;
      if (seed % 2 == 0)
        for (NodePlan& node : plan.nodes) node.zones.clear();
      if (seed % 3 == 0)  // only what is held
        for (NodePlan& node : plan.nodes)
          for (GpuPlan& gpu : node.gpus)
            if (!gpu.slices.empty() && gpu.slices[0].form.kind == gpu::FormKind::Slice)
              std::erase_if(gpu.slices, [](const SlicePlan& slice) { return slice.pod == kNoPod; });
      const Plan before = plan;
      const Reuse made = reuse(cluster, market, plan);
      EXPECT_TRUE(made.moves.empty()) << made.moves.size() << " of " << made.stay;
      EXPECT_TRUE(made.returned.empty());
      EXPECT_EQ(std::count(made.standing.begin(), made.standing.end(), kNone), 0);
      EXPECT_EQ(std::count(made.cut.begin(), made.cut.end(), true), 0);
      EXPECT_TRUE(std::all_of(plan.actions.begin(), plan.actions.end(), [](const Action& action) {
        return action.kind == ActionKind::Keep;
      }));
      testing::expect_same_plan(cluster, before, plan, made);
      testing::expect_stays(cluster, plan, made);
    }
  }
}

TEST(Reuse, OfAnyClusterKeepsThePlanAndSaysWhoMoves) {
  const market::Market market = testing::market();
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const cluster::Cluster cluster = testing::RandomCluster(seed, 1 + seed % 10, market).take();
    Plan plan = shuffled(cluster, testing::as_plan(cluster), seed);
    if (plan.nodes.size() > 2) {  // one node less: its pods have no place
      const auto last = static_cast<std::uint32_t>(plan.nodes.size() - 1);
      plan.bill = plan.bill - plan.nodes[last].price;
      for (const std::uint32_t pod : plan.nodes[last].pods) plan.unplaced.push_back({pod, {}});
      std::erase_if(plan.placements, [&](const Placement& p) { return p.node == last; });
      plan.nodes.pop_back();
    }
    const Plan before = plan;
    const Reuse made = reuse(cluster, market, plan);
    testing::expect_same_plan(cluster, before, plan, made);
    testing::expect_stays(cluster, plan, made);
  }
}

TEST(Reuse, LeavesAPlanThatHolds) {
  const auto solver = solver::make_clp();
  std::int64_t stayed = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    market::Market market = testing::market(testing::standing_types());
    cluster::Cluster cluster = testing::RandomCluster(seed, 4, market).take();
    if (seed % 3 == 0 && !cluster.demand.workloads.empty()) {
      cluster.demand.workloads[0].transient = true;
      cluster.demand.workloads[0].hours_per_month = 100;
    }
    if (seed % 4 == 1) {
      market::Offering offering;
      offering.type = testing::type_index(market, "g6.12xlarge");
      offering.capacity_type = market::CapacityType::Reserved;
      offering.count = 1;
      market.offerings.push_back(offering);
    }
    Plan plan = make_plan(cluster.demand, market, {}, *solver, testing::quick(1));
    ASSERT_EQ(check::check_plan(plan, cluster.demand, market, {}), std::vector<std::string>{});
    const Plan before = plan;
    const Reuse made = reuse(cluster, market, plan);
    testing::expect_same_plan(cluster, before, plan, made);
    testing::expect_stays(cluster, plan, made);
    EXPECT_EQ(check::check_plan(plan, cluster.demand, market, {}), std::vector<std::string>{});
    stayed += made.stay;
  }
  EXPECT_GT(stayed, 0);
}

TEST(Reuse, PutsAThousandNodesOntoAThousand) {
  const market::Market market = testing::market();
  const cluster::Cluster cluster = testing::RandomCluster(7, 1000, market, kPlain).take();
  Plan plan = shuffled(cluster, testing::as_plan(cluster), 7);
  const Reuse made = reuse(cluster, market, plan);
  EXPECT_TRUE(made.moves.empty());
  EXPECT_GT(made.stay, 2000);
}

}  // namespace
}  // namespace kerf::plan
