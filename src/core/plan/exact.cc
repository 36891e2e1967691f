// Dynamic programming over item counts, numbered in mixed radix.
#include "core/plan/exact.h"

#include <algorithm>

namespace kerf::plan {

namespace {

constexpr std::int64_t kUnknown = -1;
constexpr std::int64_t kNever = std::int64_t{1} << 60;

/// Count vectors as numbers: digit i belongs to classes[i] and runs from 0 to items.
struct Radix {
  std::vector<std::uint32_t> classes;
  std::vector<std::int64_t> items;
  std::vector<std::int64_t> place;
  std::int64_t vectors = 1;

  std::int64_t digit(std::int64_t vector, std::size_t i) const {
    return vector / place[i] % (items[i] + 1);
  }
};

/// Can the node hold these counts? Tries every split over the candidates of each class.
bool hold(Room& room, const Radix& radix, std::int64_t vector, std::size_t i) {
  if (i == radix.classes.size()) return true;
  std::int64_t wanted = radix.digit(vector, i);
  if (wanted == 0) return hold(room, radix, vector, i + 1);
  const Machine& machine = room.machine();
  auto first =
      std::lower_bound(machine.candidates.begin(), machine.candidates.end(), radix.classes[i],
                       [](const Candidate& c, std::uint32_t cls) { return c.cls < cls; });
  // Splits of `wanted` over the candidates from `index` on.
  auto split = [&](auto&& self, std::size_t index, std::int64_t left) -> bool {
    if (left == 0) return hold(room, radix, vector, i + 1);
    if (index == machine.candidates.size() || machine.candidates[index].cls != radix.classes[i])
      return false;
    auto candidate = static_cast<std::uint32_t>(index);
    for (std::int64_t n = room.most(candidate, left); n >= 0; --n) {
      room.add(candidate, n);
      bool held = self(self, index + 1, left - n);
      if (held) return true;
      if (n > 0) room.remove(candidate, n);
    }
    return false;
  };
  return split(split, static_cast<std::size_t>(first - machine.candidates.begin()), wanted);
}

class Search {
 public:
  Search(const Problem& problem, Radix radix) : problem_(problem), radix_(std::move(radix)) {
    for (std::uint32_t m = 0; m < problem.machines.size(); ++m) by_price_.push_back(m);
    std::stable_sort(by_price_.begin(), by_price_.end(), [&](std::uint32_t a, std::uint32_t b) {
      return problem.machines[a].price < problem.machines[b].price;
    });
    price_.assign(static_cast<std::size_t>(radix_.vectors), kUnknown);
    host_.resize(static_cast<std::size_t>(radix_.vectors));
  }

  std::optional<Fleet> run() {
    const auto vectors = static_cast<std::size_t>(radix_.vectors);
    std::vector<std::int64_t> least(vectors, kNever);
    std::vector<std::int64_t> part(vectors, 0);
    for (std::size_t v = 1; v < vectors; ++v) find_host(v);
    for (const auto& kind : problem_.kinds)
      if (!kind->exact()) return std::nullopt;
    least[0] = 0;
    for (std::size_t v = 1; v < vectors; ++v) choose_part(v, least, part);
    if (least[vectors - 1] >= kNever) return std::nullopt;
    Fleet fleet;
    for (auto v = vectors - 1; v > 0; v -= static_cast<std::size_t>(part[v])) {
      const auto p = static_cast<std::size_t>(part[v]);
      Room room(problem_, host_[p]);
      hold(room, radix_, static_cast<std::int64_t>(p), 0);
      fleet.push_back(room.pattern());
    }
    return fleet;
  }

 private:
  /// The cheapest machine for vector v on one node. A vector with one item less is never dearer, so
  /// machines cheaper than that one's host need no look.
  void find_host(std::size_t v) {
    std::int64_t at_least = 0;
    for (std::size_t i = 0; i < radix_.classes.size(); ++i) {
      if (radix_.digit(static_cast<std::int64_t>(v), i) == 0) continue;
      at_least = std::max(at_least, price_[v - static_cast<std::size_t>(radix_.place[i])]);
    }
    price_[v] = kNever;
    if (at_least >= kNever) return;
    for (std::uint32_t m : by_price_) {
      if (problem_.machines[m].price.micro < at_least) continue;
      Room room(problem_, m);
      if (!hold(room, radix_, static_cast<std::int64_t>(v), 0)) continue;
      price_[v] = problem_.machines[m].price.micro;
      host_[v] = m;
      return;
    }
  }

  /// least[v] = min over parts w of v that hold an item of v's last class in use.
  void choose_part(std::size_t v, std::vector<std::int64_t>& least,
                   std::vector<std::int64_t>& part) {
    const auto n = radix_.classes.size();
    std::vector<std::int64_t> top(n), digit(n, 0);
    for (std::size_t i = 0; i < n; ++i) top[i] = radix_.digit(static_cast<std::int64_t>(v), i);
    std::size_t anchor = n;
    while (anchor > 0 && top[anchor - 1] == 0) --anchor;
    --anchor;
    std::size_t w = 0;
    while (true) {
      std::size_t i = 0;
      while (i < n && digit[i] == top[i]) {
        w -= static_cast<std::size_t>(digit[i] * radix_.place[i]);
        digit[i++] = 0;
      }
      if (i == n) return;
      ++digit[i];
      w += static_cast<std::size_t>(radix_.place[i]);
      if (digit[anchor] == 0 || price_[w] >= kNever) continue;
      std::int64_t total = price_[w] + least[v - w];
      if (total >= least[v]) continue;
      least[v] = total;
      part[v] = static_cast<std::int64_t>(w);
    }
  }

  const Problem& problem_;
  Radix radix_;
  std::vector<std::uint32_t> by_price_;
  std::vector<std::int64_t> price_;  ///< by vector: of one node that holds it; kNever = none
  std::vector<std::uint32_t> host_;
};

}  // namespace

std::optional<Fleet> exact_fleet(const Problem& problem, const std::vector<std::int64_t>& items,
                                 std::int64_t vectors_max) {
  Radix radix;
  for (std::uint32_t c = 0; c < items.size(); ++c) {
    if (items[c] <= 0) continue;
    radix.classes.push_back(c);
    radix.items.push_back(items[c]);
    radix.place.push_back(radix.vectors);
    if (items[c] + 1 > vectors_max / radix.vectors) return std::nullopt;
    radix.vectors *= items[c] + 1;
  }
  if (radix.classes.empty()) return Fleet{};
  return Search(problem, std::move(radix)).run();
}

}  // namespace kerf::plan
