// The controller's mind on nodes that stand: what it moves, gives back, and leaves alone.
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

/// A small pod in the way of one that needs half a GPU, and room for the small one beside others.
struct InTheWay : Bench {
  explicit InTheWay(std::int64_t moves_per_hour = 10) {
    control::SlicePolicy policy = act();
    policy.consolidation.moves_per_hour = moves_per_hour;
    add(policy);
    start();
    standing(*this, "a", {{"1g.10gb", 0, "small"}, {"3g.40gb", 4, "stays"}});
    standing(*this, "b", {{"4g.40gb", 0, "too"}, {"1g.10gb", 6, ""}});
    tell(running_pod("small", "1g.10gb", "a"));
    for (const auto& [name, profile, node] :
         {std::tuple{"stays", "3g.40gb", "a"}, std::tuple{"too", "4g.40gb", "b"}}) {
      control::Pod bare = running_pod(name, profile, node);
      bare.owner = {};
      tell(bare);
    }
    pass(25 * kMinute);  // nobody is young, and prices are fresh
    take<PutLayout>();
    records();
  }
};

TEST(ControllerNodes, MakesRoomForAPodByMovingAnotherRatherThanBuy) {
  InTheWay bench;
  bench.tell(pending_pod("half", "4g.40gb"));
  bench.pass(20 * kSecond);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  bool opened = false;
  for (const Record& record : bench.records())
    if (record.what == What::Place && record.about.name == "half") {
      opened = true;
      EXPECT_EQ(record.args, (std::vector<std::string>{"claim-a", "gpu0/4g.40gb@0", "opened"}));
      ASSERT_EQ(record.others.size(), 1U);
      EXPECT_EQ(record.others[0].what, "buy");
      EXPECT_GT(record.others[0].price.micro, 0);
    }
  EXPECT_TRUE(opened);
  // Nothing has been said of the source yet: first its offer is lowered, then the slice is parked.
  EXPECT_TRUE(bench.take<Evict>().empty());
  EXPECT_EQ(bench.take<Withdraw>().size(), 1U);
}

TEST(ControllerNodes, APodWhoseSuccessorWouldPreemptOthersIsNotMoved) {
  for (const bool preempts : {false, true}) {
    InTheWay bench;
    control::PriorityClass urgent;
    urgent.meta.name = "urgent";
    urgent.value = 1000;
    urgent.preempts = preempts;
    bench.tell(urgent);
    // Another user of the same resource, and the one in the way is more important.
    standing(bench, "c", {{"1g.10gb", 0, "other"}, {"3g.40gb", 4, "big"}});
    control::Pod other = running_pod("other", "1g.10gb", "c");
    other.owner = {};
    bench.tell(other);
    control::Pod big = running_pod("big", "3g.40gb", "c");
    big.owner = {};
    bench.tell(big);
    control::Pod small = running_pod("small", "1g.10gb", "a");
    small.shape.priority = 1000;
    bench.tell(small);
    bench.tell(pending_pod("half", "4g.40gb"));
    bench.pass(15 * kSecond);
    EXPECT_EQ(bench.take<CreateClaim>().size(), preempts ? 1U : 0U);
  }
}

TEST(ControllerNodes, BuysWhereNoMoveIsAllowed) {
  InTheWay bench(0);
  bench.tell(pending_pod("half", "4g.40gb"));
  bench.pass(20 * kSecond);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
}

TEST(ControllerNodes, APodForWhichOthersCouldNotMoveInTimeIsBoughtFor) {
  InTheWay bench;
  bench.tell(pending_pod("half", "4g.40gb"));
  bench.pass(20 * kSecond);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  bench.pass(6 * kMinute);  // no agent, no answer
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
}

TEST(ControllerNodes, ANodeWithAPodWhosePlaceIsNotKnownIsNotGivenBack) {
  for (const bool there : {true, false}) {
    Bench bench;
    bench.add(act());
    bench.start();
    standing(bench, "a", {{"1g.10gb", 0, ""}});
    if (there) bench.tell(running_pod("x", "2g.20gb", "a"));  // no such slice stands
    bench.pass(kHour);
    EXPECT_EQ(bench.take<DeleteClaim>().empty(), there);
  }
}

TEST(ControllerNodes, PodsThatAnotherPolicyGovernsAreNotMoved) {
  for (const bool other : {true, false}) {
    Bench bench;
    control::SlicePolicy policy = act();
    policy.consolidation.moves_per_hour = 10;
    bench.add(policy);
    control::SlicePolicy observing = act();
    observing.meta.name = "watched";
    observing.mode = control::Mode::Observe;
    observing.priority = 5;
    observing.namespaces = {"watched"};
    bench.add(observing);
    bench.start();
    standing(bench, "a", {{"1g.10gb", 0, "small"}});
    standing(bench, "b", {{"4g.40gb", 0, "large"}, {"1g.10gb", 6, ""}});
    control::Pod small = running_pod("small", "1g.10gb", "a");
    if (other) small.meta.ns = small.shape.ns = "watched";
    bench.tell(small);
    bench.tell(running_pod("large", "4g.40gb", "b"));
    bench.pass(25 * kMinute);
    EXPECT_EQ(bench.take<Withdraw>().empty(), other) << "the source of a move is shielded first";
  }
}

TEST(ControllerNodes, WhatWasLentWhileItWasAwayIsWrittenDownBeforeItIsTakenBack) {
  Bench bench;
  bench.add(act());
  bench.start();
  Told told = standing(bench, "a", {{"3g.40gb", 0, "x"}, {"3g.40gb", 4, ""}});
  bench.tell(running_pod("x", "3g.40gb", "a"));
  const auto slice = [&]() -> control::SliceStatus& { return told.gpus.status.gpus[0].slices[1]; };
  slice().published = slice().lent = true;
  told.gpus = bench.tell(told.gpus);
  told.node.allocatable_of["nvidia.com/mig-3g.40gb"] = 2;
  told.node = bench.tell(told.node);
  bench.pass(kSecond);
  auto puts = bench.take<PutLayout>();
  ASSERT_EQ(puts.size(), 1U);
  EXPECT_TRUE(puts[0].second.spec.gpus[0].slices[1].published);
  EXPECT_TRUE(bench.take<Withdraw>().empty());
  told.gpus.spec = puts[0].second.spec;
  told.gpus.meta.generation = told.gpus.status.observed_generation = 2;
  slice().lent = false;
  told.gpus = bench.applied(puts[0].first, told.gpus);
  bench.pass(kMinute);
  EXPECT_TRUE(bench.take<PutLayout>().empty()) << "the API still offers it";
  ASSERT_EQ(bench.take<Withdraw>().size(), 1U);
}

TEST(ControllerNodes, ANodeThatIsNeverInServiceIsGivenUpAndWhoWaitsForItIsServedElsewhere) {
  Bench bench;
  bench.add(act());
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(5 * kSecond);
  const auto bought = bench.take<CreateClaim>();
  ASSERT_EQ(bought.size(), 1U);
  control::NodeClaim claim = bought[0].second.claim;
  claim.provider_id = "i-1";
  claim.zone = "us-east-1a";
  claim.node = "ip-1";
  claim = bench.applied(bought[0].first, claim);
  control::Node node;  // and no agent ever
  node.meta.name = "ip-1";
  node.meta.labels = claim.meta.labels;
  node.meta.labels[control::kTypeLabel] = claim.type;
  node.provider_id = "i-1";
  node.taints = claim.startup_taints;
  bench.tell(node);
  bench.pass(19 * kMinute);
  EXPECT_TRUE(bench.take<DeleteClaim>().empty());
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  for (const auto& [id, put] : bench.take<PutLayout>()) {
    control::GpuNode gpus;
    gpus.meta.name = put.node;
    gpus.meta.generation = 1;
    gpus.spec = put.spec;
    gpus = bench.applied(id, gpus);
  }
  bench.pass(2 * kMinute);
  // Its layout is taken back first, as on any node.
  const auto puts = bench.take<PutLayout>();
  ASSERT_EQ(puts.size(), 1U);
  for (const control::WantedSlice& slice : puts[0].second.spec.gpus[0].slices)
    EXPECT_FALSE(slice.published);
  control::GpuNode gpus;
  gpus.meta.name = "ip-1";
  gpus.meta.uid = "uid-/ip-1";
  gpus.meta.generation = 2;
  gpus.spec = puts[0].second.spec;
  gpus = bench.applied(puts[0].first, gpus);
  bench.pass(kMinute);
  EXPECT_TRUE(bench.take<CreateClaim>().empty()) << "one claim for one need";
  const auto gone = bench.take<DeleteClaim>();
  ASSERT_EQ(gone.size(), 1U);
  claim.meta.deleted = bench.now;
  claim = bench.applied(gone[0].first, claim);
  bench.pass(kMinute);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
}

TEST(ControllerNodes, WhoWaitsIsLookedAtAgainWhenThePolicyChanges) {
  Bench bench;
  control::SlicePolicy policy = act();
  policy.buys.limit_gpus = 0;
  bench.add(policy);
  bench.start();
  bench.tell(pending_pod("a"));
  bench.pass(kMinute);
  EXPECT_TRUE(bench.take<CreateClaim>().empty());
  bench.policies[0].buys.limit_gpus = 5;
  ++bench.policies[0].meta.generation;
  bench.policies[0] = bench.tell(bench.policies[0]);
  bench.pass(20 * kSecond);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
}

TEST(ControllerNodes, ARaisedBudgetOfANamespaceIsNoticed) {
  Bench bench;
  control::SlicePolicy policy = act();
  policy.budgets["default"].gpus = 1;
  bench.add(policy);
  bench.start();
  for (const char* name : {"a", "b"}) bench.tell(pending_pod(name, "7g.80gb"));
  bench.pass(kMinute);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
  bench.policies[0].budgets["default"].gpus = 10;
  ++bench.policies[0].meta.generation;
  bench.policies[0] = bench.tell(bench.policies[0]);
  bench.pass(30 * kSecond);
  EXPECT_EQ(bench.take<CreateClaim>().size(), 1U);
}

TEST(ControllerNodes, APurchaseThatARunBeforeWroteDownMayStillArrive) {
  for (const bool claimed : {true, false}) {
    Bench bench;
    control::SlicePolicy policy = act();
    policy.status.kept.purchases["uid-default/a"] = 1;
    bench.add(policy);
    if (claimed) {  // that one came, and is of no use: nothing is under way
      control::NodeClaim claim;
      claim.meta.name = "old";
      claim.meta.annotations[control::kBoughtFor] = "uid-default/a";
      bench.tell(claim);
    }
    bench.start();
    bench.tell(pending_pod("a"));
    bench.pass(50 * kSecond);
    EXPECT_EQ(bench.take<CreateClaim>().size(), claimed ? 1U : 0U);
    bench.pass(30 * kSecond);
    EXPECT_EQ(bench.take<CreateClaim>().size(), claimed ? 0U : 1U);
  }
}

}  // namespace
}  // namespace kerf::controller
