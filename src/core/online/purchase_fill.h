// NodeFiller: nodes filled for the most value, and fleets of the best value per dollar, in
// integers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/plan/pattern.h"
#include "core/plan/problem.h"

namespace kerf::online {

/// By class of a plan::Problem: how many items.
using ClassItems = std::vector<std::int64_t>;
/// By class: what serving one item is worth, in micro-dollars per hour.
using ClassValues = std::vector<std::int64_t>;

bool any_left(const ClassItems& items);

/// Holds references: the problem outlives it.
class NodeFiller {
 public:
  explicit NodeFiller(const plan::Problem& problem);

  struct Filled {
    plan::Pattern pattern;
    std::int64_t value = 0;
  };
  /// Fills one node of the machine with at most `items`, one after the other, each the one of most
  /// value per scarce resource; what is scarce follows from what is left. Tried under several
  /// notions of scarce; the most valuable filling counts, ties to the earlier notion. Candidates of
  /// equal score: the lower index. Items worth nothing are left out. Cost: notions * items on the
  /// node * candidates.
  Filled fill(std::uint32_t machine, const ClassValues& values, const ClassItems& items);

  /// A fleet that serves exactly `items` (each worth more than nothing): the node of most value per
  /// dollar as often as the items allow it, ties to the lower machine, and so on; the last few
  /// items (up to `exact_vectors` count vectors) as plan::exact_fleet finds it. nullopt where it
  /// would reach `below`, or some item has no machine of a price below it. Cost: a machine is
  /// filled anew only when its last filling asks for more than is left.
  std::optional<plan::Fleet> fleet(const ClassValues& values, ClassItems items,
                                   MicroUsdPerHour below, std::int64_t exact_vectors);

 private:
  /// Parts of a machine's CPU, memory, disk, pod slots and GPU weight, in 2^-20.
  using Parts = std::array<std::int64_t, 5>;
  struct Slot {
    Filled filled;
    bool known = false;
  };

  void top_up(const Parts& notion, const ClassValues& values, plan::Room& room,
              std::int64_t& value);
  std::int64_t times_within(const plan::Pattern& pattern, const ClassItems& items) const;
  bool stale(const Slot& slot, const ClassItems& items) const;
  /// The machine of most value per dollar, its slot filled; nullopt: none is of use.
  std::optional<std::uint32_t> best(std::vector<Slot>& slots, const ClassValues& values,
                                    const ClassItems& items, MicroUsdPerHour below);

  const plan::Problem& problem_;
  std::vector<std::vector<Parts>> parts_;  ///< by machine, candidate
  // Kept between calls only to spare allocations.
  std::vector<std::uint32_t> useful_, active_;
  ClassItems left_;
};

}  // namespace kerf::online
