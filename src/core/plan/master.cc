// The restricted master: columns are appended and solved from the last basis.
#include "core/plan/master.h"

#include <algorithm>

namespace kerf::plan {

namespace {

constexpr double kInf = LinearProgram::kInfinity;
constexpr std::int64_t kSimplexSteps = 200'000;

double dollars(MicroUsdPerHour price) { return static_cast<double>(price.micro) / 1e6; }

}  // namespace

Master::Master(const Problem& problem, const std::vector<std::int64_t>& items, const Stock& stock,
               LpSolver& solver)
    : problem_(problem), solver_(solver), classes_(items.size()) {
  for (std::int64_t n : items) base_.add_row(static_cast<double>(n), kInf);
  for (const std::int64_t nodes : stock.by_stock())
    stock_row_.push_back(
        base_.add_row(-kInf, static_cast<double>(std::max<std::int64_t>(nodes, 0))));
  double dear = 1;
  for (const Machine& machine : problem.machines)
    dear = std::max(dear, 100 * dollars(machine.price));
  if (problem.limit_gpus >= 0)
    gpu_row_ = base_.add_row(-kInf, static_cast<double>(problem.limit_gpus));
  for (std::size_t c = 0; c < classes_; ++c) {
    base_.add_column(dear, 0, kInf);
    base_.add_entry(static_cast<std::int32_t>(c), 1);
  }
}

std::vector<double> Master::nodes() const {
  std::vector<double> nodes(columns_.size(), 0);
  for (std::size_t j = 0; j < nodes.size() && classes_ + j < solution_.primal.size(); ++j)
    nodes[j] = solution_.primal[classes_ + j];
  return nodes;
}

std::vector<double> Master::values() const {
  std::vector<double> values(classes_, 0);
  for (std::size_t c = 0; c < classes_ && c < solution_.dual.size(); ++c)
    values[c] = std::max(0.0, solution_.dual[c]);
  return values;
}

double Master::gpu_rent() const {
  if (gpu_row_ < 0 || solution_.dual.empty()) return 0;
  return std::max(0.0, -solution_.dual[static_cast<std::size_t>(gpu_row_)]);
}

double Master::rent(std::uint32_t machine) const {
  double rent = gpu_rent() * problem_.machines[machine].gpus;
  const std::int32_t stock = problem_.machines[machine].stock;
  if (stock >= 0 && !solution_.dual.empty())
    rent += std::max(
        0.0,
        -solution_.dual[static_cast<std::size_t>(stock_row_[static_cast<std::size_t>(stock)])]);
  return rent;
}

bool Master::add(const Pattern& pattern) {
  if (pattern.content.empty() || !known_.insert(pattern).second) return false;
  columns_.push_back(pattern);
  append(session_ ? fresh_ : base_, pattern);
  return true;
}

const LpSolution& Master::solve() {
  if (!session_) {
    session_ = solver_.load(base_);
  } else if (fresh_.columns() > 0) {
    session_->add_columns(fresh_);
  }
  fresh_ = LinearProgram{};
  solution_ = session_->solve(kSimplexSteps);
  return solution_;
}

void Master::append(LinearProgram& lp, const Pattern& pattern) {
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
    lp.add_entry(stock_row_[static_cast<std::size_t>(stock)], 1);
  if (gpu_row_ >= 0) lp.add_entry(gpu_row_, problem_.machines[pattern.machine].gpus);
}

/// For every class the single-class node that serves it cheapest: the master is never infeasible.
void add_singles(const Problem& problem, const std::vector<std::int64_t>& residual,
                 Master& master) {
  struct Best {
    double price = kInf;
    Pattern pattern;
  };
  std::vector<Best> best(problem.classes.size());
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
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

}  // namespace kerf::plan
