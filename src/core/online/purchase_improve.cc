// Ruin and recreate: a few nodes are given up and bought anew, around what the others have room
// for.
#include "core/online/purchase_improve.h"

#include <algorithm>

#include "base/prng.h"

namespace kerf::online {

namespace {

using plan::Candidate;
using plan::Fleet;
using plan::Pattern;
using plan::Room;

constexpr std::uint64_t kSeed = 20260720;
constexpr std::size_t kFront = 24;           ///< nodes at the wasteful end that are worked on
constexpr std::uint64_t kPartners = 5;       ///< nodes beside the first that a try takes at most
constexpr std::int64_t kExactVectors = 100;  ///< few enough items to buy for exactly
constexpr std::int64_t kNoisePercent = 20;   ///< by how much values are changed
constexpr std::int64_t kQuiet = 20, kQuietPerNode = 2;  ///< tries without a gain that end it

class Improver {
 public:
  Improver(const plan::Problem& problem, const ClassValues& values, NodeFiller& filler,
           const Fleet& fleet)
      : problem_(problem), values_(values), filler_(filler), prng_(kSeed) {
    for (const Pattern& node : fleet) rooms_.emplace_back(problem, node);
  }

  void run(std::int64_t steps) {
    sort();
    std::int64_t quiet = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
      if (quiet >= kQuiet + kQuietPerNode * static_cast<std::int64_t>(rooms_.size())) return;
      const std::vector<std::size_t> group =
          draw(static_cast<std::size_t>(step) % std::min(rooms_.size(), kFront));
      const bool gained = pour(group) || rebuy(group, step % 2 != 0);
      quiet = gained ? 0 : quiet + 1;
      if (gained) sort();
    }
  }

  Fleet fleet() const {
    Fleet fleet;
    for (const Room& room : rooms_) fleet.push_back(room.pattern());
    std::sort(fleet.begin(), fleet.end());
    return fleet;
  }

 private:
  struct Added {
    std::size_t node;
    std::uint32_t candidate;
    std::int64_t n;
  };

  /// Wasteful nodes first; ties keep their order.
  void sort() {
    std::vector<std::pair<std::int64_t, std::size_t>> order;
    for (std::size_t i = 0; i < rooms_.size(); ++i) {
      std::int64_t waste = rooms_[i].machine().price.micro;
      for (const auto& [candidate, n] : rooms_[i].content())
        waste -= values_[rooms_[i].machine().candidates[candidate].cls] * n;
      order.emplace_back(-waste, i);
    }
    std::sort(order.begin(), order.end());
    std::vector<Room> sorted;
    sorted.reserve(rooms_.size());
    for (const auto& [minus_waste, i] : order) sorted.push_back(std::move(rooms_[i]));
    rooms_ = std::move(sorted);
  }

  /// The node and up to kPartners others, ascending.
  std::vector<std::size_t> draw(std::size_t first) {
    std::vector<std::size_t> group = {first};
    const std::uint64_t partners = 1 + prng_.below(kPartners);
    for (std::uint64_t i = 0; i < partners; ++i)
      group.push_back(
          prng_.below(prng_.below(3) == 0 ? rooms_.size() : std::min(rooms_.size(), kFront)));
    std::sort(group.begin(), group.end());
    group.erase(std::unique(group.begin(), group.end()), group.end());
    return group;
  }

  MicroUsdPerHour bill_of(const std::vector<std::size_t>& group) const {
    MicroUsdPerHour sum;
    for (std::size_t i : group) sum += rooms_[i].machine().price;
    return sum;
  }

  ClassItems items_of(const std::vector<std::size_t>& group) const {
    ClassItems items(problem_.classes.size());
    for (std::size_t i : group)
      for (const auto& [candidate, n] : rooms_[i].content())
        items[rooms_[i].machine().candidates[candidate].cls] += n;
    return items;
  }

  /// The group's items into room of the others, and new nodes for what is left. False: nothing is
  /// changed.
  bool pour(const std::vector<std::size_t>& group) {
    ClassItems items = items_of(group);
    std::vector<Added> added;
    for (std::uint32_t cls = 0; cls < items.size(); ++cls)
      for (std::size_t i = 0; i < rooms_.size() && items[cls] > 0; ++i)
        if (problem_.classes[cls].need.fits(rooms_[i].left()) &&
            !std::binary_search(group.begin(), group.end(), i))
          pour_class(cls, i, items[cls], added);
    if (added.empty()) return false;
    const MicroUsdPerHour before = bill_of(group);
    const std::optional<Fleet> fresh = buy_anew(items, values_, before);
    if (fresh && plan::bill_of(problem_, *fresh) < before) {
      replace(group, *fresh);
      return true;
    }
    for (auto undo = added.rbegin(); undo != added.rend(); ++undo)
      rooms_[undo->node].remove(undo->candidate, undo->n);
    return false;
  }

  void pour_class(std::uint32_t cls, std::size_t node, std::int64_t& items,
                  std::vector<Added>& added) {
    const std::vector<Candidate>& candidates = rooms_[node].machine().candidates;
    auto it = std::lower_bound(candidates.begin(), candidates.end(), cls,
                               [](const Candidate& c, std::uint32_t key) { return c.cls < key; });
    for (; it != candidates.end() && it->cls == cls && items > 0; ++it) {
      const auto candidate = static_cast<std::uint32_t>(it - candidates.begin());
      const std::int64_t n = rooms_[node].most(candidate, items);
      if (n == 0) continue;
      rooms_[node].add(candidate, n);
      added.push_back({node, candidate, n});
      items -= n;
    }
  }

  /// Buys for the group's items anew. True if that costs less.
  bool rebuy(const std::vector<std::size_t>& group, bool noise) {
    ClassValues values = values_;
    if (noise)
      for (std::int64_t& value : values) value = std::max<std::int64_t>(1, value * percent() / 100);
    const MicroUsdPerHour before = bill_of(group);
    const std::optional<Fleet> fresh = buy_anew(items_of(group), values, before);
    if (!fresh) return false;
    const MicroUsdPerHour after = plan::bill_of(problem_, *fresh);
    if (after > before) return false;
    replace(group, *fresh);
    return after < before;
  }

  std::int64_t percent() {
    return 100 - kNoisePercent + static_cast<std::int64_t>(prng_.below(2 * kNoisePercent + 1));
  }

  /// Greedily it may first come out a quarter dearer than `before`: cheaper machines may hold the
  /// nodes.
  std::optional<Fleet> buy_anew(const ClassItems& items, const ClassValues& values,
                                MicroUsdPerHour before) {
    std::optional<Fleet> fleet =
        filler_.fleet(values, items, {before.micro + before.micro / 4 + 1}, kExactVectors);
    if (fleet) shrink_purchase(problem_, *fleet);
    return fleet;
  }

  void replace(const std::vector<std::size_t>& group, const Fleet& fresh) {
    for (auto it = group.rbegin(); it != group.rend(); ++it)
      rooms_.erase(rooms_.begin() + static_cast<std::ptrdiff_t>(*it));
    for (const Pattern& node : fresh) rooms_.emplace_back(problem_, node);
  }

  const plan::Problem& problem_;
  const ClassValues& values_;
  NodeFiller& filler_;
  Prng prng_;
  std::vector<Room> rooms_;
};

}  // namespace

void shrink_purchase(const plan::Problem& problem, Fleet& fleet) {
  Pattern seen, host;  // like nodes stand together
  for (Pattern& node : fleet) {
    if (node != seen || host.content.empty()) {
      seen = node;
      host = plan::cheapest_host(problem, node);
    }
    node = host;
  }
}

void improve_purchase(const plan::Problem& problem, const ClassValues& values, std::int64_t steps,
                      NodeFiller& filler, Fleet& fleet) {
  if (fleet.empty()) return;
  Improver improver(problem, values, filler, fleet);
  improver.run(steps);
  fleet = improver.fleet();
  shrink_purchase(problem, fleet);
}

}  // namespace kerf::online
