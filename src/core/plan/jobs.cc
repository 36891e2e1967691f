// Splitting by duration, and joining two problems by moving the numbers of the second one up.
#include "core/plan/jobs.h"

#include <algorithm>
#include <set>

namespace kerf::plan {
namespace {

std::set<std::uint32_t> shapes_of(const cluster::Demand& demand,
                                  const std::vector<std::uint32_t>& pods) {
  std::set<std::uint32_t> shapes;
  for (const std::uint32_t pod : pods) shapes.insert(demand.pods[pod].shape);
  return shapes;
}

bool looks_at(const cluster::PodShape& a, const cluster::PodShape& b) {
  const auto sees = [&](const auto& term) { return cluster::matches(term.selector, b); };
  return std::any_of(a.spread.begin(), a.spread.end(), sees) ||
         std::any_of(a.affinity.begin(), a.affinity.end(), sees) ||
         std::any_of(a.anti_affinity.begin(), a.anti_affinity.end(), sees);
}

void append_new(std::vector<std::string>& texts, const std::vector<std::string>& more) {
  for (const std::string& text : more)
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
}

/// Pairs of the two keep what they had; across, nothing is shared anyway.
std::vector<bool> joined_conflicts(const Problem& a, const Problem& b) {
  if (!a.has_conflicts() && !b.has_conflicts()) return {};
  const std::size_t n = a.classes.size(), m = b.classes.size();
  std::vector<bool> conflicts((n + m) * (n + m), false);
  for (std::size_t i = 0; i < n + m; ++i)
    for (std::size_t j = 0; j < n + m; ++j) {
      if (i < n && j < n && a.has_conflicts()) conflicts[i * (n + m) + j] = a.conflicts[i * n + j];
      if (i >= n && j >= n && b.has_conflicts())
        conflicts[i * (n + m) + j] = b.conflicts[(i - n) * m + (j - n)];
    }
  return conflicts;
}

}  // namespace

ByDuration by_duration(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods) {
  ByDuration split;
  for (const std::uint32_t pod : pods)
    (demand.workloads[demand.pods[pod].workload].transient ? split.jobs : split.always_on)
        .push_back(pod);
  return split;
}

bool tied_together(const cluster::Demand& demand, const ByDuration& pods) {
  const std::set<std::uint32_t> always_on = shapes_of(demand, pods.always_on);
  const std::set<std::uint32_t> jobs = shapes_of(demand, pods.jobs);
  for (const std::uint32_t a : always_on)
    for (const std::uint32_t b : jobs)
      if (looks_at(demand.shapes[a], demand.shapes[b]) ||
          looks_at(demand.shapes[b], demand.shapes[a]))
        return true;
  return false;
}

void append(Problem& problem, Fleet& fleet, Problem more, const Fleet& more_fleet) {
  problem.conflicts = joined_conflicts(problem, more);
  const auto classes = static_cast<std::uint32_t>(problem.classes.size());
  const auto machines = static_cast<std::uint32_t>(problem.machines.size());
  const auto kinds = static_cast<std::uint16_t>(problem.kinds.size());
  for (ItemClass& item : more.classes) problem.classes.push_back(std::move(item));
  for (auto& kind : more.kinds) problem.kinds.push_back(std::move(kind));
  for (Machine& machine : more.machines) {
    machine.kind = static_cast<std::uint16_t>(machine.kind + kinds);
    for (Candidate& candidate : machine.candidates) candidate.cls += classes;
    if (machine.stock >= 0)
      machine.at_most = problem.stocks[static_cast<std::size_t>(machine.stock)];
    problem.machines.push_back(std::move(machine));
  }
  problem.unplaced.insert(problem.unplaced.end(), more.unplaced.begin(), more.unplaced.end());
  problem.restricted = problem.restricted || more.restricted;
  append_new(problem.relaxed, more.relaxed);
  append_new(problem.notes, more.notes);
  for (Pattern node : more_fleet) {
    node.machine += machines;
    fleet.push_back(std::move(node));
  }
}

}  // namespace kerf::plan
