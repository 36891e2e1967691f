// Column generation whose columns only need to be good, because the bound is proven elsewhere.
#include "core/plan/columns.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/assert.h"
#include "core/plan/exact.h"
#include "core/plan/master.h"
#include "core/plan/node_search.h"

namespace kerf::plan {

namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

double dollars(MicroUsdPerHour price) { return static_cast<double>(price.micro) / 1e6; }

bool any_left(const std::vector<std::int64_t>& residual) {
  return std::any_of(residual.begin(), residual.end(), [](std::int64_t n) { return n > 0; });
}

double value_of(const Problem& problem, const Pattern& pattern, const std::vector<double>& values) {
  double sum = 0;
  for (const auto& [candidate, n] : pattern.content)
    sum += values[problem.machines[pattern.machine].candidates[candidate].cls] * n;
  return sum;
}

/// The pattern cut down to the residual demand, then filled again by value.
Pattern refill(const Problem& problem, const Pattern& pattern, const std::vector<double>& values,
               const std::vector<std::int64_t>& residual) {
  const Machine& machine = problem.machines[pattern.machine];
  std::vector<std::int64_t> left = residual;
  Room room(problem, pattern.machine);
  for (const auto& [candidate, n] : pattern.content) {
    std::int64_t& rest = left[machine.candidates[candidate].cls];
    std::int64_t m = std::min<std::int64_t>(n, rest);
    room.add(candidate, m);
    rest -= m;
  }
  std::vector<std::pair<double, std::uint32_t>> order;
  for (std::uint32_t i = 0; i < machine.candidates.size(); ++i)
    if (left[machine.candidates[i].cls] > 0)
      order.emplace_back(-values[machine.candidates[i].cls], i);
  std::sort(order.begin(), order.end());
  for (const auto& [minus_value, i] : order) {
    std::int64_t& rest = left[machine.candidates[i].cls];
    std::int64_t m = room.most(i, rest);
    room.add(i, m);
    rest -= m;
  }
  return room.pattern();
}

/// One pricing round over all machines, greedy or (steps > 0) by search; true if a column was
/// added.
bool price(const Problem& problem, const std::vector<double>& values,
           const std::vector<double>& duals, const std::vector<std::int64_t>& residual,
           std::int64_t steps, Master& master) {
  bool added = false;
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const double least = (dollars(problem.machines[m].price) + master.rent(m)) * (1 + 1e-7);
    const Filled filled = steps > 0 ? search_node(problem, m, values, residual, least, steps)
                                    : fill_node(problem, m, values, residual);
    if (value_of(problem, filled.pattern, duals) > least)
      added = master.add(filled.pattern) || added;
  }
  return added;
}

/// Pricing rounds until nothing is found or the rounds are used up. Returns the last duals.
std::vector<double> run_rounds(const Problem& problem, const std::vector<double>& reference,
                               const std::vector<std::int64_t>& residual, std::int64_t rounds,
                               std::int64_t steps, const std::function<void()>& tick,
                               Master& master) {
  std::vector<double> duals = reference;
  for (std::int64_t round = 0; round <= rounds; ++round) {
    const LpSolution& solution = master.solve();
    if (solution.status != LpStatus::Optimal) return duals;
    duals = master.values();
    if (round == rounds) break;
    if (tick) tick();
    std::vector<double> smooth = duals;
    for (std::size_t c = 0; c < smooth.size(); ++c)
      smooth[c] = 0.5 * smooth[c] + 0.5 * reference[c];
    // The cheapest effort that still finds something.
    const bool found = price(problem, smooth, duals, residual, 0, master) ||
                       price(problem, duals, duals, residual, 0, master) ||
                       (steps > 0 && price(problem, duals, duals, residual, steps, master));
    if (!found) break;
  }
  return duals;
}

/// 0 for what is no number of nodes.
std::int64_t whole_part(double nodes) {
  return nodes > 0 ? static_cast<std::int64_t>(std::floor(std::min(nodes, 1e9) + 1e-6)) : 0;
}

/// Fixes part of a solution of the master; returns the nodes bought.
std::int64_t fix(const Problem& problem, const std::vector<Pattern>& columns,
                 const std::vector<double>& x, const std::vector<double>& duals,
                 std::vector<std::int64_t>& residual, Stock& stock, Fleet& fleet) {
  std::int64_t bought = 0;
  double fractions = 0;
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t j = 0; j < columns.size(); ++j) {
    const std::int64_t whole = whole_part(x[j]);
    const std::int64_t n = std::min({whole, times_within(problem, columns[j], residual),
                                     std::max<std::int64_t>(0, stock.left(columns[j].machine))});
    stock.take(columns[j].machine, n);
    for (std::int64_t i = 0; i < n; ++i) fleet.push_back(columns[j]);
    take_items(problem, columns[j], n, residual);
    bought += n;
    const double fraction = x[j] - static_cast<double>(n);
    if (!(fraction > 1e-6)) continue;  // NaN too
    fractions += std::min(fraction, 1e6);
    order.emplace_back(-fraction, j);
  }
  if (bought > 0) return bought;
  // No whole part: the largest fractions, a tenth of what is left at a time.
  std::sort(order.begin(), order.end());
  const auto batch = static_cast<std::int64_t>(std::ceil(fractions / 10));
  for (const auto& [minus_fraction, j] : order) {
    if (bought >= batch) break;
    Pattern node = columns[j];
    if (stock.left(node.machine) <= 0) continue;
    if (times_within(problem, node, residual) < 1) node = refill(problem, node, duals, residual);
    if (node.content.empty()) continue;
    fleet.push_back(node);
    take_items(problem, node, 1, residual);
    stock.take(node.machine, 1);
    ++bought;
  }
  return bought;
}

}  // namespace

Fleet greedy_fleet(const Problem& problem, std::vector<std::int64_t> demand,
                   const std::vector<double>& values, const Stock* stock) {
  Stock left = stock != nullptr ? *stock : Stock(problem);
  // A class that duals call worthless still has to be served: give it a little.
  std::vector<double> worth = values;
  for (double& value : worth) value = std::max(value, 1e-6);
  Fleet fleet;
  while (any_left(demand)) {
    Filled best;
    double best_ratio = -1;
    for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
      if (left.left(m) <= 0) continue;
      Filled filled = fill_node(problem, m, worth, demand);
      double ratio = filled.value / std::max(1e-6, dollars(problem.machines[m].price));
      if (filled.pattern.content.empty() || ratio <= best_ratio * (1 + 1e-9)) continue;
      best_ratio = ratio;
      best = std::move(filled);
    }
    KERF_ASSERT(best_ratio >= 0, "every class has a machine that serves it");
    const std::int64_t times =
        std::min(times_within(problem, best.pattern, demand), left.left(best.pattern.machine));
    left.take(best.pattern.machine, times);
    for (std::int64_t i = 0; i < times; ++i) fleet.push_back(best.pattern);
    take_items(problem, best.pattern, times, demand);
  }
  return fleet;
}

Fleet dive_columns(const Problem& problem, const std::vector<std::int64_t>& demand,
                   const std::vector<Pattern>& columns, const std::vector<double>& x,
                   std::vector<double> duals, LpSolver& solver, const ColumnOptions& options) {
  Fleet fleet;
  std::vector<std::int64_t> residual = demand;
  std::vector<Pattern> carried;
  Stock stock(problem);
  for (std::size_t j = 0; j < columns.size(); ++j)
    if (x[j] > 1e-6) carried.push_back(columns[j]);
  bool stuck = fix(problem, columns, x, duals, residual, stock, fleet) == 0;
  while (any_left(residual) && !stuck) {
    if (auto rest = exact_fleet(problem, residual, options.exact_vectors, kNoLimit, &stock)) {
      fleet.insert(fleet.end(), rest->begin(), rest->end());
      return fleet;
    }
    Master master(problem, residual, stock, solver);
    add_singles(problem, residual, master);
    for (const Pattern& pattern : carried) master.add(refill(problem, pattern, duals, residual));
    duals = run_rounds(problem, duals, residual, options.dive_rounds, 0, options.tick, master);
    stuck = master.solution().status != LpStatus::Optimal ||
            fix(problem, master.columns(), master.nodes(), duals, residual, stock, fleet) == 0;
    if (stuck) break;
    carried.clear();
    const std::vector<double> nodes = master.nodes();
    for (std::size_t j = 0; j < nodes.size(); ++j)
      if (nodes[j] > 1e-6) carried.push_back(master.columns()[j]);
  }
  if (any_left(residual)) {
    Fleet rest = greedy_fleet(problem, residual, duals, &stock);
    fleet.insert(fleet.end(), rest.begin(), rest.end());
  }
  return fleet;
}

Fleet generate_fleet(const Problem& problem, const std::vector<std::int64_t>& demand,
                     const std::vector<double>& values, const Fleet& start, LpSolver& solver,
                     const ColumnOptions& options) {
  if (!any_left(demand)) return {};
  Master master(problem, demand, Stock(problem), solver);
  add_singles(problem, demand, master);
  for (const Pattern& node : start) master.add(node);
  const std::vector<double> duals = run_rounds(problem, values, demand, options.root_rounds,
                                               options.search_steps, options.tick, master);
  if (master.solution().status != LpStatus::Optimal) return greedy_fleet(problem, demand, duals);
  return dive_columns(problem, demand, master.columns(), master.nodes(), duals, solver, options);
}

}  // namespace kerf::plan
