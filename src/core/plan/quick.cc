// The dive over the sifted LP: like nodes at once, least waste first, and a tidy end.
#include "core/plan/quick.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "core/plan/sift.h"
#include "core/plan/tidy.h"

namespace kerf::plan {

namespace {

double envd(const char* n, double d) { const char* s = std::getenv(n); return s ? std::atof(s) : d; }
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double t_lp = 0, t_fill = 0, t_tail = 0; long n_fill = 0;

constexpr double kWhole = 1 - 1e-6;

double dollars(MicroUsdPerHour price) { return static_cast<double>(price.micro) / 1e6; }

/// CPU, memory, disk, pods, GPU weight: as parts of the node.
using Parts = std::array<double, 5>;
constexpr Parts kNotions[] = {{1, 1, 1, 0.1, 1}, {1, 0.2, 0, 0, 0.4}, {0.3, 0.3, 0.3, 0, 1}};

/// Fills nodes of one machine with items that are worth there what they take.
class NodeFiller {
 public:
  /// `residual` is read at every fill.
  NodeFiller(const Problem& problem, std::uint32_t machine, const std::vector<double>& values,
             const std::vector<std::int64_t>& residual)
      : problem_(problem),
        index_(machine),
        machine_(problem.machines[machine]),
        values_(values),
        residual_(residual) {}

  /// Takes all candidates of whom items are left.
  void choose_all() {
    for (std::uint32_t i = 0; i < machine_.candidates.size(); ++i) add(i, -1);
  }

  /// Takes the candidates that lose at most `loss` of their value here, and what the LP serves of
  /// them here.
  void choose(const SiftedLp& lp, double loss) {
    const std::size_t units = problem_.kinds[machine_.kind]->units().size();
    const NodePrices& prices = lp.prices(index_);
    pools_ = lp.pools(index_);
    nodes_ = lp.nodes(index_);
    for (std::uint32_t i = 0; i < machine_.candidates.size(); ++i) {
      const Candidate& candidate = machine_.candidates[i];
      const double value = values_[candidate.cls];
      const double consumed =
          prices.of(problem_.classes[candidate.cls].need) + prices.of(candidate.units, units);
      const std::int32_t pool = lp.pool_of(index_, i);
      if (consumed > value * (1 + loss) + 1e-9 &&
          (pool < 0 || pools_[static_cast<std::size_t>(pool)] < 0.5))
        continue;
      add(i, pool);
    }
  }

  bool empty() const { return items_.empty(); }

  /// The most valuable content found.
  Filled best() {
    Filled best;
    best.pattern.machine = index_;
    for (const Parts& notion : kNotions) {
      Filled one = fill(notion);
      if (one.value > best.value * (1 + 1e-9)) best = std::move(one);
    }
    return best;
  }

  /// How often the content can be bought, by the pools; at least once.
  std::int64_t times(const Pattern& node, std::int64_t most) {
    if (pools_.empty()) return most;
    count(node);
    for (std::size_t p = 0; p < pools_.size(); ++p)
      if (here_[p] > 0)
        most = std::min(most, static_cast<std::int64_t>((pools_[p] + 0.5) / here_[p]));
    return std::max<std::int64_t>(1, most);
  }

  void take(const Pattern& node, std::int64_t times) {
    if (pools_.empty()) return;
    count(node);
    for (std::size_t p = 0; p < pools_.size(); ++p)
      pools_[p] -= here_[p] * static_cast<double>(times);
    nodes_ -= static_cast<double>(times);
  }

 private:
  struct Item {
    std::uint32_t candidate;
    std::uint32_t cls;
    std::int32_t pool;
    double value;
    Parts part;
  };
  struct Active {
    const Item* item;
    std::int64_t left;
  };

  void add(std::uint32_t i, std::int32_t pool) {
    const Candidate& candidate = machine_.candidates[i];
    if (residual_[candidate.cls] <= 0) return;
    const GpuKind& kind = *problem_.kinds[machine_.kind];
    const double gpus = static_cast<double>(GpuKind::kWholeWeight) * machine_.gpus;
    const auto part = [](std::int64_t need, std::int64_t total) {
      return total <= 0 ? 0.0 : static_cast<double>(need) / static_cast<double>(total);
    };
    const Resources& need = problem_.classes[candidate.cls].need;
    items_.push_back({i,
                      candidate.cls,
                      pool,
                      std::max(values_[candidate.cls], 1e-6),
                      {part(need.cpu_milli, machine_.allocatable.cpu_milli),
                       part(need.memory_mib, machine_.allocatable.memory_mib),
                       part(need.disk_mib, machine_.allocatable.disk_mib),
                       part(need.pods, machine_.allocatable.pods),
                       static_cast<double>(kind.weight(candidate.units)) / gpus}});
    pool_of_.resize(machine_.candidates.size(), -1);
    pool_of_[i] = pool;
  }

  void count(const Pattern& node) {
    here_.assign(pools_.size(), 0);
    for (const auto& [candidate, n] : node.content)
      if (pool_of_[candidate] >= 0) here_[static_cast<std::size_t>(pool_of_[candidate])] += n;
  }

  Filled fill(const Parts& notion) {
    ++n_fill;
    Room room(problem_, index_);
    Parts free = {1, 1, 1, 1, 1};
    double value = 0;
    used_.clear();
    for (int phase = pools_.empty() ? 1 : 0; phase < 2; ++phase) {
      left_ = pools_;
      if (phase == 0) {
        even(room, free, value);
        continue;
      }
      active_.clear();
      for (const Item& item : items_) {
        std::int64_t left = residual_[item.cls];
        for (const auto& [cls, n] : used_)
          if (cls == item.cls) left -= n;
        if (left <= 0) continue;
        if (phase == 0 && (item.pool < 0 || left_[static_cast<std::size_t>(item.pool)] < 0.5))
          continue;
        active_.push_back({&item, left});
      }
      run(notion, phase == 0, room, free, value);
    }
    return {room.pattern(), value};
  }

  /// The node's even part of every pool, the most behind first.
  void even(Room& room, Parts& free, double& value) {
    due_ = pools_;
    for (double& due : due_) due /= std::max(1.0, nodes_);
    active_.clear();
    for (const Item& item : items_)
      if (item.pool >= 0 && pools_[static_cast<std::size_t>(item.pool)] >= 0.5)
        active_.push_back({&item, residual_[item.cls]});
    while (!active_.empty()) {
      std::size_t best = 0, kept = 0;
      double most = -1;
      for (std::size_t i = 0; i < active_.size(); ++i) {
        const Item& item = *active_[i].item;
        const auto pool = static_cast<std::size_t>(item.pool);
        if (active_[i].left <= 0 || left_[pool] < 0.5) continue;
        bool fits = true;
        for (std::size_t r = 0; r < free.size(); ++r)
          fits = fits && item.part[r] <= free[r] + 1e-9;
        if (!fits) continue;
        active_[kept] = active_[i];
        const double due = due_[pool];
        const double score = due > 0 ? 1e6 + due * item.part[4] : 1e3 / (1 - due);
        if (score > most) {
          most = score;
          best = kept;
        }
        ++kept;
      }
      active_.resize(kept);
      if (active_.empty()) break;
      const Item& chosen = *active_[best].item;
      if (room.most(chosen.candidate, 1) == 0) {
        active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(best));
        continue;
      }
      room.add(chosen.candidate, 1);
      for (Active& other : active_)
        if (other.item->cls == chosen.cls) --other.left;
      used_.emplace_back(chosen.cls, 1);
      left_[static_cast<std::size_t>(chosen.pool)] -= 1;
      due_[static_cast<std::size_t>(chosen.pool)] -= 1;
      value += chosen.value;
      for (std::size_t r = 0; r < free.size(); ++r) free[r] -= chosen.part[r];
    }
  }

  void run(const Parts& notion, bool pooled, Room& room, Parts& free, double& value) {
    while (!active_.empty()) {
      Parts weight;
      for (std::size_t r = 0; r < weight.size(); ++r)
        weight[r] = notion[r] / std::max(free[r], 1e-3);
      std::size_t best = 0, kept = 0;
      double best_score = -1;
      for (std::size_t i = 0; i < active_.size(); ++i) {
        const Item& item = *active_[i].item;
        double cost = 1e-9;
        bool fits = true;
        for (std::size_t r = 0; r < weight.size(); ++r) {
          cost += weight[r] * item.part[r];
          fits = fits && item.part[r] <= free[r] + 1e-9;
        }
        if (!fits) continue;
        active_[kept] = active_[i];
        if (item.value > best_score * cost) {
          best_score = item.value / cost;
          best = kept;
        }
        ++kept;
      }
      active_.resize(kept);
      if (active_.empty()) break;
      const Item& chosen = *active_[best].item;
      if (active_[best].left <= 0 ||
          (pooled && left_[static_cast<std::size_t>(chosen.pool)] < 0.5) ||
          room.most(chosen.candidate, 1) == 0) {
        active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(best));
        continue;
      }
      room.add(chosen.candidate, 1);
      for (Active& other : active_)  // several candidates may be of one class
        if (other.item->cls == chosen.cls) --other.left;
      used_.emplace_back(chosen.cls, 1);
      if (pooled) left_[static_cast<std::size_t>(chosen.pool)] -= 1;
      value += chosen.value;
      for (std::size_t r = 0; r < free.size(); ++r) free[r] -= chosen.part[r];
    }
  }

  const Problem& problem_;
  std::uint32_t index_;
  const Machine& machine_;
  const std::vector<double>& values_;
  const std::vector<std::int64_t>& residual_;
  std::vector<Item> items_;
  std::vector<std::int32_t> pool_of_;  ///< by candidate
  std::vector<double> pools_, left_, here_, due_;
  double nodes_ = 0;
  std::vector<Active> active_;
  std::vector<std::pair<std::uint32_t, std::int64_t>> used_;
};

class Diver {
 public:
  Diver(const Problem& problem, const std::vector<std::int64_t>& demand, SiftedLp& lp)
      : problem_(problem), lp_(lp), residual_(demand) {
    for (const Machine& machine : problem.machines) left_.push_back(machine.at_most);
  }

  void run(const StartOptions& options) {
    double allowed = envd("ALLOW", 0.004);
    const double sharep = envd("SHARE", 0.4);
    int rounds = 0;
    for (bool first = true; any_left(); first = false) {
      if (options.tick) options.tick();
      double a = now();
      if (!first && !lp_.solve(residual_, left_)) break;
      t_lp += now() - a; a = now();
      ++rounds;
      const std::int64_t bought = buy(sharep, allowed);
      t_fill += now() - a; a = now();
      if (getenv("TRACE")) { std::int64_t n = 0; double w = 0; for (unsigned m = 0; m < problem_.machines.size(); ++m) w += lp_.nodes(m); for (auto x : residual_) n += x; std::fprintf(stderr, "round %d wanted %.2f allowed %.4f bought %ld items left %ld waste %.2f\n", rounds, w, allowed, bought, n, waste_); }
      if (bought < 0) {  // no machine is wanted whole
        buy_best(1);
        t_tail += now() - a;
      } else if (bought == 0) {
        allowed = allowed * 2 + 1e-4;
        if (allowed > 1 && !buy_best(1)) break;
      }
    }
    while (any_left() && buy_best(1)) {
    }
    if (getenv("STAT")) std::fprintf(stderr, "rounds %d fills %ld lp %.1f fill %.1f tail %.1f\n", rounds, n_fill, 1e3*t_lp, 1e3*t_fill, 1e3*t_tail);
  }

  Fleet fleet;
  std::vector<std::int64_t>& residual() { return residual_; }

 private:
  bool any_left() const {
    return std::any_of(residual_.begin(), residual_.end(), [](std::int64_t n) { return n > 0; });
  }

  /// How often the content can be bought without serving more than is asked.
  std::int64_t times(const Pattern& node, std::int64_t most) const {
    const Machine& machine = problem_.machines[node.machine];
    if (left_[node.machine] >= 0) most = std::min(most, left_[node.machine]);
    for (std::size_t i = 0; i < node.content.size();) {
      const std::uint32_t cls = machine.candidates[node.content[i].first].cls;
      std::int64_t n = 0;
      for (; i < node.content.size() && machine.candidates[node.content[i].first].cls == cls; ++i)
        n += node.content[i].second;
      most = std::min(most, residual_[cls] / n);
    }
    return most;
  }

  void take(const Filled& filled, std::int64_t n) {
    const Machine& machine = problem_.machines[filled.pattern.machine];
    for (const auto& [candidate, items] : filled.pattern.content)
      residual_[machine.candidates[candidate].cls] -= items * n;
    if (left_[filled.pattern.machine] >= 0) left_[filled.pattern.machine] -= n;
    fleet.insert(fleet.end(), static_cast<std::size_t>(n), filled.pattern);
    waste_ += static_cast<double>(n) * (dollars(machine.price) - filled.value);
  }

  /// A part of what the LP wants whole; -1 where it wants no whole node.
  std::int64_t buy(double part, double allowed) {
    std::int64_t bought = -1;
    for (std::uint32_t m = 0; m < problem_.machines.size(); ++m) {
      if (lp_.nodes(m) < kWhole) continue;
      bought = std::max<std::int64_t>(bought, 0);
      auto budget = std::max<std::int64_t>(
          1, static_cast<std::int64_t>(std::floor(lp_.nodes(m) + 1e-6) * part));
      NodeFiller filler(problem_, m, lp_.values(), residual_);
      filler.choose(lp_, envd("LOSS", 0.01));
      const double price = dollars(problem_.machines[m].price);
      while (budget > 0) {
        const Filled filled = filler.best();
        if (filled.pattern.content.empty() || filled.value < price * (1 - allowed)) break;
        const std::int64_t n = times(filled.pattern, filler.times(filled.pattern, budget));
        if (n <= 0) break;
        take(filled, n);
        filler.take(filled.pattern, n);
        budget -= n;
        bought += n;
      }
    }
    return bought;
  }

  /// The node of most value per dollar among the machines that the LP knows.
  bool buy_best(std::int64_t most) {
    Filled best;
    double ratio = -1;
    for (std::uint32_t m = 0; m < problem_.machines.size(); ++m) {
      if (left_[m] == 0 || !(lp_.known(m))) continue;
      NodeFiller filler(problem_, m, lp_.values(), residual_);
      filler.choose_all();
      if (filler.empty()) continue;
      Filled filled = filler.best();
      if (filled.pattern.content.empty()) continue;
      const double one = filled.value / std::max(1e-6, dollars(problem_.machines[m].price));
      if (one <= ratio * (1 + 1e-9)) continue;
      ratio = one;
      best = std::move(filled);
    }
    if (ratio < 0) return false;
    take(best, times(best.pattern, most));
    return true;
  }

  const Problem& problem_;
  SiftedLp& lp_;
  std::vector<std::int64_t> residual_;
  std::vector<std::int64_t> left_;  ///< by machine: nodes that can still be had; -1 = any number
  double waste_ = 0;
};

}  // namespace

Start start_fleet(const Problem& problem, const std::vector<std::int64_t>& demand, LpSolver& solver,
                  const StartOptions& options) {
  t_lp = t_fill = t_tail = 0; n_fill = 0;
  double a = now();
  Start start;
  start.values.assign(demand.size(), 1);
  SiftedLp lp(problem, demand, solver);
  std::vector<std::int64_t> left;
  for (const Machine& machine : problem.machines) left.push_back(machine.at_most);
  if (lp.solve(demand, left)) {
    start.bound = lp.certified(demand);
    start.values = lp.values();
  }
  double b = now();
  if (options.fleet) {
    Diver diver(problem, demand, lp);
    diver.run(options);
    start.fleet = std::move(diver.fleet);
    start.unserved = std::move(diver.residual());
    double c = now();
    auto bill0 = bill_of(problem, start.fleet);
    tidy(problem, start.values, start.fleet);
    double d = now();
    if (getenv("STAT")) std::fprintf(stderr, "root %.1f dive %.1f (%.3f%%) tidy %.1f (%.3f%%)\n", 1e3*(b-a), 1e3*(c-b), 100.0*(bill0-start.bound).micro/start.bound.micro, 1e3*(d-c), 100.0*(bill_of(problem,start.fleet)-start.bound).micro/start.bound.micro);
  }
  start.lps = lp.solves();
  return start;
}

}  // namespace kerf::plan
