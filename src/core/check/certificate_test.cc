// Certificates that hold, and what is said of those that were tampered with.
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "base/prng.h"
#include "core/check/certificate_testing.h"
#include "core/plan/planner.h"
#include "solver/clp.h"

namespace kerf::check {
namespace {

using cluster::Isolation;
using market::CapacityType;
using plan::Certificate;
using testing::World;

/// Five kinds of pods that all types of the market compete for, and a proof that is just true:
///   group 0 small x 5   1g.5gb            group 3 turn x 4   4 GB, shared
///   group 1 ten x 3     10 GB             group 4 two x 2    2 GB, isolated
///   group 2 big x 1     a whole GPU of 80 GB
struct Proven {
  World world;
  Certificate certificate;

  Proven() {
    add("small", {testing::slice("1g.5gb")}, 5);
    add("ten", {testing::portable(10)}, 3);
    add("big", {testing::whole(1, 80)}, 1);
    add("turn", {testing::portable(4, Isolation::Shared)}, 4);
    add("two", {testing::portable(2, Isolation::Isolated)}, 2);
    certificate.groups = testing::groups_by_shape(world.demand);
    certificate.pools = testing::pools_of(world.market);
    prove(
        {2'000'000'000'000, 520'000'000'000, 11'000'000'000'000, 130'000'000'000, 200'000'000'000});
  }

  void add(const std::string& name, std::vector<cluster::GpuRequest> gpu, int pods) {
    const std::uint32_t first = world.pod(name, std::move(gpu));
    for (int i = 1; i < pods; ++i) world.like(world.demand.pods[first].shape);
  }
  void prove(const std::vector<std::int64_t>& values) {
    certificate.leaves = {testing::leaf_for(certificate, world, values)};
    certificate.branches.assign(1, {});
    certificate.branches[0].leaf = 0;
    certificate.bound = {};
    certificate.bound = verdict().proven;
  }
  Verdict verdict() const {
    return verify_certificate(certificate, world.demand, world.market, world.policy);
  }
  std::vector<std::string> complaints() const { return verdict().complaints; }
  Certificate::Leaf& leaf() { return certificate.leaves.front(); }
  /// The pool of that type (the first).
  std::uint32_t pool(World::Type type) const {
    for (std::uint32_t p = 0; p < certificate.pools.size(); ++p) {
      if (certificate.pools[p].offerings.front().type == type) return p;
    }
    return 0;
  }
  /// "at most `k` nodes of the pool" with the leaf that is there, else another one.
  void split(std::uint32_t of, std::int64_t k) {
    certificate.leaves.push_back(leaf());
    certificate.branches.assign(3, {});
    certificate.branches[0] = {-1, of, k, 1, 2};
    certificate.branches[1].leaf = 0;
    certificate.branches[2].leaf = 1;
  }
};

const Proven& proven() {
  static const Proven made;
  return made;
}

TEST(Certificate, HoldsWhereItsClaimsAreTrue) {
  const Verdict verdict = proven().verdict();
  EXPECT_EQ(testing::listed(verdict.complaints), "no complaint");
  EXPECT_EQ(verdict.pods, 15);
  EXPECT_EQ(verdict.by_search, 6);  // claims: each type, and p4d cut and whole
  EXPECT_EQ(verdict.by_multipliers, 0);
  EXPECT_TRUE(verdict.outside.empty());
  // Two p5 or p4d at least are needed, for the 80 GB and for the slices.
  EXPECT_GT(verdict.proven.micro, 10'000'000);
}

TEST(Certificate, ProvesNoMoreThanTheLeastBillOfAll) {
  Proven made = proven();
  made.certificate.method = Certificate::Method::Exact;
  made.certificate.bound = {};
  const Verdict exact = made.verdict();
  EXPECT_EQ(testing::listed(exact.complaints), "no complaint");
  EXPECT_LE(proven().verdict().proven, exact.proven);
  // By hand: the 80 GB need a p5 (12); small needs a p4d (10), on which ten find room too, and turn
  // and two beside the whole H100 or in the p4d.
  EXPECT_EQ(exact.proven.micro, 22'000'000);
}

struct Forgery {
  std::string what;
  std::function<void(Proven&)> forge;
  std::string words;
};

void expect_refused(const std::vector<Forgery>& forgeries) {
  for (const Forgery& forgery : forgeries) {
    Proven made = proven();
    ASSERT_TRUE(made.complaints().empty());
    forgery.forge(made);
    const auto complaints = made.complaints();
    EXPECT_TRUE(testing::says(complaints, forgery.words))
        << forgery.what << ": expected \"" << forgery.words << "\", got "
        << testing::listed(complaints);
  }
}

TEST(Certificate, RefusesNumbersThatAreNotTrue) {
  expect_refused({
      {"a claim below the best content, as pricing cut short would make",
       [](Proven& p) { --p.leaf().claims[p.pool(World::kP4d)].worth; }, "can hold pods worth"},
      {"a claim far below", [](Proven& p) { p.leaf().claims[p.pool(World::kP5)].worth = 1; },
       "can hold pods worth"},
      {"a value raised by one, so that a claim is false",
       [](Proven& p) {
         for (auto& value : p.leaf().values) ++value;
       },
       "can hold pods worth"},
      {"a value lowered, so that less is proven",
       [](Proven& p) { p.leaf().values[0] -= 1'000'000'000; }, "the bound is given as"},
      {"a bound raised", [](Proven& p) { ++p.certificate.bound.micro; }, "the bound is given as"},
      {"a price raised", [](Proven& p) { ++p.certificate.pools[0].offerings[0].price.micro; },
       "the market asks"},
      {"a price lowered", [](Proven& p) { --p.certificate.pools[0].offerings[0].price.micro; },
       "the market asks"},
      {"a price that rose since", [](Proven& p) { p.world.market.offerings[0].price.micro += 5; },
       "the market asks"},
      {"an offering that went",
       [](Proven& p) { p.world.market.offerings.erase(p.world.market.offerings.begin()); },
       "is not for sale there"},
      {"a claim said to be shown by multipliers that show nothing",
       [](Proven& p) { p.leaf().claims[p.pool(World::kP4d)].by_multipliers = true; },
       "the multipliers show"},
      {"a type worth more than its price, without limit",
       [](Proven& p) { p.leaf().claims[p.pool(World::kG4dn)].worth = 600'000'000'000; },
       "there is no limit"},
      {"values of other pods, as from another demand",
       [](Proven& p) { std::swap(p.leaf().values[0], p.leaf().values[3]); }, "can hold pods worth"},
  });
}

TEST(Certificate, RefusesWhatIsLeftOutOrThereTwice) {
  expect_refused({
      {"an offering left out",
       [](Proven& p) {
         p.certificate.pools.erase(p.certificate.pools.begin());
         p.leaf().claims.erase(p.leaf().claims.begin());
         for (auto& claim : p.leaf().claims) --claim.pool;
       },
       "the certificate leaves out p5.8xlarge"},
      {"a mode left out",
       [](Proven& p) {
         p.certificate.pools[p.pool(World::kP4d)].offerings[0].mode = gpu::GpuMode::Whole;
       },
       "with its GPUs cut"},
      {"an offering that came since",
       [](Proven& p) {
         p.world.policy.capacity_types = {CapacityType::OnDemand, CapacityType::Spot};
         p.world.market.offerings.push_back({0, "", CapacityType::Spot, {1'000'000}});
       },
       "the certificate leaves out p5.8xlarge at $1.000000"},
      {"a claim left out", [](Proven& p) { p.leaf().claims.pop_back(); }, "claims nothing of"},
      {"a claim twice", [](Proven& p) { p.leaf().claims.push_back(p.leaf().claims.front()); },
       "two claims"},
      {"a pod twice", [](Proven& p) { p.certificate.groups[1].pods.push_back(0); },
       "is in the proof twice"},
      {"a pod left out", [](Proven& p) { p.certificate.groups[0].pods.pop_back(); },
       "the bound is given as"},
      {"a pod that there is not", [](Proven& p) { p.certificate.groups[0].pods.push_back(99); },
       "does not have"},
      {"a pod among others that are worth more",
       [](Proven& p) {
         p.certificate.groups[2].pods.push_back(p.certificate.groups[3].pods.back());
         p.certificate.groups[3].pods.pop_back();
       },
       "can hold pods worth"},
      {"pods that are said to keep apart and do not",
       [](Proven& p) { p.certificate.groups[0].per_node = 1; }, "two may share one"},
      {"a number of pods on a node that nothing shows",
       [](Proven& p) { p.certificate.groups[0].per_node = 2; }, "only 1, or 0"},
      {"headroom that the policy does not want",
       [](Proven& p) {
         p.certificate.groups.push_back({{}, 0, 0});
       },
       "does not ask for"},
      {"a limit that is not there", [](Proven& p) { p.leaf().gpu = 1; },
       "a limit on GPUs that the policy does not have"},
      {"a limit of nodes that is not there", [](Proven& p) { p.certificate.pools[0].at_most = 3; },
       "any number can be had"},
      {"a type that there is not", [](Proven& p) { p.certificate.pools[0].offerings[0].type = 77; },
       "does not have"},
      {"a pool of two models",
       [](Proven& p) {
         p.certificate.pools[0].offerings.push_back(p.certificate.pools[1].offerings[0]);
       },
       "mixes GPU models"},
  });
}

TEST(Certificate, RefusesTreesThatLeaveFleetsOut) {
  expect_refused({
      {"a gap: the right branch begins later than the left ends",
       [](Proven& p) {
         p.split(0, 1);
         p.certificate.branches[2] = {-1, 0, 5, 1, 2};
       },
       "does not lead on"},
      {"a circle",
       [](Proven& p) {
         p.split(0, 1);
         p.certificate.branches[0].left = 0;
       },
       "does not lead on"},
      {"a branch reached twice",
       [](Proven& p) {
         p.split(0, 1);
         p.certificate.branches[0].right = 1;
       },
       "is reached 2 times"},
      {"a branch never reached",
       [](Proven& p) {
         p.split(0, 1);
         p.certificate.branches.push_back(p.certificate.branches.back());
       },
       "is reached 0 times"},
      {"a leaf that there is not", [](Proven& p) { p.certificate.branches[0].leaf = 4; },
       "does not exist"},
      {"no branches", [](Proven& p) { p.certificate.branches.clear(); }, "no branches"},
      {"a branch outside",
       [](Proven& p) {
         p.split(0, 1);
         p.certificate.branches[0].right = 9;
       },
       "does not lead on"},
      {"a split of nothing",
       [](Proven& p) {
         p.split(0, 1);
         p.certificate.branches[0].at_most = -2;
       },
       "cannot be split"},
      {"a split moved, so that the leaf with a deficit has one node more",
       [](Proven& p) {
         const std::uint32_t p4d = p.pool(World::kP4d);
         p.split(p4d, 1);
         // Worth more than its price where there is at most one: true, and paid for once.
         p.certificate.leaves[0].claims[p4d].worth += 5'000'000'000'000;
         p.certificate.bound.micro -= 5'000'000;
         ASSERT_TRUE(p.complaints().empty()) << testing::listed(p.complaints());
         p.certificate.branches[0].at_most = 2;
       },
       "the bound is given as"},
  });
}

TEST(Certificate, RefusesNegativeAndAbsurdNumbers) {
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  std::vector<Forgery> forgeries;
  for (const std::int64_t number :
       {std::int64_t{-1}, kHuge, std::numeric_limits<std::int64_t>::min()}) {
    forgeries.push_back(
        {"value", [=](Proven& p) { p.leaf().values[1] = number; }, "absurdly large"});
    forgeries.push_back(
        {"worth", [=](Proven& p) { p.leaf().claims[0].worth = number; }, "absurdly large"});
    forgeries.push_back({"cpu",
                         [=](Proven& p) { p.leaf().claims[0].multipliers.cpu_milli = number; },
                         "absurdly large"});
    forgeries.push_back({"form",
                         [=](Proven& p) {
                           p.leaf().claims[0].multipliers.forms = {{gpu::Form{}, number}};
                         },
                         "absurdly large"});
    forgeries.push_back({"gpu", [=](Proven& p) { p.leaf().gpu = number; }, "absurdly large"});
    forgeries.push_back(
        {"price", [=](Proven& p) { p.certificate.pools[0].offerings[0].price.micro = number; },
         "absurd price"});
  }
  forgeries.push_back(
      {"bound", [=](Proven& p) { p.certificate.bound.micro = kHuge; }, "the bound is given as"});
  forgeries.push_back(
      {"nodes", [](Proven& p) { p.certificate.pools[0].at_most = -7; }, "less than no nodes"});
  expect_refused(forgeries);
}

TEST(Certificate, HoldsWithTheLargestNumbersThatItMayHave) {
  Proven made = proven();
  for (auto& claim : made.leaf().claims) {
    auto& m = claim.multipliers;
    m.cpu_milli = m.memory_mib = m.disk_mib = m.pods = kMostAmount;
    m.forms = {{gpu::Form{}, kMostAmount}};
  }
  EXPECT_EQ(testing::listed(made.complaints()), "no complaint");
}

TEST(Certificate, BelievesMultipliersThatShowEnough) {
  // One T4 node holds one device: a multiplier on it shows the claim.
  Proven made = proven();
  const std::uint32_t g4dn = made.pool(World::kG4dn);
  Certificate::Claim& claim = made.leaf().claims[g4dn];
  gpu::Form whole;
  gpu::Form turn;
  turn.kind = gpu::FormKind::TimeSliced;
  const std::int64_t ten = made.leaf().values[1];
  std::int64_t most = std::max(ten, 4 * made.leaf().values[3]);
  claim.by_multipliers = true;
  claim.worth = most;
  claim.multipliers.forms = {{whole, most}};
  for (const std::uint8_t replicas : {2, 3, 4}) {
    turn.replicas = replicas;
    claim.multipliers.forms.emplace_back(turn, most / replicas);
  }
  // Only a quarter of the GPU has 4 GB for a turn; larger parts are as good as the whole.
  EXPECT_EQ(testing::listed(made.complaints()), "no complaint");
  EXPECT_EQ(made.verdict().by_multipliers, 1);
  --claim.worth;
  EXPECT_TRUE(testing::says(made.complaints(), "the multipliers show"));
}

TEST(Certificate, PodsThatKeepApartAreAtMostOneOnANode) {
  Proven made = proven();
  for (const std::uint32_t pod : made.certificate.groups[0].pods) {
    made.world.shape(pod).anti_affinity = {{testing::app("small"), "kubernetes.io/hostname"}};
  }
  made.certificate.groups[0].per_node = 1;
  made.prove(made.leaf().values);
  EXPECT_EQ(testing::listed(made.complaints()), "no complaint");
  // Five nodes are needed now, so each pod is worth up to all of one.
  made.prove({10'000'000'000'000, 0, 0, 0, 0});
  EXPECT_EQ(testing::listed(made.complaints()), "no complaint");
  EXPECT_EQ(made.certificate.bound.micro, 50'000'000);
  made.certificate.groups[0].per_node = 0;
  EXPECT_TRUE(testing::says(made.complaints(), "can hold pods worth"));
}

TEST(Certificate, CountsWhatIsOwnedOnlyAsOftenAsItIsThere) {
  Proven made = proven();
  made.world.policy.capacity_types = {CapacityType::OnDemand, CapacityType::Reserved};
  made.world.market.offerings.push_back({World::kP5, "", CapacityType::Reserved, {0}, 1});
  made.certificate.pools = testing::pools_of(made.world.market);
  made.prove(made.leaf().values);
  EXPECT_EQ(testing::listed(made.complaints()), "no complaint");
  EXPECT_LT(made.certificate.bound, proven().certificate.bound);
  EXPECT_GT(made.certificate.bound.micro, 0);
  Proven more = made;
  more.world.market.offerings.back().count = 2;
  EXPECT_TRUE(testing::says(more.complaints(), "and 2 can be had"));
  Proven free = made;
  free.certificate.pools.back().at_most = 0;
  EXPECT_TRUE(testing::says(free.complaints(), "counts on at most 0 nodes, and 1 can be had"));
}

TEST(Certificate, AdmitsPodsOnlyWhereTheCheckerSeesThemRun) {
  // Pods that go to one zone cannot be served in another, so nothing there need be covered.
  Proven made = proven();
  for (auto& shape : made.world.demand.shapes) {
    shape.node_selector = {{"topology.kubernetes.io/zone", cluster::Operator::In, {"us-east-1a"}}};
  }
  for (auto& pool : made.certificate.pools) pool.offerings[0].zones = {"us-east-1a"};
  EXPECT_EQ(testing::listed(made.complaints()), "no complaint");
  made.world.demand.shapes[4].node_selector = {};
  EXPECT_TRUE(testing::says(made.complaints(), "in us-east-1b, which can serve group 4"));
  // A label that nodes can be given keeps nobody off.
  Proven labelled = proven();
  for (auto& shape : labelled.world.demand.shapes) {
    shape.node_selector = {{"team", cluster::Operator::In, {"blue"}}};
  }
  EXPECT_EQ(testing::listed(labelled.complaints()), "no complaint");
  labelled.certificate.pools.pop_back();
  labelled.leaf().claims.pop_back();
  EXPECT_TRUE(testing::says(labelled.complaints(), "leaves out g6f.large"));
  labelled.world.policy.gives_labels = false;
  EXPECT_EQ(testing::listed(labelled.complaints()), "no complaint");
}

TEST(Certificate, ExactBoundsAreThoseOfThePlannerWhereItTriesAll) {
  const std::unique_ptr<plan::LpSolver> solver = solver::make_clp();
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Prng chance(seed);
    World world;
    const std::uint64_t kinds = 1 + chance.below(3);
    for (std::uint64_t k = 0; k < kinds; ++k) {
      const std::vector<cluster::GpuRequest> requests = {
          testing::whole(), testing::slice("1g.10gb"), testing::slice("3g.20gb"),
          testing::portable(static_cast<std::int32_t>(2 + chance.below(20))),
          testing::portable(4, Isolation::Shared)};
      const std::uint32_t pod =
          world.pod("app" + std::to_string(k), {requests[chance.below(requests.size())]});
      world.shape(pod).requests.cpu_milli = static_cast<std::int64_t>(500 * (1 + chance.below(7)));
      for (std::uint64_t i = chance.below(5); i > 0; --i) world.like(world.demand.pods[pod].shape);
    }
    plan::PlanOptions options;
    options.baselines = false;
    const plan::Plan plan =
        plan::make_plan(world.demand, world.market, world.policy, *solver, options);
    if (plan.bound.method != "exact" || !plan.unplaced.empty()) continue;
    Certificate certificate;
    certificate.method = Certificate::Method::Exact;
    certificate.groups = testing::groups_by_shape(world.demand);
    certificate.pools = testing::pools_of(world.market);
    certificate.bound = plan.bound.per_hour;
    const Verdict verdict =
        verify_certificate(certificate, world.demand, world.market, world.policy);
    EXPECT_EQ(testing::listed(verdict.complaints), "no complaint") << seed;
    EXPECT_EQ(verdict.proven, plan.bill) << seed;
    ++certificate.bound.micro;
    EXPECT_FALSE(verify_certificate(certificate, world.demand, world.market, world.policy).holds());
    const FleetVerdict fleet =
        verify_fleet(plan.nodes, certificate, world.demand, world.market, world.policy);
    EXPECT_EQ(testing::listed(fleet.complaints), "no complaint") << seed;
    EXPECT_EQ(fleet.bill, plan.bill) << seed;
    ++compared;
  }
  EXPECT_GT(compared, 20);
}

TEST(CertificateFleet, IsTheFleetOfThePodsInTheProof) {
  testing::Fleet fleet;
  Certificate certificate;
  certificate.groups = testing::groups_by_shape(fleet.demand);
  certificate.groups.pop_back();  // odd cannot be placed
  const auto judge = [&] {
    return verify_fleet(fleet.plan.nodes, certificate, fleet.demand, fleet.market, fleet.policy);
  };
  EXPECT_EQ(testing::listed(judge().complaints), "no complaint");
  EXPECT_EQ(judge().bill, fleet.plan.bill);
  EXPECT_EQ(judge().pods, 10);
  const auto all = certificate.groups;
  certificate.groups.front().pods.clear();
  EXPECT_TRUE(testing::says(judge().complaints, "is on a node and not in the proof"));
  certificate.groups = all;
  certificate.groups.push_back({{fleet.odd}, -1, 0});
  EXPECT_TRUE(testing::says(judge().complaints, "is in the proof and on no node"));
  certificate.groups = all;
  ++fleet.plan.nodes[0].price.micro;
  EXPECT_TRUE(testing::says(judge().complaints, "is planned at"));
  --fleet.plan.nodes[0].price.micro;
  fleet.plan.nodes[1].gpus[0].slices[1].start = 2;
  EXPECT_TRUE(testing::says(judge().complaints, "cannot start at slot 2"));
}

}  // namespace
}  // namespace kerf::check
