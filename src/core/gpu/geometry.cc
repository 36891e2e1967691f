// Builds the tables of all legal placed states and answers questions from them.
#include "core/gpu/geometry.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <set>
#include <tuple>

#include "base/assert.h"
#include "core/gpu/legality.h"

namespace kerf::gpu {
namespace {

constexpr std::size_t kItemsMax = 64;

std::uint64_t bit(std::size_t item) { return std::uint64_t{1} << item; }

/// Calls f(item) for each item of the mask, ascending.
template <class F>
void for_each_item(std::uint64_t mask, F f) {
  for (; mask != 0; mask &= mask - 1) f(static_cast<std::size_t>(std::countr_zero(mask)));
}

/// All legal masks. Legality is hereditary (taking a slice away never breaks a rule), so adding
/// items in ascending order visits each state exactly once and needs no table of states seen.
class Search {
 public:
  Search(const Model& model, const std::vector<Placed>& items) : usage_(model), items_(items) {
    visit(0, 0);
  }
  std::vector<std::uint64_t> take() { return std::move(masks_); }

 private:
  void visit(std::uint64_t mask, std::size_t first) {
    masks_.push_back(mask);
    KERF_ASSERT(masks_.size() < 0xffff, "a model has at most 65,534 states");
    for (std::size_t i = first; i < items_.size(); ++i) {
      if (usage_.conflict(items_[i]) != Usage::Conflict::None) continue;
      usage_.add(items_[i]);
      visit(mask | bit(i), i + 1);
      usage_.remove(items_[i]);
    }
  }

  Usage usage_;
  const std::vector<Placed>& items_;
  std::vector<std::uint64_t> masks_;
};

bool smaller(const Layout& a, const Layout& b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), before);
}

bool covers(const Counts& a, const Counts& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](std::uint8_t x, std::uint8_t y) { return x >= y; });
}

}  // namespace

Geometry::Geometry(const Model& model) : model_(model) {
  KERF_ASSERT(model_.cuttable(), "only models with known placements are cut");
  KERF_ASSERT(model_.slots <= 16, "starts() has 16 bits");
  for (std::size_t p = 0; p < model_.profiles.size(); ++p) {
    const Profile& profile = model_.profiles[p];
    for (const std::uint8_t start : profile.starts) {
      KERF_ASSERT(start + profile.slots <= model_.slots, "a placement lies on the GPU");
      items_.push_back({static_cast<std::uint8_t>(p), start});
    }
  }
  KERF_ASSERT(items_.size() <= kItemsMax, "items are bits of 64");
  KERF_ASSERT(std::is_sorted(items_.begin(), items_.end()), "starts ascend");
  enumerate();
  link();
}

/// Fills what describes each state by itself.
void Geometry::enumerate() {
  const std::vector<std::uint64_t> found = Search(model_, items_).take();
  std::vector<Layout> layouts(found.size());
  for (std::size_t s = 0; s < found.size(); ++s) {
    for_each_item(found[s], [&](std::size_t i) { layouts[s].push_back(items_[i]); });
    std::sort(layouts[s].begin(), layouts[s].end(), before);
  }
  std::vector<std::size_t> order(found.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return smaller(layouts[a], layouts[b]); });
  for (const std::size_t s : order) {
    Counts counts(model_.profiles.size(), 0);
    for (const Placed placed : layouts[s]) ++counts[placed.profile];
    masks_.push_back(found[s]);
    layouts_.push_back(std::move(layouts[s]));
    counts_.push_back(std::move(counts));
  }
  by_mask_.resize(masks_.size());
  std::iota(by_mask_.begin(), by_mask_.end(), State{0});
  std::sort(by_mask_.begin(), by_mask_.end(),
            [&](State a, State b) { return masks_[a] < masks_[b]; });
}

/// Fills what leads from state to state. The state without an item of this one always exists, so
/// the links downwards give those upwards.
void Geometry::link() {
  const std::size_t profiles = model_.profiles.size();
  added_.assign(states() * items_.size(), kNoState);
  addable_.assign(states(), 0);
  starts_.assign(states() * profiles, 0);
  room_.assign(states() * profiles, 0);
  for (std::size_t s = 0; s < states(); ++s) {
    for_each_item(masks_[s], [&](std::size_t i) {
      const std::optional<State> below = find(masks_[s] & ~bit(i));
      KERF_ASSERT(below, "taking a slice away leaves a legal state");
      added_[s * items_.size() + i] = *below;
      added_[*below * items_.size() + i] = static_cast<State>(s);
      addable_[*below] |= bit(i);
      std::uint16_t& starts = starts_[*below * profiles + items_[i].profile];
      starts = static_cast<std::uint16_t>(starts | (1u << items_[i].start));
    });
  }
  // Fullest states first: room is one more than the most room of a state one slice further.
  std::vector<State> order(states());
  std::iota(order.begin(), order.end(), State{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](State a, State b) { return layouts_[a].size() > layouts_[b].size(); });
  for (const State s : order) {
    for_each_item(addable_[s], [&](std::size_t i) {
      const std::size_t p = items_[i].profile;
      const std::size_t next = added_[s * items_.size() + i];
      std::uint8_t& room = room_[s * profiles + p];
      room =
          std::max<std::uint8_t>(room, static_cast<std::uint8_t>(room_[next * profiles + p] + 1));
    });
  }
}

std::optional<Geometry::State> Geometry::find(std::uint64_t mask) const {
  const auto at = std::lower_bound(by_mask_.begin(), by_mask_.end(), mask,
                                   [&](State s, std::uint64_t key) { return masks_[s] < key; });
  if (at == by_mask_.end() || masks_[*at] != mask) return std::nullopt;
  return *at;
}

std::optional<Geometry::Item> Geometry::item(Placed placed) const {
  // Items are sorted: profiles are numbered as in the model, starts ascend.
  const auto at = std::lower_bound(items_.begin(), items_.end(), placed);
  if (at == items_.end() || *at != placed) return std::nullopt;
  return static_cast<Item>(at - items_.begin());
}

std::optional<Geometry::State> Geometry::state(std::span<const Placed> layout) const {
  std::uint64_t mask = 0;
  for (const Placed placed : layout) {
    const std::optional<Item> found = item(placed);
    if (!found || (mask & bit(*found)) != 0) return std::nullopt;
    mask |= bit(*found);
  }
  return find(mask);
}

Geometry::State Geometry::removed(State state, Item item) const {
  KERF_ASSERT((masks_[state] & bit(item)) != 0, "only a slice that is there can be removed");
  return added_[state * items_.size() + item];
}

std::vector<Geometry::State> Geometry::containing(const Counts& counts) const {
  KERF_ASSERT(counts.size() == model_.profiles.size(), "one count per profile");
  std::vector<State> found;
  for (std::size_t s = 0; s < states(); ++s) {
    if (covers(counts_[s], counts)) found.push_back(static_cast<State>(s));
  }
  return found;
}

std::vector<Geometry::State> Geometry::exactly(const Counts& counts) const {
  KERF_ASSERT(counts.size() == model_.profiles.size(), "one count per profile");
  std::vector<State> found;
  for (std::size_t s = 0; s < states(); ++s) {
    if (counts_[s] == counts) found.push_back(static_cast<State>(s));
  }
  return found;
}

int Geometry::open_slots(State state) const {
  int sum = 0;
  for (std::size_t p = 0; p < model_.profiles.size(); ++p) {
    sum += room(state, p) * model_.profiles[p].slots;
  }
  return sum;
}

std::optional<Geometry::State> Geometry::arrange(const Counts& counts, State fixed) const {
  KERF_ASSERT(counts.size() == model_.profiles.size(), "one count per profile");
  KERF_ASSERT(covers(counts, counts_[fixed]), "counts include those of the fixed slices");
  std::optional<State> best;
  int most = 0;
  for (std::size_t i = 0; i < states(); ++i) {
    if ((masks_[i] & masks_[fixed]) != masks_[fixed] || counts_[i] != counts) continue;
    const auto s = static_cast<State>(i);
    if (const int open = open_slots(s); !best || open > most) {
      best = s;
      most = open;
    }
  }
  return best;
}

std::uint64_t Geometry::mask_within(State state, std::span<const Placed> part) const {
  std::uint64_t mask = 0;
  for (const Placed placed : part) {
    const std::optional<Item> found = item(placed);
    KERF_ASSERT(found && (masks_[state] & bit(*found)) != 0, "a part of the layout that stands");
    KERF_ASSERT((mask & bit(*found)) == 0, "a slice is named once");
    mask |= bit(*found);
  }
  return mask;
}

std::optional<Geometry::Transition> Geometry::transition(State from,
                                                         std::span<const Placed> untouched,
                                                         const Counts& wanted) const {
  KERF_ASSERT(wanted.size() == model_.profiles.size(), "one count per profile");
  const std::uint64_t stays = mask_within(from, untouched);
  std::vector<int> need(wanted.begin(), wanted.end());
  for (const Placed placed : untouched) ++need[placed.profile];

  // Compared in this order, least first; the least state comes first of itself.
  using Cost = std::tuple<int, int, int>;  // destroyed, created, minus room left
  std::optional<std::size_t> best;
  Cost least;
  for (std::size_t s = 0; s < states(); ++s) {
    if ((masks_[s] & stays) != stays) continue;
    if (!std::equal(need.begin(), need.end(), counts_[s].begin(),
                    [](int n, std::uint8_t have) { return n <= have; })) {
      continue;
    }
    const Cost cost = {std::popcount(masks_[from] & ~masks_[s]),
                       std::popcount(masks_[s] & ~masks_[from]),
                       -open_slots(static_cast<State>(s))};
    if (!best || cost < least) {
      best = s;
      least = cost;
    }
  }
  if (!best) return std::nullopt;
  Transition result;
  result.to = static_cast<State>(*best);
  for_each_item(masks_[from] & ~masks_[*best],
                [&](std::size_t i) { result.destroy.push_back(items_[i]); });
  for_each_item(masks_[*best] & ~masks_[from],
                [&](std::size_t i) { result.create.push_back(items_[i]); });
  std::sort(result.destroy.begin(), result.destroy.end(), before);
  std::sort(result.create.begin(), result.create.end(), before);
  return result;
}

std::vector<Counts> Geometry::maximal_counts(std::span<const std::size_t> profiles) const {
  std::vector<bool> chosen(model_.profiles.size(), false);
  for (const std::size_t p : profiles) chosen.at(p) = true;
  std::set<Counts, std::greater<>> seen;
  for (const Counts& counts : counts_) {
    bool only = true;
    for (std::size_t p = 0; p < counts.size(); ++p) only = only && (chosen[p] || counts[p] == 0);
    if (only) seen.insert(counts);
  }
  // A vector can only be covered by one that is lexicographically greater, thus seen before.
  std::vector<Counts> kept;
  for (const Counts& counts : seen) {
    if (std::none_of(kept.begin(), kept.end(),
                     [&](const Counts& other) { return covers(other, counts); })) {
      kept.push_back(counts);
    }
  }
  return kept;
}

}  // namespace kerf::gpu
