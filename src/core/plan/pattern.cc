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

/// Parts of a machine's CPU, memory, disk, pod slots and GPU weight.
using Footprint = std::array<double, 5>;
/// How much each resource counts, beside how little of it is left.
constexpr Footprint kNotions[] = {
    {1, 1, 1, 0.1, 1}, {0.3, 0.3, 0.3, 0, 1}, {1, 0.2, 0, 0, 0.4}, {0, 0, 0, 0, 1}};

double share(std::int64_t need, std::int64_t total) {
  return total <= 0 ? 0.0 : static_cast<double>(need) / static_cast<double>(total);
}

/// Parts of the machine that one item of the candidate takes.
Footprint footprint(const Problem& problem, const Machine& machine, const Candidate& candidate) {
  const Resources& need = problem.classes[candidate.cls].need;
  const GpuKind& kind = *problem.kinds[machine.kind];
  return {share(need.cpu_milli, machine.allocatable.cpu_milli),
          share(need.memory_mib, machine.allocatable.memory_mib),
          share(need.disk_mib, machine.allocatable.disk_mib),
          share(need.pods, machine.allocatable.pods),
          share(kind.weight(candidate.units), std::int64_t{GpuKind::kWholeWeight} * machine.gpus)};
}

/// One node being filled by value; a candidate that does not fit once never fits again.
class Filler {
 public:
  Filler(const Problem& problem, const Pattern& first, const std::vector<double>& values,
         const std::vector<std::int64_t>& residual)
      : problem_(problem),
        machine_(problem.machines[first.machine]),
        values_(values),
        residual_(residual),
        first_(problem, first),
        room_(first_) {
    for (std::uint32_t i = 0; i < machine_.candidates.size(); ++i) {
      const std::uint32_t cls = machine_.candidates[i].cls;
      if (residual[cls] <= 0 || values[cls] <= 0) continue;
      useful_.push_back({i, footprint(problem, machine_, machine_.candidates[i])});
    }
  }

  /// Fills the node, from its first content on, under one notion of scarce.
  void fill(const Footprint& notion) {
    room_ = first_;
    left_ = residual_;
    value_ = 0;
    free_ = {1, 1, 1, 1, 1};
    for (const auto& [candidate, n] : room_.content()) {
      const Footprint part = footprint(problem_, machine_, machine_.candidates[candidate]);
      for (std::size_t r = 0; r < free_.size(); ++r) free_[r] -= part[r] * n;
      value_ += values_[machine_.candidates[candidate].cls] * n;
    }
    top_up(notion);
  }

  double value() const { return value_; }
  Pattern pattern() const { return room_.pattern(); }

 private:
  struct Useful {
    std::uint32_t candidate;
    Footprint part;
  };

  /// Adds the candidate of most value per scarce resource until none fits. What is scarce follows
  /// from what is left, so that a node ends with all its resources used together.
  void top_up(const Footprint& notion) {
    std::vector<const Useful*> active;
    for (const Useful& useful : useful_) active.push_back(&useful);
    while (!active.empty()) {
      Footprint weight;
      for (std::size_t r = 0; r < weight.size(); ++r)
        weight[r] = notion[r] / std::max(free_[r], 1e-3);
      std::size_t best = 0;
      double best_score = -1;
      for (std::size_t i = 0; i < active.size(); ++i) {
        double cost = 1e-9;
        for (std::size_t r = 0; r < weight.size(); ++r) cost += weight[r] * active[i]->part[r];
        const double score = values_[machine_.candidates[active[i]->candidate].cls] / cost;
        if (score <= best_score) continue;
        best_score = score;
        best = i;
      }
      const Useful& chosen = *active[best];
      const std::uint32_t cls = machine_.candidates[chosen.candidate].cls;
      if (left_[cls] <= 0 || room_.most(chosen.candidate, 1) == 0) {
        active.erase(active.begin() + static_cast<std::ptrdiff_t>(best));
        continue;
      }
      room_.add(chosen.candidate, 1);
      --left_[cls];
      value_ += values_[cls];
      for (std::size_t r = 0; r < free_.size(); ++r) free_[r] -= chosen.part[r];
    }
  }

  const Problem& problem_;
  const Machine& machine_;
  const std::vector<double>& values_;
  const std::vector<std::int64_t>& residual_;
  std::vector<std::int64_t> left_;  ///< by class: items that may still be added
  std::vector<Useful> useful_;
  Room first_, room_;
  Footprint free_{1, 1, 1, 1, 1};
  double value_ = 0;
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
  const LabelNeeds& own = problem_->classes[cls].labels;
  LabelNeeds labels = own;
  std::int64_t here = 0;
  for (const auto& [other, n] : content_) {
    const std::uint32_t other_cls = machine_->candidates[other].cls;
    if (other_cls == cls) here += n;
    else if (!problem_->may_share(cls, other_cls)) return 0;
    if (!own.empty()) labels = merge(std::move(labels), problem_->classes[other_cls].labels);
  }
  // Labels that agree two by two need not agree all together: a or b, b or c, a or c.
  for (const auto& [key, need] : own)
    if (!labels.at(key).satisfiable()) return 0;
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
  auto it =
      std::lower_bound(content_.begin(), content_.end(), candidate,
                       [](const auto& entry, std::uint32_t key) { return entry.first < key; });
  if (it == content_.end() || it->first != candidate) it = content_.insert(it, {candidate, 0});
  it->second += static_cast<std::int32_t>(n);
}

void Room::remove(std::uint32_t candidate, std::int64_t n) {
  const Candidate& c = machine_->candidates[candidate];
  left_ = left_ + problem_->classes[c.cls].need * n;
  units_ = units_.plus(c.units, static_cast<int>(-n));
  auto it =
      std::lower_bound(content_.begin(), content_.end(), candidate,
                       [](const auto& entry, std::uint32_t key) { return entry.first < key; });
  KERF_ASSERT(it != content_.end() && it->first == candidate && it->second >= n,
              "only what is there is removed");
  it->second -= static_cast<std::int32_t>(n);
  if (it->second == 0) content_.erase(it);
}

Filled fill_node(const Problem& problem, std::uint32_t machine, const std::vector<double>& values,
                 const std::vector<std::int64_t>& residual) {
  return top_up(problem, {machine, {}}, values, residual);
}

Filled top_up(const Problem& problem, const Pattern& pattern, const std::vector<double>& values,
              const std::vector<std::int64_t>& residual) {
  Filled best;
  best.pattern = pattern;
  Filler filler(problem, pattern, values, residual);
  for (const Footprint& notion : kNotions) {
    filler.fill(notion);
    if (filler.value() <= best.value) continue;
    best.value = filler.value();
    best.pattern = filler.pattern();
  }
  return best;
}

Pattern cheapest_host(const Problem& problem, const Pattern& pattern, const Stock* stock) {
  const Stock whole(problem);
  if (stock == nullptr) stock = &whole;
  const Machine& from = problem.machines[pattern.machine];
  Pattern best = pattern;
  MicroUsdPerHour best_price = from.price;
  for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
    const Machine& machine = problem.machines[m];
    if (machine.price >= best_price || stock->left(m) <= 0) continue;
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

void take_items(const Problem& problem, const Pattern& pattern, std::int64_t times,
                std::vector<std::int64_t>& residual) {
  for (const auto& [candidate, n] : pattern.content)
    residual[problem.machines[pattern.machine].candidates[candidate].cls] -= n * times;
}

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

}  // namespace kerf::plan
