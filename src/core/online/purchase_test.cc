// buy: what is bought holds by the checker, within limits, and is never dearer than apart.
#include "core/online/purchase.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "core/check/check.h"
#include "core/online/purchase_testing.h"

namespace kerf::online {
namespace {

namespace made = plan::testing;
using plan::ReasonCode;
using testing::add_constrained;
using testing::all_pods;
using testing::as_plan;

struct World {
  explicit World(const std::vector<std::string>& types = made::some_types())
      : market(made::market(types)) {}

  cluster::Demand demand;
  market::Market market;
  cluster::Policy policy;

  Purchase buy() const { return online::buy(demand, all_pods(demand), market, policy); }
  std::vector<std::string> faults(const Purchase& purchase) const {
    return check::check_plan(as_plan(purchase, demand, market, policy), demand, market, policy);
  }
  std::int32_t priority(std::uint32_t pod) const {
    return demand.shapes[demand.pods[pod].shape].priority;
  }
};

std::int64_t gpus_of(const Purchase& purchase) {
  std::int64_t sum = 0;
  for (const plan::NodePlan& node : purchase.nodes)
    sum += static_cast<std::int64_t>(node.gpus.size());
  return sum;
}

bool by_limit(ReasonCode code) {
  return code == ReasonCode::LimitGpus || code == ReasonCode::LimitPerHour;
}

std::vector<std::uint32_t> pods_on(const Purchase& purchase) {
  std::vector<std::uint32_t> pods;
  for (const plan::NodePlan& node : purchase.nodes)
    pods.insert(pods.end(), node.pods.begin(), node.pods.end());
  std::sort(pods.begin(), pods.end());
  return pods;
}

TEST(Purchase, OfNothingIsNothing) {
  const World world;
  const Purchase purchase = world.buy();
  EXPECT_TRUE(purchase.nodes.empty());
  EXPECT_TRUE(purchase.unplaced.empty());
  EXPECT_EQ(purchase.bill.micro, 0);
  EXPECT_EQ(purchase.apart.micro, 0);
}

TEST(Purchase, PutsPodsTogetherWhereThatIsCheaper) {
  World world({"p5.4xlarge"});  // one H100
  made::add(world.demand, "llm", 7, made::shape(made::slice("1g.10gb")));
  const Purchase purchase = world.buy();
  ASSERT_EQ(purchase.nodes.size(), 1u);
  EXPECT_EQ(purchase.nodes[0].pods.size(), 7u);
  EXPECT_EQ(purchase.bill, purchase.nodes[0].price);
  EXPECT_EQ(purchase.apart, purchase.bill * 7);
}

TEST(Purchase, HoldsByTheCheckerForRandomPods) {
  std::size_t asked = 0, bought = 0, nodes = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    World world;
    Prng prng(seed);
    add_constrained(prng, 2 + static_cast<int>(prng.below(8)), 8, world.demand);
    const Purchase purchase = world.buy();
    ASSERT_EQ(world.faults(purchase), std::vector<std::string>{}) << "seed " << seed;
    EXPECT_LE(purchase.bill, purchase.apart) << "seed " << seed;
    asked += world.demand.pods.size();
    bought += pods_on(purchase).size();
    nodes += purchase.nodes.size();
  }
  EXPECT_GT(bought * 10, asked * 8) << "most of them can be served";
  EXPECT_GT(bought, nodes * 3 / 2) << "and share nodes";
}

TEST(Purchase, HoldsByTheCheckerWithAllTypesAndZonePrices) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    World world(std::vector<std::string>{});
    Prng prng(100 + seed);
    std::vector<market::Offering> offerings;
    for (const market::Offering& offering : world.market.offerings)
      for (const char* zone : {"us-east-1a", "us-east-1b", "us-east-1c"}) {
        if (prng.below(4) == 0) continue;
        const auto percent = static_cast<std::int64_t>(80 + prng.below(40));
        offerings.push_back(
            {offering.type, zone, offering.capacity_type, {offering.price.micro * percent / 100}});
      }
    world.market.offerings = std::move(offerings);
    add_constrained(prng, 6, 6, world.demand);
    const Purchase purchase = world.buy();
    ASSERT_EQ(world.faults(purchase), std::vector<std::string>{}) << "seed " << seed;
    EXPECT_LE(purchase.bill, purchase.apart) << "seed " << seed;
  }
}

TEST(Purchase, IsTheSameEveryTime) {
  World world;
  Prng prng(7);
  add_constrained(prng, 8, 8, world.demand);
  const Purchase first = world.buy(), second = world.buy();
  ASSERT_EQ(first.nodes.size(), second.nodes.size());
  EXPECT_EQ(first.bill, second.bill);
  for (std::size_t n = 0; n < first.nodes.size(); ++n) {
    EXPECT_EQ(first.nodes[n].type, second.nodes[n].type);
    EXPECT_EQ(first.nodes[n].pods, second.nodes[n].pods);
  }
}

TEST(Purchase, IsForThePodsNamedOnlyAndNamesThemAsTheDemandDoes) {
  World world;
  Prng prng(11);
  made::add_random(prng, 6, 6, world.demand);
  std::vector<std::uint32_t> pods;
  for (std::uint32_t pod = 1; pod < world.demand.pods.size(); pod += 2) pods.push_back(pod);
  const Purchase purchase = buy(world.demand, pods, world.market, world.policy);
  std::vector<std::uint32_t> seen = pods_on(purchase);
  for (const plan::Unplaced& entry : purchase.unplaced) seen.push_back(entry.pod);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, pods);
  ASSERT_FALSE(purchase.nodes.empty());
  for (const plan::NodePlan& node : purchase.nodes) {
    std::set<std::uint32_t> holders;
    for (const plan::GpuPlan& gpu : node.gpus)
      for (const plan::SlicePlan& slice : gpu.slices)
        if (slice.pod != plan::kNoPod) holders.insert(slice.pod);
    EXPECT_EQ(std::vector<std::uint32_t>(holders.begin(), holders.end()), node.pods);
  }
}

TEST(Purchase, LeavesHeadroomToWhoeverAsksForItAsPods) {
  World world({"g6.xlarge"});
  made::add(world.demand, "w", 1, made::shape(made::whole()));
  world.policy.headroom = {{made::whole(), 3, {1000, 2048, 0, 1}}};
  EXPECT_EQ(world.buy().nodes.size(), 1u);
}

TEST(Purchase, SaysWhyNothingServesAPod) {
  World world({"g6.xlarge"});
  made::add(world.demand, "slice", 1, made::shape(made::slice("1g.10gb")));
  made::add(world.demand, "huge", 1, made::shape(made::whole(), 900'000));
  made::add(world.demand, "fine", 1, made::shape(made::whole()));
  const Purchase purchase = world.buy();
  ASSERT_EQ(purchase.unplaced.size(), 2u);
  EXPECT_EQ(purchase.unplaced[0].pod, 0u);
  EXPECT_EQ(purchase.unplaced[0].reason.code, ReasonCode::UnknownProfile);
  EXPECT_EQ(purchase.unplaced[1].pod, 1u);
  EXPECT_EQ(purchase.unplaced[1].reason.code, ReasonCode::TooLargeForNode);
  EXPECT_EQ(pods_on(purchase), std::vector<std::uint32_t>{2});
}

TEST(PurchaseLimits, GiveUpTheLeastImportantPods) {
  World world({"g6.xlarge"});  // $0.8048, one L4
  made::add(world.demand, "low", 3, made::shape(made::whole()));
  cluster::PodShape urgent = made::shape(made::whole());
  urgent.priority = 100;
  made::add(world.demand, "high", 2, urgent);
  struct Case {
    const char* what;
    std::int64_t dollars, gpus;  ///< nodes that the limit allows
    std::vector<std::uint32_t> bought;
  };
  constexpr std::int64_t kWide = 100;
  const Case cases[] = {
      {"wide", kWide, kWide, {0, 1, 2, 3, 4}},
      {"dollars", 3, kWide, {0, 3, 4}},
      {"GPUs", kWide, 3, {0, 3, 4}},
      {"both", 4, 1, {3}},
      {"no dollars", 0, kWide, {}},
      {"no GPUs", kWide, 0, {}},
  };
  for (const Case& c : cases) {
    world.policy.limit_per_hour = MicroUsdPerHour{c.dollars * 804'800};
    world.policy.limit_gpus = c.gpus;
    const Purchase purchase = world.buy();
    EXPECT_EQ(pods_on(purchase), c.bought) << c.what;
    EXPECT_EQ(purchase.unplaced.size(), 5 - c.bought.size()) << c.what;
    for (const plan::Unplaced& entry : purchase.unplaced)
      EXPECT_EQ(entry.reason.code,
                c.gpus < c.dollars ? ReasonCode::LimitGpus : ReasonCode::LimitPerHour)
          << c.what;
    EXPECT_EQ(world.faults(purchase), std::vector<std::string>{}) << c.what;
  }
}

TEST(PurchaseLimits, CountThePositionAmongEquals) {
  World world({"g6.xlarge"});
  made::add(world.demand, "w", 4, made::shape(made::whole()));
  world.policy.limit_gpus = 2;
  const Purchase purchase = buy(world.demand, {3, 1, 0, 2}, world.market, world.policy);
  EXPECT_EQ(pods_on(purchase), (std::vector<std::uint32_t>{1, 3}));
}

TEST(PurchaseLimits, AreNotHeldUpByAPodThatBreaksThemAlone) {
  World world({"g6.xlarge", "p4d.24xlarge"});
  cluster::PodShape dear = made::shape(made::slice("1g.5gb"));
  dear.priority = 100;
  made::add(world.demand, "dear", 1, dear);
  made::add(world.demand, "cheap", 2, made::shape(made::whole()));
  world.policy.limit_per_hour = MicroUsdPerHour{2'000'000};
  Purchase purchase = world.buy();
  EXPECT_EQ(pods_on(purchase), (std::vector<std::uint32_t>{1, 2}));
  ASSERT_EQ(purchase.unplaced.size(), 1u);
  EXPECT_EQ(purchase.unplaced[0].reason.code, ReasonCode::LimitPerHour);
  world.policy.limit_per_hour.reset();
  world.policy.limit_gpus = 4;
  purchase = world.buy();
  EXPECT_EQ(pods_on(purchase), (std::vector<std::uint32_t>{1, 2}));
  ASSERT_EQ(purchase.unplaced.size(), 1u);
  EXPECT_EQ(purchase.unplaced[0].reason.code, ReasonCode::LimitGpus);
}

TEST(PurchaseLimits, KeepWhatNothingServesApartFromWhatIsTooMuch) {
  World world({"g6.xlarge"});
  made::add(world.demand, "w", 3, made::shape(made::whole()));
  made::add(world.demand, "impossible", 1, made::shape(made::slice("1g.10gb")));
  world.policy.limit_gpus = 1;
  const Purchase purchase = world.buy();
  ASSERT_EQ(purchase.unplaced.size(), 3u);
  EXPECT_EQ(purchase.unplaced[0].reason.code, ReasonCode::LimitGpus);
  EXPECT_EQ(purchase.unplaced[2].reason.code, ReasonCode::UnknownProfile);
}

TEST(PurchaseLimits, HoldForRandomPods) {
  int cut = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    World world;
    Prng prng(seed);
    add_constrained(prng, 6, 5, world.demand);
    const Purchase free = world.buy();
    if (seed % 2 == 0) world.policy.limit_gpus = gpus_of(free) / 2;
    else world.policy.limit_per_hour = MicroUsdPerHour{free.bill.micro / 2};
    const Purchase half = world.buy();
    ASSERT_EQ(world.faults(half), std::vector<std::string>{}) << "seed " << seed;
    // But for such as break the limit alone, those given up are the least important.
    std::int32_t kept = std::numeric_limits<std::int32_t>::max();
    std::set<std::uint32_t> shapes_kept;
    for (std::uint32_t pod : pods_on(half)) {
      kept = std::min(kept, world.priority(pod));
      shapes_kept.insert(world.demand.pods[pod].shape);
    }
    for (const plan::Unplaced& entry : half.unplaced) {
      if (!by_limit(entry.reason.code)) continue;
      ++cut;
      const bool like_is_kept = shapes_kept.count(world.demand.pods[entry.pod].shape) != 0;
      EXPECT_TRUE(!like_is_kept || world.priority(entry.pod) <= kept) << "seed " << seed;
    }
  }
  EXPECT_GT(cut, 100);
}

}  // namespace
}  // namespace kerf::online
