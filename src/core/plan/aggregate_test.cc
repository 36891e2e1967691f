// certify: the bound of the aggregated LP, for duals that are right, old or lies.
#include "core/plan/aggregate.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/plan/aggregate_testing.h"
#include "core/plan/certificate.h"
#include "core/plan/exact.h"
#include "core/plan/plan_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::AggregateLp;
using testing::Compiled;
using testing::shape;
using testing::slice;

constexpr std::int64_t kSteps = 100'000;

void random_problem(std::uint64_t seed, Compiled& c) {
  Prng prng(seed);
  c.market = testing::market(testing::some_types());
  testing::add_random(prng, 3, 4, c.demand);
  c.run();
}

TEST(Aggregate, IsWorthNoMoreThanTheCheapestFleetAndCertifiesItself) {
  auto solver = solver::make_clp();
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Compiled c;
    random_problem(seed, c);
    if (c.items.empty()) continue;
    const std::int64_t optimum = bill_of(c.problem, *exact_fleet(c.problem, c.items, 4000)).micro;
    const AggregateLp lp = testing::build_aggregate(c.problem, c.items);
    const LpSolution solution = solver->load(lp.lp)->solve(kSteps);
    ASSERT_EQ(solution.status, LpStatus::Optimal);
    EXPECT_LE(solution.objective * 1e6, static_cast<double>(optimum) + 1);
    std::vector<std::int64_t> values;
    const MicroUsdPerHour proven =
        certify(c.problem, c.items, lp.machine_rows, solution.dual, &values);
    EXPECT_LE(proven.micro, optimum);
    EXPECT_NEAR(static_cast<double>(proven.micro), solution.objective * 1e6, 10);
    // What items are worth is the bound, but for what was rounded off.
    Int128 sum = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      EXPECT_GE(values[k], 0);
      sum += Int128{values[k]} * c.items[k];
    }
    EXPECT_LE(sum, Int128{proven.micro} * Certificate::kParts);
    EXPECT_GE(sum, Int128{proven.micro - 2} * Certificate::kParts);
    ++compared;
  }
  EXPECT_GT(compared, 20);
}

TEST(Aggregate, HoldsForWhateverTheSolverClaims) {
  int positive = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Compiled c;
    random_problem(seed, c);
    if (c.items.empty()) continue;
    Prng prng(1000 + seed);
    const MicroUsdPerHour optimum = bill_of(c.problem, *exact_fleet(c.problem, c.items, 4000));
    const AggregateLp lp = testing::build_aggregate(c.problem, c.items);
    for (int lie = 0; lie < 6; ++lie) {
      std::vector<double> duals(static_cast<std::size_t>(lp.lp.rows()));
      for (double& dual : duals)
        dual = (static_cast<double>(prng.below(2'000'000)) - 1'500'000) / 1e5;
      if (lie == 4) duals[prng.below(duals.size())] = std::numeric_limits<double>::quiet_NaN();
      if (lie == 5) duals[prng.below(duals.size())] = -1e300;
      const MicroUsdPerHour proven = certify(c.problem, c.items, lp.machine_rows, duals);
      EXPECT_LE(proven, optimum) << seed;
      positive += proven.micro > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(positive, 20);
}

TEST(Aggregate, SaysWhereNobodyIsLeftToServe) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge"});
  add(c.demand, "llm", 3, shape(slice("1g.10gb")));
  c.run();
  const AggregateLp lp = testing::build_aggregate(c.problem, c.items);
  const std::vector<double> duals(static_cast<std::size_t>(lp.lp.rows()));
  EXPECT_EQ(certify(c.problem, c.items, lp.machine_rows, duals).micro, 0);
  c.problem.machines[0].at_most = 0;
  EXPECT_GT(certify(c.problem, c.items, lp.machine_rows, duals).micro, std::int64_t{1} << 60);
  EXPECT_EQ(certify(c.problem, {0}, lp.machine_rows, duals).micro, 0) << "nothing is asked for";
}

}  // namespace
}  // namespace kerf::plan
