// The bound of one leaf, in 128 bits.
#include "core/plan/proof.h"

#include <algorithm>
#include <cmath>

#include "core/plan/certificate.h"
#include "core/plan/pricing.h"

namespace kerf::plan {

namespace {

constexpr double kPartsOfDollar = 1e6 * Certificate::kParts;
constexpr double kMost = 4e17;

/// values * numerator / denominator, rounded down; worths rounded up. numerator < denominator.
void scale(std::int64_t numerator, std::int64_t denominator, Proof::Leaf& leaf) {
  for (std::int64_t& value : leaf.values)
    value = static_cast<std::int64_t>(Int128{value} * numerator / denominator);
  for (std::int64_t& worth : leaf.worths)
    worth = static_cast<std::int64_t>((Int128{worth} * numerator + denominator - 1) / denominator);
}

}  // namespace

std::int64_t in_parts(double dollars) {
  if (std::isnan(dollars)) return 0;
  return static_cast<std::int64_t>(std::clamp(dollars * kPartsOfDollar, -kMost, kMost));
}

std::int64_t full_price(const Machine& machine, std::int64_t gpu) {
  return machine.price.micro * Certificate::kParts + gpu * machine.gpus;
}

std::vector<NodeBox> open_boxes(const Problem& problem) {
  std::vector<NodeBox> boxes;
  for (const Machine& machine : problem.machines) boxes.push_back({0, machine.at_most});
  return boxes;
}

std::vector<bool> shares_stock(const Problem& problem) {
  std::vector<int> machines(problem.stocks.size(), 0);
  for (const Machine& machine : problem.machines)
    if (machine.stock >= 0) ++machines[static_cast<std::size_t>(machine.stock)];
  std::vector<bool> shared;
  for (const Machine& machine : problem.machines)
    shared.push_back(machine.stock >= 0 && machines[static_cast<std::size_t>(machine.stock)] > 1);
  return shared;
}

MicroUsdPerHour bound_of(const Problem& problem, const std::vector<std::int64_t>& items,
                         Proof::Leaf& leaf) {
  std::int64_t numerator = 1, denominator = 1;
  for (std::size_t m = 0; m < problem.machines.size(); ++m) {
    if (leaf.worths[m] >= kUncountable && leaf.boxes[m].upper != 0) return {};
    const std::int64_t price = full_price(problem.machines[m], leaf.gpu);
    if (leaf.boxes[m].upper >= 0 || leaf.worths[m] <= price) continue;
    if (Int128{price} * denominator >= Int128{numerator} * leaf.worths[m]) continue;
    numerator = price;
    denominator = leaf.worths[m];
  }
  if (numerator < denominator) scale(numerator, denominator, leaf);
  Int128 bound = -Int128{leaf.gpu} * std::max<std::int64_t>(problem.limit_gpus, 0);
  for (std::size_t c = 0; c < items.size(); ++c) bound += Int128{leaf.values[c]} * items[c];
  const std::vector<bool> shared = shares_stock(problem);
  std::vector<Int128> rent(problem.stocks.size(), 0);  // beyond its price, by stock
  for (std::size_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    const NodeBox& box = leaf.boxes[m];
    const Int128 left = Int128{full_price(machine, leaf.gpu)} - leaf.worths[m];
    if (left >= 0) bound += left * box.lower;
    else if (shared[m])
      rent[static_cast<std::size_t>(machine.stock)] =
          std::max(rent[static_cast<std::size_t>(machine.stock)], -left);
    else if (box.upper >= 0) bound += left * box.upper;
  }
  for (std::size_t s = 0; s < rent.size(); ++s)
    bound -= rent[s] * std::max<std::int64_t>(0, problem.stocks[s]);
  if (bound <= 0) return {};
  constexpr Int128 most = std::int64_t{1} << 62;
  return {static_cast<std::int64_t>(
      std::min(most, (bound + Certificate::kParts - 1) / Certificate::kParts))};
}

}  // namespace kerf::plan
