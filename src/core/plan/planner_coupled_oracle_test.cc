// make_plan against brute force where pods take several devices, need, avoid or count each other,
// or where a policy wants room or sets limits.
#include <gtest/gtest.h>

#include "core/plan/coupled_instances_testing.h"

namespace kerf::plan {
namespace {

using testing::CoupledInstance;
using testing::Expected;
using testing::judge;

/// Nothing is chosen before packing: these plans are cheapest, and known to be. The numbers of the
/// other kinds are what is reached; every plan is legal, every bound true and every claim of being
/// optimal right in all of them.
constexpr Expected kProven{.optimal = 40, .cheapest = 40};

TEST(CoupledOracle, SeveralSlicesInOnePod) {
  judge(40, kProven, [](CoupledInstance& it) {
    it.sell({"p4d.24xlarge", "p4de.24xlarge", "p5.4xlarge", "p5.48xlarge", "g7e.2xlarge"}, 4);
    it.add_pods(2, 6, [&] { return it.several_slices(); });
  });
}

TEST(CoupledOracle, SeveralWholeGpus) {
  judge(40, kProven, [](CoupledInstance& it) {
    it.sell({"g4dn.xlarge", "g4dn.12xlarge", "g5.xlarge", "g5.12xlarge", "g6.2xlarge",
             "g6.12xlarge", "p4d.24xlarge"},
            4);
    it.add_pods(3, 7, [&] { return it.shape(testing::whole(std::int64_t{1} << it.below(3))); });
  });
}

TEST(CoupledOracle, AnyFormThatIsLargeEnough) {
  judge(40, kProven, [](CoupledInstance& it) {
    it.sell_any(5);
    it.add_pods(3, 7, [&] { return it.shape(it.portable()); });
  });
}

TEST(CoupledOracle, AtMostOneOfAWorkloadOnANode) {
  judge(40, kProven, [](CoupledInstance& it) {
    it.sell_any(5);
    it.add_pods(3, 7, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      if (it.below(4) != 0) pod.anti_affinity = {{it.own(), testing::kHost}};
      return pod;
    });
  });
}

TEST(CoupledOracle, AtMostSoManyOfASetOnANode) {
  judge(40, {.optimal = 24, .cheapest = 36}, [](CoupledInstance& it) {
    it.sell_any(5);
    it.add_pods(3, 7, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      pod.labels["set"] = it.below(2) == 0 ? "one" : "two";
      if (it.below(3) != 0)
        pod.spread = {{static_cast<std::int32_t>(1 + it.below(2)), 1, testing::kHost,
                       it.below(2) == 0 ? it.own() : testing::labelled("set", pod.labels["set"])}};
      return pod;
    });
  });
}

TEST(CoupledOracle, TwoWorkloadsApart) {
  judge(40, kProven, [](CoupledInstance& it) {
    it.sell_any(5);
    it.add_pods(3, 7, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      if (it.below(3) != 0)
        pod.anti_affinity = {
            {testing::labelled("app", "w" + std::to_string(it.below(3))), testing::kHost}};
      return pod;
    });
  });
}

TEST(CoupledOracle, SpreadOverZones) {
  judge(40, {.optimal = 20, .cheapest = 38}, [](CoupledInstance& it) {
    it.sell_any(4);
    it.price_by_zone();
    it.add_pods(2, 6, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      if (it.below(3) != 0)
        pod.spread = {{static_cast<std::int32_t>(1 + it.below(2)), 1, testing::kZone, it.own()}};
      return pod;
    });
  });
}

TEST(CoupledOracle, PodsThatNeedALeaderOnTheirNode) {
  judge(40, {.optimal = 38, .cheapest = 40}, [](CoupledInstance& it) {
    it.sell_any(4);
    it.add_pods(3, 6, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      if (it.workloads() > 0 && it.below(2) == 0)
        pod.affinity = {{testing::labelled("app", "w0"), testing::kHost}};
      return pod;
    });
  });
}

TEST(CoupledOracle, WorkloadsThatNeedEachOfTheirOwn) {
  judge(40, kProven, [](CoupledInstance& it) {
    it.sell_any(4);
    it.add_pods(3, 6, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      if (it.below(2) == 0) pod.affinity = {{it.own(), testing::kHost}};
      return pod;
    });
  });
}

TEST(CoupledOracle, RoomThatThePolicyKeepsFree) {
  judge(40, kProven, [](CoupledInstance& it) {
    it.sell_any(5);
    it.add_pods(2, 5, [&] { return it.shape(it.portable()); });
    it.policy.headroom = {{it.small_request(),
                           static_cast<std::int64_t>(1 + it.below(2)),
                           {static_cast<std::int64_t>(500 * (1 + it.below(4))), 2048, 0, 1}}};
  });
}

TEST(CoupledOracle, NoMoreGpusThanAllowed) {
  judge(40, kProven, [](CoupledInstance& it) {
    it.sell_any(5);
    it.add_pods(3, 6, [&] {
      cluster::PodShape pod = it.shape(it.portable());
      pod.priority = static_cast<std::int32_t>(it.below(1'000'000));
      return pod;
    });
    it.policy.limit_gpus = static_cast<std::int64_t>(1 + it.below(4));
  });
}

TEST(CoupledOracle, NoMoreDollarsThanAllowed) {
  judge(40, kProven, [](CoupledInstance& it) {
    it.sell_any(5);
    it.add_pods(3, 6, [&] {
      cluster::PodShape pod = it.shape(it.portable());
      pod.priority = static_cast<std::int32_t>(it.below(1'000'000));
      return pod;
    });
    it.policy.limit_per_hour =
        MicroUsdPerHour{static_cast<std::int64_t>(1'000'000 + it.below(6'000'000))};
  });
}

TEST(CoupledOracle, EverythingAtOnce) {
  judge(60, {.optimal = 40, .cheapest = 56}, [](CoupledInstance& it) {
    it.sell_any(5);
    if (it.below(2) == 0) it.price_by_zone();
    const bool zones = it.zoned();
    it.add_pods(3, 6, [&] {
      cluster::PodShape pod = it.shape(it.below(3) == 0 ? it.portable() : it.small_request());
      switch (it.below(5)) {
        case 0: pod.anti_affinity = {{it.own(), testing::kHost}}; break;
        case 1: pod.spread = {{1, 1, zones ? testing::kZone : testing::kHost, it.own()}}; break;
        case 2:
          if (it.workloads() > 0) pod.affinity = {{testing::labelled("app", "w0"), testing::kHost}};
          break;
        case 3: pod = it.several_slices(); break;
        default: break;
      }
      if (it.workloads() == 0) pod.affinity.clear();
      return pod;
    });
    if (it.below(3) == 0) it.policy.headroom = {{it.small_request(), 1, {500, 1024, 0, 1}}};
  });
}

}  // namespace
}  // namespace kerf::plan
