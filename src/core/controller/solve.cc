// Runs the searches of core/online on a problem that came as data.
#include "core/controller/solve.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "core/online/purchase.h"

namespace kerf::controller {

namespace {

/// Room that others make is looked for so long, for so many shapes: about 50 ms each.
constexpr std::int64_t kOpenSteps = 800'000;
constexpr std::size_t kOpenShapes = 4;

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

/// Decides for the first `count` pods of the problem.
online::Decision place(const Problem& problem, online::Standing& standing, std::size_t count) {
  online::Placer placer(standing, expectation(standing, problem), problem.options);
  std::vector<std::uint32_t> buying;
  std::vector<std::uint32_t> others;
  for (std::uint32_t pod = 0; pod < count; ++pod)
    (problem.may_buy[pod] ? buying : others).push_back(pod);
  online::Decision decision = placer.decide(problem.pending, buying);
  const online::Decision beside = placer.decide(problem.pending, others);
  decision.placed.insert(decision.placed.end(), beside.placed.begin(), beside.placed.end());
  return decision;
}

/// Those that are on what stands, room that is kept for nobody aside.
std::int64_t pods_placed(const Problem& problem, const online::Decision& decision) {
  return std::count_if(decision.placed.begin(), decision.placed.end(),
                       [&](const auto& placed) { return !is_room(problem.whom[placed.pod]); });
}

bool everybody_sits(const Problem& problem, const online::Decision& decision) {
  std::int64_t pods = 0;
  for (std::uint32_t pod = 0; pod < problem.room_from; ++pod)
    pods += is_room(problem.whom[pod]) ? 0 : 1;
  return pods_placed(problem, decision) == pods;
}

/// Where a node would be bought for one pod alone: moves that make room for it cost less, if there
/// are any. One pod at a time.
void open_slot(const Problem& problem, online::Standing& standing, Solution& solution) {
  std::vector<plan::NodePlan>& nodes = solution.decision.purchase.nodes;
  const auto is_here = [&](const online::Move& move) { return move.pod < problem.running.size(); };
  online::ConsolidateLimits limits = problem.limits;
  limits.steps = kOpenSteps;
  std::set<online::ShapeId> tried;
  for (auto node = nodes.begin(); node != nodes.end() && limits.open; ++node) {
    if (node->pods.size() != 1 || tried.size() == kOpenShapes) continue;
    const std::uint32_t pod = node->pods.front();
    if (problem.whom[pod] != For::Pod || !problem.may_open[pod]) continue;
    const online::ShapeId shape =
        standing.shape(problem.pending.shapes[problem.pending.pods[pod].shape]);
    if (!tried.insert(shape).second) continue;
    auto proposal = online::open_slot(standing, limits, shape, node->price);
    // Those that were placed just now are not there yet.
    if (!proposal || !std::all_of(proposal->moves.begin(), proposal->moves.end(), is_here))
      continue;
    proposal->pending = pod;
    solution.proposals = {std::move(*proposal)};
    nodes.erase(node);
    return;
  }
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
  solution.decision = place(problem, standing, problem.room_from);
  if (problem.room.empty() || everybody_sits(problem, solution.decision)) {
    open_slot(problem, standing, solution);
    return solution;
  }
  // Somebody fits only where room is kept for nobody: it goes elsewhere, if that helps.
  online::Standing emptied(problem.standing, *problem.market, problem.buys, &tables);
  for (const std::uint32_t pod : problem.room) emptied.release(pod);
  online::Decision moved = place(problem, emptied, problem.pending.pods.size());
  solution.room_moved = pods_placed(problem, moved) > pods_placed(problem, solution.decision);
  if (solution.room_moved) solution.decision = std::move(moved);
  open_slot(problem, solution.room_moved ? emptied : standing, solution);
  return solution;
}

}  // namespace kerf::controller
