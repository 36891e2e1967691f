// make_plan against brute force for a dozen pods, all different: too many for the planner to try
// everything, so column generation, dive, local search and bounds have to find it.
#include <gtest/gtest.h>

#include "core/plan/coupled_instances_testing.h"

namespace kerf::plan {
namespace {

using testing::CoupledInstance;
using testing::judge;

constexpr int kInstances = 30;

/// Twelve pods of twelve kinds are 4,096 vectors of counts.
void a_dozen(CoupledInstance& it, const std::function<cluster::PodShape()>& make,
             std::uint64_t pods = 12) {
  it.sell({"g4dn.xlarge", "g4dn.12xlarge", "g5.xlarge", "g6.2xlarge", "g6.12xlarge", "g6e.xlarge",
           "g6f.4xlarge", "g7e.2xlarge", "g7e.12xlarge", "p5.4xlarge"},
          4);
  it.sell_p5();
  it.alike(1);
  it.add_pods(pods, pods, make);
}

TEST(ManyOracle, AnyForm) {
  judge(kInstances, {.optimal = 15, .cheapest = 28, .exact_at_most = 1},
        [](CoupledInstance& it) { a_dozen(it, [&] { return it.shape(it.portable()); }); });
}

TEST(ManyOracle, SlicesAndWholeGpus) {
  judge(kInstances, {.optimal = 15, .cheapest = 28, .exact_at_most = 1}, [](CoupledInstance& it) {
    a_dozen(it, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      if (it.below(3) == 0)
        pod.gpu = {testing::slice("1g.10gb", static_cast<std::int64_t>(1 + it.below(2))),
                   testing::slice(it.below(2) == 0 ? "2g.20gb" : "1g.20gb")};
      return pod;
    });
  });
}

TEST(ManyOracle, SetsOfWhichANodeHoldsOne) {
  judge(kInstances, {.optimal = 3, .cheapest = 28, .exact_at_most = 1}, [](CoupledInstance& it) {
    a_dozen(it, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      pod.labels["set"] = std::to_string(it.below(3));
      if (it.below(2) == 0)
        pod.anti_affinity = {{testing::labelled("set", pod.labels["set"]), testing::kHost}};
      return pod;
    });
  });
}

TEST(ManyOracle, WorkloadsApart) {
  judge(kInstances, {.optimal = 15, .cheapest = 28, .exact_at_most = 1}, [](CoupledInstance& it) {
    a_dozen(it, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      if (it.below(2) == 0)
        pod.anti_affinity = {
            {testing::labelled("app", "w" + std::to_string(it.below(12))), testing::kHost}};
      return pod;
    });
  });
}

TEST(ManyOracle, FollowersOfALeader) {
  // Followers and their leader are one item, which leaves few.
  judge(kInstances, {.optimal = 28, .cheapest = 28, .exact_at_most = 30}, [](CoupledInstance& it) {
    a_dozen(it, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      const std::uint64_t leader = 2 * it.below(6);
      if (it.workloads() > leader && it.workloads() % 2 == 1 && it.below(2) == 0)
        pod.affinity = {{testing::labelled("app", "w" + std::to_string(leader)), testing::kHost}};
      return pod;
    });
  });
}

TEST(ManyOracle, RoomKeptFree) {
  judge(kInstances, {.optimal = 15, .cheapest = 28, .exact_at_most = 1}, [](CoupledInstance& it) {
    a_dozen(
        it, [&] { return it.shape(it.portable()); }, 11);
    it.policy.headroom = {{it.small_request(), 1, {500, 1024, 0, 1}}};
  });
}

TEST(ManyOracle, ZonesToSpreadOver) {
  // Zones are chosen before packing: with sets that are counted by many of different kinds no plan
  // is the cheapest, only legal and with a true bound.
  judge(kInstances, {.exact_at_most = 1}, [](CoupledInstance& it) {
    a_dozen(it, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      pod.labels["set"] = std::to_string(it.below(3));
      if (it.below(2) == 0)
        pod.spread = {{static_cast<std::int32_t>(1 + it.below(2)), 1, testing::kZone,
                       testing::labelled("set", pod.labels["set"])}};
      return pod;
    });
    it.price_by_zone();
  });
}

TEST(ManyOracle, EveryEffort) {
  std::vector<PlanOptions> ways;
  for (const int effort : {1, 2, 4, 5}) {
    ways.push_back(testing::quick());
    ways.back().effort = effort;
  }
  judge(
      15, {.optimal = 10, .cheapest = 30, .exact_at_most = 1},
      [](CoupledInstance& it) {
        a_dozen(it, [&] {
          cluster::PodShape pod = it.shape(it.small_request());
          if (it.below(4) == 0)
            pod.anti_affinity = {
                {testing::labelled("app", "w" + std::to_string(it.below(12))), testing::kHost}};
          return pod;
        });
      },
      ways);
}

}  // namespace
}  // namespace kerf::plan
