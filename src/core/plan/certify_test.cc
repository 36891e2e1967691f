// make_certificate: groups, pools, leaves and tree say what problem and proof say.
#include "core/plan/certify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "core/check/certificate.h"
#include "core/plan/bound_testing.h"
#include "core/plan/pricing.h"
#include "core/plan/search.h"
#include "solver/clp.h"

namespace kerf::plan {
namespace {

using testing::Compiled;

/// A demand with headroom, pods that repel each other, an owned type and several zones.
void varied(std::uint64_t seed, Compiled& c) {
  Prng prng(seed);
  c.market = testing::market(testing::some_types());
  // Where eight GPUs are owned, more than they hold.
  testing::add_random(prng, 4, seed % 6 == 3 ? 60 : 8, c.demand);
  cluster::PodShape alone = testing::shape(testing::slice("1g.10gb"), 500, 1024);
  alone.host_ports = {{8080, "TCP", ""}};
  testing::add(c.demand, "alone", 3, alone);
  if (seed % 2 == 0) c.policy.headroom = {{testing::portable(10), 2, {1000, 2048, 0, 1}}};
  if (seed % 3 == 0) {
    market::Offering owned;
    owned.type = static_cast<std::uint32_t>(
        c.market.type_named(seed % 2 == 0 ? "g6.12xlarge" : "p4d.24xlarge") -
        c.market.types.data());
    owned.capacity_type = market::CapacityType::Reserved;
    owned.count = 1;
    c.market.offerings.push_back(owned);
  }
  if (seed % 5 == 0) c.policy.limit_gpus = 80;
  std::vector<std::uint32_t> pods(c.demand.pods.size());
  std::iota(pods.begin(), pods.end(), 0);
  c.problem = compile(c.demand, pods, c.market, c.policy, Coupled::Unbundled);
  c.items.clear();
  for (const ItemClass& item : c.problem.classes) c.items.push_back(item.demand);
}

void expect_groups(const Compiled& c, const Certificate& certificate) {
  ASSERT_EQ(certificate.groups.size(), c.problem.classes.size());
  std::set<std::uint32_t> seen;
  for (std::size_t g = 0; g < certificate.groups.size(); ++g) {
    const Certificate::Group& group = certificate.groups[g];
    const ItemClass& item = c.problem.classes[g];
    EXPECT_EQ(group.per_node, item.per_node == 1 ? 1 : 0);
    EXPECT_EQ(group.headroom >= 0, item.headroom);
    if (item.headroom) {
      EXPECT_TRUE(group.pods.empty());
      EXPECT_LT(static_cast<std::size_t>(group.headroom), c.policy.headroom.size());
      continue;
    }
    EXPECT_EQ(static_cast<std::int64_t>(group.pods.size()), item.demand);
    EXPECT_TRUE(std::is_sorted(group.pods.begin(), group.pods.end()));
    for (const std::uint32_t pod : group.pods) EXPECT_TRUE(seen.insert(pod).second);
  }
}

/// The pool of each machine, by what it says of itself.
std::vector<std::uint32_t> pools_of(const Compiled& c, const Certificate& certificate) {
  std::vector<std::uint32_t> pools;
  std::size_t offered = 0;
  for (const Machine& machine : c.problem.machines) {
    std::uint32_t pool = 0xffffffff;
    int times = 0;
    for (std::uint32_t p = 0; p < certificate.pools.size(); ++p)
      for (const Certificate::Offered& entry : certificate.pools[p].offerings)
        if (entry.type == machine.type && entry.capacity_type == machine.capacity_type &&
            entry.zones == machine.zones && entry.mode == c.problem.kinds[machine.kind]->mode() &&
            entry.price == machine.price && certificate.pools[p].at_most == machine.at_most) {
          pool = p;
          ++times;
        }
    EXPECT_EQ(times, machine.missing ? 0 : 1);
    pools.push_back(pool);
    if (!machine.missing) offered += 1 + machine.beaten.size();
  }
  std::size_t listed = 0;
  for (const Certificate::Pool& pool : certificate.pools) listed += pool.offerings.size();
  EXPECT_EQ(listed, offered) << "nothing else is offered";
  for (std::size_t a = 0; a < pools.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (pools[a] != 0xffffffff && pools[a] == pools[b]) {
        EXPECT_TRUE(c.problem.machines[a].stock >= 0 &&
                    c.problem.machines[a].stock == c.problem.machines[b].stock);
      }
  return pools;
}

void expect_leaves(const Compiled& c, const Certificate& certificate, const Proof& proof,
                   const std::vector<std::uint32_t>& pools, LpSolver& solver) {
  ASSERT_EQ(certificate.leaves.size(), proof.leaves.size());
  for (std::size_t l = 0; l < proof.leaves.size(); ++l) {
    const Certificate::Leaf& leaf = certificate.leaves[l];
    ASSERT_EQ(leaf.values.size(), c.items.size());
    ASSERT_EQ(leaf.claims.size(), certificate.pools.size());
    for (std::uint32_t p = 0; p < leaf.claims.size(); ++p) EXPECT_EQ(leaf.claims[p].pool, p);
    if (l > 2) continue;
    for (std::uint32_t m = 0; m < pools.size(); ++m) {
      if (pools[m] == 0xffffffff) continue;
      NodePricer pricer(c.problem, m, solver);
      const Certificate::Claim& claim = leaf.claims[pools[m]];
      EXPECT_GE(claim.worth, pricer.price(leaf.values, c.items, 0, 5'000).best) << "machine " << m;
    }
  }
}

void expect_tree(const Certificate& certificate, const Proof& proof,
                 const std::vector<std::uint32_t>& pools) {
  if (proof.branches.empty()) {
    ASSERT_EQ(certificate.branches.size(), 1U);
    EXPECT_EQ(certificate.branches[0].leaf, 0);
    return;
  }
  ASSERT_EQ(certificate.branches.size(), proof.branches.size());
  for (std::size_t b = 0; b < proof.branches.size(); ++b) {
    const Certificate::Branch& branch = certificate.branches[b];
    EXPECT_EQ(branch.leaf, proof.branches[b].leaf);
    if (branch.leaf >= 0) continue;
    EXPECT_EQ(branch.pool, pools[proof.branches[b].machine]);
    EXPECT_EQ(branch.at_most, proof.branches[b].at_most);
    EXPECT_EQ(branch.left, proof.branches[b].left);
    EXPECT_EQ(branch.right, proof.branches[b].right);
  }
}

TEST(Certify, SaysWhatProblemAndProofSay) {
  int trees = 0, single = 0;
  for (std::uint64_t seed = 1; seed <= 14; ++seed) {
    SCOPED_TRACE(seed);
    Compiled c;
    varied(seed, c);
    const auto solver = solver::make_clp();
    const int level = 1 + static_cast<int>(seed % 3);
    const Found found = search_fleet(c.problem, c.items, *solver, effort_of(level), {});
    if (found.proof.method == "exact") continue;
    const Certificate certificate = make_certificate(c.problem, found.proof, c.demand, *solver);
    EXPECT_EQ(certificate.method, Certificate::Method::Duals);
    EXPECT_LE(certificate.bound, found.proof.bound);
    EXPECT_EQ(certificate.bound.micro > 0, found.proof.bound.micro > 0);
    EXPECT_GE(certificate.bound.micro, found.proof.bound.micro / 100 * 99);
    expect_groups(c, certificate);
    const std::vector<std::uint32_t> pools = pools_of(c, certificate);
    expect_leaves(c, certificate, found.proof, pools, *solver);
    expect_tree(certificate, found.proof, pools);
    EXPECT_TRUE(check::verify_certificate(certificate, c.demand, c.market, c.policy).holds());
    (found.proof.leaves.size() > 1 ? trees : single) += 1;
  }
  EXPECT_GT(trees, 2);
  EXPECT_GT(single, 2);
}

TEST(Certify, AnExactProofHasNoLeaves) {
  Compiled c;
  c.market = testing::market(testing::some_types());
  testing::add(c.demand, "llm", 3, testing::shape(testing::slice("1g.10gb")));
  c.run();
  const auto solver = solver::make_clp();
  const Found found = search_fleet(c.problem, c.items, *solver, effort_of(2), {});
  ASSERT_EQ(found.proof.method, "exact");
  const Certificate certificate = make_certificate(c.problem, found.proof, c.demand, *solver);
  EXPECT_EQ(certificate.method, Certificate::Method::Exact);
  EXPECT_EQ(certificate.bound, found.proof.bound);
  EXPECT_TRUE(certificate.leaves.empty());
  EXPECT_EQ(certificate.groups.size(), 1U);
  EXPECT_FALSE(certificate.pools.empty());
}

TEST(Certify, AFlawedProofIsToldAsWhatItProves) {
  Compiled c;
  varied(1, c);
  const auto solver = solver::make_clp();
  Proof proof = search_fleet(c.problem, c.items, *solver, effort_of(2), {}).proof;
  ASSERT_NE(proof.method, "exact");
  proof.bound.micro *= 2;
  EXPECT_LT(make_certificate(c.problem, proof, c.demand, *solver).bound.micro, proof.bound.micro);
  for (Proof::Leaf& leaf : proof.leaves) leaf.worths.clear();  // worked out again, by multipliers
  const Certificate again = make_certificate(c.problem, proof, c.demand, *solver);
  EXPECT_GT(again.bound.micro, 0);
  EXPECT_LT(again.bound, proof.bound);
  for (const Certificate::Claim& claim : again.leaves[0].claims)
    EXPECT_TRUE(claim.by_multipliers) << claim.pool;
}

}  // namespace
}  // namespace kerf::plan
