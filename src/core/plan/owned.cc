// Pods that need what is owned, and those of them that a fleet leaves without a node.
#include "core/plan/owned.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>

namespace kerf::plan {

bool lacks_nodes(const Problem& problem, const Fleet& fleet) {
  return std::any_of(fleet.begin(), fleet.end(),
                     [&](const Pattern& node) { return problem.machines[node.machine].missing; });
}

bool headroom_lacks_nodes(const Problem& problem, const Fleet& fleet) {
  for (const Pattern& node : fleet) {
    const Machine& machine = problem.machines[node.machine];
    if (!machine.missing) continue;
    for (const auto& [candidate, n] : node.content)
      if (problem.classes[machine.candidates[candidate].cls].headroom) return true;
  }
  return false;
}

Reason used_up(const Problem& problem, const Fleet& fleet, const market::Market& market) {
  std::set<std::string> types;
  for (const Pattern& node : fleet)
    if (const Machine& machine = problem.machines[node.machine]; machine.missing)
      types.insert(market.types[machine.type].name);
  return {ReasonCode::OwnedUsedUp, {fmt::format("{}", fmt::join(types, ", "))}};
}

ByStock needing_owned(const Problem& problem, const cluster::Demand& demand) {
  std::vector<bool> sure(problem.classes.size());
  std::vector<std::set<std::int32_t>> stocks(problem.classes.size());
  for (const Machine& machine : problem.machines)
    for (const Candidate& candidate : machine.candidates) {
      if (machine.stock >= 0) stocks[candidate.cls].insert(machine.stock);
      else if (!machine.missing) sure[candidate.cls] = true;
    }
  ByStock by_stock;
  for (std::size_t c = 0; c < problem.classes.size(); ++c)
    for (const std::uint32_t pod : problem.classes[c].pods)
      if (!sure[c] && pod != kNoPod) by_stock[stocks[c]].push_back(pod);
  const auto priority = [&](std::uint32_t pod) {
    return demand.shapes[demand.pods[pod].shape].priority;
  };
  for (auto& [stock, pods] : by_stock) {
    std::sort(pods.begin(), pods.end());
    std::stable_sort(pods.begin(), pods.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return priority(a) > priority(b); });
  }
  return by_stock;
}

std::set<std::uint32_t> pods_too_many(const Problem& problem, const Fleet& fleet) {
  Fleet missing;
  for (const Pattern& node : fleet)
    if (problem.machines[node.machine].missing) missing.push_back(node);
  const std::vector<std::int64_t> items = served_by(problem, missing);
  std::set<std::uint32_t> pods;
  for (std::size_t c = 0; c < items.size(); ++c) {
    const ItemClass& item = problem.classes[c];
    const auto n = static_cast<std::size_t>(items[c] * item.bundle);
    for (std::size_t i = item.pods.size() - n; i < item.pods.size(); ++i)
      if (item.pods[i] != kNoPod) pods.insert(item.pods[i]);
  }
  return pods;
}

}  // namespace kerf::plan
