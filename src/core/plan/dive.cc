// The dive: realises the aggregated LP's pools as nodes.
#include "core/plan/dive.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/plan/aggregate.h"
#include "core/plan/columns.h"
#include "core/plan/exact.h"

namespace kerf::plan {

namespace {

constexpr std::int64_t kSimplexSteps = 200'000;
constexpr double kWhole = 1 - 1e-6;
constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

/// What the LP wants of one machine.
struct Pool {
  std::uint32_t machine = 0;
  double nodes = 0;
  std::vector<double> items;  ///< by candidate
};

std::vector<Pool> pools_of(const Problem& problem, const AggregateLp& lp,
                           const std::vector<double>& primal) {
  std::vector<Pool> pools;
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    const auto node = static_cast<std::size_t>(lp.node_column[m]);
    if (primal[node] < 1e-7) continue;
    Pool pool{m, primal[node], {}};
    const std::size_t first = node + 1 + problem.kinds[machine.kind]->corners().size();
    for (std::size_t i = 0; i < machine.candidates.size(); ++i)
      pool.items.push_back(std::max(0.0, primal[first + i]));
    pools.push_back(std::move(pool));
  }
  return pools;
}

/// Fills the nodes of one pool.
class Filler {
 public:
  Filler(const Problem& problem, Pool& pool, const std::vector<double>& values,
         std::vector<std::int64_t>& residual)
      : problem_(problem),
        pool_(pool),
        values_(values),
        residual_(residual),
        machine_(problem.machines[pool.machine]) {
    const GpuKind& kind = *problem.kinds[machine_.kind];
    for (const Candidate& candidate : machine_.candidates)
      weight_.push_back(static_cast<double>(kind.weight(candidate.units)));
  }

  /// One node with its part of the pool's items; takes them off pool and residual.
  Pattern next() {
    Room room(problem_, pool_.machine);
    std::vector<double> due = pool_.items;
    for (double& items : due) items /= std::max(1.0, pool_.nodes);
    std::vector<bool> closed(due.size());
    while (true) {
      const std::int64_t best = most_due(due, closed);
      if (best < 0) break;
      const auto i = static_cast<std::uint32_t>(best);
      if (room.most(i, 1) == 0) {
        closed[i] = true;
        continue;
      }
      room.add(i, 1);
      due[i] -= 1;
      pool_.items[i] -= 1;
      --residual_[machine_.candidates[i].cls];
    }
    const Filled full = top_up(problem_, room.pattern(), values_, residual_);
    for (const auto& [candidate, n] : full.pattern.content) take_rest(room, candidate, n);
    pool_.nodes -= 1;
    return full.pattern;
  }

 private:
  /// The candidate that is most behind its part, by the GPU it takes; those of whom the pool has at
  /// least half an item left.
  std::int64_t most_due(const std::vector<double>& due, const std::vector<bool>& closed) const {
    std::int64_t best = -1;
    double most = 0;
    for (std::size_t i = 0; i < due.size(); ++i) {
      if (closed[i] || pool_.items[i] < 0.5 || residual_[machine_.candidates[i].cls] <= 0) continue;
      // Behind its part: first, the largest first. Ahead of it: only where nobody else fits.
      const double score = due[i] > 0 ? 1e6 + due[i] * weight_[i] : 1e3 / (1 - due[i]);
      if (score <= most) continue;
      most = score;
      best = static_cast<std::int64_t>(i);
    }
    return best;
  }

  void take_rest(const Room& before, std::uint32_t candidate, std::int32_t n) {
    std::int32_t had = 0;
    for (const auto& [i, count] : before.content())
      if (i == candidate) had = count;
    residual_[machine_.candidates[candidate].cls] -= n - had;
    pool_.items[candidate] -= n - had;
  }

  const Problem& problem_;
  Pool& pool_;
  const std::vector<double>& values_;
  std::vector<std::int64_t>& residual_;
  const Machine& machine_;
  std::vector<double> weight_;
};

}  // namespace

Fleet dive_fleet(const Problem& problem, std::vector<std::int64_t> residual, LpSolver& solver,
                 const DiveOptions& options) {
  Fleet fleet;
  const NodeLimits limits = node_limits(problem);
  std::vector<double> values(problem.classes.size(), 1);
  bool root = true;
  Stock stock(problem);
  while (std::any_of(residual.begin(), residual.end(), [](std::int64_t n) { return n > 0; })) {
    if (options.tick) options.tick();
    if (!root)
      if (auto rest = exact_fleet(problem, residual, options.exact_vectors, kNoLimit, &stock)) {
        fleet.insert(fleet.end(), rest->begin(), rest->end());
        return fleet;
      }
    root = false;
    const AggregateLp lp = build_aggregate(problem, residual, limits, 0, &stock);
    const LpSolution solution = solver.load(lp.lp)->solve(kSimplexSteps);
    if (solution.status != LpStatus::Optimal) {
      Fleet rest = greedy_fleet(problem, residual, values, &stock);
      fleet.insert(fleet.end(), rest.begin(), rest.end());
      return fleet;
    }
    values = class_values(lp, solution.dual);
    std::vector<Pool> pools = pools_of(problem, lp, solution.primal);
    const bool whole = std::any_of(pools.begin(), pools.end(),
                                   [](const Pool& pool) { return pool.nodes >= kWhole; });
    if (!whole) {
      auto largest = std::max_element(pools.begin(), pools.end(), [](const Pool& a, const Pool& b) {
        return a.nodes < b.nodes;
      });
      Pool one = *largest;
      pools = {one};
    }
    for (Pool& pool : pools) {
      if (whole && pool.nodes < kWhole) continue;
      const auto buy = std::min(
          stock.left(pool.machine),
          std::max<std::int64_t>(1, std::llround(std::floor(pool.nodes + 1e-6) * options.share)));
      Filler filler(problem, pool, values, residual);
      for (std::int64_t n = 0; n < buy; ++n) {
        const Pattern node = filler.next();
        if (node.content.empty()) break;
        fleet.push_back(node);
        stock.take(pool.machine, 1);
      }
    }
  }
  return fleet;
}

}  // namespace kerf::plan
