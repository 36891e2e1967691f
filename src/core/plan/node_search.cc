// Depth-first search over multisets of items with density bounds.
#include "core/plan/node_search.h"

#include <algorithm>
#include <array>

namespace kerf::plan {

namespace {

/// Parts of a node's CPU, memory and GPU.
using Parts = std::array<double, 3>;
/// Mixes of the three in which a node's room is measured; each gives a bound.
constexpr std::array<Parts, 10> kMixes = {{{1, 0, 0},
                                           {0, 1, 0},
                                           {0, 0, 1},
                                           {0.5, 0, 0.5},
                                           {0, 0.5, 0.5},
                                           {0.5, 0.5, 0},
                                           {0.34, 0.33, 0.33},
                                           {0.25, 0, 0.75},
                                           {0, 0.25, 0.75},
                                           {0.75, 0, 0.25}}};
using Mixed = std::array<double, kMixes.size()>;

Mixed mix(const Parts& parts) {
  Mixed mixed{};
  for (std::size_t m = 0; m < kMixes.size(); ++m)
    for (std::size_t r = 0; r < parts.size(); ++r) mixed[m] += kMixes[m][r] * parts[r];
  return mixed;
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

class Search {
 public:
  Search(const Problem& problem, std::uint32_t machine, const std::vector<double>& values,
         const std::vector<std::int64_t>& residual, double at_least, std::int64_t steps)
      : problem_(problem),
        machine_(problem.machines[machine]),
        room_(problem, machine),
        left_(residual),
        best_(at_least),
        steps_(steps) {
    list_items(values);
  }

  Filled run() {
    const Mixed room = mix({1, 1, 1});
    if (items_.empty() || bound(0, 0, room) <= best_) return {};
    descend(0, 0, room);
    return found_;
  }

 private:
  struct Item {
    std::uint32_t candidate = 0;
    std::uint32_t cls = 0;
    double value = 0;
    Mixed need{};
    Mixed density{};  ///< the best of this and all later items, by mix
  };

  void list_items(const std::vector<double>& values) {
    const GpuKind& kind = *problem_.kinds[machine_.kind];
    const std::int64_t capacity = kind.heaviest() * machine_.gpus;
    for (std::uint32_t i = 0; i < machine_.candidates.size(); ++i) {
      const Candidate& candidate = machine_.candidates[i];
      if (left_[candidate.cls] <= 0 || values[candidate.cls] <= 0) continue;
      const Resources& need = problem_.classes[candidate.cls].need;
      Item item;
      item.candidate = i;
      item.cls = candidate.cls;
      item.value = values[candidate.cls];
      item.need = mix({ratio(need.cpu_milli, machine_.allocatable.cpu_milli),
                       ratio(need.memory_mib, machine_.allocatable.memory_mib),
                       ratio(kind.weight(candidate.units), capacity)});
      for (std::size_t m = 0; m < kMixes.size(); ++m)
        item.density[m] = item.need[m] > 0 ? item.value / item.need[m] : 1e30;
      items_.push_back(item);
    }
    // The mix whose bound is least is the one that matters here: its order finds good fillings.
    std::size_t tight = 0;
    double least = 1e300;
    for (std::size_t m = 0; m < kMixes.size(); ++m) {
      double most = 0;
      for (const Item& item : items_) most = std::max(most, item.density[m]);
      if (most >= least) continue;
      least = most;
      tight = m;
    }
    std::stable_sort(items_.begin(), items_.end(), [tight](const Item& a, const Item& b) {
      return a.density[tight] > b.density[tight];
    });
    for (std::size_t i = items_.size(); i-- > 1;)
      for (std::size_t m = 0; m < kMixes.size(); ++m)
        items_[i - 1].density[m] = std::max(items_[i - 1].density[m], items_[i].density[m]);
  }

  double bound(std::size_t from, double value, const Mixed& room) const {
    double least = 1e300;
    for (std::size_t m = 0; m < kMixes.size(); ++m)
      least = std::min(least, value + items_[from].density[m] * std::max(0.0, room[m]));
    return least;
  }

  void descend(std::size_t from, double value, const Mixed& room) {
    for (std::size_t i = from; i < items_.size(); ++i) {
      if (bound(i, value, room) <= best_ * (1 + 1e-9) || steps_ <= 0) return;
      const Item& item = items_[i];
      if (left_[item.cls] <= 0 || room_.most(item.candidate, 1) == 0) continue;
      --steps_;
      room_.add(item.candidate, 1);
      --left_[item.cls];
      const double sum = value + item.value;
      if (sum > best_) {
        best_ = sum;
        found_ = {room_.pattern(), sum};
      }
      Mixed rest = room;
      for (std::size_t m = 0; m < kMixes.size(); ++m) rest[m] -= item.need[m];
      descend(i, sum, rest);
      room_.remove(item.candidate, 1);
      ++left_[item.cls];
    }
  }

  const Problem& problem_;
  const Machine& machine_;
  Room room_;
  std::vector<std::int64_t> left_;
  std::vector<Item> items_;
  double best_;
  Filled found_;
  std::int64_t steps_;
};

}  // namespace

Filled search_node(const Problem& problem, std::uint32_t machine, const std::vector<double>& values,
                   const std::vector<std::int64_t>& residual, double at_least, std::int64_t steps) {
  return Search(problem, machine, values, residual, at_least, steps).run();
}

}  // namespace kerf::plan
