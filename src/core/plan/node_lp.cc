// Rows for resources, GPUs and units; classes that have several ways get one of their own.
#include "core/plan/node_lp.h"

#include <algorithm>
#include <cmath>

namespace kerf::plan {

namespace {

constexpr double kInf = LinearProgram::kInfinity;
constexpr std::int64_t kSimplexSteps = 5'000;
/// Parts of a dollar: values become numbers near one for the linear program.
constexpr double kDollar = 1e12;
constexpr double kMost = 4e17;

/// A multiplier as a whole number; capped so that `amount` of it is worth kMost / 16 at most.
std::int64_t quantised(double dollars, std::int64_t amount) {
  const double parts = -dollars * kDollar;
  if (!(parts > 0)) return 0;  // NaN too
  const double cap = kMost / 16 / static_cast<double>(std::max<std::int64_t>(amount, 1));
  return static_cast<std::int64_t>(std::min(std::round(parts), cap));
}

}  // namespace

NodeLp::NodeLp(const Problem& problem, std::uint32_t machine, LpSolver& solver)
    : problem_(problem),
      machine_(problem.machines[machine]),
      kind_(*problem.kinds[machine_.kind]),
      solver_(solver) {
  for (const UnitCounts& corner : kind_.corners()) {
    std::int64_t devices = 0;
    for (const std::uint8_t n : corner.n) devices += n;
    devices_most_ = std::max(devices_most_, devices * machine_.gpus);
  }
}

void NodeLp::build() {
  LinearProgram lp;
  const Resources& room = machine_.allocatable;
  const auto row = [&](std::int64_t capacity, double unit) {
    return lp.add_row(-kInf, static_cast<double>(capacity) / unit);
  };
  const std::int32_t cpu = row(room.cpu_milli, 1000), memory = row(room.memory_mib, 1024);
  const std::int32_t disk = row(room.disk_mib, 1024), pods = row(room.pods, 1);
  const std::int32_t gpus = row(machine_.gpus, 1);
  for (std::size_t u = 0; u < kind_.units().size(); ++u) lp.add_row(-kInf, 0);
  class_row_.assign(problem_.classes.size(), -1);
  row_caps_.assign(problem_.classes.size(), -1);
  for (std::size_t i = 1; i < machine_.candidates.size(); ++i) {
    const std::uint32_t cls = machine_.candidates[i].cls;
    if (cls == machine_.candidates[i - 1].cls && class_row_[cls] < 0)
      class_row_[cls] = lp.add_row(-kInf, 0);
  }
  for (const Candidate& candidate : machine_.candidates) {
    const Resources& need = problem_.classes[candidate.cls].need;
    lp.add_column(0, 0, 0);
    const auto entry = [&](std::int32_t r, std::int64_t amount, double unit) {
      if (amount > 0) lp.add_entry(r, static_cast<double>(amount) / unit);
    };
    entry(cpu, need.cpu_milli, 1000);
    entry(memory, need.memory_mib, 1024);
    entry(disk, need.disk_mib, 1024);
    entry(pods, need.pods, 1);
    for (std::size_t u = 0; u < kind_.units().size(); ++u)
      entry(gpus + 1 + static_cast<std::int32_t>(u), candidate.units.n[u], 1);
    if (class_row_[candidate.cls] >= 0) lp.add_entry(class_row_[candidate.cls], 1);
  }
  for (const UnitCounts& corner : kind_.corners()) {
    lp.add_column(0, 0, kInf);
    lp.add_entry(gpus, 1);
    for (std::size_t u = 0; u < kind_.units().size(); ++u)
      if (corner.n[u] > 0)
        lp.add_entry(gpus + 1 + static_cast<std::int32_t>(u), -static_cast<double>(corner.n[u]));
  }
  costs_.assign(static_cast<std::size_t>(lp.columns()), 0);
  caps_.assign(machine_.candidates.size(), 0);
  session_ = solver_.load(lp);
}

NodeMultipliers NodeLp::solve(const std::vector<std::int64_t>& values,
                              const std::vector<std::int64_t>& most) {
  if (!session_) build();
  for (std::size_t i = 0; i < values.size(); ++i) {
    costs_[i] = -static_cast<double>(values[i]) / kDollar;
    const std::int64_t cap = values[i] > 0 ? most[machine_.candidates[i].cls] : 0;
    if (caps_[i] == cap) continue;
    caps_[i] = cap;
    session_->set_column_bounds(static_cast<std::int32_t>(i), 0, static_cast<double>(cap));
  }
  for (std::size_t c = 0; c < class_row_.size(); ++c) {
    if (class_row_[c] < 0 || row_caps_[c] == most[c]) continue;
    row_caps_[c] = most[c];
    session_->set_row_bounds(class_row_[c], -kInf, static_cast<double>(most[c]));
  }
  session_->set_costs(costs_);
  const LpSolution solution = session_->solve(kSimplexSteps);
  if (solution.status != LpStatus::Optimal) session_.reset();  // start afresh the next time
  return read(solution);
}

NodeMultipliers NodeLp::read(const LpSolution& solution) const {
  NodeMultipliers out;
  out.units.assign(kind_.units().size(), 0);
  if (solution.status != LpStatus::Optimal) return out;
  const std::vector<double>& dual = solution.dual;
  const Resources& room = machine_.allocatable;
  out.each = {quantised(dual[0] / 1000, room.cpu_milli), quantised(dual[1] / 1024, room.memory_mib),
              quantised(dual[2] / 1024, room.disk_mib), quantised(dual[3], room.pods)};
  for (std::size_t u = 0; u < kind_.units().size(); ++u)
    out.units[u] = quantised(dual[5 + u], devices_most_);
  return out;
}

void NodeLp::close(std::uint32_t candidate) {
  session_->set_column_bounds(static_cast<std::int32_t>(candidate), 0, 0);
  caps_[candidate] = 0;
}

bool NodeLp::solve_rest(const Resources& left, const UnitCounts& taken,
                        NodeMultipliers& multipliers) {
  set_room(left, taken);
  const LpSolution solution = session_->solve(kSimplexSteps);
  if (solution.status != LpStatus::Optimal) return false;
  multipliers = read(solution);
  return true;
}

void NodeLp::clear() {
  if (session_) set_room(machine_.allocatable, {});
}

void NodeLp::set_room(const Resources& left, const UnitCounts& taken) {
  const auto set = [this](std::int32_t row, std::int64_t amount, double unit) {
    session_->set_row_bounds(row, -kInf, static_cast<double>(amount) / unit);
  };
  set(0, left.cpu_milli, 1000);
  set(1, left.memory_mib, 1024);
  set(2, left.disk_mib, 1024);
  set(3, left.pods, 1);
  for (std::size_t u = 0; u < kind_.units().size(); ++u)
    set(5 + static_cast<std::int32_t>(u), -std::int64_t{taken.n[u]}, 1);
}

}  // namespace kerf::plan
