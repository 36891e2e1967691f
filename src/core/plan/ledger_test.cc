// The ledger: no micro-dollar is lost, and what is not used is laid to the right cause.
#include "core/plan/ledger.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/plan/planner.h"
#include "core/plan/standing_testing.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using gpu::FormKind;

MicroUsdPerHour sum(const std::vector<MicroUsdPerHour>& parts) {
  return std::accumulate(parts.begin(), parts.end(), MicroUsdPerHour{});
}

/// The parts add up wherever the ledger says so.
void expect_balanced(const Ledger& ledger, const std::vector<MicroUsdPerHour>& prices) {
  ASSERT_EQ(ledger.nodes.size(), prices.size());
  MicroUsdPerHour wasted;
  for (const MicroUsdPerHour waste : ledger.wastes) {
    EXPECT_GE(waste.micro, 0);
    wasted += waste;
  }
  EXPECT_EQ(sum(ledger.workloads) + ledger.others + wasted, ledger.bill);
  EXPECT_EQ(sum(ledger.pods), sum(ledger.workloads));
  EXPECT_EQ(ledger.bill, sum(prices));
  std::array<MicroUsdPerHour, kWastes> idle{};
  for (std::size_t n = 0; n < prices.size(); ++n) {
    EXPECT_EQ(ledger.nodes[n].price, prices[n]);
    MicroUsdPerHour gpus;
    for (const GpuLedger& gpu : ledger.nodes[n].gpus) {
      MicroUsdPerHour parts = gpu.idle;
      for (const GpuLedger::Share& share : gpu.shares) {
        EXPECT_GE(share.cost.micro, 0);
        parts += share.cost;
      }
      EXPECT_EQ(parts, gpu.price);
      gpus += gpu.price;
      idle[static_cast<std::size_t>(gpu.waste)] += gpu.idle;
    }
    EXPECT_EQ(gpus, prices[n]);
  }
  EXPECT_EQ(idle, ledger.wastes);
}

/// One node of a type with nothing on it, to be filled by hand.
struct Hand {
  market::Market market = testing::market();
  cluster::Cluster cluster;
  cluster::Policy policy;

  explicit Hand(const std::string& type, std::int64_t price = 8'000'000) {
    cluster::StandingNode node;
    node.name = "a";
    node.type = testing::type_index(market, type);
    node.price = node.list_price = {price};
    node.allocatable = market::allocatable(market.types[node.type]);
    node.layout = cluster::LayoutFrom::Seen;
    node.gpus.resize(static_cast<std::size_t>(market.types[node.type].gpu_count));
    cluster.nodes.push_back(std::move(node));
  }

  cluster::StandingNode& node() { return cluster.nodes[0]; }
  const gpu::Model& model() const { return market.model_of(market.types[cluster.nodes[0].type]); }
  /// A workload of `count` pods, of which none runs yet; the first pod's index.
  std::uint32_t want(const std::string& name, std::int64_t count, cluster::PodShape shape) {
    const auto first = static_cast<std::uint32_t>(cluster.demand.pods.size());
    testing::add(cluster.demand, name, count, std::move(shape));
    cluster.pods.resize(cluster.demand.pods.size());
    return first;
  }
  void hold(std::size_t gpu, const std::string& profile, std::uint8_t start, std::uint32_t pod,
            const std::string& holder = "") {
    cluster::StandingSlice slice;
    slice.form = testing::form_of(model(), 1, FormKind::Slice,
                                  static_cast<std::uint8_t>(*model().profile_named(profile)));
    slice.start = start;
    slice.pod = pod;
    slice.holder = holder;
    node().gpus[gpu].slices.push_back(std::move(slice));
  }
  void hold(std::size_t gpu, FormKind kind, std::uint32_t pod, std::uint8_t replicas = 1,
            std::uint8_t start = 0) {
    const std::uint8_t fraction = market.types[node().type].gpu_fraction;
    node().gpus[gpu].slices.push_back(
        {testing::form_of(model(), fraction, kind, replicas), start, pod});
  }
  Ledger ledger(bool list = false) const { return ledger_of(cluster, market, policy, list); }
  Waste waste() const { return ledger().nodes[0].gpus[0].waste; }
};

TEST(Ledger, PricesASliceByItsMemorySlots) {
  Hand hand("p5.4xlarge");
  const std::uint32_t pods = hand.want("chat", 2, testing::shape(testing::slice("1g.10gb")));
  hand.hold(0, "3g.40gb", 4, cluster::kNone, "other/tool");
  hand.hold(0, "1g.10gb", 0, pods);
  const Ledger ledger = hand.ledger();
  const GpuLedger& gpu = ledger.nodes[0].gpus[0];
  ASSERT_EQ(gpu.shares.size(), 2U) << "in order of start";
  EXPECT_EQ(gpu.shares[0].pod, pods);
  EXPECT_EQ(gpu.shares[0].cost.micro, 1'000'000);
  EXPECT_EQ(gpu.shares[1].holder, "other/tool");
  EXPECT_EQ(gpu.shares[1].cost.micro, 4'000'000);
  EXPECT_EQ(gpu.idle.micro, 3'000'000);
  EXPECT_EQ(ledger.others.micro, 4'000'000);
  EXPECT_EQ(ledger.pods[pods].micro, 1'000'000);
  EXPECT_EQ(ledger.pods[pods + 1].micro, 0) << "it waits";
  EXPECT_EQ(gpu.waste, Waste::Free) << "the pod that waits could have a slice";
}

TEST(Ledger, OfASharedNodeAPodPaysAsMuchAsOfTheWholeNode) {
  Hand hand("p5.4xlarge");
  const std::uint32_t pods = hand.want("chat", 2, testing::shape(testing::slice("1g.10gb")));
  hand.hold(0, "3g.40gb", 4, cluster::kNone, "other/tool");
  hand.hold(0, "1g.10gb", 0, pods);
  const Ledger all = hand.ledger();
  hand.node().shared = true;
  hand.node().price = {1'600'000};  // 1 of the 5 slots that are held, of $8
  const Ledger mine = hand.ledger();
  expect_balanced(mine, {{1'600'000}});
  EXPECT_EQ(mine.pods[pods], all.pods[pods]);
  EXPECT_EQ(mine.others.micro, 0) << "what others hold is not in the price";
  EXPECT_EQ(mine.nodes[0].gpus[0].idle.micro, 600'000) << "a fifth of the 3 slots that idle";
}

TEST(Ledger, GivesAReplicaItsPartAndAWholeGpuAndAFractionAll) {
  Hand shared("g6.xlarge", 1'000'000);
  const std::uint32_t pod = shared.want("chat", 1, testing::shape(testing::portable(4)));
  shared.hold(0, FormKind::TimeSliced, pod, 3, 1);
  EXPECT_EQ(shared.ledger().pods[pod].micro, 333'333);
  Hand whole("g6.xlarge", 1'000'001);
  whole.want("train", 1, testing::shape(testing::whole()));
  whole.hold(0, FormKind::Whole, 0);
  EXPECT_EQ(whole.ledger().pods[0].micro, 1'000'001);
  Hand part("g6f.2xlarge", 500'001);
  part.want("chat", 1, testing::shape(testing::portable(4)));
  part.hold(0, FormKind::Fraction, 0);
  EXPECT_EQ(part.ledger().pods[0].micro, 500'001);
}

TEST(Ledger, GivesAPodWithSeveralDevicesAShareForEach) {
  Hand hand("g4dn.12xlarge", 4'000'002);
  hand.want("train", 1, testing::shape(testing::whole(2)));
  hand.hold(1, FormKind::Whole, 0);
  hand.hold(2, FormKind::Whole, 0);
  const Ledger ledger = hand.ledger();
  EXPECT_EQ(ledger.nodes[0].gpus[0].price.micro, 1'000'001) << "largest remainder";
  EXPECT_EQ(ledger.nodes[0].gpus[1].shares.size(), 1U);
  EXPECT_EQ(ledger.nodes[0].gpus[2].shares.size(), 1U);
  EXPECT_EQ(ledger.pods[0].micro, 2'000'001);
  EXPECT_EQ(ledger.workloads[0].micro, 2'000'001);
}

TEST(Ledger, CallsRoomDownOnANodeThatIsNotReadyOrOffersNothing) {
  Hand hand("p5.4xlarge");
  hand.want("chat", 1, testing::shape(testing::slice("1g.10gb")));
  EXPECT_EQ(hand.waste(), Waste::Empty);
  hand.node().ready = false;
  EXPECT_EQ(hand.waste(), Waste::Down);
  hand.node().ready = true;
  hand.node().layout = cluster::LayoutFrom::Nothing;
  EXPECT_EQ(hand.waste(), Waste::Down);
  hand.node().gpus.clear();  // not even how many GPUs it has
  EXPECT_EQ(hand.ledger().wastes[static_cast<std::size_t>(Waste::Down)].micro, 8'000'000);
}

TEST(Ledger, CallsRoomGeometryWhereNobodyCouldHaveADeviceOfIt) {
  Hand hand("p5.4xlarge");
  hand.want("big", 1, testing::shape(testing::slice("3g.40gb")));
  hand.hold(0, "1g.10gb", 0, 0);
  hand.hold(0, "1g.10gb", 4, 0);
  EXPECT_EQ(hand.waste(), Waste::Geometry) << "no four slots side by side";
  hand.want("small", 1, testing::shape(testing::slice("1g.10gb")));
  EXPECT_EQ(hand.waste(), Waste::Free);
}

TEST(Ledger, CutsFreeSlicesAnewBeforeItCallsRoomGeometry) {
  Hand hand("p5.4xlarge");
  hand.want("big", 1, testing::shape(testing::slice("3g.40gb")));
  hand.hold(0, "1g.10gb", 0, 0);
  hand.hold(0, "1g.10gb", 4, cluster::kNone);  // free
  EXPECT_EQ(hand.waste(), Waste::Free);
}

TEST(Ledger, AsksWhetherThereAreEnoughDevicesForAPodThatWantsSeveral) {
  Hand hand("g4dn.12xlarge");
  hand.want("train", 1, testing::shape(testing::whole(4)));
  hand.hold(0, FormKind::Whole, cluster::kNone);
  hand.node().gpus[0].slices[0].holder = "other/tool";
  EXPECT_EQ(hand.ledger().nodes[0].gpus[1].waste, Waste::Geometry) << "three are left of four";
  hand.want("pair", 1, testing::shape(testing::whole(2)));
  EXPECT_EQ(hand.ledger().nodes[0].gpus[1].waste, Waste::Free);
}

TEST(Ledger, LeavesAnAmpereNodeInTheModeThatItIsIn) {
  Hand hand("p4d.24xlarge");
  hand.want("train", 1, testing::shape(testing::whole()));
  hand.hold(0, "7g.40gb", 0, cluster::kNone, "other/tool");
  EXPECT_EQ(hand.ledger().nodes[0].gpus[1].waste, Waste::Geometry);
  Hand later("p5.48xlarge");  // there each GPU is cut or whole by itself
  later.want("train", 1, testing::shape(testing::whole()));
  later.hold(0, "7g.80gb", 0, cluster::kNone, "other/tool");
  EXPECT_EQ(later.ledger().nodes[0].gpus[1].waste, Waste::Free);
}

TEST(Ledger, NamesTheResourceThatIsUsedUpForEverybody) {
  Hand hand("p5.4xlarge");
  hand.want("chat", 1, testing::shape(testing::slice("1g.10gb"), 1000, 2048));
  hand.hold(0, "3g.40gb", 4, cluster::kNone, "other/tool");
  hand.node().used = hand.node().allocatable;
  hand.node().used.cpu_milli -= 900;
  hand.node().used.memory_mib -= 1000;
  hand.node().used.pods = 1;
  EXPECT_EQ(hand.waste(), Waste::Cpu);
  hand.want("light", 1, testing::shape(testing::slice("1g.10gb"), 500, 2048));
  EXPECT_EQ(hand.waste(), Waste::Memory) << "the CPU would do for one of the two";
  hand.node().used.memory_mib = 0;
  EXPECT_EQ(hand.waste(), Waste::Free);
  hand.node().used.pods = hand.node().allocatable.pods;
  EXPECT_EQ(hand.waste(), Waste::Memory);
}

TEST(Ledger, KnowsAShareAmongMorePodsThanThePolicyPlansWith) {
  Hand hand("g6.xlarge");
  cluster::GpuRequest request = testing::portable(4);
  request.isolation = cluster::Isolation::Shared;
  hand.want("chat", 2, testing::shape(request, 100, 100));
  gpu::Form form = testing::form_of(hand.model(), 1, FormKind::TimeSliced, 4);
  form.replicas = 5;
  hand.node().gpus[0].slices = {{form, 0, 0}, {form, 1, cluster::kNone}};
  EXPECT_EQ(hand.waste(), Waste::Free);
}

TEST(Ledger, ValuesWhatIsOwnedByTheListPrice) {
  Hand hand("p5.4xlarge");
  hand.want("chat", 1, testing::shape(testing::slice("1g.10gb")));
  hand.hold(0, "1g.10gb", 0, 0);
  hand.node().price = {};
  hand.node().owned = true;
  EXPECT_EQ(hand.ledger().bill.micro, 0);
  EXPECT_EQ(hand.ledger(true).bill.micro, 8'000'000);
  EXPECT_EQ(hand.ledger(true).pods[0].micro, 1'000'000);
}

TEST(Ledger, PartsAddUpToTheBillOfAnyCluster) {
  const market::Market market = testing::market();
  std::array<bool, kWastes> seen{};
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    const cluster::Cluster cluster = testing::RandomCluster(seed, 1 + seed % 12, market).take();
    for (const bool list : {false, true}) {
      std::vector<MicroUsdPerHour> prices;
      for (const cluster::StandingNode& node : cluster.nodes)
        prices.push_back(list ? node.list_price : node.price);
      const Ledger ledger = ledger_of(cluster, market, {}, list);
      expect_balanced(ledger, prices);
      for (std::size_t w = 0; w < seen.size(); ++w) seen[w] = seen[w] || ledger.wastes[w].micro > 0;
    }
  }
  for (std::size_t w = 0; w < seen.size(); ++w)
    EXPECT_TRUE(seen[w]) << "no cluster has room that is " << to_string(static_cast<Waste>(w));
}

TEST(Ledger, PartsAddUpToTheBillOfAnyPlanAndIdleAsItsUtilisationSays) {
  const auto solver = solver::make_clp();
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    cluster::Demand demand;
    testing::add_random(prng, 5, 8, demand);
    const market::Market market = testing::market(testing::some_types());
    cluster::Policy policy;
    if (seed % 3 == 0) policy.headroom = {{testing::portable(10), 2, {1000, 2048, 0, 1}}};
    const Plan plan = make_plan(demand, market, policy, *solver, testing::quick(1));
    std::vector<MicroUsdPerHour> prices;
    for (const NodePlan& node : plan.nodes) prices.push_back(node.price);
    const Ledger ledger = ledger_of(plan, demand, market, policy);
    expect_balanced(ledger, prices);
    EXPECT_EQ(ledger.others.micro > 0, seed % 3 == 0 && !plan.nodes.empty());
    MicroUsdPerHour idle;
    std::int64_t gpus = 0;
    for (const NodeLedger& node : ledger.nodes)
      for (const GpuLedger& gpu : node.gpus) idle += gpu.idle, ++gpus;
    // The one rounds GPU by GPU, the other by largest remainder.
    EXPECT_LE(std::abs((idle - plan.utilisation.idle).micro), gpus);
    for (std::size_t w = 0; w < demand.workloads.size(); ++w)
      EXPECT_EQ(ledger.workloads[w].micro > 0, plan.workloads[w].placed > 0);
  }
}

}  // namespace
}  // namespace kerf::plan
