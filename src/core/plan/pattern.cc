// Room keeps a node feasible while it is filled; fill_node and cheapest_host search over it.
#include "core/plan/pattern.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace kerf::plan {

namespace {

std::int64_t most_by_amount(std::int64_t left, std::int64_t need, std::int64_t limit) {
  return need <= 0 ? limit : std::min(limit, left / need);
}

/// How much each resource counts when candidates are ordered: cpu, memory, disk, pods, gpu.
using Scarcity = std::array<double, 5>;
constexpr Scarcity kNotions[] = {{0, 0, 0, 0, 1},       {1, 1, 1, 0.1, 1},  {0.3, 0.3, 0.1, 0, 1},
                                 {1, 0.1, 0, 0, 0.5},   {0.1, 1, 0, 0, 0.5}, {0.6, 0.1, 0, 0, 1},
                                 {0.1, 0.6, 0, 0, 1}};

double share(std::int64_t need, std::int64_t total) {
  return total <= 0 ? 0.0 : static_cast<double>(need) / static_cast<double>(total);
}

/// Parts of the machine that one item of the candidate takes.
Scarcity footprint(const Problem& problem, const Machine& machine, const Candidate& candidate) {
  const Resources& need = problem.classes[candidate.cls].need;
  const GpuKind& kind = *problem.kinds[machine.kind];
  std::int64_t weight = 0;
  for (std::size_t u = 0; u < kind.units().size(); ++u) weight += kind.weight(u) * candidate.units.n[u];
  return {share(need.cpu_milli, machine.allocatable.cpu_milli),
          share(need.memory_mib, machine.allocatable.memory_mib),
          share(need.disk_mib, machine.allocatable.disk_mib),
          share(need.pods, machine.allocatable.pods),
          share(weight, std::int64_t{GpuKind::kWholeWeight} * machine.gpus)};
}

struct Ranked {
  double score;
  std::uint32_t candidate;
};

}  // namespace

MicroUsdPerHour bill_of(const Problem& problem, const Fleet& fleet) {
  MicroUsdPerHour sum;
  for (const Pattern& node : fleet) sum += problem.machines[node.machine].price;
  return sum;
}

std::vector<std::int64_t> served_by(const Problem& problem, const Fleet& fleet) {
  std::vector<std::int64_t> served(problem.classes.size());
  for (const Pattern& node : fleet)
    for (const auto& [candidate, n] : node.content)
      served[problem.machines[node.machine].candidates[candidate].cls] += n;
  return served;
}

Room::Room(const Problem& problem, std::uint32_t machine)
    : problem_(&problem),
      machine_(&problem.machines[machine]),
      index_(machine),
      left_(machine_->allocatable) {}

Room::Room(const Problem& problem, const Pattern& pattern) : Room(problem, pattern.machine) {
  for (const auto& [candidate, n] : pattern.content) {
    const Candidate& c = machine_->candidates[candidate];
    left_ = left_ - problem.classes[c.cls].need * n;
    units_ = units_.plus(c.units, n);
  }
  content_ = pattern.content;
}

std::int64_t Room::most(std::uint32_t candidate, std::int64_t limit) const {
  const Candidate& c = machine_->candidates[candidate];
  const Resources& need = problem_->classes[c.cls].need;
  limit = most_by_amount(left_.cpu_milli, need.cpu_milli, limit);
  limit = most_by_amount(left_.memory_mib, need.memory_mib, limit);
  limit = most_by_amount(left_.disk_mib, need.disk_mib, limit);
  limit = most_by_amount(left_.pods, need.pods, limit);
  if (limit > 0) limit = most_by_company(c.cls, limit);
  if (limit > 0) limit = most_by_gpus(c.units, limit);
  return std::max<std::int64_t>(limit, 0);
}

std::int64_t Room::most_by_company(std::uint32_t cls, std::int64_t limit) const {
  const std::int64_t per_node = problem_->classes[cls].per_node;
  std::int64_t here = 0;
  for (const auto& [other, n] : content_) {
    const std::uint32_t other_cls = machine_->candidates[other].cls;
    if (other_cls == cls) here += n;
    else if (!problem_->may_share(cls, other_cls)) return 0;
  }
  return std::min(limit, per_node - here);
}

std::int64_t Room::most_by_gpus(const UnitCounts& units, std::int64_t limit) const {
  const GpuKind& kind = *problem_->kinds[machine_->kind];
  for (std::size_t u = 0; u < kind.units().size(); ++u)  // a count is a byte
    if (units.n[u] > 0) limit = std::min<std::int64_t>(limit, (255 - units_.n[u]) / units.n[u]);
  if (limit <= 0 || !kind.covers(units_.plus(units), machine_->gpus)) return 0;
  std::int64_t fits = 1, fails = limit + 1;
  while (fails - fits > 1) {
    // Gallop: the answer is most often small, or all of the limit.
    std::int64_t probe = fits == 1 && fails == limit + 1 ? limit : fits + (fails - fits) / 2;
    if (kind.covers(units_.plus(units, static_cast<int>(probe)), machine_->gpus)) fits = probe;
    else fails = probe;
  }
  return fits;
}

void Room::add(std::uint32_t candidate, std::int64_t n) {
  if (n == 0) return;
  const Candidate& c = machine_->candidates[candidate];
  left_ = left_ - problem_->classes[c.cls].need * n;
  units_ = units_.plus(c.units, static_cast<int>(n));
  auto it = std::lower_bound(content_.begin(), content_.end(), candidate,
                             [](const auto& entry, std::uint32_t key) { return entry.first < key; });
  if (it == content_.end() || it->first != candidate) it = content_.insert(it, {candidate, 0});
  it->second += static_cast<std::int32_t>(n);
}

void Room::remove(std::uint32_t candidate, std::int64_t n) {
  const Candidate& c = machine_->candidates[candidate];
  left_ = left_ + problem_->classes[c.cls].need * n;
  units_ = units_.plus(c.units, static_cast<int>(-n));
  auto it = std::lower_bound(content_.begin(), content_.end(), candidate,
                             [](const auto& entry, std::uint32_t key) { return entry.first < key; });
  KERF_ASSERT(it != content_.end() && it->first == candidate && it->second >= n,
              "only what is there is removed");
  it->second -= static_cast<std::int32_t>(n);
  if (it->second == 0) content_.erase(it);
}

Filled fill_node(const Problem& problem, std::uint32_t machine_index,
                 const std::vector<double>& values, const std::vector<std::int64_t>& residual) {
  const Machine& machine = problem.machines[machine_index];
  std::vector<std::uint32_t> useful;
  std::vector<Scarcity> footprints;
  for (std::uint32_t i = 0; i < machine.candidates.size(); ++i) {
    const std::uint32_t cls = machine.candidates[i].cls;
    if (residual[cls] <= 0 || values[cls] <= 0) continue;
    useful.push_back(i);
    footprints.push_back(footprint(problem, machine, machine.candidates[i]));
  }
  Filled best;
  best.pattern.machine = machine_index;
  std::vector<Ranked> order;
  std::vector<std::int64_t> left(problem.classes.size());
  for (const Scarcity& notion : kNotions) {
    order.clear();
    for (std::size_t i = 0; i < useful.size(); ++i) {
      double cost = 1e-9;
      for (std::size_t r = 0; r < notion.size(); ++r) cost += notion[r] * footprints[i][r];
      order.push_back({values[machine.candidates[useful[i]].cls] / cost, useful[i]});
    }
    std::sort(order.begin(), order.end(), [](const Ranked& a, const Ranked& b) {
      return a.score != b.score ? a.score > b.score : a.candidate < b.candidate;
    });
    Room room(problem, machine_index);
    double value = 0;
    for (const Ranked& ranked : order) left[machine.candidates[ranked.candidate].cls] =
        residual[machine.candidates[ranked.candidate].cls];
    for (const Ranked& ranked : order) {
      const std::uint32_t cls = machine.candidates[ranked.candidate].cls;
      if (left[cls] <= 0) continue;
      std::int64_t n = room.most(ranked.candidate, left[cls]);
      room.add(ranked.candidate, n);
      left[cls] -= n;
      value += values[cls] * static_cast<double>(n);
    }
    // One exchange round: take one item out and fill again without it.
    for (const auto& [out, n] : std::vector(room.content())) {
      Room trial = room;
      trial.remove(out, 1);
      double trial_value = value - values[machine.candidates[out].cls];
      std::vector<std::pair<std::uint32_t, std::int64_t>> added;
      for (const Ranked& ranked : order) {
        const std::uint32_t cls = machine.candidates[ranked.candidate].cls;
        if (ranked.candidate == out || left[cls] <= 0) continue;
        std::int64_t m = trial.most(ranked.candidate, left[cls]);
        if (m == 0) continue;
        trial.add(ranked.candidate, m);
        left[cls] -= m;
        added.emplace_back(cls, m);
        trial_value += values[cls] * static_cast<double>(m);
      }
      if (trial_value > value * (1 + 1e-9)) {
        value = trial_value;
        room = trial;
        left[machine.candidates[out].cls] += 1;
      } else {
        for (const auto& [cls, m] : added) left[cls] += m;
      }
    }
    if (value > best.value) {
      best.value = value;
      best.pattern = room.pattern();
    }
  }
  return best;
}

Pattern cheapest_host(const Problem& problem, const Pattern& pattern) {
  const Machine& from = problem.machines[pattern.machine];
  Pattern best = pattern;
  MicroUsdPerHour best_price = from.price;
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    if (machine.price >= best_price) continue;
    Room room(problem, m);
    bool all = true;
    for (const auto& [candidate, n] : pattern.content) {
      std::int64_t left = n;
      const std::uint32_t cls = from.candidates[candidate].cls;
      auto it = std::lower_bound(machine.candidates.begin(), machine.candidates.end(), cls,
                                 [](const Candidate& c, std::uint32_t key) { return c.cls < key; });
      for (; it != machine.candidates.end() && it->cls == cls && left > 0; ++it) {
        auto index = static_cast<std::uint32_t>(it - machine.candidates.begin());
        std::int64_t fits = room.most(index, left);
        room.add(index, fits);
        left -= fits;
      }
      all = left == 0;
      if (!all) break;
    }
    if (!all) continue;
    best = room.pattern();
    best_price = machine.price;
  }
  return best;
}

}  // namespace kerf::plan
