// Tests of the mind's contract: when it acts at all, what it never does twice, what it never buys.
#include "core/controller/controller.h"

#include <gtest/gtest.h>

#include <set>

#include "core/controller/controller_testing.h"

namespace kerf::controller {
namespace {

using namespace testing;

TEST(Controller, DoesNothingBeforeEveryKindIsSynced) {
  for (int missing = 0; missing < control::kKinds; ++missing) {
    Bench bench;
    bench.tell_event(Leading{1});
    bench.tell_event(Offerings{market_of({"p5.4xlarge"}), bench.now, {}});
    bench.tell_classes();
    bench.add(act());
    bench.tell(pending_pod("a"));
    for (int kind = 0; kind < control::kKinds; ++kind)
      if (kind != missing) bench.tell_event(Synced{static_cast<Kind>(kind), bench.version});
    bench.step();
    bench.now += kMinute;
    bench.tell_event(Woke{});
    bench.step();
    EXPECT_TRUE(bench.effects.empty()) << control::to_string(static_cast<Kind>(missing));
    bench.tell_event(Synced{static_cast<Kind>(missing), bench.version});
    bench.pass(kMinute);
    EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
  }
}

TEST(Controller, DoesNothingWhileItFollowsAndListsAnewBeforeItLeadsAgain) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell_event(Following{});
  bench.tell(pending_pod("a"));
  bench.pass(kMinute);
  EXPECT_TRUE(bench.effects.empty());
  bench.tell_event(Leading{2});
  bench.pass(kMinute);
  EXPECT_TRUE(bench.effects.empty());
  bench.synced();
  bench.pass(kMinute);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
}

TEST(Controller, DoesNothingWithoutPrices) {
  Bench bench;
  bench.add(act());
  bench.tell(pending_pod("a"));
  bench.tell_event(Leading{1});
  bench.synced();
  bench.pass(kMinute);
  EXPECT_TRUE(bench.effects.empty());
}

TEST(Controller, WritesAPurchaseDownBeforeItBuys) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell(pending_pod("a"));
  bench.step();
  bool written = false;
  for (int i = 0; i < 200; ++i) {
    bench.now += 100;
    bench.tell_event(Woke{});
    bench.step();
    for (const auto& [id, solve] : bench.take<Solve>())
      bench.tell_event(Solved{
          id, std::make_shared<const Solution>(controller::solve(*solve.problem, *bench.tables))});
    for (const auto& [id, put] : bench.take<PutStatus>()) {
      const bool purchase = put.status.kept.purchases.contains("uid-default/a");
      written |= purchase;
      if (purchase) continue;
      bench.policies[0].status = put.status;
      bench.policies[0] = bench.tell(bench.policies[0]);
      bench.tell_event(Done{id, {Result::Applied, bench.version, ""}});
    }
    EXPECT_TRUE(bench.take<CreateClaim>().empty()) << "no PutStatus was answered";
  }
  EXPECT_TRUE(written);
}

TEST(Controller, BuysOnceForPodsThatComeTogether) {
  Bench bench;
  bench.add(act());
  bench.start();
  for (int i = 0; i < 7; ++i) {
    bench.tell(pending_pod("pod-" + std::to_string(i)));
    bench.pass(300);
    EXPECT_TRUE(bench.take<CreateClaim>().empty()) << "the window is open";
  }
  bench.pass(2 * kSecond);
  const auto claims = bench.take<CreateClaim>();
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].second.claim.type, "p5.4xlarge");
  EXPECT_EQ(claims[0].second.claim.layout.gpus.at(0).slices.size(), 7U);
}

TEST(Controller, APurchaseOfWhichNothingIsKnownIsNotMadeAgain) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(5 * kSecond);
  const auto first = bench.take<CreateClaim>();
  ASSERT_EQ(first.size(), 1U);
  bench.tell_event(Done{first[0].first, {Result::Unknown, 0, ""}});
  bench.pass(30 * kSecond);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  bench.synced();  // listed anew, and it is not there; it may still be under way
  bench.pass(20 * kSecond);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  bench.pass(2 * kMinute);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U) << "no request lives that long";
}

TEST(Controller, HasFiveClaimsWithoutAnInstanceAtMost) {
  Bench bench;
  bench.add(act());
  bench.start();
  for (int i = 0; i < 8; ++i) bench.tell(pending_pod("pod-" + std::to_string(i), "7g.80gb"));
  bench.pass(kMinute);
  auto claims = bench.take<CreateClaim>();
  ASSERT_EQ(claims.size(), 5U);
  std::set<std::string> names;
  for (auto& [id, create] : claims) {
    names.insert(create.claim.meta.name);
    create.claim = bench.applied(id, create.claim);
  }
  bench.pass(kMinute);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  for (int i = 0; i < 2; ++i) {
    control::NodeClaim& claim = claims[static_cast<std::size_t>(i)].second.claim;
    claim.provider_id = "i-" + std::to_string(i);
    claim.zone = "us-east-1a";
    bench.tell(claim);
  }
  bench.pass(kMinute);
  const auto more = bench.take<CreateClaim>();
  EXPECT_EQ(more.size(), 2U);
  for (const auto& [id, create] : more) EXPECT_TRUE(names.insert(create.claim.meta.name).second);
}

TEST(Controller, AnOfferingThatWasRefusedIsOutForATimeAndCountsAgainstNobody) {
  Bench bench;
  bench.add(act());
  bench.start({"p5.4xlarge", "p4d.24xlarge"});
  bench.tell(pending_pod("a", "2g.20gb"));  // only the H100 has it
  bench.pass(5 * kSecond);
  for (int round = 0; round < 4; ++round) {
    const auto claims = bench.take<CreateClaim>();
    ASSERT_EQ(claims.size(), 1U) << round;
    control::NodeClaim claim = claims[0].second.claim;
    claim.meta.uid = "claim-" + std::to_string(round);
    claim = bench.applied(claims[0].first, claim);
    bench.pass(kSecond);
    bench.tell_event(Gone{Kind::NodeClaim, control::key_of(claim.meta), claim.meta.uid});
    bench.pass(2 * kMinute);
    EXPECT_TRUE(bench.take<CreateClaim>().empty()) << "it is out";
    bench.pass(4 * kMinute);
  }
  for (const Record& record : bench.records()) EXPECT_NE(record.what, What::GaveUp);
}

TEST(Controller, LimitsOfThePolicyAreNotPassed) {
  Bench bench;
  control::SlicePolicy policy = act();
  policy.buys.limit_gpus = 3;
  bench.add(policy);
  bench.start();
  for (int i = 0; i < 5; ++i) bench.tell(pending_pod("pod-" + std::to_string(i), "7g.80gb"));
  bench.pass(kMinute);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 3U);
  std::set<std::string> waiting;
  for (const Record& record : bench.records())
    if (record.what == What::Wait) {
      EXPECT_EQ(record.args.at(0), "LimitGpus");
      waiting.insert(record.about.name);
    }
  EXPECT_EQ(waiting.size(), 2U);
}

TEST(Controller, TheBudgetOfANamespaceLimitsItsPurchasesAndNobodyElses) {
  Bench bench;
  control::SlicePolicy policy = act();
  policy.budgets["default"].gpus = 2;
  bench.add(policy);
  bench.start();
  for (int i = 0; i < 4; ++i) bench.tell(pending_pod("pod-" + std::to_string(i), "7g.80gb"));
  control::Pod other = pending_pod("other", "7g.80gb");
  other.meta.ns = other.shape.ns = "elsewhere";
  bench.tell(other);
  bench.pass(kMinute);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 3U);
}

TEST(Controller, PodsThatAreNotItsBusinessAreLeftAlone) {
  struct Case {
    const char* why;
    std::function<void(control::Pod&)> change;
  };
  const Case cases[] = {
      {"gated", [](control::Pod& pod) { pod.gated = true; }},
      {"another scheduler's", [](control::Pod& pod) { pod.scheduler = "volcano"; }},
      {"being deleted", [](control::Pod& pod) { pod.meta.deleted = 1; }},
      {"a static pod", [](control::Pod& pod) { pod.mirror = true; }},
      {"a DaemonSet's", [](control::Pod& pod) { pod.owner.kind = "DaemonSet"; }},
      {"not judged yet", [](control::Pod& pod) { pod.unschedulable = false; }},
      {"done", [](control::Pod& pod) { pod.phase = control::PodPhase::Succeeded; }},
      {"bound", [](control::Pod& pod) { pod.node = "elsewhere"; }},
      {"without a GPU", [](control::Pod& pod) { pod.shape.gpu.clear(); }},
      {"asks for a whole GPU",
       [](control::Pod& pod) {
         pod.shape.gpu[0] = {};
         pod.shape.gpu[0].kind = cluster::GpuRequestKind::Whole;
       }},
      {"asks for nothing that exists", [](control::Pod& pod) { pod.shape.gpu[0].profile = "9g"; }},
  };
  for (const Case& one : cases) {
    Bench bench;
    bench.add(act());
    bench.start();
    control::Pod pod = pending_pod("a");
    one.change(pod);
    bench.tell(pod);
    bench.pass(2 * kMinute);
    EXPECT_TRUE(bench.take<CreateClaim>().empty()) << one.why;
    EXPECT_TRUE(bench.take<Nominate>().empty()) << one.why;
  }
}

TEST(Controller, ANameThatADeviceClassMapsHasAnotherProvider) {
  Bench bench;
  bench.add(act());
  control::DeviceClass mapped;
  mapped.meta.name = "mig";
  mapped.resource = "nvidia.com/mig-1g.10gb";
  bench.tell(mapped);
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(2 * kMinute);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
}

TEST(Controller, ThePolicyOfTheHighestPriorityGovernsThenTheFirstByName) {
  Bench bench;
  control::SlicePolicy low = act();
  low.meta.name = "a-low";
  control::SlicePolicy high = act();
  high.meta.name = "high";
  high.priority = 5;
  control::SlicePolicy twin = high;
  twin.meta.name = "twin";
  bench.add(low);
  bench.add(high);
  bench.add(twin);
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(kMinute);
  const auto claims = bench.take<CreateClaim>();
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].second.claim.meta.labels.at(control::kPolicyLabel), "high");
}

TEST(Controller, AGroupIsBoughtForAsAWhole) {
  Bench bench;
  bench.add(act());
  bench.start();
  control::Workload group;
  group.meta.ns = "default";
  group.meta.name = "train";
  group.meta.uid = "owner";
  group.kind = "LeaderWorkerSet";
  group.at_once = 7;
  group.shape = pending_pod("x").shape;
  bench.tell(group);
  bench.tell(pending_pod("train-0"));
  bench.pass(kMinute);
  const auto claims = bench.take<CreateClaim>();
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].second.claim.layout.gpus.at(0).slices.size(), 7U);
}

TEST(Controller, ObserveReckonsForNamesThatItDoesNotBuyForToo) {
  Bench bench;
  control::SlicePolicy policy = act();
  policy.mode = control::Mode::Observe;
  bench.add(policy);
  bench.start({"g6.xlarge", "p5.4xlarge"});
  control::Pod pod = pending_pod("a");
  pod.shape.gpu[0] = {};
  pod.shape.gpu[0].kind = cluster::GpuRequestKind::Whole;
  bench.tell(pod);
  bench.pass(2 * kMinute);
  ASSERT_TRUE(bench.policies[0].status.figures.could_be.has_value());
  EXPECT_EQ(format_usd(*bench.policies[0].status.figures.could_be), "$0.80");
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  for (const Effect& effect : bench.effects)
    EXPECT_TRUE(std::holds_alternative<Note>(effect.action));
}

TEST(Controller, TheSameEventsGiveTheSameHash) {
  const auto run = [] {
    Bench bench;
    bench.add(act());
    bench.start();
    for (int i = 0; i < 9; ++i) bench.tell(pending_pod("pod-" + std::to_string(i)));
    bench.pass(kMinute);
    return bench.mind.hash();
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace kerf::controller
