// Generated and greedy fleets: all of the demand, nothing else, on nodes that hold it.
#include "core/plan/columns.h"

#include <gtest/gtest.h>

#include "core/plan/generation.h"
#include "core/plan/plan_testing.h"
#include "core/plan/quick.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::Compiled;

void random_problem(std::uint64_t seed, int kinds, std::uint64_t most, Compiled& c) {
  Prng prng(seed);
  c.market = testing::market(testing::some_types());
  testing::add_random(prng, kinds, most, c.demand);
  c.run();
  for (ItemClass& item : c.problem.classes)
    if (prng.below(6) == 0) item.per_node = static_cast<std::int32_t>(1 + prng.below(3));
}

ColumnOptions few_steps() {
  ColumnOptions options;
  options.root_rounds = 30;
  options.search_steps = 200;
  options.exact_vectors = 300;
  return options;
}

void expect_serves(const Compiled& c, const Fleet& fleet, MicroUsdPerHour bound) {
  EXPECT_EQ(served_by(c.problem, fleet), c.items);
  for (const Pattern& node : fleet) EXPECT_TRUE(testing::refills(c.problem, node));
  EXPECT_GE(bill_of(c.problem, fleet), bound);
}

TEST(Fleets, ServeExactlyTheDemandOnNodesThatHoldIt) {
  auto solver = solver::make_clp();
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Compiled c;
    random_problem(seed, 4 + static_cast<int>(seed % 5), 20, c);
    const Start start = start_fleet(c.problem, c.items, *solver);
    const std::vector<double>& values = start.values;
    ASSERT_EQ(values.size(), c.items.size());
    const Fleet greedy = greedy_fleet(c.problem, c.items, values);
    const Fleet generated =
        generate_fleet(c.problem, c.items, values, start.fleet, *solver, few_steps());
    const Fleet from_nothing = generate_fleet(c.problem, c.items, values, {}, *solver, few_steps());
    for (const Fleet& fleet : {greedy, generated, from_nothing})
      expect_serves(c, fleet, start.bound);
    // Good plans, not only legal ones.
    const Generated proof =
        generate(c.problem, c.items, start.proven, generated, *solver, GenerationOptions{});
    const double bound = static_cast<double>(proof.bound.micro);
    EXPECT_LT(static_cast<double>(bill_of(c.problem, generated).micro), 1.35 * bound)
        << "seed " << seed;
  }
}

TEST(Fleets, ComeOutTheSameTwice) {
  auto solver = solver::make_clp();
  Compiled c;
  random_problem(77, 7, 20, c);
  const Start start = start_fleet(c.problem, c.items, *solver);
  EXPECT_EQ(start.fleet, start_fleet(c.problem, c.items, *solver::make_clp()).fleet);
  const Fleet once =
      generate_fleet(c.problem, c.items, start.values, start.fleet, *solver, few_steps());
  EXPECT_EQ(once, generate_fleet(c.problem, c.items, start.values, start.fleet, *solver::make_clp(),
                                 few_steps()));
}

TEST(Fleets, AreEmptyForNoDemand) {
  auto solver = solver::make_clp();
  Compiled c;
  random_problem(78, 3, 5, c);
  const std::vector<std::int64_t> none(c.items.size());
  const std::vector<double> values(c.items.size(), 1.0);
  EXPECT_TRUE(greedy_fleet(c.problem, none, values).empty());
  EXPECT_TRUE(start_fleet(c.problem, none, *solver).fleet.empty());
  EXPECT_TRUE(generate_fleet(c.problem, none, values, {}, *solver, few_steps()).empty());
}

TEST(Fleets, ServeItemsThatTheDualsCallWorthless) {
  Compiled c;
  random_problem(79, 4, 6, c);
  const std::vector<double> nothing(c.items.size());
  EXPECT_EQ(served_by(c.problem, greedy_fleet(c.problem, c.items, nothing)), c.items);
}

/// An LP solver that always fails.
class BrokenSolver final : public LpSolver {
 public:
  class Session final : public LpSession {
   public:
    void set_column_bounds(std::int32_t, double, double) override {}
    void set_row_bounds(std::int32_t, double, double) override {}
    void set_costs(const std::vector<double>&) override {}
    void add_columns(const LinearProgram&) override {}
    LpSolution solve(std::int64_t) override { return {}; }
  };
  std::unique_ptr<LpSession> load(const LinearProgram&) override {
    return std::make_unique<Session>();
  }
  const char* version() const override { return "none"; }
};

TEST(Fleets, AreFoundWithoutASolver) {
  BrokenSolver broken;
  Compiled c;
  random_problem(80, 5, 10, c);
  const std::vector<double> values(c.items.size(), 1.0);
  expect_serves(c, start_fleet(c.problem, c.items, broken).fleet, {});
  expect_serves(c, generate_fleet(c.problem, c.items, values, {}, broken, few_steps()), {});
  const Plan plan = make_plan(c.demand, c.market, c.policy, broken, testing::quick());
  EXPECT_EQ(plan.placements.size() + plan.unplaced.size(), c.demand.pods.size());
  EXPECT_LE(plan.bound.per_hour, plan.bill);
}

/// Types that cost nothing, as what is owned does: nothing in the search may divide by it or wait
/// for it to be worth something.
TEST(Fleets, AreFoundWhereMachinesAreFree) {
  auto solver = solver::make_clp();
  Compiled c;
  c.market = testing::market({"p5.4xlarge", "g6.xlarge", "g4dn.xlarge", "p4d.24xlarge"});
  for (market::Offering& offering : c.market.offerings) offering.price = {};
  Prng prng(81);
  testing::add_random(prng, 8, 12, c.demand);
  c.run();
  const Start start = start_fleet(c.problem, c.items, *solver);
  expect_serves(c, start.fleet, {});
  EXPECT_EQ(bill_of(c.problem, start.fleet).micro, 0);
  const std::vector<double> values(c.items.size());
  expect_serves(c, generate_fleet(c.problem, c.items, values, start.fleet, *solver, few_steps()),
                {});
}

}  // namespace
}  // namespace kerf::plan
