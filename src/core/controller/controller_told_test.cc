// The controller's mind: what it says of policies and nodes, and what a real cluster asks of it.
#include <algorithm>

#include "core/controller/controller_testing.h"

namespace kerf::controller {
namespace {

using control::Condition;
using testing::act;
using testing::Bench;
using testing::kMinute;
using testing::kSecond;
using testing::pending_pod;
using testing::running_pod;
using testing::standing;
using testing::Told;

using State = cluster::SliceState;

const Condition& condition(const Bench& bench, Condition::Type type) {
  const auto& all = bench.policies.at(0).status.conditions;
  return *std::find_if(all.begin(), all.end(), [&](const Condition& c) { return c.type == type; });
}

TEST(ControllerTold, AnAgentThatLeavesLeavesNothingOnOffer) {
  Bench bench;
  bench.add(act());
  bench.start();
  Told told = standing(bench, "a", {{"3g.40gb", 0, "x"}, {"3g.40gb", 4, ""}});
  bench.tell(running_pod("x", "3g.40gb", "a"));
  const std::string resource = "nvidia.com/mig-3g.40gb";
  // Both are offered, as two pods were there a moment ago.
  told.gpus.spec.gpus[0].slices[1].published = true;
  told.gpus.status.gpus[0].slices[1].published = true;
  told.gpus.meta.generation = told.gpus.status.observed_generation = 2;
  told.gpus = bench.tell(told.gpus);
  told.node.allocatable_of[resource] = 2;
  told.node = bench.tell(told.node);
  bench.pass(kSecond);
  EXPECT_TRUE(bench.take<Withdraw>().empty()) << "a free slice stays on offer for a while";
  told.gpus.status.ready = false;
  told.gpus.status.leaving = true;
  told.gpus = bench.tell(told.gpus);
  bench.step();
  const auto lowered = bench.take<Withdraw>();
  ASSERT_EQ(lowered.size(), 1U);
  EXPECT_EQ(lowered[0].second.amounts, (control::Amounts{{resource, 0}}))
      << "also the place of who may end any moment";
  told.node.allocatable_of[resource] = 0;
  told.node = bench.applied(lowered[0].first, told.node);
  // kubelet's own status raises it once more, before it knows.
  bench.pass(kSecond);
  told.node.allocatable_of[resource] = 2;
  told.node = bench.tell(told.node);
  bench.step();
  const auto again = bench.take<Withdraw>();
  ASSERT_EQ(again.size(), 1U) << "it is lowered again";
  bench.tell_event(Done{again[0].first, {Result::Conflict, 0, "kubelet was faster"}});
  EXPECT_TRUE(bench.take<Publish>().empty());
  // The next agent is there: its registration is a new one, and is published once.
  told.gpus.status.ready = true;
  told.gpus.status.leaving = false;
  told.gpus.status.epoch = "2.1";
  told.gpus = bench.tell(told.gpus);
  told.node.allocatable_of[resource] = 0;
  told.node = bench.tell(told.node);
  bench.pass(kSecond);
  const auto raised = bench.take<Publish>();
  ASSERT_EQ(raised.size(), 1U);
  EXPECT_EQ(raised[0].second.amounts, (control::Amounts{{resource, 2}}));
}

TEST(ControllerTold, AnInstanceThatSomebodyElseMadeDoesNotKeepANodeClosedForEver) {
  // What is wanted and does not stand is another matter.
  for (const State state : {State::Free, State::Creating}) {
    Bench bench;
    bench.add(act());
    bench.start();
    Told told = standing(bench, "a", {{"1g.10gb", 0, "x"}});
    told.node.taints = {{control::kUncutTaint, "", "NoSchedule"}};
    told.node = bench.tell(told.node);
    told.gpus.status.cut = false;
    told.gpus.status.degraded = control::Degraded::ForeignInstances;
    if (state == State::Creating) told.gpus.status.gpus[0].slices[0].state = state;
    told.gpus = bench.tell(told.gpus);
    bench.pass(kSecond);
    const auto patches = bench.take<PatchNode>();
    ASSERT_EQ(patches.size(), state == State::Creating ? 0U : 1U);
    for (const auto& [id, patch] : patches) EXPECT_TRUE(patch.remove_uncut);
  }
}

TEST(ControllerTold, LabelsOfANodeFollowItsGpus) {
  Bench bench;
  bench.add(act());
  bench.start();
  Told told = standing(bench, "a", {{"1g.10gb", 0, "x"}});
  bench.tell(running_pod("x", "1g.10gb", "a"));
  told.node.meta.labels["nvidia.com/mig-3g.40gb.count"] = "2";
  told.node.meta.labels["nvidia.com/gpu.deploy.operands"] = "false";
  told.node = bench.tell(told.node);
  bench.pass(kSecond);
  EXPECT_TRUE(bench.take<PatchNode>().empty()) << "the agent has not said what they are";
  told.gpus.status.labels = {{"nvidia.com/mig-1g.10gb.count", "1"}, {"nvidia.com/gpu.count", "1"}};
  told.gpus = bench.tell(told.gpus);
  bench.step();
  const auto patches = bench.take<PatchNode>();
  ASSERT_EQ(patches.size(), 1U);
  EXPECT_EQ(patches[0].second.labels, told.gpus.status.labels);
  EXPECT_EQ(patches[0].second.remove_labels,
            (std::vector<std::string>{"nvidia.com/mig-3g.40gb.count"}));
  told.node.meta.labels.erase("nvidia.com/mig-3g.40gb.count");
  told.node.meta.labels.insert(told.gpus.status.labels.begin(), told.gpus.status.labels.end());
  told.node = bench.applied(patches[0].first, told.node);
  bench.pass(kMinute);
  EXPECT_TRUE(bench.take<PatchNode>().empty()) << "once";
}

TEST(ControllerTold, AClaimThatIsTurnedAwayForNowIsAskedForAgain) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(5 * kSecond);
  const auto first = bench.take<CreateClaim>();
  ASSERT_EQ(first.size(), 1U);
  bench.tell_event(Done{first[0].first, {Result::Later, 0, "429"}});
  bench.pass(10 * kSecond);
  const auto second = bench.take<CreateClaim>();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].second.claim.meta.name, first[0].second.claim.meta.name);
  EXPECT_EQ(bench.policies[0].status.kept.purchases.at("uid-default/a"), 1) << "one purchase";
}

TEST(ControllerTold, ClaimsKeepTheOperatorAwayAndSayWhoTheyAreFor) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(5 * kSecond);
  const auto bought = bench.take<CreateClaim>();
  ASSERT_EQ(bought.size(), 1U);
  const control::Labels& labels = bought[0].second.claim.meta.labels;
  EXPECT_EQ(labels.at(control::kManagedLabel), "true");
  EXPECT_EQ(labels.at(control::kOperandsLabel), "false");
  const auto records = bench.records();
  const auto buy = std::find_if(records.begin(), records.end(),
                                [](const Record& record) { return record.what == What::Buy; });
  ASSERT_NE(buy, records.end());
  EXPECT_EQ(buy->pods, (std::vector<control::Key>{{"default", "a"}}));
}

TEST(ControllerTold, ANodeThatKarpenterHasNotRegisteredYetIsTheOneThatWasBought) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(5 * kSecond);
  const auto bought = bench.take<CreateClaim>();
  ASSERT_EQ(bought.size(), 1U);
  control::NodeClaim claim = bought[0].second.claim;
  // As kubelet makes it: without the startup taint, and nothing to give yet. Its labels may be
  // there already, by its user data, and it may be seen before the claim says that it is its own.
  control::Node node;
  node.meta.name = "ip-1";
  node.meta.labels = {{control::kTypeLabel, claim.type}, {control::kPolicyLabel, "gpu"}};
  node.provider_id = "i-1";
  node.taints = {{control::kUnregisteredTaint, "", "NoExecute"}};
  node = bench.tell(node);
  bench.pass(kSecond);
  EXPECT_TRUE(bench.take<PutLayout>().empty())
      << "whose it is, and so what is wanted, is not known";
  claim.provider_id = "i-1";
  claim.zone = "us-east-1a";
  claim = bench.applied(bought[0].first, claim);
  bench.pass(kMinute);
  EXPECT_TRUE(bench.take<CreateClaim>().empty()) << "its pod waits for this one";
  const auto puts = bench.take<PutLayout>();
  ASSERT_EQ(puts.size(), 1U);
  EXPECT_EQ(puts[0].second.spec, claim.layout);
  control::GpuNode gpus;
  gpus.meta.name = "ip-1";
  gpus.meta.generation = gpus.status.observed_generation = 1;
  gpus.spec = puts[0].second.spec;
  gpus.status.gpus.resize(1);
  gpus.status.cut = gpus.status.ready = true;
  gpus.status.epoch = "1.1";
  for (const control::WantedSlice& slice : gpus.spec.gpus[0].slices)
    gpus.status.gpus[0].slices.push_back(
        {slice.form, slice.start, slice.resource, State::Free, true, false, "MIG-1", ""});
  gpus = bench.applied(puts[0].first, gpus);
  node.ready = true;
  node.allocatable = {15000, 200000, 100000, 100};
  node.allocatable_of["nvidia.com/mig-1g.10gb"] = 1;
  node = bench.tell(node);
  bench.pass(kSecond);
  EXPECT_TRUE(bench.take<PatchNode>().empty()) << "Karpenter will put the startup taint there";
  node.taints = {{control::kUncutTaint, "", "NoSchedule"}};
  node = bench.tell(node);
  claim.node = "ip-1";
  claim = bench.tell(claim);
  for (const auto& [id, nominate] : bench.take<Nominate>()) {
    control::Pod pod = pending_pod("a");
    pod.nominated = nominate.node;
    pod = bench.applied(id, pod);
  }
  bench.pass(kSecond);
  const auto opened = bench.take<PatchNode>();
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_TRUE(opened[0].second.remove_uncut);
}

TEST(ControllerTold, TheSliceOfAPodThatHasEndedIsFreeBeforeTheAgentSaysSo) {
  Bench bench;
  bench.add(act());
  bench.start();
  standing(bench, "a", {{"3g.40gb", 0, "gone"}, {"3g.40gb", 4, "stays"}});
  const control::Pod gone = bench.tell(running_pod("gone", "3g.40gb", "a"));
  bench.pass(kSecond);
  bench.tell_event(Gone{Kind::Pod, control::key_of(gone.meta), gone.meta.uid});
  control::Pod stays = running_pod("stays", "3g.40gb", "a");
  stays.owner = {};
  bench.tell(stays);
  bench.tell(pending_pod("next", "3g.40gb"));
  bench.pass(20 * kSecond);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  const auto named = bench.take<Nominate>();
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(named[0].second.node, "a");
}

TEST(ControllerTold, WhatCannotBeHadNowCostsWhoeverHasItTheSame) {
  Bench bench;
  bench.add(act());
  bench.start({"p5.4xlarge", "g6.xlarge"});
  standing(bench, "a", {{"3g.40gb", 0, "x"}});
  bench.tell(running_pod("x", "3g.40gb", "a"));
  bench.step();
  const MicroUsdPerHour before = bench.mind.overview().policies.at(0).bill;
  ASSERT_GT(before.micro, 0);
  auto market = std::make_shared<market::Market>(*testing::market_of({"p5.4xlarge", "g6.xlarge"}));
  for (const market::Offering& offering : market->offerings)
    if (market->types[offering.type].name == "p5.4xlarge") market->off_sale.push_back(offering);
  std::erase_if(market->offerings, [&](const market::Offering& offering) {
    return market->types[offering.type].name == "p5.4xlarge";
  });
  bench.tell_event(Offerings{market, bench.now, {}});
  bench.step();
  EXPECT_EQ(bench.mind.overview().policies.at(0).bill, before);
}

TEST(ControllerTold, APlaceThatIsGivenUpIsNotLeftNominated) {
  Bench bench;
  bench.add(act());
  bench.start();
  Told told = standing(bench, "a", {{"3g.40gb", 0, ""}});
  told.gpus.spec.gpus[0].slices[0].published = true;
  told.gpus.status.gpus[0].slices[0].published = true;
  told.gpus = bench.tell(told.gpus);
  told.node.allocatable_of["nvidia.com/mig-3g.40gb"] = 1;
  told.node = bench.tell(told.node);
  control::Pod pod = bench.tell(pending_pod("p", "3g.40gb"));
  bench.pass(5 * kSecond);
  const auto named = bench.take<Nominate>();
  ASSERT_EQ(named.size(), 1U);
  pod.nominated = "a";
  pod = bench.applied(named[0].first, pod);
  bench.pass(kSecond);
  pod.judged = bench.now + 1;
  pod.message = "node(s) didn't have free ports";
  pod = bench.tell(pod);
  bench.pass(kMinute);
  const auto taken_back = bench.take<Nominate>();
  ASSERT_EQ(taken_back.size(), 1U) << "the scheduler disagrees";
  EXPECT_EQ(taken_back[0].second.node, "");
}

TEST(ControllerTold, AStatusThatWasNotWrittenIsWrittenAgain) {
  Bench bench;
  bench.add(act());
  bench.tell_event(Leading{1});
  bench.tell_classes();
  bench.tell_event(Offerings{testing::market_of({"p5.4xlarge"}), bench.now, {}});
  bench.synced();
  const auto puts = [&] {
    bench.step();
    return bench.take<PutStatus>();
  };
  auto first = puts();
  for (int i = 0; first.empty() && i < 60; ++i) {
    for (const auto& [id, solve] : bench.take<Solve>())
      bench.tell_event(Solved{
          id, std::make_shared<const Solution>(controller::solve(*solve.problem, *bench.tables))});
    bench.now += kSecond;
    first = puts();
  }
  ASSERT_EQ(first.size(), 1U);
  bench.tell_event(Done{first[0].first, {Result::Later, 0, "429"}});
  std::vector<std::pair<EffectId, PutStatus>> second;
  for (int i = 0; second.empty() && i < 120; ++i) {
    bench.now += kSecond;
    bench.tell_event(Woke{});
    second = puts();
  }
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].second.status.conditions, first[0].second.status.conditions);
}

TEST(ControllerTold, AClaimThatIsToldToEndBeforeItsLaunchIsRefusedAtOnceAndOnce) {
  Bench bench;
  bench.add(act());
  bench.start({"p5.4xlarge", "p5.48xlarge"});
  bench.tell(pending_pod("a"));
  bench.pass(5 * kSecond);
  const auto first = bench.take<CreateClaim>();
  ASSERT_EQ(first.size(), 1U);
  control::NodeClaim claim = bench.applied(first[0].first, first[0].second.claim);
  bench.step();
  bench.records();
  claim.meta.deleted = bench.now;
  claim = bench.tell(claim);
  bench.pass(5 * kSecond);
  const auto second = bench.take<CreateClaim>();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(second[0].second.claim.type, first[0].second.claim.type) << "that one cannot be had";
  bench.tell_event(Gone{Kind::NodeClaim, control::key_of(claim.meta), claim.meta.uid});
  bench.pass(5 * kSecond);
  const auto records = bench.records();
  EXPECT_EQ(std::count_if(records.begin(), records.end(),
                          [](const Record& record) { return record.what == What::Refused; }),
            1);
  EXPECT_EQ(bench.policies[0].status.kept.purchases.at("uid-default/a"), 1);
}

TEST(ControllerTold, NothingIsBoughtWhileTheNodeClassIsNotReady) {
  Bench bench;
  bench.add(act());
  bench.start();
  control::NodeClass made_from;
  made_from.meta.name = "cut";
  made_from.hash = "h";
  made_from.ready = false;
  bench.tell(made_from);
  bench.tell(pending_pod("a"));
  bench.pass(kMinute);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  EXPECT_EQ(condition(bench, Condition::Type::NodeClassesReady).reason, "NotReady");
  const Condition& served = condition(bench, Condition::Type::PodsServed);
  EXPECT_FALSE(served.ok);
  EXPECT_EQ(served.args, (std::vector<std::string>{"1", "default/a", "NodeClassNotReady", "cut"}));
  made_from.ready = true;
  bench.tell(made_from);
  bench.pass(kMinute);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
}

TEST(ControllerTold, ConditionsSayWherePricesAreFrom) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.pass(kMinute);
  EXPECT_EQ(condition(bench, Condition::Type::PricesCurrent).reason, "KarpenterMetrics");
  EXPECT_EQ(condition(bench, Condition::Type::PodsServed).reason, "NothingAsked");
  bench.pass(45 * kMinute);
  EXPECT_EQ(condition(bench, Condition::Type::PricesCurrent).reason, "Stale");
  bench.tell_event(Offerings{testing::market_of({"p5.4xlarge"}), 0, {}, "table", "no page"});
  bench.pass(kMinute);
  const Condition& prices = condition(bench, Condition::Type::PricesCurrent);
  EXPECT_EQ(prices.reason, "ShippedTable");
  EXPECT_EQ(prices.args, std::vector<std::string>{"no page"});
}

TEST(ControllerTold, AStatusThatDoesNotChangeIsNotWritten) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.pass(2 * kMinute);
  const Version version = bench.policies[0].meta.version;
  bench.tell_event(Offerings{testing::market_of({"p5.4xlarge"}), bench.now, {}});
  bench.pass(20 * kMinute);
  EXPECT_EQ(bench.policies[0].meta.version, version);
}

TEST(ControllerTold, ABoundIsOfThePodsThatItWasWorkedOutFor) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell(pending_pod("a"));
  std::vector<EffectId> compares;
  const auto run = [&](std::int64_t ms) {
    // settle() answers searches; which effect a comparison was is seen on the way.
    for (const Instant until = bench.now + ms; bench.now < until; bench.now += kSecond) {
      bench.tell_event(Woke{});
      bench.step();
      for (const Effect& effect : bench.effects)
        if (const auto* solve = std::get_if<Solve>(&effect.action))
          if (solve->problem->search == Search::Compare) compares.push_back(effect.id);
      bench.settle();
    }
  };
  run(kMinute);
  ASSERT_FALSE(compares.empty());
  bench.tell_event(Bounded{compares.back() + 1000, MicroUsdPerHour{1}, {}});
  run(kMinute);
  EXPECT_FALSE(bench.policies[0].status.figures.bound.has_value()) << "of another question";
  bench.tell_event(Bounded{compares.back(), MicroUsdPerHour{5}, MicroUsdPerHour{9}});
  run(kMinute);
  EXPECT_EQ(bench.policies[0].status.figures.bound, MicroUsdPerHour{5});
  EXPECT_EQ(bench.policies[0].status.figures.whole_gpus, MicroUsdPerHour{9});
}

TEST(ControllerTold, EveryDollarOfANodeIsUsedOrStrandedForAReason) {
  Bench bench;
  bench.add(act());
  bench.start();
  standing(bench, "a", {{"3g.40gb", 0, "x"}, {"1g.10gb", 4, ""}});
  standing(bench, "b", {{"1g.10gb", 0, ""}});
  bench.tell(running_pod("x", "3g.40gb", "a"));
  bench.step();
  const Overview overview = bench.mind.overview();
  ASSERT_EQ(overview.policies.size(), 1U);
  const Money& money = overview.policies[0];
  EXPECT_EQ(money.nodes, 2);
  EXPECT_EQ(money.nodes_in_service, 2);
  MicroUsdPerHour sum = money.used;
  for (const MicroUsdPerHour part : money.stranded) sum += part;
  EXPECT_EQ(sum, money.bill);
  const MicroUsdPerHour each{money.bill.micro / 2};
  const auto of = [&](Stranded cause) { return money.stranded[static_cast<int>(cause)]; };
  EXPECT_EQ(of(Stranded::Idle), each);
  EXPECT_EQ(money.used.micro, each.micro / 2) << "3g.40gb is four of eight memory slots";
  EXPECT_EQ(of(Stranded::Parked).micro, each.micro / 8);
  EXPECT_EQ(of(Stranded::Free).micro, 0);
  const std::vector<SliceCount> slices = {{"gpu", "H100-80", "1g.10gb", "parked", 2},
                                          {"gpu", "H100-80", "3g.40gb", "used", 1}};
  EXPECT_EQ(overview.slices, slices);
}

TEST(ControllerTold, ObserveSaysWhatItWouldDoAndOnlyThat) {
  Bench bench;
  control::SlicePolicy policy = act();
  policy.mode = control::Mode::Observe;
  bench.add(policy);
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(2 * kMinute);
  const auto& next = bench.policies[0].status.next;
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].what, "Would");
  EXPECT_EQ(next[0].args, (std::vector<std::string>{"$0.00", "1 p5.4xlarge"}));
  const auto records = bench.records();
  EXPECT_EQ(records.size(), 1U);
  EXPECT_TRUE(bench.effects.empty());
}

}  // namespace
}  // namespace kerf::controller
