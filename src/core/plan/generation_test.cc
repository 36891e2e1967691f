// generate: its bound is proven, and close where the search is allowed to end.
#include "core/plan/generation.h"

#include <gtest/gtest.h>

#include "core/plan/bound_testing.h"
#include "core/plan/certificate.h"
#include "core/plan/quick.h"
#include "core/plan/solver_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::Compiled;

Generated run(const Compiled& c, LpSolver& solver, const GenerationOptions& options = {}) {
  const Start start = start_fleet(c.problem, c.items, solver);
  return generate(c.problem, c.items, start.proven, start.fleet, solver, options);
}

/// Every claim of the leaf, and the bound that follows from it.
void expect_proven(const Compiled& c, const Generated& generated, std::uint64_t seed) {
  Proof::Leaf leaf = generated.leaf;
  ASSERT_EQ(leaf.worths.size(), c.problem.machines.size());
  ASSERT_EQ(leaf.values.size(), c.items.size());
  for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m)
    EXPECT_GE(leaf.worths[m], testing::best_content(c.problem, c.items, m, leaf.values))
        << seed << " machine " << m;
  EXPECT_EQ(bound_of(c.problem, c.items, leaf), generated.bound) << seed;
}

TEST(Generation, IsBoundedByTheCheapestFleetAndByItsMaster) {
  const auto solver = solver::make_clp();
  int close = 0, owned = 0, owned_close = 0, compared = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Compiled c;
    testing::small_problem(seed, c);
    const auto optimum = testing::least_bill(c);
    if (!optimum) continue;
    const Generated generated = run(c, *solver);
    EXPECT_LE(generated.bound, *optimum) << seed;
    EXPECT_LE(static_cast<double>(generated.bound.micro), generated.master * 1e6 + 2) << seed;
    expect_proven(c, generated, seed);
    EXPECT_EQ(generated.nodes.size(), generated.columns.size());
    for (const Pattern& column : generated.columns)
      EXPECT_TRUE(testing::refills(c.problem, column)) << seed;
    const double bound = static_cast<double>(generated.bound.micro) / 1e6;
    const bool met = bound > generated.master * (1 - 2e-3) - 1e-6;
    close += met ? 1 : 0;
    // What is owned counts where it is worth something.
    const bool rented = !c.problem.stocks.empty() && generated.master > 0;
    owned += rented ? 1 : 0;
    owned_close += rented && met ? 1 : 0;
    ++compared;
  }
  EXPECT_GT(compared, 30);
  EXPECT_GT(owned, 3);
  EXPECT_EQ(owned_close, owned);
  EXPECT_GT(close, compared - 3) << "it ends where bound and master meet";
}

TEST(Generation, HoldsForEveryToleranceAndEffort) {
  const auto solver = solver::make_clp();
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Compiled c;
    testing::small_problem(seed, c);
    const auto optimum = testing::least_bill(c);
    if (!optimum) continue;
    std::int64_t plain = 0;
    for (const std::int64_t epsilon : {0, 10, 200, 50'000})
      for (const std::int64_t tolerance : {0, 15, 300, 100'000}) {
        GenerationOptions options;
        options.epsilon = epsilon;
        options.tolerance = tolerance;
        const Generated generated = run(c, *solver, options);
        EXPECT_LE(generated.bound, *optimum) << seed;
        expect_proven(c, generated, seed);
      }
    for (const std::int64_t rounds : {0, 1, 3, 10, 400}) {
      GenerationOptions options;
      options.rounds = rounds;
      options.width = 8;
      const Generated generated = run(c, *solver, options);
      EXPECT_LE(generated.rounds, rounds);
      EXPECT_LE(generated.bound, *optimum) << seed;
      EXPECT_GE(generated.bound.micro, plain) << seed << ": more rounds, a worse bound";
      plain = generated.bound.micro;
      expect_proven(c, generated, seed);
    }
    GenerationOptions none;
    none.labels = 0;
    EXPECT_LE(run(c, *solver, none).bound, *optimum) << seed;
  }
}

TEST(Generation, CountsALimitOnGpus) {
  const auto solver = solver::make_clp();
  int raised = 0, compared = 0;
  for (std::uint64_t seed = 1; seed <= 36; ++seed) {
    Compiled c;
    Prng prng(seed);
    c.market = testing::market(testing::some_types());
    testing::add_random(prng, 2, 3, c.demand);
    c.run();
    if (c.items.empty()) continue;
    const Generated without = run(c, *solver);
    for (std::int64_t gpus = 1; gpus <= 6; ++gpus) {
      const auto optimum = testing::least_bill_within(c.problem, c.items, gpus);
      if (!optimum) continue;
      c.problem.limit_gpus = gpus;
      const Generated within = run(c, *solver);
      EXPECT_LE(within.bound, *optimum) << seed << " with " << gpus;
      expect_proven(c, within, seed);
      raised += within.leaf.gpu > 0 && within.bound > without.bound ? 1 : 0;
      ++compared;
    }
  }
  EXPECT_GT(compared, 40);
  EXPECT_GT(raised, 5) << "the limit is to be worth something";
}

TEST(Generation, IsNeverFooledByItsSolver) {
  for (const testing::Wrong wrong : testing::kAllWrong) {
    int positive = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      Compiled c;
      testing::small_problem(seed, c);
      const auto optimum = testing::least_bill(c);
      if (!optimum) continue;
      if (seed % 4 == 0) c.problem.limit_gpus = 1000;
      testing::WrongSolver solver(wrong, seed);
      GenerationOptions options;
      options.rounds = 30;
      const std::vector<std::int64_t> nothing(c.items.size(), 0);
      const std::vector<std::int64_t> absurd(c.items.size(), 400'000'000'000'000'000);
      for (const std::vector<std::int64_t>& proven : {nothing, absurd}) {
        const Generated generated = generate(c.problem, c.items, proven, {}, solver, options);
        EXPECT_LE(generated.bound, *optimum) << static_cast<int>(wrong) << " seed " << seed;
        positive += generated.bound.micro > 0 ? 1 : 0;
      }
    }
    if (wrong == testing::Wrong::Noise || wrong == testing::Wrong::Late) {
      EXPECT_GT(positive, 4);
    }
  }
}

TEST(Generation, IsTheSameTwice) {
  Compiled c;
  Prng prng(31);
  c.market = testing::market(testing::some_types());
  testing::add_random(prng, 10, 20, c.demand);
  c.run();
  const Generated once = run(c, *solver::make_clp());
  const Generated twice = run(c, *solver::make_clp());
  EXPECT_EQ(once.bound, twice.bound);
  EXPECT_EQ(once.columns, twice.columns);
  EXPECT_EQ(once.leaf.values, twice.leaf.values);
  EXPECT_EQ(once.leaf.worths, twice.leaf.worths);
}

}  // namespace
}  // namespace kerf::plan
