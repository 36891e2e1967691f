// make_plan against brute force where some nodes are owned: they cost nothing,
// and there are few.
#include <gtest/gtest.h>

#include "core/plan/coupled_instances_testing.h"

namespace kerf::plan {
namespace {

using testing::CoupledInstance;
using testing::judge;

TEST(OwnedOracle, FewPods) {
  judge(40, {.optimal = 40, .cheapest = 40}, [](CoupledInstance& it) {
    it.sell_any(5);
    it.own_some(static_cast<std::int64_t>(1 + it.below(2)));
    it.add_pods(3, 7, [&] { return it.shape(it.portable()); });
  });
}

TEST(OwnedOracle, FewPodsOfWhichANodeHoldsOne) {
  judge(40, {.optimal = 40, .cheapest = 40}, [](CoupledInstance& it) {
    it.sell_any(5);
    it.own_some(static_cast<std::int64_t>(1 + it.below(2)));
    it.add_pods(3, 7, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      if (it.below(2) == 0) pod.anti_affinity = {{it.own(), testing::kHost}};
      return pod;
    });
  });
}

TEST(OwnedOracle, TooManyKindsToTryEverything) {
  judge(30, {.optimal = 5, .cheapest = 25, .exact_at_most = 1}, [](CoupledInstance& it) {
    it.sell({"g4dn.xlarge", "g5.xlarge", "g6.2xlarge", "g6.12xlarge", "g6e.xlarge", "g7e.2xlarge",
             "g7e.12xlarge"},
            3);
    it.sell_p5();
    it.own_some(static_cast<std::int64_t>(1 + it.below(3)));
    it.alike(1);
    it.add_pods(12, 12, [&] {
      cluster::PodShape pod = it.shape(it.small_request());
      if (it.below(4) == 0)
        pod.anti_affinity = {
            {testing::labelled("app", "w" + std::to_string(it.below(12))), testing::kHost}};
      return pod;
    });
  });
}

}  // namespace
}  // namespace kerf::plan
