// bound_of: what one leaf proves, worked out by hand.
#include "core/plan/proof.h"

#include <gtest/gtest.h>

#include "core/plan/certificate.h"
#include "core/plan/plan_testing.h"
#include "core/plan/pricing.h"

namespace kerf::plan {
namespace {

constexpr std::int64_t kParts = Certificate::kParts;

/// Two classes, two machines at $10 and $4; what they hold does not matter here.
struct Hand {
  Problem problem;
  std::vector<std::int64_t> items = {10, 3};

  Hand() {
    problem.classes.resize(2);
    problem.machines.resize(2);
    problem.machines[0].price = {10'000'000};
    problem.machines[0].gpus = 8;
    problem.machines[1].price = {4'000'000};
    problem.machines[1].gpus = 1;
  }
  /// Dollars; scaled to parts.
  Proof::Leaf leaf(std::vector<std::int64_t> values, std::vector<std::int64_t> worths) const {
    for (std::int64_t& value : values) value *= 1'000'000 * kParts;
    for (std::int64_t& worth : worths) worth *= 1'000'000 * kParts;
    return {open_boxes(problem), values, worths, 0};
  }
  std::int64_t bound(Proof::Leaf leaf) const { return bound_of(problem, items, leaf).micro; }
};

TEST(BoundOfLeaf, IsWhatAllItemsAreWorth) {
  const Hand hand;
  EXPECT_EQ(hand.bound(hand.leaf({1, 2}, {10, 4})), 16'000'000);
  EXPECT_EQ(hand.bound(hand.leaf({1, 2}, {0, 0})), 16'000'000) << "any number of nodes, also none";
  EXPECT_EQ(hand.bound(hand.leaf({0, 0}, {10, 4})), 0);
}

TEST(BoundOfLeaf, ScalesWorthsDownUntilNoNodePassesItsPrice) {
  const Hand hand;
  Proof::Leaf leaf = hand.leaf({1, 2}, {10, 8});  // the second at twice its price
  EXPECT_EQ(bound_of(hand.problem, hand.items, leaf).micro, 8'000'000);
  EXPECT_EQ(leaf.values, (std::vector<std::int64_t>{500'000 * kParts, 1'000'000 * kParts}));
  EXPECT_EQ(leaf.worths, (std::vector<std::int64_t>{5'000'000 * kParts, 4'000'000 * kParts}));
  EXPECT_EQ(hand.bound(leaf), 8'000'000) << "once is enough";
  leaf = hand.leaf({1, 2}, {30, 8});  // the first at three times
  leaf.values[0] += 1;
  EXPECT_EQ(bound_of(hand.problem, hand.items, leaf).micro, 5'333'334);
  EXPECT_LE(leaf.worths[0], 10'000'000 * kParts);
  EXPECT_EQ(leaf.values[1], 666'666'666'666) << "rounded down";
  EXPECT_EQ(leaf.worths[1], 2'666'666'666'667) << "rounded up";
}

TEST(BoundOfLeaf, CountsBoxes) {
  const Hand hand;
  Proof::Leaf leaf = hand.leaf({1, 2}, {7, 4});
  leaf.boxes[0] = {2, -1};  // two nodes at least, each $3 dearer than what it can hold
  EXPECT_EQ(hand.bound(leaf), 22'000'000);
  leaf = hand.leaf({1, 2}, {12, 4});
  leaf.boxes[0] = {0, 1};  // at most one, which may hold $2 more than it costs
  EXPECT_EQ(hand.bound(leaf), 14'000'000);
  leaf.boxes[0] = {0, 0};  // none
  EXPECT_EQ(hand.bound(leaf), 16'000'000);
  leaf.boxes[0] = {0, 100};
  EXPECT_EQ(hand.bound(leaf), 0) << "never negative";
}

TEST(BoundOfLeaf, CountsNodesThatAreOwnedOnce) {
  Hand hand;
  hand.problem.stocks = {3};
  for (Machine& machine : hand.problem.machines) {  // one node, cut or whole
    machine.stock = 0;
    machine.price = {};
    machine.at_most = 3;
  }
  EXPECT_EQ(hand.bound(hand.leaf({2, 2}, {5, 1})), 26'000'000 - 3 * 5'000'000);
  EXPECT_EQ(hand.bound(hand.leaf({2, 2}, {1, 5})), 26'000'000 - 3 * 5'000'000);
  hand.problem.stocks = {-2};  // more are taken than there are
  EXPECT_EQ(hand.bound(hand.leaf({2, 2}, {1, 5})), 26'000'000);
}

TEST(BoundOfLeaf, CountsALimitOnGpus) {
  Hand hand;
  hand.problem.limit_gpus = 4;
  Proof::Leaf leaf = hand.leaf({1, 2}, {18, 5});
  leaf.gpu = 1'000'000 * kParts;  // $1 for each GPU: the nodes count $18 and $5
  EXPECT_EQ(full_price(hand.problem.machines[0], leaf.gpu), 18'000'000 * kParts);
  EXPECT_EQ(hand.bound(leaf), 16'000'000 - 4'000'000);
}

TEST(BoundOfLeaf, RoundsUpToWholeMicroDollars) {
  const Hand hand;
  Proof::Leaf leaf = hand.leaf({0, 0}, {10, 4});
  leaf.values = {1, 0};
  EXPECT_EQ(hand.bound(leaf), 1) << "ten parts: a bill is at least the next micro-dollar";
  leaf.values = {kParts / 10, 0};
  EXPECT_EQ(hand.bound(leaf), 1);
  leaf.values = {kParts / 10, 1};
  EXPECT_EQ(hand.bound(leaf), 2);
}

TEST(BoundOfLeaf, AddsUpInMoreThan64Bits) {
  Hand hand;
  hand.items = {1'000'000, 1'000'000};
  Proof::Leaf leaf = hand.leaf({0, 0}, {10, 4});
  leaf.values = {400'000'000'000'000'000, 400'000'000'000'000'000};
  EXPECT_EQ(hand.bound(leaf), 800'000'000'000'000'000);
  leaf.worths = {kUncountable - 1, 0};
  EXPECT_NEAR(static_cast<double>(hand.bound(leaf)),
              8e17 * 1e13 / static_cast<double>(kUncountable), 1e8);
  leaf.worths = {kUncountable, 0};
  EXPECT_EQ(hand.bound(leaf), 0) << "nothing is known";
  leaf.boxes[0] = {0, 0};
  EXPECT_EQ(hand.bound(leaf), 800'000'000'000'000'000) << "and there is no such node";
}

}  // namespace
}  // namespace kerf::plan
