// Runs the searches of core/online on a problem that came as data.
#include "core/controller/solve.h"

#include <numeric>

#include "core/online/purchase.h"

namespace kerf::controller {

namespace {

online::Expectation expectation(online::Standing& standing, const Problem& problem) {
  std::map<online::AskId, std::int64_t> weights;
  for (const auto& [shape, weight] : problem.expected)
    if (weight > 0) weights[standing.ask_of(standing.shape(shape))] += weight;
  online::Expectation expected;
  for (const auto& [ask, weight] : weights) expected.push_back({ask, weight});
  return expected;
}

std::vector<std::uint32_t> all_pods(const cluster::Demand& demand) {
  std::vector<std::uint32_t> pods(demand.pods.size());
  std::iota(pods.begin(), pods.end(), 0U);
  return pods;
}

}  // namespace

Solution solve(const Problem& problem, online::SliceTables& tables) {
  Solution solution;
  if (problem.search == Search::Compare) {
    solution.all = online::buy(problem.pending, all_pods(problem.pending), *problem.market,
                               problem.buys, problem.options.buy_steps, &tables.geometries());
    return solution;
  }
  online::Standing standing(problem.standing, *problem.market, problem.buys, &tables);
  if (problem.search == Search::Consolidate) {
    solution.proposals = online::consolidate(standing, problem.limits);
    return solution;
  }
  online::Placer placer(standing, expectation(standing, problem), problem.options);
  std::vector<std::uint32_t> buying;
  std::vector<std::uint32_t> others;
  for (const std::uint32_t pod : all_pods(problem.pending))
    (problem.may_buy[pod] ? buying : others).push_back(pod);
  solution.decision = placer.decide(problem.pending, buying);
  const online::Decision beside = placer.decide(problem.pending, others);
  solution.decision.placed.insert(solution.decision.placed.end(), beside.placed.begin(),
                                  beside.placed.end());
  return solution;
}

}  // namespace kerf::controller
