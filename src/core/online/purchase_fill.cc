// Greedy filling: of one node by value per scarce resource, of a fleet by value per dollar.
#include "core/online/purchase_fill.h"

#include <algorithm>

#include "core/plan/exact.h"

namespace kerf::online {

using plan::Candidate;
using plan::Fleet;
using plan::Machine;
using plan::Pattern;
using plan::Room;

namespace {

constexpr std::int64_t kAll = std::int64_t{1} << 20;  ///< all of a machine's resource, in parts
constexpr std::int64_t kLeast = kAll / 1000;  ///< no resource counts as scarcer than with this left
constexpr std::int64_t kScale = std::int64_t{1} << 30;
/// Putting an item in that the exact search may try for the last items, in all.
constexpr std::int64_t kExactSteps = 3000;

/// How much CPU, memory, disk, pod slots and GPU count, beside how little of each is left.
constexpr std::array<std::int64_t, 5> kNotions[] = {
    {10, 10, 10, 1, 10}, {3, 3, 3, 0, 10}, {10, 2, 0, 0, 4}, {0, 0, 0, 0, 10}};

std::int64_t part(std::int64_t need, std::int64_t total) {
  return total <= 0 ? 0 : (need * kAll + total - 1) / total;
}

/// Is value_a per cost_a more than value_b per cost_b?
bool better(std::int64_t value_a, std::int64_t cost_a, std::int64_t value_b, std::int64_t cost_b) {
  return Int128{value_a} * cost_b > Int128{value_b} * cost_a;
}

}  // namespace

bool any_left(const ClassItems& items) {
  return std::any_of(items.begin(), items.end(), [](std::int64_t n) { return n > 0; });
}

NodeFiller::NodeFiller(const plan::Problem& problem) : problem_(problem) {
  for (const Machine& machine : problem.machines) {
    const plan::GpuKind& kind = *problem.kinds[machine.kind];
    const Resources& all = machine.allocatable;
    std::vector<Parts>& parts = parts_.emplace_back();
    for (const Candidate& candidate : machine.candidates) {
      const Resources& need = problem.classes[candidate.cls].need;
      parts.push_back({part(need.cpu_milli, all.cpu_milli), part(need.memory_mib, all.memory_mib),
                       part(need.disk_mib, all.disk_mib), part(need.pods, all.pods),
                       part(kind.weight(candidate.units),
                            std::int64_t{plan::GpuKind::kWholeWeight} * machine.gpus)});
    }
  }
}

NodeFiller::Filled NodeFiller::fill(std::uint32_t machine, const ClassValues& values,
                                    const ClassItems& items) {
  Filled best;
  best.pattern.machine = machine;
  useful_.clear();
  const std::vector<Candidate>& candidates = problem_.machines[machine].candidates;
  for (std::uint32_t i = 0; i < candidates.size(); ++i)
    if (items[candidates[i].cls] > 0 && values[candidates[i].cls] > 0) useful_.push_back(i);
  if (useful_.empty()) return best;
  for (const Parts& notion : kNotions) {
    Room room(problem_, machine);
    std::int64_t value = 0;
    left_ = items;
    top_up(notion, values, room, value);
    if (value <= best.value) continue;
    best = {room.pattern(), value};
  }
  return best;
}

/// A candidate that does not fit once never fits again.
void NodeFiller::top_up(const Parts& notion, const ClassValues& values, Room& room,
                        std::int64_t& value) {
  const std::vector<Candidate>& candidates = room.machine().candidates;
  const std::vector<Parts>& parts = parts_[room.pattern().machine];
  Parts free, weight;
  free.fill(kAll);
  active_ = useful_;
  while (!active_.empty()) {
    for (std::size_t r = 0; r < weight.size(); ++r)
      weight[r] = notion[r] * kScale / std::max(free[r], kLeast);
    std::size_t chosen = 0;
    std::int64_t best_value = 0, best_cost = 1;
    for (std::size_t i = 0; i < active_.size(); ++i) {
      std::int64_t cost = 1;
      for (std::size_t r = 0; r < weight.size(); ++r) cost += weight[r] * parts[active_[i]][r];
      const std::int64_t worth = values[candidates[active_[i]].cls];
      if (!better(worth, cost, best_value, best_cost)) continue;
      best_value = worth;
      best_cost = cost;
      chosen = i;
    }
    const std::uint32_t candidate = active_[chosen];
    const std::uint32_t cls = candidates[candidate].cls;
    if (left_[cls] <= 0 || room.most(candidate, 1) == 0) {
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(chosen));
      continue;
    }
    room.add(candidate, 1);
    --left_[cls];
    value += values[cls];
    for (std::size_t r = 0; r < free.size(); ++r) free[r] -= parts[candidate][r];
  }
}

/// How often the node can be bought without serving more than `items`.
std::int64_t NodeFiller::times_within(const Pattern& pattern, const ClassItems& items) const {
  const std::vector<Candidate>& candidates = problem_.machines[pattern.machine].candidates;
  std::int64_t times = std::int64_t{1} << 40;
  std::int64_t here = 0;
  for (std::size_t i = 0; i < pattern.content.size(); ++i) {
    const std::uint32_t cls = candidates[pattern.content[i].first].cls;
    const bool same = i > 0 && candidates[pattern.content[i - 1].first].cls == cls;
    here = (same ? here : 0) + pattern.content[i].second;
    times = std::min(times, items[cls] / here);
  }
  return times;
}

/// A filling that is still within what is left would come out the same under its notion: fewer
/// items only take choices away that it did not make.
bool NodeFiller::stale(const Slot& slot, const ClassItems& items) const {
  if (!slot.known) return true;
  return slot.filled.value > 0 && times_within(slot.filled.pattern, items) == 0;
}

std::optional<std::uint32_t> NodeFiller::best(std::vector<Slot>& slots, const ClassValues& values,
                                              const ClassItems& items, MicroUsdPerHour below) {
  std::int64_t worth = 0;  // of everything: no node is worth more
  for (std::size_t c = 0; c < items.size(); ++c) worth += items[c] * values[c];
  std::optional<std::uint32_t> chosen;
  std::int64_t best_value = 0, best_price = 1;
  for (std::uint32_t m = 0; m < slots.size(); ++m) {
    const std::int64_t price = problem_.machines[m].price.micro;
    if (price >= below.micro) continue;
    if (stale(slots[m], items)) {
      if (!better(worth, price, best_value, best_price)) continue;
      slots[m] = {fill(m, values, items), true};
    }
    if (!better(slots[m].filled.value, price, best_value, best_price)) continue;
    chosen = m;
    best_value = slots[m].filled.value;
    best_price = price;
  }
  return chosen;
}

std::optional<Fleet> NodeFiller::fleet(const ClassValues& values, ClassItems items,
                                       MicroUsdPerHour below, std::int64_t exact_vectors) {
  Fleet fleet;
  std::vector<Slot> slots(problem_.machines.size());
  while (any_left(items)) {
    if (const auto rest = plan::exact_fleet(problem_, items, exact_vectors, kExactSteps)) {
      if (plan::bill_of(problem_, *rest) >= below) return std::nullopt;
      fleet.insert(fleet.end(), rest->begin(), rest->end());
      return fleet;
    }
    const auto machine = best(slots, values, items, below);
    if (!machine) return std::nullopt;
    const Pattern& node = slots[*machine].filled.pattern;
    const std::int64_t times = times_within(node, items);
    const MicroUsdPerHour cost = problem_.machines[*machine].price * times;
    if (cost >= below) return std::nullopt;
    below = below - cost;
    for (const auto& [candidate, n] : node.content)
      items[problem_.machines[*machine].candidates[candidate].cls] -= n * times;
    fleet.insert(fleet.end(), static_cast<std::size_t>(times), node);
  }
  return fleet;
}

}  // namespace kerf::online
