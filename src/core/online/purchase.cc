// buy(): compiles the pending pods alone, finds a fleet within the limits, and expands it.
#include "core/online/purchase.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "core/online/purchase_alone.h"
#include "core/online/purchase_search.h"
#include "core/plan/expand.h"
#include "core/plan/limits.h"
#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::online {

namespace {

using cluster::Demand;
using cluster::Policy;
using plan::Machine;
using plan::Reason;
using plan::Unplaced;

/// The named pods and their shapes only, so that the cost does not depend on who else is there.
/// Pods are numbered as in `pods`.
Demand part_of(const Demand& demand, const std::vector<std::uint32_t>& pods) {
  Demand part;
  part.overhead = demand.overhead;
  std::map<std::uint32_t, std::uint32_t> shapes;
  for (std::uint32_t pod : pods) {
    const auto [it, fresh] =
        shapes.try_emplace(demand.pods[pod].shape, static_cast<std::uint32_t>(part.shapes.size()));
    if (fresh) part.shapes.push_back(demand.shapes[it->first]);
    part.pods.push_back(demand.pods[pod]);
    part.pods.back().shape = it->second;
  }
  return part;
}

class Buyer {
 public:
  Buyer(const Demand& demand, const market::Market& market, const Policy& policy,
        std::int64_t steps, plan::Geometries& tables)
      : demand_(demand), market_(market), policy_(policy), steps_(steps), tables_(tables) {
    policy_.headroom.clear();
  }

  Purchase run() {
    std::vector<std::uint32_t> pods(demand_.pods.size());
    std::iota(pods.begin(), pods.end(), 0);
    std::vector<Unplaced> given_up;
    Solved solved = prepare(pods);
    if (!solved.beyond.empty()) {
      give_up(solved.beyond, pods, given_up);
      solved = prepare(pods);  // who is not there binds nobody to a zone
    }
    search(solved, steps_);
    if (const auto limit = broken_limit(solved)) {
      give_up(solved.problem.unplaced, pods, given_up);
      solved = within_limits(std::move(pods), *limit, given_up);
    }
    for (const auto* more : {&solved.problem.unplaced, &solved.beyond})
      given_up.insert(given_up.end(), more->begin(), more->end());
    Purchase purchase;
    purchase.nodes =
        plan::expand(solved.problem, solved.fleet, demand_, market_, policy_, &tables_);
    purchase.unplaced = std::move(given_up);
    purchase.bill = solved.bill;
    purchase.apart = apart(solved.problem);
    return purchase;
  }

 private:
  struct Solved {
    plan::Problem problem;
    ClassItems items;              ///< by class: what is bought for
    std::vector<Unplaced> beyond;  ///< pods that only machines beyond a limit serve
    plan::Fleet fleet;
    MicroUsdPerHour bill;
    std::int64_t gpus = 0;
  };

  Solved prepare(const std::vector<std::uint32_t>& pods) const {
    Solved solved;
    solved.problem =
        plan::compile(demand_, pods, market_, policy_, plan::Coupled::AsPlanned, &tables_);
    for (const plan::ItemClass& item : solved.problem.classes) solved.items.push_back(item.demand);
    solved.beyond = drop_beyond_limits(solved.problem, solved.items);
    return solved;
  }

  static void search(Solved& solved, std::int64_t steps) {
    solved.fleet = cheapest_fleet(solved.problem, solved.items, steps);
    solved.bill = plan::bill_of(solved.problem, solved.fleet);
    for (const plan::Pattern& node : solved.fleet)
      solved.gpus += solved.problem.machines[node.machine].gpus;
  }

  /// Moves these from `pods` to `given_up`.
  void give_up(const std::vector<Unplaced>& entries, std::vector<std::uint32_t>& pods,
               std::vector<Unplaced>& given_up) const {
    std::vector<bool> gone(demand_.pods.size());
    for (const Unplaced& entry : entries) gone[entry.pod] = true;
    std::erase_if(pods, [&](std::uint32_t pod) { return bool{gone[pod]}; });
    given_up.insert(given_up.end(), entries.begin(), entries.end());
  }

  /// Takes machines that break a limit by themselves out of the problem, and from `items` those
  /// that nothing else serves.
  std::vector<Unplaced> drop_beyond_limits(plan::Problem& problem, ClassItems& items) const {
    if (!policy_.limit_per_hour && !policy_.limit_gpus) return {};
    const std::vector<std::optional<Reason>> reasons = plan::beyond_limits(problem, policy_);
    std::erase_if(problem.machines, [&](const Machine& machine) {
      return plan::broken_limit(policy_, machine.price, machine.gpus).has_value();
    });
    std::vector<Unplaced> beyond;
    for (std::size_t c = 0; c < items.size(); ++c) {
      if (!reasons[c]) continue;
      items[c] = 0;
      for (std::uint32_t pod : problem.classes[c].pods) beyond.push_back({pod, *reasons[c]});
    }
    return beyond;
  }

  std::optional<Reason> broken_limit(const Solved& solved) const {
    return plan::broken_limit(policy_, solved.bill, solved.gpus);
  }

  Solved within_limits(std::vector<std::uint32_t> pods, Reason reason,
                       std::vector<Unplaced>& given_up) const {
    std::stable_sort(pods.begin(), pods.end(), [&](std::uint32_t a, std::uint32_t b) {
      return demand_.shapes[demand_.pods[a].shape].priority >
             demand_.shapes[demand_.pods[b].shape].priority;
    });
    std::size_t fits = 0, fails = pods.size();
    Solved best = prepare({});
    while (fails - fits > 1) {
      const std::size_t middle = fits + (fails - fits) / 2;
      std::vector<std::uint32_t> first(pods.begin(),
                                       pods.begin() + static_cast<std::ptrdiff_t>(middle));
      std::sort(first.begin(), first.end());
      Solved solved = prepare(first);
      search(solved, steps_ / 4);
      if (const auto broken = broken_limit(solved)) {
        fails = middle;
        reason = *broken;  // in the end, that of the first pod which does not fit
      } else {
        fits = middle;
        best = std::move(solved);
      }
    }
    for (std::size_t i = fits; i < pods.size(); ++i) given_up.push_back({pods[i], reason});
    return best;
  }

  static MicroUsdPerHour apart(const plan::Problem& problem) {
    MicroUsdPerHour sum;
    for (std::uint32_t c = 0; c < problem.classes.size(); ++c)
      if (const auto one = buy_alone(problem, c, 1)) sum += one->bill * problem.classes[c].demand;
    return sum;
  }

  const Demand& demand_;
  const market::Market& market_;
  Policy policy_;
  std::int64_t steps_;
  plan::Geometries& tables_;
};

}  // namespace

Purchase buy(const Demand& demand, const std::vector<std::uint32_t>& pods,
             const market::Market& market, const Policy& policy, std::int64_t steps,
             plan::Geometries* tables) {
  const Demand part = part_of(demand, pods);
  plan::Geometries own;
  Purchase purchase = Buyer(part, market, policy, steps, tables != nullptr ? *tables : own).run();
  for (plan::NodePlan& node : purchase.nodes) {
    for (std::uint32_t& pod : node.pods) pod = pods[pod];
    std::sort(node.pods.begin(), node.pods.end());
    for (plan::GpuPlan& gpu : node.gpus)
      for (plan::SlicePlan& slice : gpu.slices)
        if (slice.pod != plan::kNoPod) slice.pod = pods[slice.pod];
  }
  for (Unplaced& entry : purchase.unplaced) entry.pod = pods[entry.pod];
  std::sort(purchase.unplaced.begin(), purchase.unplaced.end(),
            [](const Unplaced& a, const Unplaced& b) { return a.pod < b.pod; });
  return purchase;
}

}  // namespace kerf::online
