// Local search: shrink, dissolve, and buy small groups of nodes anew.
#include "core/plan/improve.h"

#include <algorithm>
#include <limits>

#include "base/prng.h"
#include "core/plan/columns.h"
#include "core/plan/exact.h"
#include "core/plan/gpu_rent.h"

namespace kerf::plan {

namespace {

constexpr std::int64_t kExactVectors = 1500;
constexpr std::uint64_t kSeed = 20260720;
constexpr std::size_t kFront = 24;          ///< nodes at the wasteful end that are worked on
constexpr std::int64_t kTriesPerStep = 50;  ///< tries in all, for each that may pass without a gain

/// The fleet as rooms, so that a try need not build them again.
class Improver {
 public:
  Improver(const Problem& problem, const std::vector<double>& values, const Fleet& fleet)
      : problem_(problem), values_(values), stock_(problem, fleet) {
    for (const Pattern& node : fleet) rooms_.emplace_back(problem, node);
    if (problem.limit_gpus >= 0 && keeps_to_gpus(problem, fleet))
      stock_.limit_gpus(problem.limit_gpus - gpus_of(problem, fleet));
  }

  Fleet fleet() const {
    Fleet fleet;
    for (const Room& room : rooms_) fleet.push_back(room.pattern());
    std::sort(fleet.begin(), fleet.end());
    return fleet;
  }

  MicroUsdPerHour bill() const {
    MicroUsdPerHour sum;
    for (const Room& room : rooms_) sum += room.machine().price;
    return sum;
  }

  std::size_t size() const { return rooms_.size(); }

  /// Wasteful nodes first: price less what their items are worth.
  void sort() {
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < rooms_.size(); ++i) order.emplace_back(-waste(rooms_[i]), i);
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Room> sorted;
    for (const auto& [minus_waste, i] : order) sorted.push_back(std::move(rooms_[i]));
    rooms_ = std::move(sorted);
  }

  /// Every node's content onto the cheapest machine that holds it.
  void shrink() {
    std::vector<std::pair<Pattern, Pattern>> known;  // the last answers: like nodes stand together
    for (Room& room : rooms_) {
      const Pattern node = room.pattern();
      if (known.empty() || known.back().first != node)
        known.emplace_back(node, cheapest_host(problem_, node, &stock_));
      const Pattern& host = known.back().second;
      if (host == node) continue;
      stock_.take(node.machine, -1);
      stock_.take(host.machine, 1);
      room = Room(problem_, host);
      const bool limited = stock_.limits_gpus() || problem_.machines[node.machine].stock >= 0 ||
                           problem_.machines[host.machine].stock >= 0;
      if (limited) known.clear();  // the next one may find other nodes
    }
  }

  /// Moves all items of a node into room that others have. False: nothing is changed.
  bool dissolve(std::size_t victim) {
    if (rooms_[victim].machine().price.micro == 0) return false;
    struct Added {
      std::size_t node;
      std::uint32_t candidate;
      std::int64_t n;
    };
    std::vector<Added> added;
    for (const auto& [candidate, n] : rooms_[victim].content()) {
      const std::uint32_t cls = rooms_[victim].machine().candidates[candidate].cls;
      std::int64_t left = n;
      for (std::size_t i = 0; i < rooms_.size() && left > 0; ++i) {
        if (i == victim || !problem_.classes[cls].need.fits(rooms_[i].left())) continue;
        const std::vector<Candidate>& candidates = rooms_[i].machine().candidates;
        auto it =
            std::lower_bound(candidates.begin(), candidates.end(), cls,
                             [](const Candidate& c, std::uint32_t key) { return c.cls < key; });
        for (; it != candidates.end() && it->cls == cls && left > 0; ++it) {
          const auto index = static_cast<std::uint32_t>(it - candidates.begin());
          const std::int64_t m = rooms_[i].most(index, left);
          if (m == 0) continue;
          rooms_[i].add(index, m);
          added.push_back({i, index, m});
          left -= m;
        }
      }
      if (left == 0) continue;
      for (auto undo = added.rbegin(); undo != added.rend(); ++undo)
        rooms_[undo->node].remove(undo->candidate, undo->n);
      return false;
    }
    stock_.take(rooms_[victim].pattern().machine, -1);
    rooms_.erase(rooms_.begin() + static_cast<std::ptrdiff_t>(victim));
    return true;
  }

  /// Buys the nodes at `chosen` (ascending, distinct) anew. False: no cheaper way was found.
  bool rebuy(const std::vector<std::size_t>& chosen) {
    Fleet old;
    for (std::size_t i : chosen) old.push_back(rooms_[i].pattern());
    const std::vector<std::int64_t> items = served_by(problem_, old);
    Stock stock = stock_;
    for (const Pattern& node : old) stock.take(node.machine, -1);
    Stock nodes = stock;
    nodes.limit_gpus(-1);
    std::optional<Fleet> fresh =
        exact_fleet(problem_, items, kExactVectors, std::numeric_limits<std::int64_t>::max(),
                    &nodes, stock.gpus());
    if (fresh) {
      for (const Pattern& node : *fresh) stock.take(node.machine, 1);
    } else if (stock.limits_gpus()) {
      return false;  // filling node by node may run out of GPUs
    } else {
      fresh = greedy_fleet(problem_, items, values_, &stock);
      for (const Pattern& node : *fresh) stock.take(node.machine, 1);
      for (Pattern& node : *fresh) {
        stock.take(node.machine, -1);
        node = cheapest_host(problem_, node, &stock);
        stock.take(node.machine, 1);
      }
    }
    if (bill_of(problem_, *fresh) >= bill_of(problem_, old)) return false;
    stock_ = stock;
    for (auto it = chosen.rbegin(); it != chosen.rend(); ++it)
      rooms_.erase(rooms_.begin() + static_cast<std::ptrdiff_t>(*it));
    for (const Pattern& node : *fresh) rooms_.emplace_back(problem_, node);
    return true;
  }

 private:
  double waste(const Room& room) const {
    double rest = static_cast<double>(room.machine().price.micro) / 1e6;
    for (const auto& [candidate, n] : room.content())
      rest -= values_[room.machine().candidates[candidate].cls] * n;
    return rest;
  }

  const Problem& problem_;
  const std::vector<double>& values_;
  Stock stock_;  ///< left by all rooms
  std::vector<Room> rooms_;
};

/// The node at hand and one to four others, most often from the wasteful end.
std::vector<std::size_t> draw_group(std::size_t first, std::size_t nodes, Prng& prng) {
  std::vector<std::size_t> group = {first};
  const std::size_t partners = 1 + prng.below(4);
  for (std::size_t i = 0; i < partners; ++i)
    group.push_back(prng.below(prng.below(3) == 0 ? nodes : std::min(nodes, kFront)));
  std::sort(group.begin(), group.end());
  group.erase(std::unique(group.begin(), group.end()), group.end());
  return group;
}

}  // namespace

void improve(const Problem& problem, const std::vector<double>& values, MicroUsdPerHour floor,
             std::int64_t steps, const std::function<void()>& tick, Fleet& fleet) {
  Prng prng(kSeed);
  std::sort(fleet.begin(), fleet.end());
  Improver search(problem, values, fleet);
  search.shrink();
  search.sort();
  std::int64_t since_gain = 0;
  const std::int64_t most = std::min(steps, std::int64_t{1} << 50) * kTriesPerStep;
  for (std::int64_t step = 0; step < most && since_gain < steps && search.size() > 0; ++step) {
    if (search.bill() <= floor) break;
    if (tick) tick();
    const std::size_t victim =
        static_cast<std::size_t>(step) % std::min<std::size_t>(search.size(), kFront);
    const bool gained =
        search.dissolve(victim) ||
        (search.size() > 1 && search.rebuy(draw_group(victim, search.size(), prng)));
    since_gain = gained ? 0 : since_gain + 1;
    if (gained) search.sort();
  }
  search.shrink();
  fleet = search.fleet();
}

}  // namespace kerf::plan
