// Scarcity: what a room that will be missed is worth beside, from all rooms and the demand
// expected.
#pragma once

#include <cstdint>
#include <vector>

#include "base/money.h"
#include "core/online/potential.h"
#include "core/online/ranking.h"

namespace kerf::online {

/// Potential judges a node by itself; that the last rooms for a large pod are going shows only in
/// all nodes together. This sets Potential's prices accordingly, by Littlewood's rule: a room is
/// kept for a pod if the pod's worth times the chance that the room is missed is more than what
/// else the room is good for.
///
/// Rules. Priced are the expected asks that take a part of a GPU.
///  - Rooms of an ask: how many of it fit on each node if nothing else came, summed.
///  - Its rivals: itself, and expected asks that go only where it could (every kind of node that
///    serves them serves it) and need there as much of the GPUs and of all else, or more.
///  - Demand: rivals among the arrivals that are expected until no GPU is idle.
///  - Chance that a room is missed: demand counts as spread by the root of it and a quarter; the
///    chance falls evenly from 1 where the rooms are three such spreads fewer than the demand to 0
///    where they are three more, in steps of an eighth, rounded down. It is 0 for an ask that a
///    single GPU holds and for which the demand is over 32: many nodes have rooms for such an ask,
///    and one price more would change them all.
///  - Price of a room: the ask's worth, times the chance, times its part among its rivals.
/// Only nodes that are here count. Integers only; the prices follow from what is here now, however
/// it came to be.
///
/// Source of the idea: K. Littlewood, "Forecasting and control of passenger bookings" (1972).
///
/// Cost: set() is linear in the asks priced times the node's GPUs; reprice() in the asks priced if
/// anything was set, and in all nodes where a price changed. When a kind of node comes or goes,
/// linear in nodes, and in asks expected squared.
class Scarcity {
 public:
  /// All outlive this; `kinds` and `asks` are those of `potential`, whose prices are left to this.
  Scarcity(Potential& potential, const std::vector<Kind>& kinds, const std::vector<Ask>& asks)
      : potential_(potential), kinds_(kinds), asks_(asks) {}

  /// The room that the node has now; null: it takes no pods, or is gone.
  void set(NodeIndex node, const NodeRoom* room);
  /// The expectation is another (Potential::expect). Every node has to be set again.
  void clear();

  /// Sets the prices. The nodes whose worth is another for it, ascending.
  std::vector<NodeIndex> reprice();

 private:
  static constexpr std::int64_t kSteps = 8;
  static constexpr std::int64_t kSpreads = 3;
  static constexpr std::int64_t kRare = 32;

  struct Node {
    bool here = false;
    NodeRoom room;
    std::int64_t idle = 0;              ///< of its GPUs, in 1/GpuTable::kWhole
    std::vector<std::int64_t> fitting;  ///< by index in priced_
  };
  struct Priced {
    std::uint32_t expected = 0;  ///< index in the expectation
    bool spans = false;          ///< no single GPU holds it
    Int128 rivals = 0;           ///< sum of their weights
    std::int64_t rooms = 0;
    std::int64_t price = 0;
  };

  void take_out(Node& node);
  void put_in(Node& node);
  void count(Node& node);
  /// What is priced, from the kinds that are here; rooms of all nodes anew.
  void find_priced();
  const Resources& need(std::uint32_t expected) const;
  Int128 rivals_of(std::uint32_t expected) const;
  bool is_rival(std::uint32_t of, std::uint32_t other) const;
  std::int64_t chance_step(const Priced& priced) const;

  Potential& potential_;
  const std::vector<Kind>& kinds_;
  const std::vector<Ask>& asks_;
  std::vector<Node> nodes_;
  std::vector<std::int64_t> nodes_of_kind_;
  std::vector<Priced> priced_;
  std::int64_t idle_ = 0;
  Int128 use_ = 0;  ///< part of a GPU that an arrival takes, summed over the expectation by weight
  bool kinds_changed_ = false;
  bool changed_ = false;
};

}  // namespace kerf::online
