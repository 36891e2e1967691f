// make_plan against brute force: the cheapest way to part a few pods over nodes, to the
// micro-dollar.
#include <gtest/gtest.h>

#include <set>

#include "core/check/check.h"
#include "core/plan/plan_testing.h"
#include "core/plan/planner.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using cluster::GpuRequest;
using cluster::GpuRequestKind;
using testing::NodeOracle;
using testing::Wish;

constexpr std::int64_t kNever = std::int64_t{1} << 60;
constexpr const char* kFamily = "karpenter.k8s.aws/instance-family";

/// Up to six pods of two to four kinds, and four to six types at prices that have nothing to do
/// with the real ones, so that every form wins somewhere.
class Instance {
 public:
  cluster::Demand demand;
  market::Market market = testing::market();
  cluster::Policy policy;

  explicit Instance(std::uint64_t seed) : prng_(seed) {
    make_market();
    const std::uint64_t kinds = 2 + prng_.below(3);
    for (std::uint64_t k = 0; k < kinds && demand.pods.size() < 6; ++k) {
      const auto count = std::min<std::int64_t>(static_cast<std::int64_t>(1 + prng_.below(3)),
                                                6 - static_cast<std::int64_t>(demand.pods.size()));
      testing::add(demand, "w" + std::to_string(k), count, make_shape());
    }
    if (prng_.below(4) == 0)
      policy.isolation_floor = static_cast<cluster::Isolation>(prng_.below(3));
  }

 private:
  template <std::size_t n>
  std::string one_of(const char* const (&list)[n]) {
    return list[prng_.below(n)];
  }

  void make_market() {
    const char* const types[] = {"g4dn.xlarge", "g4dn.12xlarge", "g5.xlarge",    "g5.12xlarge",
                                 "g6.2xlarge",  "g6e.xlarge",    "g6f.xlarge",   "g6f.4xlarge",
                                 "g7e.2xlarge", "g7e.12xlarge",  "p4d.24xlarge", "p4de.24xlarge",
                                 "p5.4xlarge",  "p5.48xlarge"};
    std::set<std::string> chosen;
    const std::uint64_t wanted = 4 + prng_.below(3);
    while (chosen.size() < wanted) chosen.insert(one_of(types));
    std::erase_if(market.offerings, [&](const market::Offering& offering) {
      return chosen.count(market.types[offering.type].name) == 0;
    });
    for (market::Offering& offering : market.offerings)
      offering.price = {static_cast<std::int64_t>(200'000 + prng_.below(3'000'000)) *
                        market.types[offering.type].gpu_count};
  }

  GpuRequest make_request() {
    const char* const profiles[] = {"1g.5gb",  "1g.5gb+me", "2g.10gb", "3g.20gb",
                                    "4g.20gb", "1g.10gb",   "2g.20gb", "3g.40gb",
                                    "4g.40gb", "1g.24gb",   "2g.48gb"};
    const std::int32_t ladder[] = {2, 5, 8, 10, 16, 20, 24, 40};
    GpuRequest request;
    switch (prng_.below(6)) {
      case 0: request.count = 1 + static_cast<std::int64_t>(prng_.below(2)); break;
      case 1:
      case 2:
        request =
            testing::slice(one_of(profiles), 1 + static_cast<std::int64_t>(prng_.below(8) / 6));
        break;
      case 3:
      case 4:
        request = testing::portable(ladder[prng_.below(8)]);
        request.isolation = static_cast<cluster::Isolation>(prng_.below(3));
        break;
      default:
        request.kind =
            prng_.below(2) == 0 ? GpuRequestKind::ShareOfMemory : GpuRequestKind::ShareOfCompute;
        request.share_milli = static_cast<std::int32_t>(1 + prng_.below(999));
    }
    return request;
  }

  cluster::PodShape make_shape() {
    cluster::PodShape shape =
        testing::shape(make_request(), static_cast<std::int64_t>(250 * (1 + prng_.below(24))),
                       static_cast<std::int64_t>(512 * (1 + prng_.below(60))));
    if (prng_.below(6) == 0) shape.gpu.push_back(testing::slice("1g.10gb"));
    if (prng_.below(6) == 0)
      shape.node_selector = {
          {kFamily, cluster::Operator::NotIn, {prng_.below(2) == 0 ? "p5" : "g6f"}}};
    return shape;
  }

  Prng prng_;
};

/// The cheapest offering for every set of pods on one node, then for every set on any nodes.
class BruteForce {
 public:
  explicit BruteForce(const Instance& instance)
      : instance_(instance), sets_(std::size_t{1} << instance.demand.pods.size()) {
    one_node_.assign(sets_, kNever);
    for (const market::Offering& offering : instance.market.offerings) look_at(offering);
    least_.assign(sets_, kNever);
    least_[0] = 0;
    for (std::size_t set = 1; set < sets_; ++set) {
      const std::size_t first = set & (~set + 1);
      for (std::size_t part = set; part != 0; part = (part - 1) & set)
        if ((part & first) != 0 && one_node_[part] < kNever && least_[set ^ part] < kNever)
          least_[set] = std::min(least_[set], one_node_[part] + least_[set ^ part]);
    }
  }

  bool servable(std::uint32_t pod) const { return one_node_[std::size_t{1} << pod] < kNever; }
  std::int64_t least(std::size_t set) const { return least_[set]; }

 private:
  bool admits(const cluster::PodShape& shape, const market::InstanceType& type) const {
    for (const auto& requirement : shape.node_selector)
      if (type.family() == requirement.values[0]) return false;
    return true;
  }

  void look_at(const market::Offering& offering) {
    const market::InstanceType& type = instance_.market.types[offering.type];
    const Resources room = market::allocatable(type, instance_.demand.overhead);
    NodeOracle oracle(instance_.market.model_of(type), type.gpu_count);
    std::vector<bool> fits(sets_);
    fits[0] = true;
    for (std::size_t set = 1; set < sets_; ++set) {
      Resources used;
      std::vector<Wish> wishes;
      bool possible = true;
      for (std::size_t p = 0; p < instance_.demand.pods.size(); ++p) {
        if ((set >> p & 1) == 0) continue;
        possible = possible && fits[set ^ (std::size_t{1} << p)];
        const cluster::PodShape& shape = instance_.demand.shapes[instance_.demand.pods[p].shape];
        possible = possible && admits(shape, type);
        used = used + shape.requests;
        for (const GpuRequest& request : shape.gpu)
          wishes.push_back(
              {forms_for(request, instance_.market, type, instance_.policy), request.count});
      }
      fits[set] = possible && used.fits(room) && oracle.holds(wishes);
      if (fits[set]) one_node_[set] = std::min(one_node_[set], offering.price.micro);
    }
  }

  const Instance& instance_;
  std::size_t sets_;
  std::vector<std::int64_t> one_node_, least_;
};

TEST(Planner, FindsTheCheapestFleetForAFewPods) {
  auto solver = solver::make_clp();
  int shared_nodes = 0, unplaced = 0, several_nodes = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const Instance instance(seed);
    const BruteForce brute(instance);
    const Plan plan =
        make_plan(instance.demand, instance.market, instance.policy, *solver, testing::quick());
    std::size_t served = 0;
    std::vector<std::uint32_t> expected;
    for (std::uint32_t p = 0; p < instance.demand.pods.size(); ++p) {
      if (brute.servable(p)) served |= std::size_t{1} << p;
      else expected.push_back(p);
    }
    std::vector<std::uint32_t> left;
    for (const Unplaced& entry : plan.unplaced) left.push_back(entry.pod);
    ASSERT_EQ(left, expected) << "seed " << seed;
    ASSERT_EQ(plan.bill.micro, brute.least(served)) << "seed " << seed;
    EXPECT_TRUE(plan.bound.optimal) << "seed " << seed;
    EXPECT_EQ(plan.bound.per_hour, plan.bill);
    EXPECT_EQ(gap_percent(plan), 0);
    EXPECT_EQ(check::check_plan(plan, instance.demand, instance.market, instance.policy),
              std::vector<std::string>{})
        << "seed " << seed;
    unplaced += static_cast<int>(left.size());
    several_nodes += plan.nodes.size() > 1 ? 1 : 0;
    for (const NodePlan& node : plan.nodes) shared_nodes += node.pods.size() > 1 ? 1 : 0;
  }
  // The instances are worth solving.
  EXPECT_GT(shared_nodes, 80);
  EXPECT_GT(several_nodes, 30);
  EXPECT_GT(unplaced, 10);
}

}  // namespace
}  // namespace kerf::plan
