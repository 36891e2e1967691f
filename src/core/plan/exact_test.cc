// exact_fleet against a plain search over all fleets.
#include "core/plan/exact.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::Compiled;
using testing::shape;
using testing::slice;

using Items = std::vector<std::int64_t>;

/// The least bill for these items: every filling of every machine that serves the first class still
/// asked for, then the rest.
std::int64_t least_bill(const Compiled& c, const Items& items,
                        std::map<Items, std::int64_t>& known) {
  const auto wanted =
      std::find_if(items.begin(), items.end(), [](std::int64_t n) { return n > 0; });
  if (wanted == items.end()) return 0;
  if (auto it = known.find(items); it != known.end()) return it->second;
  const auto first = static_cast<std::size_t>(wanted - items.begin());
  std::int64_t best = std::int64_t{1} << 60;
  for (std::uint32_t m = 0; m < c.problem.machines.size(); ++m) {
    const Machine& machine = c.problem.machines[m];
    Room room(c.problem, m);
    Items left = items;
    std::function<void(std::uint32_t)> fill = [&](std::uint32_t i) {
      if (i == machine.candidates.size()) {
        if (left[first] < items[first])
          best = std::min(best, machine.price.micro + least_bill(c, left, known));
        return;
      }
      const std::uint32_t cls = machine.candidates[i].cls;
      const std::int64_t most = room.most(i, left[cls]);
      for (std::int64_t n = 0; n <= most; ++n) {
        room.add(i, n);
        left[cls] -= n;
        fill(i + 1);
        left[cls] += n;
        if (n > 0) room.remove(i, n);
      }
    };
    fill(0);
  }
  known[items] = best;
  return best;
}

TEST(ExactFleet, CostsTheLeastThereIs) {
  Prng prng(31);
  int nodes = 0;
  for (int round = 0; round < 40; ++round) {
    Compiled c;
    c.market =
        testing::market({"g4dn.xlarge", "g6.xlarge", "g6.12xlarge", "g7e.2xlarge", "p5.4xlarge"});
    testing::add_random(prng, 3, 3, c.demand);
    c.run();
    const auto fleet = exact_fleet(c.problem, c.items, 4000);
    ASSERT_TRUE(fleet.has_value());
    std::map<Items, std::int64_t> known;
    EXPECT_EQ(bill_of(c.problem, *fleet).micro, least_bill(c, c.items, known)) << "round " << round;
    EXPECT_EQ(served_by(c.problem, *fleet), c.items);
    for (const Pattern& node : *fleet) EXPECT_TRUE(testing::feasible(c.problem, node));
    nodes += static_cast<int>(fleet->size());
  }
  EXPECT_GT(nodes, 60);
}

TEST(ExactFleet, GivesUpBeyondTheVectorsAllowed) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge"});
  add(c.demand, "a", 3, shape(slice("1g.10gb")));
  add(c.demand, "b", 4, shape(slice("2g.20gb")));
  c.run();
  EXPECT_TRUE(exact_fleet(c.problem, c.items, 20).has_value()) << "(3 + 1) * (4 + 1) vectors";
  EXPECT_FALSE(exact_fleet(c.problem, c.items, 19).has_value());
  EXPECT_FALSE(exact_fleet(c.problem, {1'000'000, 1'000'000}, 4000).has_value());
}

TEST(ExactFleet, ServesPartsAndNothing) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge"});
  add(c.demand, "a", 3, shape(slice("1g.10gb")));
  add(c.demand, "b", 4, shape(slice("2g.20gb")));
  c.run();
  EXPECT_TRUE(exact_fleet(c.problem, {0, 0}, 4000)->empty());
  const auto part = exact_fleet(c.problem, {0, 3}, 4000);
  EXPECT_EQ(served_by(c.problem, *part), (Items{0, 3}));
  EXPECT_EQ(part->size(), 1u) << "three 2g.20gb lie on one GPU";
}

TEST(ExactFleet, KeepsCompanyApart) {
  Compiled c;
  c.market = testing::market({"p5.4xlarge"});
  add(c.demand, "a", 2, shape(slice("1g.10gb"), 1000));
  add(c.demand, "b", 2, shape(slice("1g.10gb"), 1500));
  c.run();
  EXPECT_EQ(exact_fleet(c.problem, c.items, 4000)->size(), 1u);
  c.problem.classes[0].per_node = 1;
  EXPECT_EQ(exact_fleet(c.problem, c.items, 4000)->size(), 2u);
  c.problem.conflicts = {false, true, true, false};
  EXPECT_EQ(exact_fleet(c.problem, c.items, 4000)->size(), 3u);
}

}  // namespace
}  // namespace kerf::plan
