// The controller's mind when something else happens between a decision and what follows from it.
#include "core/controller/controller_testing.h"

namespace kerf::controller {
namespace {

using control::kHour;
using testing::act;
using testing::Bench;
using testing::kMinute;
using testing::kSecond;
using testing::pending_pod;
using testing::running_pod;
using testing::standing;
using testing::Told;

/// A pod on a node that will expire; its replacement was bought, and launched.
struct Expiring : Bench {
  Told old;
  control::NodeClaim bought;

  Expiring() {
    now = 700 * kHour;
    add(act());
    start();
    old = standing(*this, "a", {{"1g.10gb", 0, "x"}});
    old.claim.meta.created = 100 * kHour;
    old.claim.expire_after_ms = 720 * kHour;
    old.claim = tell(old.claim);
    tell(running_pod("x", "1g.10gb", "a"));
    pass(3 * kMinute);
    const auto claims = take<CreateClaim>();
    EXPECT_EQ(claims.size(), 1U);
    if (claims.empty()) return;
    bought = claims[0].second.claim;
    bought.provider_id = "i-n";
    bought.zone = "us-east-1a";
    bought.node = "n";
    bought = applied(claims[0].first, bought);
  }

  /// In service, cut as its claim wants, all parked.
  void comes() {
    bought.initialized = true;
    bought = tell(bought);
    control::Node node;
    node.meta.name = "n";
    node.meta.labels = bought.meta.labels;
    node.meta.labels[control::kTypeLabel] = bought.type;
    node.meta.labels[control::kZoneLabel] = bought.zone;
    node.provider_id = "i-n";
    node.ready = true;
    node.allocatable = {15000, 200000, 100000, 100};
    tell(node);
    control::GpuNode gpus;
    gpus.meta.name = "n";
    gpus.spec = bought.layout;
    gpus.status.gpus.resize(1);
    gpus.status.gpus[0].model = "H100-80";
    gpus.status.observed_generation = 1;
    gpus.status.cut = gpus.status.ready = true;
    gpus.status.epoch = "1.1";
    for (const auto& wanted : bought.layout.gpus[0].slices)
      gpus.status.gpus[0].slices.push_back({wanted.form, wanted.start, wanted.resource,
                                            cluster::SliceState::Free, false, false, "MIG", ""});
    tell(gpus);
  }
};

std::vector<std::string> given_up(Bench& bench) {
  std::vector<std::string> why;
  for (const Record& record : bench.records())
    if (record.what == What::MoveOff) why.push_back(record.args.at(0));
  return why;
}

TEST(ControllerMeanwhile, AMoveHasItsTimeFromWhenTheNodeThatWasBoughtForItIsThere) {
  Expiring bench;
  bench.pass(12 * kMinute);  // it boots
  bench.comes();
  bench.pass(10 * kSecond);
  EXPECT_TRUE(given_up(bench).empty());
  EXPECT_EQ(bench.take<Withdraw>().size(), 1U) << "the source is shielded";
}

TEST(ControllerMeanwhile, APodThatGoesByItselfHasThePlaceOnTheNodeThatIsOnItsWay) {
  Expiring bench;
  control::Pod gone = running_pod("x", "1g.10gb", "a");
  gone.meta.uid = "uid-default/x";
  bench.tell_event(Gone{Kind::Pod, {"default", "x"}, gone.meta.uid});
  bench.pass(kSecond);
  bench.tell(pending_pod("y"));
  bench.pass(10 * kMinute);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
}

TEST(ControllerMeanwhile, WhatExpiresIsReplacedThoughItIsNeverQuiet) {
  Bench bench;
  bench.now = 700 * kHour;
  bench.add(act());
  bench.start();
  Told old = standing(bench, "a", {{"7g.80gb", 0, "x"}});
  old.claim.meta.created = 100 * kHour;
  old.claim.expire_after_ms = 720 * kHour;
  bench.tell(old.claim);
  bench.tell(running_pod("x", "7g.80gb", "a"));
  Told busy = standing(bench, "b", {{"1g.10gb", 0, "s"}, {"1g.10gb", 1, ""}});
  bench.tell(running_pod("s", "1g.10gb", "b"));
  std::size_t bought = 0;
  for (int turn = 0; turn < 60 && bought == 0; ++turn) {
    cluster::SliceState& state = busy.gpus.status.gpus[0].slices[1].state;
    state = turn % 2 == 0 ? cluster::SliceState::Creating : cluster::SliceState::Free;
    busy.gpus = bench.tell(busy.gpus);
    bench.pass(10 * kSecond);
    bought += bench.take<CreateClaim>().size();
  }
  EXPECT_EQ(bought, 1U);
}

/// The only pod of one node could move to another, which has room: its source is being shielded.
struct Freeing : Bench {
  Told from;

  Freeing() {
    control::SlicePolicy policy = act();
    policy.consolidation.moves_per_hour = 10;
    add(policy);
    start();
    from = standing(*this, "a", {{"1g.10gb", 0, "small"}, {"1g.10gb", 1, ""}});
    standing(*this, "b", {{"4g.40gb", 0, "large"}, {"1g.10gb", 6, ""}});
    tell(running_pod("small", "1g.10gb", "a"));
    tell(running_pod("large", "4g.40gb", "b"));
    pass(17 * kMinute);  // the node is not young any more
    EXPECT_EQ(take<Withdraw>().size(), 1U);
    EXPECT_TRUE(given_up(*this).empty());
  }
};

TEST(ControllerMeanwhile, ANodeToWhichSomebodyHasComeIsNotEmptied) {
  Freeing bench;
  control::SliceStatus& free = bench.from.gpus.status.gpus[0].slices[1];
  free.state = cluster::SliceState::Used;
  free.published = true;
  free.pod = "default/late";
  bench.from.gpus = bench.tell(bench.from.gpus);
  bench.tell(running_pod("late", "1g.10gb", "a"));
  bench.pass(kSecond);
  EXPECT_EQ(given_up(bench), (std::vector<std::string>{"somebody else has come to its node"}));
}

TEST(ControllerMeanwhile, APodThatMustNotBeDisruptedAnyMoreStays) {
  Freeing bench;
  control::Pod small = running_pod("small", "1g.10gb", "a");
  small.meta.annotations[control::kDoNotDisrupt] = "true";
  bench.tell(small);
  bench.pass(kSecond);
  EXPECT_EQ(given_up(bench), (std::vector<std::string>{"it must not be disrupted"}));
}

TEST(ControllerMeanwhile, APodThatAnotherPolicyHasTakenOverIsLeftToIt) {
  Freeing bench;
  control::SlicePolicy other = act();
  other.meta.name = "other";
  other.mode = control::Mode::Observe;
  other.priority = 5;
  bench.add(other);
  bench.pass(kSecond);
  EXPECT_EQ(given_up(bench), (std::vector<std::string>{"another policy governs it"}));
}

TEST(ControllerMeanwhile, NobodyIsEvictedOutsideTheWindows) {
  Freeing bench;
  control::SlicePolicy policy = bench.policies[0];
  control::Window window;
  window.opens = {2 * 24 * 60};
  window.duration_ms = kHour;
  policy.consolidation.windows = {window};
  bench.policies[0] = bench.tell(policy);
  bench.pass(kSecond);
  EXPECT_EQ(given_up(bench), (std::vector<std::string>{"it is not the time for moves"}));
}

TEST(ControllerMeanwhile, WhoWaitsForANodeOfAPolicyThatIsGoneIsServedByTheNext) {
  Bench bench;
  control::SlicePolicy first = act();
  first.priority = 5;
  bench.add(first);
  control::SlicePolicy second = act();
  second.meta.name = "next";
  bench.add(second);
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(5 * kSecond);
  const auto bought = bench.take<CreateClaim>();
  ASSERT_EQ(bought.size(), 1U);
  control::NodeClaim claim = bought[0].second.claim;
  claim.provider_id = "i-1";
  claim.zone = "us-east-1a";
  bench.applied(bought[0].first, claim);
  bench.pass(kSecond);
  bench.tell_event(Gone{Kind::SlicePolicy, {"", "gpu"}, bench.policies[0].meta.uid});
  bench.pass(2 * kMinute);
  const auto again = bench.take<CreateClaim>();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].second.claim.meta.labels.at(control::kPolicyLabel), "next");
}

TEST(ControllerMeanwhile, AClaimThatIsForbiddenIsOneThatCannotBeHad) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell(pending_pod("a"));
  bool told = false;
  int asked = 0;
  for (int second = 0; second < 150; ++second) {
    bench.pass(kSecond);
    for (const auto& [id, create] : bench.take<CreateClaim>()) {
      ++asked;
      bench.tell_event(Done{id, {Result::Forbidden, 0, "policy of the house"}});
    }
    for (const Record& record : bench.records())
      if (record.what == What::Refused) {
        told = true;
        ASSERT_EQ(record.args.size(), 3U);
        EXPECT_EQ(record.args[2], "policy of the house");
      }
  }
  EXPECT_TRUE(told);
  EXPECT_GT(asked, 3) << "an API server that starts says so, too";
  EXPECT_LT(asked, 12);
  EXPECT_TRUE(bench.policies[0].status.kept.purchases.empty()) << "nothing was bought";
}

TEST(ControllerMeanwhile, WhatIsForbiddenToOneKeepsNobodyElseFromBuying) {
  Bench bench;
  control::SlicePolicy mine = act();
  mine.namespaces = {"mine"};
  bench.add(mine);
  control::SlicePolicy other = act();
  other.meta.name = "other";
  other.namespaces = {"default"};
  bench.add(other);
  bench.start();
  for (int i = 0; i < 5; ++i) {  // each needs a node of its own
    control::Pod pod = pending_pod("p" + std::to_string(i), "7g.80gb");
    pod.meta.ns = pod.shape.ns = "mine";
    bench.tell(pod);
  }
  bench.pass(5 * kSecond);
  const auto claims = bench.take<CreateClaim>();
  EXPECT_EQ(claims.size(), 5U);
  for (const auto& [id, create] : claims)
    bench.tell_event(Done{id, {Result::Forbidden, 0, "not for you"}});
  bench.tell(pending_pod("else"));
  bench.pass(5 * kSecond);
  bool bought = false;
  for (const auto& [id, create] : bench.take<CreateClaim>())
    bought |= create.claim.meta.labels.at(control::kPolicyLabel) == "other";
  EXPECT_TRUE(bought);
}

TEST(ControllerMeanwhile, ANodeThatSomebodyHasCordonedGoesWhenItIsEmpty) {
  for (const bool empty : {true, false}) {
    Bench bench;
    bench.add(act());
    bench.start();
    Told told = standing(bench, "a", {{"1g.10gb", 0, empty ? "" : "x"}});
    if (!empty) bench.tell(running_pod("x", "1g.10gb", "a"));
    told.node.cordoned = true;
    bench.tell(told.node);
    bench.pass(kHour);
    EXPECT_EQ(bench.take<DeleteClaim>().size(), empty ? 1U : 0U);
    EXPECT_TRUE(bench.take<CreateClaim>().empty()) << "nobody was told to go";
  }
}

TEST(ControllerMeanwhile, ANodeThatIsNotReadyForLongIsLost) {
  for (const bool held : {false, true}) {
    Bench bench;
    bench.add(act());
    bench.start();
    Told told = standing(bench, "a", {{"1g.10gb", 0, "x"}});
    control::Pod pod = running_pod("x", "1g.10gb", "a");
    if (!held) pod.meta.deleted = bench.now;  // told to end, and kubelet does not hear it
    bench.tell(pod);
    told.node.ready = false;
    bench.tell(told.node);
    bench.pass(19 * kMinute);
    EXPECT_TRUE(bench.take<DeleteClaim>().empty());
    bench.pass(2 * kMinute);
    EXPECT_EQ(bench.take<DeleteClaim>().size(), held ? 0U : 1U);
  }
}

TEST(ControllerMeanwhile, AnEmptyNodeWhoseAgentIsDeadGoesAllTheSame) {
  Bench bench;
  bench.add(act());
  bench.start();
  Told told = standing(bench, "a", {{"1g.10gb", 0, ""}});
  told.gpus.spec.gpus[0].slices[0].published = true;
  told.gpus.status.gpus[0].slices[0].published = true;  // said last; kubelet has none of it
  told.gpus.meta.generation = told.gpus.status.observed_generation = 2;
  told.gpus = bench.tell(told.gpus);
  bool gone = false;
  for (int minute = 0; minute < 30 && !gone; ++minute) {
    bench.pass(kMinute);
    for (const auto& [id, put] : bench.take<PutLayout>()) {
      told.gpus.spec = put.spec;
      ++told.gpus.meta.generation;
      told.gpus = bench.applied(id, told.gpus);
    }
    gone = !bench.take<DeleteClaim>().empty();
  }
  EXPECT_TRUE(gone);
}

TEST(ControllerMeanwhile, ANodeThatCameWhenItsClaimWasGivenUpTakesNobody) {
  Bench bench;
  bench.add(act());
  bench.start();
  Told told = standing(bench, "a", {{"1g.10gb", 0, ""}});
  told.node.taints = {{control::kUncutTaint, "", "NoSchedule"}};
  bench.tell(told.node);
  bench.tell_event(Gone{Kind::NodeClaim, {"", "claim-a"}, told.claim.meta.uid});
  bench.tell(pending_pod("p"));
  bench.pass(5 * kSecond);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
}

/// A pod has a place on a node that stands, and is nominated to it; what is published is not yet
/// to be seen in the Node.
struct Nominated : Bench {
  Told told;
  control::Pod pod;

  Nominated() {
    add(act());
    start();
    told = standing(*this, "a", {{"1g.10gb", 0, ""}});
    pod = tell(pending_pod("p"));
    pass(3 * kSecond);
    for (const auto& [id, put] : take<PutLayout>()) {
      told.gpus.spec = put.spec;
      told.gpus.meta.generation = told.gpus.status.observed_generation = 2;
      told.gpus.status.gpus[0].slices[0].published = true;
      told.gpus = applied(id, told.gpus);
    }
    pass(100);
  }
};

TEST(ControllerMeanwhile, NothingIsOfferedBeforeItsPodIsNominated) {
  Nominated bench;
  auto nominations = bench.take<Nominate>();
  ASSERT_EQ(nominations.size(), 1U);
  EXPECT_TRUE(bench.take<Publish>().empty());
  bench.tell_event(Done{nominations[0].first, {Result::Conflict, 0, "the scheduler wrote"}});
  bench.pass(500);
  nominations = bench.take<Nominate>();
  ASSERT_EQ(nominations.size(), 1U);
  EXPECT_TRUE(bench.take<Publish>().empty());
  bench.pod.nominated = "a";
  bench.pod = bench.applied(nominations[0].first, bench.pod);
  bench.pass(100);
  EXPECT_EQ(bench.take<Publish>().size(), 1U);
}

TEST(ControllerMeanwhile, WhatTheSchedulerNominatedIsNotTakenBack) {
  for (const bool theirs : {false, true}) {
    Nominated bench;
    const auto nominations = bench.take<Nominate>();
    ASSERT_EQ(nominations.size(), 1U);
    bench.pod.nominated = "a";
    bench.pod = bench.applied(nominations[0].first, bench.pod);
    bench.pass(100);
    // The place is lost; the scheduler finds another one by preemption.
    bench.told.node.meta.deleted = bench.now;
    bench.told.node = bench.tell(bench.told.node);
    if (theirs) {
      bench.pod.nominated = "theirs";
      bench.pod = bench.tell(bench.pod);
    }
    bench.pass(10 * kSecond);
    EXPECT_EQ(bench.take<Nominate>().size(), theirs ? 0U : 1U);
    EXPECT_EQ(bench.take<CreateClaim>().size(), theirs ? 0U : 1U) << "while others end for it";
  }
}

TEST(ControllerMeanwhile, WhatWasBegunBeforeItObservedIsNotCarriedOutAfterwards) {
  Freeing bench;
  control::SlicePolicy policy = bench.policies[0];
  policy.mode = control::Mode::Observe;
  policy = bench.policies[0] = bench.tell(policy);
  bench.pass(kMinute);
  bench.tell_event(Gone{Kind::Pod, {"default", "small"}, "uid-default/small"});
  policy.mode = control::Mode::Act;
  bench.policies[0] = bench.tell(policy);
  bench.pass(kSecond);
  EXPECT_TRUE(bench.take<DeleteClaim>().empty()) << "it has been empty for a second";
}

TEST(ControllerMeanwhile, WarmSlicesThatAreNotWantedAnyMoreKeepNoNode) {
  Bench bench;
  control::SlicePolicy policy = act();
  cluster::GpuRequest request = pending_pod("p").shape.gpu.front();
  policy.warm = {{request, 2}};
  bench.add(policy);
  bench.start();
  standing(bench, "a", {{"1g.10gb", 0, ""}, {"1g.10gb", 1, ""}});
  const auto returns = [&] {
    const auto& next = bench.policies[0].status.next;
    return std::count_if(next.begin(), next.end(),
                         [](const auto& step) { return step.what == "Return"; });
  };
  bench.pass(10 * kMinute);
  EXPECT_EQ(returns(), 0);
  bench.policies[0].warm.clear();
  bench.policies[0] = bench.tell(bench.policies[0]);
  bench.pass(10 * kMinute);
  EXPECT_EQ(returns(), 1);
}

TEST(ControllerMeanwhile, AllThatALayoutOffersIsPublishedAtOnce) {
  Bench bench;
  bench.add(act());
  bench.start();
  Told told = standing(bench, "a", {{"1g.10gb", 0, ""}, {"3g.40gb", 4, ""}});
  bench.tell(pending_pod("small"));
  bench.tell(pending_pod("half", "3g.40gb"));
  bench.pass(3 * kSecond);
  const auto puts = bench.take<PutLayout>();
  ASSERT_EQ(puts.size(), 1U);
  told.gpus.spec = puts[0].second.spec;
  told.gpus.meta.generation = told.gpus.status.observed_generation = 2;
  told.gpus.status.cut = false;
  told.gpus.status.gpus[0].slices[1].published = true;
  told.gpus = bench.applied(puts[0].first, told.gpus);
  const auto nominate = [&] {
    bench.pass(100);
    for (const auto& [id, one] : bench.take<Nominate>()) {
      control::Pod pod = pending_pod(one.pod.name, one.pod.name == "half" ? "3g.40gb" : "1g.10gb");
      pod.nominated = "a";
      bench.applied(id, pod);
    }
    bench.pass(100);
  };
  nominate();
  EXPECT_TRUE(bench.take<Publish>().empty()) << "the other resource comes in a moment";
  told.gpus.status.gpus[0].slices[0].published = true;
  told.gpus.status.cut = true;
  told.gpus = bench.tell(told.gpus);
  nominate();
  const auto published = bench.take<Publish>();
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(published[0].second.amounts.size(), 2U);
}

}  // namespace
}  // namespace kerf::controller
