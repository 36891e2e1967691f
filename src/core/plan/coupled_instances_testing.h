// Random small instances of pods that couple nodes, and the judgement of a plan by CoupledOracle.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "core/plan/coupled_oracle_testing.h"
#include "core/plan/planner_testing.h"

namespace kerf::plan::testing {

inline cluster::PodSelector labelled(const std::string& key, const std::string& value) {
  cluster::PodSelector selector;
  selector.namespaces = {"default"};
  selector.labels = {{key, cluster::Operator::In, {value}}};
  return selector;
}

/// A world that is filled in at random. Prices have nothing to do with the real ones, so that every
/// form wins somewhere.
class CoupledInstance : public World {
 public:
  explicit CoupledInstance(std::uint64_t seed) : prng_(seed) {}

  std::uint64_t below(std::uint64_t n) { return prng_.below(n); }
  std::size_t workloads() const { return demand.workloads.size(); }
  bool zoned() const { return zoned_; }

  /// So many of these types are sold.
  void sell(const std::vector<std::string>& types, std::size_t wanted) {
    std::set<std::string> chosen;
    while (chosen.size() < wanted) chosen.insert(types[below(types.size())]);
    std::erase_if(market.offerings, [&](const market::Offering& offering) {
      return chosen.count(market.types[offering.type].name) == 0;
    });
    for (market::Offering& offering : market.offerings)
      offering.price = {static_cast<std::int64_t>(200'000 + below(3'000'000)) *
                        market.types[offering.type].gpu_count};
  }
  void sell_any(std::size_t wanted) {
    sell({"g4dn.xlarge", "g4dn.12xlarge", "g5.xlarge", "g5.12xlarge", "g6.2xlarge", "g6.12xlarge",
          "g6e.xlarge", "g6f.4xlarge", "g7e.2xlarge", "g7e.12xlarge", "p4d.24xlarge",
          "p4de.24xlarge", "p5.4xlarge"},
         wanted);
    sell_p5();
  }
  /// One type that serves all of small_request(), so that few pods are without a node.
  void sell_p5() {
    const market::InstanceType& last = *market.type_named("p5.4xlarge");
    for (const market::Offering& offering : market.offerings)
      if (&market.types[offering.type] == &last) return;
    market::Offering offering;
    offering.type = static_cast<std::uint32_t>(&last - market.types.data());
    offering.price = {static_cast<std::int64_t>(800'000 + below(4'000'000))};
    market.offerings.push_back(offering);
    std::sort(market.offerings.begin(), market.offerings.end(),
              [](const auto& a, const auto& b) { return a.type < b.type; });
  }
  /// So many nodes of one of the types are owned, and cost nothing.
  void own_some(std::int64_t count) {
    market::Offering owned = market.offerings[below(market.offerings.size())];
    owned.price = {};
    owned.capacity_type = market::CapacityType::Reserved;
    owned.count = count;
    market.offerings.push_back(owned);
    std::stable_sort(market.offerings.begin(), market.offerings.end(),
                     [](const auto& a, const auto& b) { return a.type < b.type; });
  }
  /// Every offering is sold in three zones, up to a quarter dearer in each.
  void price_by_zone() {
    zoned_ = true;
    std::vector<market::Offering> offerings;
    for (market::Offering offering : market.offerings)
      for (const char* zone : {"us-east-1a", "us-east-1b", "us-east-1c"}) {
        market::Offering there = offering;
        there.zone = zone;
        there.price.micro += there.price.micro * static_cast<std::int64_t>(below(26)) / 100;
        offerings.push_back(there);
      }
    market.offerings = offerings;
  }

  /// Workloads of one to three like pods, between `fewest` and `most` pods in all.
  void add_pods(std::uint64_t fewest, std::uint64_t most,
                const std::function<cluster::PodShape()>& make) {
    const std::uint64_t wanted = fewest + below(most - fewest + 1);
    while (demand.pods.size() < wanted) {
      const auto count =
          std::min<std::int64_t>(static_cast<std::int64_t>(1 + below(alike_)),
                                 static_cast<std::int64_t>(wanted - demand.pods.size()));
      cluster::PodShape pod = make();
      add(demand, "w" + std::to_string(workloads()), count, std::move(pod));
    }
  }

  /// Workloads have at most so many pods.
  void alike(std::uint64_t most) { alike_ = most; }

  /// Selects the pods of the workload that is being made.
  cluster::PodSelector own() const { return labelled("app", "w" + std::to_string(workloads())); }

  cluster::PodShape shape(cluster::GpuRequest request) {
    return testing::shape(std::move(request), static_cast<std::int64_t>(250 * (1 + below(12))),
                          static_cast<std::int64_t>(512 * (1 + below(24))));
  }
  cluster::PodShape several_slices() {
    static const std::vector<std::vector<cluster::GpuRequest>> requests = {
        {slice("1g.10gb", 2)},
        {slice("1g.10gb"), slice("2g.20gb", 2)},
        {slice("1g.5gb", 3)},
        {slice("3g.20gb", 2)},
        {slice("1g.5gb"), slice("2g.10gb")},
        {slice("3g.40gb"), slice("1g.10gb")},
        {slice("1g.24gb", 2)},
        {slice("2g.10gb", 3)},
        {slice("1g.10gb")}};
    cluster::PodShape pod = shape({});
    pod.gpu = requests[below(requests.size())];
    return pod;
  }
  cluster::GpuRequest portable() {
    static const std::vector<std::int32_t> ladder = {2, 5, 8, 10, 16, 20, 24, 40};
    cluster::GpuRequest request = testing::portable(ladder[below(ladder.size())]);
    request.isolation = static_cast<cluster::Isolation>(below(3));
    return request;
  }
  /// What a p5.4xlarge serves.
  cluster::GpuRequest small_request() {
    static const std::vector<std::string> profiles = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb"};
    switch (below(4)) {
      case 0: return whole();
      case 1: return slice(profiles[below(profiles.size())]);
      default: return portable();
    }
  }

 private:
  Prng prng_;
  bool zoned_ = false;
  std::uint64_t alike_ = 3;
};

/// Of all plans at least so many are known to be cheapest, and so many are.
struct Expected {
  int optimal = 0;
  int cheapest = 0;
  int left_out = 0;             ///< at most: others are placed than due() says
  int exact_at_most = 1 << 30;  ///< solved by trying everything
};

/// What was seen; `dear` and `short_of` name the seeds that a look may be worth.
struct Tally {
  int optimal = 0, cheapest = 0, several = 0, exact = 0, due = 0, left_out = 0;
  double worst_over = 0, worst_gap = 0;  ///< percent: bill over the optimum, bill over the bound
  std::string dear, short_of;
};

/// An instance and its plan, to be worked out by hand.
inline std::string told(const CoupledInstance& it, const Plan& plan) {
  std::string text;
  for (const market::Offering& offering : it.market.offerings)
    text += fmt::format("  {} {} {}\n", it.market.types[offering.type].name, offering.zone,
                        format_usd(offering.price));
  for (const cluster::Workload& workload : it.demand.workloads) {
    text += fmt::format("  {} x {}: {}", workload.pods, workload.name, workload.asks);
    const cluster::PodShape* shape = nullptr;
    for (const cluster::Pod& pod : it.demand.pods)
      if (&it.demand.workloads[pod.workload] == &workload) shape = &it.demand.shapes[pod.shape];
    text += fmt::format(", {}m, {}Mi", shape->requests.cpu_milli, shape->requests.memory_mib);
    const auto of = [](const cluster::PodSelector& selector) {
      return selector.labels[0].key + "=" + selector.labels[0].values[0];
    };
    for (const auto& [key, value] : shape->labels) text += fmt::format(", {}={}", key, value);
    for (const auto& term : shape->anti_affinity)
      text += fmt::format(", apart from {}", of(term.selector));
    for (const auto& term : shape->affinity) text += fmt::format(", beside {}", of(term.selector));
    for (const auto& spread : shape->spread)
      text += fmt::format(", {} of {} over {}", spread.max_skew, of(spread.selector),
                          spread.topology_key);
    text += "\n";
  }
  for (const NodePlan& node : plan.nodes) {
    text += fmt::format("  node {} {}:", it.market.types[node.type].name, format_usd(node.price));
    for (const std::uint32_t pod : node.pods) text += " " + it.name(pod);
    text += "\n";
  }
  for (const Unplaced& entry : plan.unplaced)
    text += fmt::format("  not placed {}: {} {}\n", it.name(entry.pod),
                        to_string(entry.reason.code), fmt::join(entry.reason.args, "; "));
  return text;
}

inline double percent_over(std::int64_t amount, std::int64_t of) {
  return of <= 0 ? 0 : 100.0 * static_cast<double>(amount - of) / static_cast<double>(of);
}

/// Whoever has to be placed: all whom some node holds, if all of them can be; with limits, the
/// longest row of them, by priority, that stays within. nullopt where that is nobody's promise.
inline std::optional<CoupledOracle::Set> due(const CoupledInstance& it, CoupledOracle& oracle) {
  using Set = CoupledOracle::Set;
  const std::int64_t gpus = it.policy.limit_gpus.value_or(-1);
  const MicroUsdPerHour limit = it.policy.limit_per_hour.value_or(MicroUsdPerHour{kNever - 1});
  std::vector<std::uint32_t> row;
  Set able = 0;
  for (std::uint32_t pod = 0; pod < oracle.pods(); ++pod)
    if (oracle.fits_alone(pod)) {
      able |= Set{1} << pod;
      if (oracle.least(Set{1} << pod, gpus) <= limit.micro) row.push_back(pod);
    }
  if (!it.policy.limit_gpus && !it.policy.limit_per_hour)
    return oracle.least(able) < kNever ? std::optional(able) : std::nullopt;
  std::stable_sort(row.begin(), row.end(), [&](std::uint32_t a, std::uint32_t b) {
    return it.demand.shapes[it.demand.pods[a].shape].priority >
           it.demand.shapes[it.demand.pods[b].shape].priority;
  });
  Set placed = 0;
  for (const std::uint32_t pod : row) {
    const Set more = placed | Set{1} << pod;
    if (oracle.least(more, gpus) > limit.micro) break;
    placed = more;
  }
  return placed;
}

inline void judge_one(std::uint64_t seed, const CoupledInstance& it, CoupledOracle& oracle,
                      const PlanOptions& options, Tally& tally) {
  const Plan plan = it.plan(options);  // checks it
  const std::int64_t gpus_max = it.policy.limit_gpus.value_or(-1);
  CoupledOracle::Set placed = 0, able = 0;
  for (const Placement& placement : plan.placements)
    placed |= CoupledOracle::Set{1} << placement.pod;
  for (std::uint32_t pod = 0; pod < oracle.pods(); ++pod)
    if (oracle.fits_alone(pod)) able |= CoupledOracle::Set{1} << pod;
  const std::int64_t least = oracle.least(placed, gpus_max);
  SCOPED_TRACE(fmt::format("seed {}, effort {}: {} where {} is least, bound {} ({})\n{}", seed,
                           options.effort, format_usd(plan.bill), format_usd({least}),
                           format_usd(plan.bound.per_hour), plan.bound.method, told(it, plan)));
  EXPECT_EQ(placed & ~able, 0U) << "somebody is placed whom no node holds";
  ASSERT_LT(least, kNever) << "the plan is a fleet that the oracle does not know";
  EXPECT_GE(plan.bill.micro, least) << "cheaper than the cheapest";
  EXPECT_LE(plan.bound.per_hour.micro, least) << "a false bound";
  if (plan.bound.optimal) {
    EXPECT_EQ(plan.bill.micro, least) << "called optimal";
  }
  if (it.policy.limit_per_hour) {
    EXPECT_LE(plan.bill, *it.policy.limit_per_hour);
  }
  EXPECT_GE(gap_percent(plan) + 1e-9, percent_over(plan.bill.micro, least));
  const std::optional<CoupledOracle::Set> wanted = due(it, oracle);
  tally.due += wanted ? 1 : 0;
  if (wanted && placed != *wanted) {
    ++tally.left_out;
    tally.short_of += fmt::format(" {}", seed);
  }
  tally.optimal += plan.bound.optimal ? 1 : 0;
  if (plan.bill.micro == least) ++tally.cheapest;
  else tally.dear += fmt::format(" {}", seed);
  tally.several += plan.nodes.size() > 1 ? 1 : 0;
  tally.exact += plan.bound.method == "exact" ? 1 : 0;
  tally.worst_over = std::max(tally.worst_over, percent_over(plan.bill.micro, least));
  tally.worst_gap = std::max(tally.worst_gap, gap_percent(plan));
}

/// Plans so many instances, of seeds 1 and up, with all these options, judges each plan, and tells
/// how good they were.
inline void judge(int instances, const Expected& expected,
                  const std::function<void(CoupledInstance&)>& make,
                  const std::vector<PlanOptions>& ways = {quick()}) {
  Tally tally;
  for (int i = 1; i <= instances; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    CoupledInstance instance(seed);
    make(instance);
    CoupledOracle oracle(instance.demand, instance.market, instance.policy);
    for (const PlanOptions& options : ways) {
      judge_one(seed, instance, oracle, options, tally);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  fmt::print(
      "  {} plans: {} cheapest, {} known to be, {} by trying everything; at worst "
      "{:.2f} % over the cheapest, gap {:.2f} %\n",
      static_cast<std::size_t>(instances) * ways.size(), tally.cheapest, tally.optimal, tally.exact,
      tally.worst_over, tally.worst_gap);
  if (!tally.dear.empty()) fmt::print("  dearer than need be: seeds{}\n", tally.dear);
  if (!tally.short_of.empty())
    fmt::print("  others placed than are due: seeds{}\n", tally.short_of);
  EXPECT_GE(tally.optimal, expected.optimal);
  EXPECT_GE(tally.cheapest, expected.cheapest);
  EXPECT_LE(tally.left_out, expected.left_out);
  EXPECT_LE(tally.exact, expected.exact_at_most);
  EXPECT_GT(tally.due * 2, instances) << "they are mostly hopeless";
  EXPECT_GT(tally.several, 0) << "one node for everybody tests little";
}

}  // namespace kerf::plan::testing
