// Plans for the same pods with an LP: its bound, and its baseline on whole GPUs.
#include "shell/controller/bound.h"

#include <set>
#include <utility>

#include "core/plan/planner.h"
#include "solver/clp.h"

namespace kerf::shell {

namespace {

/// Enough for a bound with integer node counts of small fleets, in less than a second.
constexpr int kEffort = 2;

}  // namespace

controller::Bounded bound_of(const controller::Problem& problem,
                             const controller::Solution& solution, controller::EffectId effect,
                             std::size_t shapes_max) {
  controller::Bounded bounded;
  bounded.effect = effect;
  if (problem.market == nullptr || problem.pending.shapes.size() > shapes_max) return bounded;
  std::set<std::uint32_t> left_out;
  for (const plan::Unplaced& unplaced : solution.all.unplaced) left_out.insert(unplaced.pod);
  cluster::Demand demand = problem.pending;
  demand.pods.clear();
  for (std::uint32_t pod = 0; pod < problem.pending.pods.size(); ++pod)
    if (!left_out.contains(pod)) demand.pods.push_back(problem.pending.pods[pod]);
  if (demand.pods.empty()) {
    bounded.bound = bounded.whole_gpus = MicroUsdPerHour{};
    return bounded;
  }
  plan::PlanOptions options;
  options.effort = kEffort;
  options.jobs = plan::JobsOn::Shared;
  const auto clp = solver::make_clp();
  const plan::Plan plan = plan::make_plan(demand, *problem.market, problem.buys, *clp, options);
  bounded.bound = plan.bound.per_hour;
  for (const plan::Baseline& baseline : plan.baselines)
    if (baseline.name == "whole-gpu" && baseline.unplaced.empty())
      bounded.whole_gpus = baseline.per_hour;
  return bounded;
}

}  // namespace kerf::shell
