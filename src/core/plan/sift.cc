// Sifting: machines come into the LP only where no resource prices keep them out.
#include "core/plan/sift.h"

#include <algorithm>
#include <cmath>

namespace kerf::plan {

namespace {

constexpr double kInf = LinearProgram::kInfinity;
constexpr std::int64_t kSimplexSteps = 200'000;
constexpr int kPriceSteps = 30;
/// A machine worth this much more than its price may stay out: certify() takes it off the bound.
constexpr double kTolerance = 2e-5;
constexpr int kRounds = 12;

double dollars(MicroUsdPerHour price) { return static_cast<double>(price.micro) / 1e6; }
double cores(std::int64_t milli) { return static_cast<double>(milli) / 1000; }
double gib(std::int64_t mib) { return static_cast<double>(mib) / 1024; }

/// The only unit of the candidate, or -1 where there are several.
int only_unit(const UnitCounts& units, std::size_t count) {
  int only = -1;
  for (std::size_t u = 0; u < count; ++u) {
    if (units.n[u] == 0) continue;
    if (only >= 0) return -1;
    only = static_cast<int>(u);
  }
  return only;
}

double share(std::int64_t need, std::int64_t total) {
  return need <= 0
             ? 0.0
             : static_cast<double>(need) / static_cast<double>(std::max<std::int64_t>(1, total));
}

}  // namespace

SiftedLp::SiftedLp(const Problem& problem, const std::vector<std::int64_t>& demand,
                   const std::vector<std::uint32_t>& group_of, LpSolver& solver)
    : problem_(problem),
      solver_(solver),
      cluster_of_(group_of),
      known_(problem.machines.size()),
      node_column_(problem.machines.size(), -1),
      nodes_(problem.machines.size()),
      first_pool_(problem.machines.size()),
      pool_of_(problem.machines.size()),
      pools_(problem.machines.size()),
      prices_(problem.machines.size()),
      values_(problem.classes.size()) {
  for (std::uint32_t c = 0; c < demand.size(); ++c) {
    weight_.push_back(static_cast<double>(demand[c]));
    if (group_of[c] >= cluster_demand_.size()) cluster_demand_.resize(group_of[c] + 1);
    cluster_demand_[group_of[c]] += weight_.back();
  }
  make_rows();
  choose_first(demand);
}

void SiftedLp::make_rows() {
  std::array<bool, 3> asked{};
  for (const ItemClass& item : problem_.classes) {
    asked[0] = asked[0] || item.need.cpu_milli > 0;
    asked[1] = asked[1] || item.need.memory_mib > 0;
    asked[2] = asked[2] || item.need.disk_mib > 0;
  }
  double dearest = 0;
  for (const Machine& machine : problem_.machines)
    dearest = std::max(dearest, dollars(machine.price));
  for (double items : cluster_demand_) program_.add_row(items, kInf);
  for (const Machine& machine : problem_.machines) {
    const GpuKind& kind = *problem_.kinds[machine.kind];
    MachineRows rows;
    const auto row_if = [&](bool wanted) { return wanted ? program_.add_row(-kInf, 0) : -1; };
    rows.cpu = row_if(asked[0]);
    rows.memory = row_if(asked[1]);
    rows.disk = row_if(asked[2]);
    std::int64_t most = 0;  // devices that one GPU can be cut into
    for (const UnitCounts& corner : kind.corners()) {
      std::int64_t sum = 0;
      for (std::size_t u = 0; u < kind.units().size(); ++u) sum += corner.n[u];
      most = std::max(most, sum);
    }
    rows.pods = row_if(most * machine.gpus > machine.allocatable.pods);
    rows.gpus = row_if(kind.corners().size() > 1);
    for (std::size_t u = 0; u < kind.units().size(); ++u)
      rows.units.push_back(program_.add_row(-kInf, 0));
    rows_.push_back(std::move(rows));
  }
  // Whoever nothing serves any more stays unserved, at a price that nobody else pays.
  for (std::size_t k = 0; k < cluster_demand_.size(); ++k) {
    program_.add_column(100 * (1 + dearest), 0, kInf);
    program_.add_entry(static_cast<std::int32_t>(k), 1);
  }
  columns_ = program_.columns();
}

void SiftedLp::choose_first(const std::vector<std::int64_t>& demand) {
  std::vector<double> least(problem_.classes.size(), kInf);
  std::vector<std::uint32_t> best(problem_.classes.size(), 0);
  for (std::uint32_t m = 0; m < problem_.machines.size(); ++m) {
    const Machine& machine = problem_.machines[m];
    const GpuKind& kind = *problem_.kinds[machine.kind];
    const std::int64_t gpus = kind.heaviest() * machine.gpus;
    for (const Candidate& candidate : machine.candidates) {
      const Resources& need = problem_.classes[candidate.cls].need;
      const double part = std::max({share(need.cpu_milli, machine.allocatable.cpu_milli),
                                    share(need.memory_mib, machine.allocatable.memory_mib),
                                    share(need.disk_mib, machine.allocatable.disk_mib),
                                    share(need.pods, machine.allocatable.pods),
                                    share(kind.weight(candidate.units), gpus)});
      const double price = part * dollars(machine.price);
      if (price >= least[candidate.cls]) continue;
      least[candidate.cls] = price;
      best[candidate.cls] = m;
    }
  }
  std::vector<bool> chosen(problem_.machines.size());
  for (std::uint32_t c = 0; c < problem_.classes.size(); ++c)
    if (demand[c] > 0 && least[c] < kInf) chosen[best[c]] = true;
  for (std::uint32_t m = 0; m < problem_.machines.size(); ++m)
    if (chosen[m] || problem_.machines[m].at_most >= 0) add_machine(m, program_);
}

/// Appends the machine's columns: nodes, corners, items.
void SiftedLp::add_machine(std::uint32_t m, LinearProgram& lp) {
  known_[m] = true;
  const Machine& machine = problem_.machines[m];
  const GpuKind& kind = *problem_.kinds[machine.kind];
  const MachineRows& rows = rows_[m];
  const std::size_t units = kind.units().size();
  node_column_[m] = columns_++;
  lp.add_column(dollars(machine.price), 0,
                machine.at_most < 0 ? kInf : static_cast<double>(machine.at_most));
  if (rows.cpu >= 0) lp.add_entry(rows.cpu, -cores(machine.allocatable.cpu_milli));
  if (rows.memory >= 0) lp.add_entry(rows.memory, -gib(machine.allocatable.memory_mib));
  if (rows.disk >= 0) lp.add_entry(rows.disk, -gib(machine.allocatable.disk_mib));
  if (rows.pods >= 0) lp.add_entry(rows.pods, -static_cast<double>(machine.allocatable.pods));
  if (rows.gpus >= 0) {
    lp.add_entry(rows.gpus, -machine.gpus);
    for (const UnitCounts& corner : kind.corners()) {
      ++columns_;
      lp.add_column(0, 0, kInf);
      lp.add_entry(rows.gpus, 1);
      for (std::size_t u = 0; u < units; ++u)
        if (corner.n[u] > 0) lp.add_entry(rows.units[u], -static_cast<double>(corner.n[u]));
    }
  } else {
    for (std::size_t u = 0; u < units && !kind.corners().empty(); ++u)
      lp.add_entry(rows.units[u], -static_cast<double>(kind.corners()[0].n[u] * machine.gpus));
  }
  struct Mean {
    std::uint32_t candidate;
    std::uint32_t cluster;
    UnitCounts units;
    double items, cpu, memory, disk, pods;
  };
  std::vector<Mean> means;
  pool_of_[m].assign(machine.candidates.size(), -1);
  for (std::uint32_t i = 0; i < machine.candidates.size(); ++i) {
    const Candidate& candidate = machine.candidates[i];
    const Resources& need = problem_.classes[candidate.cls].need;
    const double w = weight_[candidate.cls];
    if (w <= 0) continue;
    means.push_back({i, cluster_of_[candidate.cls], candidate.units, w, w * cores(need.cpu_milli),
                     w * gib(need.memory_mib), w * gib(need.disk_mib),
                     w * static_cast<double>(need.pods)});
  }
  std::stable_sort(means.begin(), means.end(), [](const Mean& a, const Mean& b) {
    return a.cluster != b.cluster ? a.cluster < b.cluster : a.units < b.units;
  });
  first_pool_[m] = columns_;
  for (std::size_t i = 0; i < means.size();) {
    Mean sum = means[i];
    pool_of_[m][means[i++].candidate] = columns_ - first_pool_[m];
    for (; i < means.size() && means[i].cluster == sum.cluster && means[i].units == sum.units;
         ++i) {
      pool_of_[m][means[i].candidate] = columns_ - first_pool_[m];
      sum.items += means[i].items;
      sum.cpu += means[i].cpu;
      sum.memory += means[i].memory;
      sum.disk += means[i].disk;
      sum.pods += means[i].pods;
    }
    ++columns_;
    lp.add_column(0, 0, kInf);
    lp.add_entry(static_cast<std::int32_t>(sum.cluster), 1);
    if (rows.cpu >= 0 && sum.cpu > 0) lp.add_entry(rows.cpu, sum.cpu / sum.items);
    if (rows.memory >= 0 && sum.memory > 0) lp.add_entry(rows.memory, sum.memory / sum.items);
    if (rows.disk >= 0 && sum.disk > 0) lp.add_entry(rows.disk, sum.disk / sum.items);
    if (rows.pods >= 0 && sum.pods > 0) lp.add_entry(rows.pods, sum.pods / sum.items);
    for (std::size_t u = 0; u < units; ++u)
      if (sum.units.n[u] > 0) lp.add_entry(rows.units[u], static_cast<double>(sum.units.n[u]));
  }
  pools_[m].resize(static_cast<std::size_t>(columns_ - first_pool_[m]));
}

bool SiftedLp::solve(const std::vector<std::int64_t>& residual,
                     const std::vector<std::int64_t>& left) {
  std::vector<double> items(cluster_demand_.size());
  for (std::uint32_t c = 0; c < residual.size(); ++c)
    items[cluster_of_[c]] += static_cast<double>(residual[c]);
  if (session_ == nullptr) session_ = solver_.load(program_);
  for (std::size_t k = 0; k < items.size(); ++k) {
    if (items[k] == cluster_demand_[k]) continue;
    cluster_demand_[k] = items[k];
    session_->set_row_bounds(static_cast<std::int32_t>(k), items[k], kInf);
  }
  for (std::uint32_t m = 0; m < left.size(); ++m)
    if (left[m] >= 0 && known_[m])
      session_->set_column_bounds(node_column_[m], 0, static_cast<double>(left[m]));
  for (int round = 0; round < kRounds; ++round) {
    const LpSolution solution = session_->solve(kSimplexSteps);
    ++solves_;
    if (solution.status != LpStatus::Optimal) return false;
    read(solution);
    value_classes();
    LinearProgram fresh;
    for (std::uint32_t m = 0; m < problem_.machines.size(); ++m)
      if (!known_[m] && !price_out(m)) add_machine(m, fresh);
    if (fresh.columns() == 0) break;
    session_->add_columns(fresh);
  }
  return true;
}

void SiftedLp::read(const LpSolution& solution) {
  for (std::uint32_t m = 0; m < problem_.machines.size(); ++m) {
    if (!known_[m]) continue;
    const MachineRows& rows = rows_[m];
    const auto worth = [&](std::int32_t row) {
      return row < 0 ? 0.0 : std::max(0.0, -solution.dual[static_cast<std::size_t>(row)]);
    };
    nodes_[m] = solution.primal[static_cast<std::size_t>(node_column_[m])];
    for (std::size_t i = 0; i < pools_[m].size(); ++i)
      pools_[m][i] = std::max(0.0, solution.primal[static_cast<std::size_t>(first_pool_[m]) + i]);
    NodePrices& prices = prices_[m];
    prices.cpu_milli = worth(rows.cpu) / 1000;
    prices.memory_mib = worth(rows.memory) / 1024;
    prices.disk_mib = worth(rows.disk) / 1024;
    prices.pods = worth(rows.pods);
    for (std::size_t u = 0; u < rows.units.size(); ++u) prices.unit[u] = worth(rows.units[u]);
  }
}

/// The least that any known machine takes for an item.
void SiftedLp::value_classes() {
  std::fill(values_.begin(), values_.end(), kInf);
  for (std::uint32_t m = 0; m < problem_.machines.size(); ++m) {
    if (!known_[m]) continue;
    const Machine& machine = problem_.machines[m];
    const std::size_t units = problem_.kinds[machine.kind]->units().size();
    const NodePrices& prices = prices_[m];
    for (const Candidate& candidate : machine.candidates) {
      double& least = values_[candidate.cls];
      least = std::min(least, prices.of(problem_.classes[candidate.cls].need) +
                                  prices.of(candidate.units, units));
    }
  }
  for (double& value : values_)
    if (value == kInf) value = 0;
}

/// Looks for resource prices of a machine under which no class is worth more than it takes, and a
/// node no more than it costs. Steps go against the subgradient, as far as the price asks (Polyak).
bool SiftedLp::price_out(std::uint32_t m) {
  const Machine& machine = problem_.machines[m];
  const GpuKind& kind = *problem_.kinds[machine.kind];
  const std::size_t units = kind.units().size();
  const double price = dollars(machine.price);
  const std::array<double, 4> total = {
      static_cast<double>(std::max<std::int64_t>(1, machine.allocatable.cpu_milli)),
      static_cast<double>(std::max<std::int64_t>(1, machine.allocatable.memory_mib)),
      static_cast<double>(std::max<std::int64_t>(1, machine.allocatable.disk_mib)),
      static_cast<double>(std::max<std::int64_t>(1, machine.allocatable.pods))};
  const MachineRows& rows = rows_[m];
  const std::array<bool, 4> used = {rows.cpu >= 0, rows.memory >= 0, rows.disk >= 0,
                                    rows.pods >= 0};
  NodePrices& now = prices_[m];
  for (int step = 0; step < kPriceSteps; ++step) {
    now.unit.fill(0);
    std::array<const Candidate*, UnitCounts::kMax> dearest{};
    for (const Candidate& candidate : machine.candidates) {
      const double rest = values_[candidate.cls] - now.of(problem_.classes[candidate.cls].need);
      if (rest <= 0) continue;
      const int only = only_unit(candidate.units, units);
      if (only >= 0) {
        const auto u = static_cast<std::size_t>(only);
        const double each = rest / candidate.units.n[u];
        if (each <= now.unit[u]) continue;
        now.unit[u] = each;
        dearest[u] = &candidate;
        continue;
      }
      const double missing = rest - now.of(candidate.units, units);
      const auto weight = static_cast<double>(kind.weight(candidate.units));
      if (missing <= 0 || weight <= 0) continue;
      for (std::size_t u = 0; u < units; ++u)
        if (candidate.units.n[u] > 0) now.unit[u] += missing * kind.weight(u) / weight;
    }
    double gpu = 0;
    const UnitCounts* corner = nullptr;
    for (const UnitCounts& one : kind.corners()) {
      const double worth = now.of(one, units);
      if (worth <= gpu) continue;
      gpu = worth;
      corner = &one;
    }
    const double worth = now.cpu_milli * total[0] + now.memory_mib * total[1] +
                         now.disk_mib * total[2] + now.pods * total[3] + gpu * machine.gpus;
    if (worth <= price * (1 + kTolerance)) return true;
    std::array<double, 4> slope = {1, 1, 1, 1};
    for (std::size_t u = 0; corner != nullptr && u < units; ++u) {
      if (dearest[u] == nullptr || corner->n[u] == 0) continue;
      const double items =
          static_cast<double>(corner->n[u]) * machine.gpus / dearest[u]->units.n[u];
      const Resources& need = problem_.classes[dearest[u]->cls].need;
      slope[0] -= items * static_cast<double>(need.cpu_milli) / total[0];
      slope[1] -= items * static_cast<double>(need.memory_mib) / total[1];
      slope[2] -= items * static_cast<double>(need.disk_mib) / total[2];
      slope[3] -= items * static_cast<double>(need.pods) / total[3];
    }
    std::array<double*, 4> where = {&now.cpu_milli, &now.memory_mib, &now.disk_mib, &now.pods};
    double length = 0;
    for (std::size_t r = 0; r < 4; ++r) {
      if (!used[r] || (slope[r] > 0 && *where[r] <= 0)) slope[r] = 0;
      length += slope[r] * slope[r];
    }
    if (length < 1e-12) return false;
    const double far = (worth - price * (1 - 1e-4)) / length;
    for (std::size_t r = 0; r < 4; ++r)
      *where[r] = std::max(0.0, *where[r] - far * slope[r] / total[r]);
  }
  return false;
}

MicroUsdPerHour SiftedLp::certified(const std::vector<std::int64_t>& demand,
                                    std::vector<std::int64_t>& proven) const {
  std::vector<double> duals(static_cast<std::size_t>(program_.rows()));
  for (std::size_t m = 0; m < problem_.machines.size(); ++m) {
    const MachineRows& rows = rows_[m];
    const auto set = [&](std::int32_t row, double worth) {
      if (row >= 0) duals[static_cast<std::size_t>(row)] = -worth;
    };
    set(rows.cpu, prices_[m].cpu_milli * 1000);
    set(rows.memory, prices_[m].memory_mib * 1024);
    set(rows.disk, prices_[m].disk_mib * 1024);
    set(rows.pods, prices_[m].pods);
    for (std::size_t u = 0; u < rows.units.size(); ++u) set(rows.units[u], prices_[m].unit[u]);
  }
  return certify(problem_, demand, rows_, duals, &proven);
}

}  // namespace kerf::plan
