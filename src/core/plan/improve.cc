// Local search: shrink, dissolve, and buy small groups of nodes anew.
#include "core/plan/improve.h"

#include <algorithm>

#include "base/prng.h"
#include "core/plan/columns.h"
#include "core/plan/exact.h"

namespace kerf::plan {

namespace {

constexpr std::int64_t kExactVectors = 1500;
constexpr std::uint64_t kSeed = 20260720;

double waste(const Problem& problem, const Pattern& node, const std::vector<double>& values) {
  const Machine& machine = problem.machines[node.machine];
  double rest = static_cast<double>(machine.price.micro) / 1e6;
  for (const auto& [candidate, n] : node.content)
    rest -= values[machine.candidates[candidate].cls] * n;
  return rest;
}

void shrink(const Problem& problem, Fleet& fleet) {
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    if (i > 0 && fleet[i].machine == fleet[i - 1].machine && fleet[i].content == fleet[i - 1].content)
      continue;  // its twin was looked at; equal nodes stand together after sorting
    Pattern cheaper = cheapest_host(problem, fleet[i]);
    if (cheaper == fleet[i]) continue;
    const Pattern old = fleet[i];
    for (Pattern& node : fleet)
      if (node == old) node = cheaper;
  }
}

/// Moves all items of node `victim` into room that others have. False: nothing is changed.
bool dissolve(const Problem& problem, std::size_t victim, Fleet& fleet) {
  const Pattern node = fleet[victim];
  std::vector<std::pair<std::size_t, Room>> changed;
  auto room_of = [&](std::size_t i) -> Room& {
    for (auto& [index, room] : changed)
      if (index == i) return room;
    return changed.emplace_back(i, Room(problem, fleet[i])).second;
  };
  for (const auto& [candidate, n] : node.content) {
    const std::uint32_t cls = problem.machines[node.machine].candidates[candidate].cls;
    std::int64_t left = n;
    for (std::size_t i = 0; i < fleet.size() && left > 0; ++i) {
      if (i == victim) continue;
      const Machine& machine = problem.machines[fleet[i].machine];
      auto it = std::lower_bound(machine.candidates.begin(), machine.candidates.end(), cls,
                                 [](const Candidate& c, std::uint32_t key) { return c.cls < key; });
      for (; it != machine.candidates.end() && it->cls == cls && left > 0; ++it) {
        Room& room = room_of(i);
        const auto index = static_cast<std::uint32_t>(it - machine.candidates.begin());
        const std::int64_t m = room.most(index, left);
        room.add(index, m);
        left -= m;
      }
    }
    if (left > 0) return false;
  }
  for (const auto& [i, room] : changed) fleet[i] = room.pattern();
  fleet.erase(fleet.begin() + static_cast<std::ptrdiff_t>(victim));
  return true;
}

/// Buys the nodes at `chosen` (ascending) anew. False: no cheaper way was found.
bool rebuy(const Problem& problem, const std::vector<double>& values,
           const std::vector<std::size_t>& chosen, Fleet& fleet) {
  Fleet old;
  for (std::size_t i : chosen) old.push_back(fleet[i]);
  const std::vector<std::int64_t> items = served_by(problem, old);
  std::optional<Fleet> fresh = exact_fleet(problem, items, kExactVectors);
  if (!fresh) {
    fresh = greedy_fleet(problem, items, values);
    for (Pattern& node : *fresh) node = cheapest_host(problem, node);
  }
  if (bill_of(problem, *fresh) >= bill_of(problem, old)) return false;
  for (auto it = chosen.rbegin(); it != chosen.rend(); ++it)
    fleet.erase(fleet.begin() + static_cast<std::ptrdiff_t>(*it));
  fleet.insert(fleet.end(), fresh->begin(), fresh->end());
  return true;
}

}  // namespace

void improve(const Problem& problem, const std::vector<double>& values, MicroUsdPerHour floor,
             std::int64_t steps, const std::function<void()>& tick, Fleet& fleet) {
  Prng prng(kSeed);
  std::sort(fleet.begin(), fleet.end());
  shrink(problem, fleet);
  auto by_waste = [&](const Pattern& a, const Pattern& b) {
    double x = waste(problem, a, values), y = waste(problem, b, values);
    return x != y ? x > y : a < b;
  };
  std::sort(fleet.begin(), fleet.end(), by_waste);
  std::int64_t since_gain = 0;
  for (std::int64_t step = 0; step < steps && since_gain < 60 && !fleet.empty(); ++step) {
    if (bill_of(problem, fleet) <= floor) return;
    if (tick) tick();
    // The first nodes are the most wasteful; partners come from the same end, now and then from all.
    const std::size_t front = std::min<std::size_t>(fleet.size(), 24);
    const auto victim = static_cast<std::size_t>(step) % front;
    bool gained = dissolve(problem, victim, fleet);
    if (!gained && fleet.size() > 1) {
      std::vector<std::size_t> chosen = {victim};
      const std::size_t partners = 1 + prng.below(4);
      for (std::size_t i = 0; i < partners; ++i)
        chosen.push_back(prng.below(prng.below(3) == 0 ? fleet.size() : front));
      std::sort(chosen.begin(), chosen.end());
      chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
      gained = rebuy(problem, values, chosen, fleet);
    }
    since_gain = gained ? 0 : since_gain + 1;
    if (gained) std::sort(fleet.begin(), fleet.end(), by_waste);
  }
  std::sort(fleet.begin(), fleet.end());
  shrink(problem, fleet);
}

}  // namespace kerf::plan
