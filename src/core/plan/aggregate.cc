// Weak duality in 128 bits: a bound that holds whatever the solver did.
#include "core/plan/aggregate.h"

#include <algorithm>
#include <cmath>

#include "core/plan/certificate.h"

namespace kerf::plan {

namespace {

/// The largest multiplier used as a whole number; its products with counts stay inside 128 bits.
constexpr double kMost = 9e17;

/// Parts of a micro-dollar in which multipliers are counted: 10^9 (femto-dollars), or fewer where
/// some dual would not fit: a pod that a branch leaves unserved is worth thousands. One measure for
/// all, because cutting off the large duals alone would make the bound worthless.
std::int64_t parts_for(const std::vector<double>& duals) {
  double largest = 0;
  for (double dual : duals)
    if (std::isfinite(dual)) largest = std::max(largest, -dual);
  std::int64_t parts = 1'000'000'000;
  while (parts > 1 && largest * 1e6 * static_cast<double>(parts) > kMost) parts /= 10;
  return parts;
}

/// A multiplier as a whole number of parts per unit, never negative, never absurd.
std::int64_t quantise(double dual_per_unit, std::int64_t parts) {
  double value = -dual_per_unit * 1e6 * static_cast<double>(parts);  // capacity: duals <= 0
  if (!(value > 0)) return 0;                                        // NaN too
  return static_cast<std::int64_t>(std::min(std::floor(value), kMost));
}

/// Integer multipliers of one machine.
struct Multipliers {
  std::int64_t cpu_milli = 0, memory_mib = 0, disk_mib = 0, pods = 0;
  std::vector<std::int64_t> units;
};

Int128 needs_value(const Multipliers& w, const Resources& need) {
  return Int128{w.cpu_milli} * need.cpu_milli + Int128{w.memory_mib} * need.memory_mib +
         Int128{w.disk_mib} * need.disk_mib + Int128{w.pods} * need.pods;
}

/// The most that one node can be worth under the multipliers.
Int128 node_value(const Problem& problem, const Machine& machine, const Multipliers& w) {
  const GpuKind& kind = *problem.kinds[machine.kind];
  Int128 best = 0;
  for (const UnitCounts& corner : kind.corners()) {
    Int128 sum = 0;
    for (std::size_t u = 0; u < kind.units().size(); ++u) sum += Int128{w.units[u]} * corner.n[u];
    best = std::max(best, sum);
  }
  return needs_value(w, machine.allocatable) + best * machine.gpus;
}

std::int64_t scaled(std::int64_t value, Int128 numerator, Int128 denominator) {
  // numerator < denominator; split so that the product stays inside 128 bits.
  while (denominator > (Int128{1} << 62)) {
    numerator >>= 1;
    denominator = (denominator >> 1) + 1;
  }
  return static_cast<std::int64_t>(Int128{value} * numerator / denominator);
}

void scale(Multipliers& w, Int128 numerator, Int128 denominator) {
  auto apply = [&](std::int64_t& value) { value = scaled(value, numerator, denominator); };
  apply(w.cpu_milli);
  apply(w.memory_mib);
  apply(w.disk_mib);
  apply(w.pods);
  for (std::int64_t& value : w.units) apply(value);
}

Multipliers multipliers(const MachineRows& rows, const std::vector<double>& duals,
                        std::int64_t parts) {
  auto dual = [&](std::int32_t row, double unit) {
    return row < 0 ? 0 : quantise(duals[static_cast<std::size_t>(row)] * unit, parts);
  };
  Multipliers w;
  w.cpu_milli = dual(rows.cpu, 1.0 / 1000);
  w.memory_mib = dual(rows.memory, 1.0 / 1024);
  w.disk_mib = dual(rows.disk, 1.0 / 1024);
  w.pods = dual(rows.pods, 1);
  for (std::int32_t row : rows.units) w.units.push_back(dual(row, 1));
  return w;
}

}  // namespace

MicroUsdPerHour certify(const Problem& problem, const std::vector<std::int64_t>& demand,
                        const std::vector<MachineRows>& rows, const std::vector<double>& duals,
                        std::vector<std::int64_t>* values) {
  // Weak duality, term by term: bill = sum of price * n >= sum over classes of demand * worth
  // + sum over machines of (price - value) * n, where worth is the least that any candidate of the
  // class consumes and value the most that a node offers under the same multipliers. For a stock of
  // k nodes, sum of n <= k: any rent >= 0 may be added to the price of each for rent * k off.
  const std::int64_t parts = parts_for(duals);
  constexpr Int128 kUnset = -1;
  std::vector<Int128> worth(problem.classes.size(), kUnset);
  Int128 bound = 0;
  std::vector<Int128> rent(problem.stocks.size(), 0);
  for (std::size_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    if (machine.stock < 0) continue;
    const Multipliers w = multipliers(rows[m], duals, parts);
    Int128& least = rent[static_cast<std::size_t>(machine.stock)];
    least = std::max(least, node_value(problem, machine, w) - Int128{machine.price.micro} * parts);
  }
  for (std::size_t s = 0; s < rent.size(); ++s) bound -= rent[s] * problem.stocks[s];
  for (std::size_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    Multipliers w = multipliers(rows[m], duals, parts);
    Int128 price = Int128{machine.price.micro} * parts;
    if (machine.stock >= 0) price += rent[static_cast<std::size_t>(machine.stock)];
    Int128 value = node_value(problem, machine, w);
    const std::int64_t at_most = machine.stock >= 0 ? -1 : machine.at_most;
    if (at_most < 0 && value > price) {
      scale(w, price, value);
      value = node_value(problem, machine, w);
    }
    if (value > price) bound -= (value - price) * at_most;
    if (at_most == 0) continue;  // no such node, so it serves nobody
    for (std::size_t i = 0; i < machine.candidates.size(); ++i) {
      const Candidate& candidate = machine.candidates[i];
      Int128 consumed = needs_value(w, problem.classes[candidate.cls].need);
      for (std::size_t u = 0; u < w.units.size(); ++u)
        consumed += Int128{w.units[u]} * candidate.units.n[u];
      Int128& least = worth[candidate.cls];
      if (least == kUnset || consumed < least) least = consumed;
    }
  }
  if (values != nullptr) {
    values->assign(demand.size(), 0);
    for (std::size_t c = 0; c < demand.size(); ++c)
      if (worth[c] != kUnset)
        (*values)[c] = static_cast<std::int64_t>(
            std::min(worth[c] * Certificate::kParts / parts, Int128{1} << 58));
  }
  for (std::size_t c = 0; c < demand.size(); ++c) {
    if (demand[c] == 0) continue;
    if (worth[c] == kUnset) return {std::int64_t{1} << 62};  // nothing left that serves it
    bound += worth[c] * demand[c];
  }
  if (bound <= 0) return {};
  return {static_cast<std::int64_t>((bound + parts - 1) / parts)};
}

}  // namespace kerf::plan
