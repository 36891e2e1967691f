// Small problems for tests of bounds: what is best, found by trying everything.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "core/plan/exact.h"
#include "core/plan/plan_testing.h"
#include "core/plan/proof.h"

namespace kerf::plan::testing {

/// A demand that can be solved exactly; every third one owns a node or two of some type.
inline void small_problem(std::uint64_t seed, Compiled& c) {
  Prng prng(seed);
  c.market = market(some_types());
  add_random(prng, 3, 4, c.demand);
  if (seed % 3 == 0) {
    market::Offering owned;
    owned.type = c.market.offerings[prng.below(c.market.offerings.size())].type;
    owned.capacity_type = market::CapacityType::Reserved;
    owned.count = static_cast<std::int64_t>(1 + prng.below(2));
    c.market.offerings.push_back(owned);
  }
  c.run();
}

/// The bill of the cheapest fleet; nullopt where there is nothing to serve.
inline std::optional<MicroUsdPerHour> least_bill(const Compiled& c) {
  if (c.items.empty()) return std::nullopt;
  return bill_of(c.problem, exact_fleet(c.problem, c.items, 100'000).value());
}

/// Calls `visit` with the items by class of every content of one node, some of them repeatedly.
inline void each_content(const Problem& problem, const std::vector<std::int64_t>& items,
                         std::uint32_t m,
                         const std::function<void(const std::vector<std::int64_t>&)>& visit) {
  const Machine& machine = problem.machines[m];
  const GpuKind& kind = *problem.kinds[machine.kind];
  std::vector<std::int64_t> taken(items.size(), 0);
  const std::function<void(std::size_t, const Resources&, const UnitCounts&)> go =
      [&](std::size_t i, const Resources& left, const UnitCounts& units) {
        if (i == machine.candidates.size()) return visit(taken);
        const auto& [cls, each] = machine.candidates[i];
        go(i + 1, left, units);
        if (taken[cls] >= std::min<std::int64_t>(items[cls], problem.classes[cls].per_node)) return;
        const Resources& need = problem.classes[cls].need;
        if (!need.fits(left) || !kind.covers(units.plus(each), machine.gpus)) return;
        ++taken[cls];
        go(i, left - need, units.plus(each));
        --taken[cls];
      };
  go(0, machine.allocatable, {});
}

/// The most that the pods of one node can be worth.
inline std::int64_t best_content(const Problem& problem, const std::vector<std::int64_t>& items,
                                 std::uint32_t m, const std::vector<std::int64_t>& values) {
  std::vector<std::int64_t> wanted = items;
  for (std::size_t k = 0; k < wanted.size(); ++k)
    if (values[k] <= 0) wanted[k] = 0;
  std::int64_t best = 0;
  each_content(problem, wanted, m, [&](const std::vector<std::int64_t>& taken) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < taken.size(); ++k) sum += taken[k] * values[k];
    best = std::max(best, sum);
  });
  return best;
}

/// The cheapest fleet of at most `gpus` GPUs; nullopt where there is none. Looks at no stocks.
inline std::optional<MicroUsdPerHour> least_bill_within(const Problem& problem,
                                                        const std::vector<std::int64_t>& items,
                                                        std::int64_t gpus) {
  using Items = std::vector<std::int64_t>;
  std::map<Items, std::map<std::int64_t, std::int64_t>> nodes;  // content -> GPUs -> price
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    each_content(problem, items, m, [&](const Items& taken) {
      auto [it, fresh] = nodes[taken].try_emplace(machine.gpus, machine.price.micro);
      it->second = std::min(it->second, machine.price.micro);
    });
  }
  std::map<std::pair<Items, std::int64_t>, std::int64_t> known;
  constexpr std::int64_t kNever = std::int64_t{1} << 60;
  const std::function<std::int64_t(const Items&, std::int64_t)> least = [&](const Items& left,
                                                                            std::int64_t room) {
    if (std::all_of(left.begin(), left.end(), [](std::int64_t n) { return n == 0; }))
      return std::int64_t{0};
    if (auto it = known.find({left, room}); it != known.end()) return it->second;
    std::int64_t best = kNever;
    for (const auto& [content, prices] : nodes) {
      Items rest = left;
      bool any = false, fits = true;
      for (std::size_t k = 0; k < rest.size(); ++k) {
        rest[k] -= content[k];
        any = any || content[k] > 0;
        fits = fits && rest[k] >= 0;
      }
      if (!any || !fits) continue;
      for (const auto& [used, price] : prices)
        if (used <= room) best = std::min(best, price + least(rest, room - used));
    }
    known[{left, room}] = best;
    return best;
  };
  const std::int64_t bill = least(items, gpus);
  if (bill >= kNever) return std::nullopt;
  return MicroUsdPerHour{bill};
}

}  // namespace kerf::plan::testing
