// What the controller's mind says of pods that wait, of nodes and of money.
#include "core/controller/controller_testing.h"

namespace kerf::controller {
namespace {

using testing::act;
using testing::Bench;
using testing::kMinute;
using testing::kSecond;
using testing::pending_pod;
using testing::running_pod;
using testing::standing;
using testing::Told;

std::vector<std::string> why_it_waits(Bench& bench) {
  std::vector<std::string> why;
  for (const Record& record : bench.records())
    if (record.what == What::Wait) why = record.args;
  return why;
}

TEST(ControllerSays, NothingIsBoughtForAPodThatItsNodeWouldKeepOut) {
  Bench bench;
  bench.add(act());
  bench.start();
  control::Pod pod = pending_pod("a");
  pod.kept_out = true;
  bench.tell(pod);
  bench.pass(kMinute);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  EXPECT_EQ(why_it_waits(bench), (std::vector<std::string>{"NotTolerated"}));
  const auto& conditions = bench.policies[0].status.conditions;
  const bool said = std::any_of(conditions.begin(), conditions.end(), [](const auto& one) {
    return one.reason == "PodsWaiting" &&
           one.args == std::vector<std::string>{"1", "default/a", "NotTolerated"};
  });
  EXPECT_TRUE(said);
}

TEST(ControllerSays, APodWhoseSpecCannotBeReadIsToldSo) {
  Bench bench;
  bench.add(act());
  bench.start();
  control::Pod pod = pending_pod("a");
  pod.shape.gpu.clear();
  pod.unread = true;
  pod.shape.unplaceable = {{"spec", "there is no such profile"}};
  bench.tell(pod);
  bench.pass(kMinute);
  EXPECT_EQ(why_it_waits(bench),
            (std::vector<std::string>{"Unsupported", "spec", "there is no such profile"}));
}

TEST(ControllerSays, WhatCannotBeHadForNowIsNotCalledUnknown) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(5 * kSecond);
  const auto claims = bench.take<CreateClaim>();
  ASSERT_EQ(claims.size(), 1U);
  bench.tell_event(Done{claims[0].first, {Result::Refused, 0, "no capacity"}});
  bench.pass(10 * kSecond);
  const std::vector<std::string> why = why_it_waits(bench);
  ASSERT_GE(why.size(), 3U);
  EXPECT_EQ(why[0], "RefusedNow");
  EXPECT_EQ(why[1], "p5.4xlarge");
}

TEST(ControllerSays, LimitsAndBudgetsAreNamedAsTheyAreWritten) {
  for (const bool budget : {false, true}) {
    Bench bench;
    control::SlicePolicy policy = act();
    if (budget) policy.budgets["default"].gpus = 1;
    else policy.buys.limit_gpus = 1;
    bench.add(policy);
    bench.start();
    standing(bench, "a", {{"7g.80gb", 0, "x"}});
    bench.tell(running_pod("x", "7g.80gb", "a"));
    bench.tell(pending_pod("b"));
    bench.pass(kMinute);
    EXPECT_TRUE(bench.take<CreateClaim>().empty());
    const std::vector<std::string> why = why_it_waits(bench);
    ASSERT_GE(why.size(), 3U) << budget;
    if (budget) {
      EXPECT_EQ(why[0], "NamespaceBudget");
      EXPECT_EQ(why[1], "default");
      EXPECT_EQ(why[4], "1");
      EXPECT_EQ(why[5], "1.00");
    } else {
      EXPECT_EQ(why, (std::vector<std::string>{"LimitGpus", "1", "1"}));
    }
  }
}

TEST(ControllerSays, TheBillHasNodesWhosePolicyIsGone) {
  Bench bench;
  control::SlicePolicy policy = act();
  policy.meta.name = "other";
  bench.add(policy);
  bench.start();
  standing(bench, "a", {{"1g.10gb", 0, "x"}});  // of policy "gpu"
  bench.tell(running_pod("x", "1g.10gb", "a"));
  bench.pass(kMinute);
  EXPECT_GT(bench.policies[0].status.figures.bill.micro, 0);
  EXPECT_EQ(bench.policies[0].status.figures.pods, 1);
}

TEST(ControllerSays, ANodeThatIsNotReadyIsNotHealthy) {
  Bench bench;
  bench.add(act());
  bench.start();
  Told told = standing(bench, "a", {{"1g.10gb", 0, "x"}});
  bench.tell(running_pod("x", "1g.10gb", "a"));
  told.node.ready = false;
  bench.tell(told.node);
  bench.pass(kMinute);
  const auto& conditions = bench.policies[0].status.conditions;
  EXPECT_TRUE(std::any_of(conditions.begin(), conditions.end(), [](const auto& one) {
    return one.reason == "NodesNotReady" && one.args == std::vector<std::string>{"1", "a"};
  }));
}

}  // namespace
}  // namespace kerf::controller
