// NodePricer against all contents of small nodes: what it proves is never below the best of them.
#include "core/plan/pricing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/plan/bound_testing.h"
#include "core/plan/certificate.h"
#include "core/plan/plan_testing.h"
#include "core/plan/solver_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::Compiled;

constexpr std::size_t kAmple = 100'000;
constexpr std::int64_t kDollar = 1'000'000 * Certificate::kParts;

/// A few classes on a few machines, with room for several ways to serve a class on one node.
void random_problem(std::uint64_t seed, Compiled& c) {
  Prng prng(seed);
  c.market = testing::market({"g6.xlarge", "g6.12xlarge", "p5.4xlarge", "g7e.2xlarge",
                              "g7e.12xlarge", "p4d.24xlarge", "g6f.4xlarge"});
  testing::add_random(prng, 2, 3, c.demand);
  testing::add(c.demand, "two", 2, testing::shape(testing::whole(2), 3000, 4096));
  testing::add(c.demand, "pair", static_cast<std::int64_t>(1 + prng.below(2)),
               testing::shape(testing::slice("1g.10gb", 2), 1000, 2048));
  c.run();
  for (ItemClass& item : c.problem.classes)
    if (prng.below(3) == 0) item.per_node = static_cast<std::int32_t>(1 + prng.below(2));
}

std::vector<std::int64_t> random_values(Prng& prng, const Compiled& c) {
  std::vector<std::int64_t> values;
  for (std::size_t k = 0; k < c.items.size(); ++k)
    values.push_back(prng.below(8) == 0 ? 0
                                        : static_cast<std::int64_t>(prng.below(3'000'000)) *
                                              (kDollar / 1'000'000));
  return values;
}

/// What may be on a node of a class.
std::int64_t most_of(const Compiled& c, std::uint32_t cls) {
  return std::min<std::int64_t>(c.items[cls], c.problem.classes[cls].per_node);
}

std::int64_t worth_of(const Compiled& c, const Pattern& pattern,
                      const std::vector<std::int64_t>& values) {
  std::int64_t sum = 0;
  for (const auto& [candidate, n] : pattern.content)
    sum += values[c.problem.machines[pattern.machine].candidates[candidate].cls] * n;
  return sum;
}

/// The best content of a node, by trying all of them.
std::int64_t best_by_trying(const Compiled& c, std::uint32_t m,
                            const std::vector<std::int64_t>& values) {
  return testing::best_content(c.problem, c.items, m, values);
}

/// What the multipliers show of a node: its room, its GPUs, and what items are worth beyond the
/// least that they take.
Int128 shown_by(const Compiled& c, std::uint32_t m, const std::vector<std::int64_t>& values,
                const NodeMultipliers& multipliers) {
  const Machine& machine = c.problem.machines[m];
  const GpuKind& kind = *c.problem.kinds[machine.kind];
  const auto of = [&](const Resources& amount) {
    return Int128{multipliers.each.cpu_milli} * amount.cpu_milli +
           Int128{multipliers.each.memory_mib} * amount.memory_mib +
           Int128{multipliers.each.disk_mib} * amount.disk_mib +
           Int128{multipliers.each.pods} * amount.pods;
  };
  const auto of_units = [&](const UnitCounts& units) {
    Int128 sum = 0;
    for (std::size_t u = 0; u < kind.units().size(); ++u)
      sum += Int128{multipliers.units[u]} * units.n[u];
    return sum;
  };
  Int128 gpu = 0;
  for (const UnitCounts& corner : kind.corners()) gpu = std::max(gpu, of_units(corner));
  std::vector<Int128> surplus(c.items.size(), 0);
  std::vector<std::int64_t> most(c.items.size(), 0);
  const Room empty(c.problem, m);
  for (std::uint32_t i = 0; i < machine.candidates.size(); ++i) {
    const auto& [cls, units] = machine.candidates[i];
    surplus[cls] = std::max(
        surplus[cls], Int128{values[cls]} - of(c.problem.classes[cls].need) - of_units(units));
    most[cls] += empty.most(i, most_of(c, cls));
  }
  Int128 sum = of(machine.allocatable) + gpu * machine.gpus;
  for (std::uint32_t k = 0; k < surplus.size(); ++k)
    sum += surplus[k] * std::min(most[k], most_of(c, k));
  return sum;
}

/// Patterns hold what a node can hold, no more of a class than there is, and are worth what is
/// said.
void expect_sound(const Compiled& c, std::uint32_t m, const std::vector<std::int64_t>& values,
                  std::int64_t at_least, const Priced& priced, std::uint64_t seed) {
  std::int64_t last = at_least;
  for (const Pattern& pattern : priced.patterns) {
    ASSERT_EQ(pattern.machine, m);
    EXPECT_TRUE(testing::refills(c.problem, pattern)) << seed;
    std::vector<std::int64_t> here(c.items.size(), 0);
    for (const auto& [candidate, n] : pattern.content)
      here[c.problem.machines[m].candidates[candidate].cls] += n;
    for (std::uint32_t k = 0; k < here.size(); ++k) EXPECT_LE(here[k], most_of(c, k)) << seed;
    EXPECT_GT(worth_of(c, pattern, values), last) << seed;
    last = worth_of(c, pattern, values);
  }
  if (!priced.patterns.empty()) {
    EXPECT_EQ(priced.best, last) << seed;
    EXPECT_LE(priced.best, priced.worth) << seed;
  }
}

TEST(NodePricer, ProvesTheBestOfAllContentsAndNothingLess) {
  const auto solver = solver::make_clp();
  int by_multipliers = 0, by_search = 0, several_ways = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Compiled c;
    random_problem(seed, c);
    Prng prng(500 + seed);
    for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m) {
      NodePricer pricer(c.problem, m, *solver);  // keeps its multipliers from call to call
      for (int call = 0; call < 3; ++call) {
        const std::vector<std::int64_t> values = random_values(prng, c);
        const std::int64_t best = best_by_trying(c, m, values);
        for (const std::int64_t at_least : {std::int64_t{0}, best / 2, best - 1, best, best * 2}) {
          if (at_least < 0) continue;
          const Priced ample = pricer.price(values, c.items, at_least, kAmple);
          EXPECT_GE(ample.worth, best) << seed << " machine " << m;
          EXPECT_LE(ample.worth, std::max(at_least, best)) << seed << " machine " << m;
          EXPECT_EQ(ample.best, at_least < best ? best : 0) << seed << " machine " << m;
          expect_sound(c, m, values, at_least, ample, seed);
          const Priced narrow = pricer.price(values, c.items, at_least, 1);
          EXPECT_GE(narrow.worth, best) << seed << " machine " << m;
          expect_sound(c, m, values, at_least, narrow, seed);
          const Priced none = pricer.price(values, c.items, at_least, 0);
          EXPECT_GE(none.worth, best) << seed << " machine " << m;
          EXPECT_TRUE(none.by_multipliers && none.patterns.empty());
          for (const Priced* priced : {&ample, &narrow, &none}) {
            (priced->by_multipliers ? by_multipliers : by_search) += 1;
            if (!priced->by_multipliers) continue;
            EXPECT_GE(shown_by(c, m, values, priced->multipliers), best) << seed;
          }
          several_ways += ample.patterns.empty() ? 0 : 1;
        }
      }
    }
  }
  EXPECT_GT(by_multipliers, 500);
  EXPECT_GT(by_search, 500);
  EXPECT_GT(several_ways, 200);
}

/// Ways of one class that take different parts of a node can fill it together where none can alone.
TEST(NodePricer, CountsAllWaysOfAClassTogether) {
  const auto solver = solver::make_clp();
  Compiled c;
  c.market = testing::market({"p5.4xlarge"});
  testing::add(c.demand, "a", 6, testing::shape(testing::slice("1g.10gb+me"), 100, 100));
  testing::add(c.demand, "b", 6, testing::shape(testing::slice("2g.20gb"), 100, 100));
  c.run();
  ASSERT_EQ(c.problem.machines.size(), 1U);
  ASSERT_EQ(c.items.size(), 2U);
  // The second class may also be served as the first is: one of it, and three of its own.
  Machine& machine = c.problem.machines[0];
  const std::uint32_t other = machine.candidates[1].cls;
  machine.candidates.push_back({other, machine.candidates[0].units});
  const std::vector<std::int64_t> items = {0, 6};
  ASSERT_EQ(other, 1U);
  const std::vector<std::int64_t> values = {0, kDollar};
  c.items = items;
  const std::int64_t best = best_by_trying(c, 0, values);
  for (const std::int64_t at_least : {std::int64_t{0}, best - 1}) {
    NodePricer pricer(c.problem, 0, *solver);
    for (const std::size_t width : {std::size_t{0}, std::size_t{1}, kAmple})
      EXPECT_GE(pricer.price(values, items, at_least, width).worth, best) << width;
  }
  testing::WrongSolver nothing(testing::Wrong::Zero);
  NodePricer pricer(c.problem, 0, nothing);
  for (const std::size_t width : {std::size_t{0}, std::size_t{1}, kAmple})
    EXPECT_GE(pricer.price(values, items, 0, width).worth, best) << width;
}

/// Two contents with the same devices are not alike where one has used up its class and the other
/// has not: one may still take its next way.
TEST(NodePricer, TellsApartContentsThatMayTakeMoreOfAClass) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge"});
  for (const char* profile : {"4g.40gb", "2g.20gb", "1g.10gb"})
    testing::add(c.demand, profile, 1, testing::shape(testing::slice(profile), 100, 100));
  c.run();
  ASSERT_EQ(c.problem.machines.size(), 1U);
  std::vector<Candidate>& candidates = c.problem.machines[0].candidates;
  ASSERT_EQ(candidates.size(), 3U);
  const Room empty(c.problem, 0);
  std::map<std::int64_t, UnitCounts> by_most;  // of 4g.40gb a GPU holds 1, 3 and 7 of the others
  for (std::uint32_t i = 0; i < 3; ++i) by_most[empty.most(i, 255)] = candidates[i].units;
  ASSERT_EQ(by_most.size(), 3U);
  candidates = {{0, by_most.at(1)}, {1, by_most.at(1)}, {1, by_most.at(3)}, {2, by_most.at(7)}};
  const auto honest = solver::make_clp();
  testing::WrongSolver zero(testing::Wrong::Zero);
  for (LpSolver* solver : {honest.get(), static_cast<LpSolver*>(&zero)})
    for (const std::int64_t a : {9, 10, 11}) {
      const std::vector<std::int64_t> values = {a * kDollar, 10 * kDollar, 5 * kDollar};
      const std::int64_t best = (a + 15) * kDollar;
      ASSERT_EQ(best_by_trying(c, 0, values), best);
      NodePricer pricer(c.problem, 0, *solver);
      const Priced priced = pricer.price(values, c.items, 0, kAmple);
      EXPECT_EQ(priced.worth, best) << a;
      EXPECT_EQ(priced.best, best) << a;
    }
}

TEST(NodePricer, HoldsWhateverTheSolverSays) {
  for (const testing::Wrong wrong : testing::kAllWrong) {
    int found = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      Compiled c;
      random_problem(seed, c);
      Prng prng(900 + seed);
      testing::WrongSolver solver(wrong, seed);
      for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m) {
        NodePricer pricer(c.problem, m, solver);
        const std::vector<std::int64_t> values = random_values(prng, c);
        const std::int64_t best = best_by_trying(c, m, values);
        for (const std::size_t width : {std::size_t{0}, std::size_t{1}, std::size_t{30}}) {
          const Priced priced = pricer.price(values, c.items, best / 2, width);
          EXPECT_GE(priced.worth, best) << static_cast<int>(wrong) << " seed " << seed;
          expect_sound(c, m, values, best / 2, priced, seed);
          found += priced.patterns.empty() ? 0 : 1;
        }
      }
    }
    EXPECT_GT(found, 10) << static_cast<int>(wrong);
  }
}

TEST(NodePricer, AddsUpWithoutOverflow) {
  const auto solver = solver::make_clp();
  Compiled c;
  random_problem(3, c);
  const std::vector<std::int64_t> values(c.items.size(), 400'000'000'000'000'000);
  for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m) {
    NodePricer pricer(c.problem, m, *solver);
    const std::int64_t best = best_by_trying(c, m, values);
    EXPECT_GE(pricer.price(values, c.items, 0, kAmple).worth, best);
    EXPECT_GE(pricer.price(values, c.items, 0, 1).worth, best);
  }
}

}  // namespace
}  // namespace kerf::plan
