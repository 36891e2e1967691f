// branch_on_nodes: the tree leaves out no fleet, its least leaf is the bound, and small gaps close.
#include "core/plan/branch.h"

#include <gtest/gtest.h>

#include "core/plan/bound_testing.h"
#include "core/plan/certificate.h"
#include "core/plan/generation.h"
#include "core/plan/quick.h"
#include "core/plan/solver_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::Compiled;
using testing::shape;
using testing::slice;

struct Branched {
  Generated root;
  Fleet fleet;
  Proof proof;
};

Branched run(const Compiled& c, LpSolver& solver, const BranchOptions& options = {}) {
  Branched out;
  const Start start = start_fleet(c.problem, c.items, solver);
  out.fleet = start.fleet;
  out.root = generate(c.problem, c.items, start.proven, start.fleet, solver, {});
  Proof root;
  root.bound = out.root.bound;
  root.leaves = {out.root.leaf};
  out.proof =
      branch_on_nodes(c.problem, c.items, out.root.columns, root, solver, options, out.fleet);
  return out;
}

/// Children part the box of their parent; each branch and leaf is reached once; every leaf has its
/// box and proves at least the bound, unless the bill does.
class Walk {
 public:
  Walk(const Compiled& c, const Branched& branched) : c_(c), proof_(branched.proof) {
    bill_ = bill_of(c.problem, branched.fleet);
    reached_.assign(proof_.branches.size(), 0);
    leaves_.assign(proof_.leaves.size(), 0);
    go(0, open_boxes(c.problem));
    for (const int times : reached_) EXPECT_EQ(times, 1);
    for (const int times : leaves_) EXPECT_EQ(times, 1);
    EXPECT_EQ(std::min(least_, bill_), proof_.bound);
  }

 private:
  void go(std::uint32_t index, std::vector<NodeBox> boxes) {
    ASSERT_LT(index, proof_.branches.size());
    ++reached_[index];
    const Proof::Branch& branch = proof_.branches[index];
    if (branch.leaf >= 0) return leaf(static_cast<std::size_t>(branch.leaf), boxes);
    ASSERT_GT(branch.left, index);
    ASSERT_GT(branch.right, index);
    ASSERT_LT(branch.machine, boxes.size());
    const NodeBox parent = boxes[branch.machine];
    EXPECT_GE(branch.at_most, parent.lower);
    if (parent.upper >= 0) {
      EXPECT_LT(branch.at_most, parent.upper);
    }
    boxes[branch.machine] = {parent.lower, branch.at_most};
    go(branch.left, boxes);
    boxes[branch.machine] = {branch.at_most + 1, parent.upper};
    go(branch.right, boxes);
  }

  void leaf(std::size_t index, const std::vector<NodeBox>& boxes) {
    ASSERT_LT(index, proof_.leaves.size());
    ++leaves_[index];
    Proof::Leaf leaf = proof_.leaves[index];
    ASSERT_EQ(leaf.boxes.size(), boxes.size());
    for (std::size_t m = 0; m < boxes.size(); ++m) {
      EXPECT_EQ(leaf.boxes[m].lower, boxes[m].lower);
      EXPECT_EQ(leaf.boxes[m].upper, boxes[m].upper);
      EXPECT_GE(leaf.worths[m], testing::best_content(c_.problem, c_.items,
                                                      static_cast<std::uint32_t>(m), leaf.values));
    }
    const MicroUsdPerHour bound = bound_of(c_.problem, c_.items, leaf);
    EXPECT_GE(bound, proof_.bound);
    least_ = std::min(least_, bound);
  }

  const Compiled& c_;
  const Proof& proof_;
  MicroUsdPerHour bill_;
  MicroUsdPerHour least_{std::int64_t{1} << 62};
  std::vector<int> reached_, leaves_;
};

TEST(Branch, TreesAreWholeAndMostReachTheOptimum) {
  const auto solver = solver::make_clp();
  int compared = 0, tight = 0, loose = 0, raised = 0, cheaper = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Compiled c;
    testing::small_problem(seed, c);
    const auto optimum = testing::least_bill(c);
    if (!optimum) continue;
    const MicroUsdPerHour first =
        bill_of(c.problem, start_fleet(c.problem, c.items, *solver).fleet);
    const Branched branched = run(c, *solver);
    SCOPED_TRACE(seed);
    EXPECT_LE(branched.proof.bound, *optimum);
    EXPECT_GE(branched.proof.bound, branched.root.bound);
    const MicroUsdPerHour bill = bill_of(c.problem, branched.fleet);
    EXPECT_GE(bill, *optimum);
    EXPECT_LE(bill, first);
    EXPECT_EQ(served_by(c.problem, branched.fleet), c.items);
    for (const Pattern& node : branched.fleet) EXPECT_TRUE(testing::refills(c.problem, node));
    EXPECT_EQ(branched.proof.optimal, branched.proof.bound == bill);
    Walk(c, branched);
    ++compared;
    tight += branched.proof.bound == *optimum ? 1 : 0;
    loose += branched.root.bound < *optimum ? 1 : 0;
    raised += branched.proof.bound > branched.root.bound ? 1 : 0;
    cheaper += bill < first ? 1 : 0;
  }
  EXPECT_GT(compared, 30);
  EXPECT_GT(tight * 4, compared * 3) << tight << " of " << compared;
  EXPECT_GT(loose * 4, compared) << loose << " of " << compared;
  EXPECT_GT(raised * 2, loose) << raised << " of " << loose;
  EXPECT_GT(cheaper, 0);
}

TEST(Branch, HoldsWhereverItStops) {
  const auto solver = solver::make_clp();
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Compiled c;
    testing::small_problem(seed, c);
    const auto optimum = testing::least_bill(c);
    if (!optimum) continue;
    for (const std::int64_t steps : {0, 1, 3, 10, 40}) {
      BranchOptions options;
      options.steps = steps;
      options.width = steps % 2 == 0 ? 400 : 1;
      const Branched branched = run(c, *solver, options);
      SCOPED_TRACE(seed);
      EXPECT_LE(branched.proof.bound, *optimum);
      Walk(c, branched);
    }
  }
}

TEST(Branch, ThreeSmallSlicesCostOneNodeAndTheBoundSaysSo) {
  const auto solver = solver::make_clp();
  Compiled c;
  c.market = testing::market();
  add(c.demand, "llm", 3, shape(slice("1g.10gb")));
  c.run();
  const Branched branched = run(c, *solver);
  // One p5.4xlarge; any other type with the profile is dearer.
  EXPECT_EQ(bill_of(c.problem, branched.fleet).micro, 6'880'000);
  EXPECT_EQ(branched.proof.bound.micro, 6'880'000);
  EXPECT_LT(start_fleet(c.problem, c.items, *solver).bound.micro, 6'880'000);
}

TEST(Branch, CountsNodesThatNobodyCanDoWithout) {
  // 34 x 1g.5gb and 10 x 3g.20gb take 9.25 GPUs: two p4d.24xlarge, not 1.16 of one. In the branch
  // with one node somebody stays unserved, at a dual far above every price.
  const auto solver = solver::make_clp();
  Compiled c;
  c.market = testing::market({"p4d.24xlarge", "g4dn.xlarge"});
  add(c.demand, "small", 34, shape(slice("1g.5gb"), 250, 1024));
  add(c.demand, "large", 10, shape(slice("3g.20gb"), 250, 1024));
  add(c.demand, "whole", 13, shape(testing::whole(), 250, 1024));
  c.run();
  const MicroUsdPerHour bill{2 * 21'957'642 + 13 * 526'000};
  const Branched branched = run(c, *solver);
  EXPECT_LT(branched.root.bound.micro, 40'000'000);
  EXPECT_EQ(bill_of(c.problem, branched.fleet), bill);
  EXPECT_EQ(branched.proof.bound, bill);
}

TEST(Branch, IsNeverFooledByItsSolver) {
  const auto honest = solver::make_clp();
  for (const testing::Wrong wrong : testing::kAllWrong) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      Compiled c;
      testing::small_problem(seed, c);
      const auto optimum = testing::least_bill(c);
      if (!optimum) continue;
      const Start start = start_fleet(c.problem, c.items, *honest);
      const Generated root = generate(c.problem, c.items, start.proven, start.fleet, *honest, {});
      Proof proof;
      proof.bound = root.bound;
      proof.leaves = {root.leaf};
      testing::WrongSolver solver(wrong, seed);
      Fleet fleet = start.fleet;
      BranchOptions options;
      options.steps = 60;
      const Proof branched =
          branch_on_nodes(c.problem, c.items, root.columns, proof, solver, options, fleet);
      EXPECT_LE(branched.bound, *optimum) << static_cast<int>(wrong) << " seed " << seed;
      EXPECT_EQ(served_by(c.problem, fleet), c.items);
      for (const Pattern& node : fleet) EXPECT_TRUE(testing::refills(c.problem, node));
    }
  }
}

}  // namespace
}  // namespace kerf::plan
