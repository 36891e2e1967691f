// CLP behind lp.h: small programs with known answers, changed and solved again.
#include "solver/clp.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/prng.h"

namespace kerf::solver {
namespace {

using plan::LinearProgram;
using plan::LpSolution;
using plan::LpStatus;

constexpr double kInf = LinearProgram::kInfinity;
constexpr std::int64_t kSteps = 10'000;

/// min x + 2y with x + y >= 4 and x <= 3: x = 3, y = 1.
LinearProgram covering() {
  LinearProgram lp;
  const std::int32_t row = lp.add_row(4, kInf);
  lp.add_column(1, 0, 3);
  lp.add_entry(row, 1);
  lp.add_column(2, 0, kInf);
  lp.add_entry(row, 1);
  return lp;
}

TEST(Clp, SolvesACoveringProgram) {
  const LpSolution solution = make_clp()->load(covering())->solve(kSteps);
  ASSERT_EQ(solution.status, LpStatus::Optimal);
  EXPECT_NEAR(solution.objective, 5, 1e-9);
  EXPECT_NEAR(solution.primal.at(0), 3, 1e-9);
  EXPECT_NEAR(solution.primal.at(1), 1, 1e-9);
  EXPECT_NEAR(solution.dual.at(0), 2, 1e-9) << "one more to cover costs one more y";
}

TEST(Clp, DualsSayWhatAUnitOfTheRightHandSideChanges) {
  // min -3x - y with x <= 5 and x + y <= 7: each unit of either capacity lowers the cost.
  LinearProgram lp;
  const std::int32_t x_capacity = lp.add_row(-kInf, 5);
  const std::int32_t capacity = lp.add_row(-kInf, 7);
  lp.add_column(-3, 0, kInf);
  lp.add_entry(x_capacity, 1);
  lp.add_entry(capacity, 1);
  lp.add_column(-1, 0, kInf);
  lp.add_entry(capacity, 1);
  auto solver = make_clp();
  const LpSolution before = solver->load(lp)->solve(kSteps);
  ASSERT_EQ(before.status, LpStatus::Optimal);
  EXPECT_NEAR(before.objective, -17, 1e-9);
  for (const std::int32_t row : {x_capacity, capacity}) {
    LinearProgram wider = lp;
    wider.row_upper[static_cast<std::size_t>(row)] += 1;
    const LpSolution after = solver->load(wider)->solve(kSteps);
    EXPECT_NEAR(after.objective - before.objective, before.dual[static_cast<std::size_t>(row)],
                1e-9);
    EXPECT_LT(before.dual[static_cast<std::size_t>(row)], 0);
  }
}

TEST(Clp, KnowsWhatCannotBeMet) {
  LinearProgram lp = covering();
  lp.col_upper = {1, 1};
  const LpSolution solution = make_clp()->load(lp)->solve(kSteps);
  EXPECT_EQ(solution.status, LpStatus::Infeasible);
  EXPECT_TRUE(solution.dual.empty());
}

TEST(Clp, KnowsWhatHasNoEnd) {
  LinearProgram lp = covering();
  lp.cost[1] = -1;
  EXPECT_EQ(make_clp()->load(lp)->solve(kSteps).status, LpStatus::Unbounded);
}

TEST(Clp, GoesOnAfterBoundsChange) {
  auto session = make_clp()->load(covering());
  ASSERT_EQ(session->solve(kSteps).status, LpStatus::Optimal);
  session->set_column_bounds(0, 0, 1);
  LpSolution solution = session->solve(kSteps);
  ASSERT_EQ(solution.status, LpStatus::Optimal);
  EXPECT_NEAR(solution.objective, 7, 1e-9);
  session->set_column_bounds(1, 0, 2);
  EXPECT_EQ(session->solve(kSteps).status, LpStatus::Infeasible);
  session->set_column_bounds(0, 0, kInf);
  session->set_column_bounds(1, 0, kInf);
  solution = session->solve(kSteps);
  ASSERT_EQ(solution.status, LpStatus::Optimal);
  EXPECT_NEAR(solution.objective, 4, 1e-9);
  session->set_row_bounds(0, 10, kInf);
  solution = session->solve(kSteps);
  ASSERT_EQ(solution.status, LpStatus::Optimal);
  EXPECT_NEAR(solution.objective, 10, 1e-9);
}

TEST(Clp, GoesOnAfterColumnsAreAdded) {
  auto session = make_clp()->load(covering());
  ASSERT_EQ(session->solve(kSteps).status, LpStatus::Optimal);
  LinearProgram more;  // its entries name the rows of the program
  more.add_column(0.5, 0, 2);
  more.add_entry(0, 1);
  session->add_columns(more);
  LpSolution solution = session->solve(kSteps);
  ASSERT_EQ(solution.status, LpStatus::Optimal);
  EXPECT_NEAR(solution.objective, 3, 1e-9);
  ASSERT_EQ(solution.primal.size(), 3u);
  EXPECT_NEAR(solution.primal[2], 2, 1e-9);
  session->add_columns(LinearProgram{});
  EXPECT_NEAR(session->solve(kSteps).objective, 3, 1e-9);
}

TEST(Clp, ColumnsAddedMayMakeAProgramFeasible) {
  LinearProgram lp = covering();
  lp.col_upper = {1, 1};
  auto session = make_clp()->load(lp);
  ASSERT_EQ(session->solve(kSteps).status, LpStatus::Infeasible);
  LinearProgram more;
  more.add_column(10, 0, kInf);
  more.add_entry(0, 1);
  session->add_columns(more);
  const LpSolution solution = session->solve(kSteps);
  ASSERT_EQ(solution.status, LpStatus::Optimal);
  EXPECT_NEAR(solution.objective, 23, 1e-9);
}

/// Covers 30 rows with 60 columns of random coefficients.
LinearProgram random_program(std::uint64_t seed) {
  Prng prng(seed);
  LinearProgram lp;
  for (int r = 0; r < 30; ++r) lp.add_row(static_cast<double>(1 + prng.below(50)), kInf);
  for (int c = 0; c < 60; ++c) {
    lp.add_column(static_cast<double>(1 + prng.below(20)), 0, kInf);
    for (std::int32_t r = 0; r < 30; ++r)
      if (r == c % 30 || prng.below(4) == 0)
        lp.add_entry(r, static_cast<double>(1 + prng.below(9)));
  }
  return lp;
}

bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

TEST(Clp, AnswersTheSameEveryTime) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const LinearProgram lp = random_program(seed);
    const LpSolution first = make_clp()->load(lp)->solve(kSteps);
    const LpSolution second = make_clp()->load(lp)->solve(kSteps);
    ASSERT_EQ(first.status, LpStatus::Optimal);
    EXPECT_TRUE(same(first.primal, second.primal));
    EXPECT_TRUE(same(first.dual, second.dual));
    EXPECT_EQ(first.steps, second.steps);
    double value = 0;  // strong duality: the rows' duals are worth the optimum
    for (std::size_t r = 0; r < first.dual.size(); ++r) value += first.dual[r] * lp.row_lower[r];
    EXPECT_NEAR(value, first.objective, 1e-6);
  }
}

TEST(Clp, StopsAfterTheStepsGiven) {
  auto session = make_clp()->load(random_program(9));
  EXPECT_EQ(session->solve(1).status, LpStatus::StepLimit);
  EXPECT_EQ(session->solve(kSteps).status, LpStatus::Optimal);
}

TEST(Clp, SaysItsVersion) { EXPECT_EQ(std::string(make_clp()->version()).substr(0, 5), "CLP 1"); }

}  // namespace
}  // namespace kerf::solver
