// Branch and bound over node counts; the LP proposes, certify() proves.
#include "core/plan/bound.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace kerf::plan {

namespace {

constexpr std::int64_t kSimplexSteps = 2'000'000;
constexpr double kWhole = 1e-6;
/// The search ends once so many steps have raised the bound by less than one part in 100,000.
constexpr std::int64_t kStall = 300;
constexpr std::int64_t kStallPart = 100'000;

struct Branch {
  MicroUsdPerHour bound;
  std::vector<NodeBox> boxes;
};

/// The machine whose fractional node count has the most dollars at stake, or -1.
std::int64_t most_fractional(const Problem& problem, const AggregateLp& lp,
                             const std::vector<double>& primal) {
  std::int64_t best = -1;
  double most = 0;
  for (std::size_t m = 0; m < problem.machines.size(); ++m) {
    double n = primal[static_cast<std::size_t>(lp.node_column[m])];
    double off = std::min(n - std::floor(n), std::ceil(n) - n);
    if (off < kWhole) continue;
    double stake = off * static_cast<double>(problem.machines[m].price.micro);
    if (stake <= most * (1 + 1e-9)) continue;
    most = stake;
    best = static_cast<std::int64_t>(m);
  }
  return best;
}

void set_boxes(LpSession& session, const AggregateLp& lp, const std::vector<NodeBox>& boxes) {
  for (std::size_t m = 0; m < boxes.size(); ++m)
    session.set_column_bounds(
        lp.node_column[m], static_cast<double>(boxes[m].lower),
        boxes[m].upper < 0 ? LinearProgram::kInfinity : static_cast<double>(boxes[m].upper));
}

/// Keeps only the limits that the plain LP's solution breaks: few rows, most of the gain.
bool keep_broken_limits(const AggregateLp& lp, const std::vector<double>& primal,
                        const NodeLimits& all, NodeLimits& kept, const Problem& problem) {
  bool grew = false;
  for (std::size_t m = 0; m < all.size(); ++m) {
    const auto node = static_cast<std::size_t>(lp.node_column[m]);
    const std::size_t first = node + 1 + problem.kinds[problem.machines[m].kind]->corners().size();
    for (std::size_t i = 0; i < all[m].size(); ++i) {
      double allowed = primal[node] * static_cast<double>(all[m][i]);
      if (primal[first + i] <= allowed + 1e-7 || (!kept[m].empty() && kept[m][i] > 0)) continue;
      if (kept[m].empty()) kept[m].assign(all[m].size(), 0);
      kept[m][i] = all[m][i];
      grew = true;
    }
  }
  return grew;
}

}  // namespace

BoundResult lower_bound(const Problem& problem, const std::vector<std::int64_t>& demand,
                        MicroUsdPerHour incumbent, LpSolver& solver, std::int64_t steps) {
  BoundResult result;
  const NodeLimits all = node_limits(problem);
  NodeLimits limits(problem.machines.size());
  // Dear enough that no optimum at the root leaves anybody unserved.
  const double unserved = 100 * (1 + static_cast<double>(incumbent.micro) / 1e6);
  AggregateLp lp = build_aggregate(problem, demand, limits, unserved);
  std::unique_ptr<LpSession> session = solver.load(lp.lp);
  LpSolution solution = session->solve(kSimplexSteps);
  ++result.search_nodes;
  const std::vector<NodeBox> free(problem.machines.size());
  if (solution.status == LpStatus::Optimal) result.values = class_values(lp, solution.dual);
  for (int round = 0; round < 4 && solution.status == LpStatus::Optimal; ++round) {
    result.per_hour =
        std::max(result.per_hour, certify(problem, demand, lp, solution.dual, free, limits));
    if (!keep_broken_limits(lp, solution.primal, all, limits, problem)) break;
    lp = build_aggregate(problem, demand, limits, unserved);
    session = solver.load(lp.lp);
    solution = session->solve(kSimplexSteps);
    ++result.search_nodes;
  }
  if (solution.status != LpStatus::Optimal) return result;
  result.per_hour =
      std::max(result.per_hour, certify(problem, demand, lp, solution.dual, free, limits));
  const MicroUsdPerHour root = result.per_hour;

  // Open branches by bound; the least of them (and of the closed ones) is the bound of all.
  std::multimap<MicroUsdPerHour, Branch> open;
  open.emplace(root, Branch{root, free});
  MicroUsdPerHour closed = incumbent;  // nothing dearer than the incumbent matters
  MicroUsdPerHour checkpoint = root;
  for (std::int64_t step = 1; !open.empty() && steps-- > 0; ++step) {
    if (step % kStall == 0) {
      const MicroUsdPerHour now = open.begin()->first;
      if ((now - checkpoint).micro < now.micro / kStallPart) break;
      checkpoint = now;
    }
    Branch branch = std::move(open.begin()->second);
    if (branch.bound >= closed) break;
    open.erase(open.begin());
    set_boxes(*session, lp, branch.boxes);
    solution = session->solve(kSimplexSteps);
    ++result.search_nodes;
    if (solution.status != LpStatus::Optimal) {
      closed = std::min(closed, branch.bound);
      continue;
    }
    branch.bound =
        std::max(branch.bound, certify(problem, demand, lp, solution.dual, branch.boxes, limits));
    if (branch.bound >= incumbent) continue;
    const std::int64_t m = most_fractional(problem, lp, solution.primal);
    if (m < 0) {
      closed = std::min(closed, branch.bound);
      continue;
    }
    const auto machine = static_cast<std::size_t>(m);
    const auto below = static_cast<std::int64_t>(
        std::floor(solution.primal[static_cast<std::size_t>(lp.node_column[machine])]));
    Branch left = branch, right = branch;
    left.boxes[machine].upper = below;
    right.boxes[machine].lower = below + 1;
    open.emplace(left.bound, std::move(left));
    open.emplace(right.bound, std::move(right));
  }
  MicroUsdPerHour least = closed;
  if (!open.empty()) least = std::min(least, open.begin()->first);
  result.per_hour = std::max(result.per_hour, least);
  result.integer_nodes = result.per_hour > root;
  return result;
}

}  // namespace kerf::plan
