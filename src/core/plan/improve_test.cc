// improve: never dearer, the same served, and it finds what is plain to see.
#include "core/plan/improve.h"

#include <gtest/gtest.h>

#include "core/plan/columns.h"
#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::Compiled;
using testing::shape;
using testing::slice;

/// A node for every item, on the dearest machine that has one.
Fleet one_each(const Compiled& c) {
  Fleet fleet;
  for (std::uint32_t cls = 0; cls < c.items.size(); ++cls) {
    Pattern node;
    MicroUsdPerHour price{-1};
    for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m)
      for (std::uint32_t i = 0; i < c.problem.machines[m].candidates.size(); ++i) {
        if (c.problem.machines[m].candidates[i].cls != cls || c.problem.machines[m].price <= price)
          continue;
        node = {m, {{i, 1}}};
        price = c.problem.machines[m].price;
      }
    for (std::int64_t n = 0; n < c.items[cls]; ++n) fleet.push_back(node);
  }
  return fleet;
}

TEST(Improve, NeverMakesAFleetDearerOrServesLess) {
  int cheaper = 0;
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    Prng prng(seed);
    Compiled c;
    c.market = testing::market(testing::some_types());
    testing::add_random(prng, 4, 8, c.demand);
    c.run();
    const std::vector<double> values(c.items.size(), 1.0);
    for (const Fleet& start : {one_each(c), greedy_fleet(c.problem, c.items, values)}) {
      Fleet fleet = start;
      MicroUsdPerHour last = bill_of(c.problem, fleet);
      for (const std::int64_t steps : {0, 10, 60}) {
        improve(c.problem, values, {}, steps, {}, fleet);
        EXPECT_LE(bill_of(c.problem, fleet), last);
        EXPECT_EQ(served_by(c.problem, fleet), c.items);
        for (const Pattern& node : fleet) EXPECT_TRUE(testing::refills(c.problem, node));
        last = bill_of(c.problem, fleet);
      }
      cheaper += last < bill_of(c.problem, start) ? 1 : 0;
      Fleet again = start, twice = start;
      improve(c.problem, values, {}, 40, {}, again);
      improve(c.problem, values, {}, 40, {}, twice);
      EXPECT_EQ(again, twice);
    }
  }
  EXPECT_GE(cheaper, 15) << "a node for every pod can always be bettered";
}

TEST(Improve, PutsSlicesOfThreeNodesOnOne) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge", "p5.48xlarge"});
  add(c.demand, "llm", 3, shape(slice("1g.10gb")));
  c.run();
  Fleet fleet = one_each(c);
  EXPECT_EQ(bill_of(c.problem, fleet).micro, 3 * 55'040'000);
  improve(c.problem, {1.0}, {}, 20, {}, fleet);
  ASSERT_EQ(fleet.size(), 1u);
  EXPECT_EQ(bill_of(c.problem, fleet).micro, 6'880'000);
}

TEST(Improve, StopsAtTheFloor) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge", "p5.48xlarge"});
  add(c.demand, "llm", 3, shape(slice("1g.10gb")));
  c.run();
  Fleet fleet = one_each(c);
  // Moving each node to the cheapest host already reaches this floor: no try is made.
  int tries = 0;
  improve(
      c.problem, {1.0}, {3 * 6'880'000}, 20, [&] { ++tries; }, fleet);
  EXPECT_EQ(tries, 0);
  EXPECT_EQ(fleet.size(), 3u);
  EXPECT_EQ(bill_of(c.problem, fleet).micro, 3 * 6'880'000);
}

TEST(Improve, LeavesAnEmptyFleetAlone) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge"});
  add(c.demand, "llm", 1, shape(slice("1g.10gb")));
  c.run();
  Fleet fleet;
  improve(c.problem, {1.0}, {}, 20, {}, fleet);
  EXPECT_TRUE(fleet.empty());
}

}  // namespace
}  // namespace kerf::plan
