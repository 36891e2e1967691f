// Rounds of greedy fleets whose values follow what each class paid.
#include "core/online/purchase_search.h"

#include <algorithm>

#include "base/assert.h"
#include "core/online/purchase_alone.h"
#include "core/online/purchase_improve.h"
#include "core/plan/exact.h"

namespace kerf::online {

namespace {

using plan::Fleet;
using plan::Pattern;

constexpr int kRounds = 6;
constexpr std::int64_t kExactVectors = 1500;  ///< so few are solved by trying everything,
constexpr std::int64_t kExactSteps = 20'000;  ///< if it takes no longer than this
constexpr std::int64_t kTailVectors = 100;    ///< the last items of a greedy fleet
constexpr MicroUsdPerHour kAnyPrice{std::int64_t{1} << 60};

/// What one item of each class paid in the fleet, each node's price parted by value.
ClassValues paid(const plan::Problem& problem, const ClassItems& items, const ClassValues& values,
                 const Fleet& fleet) {
  std::vector<Int128> sums(values.size());
  for (const Pattern& node : fleet) {
    const plan::Machine& machine = problem.machines[node.machine];
    Int128 worth = 0;
    for (const auto& [candidate, n] : node.content)
      worth += Int128{values[machine.candidates[candidate].cls]} * n;
    for (const auto& [candidate, n] : node.content) {
      const std::uint32_t cls = machine.candidates[candidate].cls;
      sums[cls] += Int128{values[cls]} * n * machine.price.micro / worth;
    }
  }
  ClassValues paid = values;
  for (std::size_t c = 0; c < paid.size(); ++c)
    if (items[c] > 0)
      paid[c] = std::max<std::int64_t>(1, static_cast<std::int64_t>(sums[c] / items[c]));
  return paid;
}

}  // namespace

Fleet cheapest_fleet(const plan::Problem& problem, const ClassItems& items, std::int64_t steps) {
  if (auto exact = plan::exact_fleet(problem, items, kExactVectors, kExactSteps)) return *exact;
  Fleet best;
  MicroUsdPerHour bill;
  ClassValues values(items.size());
  for (std::uint32_t c = 0; c < items.size(); ++c) {
    if (items[c] <= 0) continue;
    auto alone = buy_alone(problem, c, items[c]);
    KERF_ASSERT(alone.has_value(), "every class has a machine that serves it");
    values[c] = std::max<std::int64_t>(1, alone->bill.micro / items[c]);
    bill += alone->bill;
    best.insert(best.end(), alone->fleet.begin(), alone->fleet.end());
  }
  NodeFiller filler(problem);
  ClassValues best_values = values;
  for (int round = 0; round < kRounds; ++round) {
    auto fleet = filler.fleet(values, items, kAnyPrice, kTailVectors);
    KERF_ASSERT(fleet.has_value(), "every class has a machine that serves it");
    shrink_purchase(problem, *fleet);
    const ClassValues now = paid(problem, items, values, *fleet);
    const MicroUsdPerHour fleet_bill = plan::bill_of(problem, *fleet);
    if (fleet_bill < bill) {
      bill = fleet_bill;
      best = std::move(*fleet);
      best_values = now;
    }
    for (std::size_t c = 0; c < values.size(); ++c) values[c] = (values[c] + now[c] + 1) / 2;
  }
  improve_purchase(problem, best_values, steps, filler, best);
  return best;
}

}  // namespace kerf::online
