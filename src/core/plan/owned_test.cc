// What is owned: used first, never more of it than there is, and the fleet is the cheapest for it.
#include "core/plan/owned.h"

#include <gtest/gtest.h>

#include <set>

#include "core/check/check.h"
#include "core/plan/columns.h"
#include "core/plan/exact.h"
#include "core/plan/generation.h"
#include "core/plan/improve.h"
#include "core/plan/plan_testing.h"
#include "core/plan/planner.h"
#include "core/plan/quick.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::NodeOracle;
using testing::Wish;

constexpr std::int64_t kNever = std::int64_t{1} << 60;

std::uint32_t index_of(const market::Market& market, const std::string& type) {
  return static_cast<std::uint32_t>(market.type_named(type) - market.types.data());
}

void own(market::Market& market, const std::string& type, std::int64_t count,
         const std::string& zone = "") {
  market::Offering offering;
  offering.type = index_of(market, type);
  offering.zone = zone;
  offering.capacity_type = market::CapacityType::Reserved;
  offering.count = count;
  market.offerings.push_back(offering);
}

std::int64_t owned_nodes(const Plan& plan) {
  return std::count_if(plan.nodes.begin(), plan.nodes.end(),
                       [](const NodePlan& node) { return node.owned; });
}

std::vector<std::string> complaints(const Plan& plan, const cluster::Demand& demand,
                                    const market::Market& market,
                                    const cluster::Policy& policy = {}) {
  return check::check_plan(plan, demand, market, policy);
}

// --- by hand -------------------------------------------------------------------------------------

TEST(Owned, IsUsedBeforeAnythingIsBought) {
  cluster::Demand demand;
  testing::add(demand, "chat", 60, testing::shape(testing::slice("1g.5gb"), 500, 1024));
  market::Market market = testing::market({"p4d.24xlarge"});
  own(market, "p4d.24xlarge", 1);
  const auto solver = solver::make_clp();
  const Plan plan = make_plan(demand, market, {}, *solver, testing::quick());
  ASSERT_EQ(plan.nodes.size(), 2U) << "56 slices on the one that is owned";
  EXPECT_EQ(plan.bill.micro, 21'957'642);
  EXPECT_EQ(plan.bound.per_hour, plan.bill);
  EXPECT_FALSE(plan.nodes[0].owned);
  EXPECT_TRUE(plan.nodes[1].owned);
  EXPECT_EQ(plan.nodes[1].price.micro, 0);
  EXPECT_EQ(plan.nodes[1].pods.size(), 56U);
  ASSERT_EQ(plan.actions.size(), 2U);
  EXPECT_EQ(plan.actions[0].kind, ActionKind::Buy);
  EXPECT_EQ(plan.actions[1].kind, ActionKind::Keep);
  EXPECT_EQ(plan.actions[1].per_hour.micro, 0);
  EXPECT_EQ(complaints(plan, demand, market), std::vector<std::string>{});
}

TEST(Owned, CutAndWholeNodesOfAnAmpereTypeShareOneCount) {
  cluster::Demand demand;
  testing::add(demand, "chat", 1, testing::shape(testing::slice("1g.5gb"), 500, 1024));
  cluster::PodShape train = testing::shape(testing::whole(8), 500, 1024);
  train.node_selector = {{"karpenter.k8s.aws/instance-family", cluster::Operator::In, {"p4d"}}};
  testing::add(demand, "train", 1, train);
  market::Market market = testing::market({"p4d.24xlarge"});
  own(market, "p4d.24xlarge", 1);
  const auto solver = solver::make_clp();
  const Plan plan = make_plan(demand, market, {}, *solver, testing::quick());
  EXPECT_EQ(plan.nodes.size(), 2U);
  EXPECT_EQ(owned_nodes(plan), 1);
  EXPECT_EQ(plan.bill.micro, 21'957'642);
  EXPECT_TRUE(plan.bound.optimal);
  EXPECT_EQ(complaints(plan, demand, market), std::vector<std::string>{});
}

TEST(Owned, MayBeUsedWhateverThePolicyBuys) {
  cluster::Demand demand;
  testing::add(demand, "chat", 3, testing::shape(testing::portable(5), 500, 1024));
  market::Market market = testing::market();
  own(market, "p4d.24xlarge", 1);
  cluster::Policy policy;
  policy.instance_types = {"g6.xlarge"};
  policy.families = {"g6"};
  const auto solver = solver::make_clp();
  const Plan plan = make_plan(demand, market, policy, *solver, testing::quick());
  EXPECT_EQ(plan.bill.micro, 0);
  EXPECT_TRUE(plan.bound.optimal);
  EXPECT_EQ(owned_nodes(plan), 1);
  EXPECT_EQ(complaints(plan, demand, market, policy), std::vector<std::string>{});
}

TEST(Owned, WithoutAZoneItIsInOneOfThoseOfThePricesAndCountedOnce) {
  cluster::Demand demand;
  cluster::PodShape chat = testing::shape(testing::whole(8), 500, 1024);
  chat.labels = {{"app", "chat"}};
  cluster::SpreadConstraint spread;
  spread.topology_key = "topology.kubernetes.io/zone";
  spread.selector.namespaces = {"default"};
  spread.selector.labels = {{"app", cluster::Operator::In, {"chat"}}};
  chat.spread.push_back(spread);
  testing::add(demand, "chat", 3, chat);
  market::Market market = testing::market({"p4d.24xlarge"});
  own(market, "p4d.24xlarge", 2);
  const auto solver = solver::make_clp();
  const Plan plan = make_plan(demand, market, {}, *solver, testing::quick());
  EXPECT_EQ(plan.nodes.size(), 3U);
  EXPECT_EQ(owned_nodes(plan), 2) << "in two of three zones";
  EXPECT_EQ(plan.bill.micro, 21'957'642);
  EXPECT_EQ(complaints(plan, demand, market), std::vector<std::string>{});
}

TEST(Owned, ThoseThatNothingElseServesHaveItByPriorityAndTheOthersAreToldWhy) {
  cluster::Demand demand;
  cluster::PodShape low = testing::shape(testing::whole(8), 500, 1024);
  low.gpu[0].gib = 40;
  cluster::PodShape high = low;
  high.priority = 5;
  high.requests.cpu_milli = 600;
  testing::add(demand, "low", 2, low);
  testing::add(demand, "high", 2, high);
  testing::add(demand, "small", 5, testing::shape(testing::whole(), 500, 1024));
  market::Market market = testing::market({"g4dn.xlarge"});
  own(market, "p4d.24xlarge", 3);
  const auto solver = solver::make_clp();
  const Plan plan = make_plan(demand, market, {}, *solver, testing::quick());
  ASSERT_EQ(plan.unplaced.size(), 1U);
  EXPECT_EQ(plan.unplaced[0].pod, 1U) << "the second of low priority";
  EXPECT_EQ(plan.unplaced[0].reason, (Reason{ReasonCode::OwnedUsedUp, {"p4d.24xlarge"}}));
  EXPECT_EQ(plan.placements.size(), 8U) << "who can be bought for is not kept waiting";
  EXPECT_EQ(owned_nodes(plan), 3);
  EXPECT_EQ(plan.bill.micro, 5 * 526'000);
  EXPECT_EQ(complaints(plan, demand, market), std::vector<std::string>{});
}

TEST(Owned, HeadroomThatOnlyOwnedNodesServeGoesFirst) {
  cluster::Demand demand;
  testing::add(demand, "train", 1, testing::shape(testing::slice("7g.40gb", 8), 500, 1024));
  market::Market market = testing::market({"g4dn.xlarge"});
  own(market, "p4d.24xlarge", 1);
  cluster::Policy policy;
  policy.headroom = {{testing::slice("1g.5gb"), 1, {0, 0, 0, 1}}};
  const auto solver = solver::make_clp();
  const Plan plan = make_plan(demand, market, policy, *solver, testing::quick());
  EXPECT_EQ(plan.placements.size(), 1U);
  ASSERT_FALSE(plan.notes.empty());
  EXPECT_EQ(plan.notes[0], "Owned nodes have no room for the headroom nvidia.com/mig-1g.5gb.");
}

TEST(Owned, JobsApartHaveWhatTheOthersLeave) {
  cluster::Demand demand;
  testing::add(demand, "web", 1, testing::shape(testing::whole(8), 500, 1024));
  testing::add(demand, "job", 2, testing::shape(testing::whole(8), 500, 1024));
  demand.workloads[1].transient = true;
  demand.workloads[1].hours_per_month = 10;
  market::Market market = testing::market({"p4d.24xlarge"});
  own(market, "p4d.24xlarge", 2);
  PlanOptions options = testing::quick();
  options.jobs = JobsOn::Apart;
  const auto solver = solver::make_clp();
  const Plan plan = make_plan(demand, market, {}, *solver, options);
  EXPECT_EQ(plan.nodes.size(), 3U);
  EXPECT_EQ(owned_nodes(plan), 2);
  EXPECT_EQ(plan.bill.micro, 21'957'642);
  EXPECT_LE(plan.bound.per_hour, plan.bill);
  EXPECT_EQ(complaints(plan, demand, market), std::vector<std::string>{});
}

TEST(Owned, BaselinesUseItFirstToo) {
  cluster::Demand demand;
  testing::add(demand, "train", 12, testing::shape(testing::whole(), 2000, 4096));
  testing::add(demand, "chat", 20, testing::shape(testing::slice("1g.5gb"), 500, 1024));
  market::Market market = testing::market({"p4d.24xlarge", "g4dn.xlarge"});
  own(market, "p4d.24xlarge", 2);
  PlanOptions options = testing::quick();
  options.baselines = true;
  const auto solver = solver::make_clp();
  const Plan plan = make_plan(demand, market, {}, *solver, options);
  ASSERT_EQ(plan.baselines.size(), 3U);
  // 32 whole GPUs, 16 of them owned. A slice's whole GPU has 5 GB at least, so a T4 does.
  // Karpenter's rule fills claims until only the large type is left: two of these.
  EXPECT_EQ(plan.baselines[0].per_hour.micro, 2 * 21'957'642);
  EXPECT_EQ(plan.baselines[0].nodes, 4);
  EXPECT_EQ(plan.baselines[1].name, "whole-gpu-best-types");
  EXPECT_EQ(plan.baselines[1].per_hour.micro, 16 * 526'000);
  // Twelve whole ones take both nodes that are owned; then the slices need one of their own.
  EXPECT_EQ(plan.baselines[2].per_hour.micro, 21'957'642);
  // The plan leaves one node whole and cuts the other.
  EXPECT_EQ(plan.bill.micro, 4 * 526'000);
  EXPECT_EQ(complaints(plan, demand, market), std::vector<std::string>{});
}

// --- by trying everything ------------------------------------------------------------------------

/// Up to six pods, and types of which some are sold at odd prices, some owned, some both.
struct Instance {
  cluster::Demand demand;
  market::Market market = testing::market();

  explicit Instance(std::uint64_t seed) {
    Prng prng(seed);
    while (demand.pods.size() < 3) testing::add_random(prng, 1, 3, demand);
    if (demand.pods.size() < 5) testing::add_random(prng, 1, 2, demand);
    market.offerings.clear();
    const bool scarce = seed % 2 == 0;  // one or two nodes of one GPU each, and little for sale
    const std::vector<std::string> small = {"g6.xlarge", "p5.4xlarge", "g7e.2xlarge"};
    std::set<std::string> chosen;
    while (chosen.size() < (scarce ? 2U : 4U))
      chosen.insert(scarce ? small[prng.below(3)] : testing::some_types()[prng.below(11)]);
    std::int64_t at = 0;
    for (const std::string& type : chosen) {
      market::Offering offering;
      offering.type = index_of(market, type);
      const std::int64_t gpus = market.types[offering.type].gpu_count;
      offering.price = {(200'000 + static_cast<std::int64_t>(prng.below(3'000'000))) * gpus};
      if (at >= 2 || prng.below(3) > 0) market.offerings.push_back(offering);
      if (at < 2) own(market, type, 1 + static_cast<std::int64_t>(prng.below(2)));
      ++at;
    }
  }
};

/// The least bill for every set of pods, by parting it over nodes of every offering and counting
/// what is owned.
class BruteForce {
 public:
  explicit BruteForce(const Instance& instance)
      : instance_(instance), sets_(std::size_t{1} << instance.demand.pods.size()) {
    bought_.assign(sets_, kNever);
    for (const market::Offering& offering : instance.market.offerings) {
      const std::vector<bool> fits = holds(offering.type);
      if (offering.count) {
        owned_.push_back({fits, *offering.count});
        continue;
      }
      for (std::size_t set = 0; set < sets_; ++set)
        if (fits[set]) bought_[set] = std::min(bought_[set], offering.price.micro);
    }
    counts_ = 1;
    for (const Owned& owned : owned_) counts_ *= static_cast<std::size_t>(owned.count + 1);
    least_.assign(sets_ * counts_, kNever);
    for (std::size_t k = 0; k < counts_; ++k) least_[k] = 0;
    for (std::size_t set = 1; set < sets_; ++set)
      for (std::size_t k = 0; k < counts_; ++k) part(set, k);
  }

  std::int64_t least(std::size_t set) const { return least_[set * counts_ + counts_ - 1]; }
  bool servable(std::uint32_t pod) const { return least(std::size_t{1} << pod) < kNever; }

 private:
  struct Owned {
    std::vector<bool> fits;
    std::int64_t count;
  };

  void part(std::size_t set, std::size_t k) {
    std::int64_t& best = least_[set * counts_ + k];
    const std::size_t first = set & (~set + 1);
    for (std::size_t part = set; part != 0; part = (part - 1) & set) {
      if ((part & first) == 0) continue;
      const std::size_t rest = set ^ part;
      if (bought_[part] < kNever) best = std::min(best, bought_[part] + least_[rest * counts_ + k]);
      std::size_t place = 1;
      for (const Owned& owned : owned_) {
        const std::size_t radix = static_cast<std::size_t>(owned.count) + 1;
        if (owned.fits[part] && k / place % radix > 0)
          best = std::min(best, least_[rest * counts_ + k - place]);
        place *= radix;
      }
    }
  }

  std::vector<bool> holds(std::uint32_t index) const {
    const market::InstanceType& type = instance_.market.types[index];
    const Resources room = market::allocatable(type, instance_.demand.overhead);
    NodeOracle oracle(instance_.market.model_of(type), type.gpu_count);
    std::vector<bool> fits(sets_);
    fits[0] = true;
    for (std::size_t set = 1; set < sets_; ++set) {
      Resources used;
      std::vector<Wish> wishes;
      for (std::size_t p = 0; p < instance_.demand.pods.size(); ++p) {
        if ((set >> p & 1) == 0) continue;
        const cluster::PodShape& shape = instance_.demand.shapes[instance_.demand.pods[p].shape];
        used = used + shape.requests;
        for (const cluster::GpuRequest& request : shape.gpu)
          wishes.push_back({forms_for(request, instance_.market, type, {}), request.count});
      }
      fits[set] = used.fits(room) && oracle.holds(wishes);
    }
    return fits;
  }

  const Instance& instance_;
  std::size_t sets_, counts_ = 1;
  std::vector<std::int64_t> bought_;  ///< one node for the set
  std::vector<Owned> owned_;
  std::vector<std::int64_t> least_;  ///< by set, number of owned nodes
};

TEST(Owned, EveryPlanIsTheCheapestOfAllFleetsThatCanBeHad) {
  const auto solver = solver::make_clp();
  int free_of_charge = 0, mixed = 0, used_up = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Instance instance(seed);
    const BruteForce brute(instance);
    const Plan plan = make_plan(instance.demand, instance.market, {}, *solver, testing::quick());
    ASSERT_EQ(complaints(plan, instance.demand, instance.market), std::vector<std::string>{})
        << "seed " << seed;
    std::size_t placed = 0;
    for (const Placement& placement : plan.placements) placed |= std::size_t{1} << placement.pod;
    ASSERT_EQ(plan.bill.micro, brute.least(placed)) << "seed " << seed;
    EXPECT_EQ(plan.bound.per_hour, plan.bill) << "seed " << seed;
    for (const Unplaced& entry : plan.unplaced) {
      const bool limited = entry.reason.code == ReasonCode::OwnedUsedUp;
      EXPECT_EQ(limited, brute.servable(entry.pod)) << "seed " << seed;
      if (!limited) continue;
      EXPECT_EQ(brute.least(placed | std::size_t{1} << entry.pod), kNever)
          << "seed " << seed << ": room is left for pod " << entry.pod;
      ++used_up;
    }
    const std::int64_t owned = owned_nodes(plan);
    free_of_charge += owned > 0 && plan.bill.micro == 0 ? 1 : 0;
    mixed += owned > 0 && plan.bill.micro > 0 ? 1 : 0;
  }
  // The instances are worth solving.
  EXPECT_GT(free_of_charge, 10);
  EXPECT_GT(mixed, 10);
  EXPECT_GT(used_up, 10);
}

TEST(Owned, NoSearchUsesMoreThanThereIsAndNoBoundIsAboveTheBest) {
  const auto solver = solver::make_clp();
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Instance instance(seed);
    testing::Compiled c;
    c.demand = instance.demand;
    c.market = instance.market;
    c.run();
    const auto best = exact_fleet(c.problem, c.items, 100'000);
    ASSERT_TRUE(best.has_value()) << "seed " << seed;
    const Start start = start_fleet(c.problem, c.items, *solver);
    EXPECT_LE(start.bound, bill_of(c.problem, *best)) << "seed " << seed;
    const Generated generated =
        generate(c.problem, c.items, start.proven, *best, *solver, GenerationOptions{});
    EXPECT_LE(generated.bound, bill_of(c.problem, *best)) << "seed " << seed;
    compared += generated.bound.micro > 0 ? 1 : 0;
    const std::vector<double>& values = start.values;
    ColumnOptions columns;
    columns.exact_vectors = 0;
    std::vector<Fleet> fleets = {*best, greedy_fleet(c.problem, c.items, values),
                                 dive_columns(c.problem, c.items, generated.columns,
                                              generated.nodes, values, *solver, columns),
                                 generate_fleet(c.problem, c.items, values, {}, *solver, columns)};
    for (std::size_t i = 0; i < 4; ++i) {
      fleets.push_back(fleets[i]);
      improve(c.problem, values, {}, 30, {}, fleets.back());
      EXPECT_LE(bill_of(c.problem, fleets.back()), bill_of(c.problem, fleets[i]));
    }
    for (const Fleet& fleet : fleets) {
      EXPECT_EQ(served_by(c.problem, fleet), c.items) << "seed " << seed;
      EXPECT_GE(bill_of(c.problem, fleet), bill_of(c.problem, *best)) << "seed " << seed;
      const Stock left(c.problem, fleet);
      for (const std::int64_t nodes : left.by_stock()) EXPECT_GE(nodes, 0) << "seed " << seed;
    }
  }
  EXPECT_GT(compared, 10);
}

TEST(Owned, LargerFleetsHoldTooAndSpendLessThanWithoutIt) {
  const auto solver = solver::make_clp();
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    cluster::Demand demand;
    Prng prng(seed);
    testing::add_random(prng, 8, 25, demand);
    market::Market market = testing::market(testing::some_types());
    const Plan without = make_plan(demand, market, {}, *solver, testing::quick());
    own(market, "p4d.24xlarge", 1);
    own(market, "g6.12xlarge", 2);
    const Plan plan = make_plan(demand, market, {}, *solver, testing::quick());
    EXPECT_EQ(complaints(plan, demand, market), std::vector<std::string>{}) << "seed " << seed;
    EXPECT_LT(plan.bill, without.bill) << "seed " << seed;
    EXPECT_LE(plan.bound.per_hour, plan.bill);
    EXPECT_GT(plan.bound.per_hour.micro, 0);
    EXPECT_EQ(owned_nodes(plan), 3) << "seed " << seed;
  }
}

}  // namespace
}  // namespace kerf::plan
