// Most value per scarce resource first; what is scarce follows from what is left.
#include "core/plan/node_filler.h"

#include <algorithm>

namespace kerf::plan {

namespace {

constexpr std::array<double, 5> kWeights[NodeFiller::kNotions] = {
    {1, 1, 1, 0.1, 1}, {1, 0.2, 0, 0, 0.4}, {0.3, 0.3, 0.3, 0, 1}};

constexpr double kMostTaken = 1.2;

double share(std::int64_t need, std::int64_t total) {
  return total <= 0 ? 0.0 : static_cast<double>(need) / static_cast<double>(total);
}

}  // namespace

NodeFiller::NodeFiller(const Problem& problem, std::uint32_t machine)
    : problem_(&problem), machine_(machine) {
  const Machine& m = problem.machines[machine];
  const GpuKind& kind = *problem.kinds[m.kind];
  const std::int64_t gpus = std::int64_t{GpuKind::kWholeWeight} * m.gpus;
  for (std::uint32_t i = 0; i < m.candidates.size(); ++i) {
    const Candidate& candidate = m.candidates[i];
    const Resources& need = problem.classes[candidate.cls].need;
    items_.push_back(
        {i,
         candidate.cls,
         {share(need.cpu_milli, m.allocatable.cpu_milli),
          share(need.memory_mib, m.allocatable.memory_mib),
          share(need.disk_mib, m.allocatable.disk_mib), share(need.pods, m.allocatable.pods),
          share(kind.weight(candidate.units), gpus)}});
    useful_.push_back(i);
  }
}

void NodeFiller::guide(const NodePrices& prices, const std::vector<double>& values) {
  const Machine& machine = problem_->machines[machine_];
  const GpuKind& kind = *problem_->kinds[machine.kind];
  useful_.clear();
  for (std::uint32_t i = 0; i < items_.size(); ++i) {
    const Candidate& candidate = machine.candidates[i];
    const double taken = prices.of(problem_->classes[candidate.cls].need) +
                         prices.of(candidate.units, kind.units().size());
    items_[i].taken = taken;
    if (taken <= kMostTaken * values[candidate.cls] + 1e-9) useful_.push_back(i);
  }
}

Filled NodeFiller::fill(std::size_t notion, const Pattern& first, const std::vector<double>& values,
                        const std::vector<std::int64_t>& residual) {
  Room room(*problem_, first);
  Parts free = {1, 1, 1, 1, 1};
  double value = 0;
  for (const auto& [candidate, n] : first.content) {
    for (std::size_t r = 0; r < free.size(); ++r) free[r] -= items_[candidate].part[r] * n;
    value += values[items_[candidate].cls] * n;
  }
  active_.clear();
  for (const std::uint32_t i : useful_) {
    const Item& item = items_[i];
    if (residual[item.cls] > 0 && values[item.cls] > 0)
      active_.push_back({&item, values[item.cls], residual[item.cls]});
  }
  while (!active_.empty()) {
    Parts weight;
    for (std::size_t r = 0; r < weight.size(); ++r)
      weight[r] = kWeights[notion][r] / std::max(free[r], 1e-3);
    std::size_t best = 0, kept = 0;
    double best_score = -1;
    for (const Active& active : active_) {
      const Parts& part = active.item->part;
      // The GPU's part is a measure, not a limit: Room knows what fits.
      if (part[0] > free[0] + 1e-9 || part[1] > free[1] + 1e-9 || part[2] > free[2] + 1e-9)
        continue;
      double cost = 1e-9;
      for (std::size_t r = 0; r < weight.size(); ++r) cost += weight[r] * part[r];
      if (active.value > best_score * cost) {
        best_score = active.value / cost;
        best = kept;
      }
      active_[kept++] = active;
    }
    active_.resize(kept);
    if (active_.empty()) break;
    const Item& chosen = *active_[best].item;
    if (active_[best].left <= 0 || room.most(chosen.candidate, 1) == 0) {
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(best));
      continue;
    }
    room.add(chosen.candidate, 1);
    value += active_[best].value;
    for (Active& other : active_)  // several candidates may be of one class
      if (other.item->cls == chosen.cls) --other.left;
    for (std::size_t r = 0; r < free.size(); ++r) free[r] -= chosen.part[r];
  }
  return {room.pattern(), value};
}

Pattern NodeFiller::even(std::vector<double> due, std::vector<double> open) {
  Room room(*problem_, machine_);
  std::vector<std::uint32_t> active;
  for (std::uint32_t i = 0; i < items_.size(); ++i)
    if (open[i] >= 0.5) active.push_back(i);
  while (!active.empty()) {
    std::size_t best = 0;
    double most = -1;
    for (std::size_t k = 0; k < active.size(); ++k) {
      const double behind = due[active[k]];
      const double score =
          behind > 0 ? 1e6 + behind * items_[active[k]].part[4] : 1e3 / (1 - behind);
      if (score <= most) continue;
      most = score;
      best = k;
    }
    const std::uint32_t i = active[best];
    if (open[i] < 0.5 || room.most(i, 1) == 0) {
      active.erase(active.begin() + static_cast<std::ptrdiff_t>(best));
      continue;
    }
    room.add(i, 1);
    due[i] -= 1;
    open[i] -= 1;
  }
  return room.pattern();
}

}  // namespace kerf::plan
