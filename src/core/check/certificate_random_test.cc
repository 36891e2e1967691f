// Certificates that the planner makes for random demands hold and prove its bound; forged ones do
// not. Planner and verifier share no code.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <optional>

#include "core/check/certificate.h"
#include "core/check/random_testing.h"
#include "core/plan/plan_testing.h"
#include "core/plan/planner.h"
#include "core/plan/pricing.h"
#include "core/plan/problem.h"
#include "solver/clp.h"

namespace kerf::check {
namespace {

using plan::Certificate;
using testing::Instance;

/// Every third owns a node or two of what is sold.
Instance owning(Instance instance, std::uint64_t seed) {
  if (seed % 3 != 0 || instance.market.offerings.empty()) return instance;
  Prng prng(seed);
  market::Offering owned;
  owned.type = instance.market.offerings[prng.below(instance.market.offerings.size())].type;
  owned.capacity_type = market::CapacityType::Reserved;
  owned.count = static_cast<std::int64_t>(1 + prng.below(2));
  instance.market.offerings.push_back(owned);
  return instance;
}

plan::Plan plan_of(const Instance& instance, int effort) {
  plan::PlanOptions options;
  options.effort = effort;
  options.baselines = false;
  options.certificate = true;
  const std::unique_ptr<plan::LpSolver> solver = solver::make_clp();
  return plan::make_plan(instance.demand, instance.market, instance.policy, *solver, options);
}

Verdict verified(const Certificate& certificate, const Instance& instance) {
  return verify_certificate(certificate, instance.demand, instance.market, instance.policy);
}

/// What was seen over all seeds.
struct Seen {
  int plans = 0, none = 0, exact = 0, trees = 0, searched = 0, weaker = 0, pods = 0;
};

void expect_proves(const Instance& instance, const plan::Plan& made, std::uint64_t seed,
                   Seen& seen) {
  ++seen.plans;
  if (!made.certificate) {
    ++seen.none;
    EXPECT_TRUE(made.placements.empty() || made.bound.method == "none" || !made.bound.given.empty())
        << seed << ": a bound by " << made.bound.method << " and no certificate";
    return;
  }
  const Certificate& certificate = *made.certificate;
  const Verdict verdict = verified(certificate, instance);
  EXPECT_TRUE(verdict.holds()) << "seed " << seed << ":" << testing::listed(verdict.complaints);
  EXPECT_GE(verdict.proven, certificate.bound) << seed;
  EXPECT_LE(verdict.proven, made.bill) << seed;
  // A plan that is known to be the cheapest may be proven by less than that: what is left out is
  // then said. Any other bound is one that the certificate proves.
  if (!made.bound.optimal) {
    EXPECT_GE(verdict.proven, made.bound.per_hour) << seed;
  } else if (verdict.proven < made.bound.per_hour) {
    EXPECT_FALSE(certificate.relaxed.empty()) << seed;
    ++seen.weaker;
  }
  std::vector<std::uint32_t> unplaced;
  for (const plan::Unplaced& entry : made.unplaced) unplaced.push_back(entry.pod);
  EXPECT_EQ(verdict.outside, unplaced) << seed;
  EXPECT_EQ(verdict.pods, static_cast<std::int64_t>(made.placements.size())) << seed;
  seen.exact += certificate.method == Certificate::Method::Exact ? 1 : 0;
  seen.trees += certificate.leaves.size() > 1 ? 1 : 0;
  seen.searched += verdict.by_search > 0 ? 1 : 0;
  seen.pods += static_cast<int>(verdict.pods);
}

TEST(CertificateRandom, ThePlannersHoldAndProveItsBound) {
  for (const int effort : {1, 2, 3}) {
    Seen seen;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      const Instance instance = owning(Instance(seed), seed);
      expect_proves(instance, plan_of(instance, effort), seed, seen);
    }
    EXPECT_GT(seen.exact, 5) << "at effort " << effort;
    EXPECT_LT(seen.none, 20) << "at effort " << effort;
    EXPECT_LT(seen.weaker * 4, seen.plans) << "at effort " << effort;
  }
}

/// More kinds of pods than can be tried one by one, on nodes that hold many of them. The policy is
/// what chance made it, but for what would leave pods out.
Instance larger(std::uint64_t seed) {
  Instance instance(seed);
  instance.demand = {};
  instance.market = plan::testing::market(plan::testing::some_types());
  instance.policy.limit_per_hour.reset();
  instance.policy.limit_gpus.reset();
  instance.policy.families.clear();
  instance.policy.zones.clear();
  if (seed % 4 == 0) instance.policy.limit_gpus = 60;
  Prng prng(seed);
  plan::testing::add_random(prng, 6, 9, instance.demand);
  return owning(std::move(instance), seed);
}

TEST(CertificateRandom, ThePlannersHoldByDualsToo) {
  for (const int effort : {1, 2, 3}) {
    Seen seen;
    for (std::uint64_t seed = 101; seed <= 116; ++seed) {
      const Instance instance = larger(seed);
      expect_proves(instance, plan_of(instance, effort), seed, seen);
    }
    EXPECT_LT(seen.exact * 2, seen.plans) << "at effort " << effort;
    EXPECT_LT(seen.none, 4) << "at effort " << effort;
    if (effort > 1) {
      EXPECT_GT(seen.searched, 3) << "at effort " << effort;
    }
    if (effort > 1) {
      EXPECT_GT(seen.trees, 3) << "at effort " << effort;
    }
  }
}

// --- forged
// ----------------------------------------------------------------------------------------

/// Plans with a certificate by duals, of which the forged ones are made.
struct Proven {
  std::uint64_t seed;
  Instance instance;
  plan::Plan plan;
};

std::vector<Proven> proven_plans() {
  std::vector<Proven> list;
  for (std::uint64_t seed = 101; seed <= 116; ++seed) {
    Instance instance = larger(seed);
    plan::Plan made = plan_of(instance, 2);
    if (!made.certificate || made.certificate->method != Certificate::Method::Duals) continue;
    list.push_back({seed, std::move(instance), std::move(made)});
  }
  return list;
}

/// The problem that a certificate is for.
plan::Problem problem_of(const Proven& proven) {
  std::vector<std::uint32_t> placed;
  for (const plan::Placement& placement : proven.plan.placements) placed.push_back(placement.pod);
  return plan::compile(proven.instance.demand, placed, proven.instance.market,
                       proven.instance.policy, plan::Coupled::Unbundled);
}

TEST(CertificateForged, APricingThatStoppedEarlyIsRefused) {
  const std::unique_ptr<plan::LpSolver> solver = solver::make_clp();
  int forged = 0, by_width = 0;
  for (const Proven& proven : proven_plans()) {
    const Certificate& certificate = *proven.plan.certificate;
    const plan::Problem problem = problem_of(proven);
    if (problem.classes.size() != certificate.groups.size() || !problem.stocks.empty()) continue;
    ASSERT_EQ(problem.machines.size(), certificate.pools.size());
    std::vector<std::int64_t> items;
    for (const plan::ItemClass& item : problem.classes) items.push_back(item.demand);
    for (std::size_t l = 0; l < std::min<std::size_t>(2, certificate.leaves.size()); ++l)
      for (std::uint32_t p = 0; p < certificate.pools.size(); ++p) {
        const std::vector<std::int64_t>& values = certificate.leaves[l].values;
        const auto best = [&](std::size_t width, std::int64_t at_least) {
          plan::NodePricer pricer(problem, p, *solver);
          return pricer.price(values, items, at_least, width).best;
        };
        const std::int64_t truth = best(20'000, 0);
        if (truth == 0) continue;
        const std::int64_t found = best(1, 0);
        for (const std::int64_t claim : {found, truth - 1}) {
          if (claim >= truth) continue;
          Certificate lie = certificate;
          for (Certificate::Claim& entry : lie.leaves[l].claims)
            if (entry.pool == p) {
              entry.worth = claim;
              entry.by_multipliers = false;
            }
          EXPECT_FALSE(verified(lie, proven.instance).holds())
              << proven.seed << " leaf " << l << " pool " << p;
          ++forged;
          by_width += claim == found ? 1 : 0;
        }
      }
  }
  EXPECT_GT(forged, 30);
  EXPECT_GT(by_width, 5);
}

TEST(CertificateForged, OldPricesAreRefusedOrProveNoMoreThanIsTrue) {
  int refused = 0, all = 0;
  for (const Proven& proven : proven_plans()) {
    Instance cheaper = proven.instance;
    bool sold = false;
    for (market::Offering& offering : cheaper.market.offerings) {
      sold = sold || offering.price.micro > 0;
      offering.price.micro -= offering.price.micro / 20;
    }
    if (!sold) continue;
    EXPECT_FALSE(verified(*proven.plan.certificate, cheaper).holds())
        << proven.seed << ": prices are not the market's";
    // The same worths under the new prices.
    Certificate stale = *proven.plan.certificate;
    for (Certificate::Pool& pool : stale.pools)
      for (Certificate::Offered& offered : pool.offerings)
        offered.price.micro -= offered.price.micro / 20;
    const Verdict verdict = verified(stale, cheaper);
    const plan::Plan now = plan_of(cheaper, 1);
    if (now.placements.size() == proven.plan.placements.size()) {
      EXPECT_LE(verdict.proven, now.bill) << proven.seed;
    }
    refused += verdict.holds() ? 0 : 1;
    ++all;
  }
  EXPECT_GT(all, 6);
  EXPECT_GT(refused * 10, all * 9) << refused << " of " << all;
}

TEST(CertificateForged, WorthsOfAnotherDemandAreRefusedOrProveNoMoreThanIsTrue) {
  int refused = 0, all = 0;
  for (const Proven& proven : proven_plans()) {
    Instance other = proven.instance;  // pods that ask for half as much
    for (cluster::PodShape& shape : other.demand.shapes) {
      shape.requests.cpu_milli = (shape.requests.cpu_milli + 1) / 2;
      shape.requests.memory_mib = (shape.requests.memory_mib + 1) / 2;
    }
    const Verdict verdict = verified(*proven.plan.certificate, other);
    const plan::Plan now = plan_of(other, 1);
    if (now.placements.size() == proven.plan.placements.size()) {
      EXPECT_LE(verdict.proven, now.bill) << proven.seed;
    }
    refused += verdict.holds() ? 0 : 1;
    ++all;

    Instance fewer = proven.instance;
    fewer.demand.pods.pop_back();
    const bool counted =
        proven.plan.placements.back().pod + 1 == proven.instance.demand.pods.size();
    if (counted) {
      EXPECT_FALSE(verified(*proven.plan.certificate, fewer).holds()) << proven.seed;
    }
  }
  EXPECT_GT(all, 6);
  EXPECT_GT(refused, 0);
}

/// One digit of one number is another; which number, and where, is drawn.
void flip(Prng& prng, Certificate& certificate) {
  std::vector<std::int64_t*> numbers = {&certificate.bound.micro};
  for (Certificate::Pool& pool : certificate.pools)
    for (Certificate::Offered& offered : pool.offerings) numbers.push_back(&offered.price.micro);
  for (Certificate::Leaf& leaf : certificate.leaves) {
    for (std::int64_t& value : leaf.values) numbers.push_back(&value);
    numbers.push_back(&leaf.gpu);
    for (Certificate::Claim& claim : leaf.claims) {
      Certificate::Multipliers& m = claim.multipliers;
      for (std::int64_t* number : {&claim.worth, &m.cpu_milli, &m.memory_mib, &m.disk_mib, &m.pods})
        numbers.push_back(number);
      for (auto& [form, worth] : m.forms) numbers.push_back(&worth);
    }
  }
  for (Certificate::Branch& branch : certificate.branches)
    if (branch.leaf < 0) numbers.push_back(&branch.at_most);
  std::int64_t& number = *numbers[prng.below(numbers.size())];
  std::string text = std::to_string(number);
  const std::size_t at = prng.below(text.size());
  text[at] = static_cast<char>('0' + (text[at] - '0' + 1 + static_cast<int>(prng.below(9))) % 10);
  number = std::stoll(text);
}

TEST(CertificateForged, AFlippedDigitIsRefusedOrProvesNoMoreThanIsTrue) {
  int refused = 0, all = 0;
  for (const Proven& proven : proven_plans()) {
    Prng prng(proven.seed);
    for (int round = 0; round < 60; ++round) {
      Certificate forged = *proven.plan.certificate;
      flip(prng, forged);
      const Verdict verdict = verified(forged, proven.instance);
      EXPECT_LE(verdict.proven, proven.plan.bill) << proven.seed << " round " << round;
      EXPECT_TRUE(!verdict.holds() || verdict.proven >= forged.bound);
      refused += verdict.holds() ? 0 : 1;
      ++all;
    }
    Certificate more = *proven.plan.certificate;
    more.bound = {proven.plan.bill.micro + 1};
    EXPECT_FALSE(verified(more, proven.instance).holds()) << proven.seed;
  }
  EXPECT_GT(all, 300);
  EXPECT_GT(refused * 5, all) << refused << " of " << all;
}

}  // namespace
}  // namespace kerf::check
