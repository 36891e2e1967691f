// Geometry: every legal placed state of one MIG model as tables, so that each question is exact.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/gpu/model.h"

namespace kerf::gpu {

/// A slice placed on a GPU: profile (index in Model::profiles) and its first slot.
struct Placed {
  std::uint8_t profile = 0;
  std::uint8_t start = 0;
  auto operator<=>(const Placed&) const = default;
};

/// What one GPU is cut into, sorted by start slot then profile. Empty = MIG on, nothing cut.
using Layout = std::vector<Placed>;

/// How many slices of each profile: counts[i] belongs to Model::profiles[i].
using Counts = std::vector<std::uint8_t>;

/// Tables over all legal placed states of one model.
///
/// Legal (facts: nvml.h placements, MIG User Guide): slots disjoint; per profile at most
/// max_instances; engine sums at most those of the full-GPU profile, engine kind by engine kind
/// where both are known. That sum gives +me, +me.all and -me their exclusions. A model has 26 to
/// 2,319 such states, so nothing here is a heuristic.
///
/// Invariants: state 0 is the empty layout; states are numbered in the order of their layouts,
/// which compare slice by slice, each by start then profile, so "the smallest layout" is the least
/// state; every state is reachable by adding slices in any order; tables never change after
/// construction. Build: a few ms and under 2 MB per model. At most 64 items, 16 slots and 65,534
/// states.
class Geometry {
 public:
  using State = std::uint16_t;
  using Item = std::uint8_t;  ///< a (profile, start) pair of the model, numbered from 0

  /// `model.cuttable()` must hold; the model is copied.
  explicit Geometry(const Model& model);

  const Model& model() const { return model_; }
  std::size_t states() const { return layouts_.size(); }
  std::span<const Placed> items() const { return items_; }
  /// The item of that pair, if the pair is a placement of the model at all.
  std::optional<Item> item(Placed placed) const;

  const Layout& layout(State state) const { return layouts_[state]; }
  const Counts& counts(State state) const { return counts_[state]; }
  /// The state of a layout (any order), or nullopt if it is not legal.
  std::optional<State> state(std::span<const Placed> layout) const;

  /// Bit i set: items()[i] can be added. O(1).
  std::uint64_t addable(State state) const { return addable_[state]; }
  /// Bit s set: a slice of `profile` can start at slot s. O(1).
  std::uint16_t starts(State state, std::size_t profile) const {
    return starts_[state * model_.profiles.size() + profile];
  }
  /// The most further slices of `profile` alone that fit beside what is there. O(1).
  int room(State state, std::size_t profile) const {
    return room_[state * model_.profiles.size() + profile];
  }
  /// The state after adding an addable item / removing one that is there. O(1).
  State added(State state, Item item) const { return added_[state * items_.size() + item]; }
  State removed(State state, Item item) const;
  /// True if nothing more can be added.
  bool maximal(State state) const { return addable_[state] == 0; }

  /// All states that contain at least these counts / exactly these counts, ascending.
  std::vector<State> containing(const Counts& counts) const;
  std::vector<State> exactly(const Counts& counts) const;

  /// The best state with exactly these counts that keeps every slice of `fixed` where it is:
  /// the one that leaves the most room (sum over profiles of room x slots), ties to the smallest
  /// layout in order. nullopt: there is none. counts must include those of `fixed`.
  std::optional<State> arrange(const Counts& counts, State fixed = 0) const;

  /// A change from one layout to another.
  struct Transition {
    State to = 0;
    std::vector<Placed> destroy;  ///< in `from`, not in `to`
    std::vector<Placed> create;   ///< in `to`, not in `from`
  };
  /// The least change from `from` to a state that contains at least `wanted` beside the slices of
  /// `untouched` (a sub-layout of `from`, which stays; `wanted` does not count it). Least = fewest
  /// destroyed, then fewest created, then most room left, then smallest layout. nullopt:
  /// impossible.
  std::optional<Transition> transition(State from, std::span<const Placed> untouched,
                                       const Counts& wanted) const;

  /// Distinct count vectors of the maximal states over the given profiles only (others unused):
  /// the corner points an LP needs. `profiles` are indices; order of the result is lexicographic
  /// descending. A vector that another one covers is left out.
  std::vector<Counts> maximal_counts(std::span<const std::size_t> profiles) const;

 private:
  static constexpr State kNoState = 0xffff;

  void enumerate();
  void link();
  std::optional<State> find(std::uint64_t mask) const;
  /// Items of a sub-layout of `state`.
  std::uint64_t mask_within(State state, std::span<const Placed> part) const;
  /// Sum over profiles of room x slots.
  int open_slots(State state) const;

  Model model_;
  std::vector<Placed> items_;
  std::vector<Layout> layouts_;
  std::vector<Counts> counts_;
  std::vector<std::uint64_t> masks_;  ///< items of each state
  std::vector<State> by_mask_;        ///< states sorted by mask: the lookup of state()
  std::vector<std::uint64_t> addable_;
  std::vector<std::uint16_t> starts_;
  std::vector<std::uint8_t> room_;
  /// states x items: the state after adding an item that is addable, after removing one that is
  /// there, else kNoState.
  std::vector<State> added_;
};

/// The one text form of a layout: model, then profile@start by start:
/// "A100-40 [2g.10gb@0 1g.5gb@2 3g.20gb@4]"; an empty GPU is "A100-40 []".
std::string format_layout(const Model& model, std::span<const Placed> layout);

struct ParsedLayout {
  const Model* model = nullptr;  ///< points into the catalogue given
  Layout layout;                 ///< sorted; legal by Geometry
};
/// Reads that form. Errors say which word is wrong and what the model has; illegal layouts
/// (overlap, count, engines, start) are refused. At most 4 KiB.
Result<ParsedLayout> parse_layout(const Catalogue& catalogue, std::string_view text);

}  // namespace kerf::gpu
