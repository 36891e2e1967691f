// consolidate: what to do, in order of dollars saved per disruption, so that less is paid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/online/standing.h"

namespace kerf::online {

/// What consolidation may do. PodDisruptionBudgets are Standing::budgets(); nodes and pods that
/// must stay are marked there (cluster::Node::kept, closed; cluster::Running::fixed).
struct ConsolidateLimits {
  bool open = true;          ///< false: outside the policy's windows; empty nodes go all the same
  std::int64_t moves = 100;  ///< pods that may be moved now (what is left of the hour's)
  MicroUsdPerHour least_saving;  ///< per proposal; a smaller one is not made
  /// What moving one pod costs, in micro-dollars per hour saved: a proposal must save more than
  /// this for each pod that it moves.
  MicroUsdPerHour least_per_move;
  bool buy = true;                 ///< may cheaper nodes be bought in the place of others?
  std::int64_t steps = 4'000'000;  ///< places looked at, in all; about 60 ns each
};

struct Move {
  PodId pod = 0;
  NodeId from = 0;
  NodeId to = 0;  ///< a standing node; with `bought` an index in Proposal::buys
  bool bought = false;
  std::vector<DeviceAt> devices;  ///< at the destination
};

enum class ProposalKind : std::uint8_t {
  ReturnEmpty,  ///< nobody is on the node
  FreeNode,     ///< its pods go where there is room
  Replace,      ///< its pods go to cheaper nodes that are bought, and to room elsewhere
  OpenSlot,     ///< pods move so that a pending pod fits, and nothing need be bought for it
};

/// One thing to do as a whole. Destinations are free now: in the room that stands when the
/// proposals before this one are done. Moves in this order: each destination is free when its turn
/// comes.
struct Proposal {
  ProposalKind kind = ProposalKind::ReturnEmpty;
  std::vector<NodeId> returns;       ///< nodes that are given back, ascending
  std::vector<plan::NodePlan> buys;  ///< bought first; pods are PodIds
  std::vector<Move> moves;           ///< those of pods of other nodes, sent on to make room, first
  MicroUsdPerHour saving;       ///< the bill falls by so much; OpenSlot: what need not be bought
  std::int64_t disruption = 0;  ///< pods moved
  std::uint32_t pending = cluster::kNone;  ///< OpenSlot: which pending pod; the caller's to fill in
  ShapeId slot_shape = 0;                  ///< OpenSlot: its shape
  std::vector<DeviceAt> slot;              ///< OpenSlot: its devices
  NodeId slot_node = 0;                    ///< OpenSlot: their node
};

/// Proposals in the order in which to do them: empty nodes, the dearest first; then by dollars
/// saved per pod moved, falling, except that one which uses room that another makes by sending a
/// pod on comes after it. Each is done as a whole or not at all and does not need those after it;
/// doing them in order keeps every limit at every step, makes no step dearer than the one before,
/// and moves no pod twice. `standing` is as before when this returns.
///
/// Assumptions: a pod that moves takes its room at once; prices are those of Standing's nodes and
/// of the market; nodes without a price (owned) are not worth giving back.
///
/// Rules
///  1. Empty nodes that cost something go back, whatever `open` says; kept ones stay.
///  2. Sources: nodes that are neither kept nor closed and have no fixed pod, that cost something,
///     and that moves and budgets allow to be emptied. The more dollars saved per pod on it, the
///     better a source. All pods of many sources are placed together (emptying.h), so that none
///     goes to a node that is emptied later; the set of sources that saves most is searched for
///     (sources.h).
///  3. Then the best nodes that are left are emptied one by one, with all places tried in turn, and
///     with small pods of other nodes sent on to make room (empty_one.h). If one node alone saves
///     more than all found so far, it is taken, and others beside it.
///  4. Then a node, or up to four of them, is replaced: pods go to room elsewhere, where they fit,
///     and the cheapest nodes are bought for the rest, or for all (replace.h).
/// Proposals that save less than `least_saving` or not more than `least_per_move` for each pod
/// moved are not made. Ties: lower node.
///
/// Not tried: chains of more than one pod sent on; moving a part of a node's pods without giving a
/// node back; keeping an empty node in the place of another; taking pods across zones whose numbers
/// count for a spread or an affinity over zones; pods that need each other on one node, which could
/// not move one by one.
///
/// Cost: about 10 times shapes x nodes places, as long as `steps` lasts: with `moves` unlimited
/// close to linear in nodes for a given number of shapes (docs/ has the figures).
std::vector<Proposal> consolidate(Standing& standing, const ConsolidateLimits& limits);

/// Moves that make room for one pending pod that fits nowhere, if they disrupt less than `worth`
/// allows: worth is at least `least_saving` and more than `least_per_move` for each pod moved;
/// worth = what buying for it would cost. nullopt: there are none, or it fits without any.
///
/// Rules: the fewest pods, at most three, all of one node; of those the easiest to place elsewhere
/// (sum of RoomUse::hardness). Each goes to its place of least cost on a node where it fits as
/// things are; where that leaves none for another of them, all places are tried in turn. Not moved:
/// fixed pods, pods that other pods keep from nodes, and pods beside one that needs company. Ties:
/// lower node, lower pods. The shape must be Standing's (Standing::shape). Cost: for each node its
/// pods to the power of the pods moved, and for each such choice a look at the other nodes, until
/// one does or `steps` run out.
std::optional<Proposal> open_slot(const Standing& standing, const ConsolidateLimits& limits,
                                  ShapeId pending, MicroUsdPerHour worth);

/// Does the proposal still hold: nodes and pods stand where it says, destinations are free, limits,
/// budgets and constraints allow it, and it saves what it says? Empty, or why not, as a word for a
/// program; the first of:
///   "window"      it moves pods and `open` is false
///   "moves"       more than limits.moves
///   "buying"      it buys and limits.buy is false
///   "node-gone"   a node that it gives back or moves to does not stand any more
///   "kept"        a node that it gives back is kept now
///   "closed"      a node that it moves pods to or from is closed now
///   "not-sold"    what it buys is not sold any more
///   "limit"       what it buys breaks a limit of the policy while the old nodes stand
///   "saves-less"  prices changed, or the limits ask for more
///   "pod-gone"    a pod does not run any more, or not there
///   "fixed"       a pod must stay now
///   "budget"      too few disruptions are allowed
///   "not-empty"   a node that it gives back has pods that stay
///   "destination-taken"  a destination has no room, or the slot to be opened has none
///   "constraint"  other pods keep a pod from its destination
std::string why_stale(const Standing& standing, const ConsolidateLimits& limits,
                      const Proposal& proposal);

/// Does it: buys, moves, returns; takes what it uses from the budgets. It must hold. Returns the
/// numbers of the nodes bought. Pods that moved have new numbers.
std::vector<NodeId> carry_out(Standing& standing, const Proposal& proposal);

}  // namespace kerf::online
