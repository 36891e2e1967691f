// cheapest_fleet and its parts against exact fleets, the offline planner, and brute force.
#include "core/online/purchase_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/online/purchase_alone.h"
#include "core/online/purchase_improve.h"
#include "core/online/purchase_testing.h"
#include "core/plan/exact.h"
#include "solver/clp.h"

namespace kerf::online {
namespace {

namespace made = plan::testing;
using plan::Fleet;
using testing::add_constrained;

void compile_random(std::uint64_t seed, int kinds, std::uint64_t most, made::Compiled& compiled) {
  Prng prng(seed);
  compiled.market = made::market(made::some_types());
  add_constrained(prng, kinds, most, compiled.demand);
  compiled.run();
}

void expect_serves(const made::Compiled& compiled, const Fleet& fleet, std::uint64_t seed) {
  EXPECT_EQ(plan::served_by(compiled.problem, fleet), compiled.items) << "seed " << seed;
  for (const plan::Pattern& node : fleet)
    EXPECT_TRUE(made::refills(compiled.problem, node)) << "seed " << seed;
}

/// What every class costs for itself, exactly.
MicroUsdPerHour exact_apart(const made::Compiled& compiled) {
  MicroUsdPerHour sum;
  for (std::size_t c = 0; c < compiled.items.size(); ++c) {
    ClassItems one(compiled.items.size());
    one[c] = compiled.items[c];
    sum += plan::bill_of(compiled.problem, *plan::exact_fleet(compiled.problem, one, 1000));
  }
  return sum;
}

TEST(PurchaseExact, ABoundThatIsNotReachedChangesNothing) {
  std::size_t nodes = 0;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    made::Compiled compiled;
    compile_random(seed, 4, 4, compiled);
    const auto expected = plan::exact_fleet(compiled.problem, compiled.items, 700);
    const auto found = plan::exact_fleet(compiled.problem, compiled.items, 700, 1'000'000);
    ASSERT_EQ(expected.has_value(), found.has_value()) << "seed " << seed;
    if (!found) continue;
    EXPECT_EQ(plan::bill_of(compiled.problem, *found), plan::bill_of(compiled.problem, *expected))
        << "seed " << seed;
    expect_serves(compiled, *found, seed);
    nodes += found->size();
  }
  EXPECT_GT(nodes, 200u);
}

TEST(PurchaseExact, GivesUpWhereItsBoundsEnd) {
  made::Compiled compiled;
  compiled.market = made::market(made::some_types());
  made::add(compiled.demand, "a", 3, made::shape(made::slice("1g.10gb")));
  made::add(compiled.demand, "b", 2, made::shape(made::whole()));
  compiled.run();
  EXPECT_FALSE(plan::exact_fleet(compiled.problem, compiled.items, 11, 1'000'000));
  EXPECT_TRUE(plan::exact_fleet(compiled.problem, compiled.items, 12, 1'000'000));
  EXPECT_FALSE(plan::exact_fleet(compiled.problem, compiled.items, 12, 2));
  const auto nothing = plan::exact_fleet(compiled.problem, ClassItems(2), 12, 0);
  ASSERT_TRUE(nothing.has_value());
  EXPECT_TRUE(nothing->empty());
}

TEST(PurchaseAlone, IsTheExactFleetOfOneClass) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    made::Compiled compiled;
    compile_random(seed, 5, 20, compiled);
    for (std::uint32_t c = 0; c < compiled.items.size(); ++c) {
      ClassItems one(compiled.items.size());
      one[c] = compiled.items[c];
      const auto bought = buy_alone(compiled.problem, c, one[c]);
      ASSERT_TRUE(bought.has_value());
      EXPECT_EQ(plan::served_by(compiled.problem, bought->fleet), one);
      EXPECT_EQ(plan::bill_of(compiled.problem, bought->fleet), bought->bill);
      for (const plan::Pattern& node : bought->fleet)
        EXPECT_TRUE(made::refills(compiled.problem, node));
      const auto exact = plan::exact_fleet(compiled.problem, one, 100);
      ASSERT_TRUE(exact.has_value());
      EXPECT_EQ(bought->bill, plan::bill_of(compiled.problem, *exact)) << "seed " << seed;
    }
  }
}

TEST(NodeFiller, FillsWithinWhatIsAskedAndWhatFits) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    made::Compiled compiled;
    compile_random(seed, 8, 6, compiled);
    NodeFiller filler(compiled.problem);
    ClassValues values(compiled.items.size());
    Prng prng(seed);
    for (std::int64_t& value : values) value = static_cast<std::int64_t>(prng.below(1'000'000));
    for (std::uint32_t m = 0; m < compiled.problem.machines.size(); ++m) {
      const NodeFiller::Filled filled = filler.fill(m, values, compiled.items);
      EXPECT_TRUE(made::refills(compiled.problem, filled.pattern));
      std::int64_t value = 0;
      const ClassItems held = plan::served_by(compiled.problem, {filled.pattern});
      for (std::size_t c = 0; c < held.size(); ++c) {
        EXPECT_LE(held[c], compiled.items[c]);
        EXPECT_TRUE(held[c] == 0 || values[c] > 0);
        value += held[c] * values[c];
      }
      EXPECT_EQ(value, filled.value);
    }
  }
}

TEST(NodeFiller, BuysBelowAPriceOrNotAtAll) {
  made::Compiled compiled;
  compile_random(3, 8, 6, compiled);
  NodeFiller filler(compiled.problem);
  const ClassValues values(compiled.items.size(), 1'000'000);
  const auto fleet = filler.fleet(values, compiled.items, {std::int64_t{1} << 60}, 0);
  ASSERT_TRUE(fleet.has_value());
  expect_serves(compiled, *fleet, 3);
  const MicroUsdPerHour bill = plan::bill_of(compiled.problem, *fleet);
  EXPECT_FALSE(filler.fleet(values, compiled.items, bill, 0));
  EXPECT_TRUE(filler.fleet(values, compiled.items, bill + MicroUsdPerHour{1}, 0));
}

TEST(NodeFiller, CountsLikeNodesTogetherAgainstThePrice) {
  made::Compiled compiled;
  compiled.market = made::market({"g6.xlarge"});
  made::add(compiled.demand, "w", 2, made::shape(made::whole()));
  compiled.run();
  NodeFiller filler(compiled.problem);
  EXPECT_FALSE(filler.fleet({1}, compiled.items, {2 * 804'800}, 0));
  EXPECT_TRUE(filler.fleet({1}, compiled.items, {2 * 804'800 + 1}, 0));
}

TEST(PurchaseSearch, IsExactForFewItemsAndNeverDearerThanApart) {
  int exact = 0, shared = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    made::Compiled compiled;
    compile_random(seed, 2 + static_cast<int>(seed % 8), 6, compiled);
    const Fleet fleet = cheapest_fleet(compiled.problem, compiled.items, 2000);
    expect_serves(compiled, fleet, seed);
    const MicroUsdPerHour bill = plan::bill_of(compiled.problem, fleet);
    const MicroUsdPerHour apart = exact_apart(compiled);
    EXPECT_LE(bill, apart) << "seed " << seed;
    shared += bill < apart ? 1 : 0;
    if (const auto least = plan::exact_fleet(compiled.problem, compiled.items, 4000)) {
      EXPECT_EQ(bill, plan::bill_of(compiled.problem, *least)) << "seed " << seed;
      ++exact;
    }
  }
  EXPECT_GT(exact, 20);
  EXPECT_GT(shared, 30);
}

TEST(PurchaseSearch, IsNearTheExactFleetWithoutExactness) {
  // What the greedy rounds and the local search reach where exact_fleet can still say what is
  // least.
  double sum = 0;
  int fleets = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    made::Compiled compiled;
    compile_random(seed, 5, 5, compiled);
    const auto least = plan::exact_fleet(compiled.problem, compiled.items, 4000);
    if (!least) continue;
    NodeFiller filler(compiled.problem);
    ClassValues values(compiled.items.size());
    for (std::uint32_t c = 0; c < values.size(); ++c)
      values[c] = buy_alone(compiled.problem, c, 1)->bill.micro;
    auto fleet = filler.fleet(values, compiled.items, {std::int64_t{1} << 60}, 0);
    ASSERT_TRUE(fleet.has_value());
    const MicroUsdPerHour before = plan::bill_of(compiled.problem, *fleet);
    improve_purchase(compiled.problem, values, 2000, filler, *fleet);
    expect_serves(compiled, *fleet, seed);
    const MicroUsdPerHour bill = plan::bill_of(compiled.problem, *fleet);
    EXPECT_LE(bill, before) << "seed " << seed;
    const MicroUsdPerHour floor = plan::bill_of(compiled.problem, *least);
    EXPECT_GE(bill, floor) << "seed " << seed;
    sum += static_cast<double>((bill - floor).micro) / static_cast<double>(floor.micro);
    ++fleets;
  }
  EXPECT_GT(fleets, 30);
  EXPECT_LT(sum / fleets, 0.01);
}

TEST(PurchaseSearch, IsAsCheapAsTheOfflinePlanner) {
  const auto solver = solver::make_clp();
  double sum = 0, worst = 0;
  constexpr int kDemands = 12;
  for (std::uint64_t seed = 1; seed <= kDemands; ++seed) {
    made::Compiled compiled;
    Prng prng(1000 + seed);
    compiled.market = made::market(made::some_types());
    made::add_random(prng, 8 + static_cast<int>(seed), 20, compiled.demand);
    compiled.run();
    const MicroUsdPerHour online =
        plan::bill_of(compiled.problem, cheapest_fleet(compiled.problem, compiled.items, 2000));
    const MicroUsdPerHour offline =
        plan::make_plan(compiled.demand, compiled.market, compiled.policy, *solver, made::quick())
            .bill;
    const double excess =
        static_cast<double>((online - offline).micro) / static_cast<double>(offline.micro);
    sum += excess;
    worst = std::max(worst, excess);
  }
  EXPECT_LE(sum / kDemands, 0.02);
  EXPECT_LE(worst, 0.08);
}

TEST(PurchaseSearch, WithoutStepsStillServesAll) {
  made::Compiled compiled;
  compile_random(5, 10, 10, compiled);
  const Fleet none = cheapest_fleet(compiled.problem, compiled.items, 0);
  expect_serves(compiled, none, 5);
  EXPECT_LE(plan::bill_of(compiled.problem, none), exact_apart(compiled));
  EXPECT_LE(plan::bill_of(compiled.problem, cheapest_fleet(compiled.problem, compiled.items, 500)),
            plan::bill_of(compiled.problem, none));
}

/// The cheapest offering for every set of pods on one node, then for every set on any nodes, by
/// nothing but sums and the table of legal states.
class BruteForce {
 public:
  BruteForce(const cluster::Demand& demand, const market::Market& market)
      : demand_(demand), market_(market), one_node_(std::size_t{1} << demand.pods.size(), kNever) {
    for (const market::Offering& offering : market.offerings) look_at(offering);
  }

  bool servable(std::size_t pod) const { return one_node_[std::size_t{1} << pod] < kNever; }

  std::int64_t least(std::size_t of) const {
    std::vector<std::int64_t> least(one_node_.size(), kNever);
    least[0] = 0;
    for (std::size_t set = 1; set < least.size(); ++set)
      for (std::size_t part = set; part != 0; part = (part - 1) & set)
        if (one_node_[part] < kNever && least[set ^ part] < kNever)
          least[set] = std::min(least[set], one_node_[part] + least[set ^ part]);
    return least[of];
  }

 private:
  static constexpr std::int64_t kNever = std::int64_t{1} << 60;

  void look_at(const market::Offering& offering) {
    const market::InstanceType& type = market_.types[offering.type];
    const Resources room = market::allocatable(type, demand_.overhead);
    made::NodeOracle oracle(market_.model_of(type), type.gpu_count);
    std::vector<bool> fits(one_node_.size());
    fits[0] = true;
    for (std::size_t set = 1; set < fits.size(); ++set) {
      Resources used;
      std::vector<made::Wish> wishes;
      bool possible = true;
      for (std::size_t p = 0; p < demand_.pods.size(); ++p) {
        if ((set >> p & 1) == 0) continue;
        possible = possible && fits[set ^ (std::size_t{1} << p)];
        const cluster::PodShape& shape = demand_.shapes[demand_.pods[p].shape];
        used = used + shape.requests;
        for (const cluster::GpuRequest& request : shape.gpu)
          wishes.push_back({plan::forms_for(request, market_, type, {}), request.count});
      }
      fits[set] = possible && used.fits(room) && oracle.holds(wishes);
      if (fits[set]) one_node_[set] = std::min(one_node_[set], offering.price.micro);
    }
  }

  const cluster::Demand& demand_;
  const market::Market& market_;
  std::vector<std::int64_t> one_node_;
};

TEST(Purchase, IsTheCheapestByBruteForceForAFewPods) {
  int together = 0, several = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    Prng prng(seed);
    std::set<std::string> types;
    while (types.size() < 5)
      types.insert(made::some_types()[prng.below(made::some_types().size())]);
    market::Market market = made::market({types.begin(), types.end()});
    // Prices that have nothing to do with the real ones, so that every form wins somewhere.
    for (market::Offering& offering : market.offerings)
      offering.price = {static_cast<std::int64_t>(200'000 + prng.below(3'000'000)) *
                        market.types[offering.type].gpu_count};
    cluster::Demand demand;
    made::add_random(prng, 3, 2, demand);
    const BruteForce brute(demand, market);
    std::size_t served = 0;
    for (std::size_t p = 0; p < demand.pods.size(); ++p)
      if (brute.servable(p)) served |= std::size_t{1} << p;
    const Purchase purchase = buy(demand, testing::all_pods(demand), market, {});
    EXPECT_EQ(purchase.bill.micro, brute.least(served)) << "seed " << seed;
    for (const plan::Unplaced& entry : purchase.unplaced)
      EXPECT_FALSE(brute.servable(entry.pod)) << "seed " << seed;
    several += purchase.nodes.size() > 1 ? 1 : 0;
    for (const plan::NodePlan& node : purchase.nodes) together += node.pods.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(together, 60);
  EXPECT_GT(several, 40);
}

}  // namespace
}  // namespace kerf::online
