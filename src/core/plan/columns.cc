// Column generation whose columns only need to be good, because the bound is proven elsewhere.
#include "core/plan/columns.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/assert.h"
#include "core/plan/exact.h"
#include "core/plan/node_search.h"

namespace kerf::plan {

namespace {

constexpr double kInf = LinearProgram::kInfinity;
constexpr std::int64_t kSimplexSteps = 200'000;

double dollars(MicroUsdPerHour price) { return static_cast<double>(price.micro) / 1e6; }

bool any_left(const std::vector<std::int64_t>& residual) {
  return std::any_of(residual.begin(), residual.end(), [](std::int64_t n) { return n > 0; });
}

void take(const Problem& problem, const Pattern& pattern, std::int64_t times,
          std::vector<std::int64_t>& residual) {
  for (const auto& [candidate, n] : pattern.content)
    residual[problem.machines[pattern.machine].candidates[candidate].cls] -= n * times;
}

/// How often the pattern can be bought without serving more than is asked.
std::int64_t times_within(const Problem& problem, const Pattern& pattern,
                          const std::vector<std::int64_t>& residual) {
  std::vector<std::pair<std::uint32_t, std::int64_t>> by_class;
  for (const auto& [candidate, n] : pattern.content) {
    const std::uint32_t cls = problem.machines[pattern.machine].candidates[candidate].cls;
    if (!by_class.empty() && by_class.back().first == cls) by_class.back().second += n;
    else by_class.emplace_back(cls, n);
  }
  std::int64_t times = std::int64_t{1} << 40;
  for (const auto& [cls, n] : by_class) times = std::min(times, residual[cls] / n);
  return times;
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

/// The restricted master problem over a growing set of columns.
class Master {
 public:
  Master(const Problem& problem, const std::vector<std::int64_t>& demand, const Stock& stock,
         LpSolver& solver)
      : problem_(problem), solver_(solver), classes_(demand.size()) {
    for (std::int64_t items : demand) base_.add_row(static_cast<double>(items), kInf);
    for (std::int64_t nodes : stock.by_stock()) base_.add_row(-kInf, static_cast<double>(nodes));
  }

  bool add(const Pattern& pattern) {
    if (pattern.content.empty() || !known_.insert(pattern).second) return false;
    columns_.push_back(pattern);
    append(session_ ? fresh_ : base_, pattern);
    return true;
  }

  const LpSolution& solve() {
    if (!session_) {
      session_ = solver_.load(base_);
    } else if (fresh_.columns() > 0) {
      session_->add_columns(fresh_);
    }
    fresh_ = LinearProgram{};
    solution_ = session_->solve(kSimplexSteps);
    return solution_;
  }

  const std::vector<Pattern>& columns() const { return columns_; }
  const LpSolution& solution() const { return solution_; }

  /// By class, from the last solution.
  std::vector<double> duals() const {
    std::vector<double> duals(solution_.dual.begin(),
                              solution_.dual.begin() + static_cast<std::ptrdiff_t>(classes_));
    for (double& dual : duals) dual = std::max(0.0, dual);
    return duals;
  }

  /// What a node of the machine costs here: its price, and what the nodes of its stock are worth to
  /// others.
  double price(std::uint32_t m) const {
    const Machine& machine = problem_.machines[m];
    if (machine.stock < 0) return dollars(machine.price);
    const std::size_t row = classes_ + static_cast<std::size_t>(machine.stock);
    return dollars(machine.price) + std::max(0.0, -solution_.dual[row]);
  }

 private:
  void append(LinearProgram& lp, const Pattern& pattern) {
    lp.add_column(dollars(problem_.machines[pattern.machine].price), 0, kInf);
    std::int64_t last = -1;
    double sum = 0;
    for (const auto& [candidate, n] : pattern.content) {
      const std::int64_t cls = problem_.machines[pattern.machine].candidates[candidate].cls;
      if (cls != last && last >= 0) lp.add_entry(static_cast<std::int32_t>(last), sum);
      sum = (cls == last ? sum : 0) + n;
      last = cls;
    }
    if (last >= 0) lp.add_entry(static_cast<std::int32_t>(last), sum);
    if (const std::int32_t stock = problem_.machines[pattern.machine].stock; stock >= 0)
      lp.add_entry(static_cast<std::int32_t>(classes_) + stock, 1);
  }

  const Problem& problem_;
  LpSolver& solver_;
  std::size_t classes_;
  LinearProgram base_, fresh_;
  std::unique_ptr<LpSession> session_;
  std::vector<Pattern> columns_;
  std::set<Pattern> known_;
  LpSolution solution_;
};

/// For every class the single-class node that serves it cheapest, of those that any number can be
/// had of: the master is never infeasible.
void add_singles(const Problem& problem, const std::vector<std::int64_t>& residual,
                 Master& master) {
  struct Best {
    double price = kInf;
    Pattern pattern;
  };
  std::vector<Best> best(problem.classes.size());
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    if (machine.stock >= 0) continue;
    Room room(problem, m);
    for (std::uint32_t i = 0; i < machine.candidates.size(); ++i) {
      const std::uint32_t cls = machine.candidates[i].cls;
      if (residual[cls] <= 0) continue;
      std::int64_t n = room.most(i, residual[cls]);
      if (n == 0) continue;
      double price = dollars(machine.price) / static_cast<double>(n);
      if (price >= best[cls].price) continue;
      best[cls] = {price, {m, {{i, static_cast<std::int32_t>(n)}}}};
    }
  }
  for (const Best& entry : best) master.add(entry.pattern);
}

/// One pricing round over all machines, greedy or (steps > 0) by search; true if a column was
/// added.
bool price(const Problem& problem, const std::vector<double>& values,
           const std::vector<double>& duals, const std::vector<std::int64_t>& residual,
           std::int64_t steps, Master& master) {
  bool added = false;
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const double least = master.price(m) * (1 + 1e-7) + 1e-9;
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
    duals = master.duals();
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

/// Fixes part of the master's solution; returns the nodes bought.
std::int64_t fix(const Problem& problem, const Master& master, const std::vector<double>& duals,
                 std::vector<std::int64_t>& residual, Stock& stock, Fleet& fleet) {
  const std::vector<double>& x = master.solution().primal;
  std::int64_t bought = 0;
  double fractions = 0;
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t j = 0; j < master.columns().size(); ++j) {
    const auto whole = static_cast<std::int64_t>(std::floor(x[j] + 1e-6));
    const std::int64_t n =
        std::min({whole, times_within(problem, master.columns()[j], residual),
                  std::max<std::int64_t>(0, stock.left(master.columns()[j].machine))});
    stock.take(master.columns()[j].machine, n);
    for (std::int64_t i = 0; i < n; ++i) fleet.push_back(master.columns()[j]);
    take(problem, master.columns()[j], n, residual);
    bought += n;
    const double fraction = x[j] - static_cast<double>(n);
    if (fraction <= 1e-6) continue;
    fractions += fraction;
    order.emplace_back(-fraction, j);
  }
  if (bought > 0) return bought;
  // No whole part: the largest fractions, a tenth of what is left at a time.
  std::sort(order.begin(), order.end());
  const auto batch = static_cast<std::int64_t>(std::ceil(fractions / 10));
  for (const auto& [minus_fraction, j] : order) {
    if (bought >= batch) break;
    Pattern node = master.columns()[j];
    if (stock.left(node.machine) <= 0) continue;
    if (times_within(problem, node, residual) < 1) node = refill(problem, node, duals, residual);
    if (node.content.empty()) continue;
    fleet.push_back(node);
    take(problem, node, 1, residual);
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
    take(problem, best.pattern, times, demand);
  }
  return fleet;
}

Fleet generate_fleet(const Problem& problem, const std::vector<std::int64_t>& demand,
                     const std::vector<double>& values, const Fleet& start, LpSolver& solver,
                     const ColumnOptions& options) {
  Fleet fleet;
  std::vector<std::int64_t> residual = demand;
  std::vector<double> duals = values;
  std::vector<Pattern> carried;
  Stock stock(problem);
  bool root = true;
  while (any_left(residual)) {
    if (!root)
      if (auto rest = exact_fleet(problem, residual, options.exact_vectors,
                                  std::numeric_limits<std::int64_t>::max(), &stock)) {
        fleet.insert(fleet.end(), rest->begin(), rest->end());
        return fleet;
      }
    Master master(problem, residual, stock, solver);
    add_singles(problem, residual, master);
    if (root)
      for (const Pattern& node : start) master.add(node);
    for (const Pattern& pattern : carried) master.add(refill(problem, pattern, duals, residual));
    duals =
        root ? run_rounds(problem, values, residual, options.root_rounds, options.search_steps,
                          options.tick, master)
             : run_rounds(problem, duals, residual, options.dive_rounds, 0, options.tick, master);
    if (master.solution().status != LpStatus::Optimal ||
        fix(problem, master, duals, residual, stock, fleet) == 0) {
      Fleet rest = greedy_fleet(problem, residual, duals, &stock);
      fleet.insert(fleet.end(), rest.begin(), rest.end());
      return fleet;
    }
    carried.clear();
    for (std::size_t j = 0; j < master.columns().size(); ++j)
      if (master.solution().primal[j] > 1e-6) carried.push_back(master.columns()[j]);
    root = false;
  }
  return fleet;
}

}  // namespace kerf::plan
