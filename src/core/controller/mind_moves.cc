// Moves that were decided, carried on step by step.
#include <algorithm>

#include "core/control/names.h"
#include "core/controller/mind.h"

namespace kerf::controller {

using control::Pod;
using control::SlicePolicy;

void Controller::Mind::carry_on(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  for (std::size_t t = 0; t < mind.transactions.size();) {
    if (carry_on(policy, mind.transactions[t])) ++t;
    else mind.transactions.erase(mind.transactions.begin() + static_cast<std::ptrdiff_t>(t));
  }
}

/// False: it is over, done or given up.
bool Controller::Mind::carry_on(const SlicePolicy& policy, Transaction& transaction) {
  for (MoveState& move : transaction.moves) let_go(move);
  bool coming = false;
  for (const std::string& name : transaction.bought) {
    const auto machine = fleet_.find(name);
    if (machine == fleet_.end() || machine->second.is_withheld() || machine->second.unusable) {
      give_up(policy, transaction, "what was bought for it did not come");
      return false;
    }
    coming |= machine->second.coming();
  }
  if (coming) {  // which takes as long as a node may: the time of each move begins after it
    for (MoveState& move : transaction.moves) move.since = now_;
    return true;
  }
  if (!transaction.opens.empty() && !reservations_.contains(transaction.opens)) {
    const Pod* served = pod_of(transaction.opens);
    if (served != nullptr && !served->node.empty() &&
        machine_of(*served) == transaction.moves.front().from) {
      transaction.opens.clear();  // it has come
    } else {
      give_up(policy, transaction, "nobody waits for the room any more");
      return false;
    }
  }
  bool done = true;
  for (std::size_t m = 0; m < transaction.moves.size(); ++m) {
    MoveState& move = transaction.moves[m];
    if (move.phase == Phase::Done) continue;
    done = false;
    // One move per owner at a time, and those that make room for others first.
    const bool waits = std::any_of(
        transaction.moves.begin(), transaction.moves.begin() + static_cast<std::ptrdiff_t>(m),
        [&](auto& before) { return before.phase != Phase::Done && before.owner == move.owner; });
    if (!waits) {
      if (!carry_on(policy, transaction, move)) return false;
    } else if (move.phase == Phase::Prepare) {
      move.since = now_;
    }
  }
  if (!done) return true;
  // The nodes go by themselves once they are empty (give_back).
  bool stand = false;
  for (const std::string& name : transaction.returns)
    stand |= fleet_.contains(name) && !machines_[name].closing.empty();
  if (!stand || !has_others(transaction)) return stand;
  give_up(policy, transaction, "somebody else has come to its node");
  return false;
}

/// The pod goes by itself: its successor, if there is one, takes the place, also one that is only
/// on its way.
void Controller::Mind::let_go(MoveState& move) {
  if (move.phase == Phase::Await || move.phase == Phase::Done) return;
  const Pod* pod = store_.pod(move.uid);
  if (pod != nullptr && !pod->done() && pod->meta.deleted == 0) return;
  const auto heir = reservations_.find(move.heir);
  if (heir != reservations_.end()) let_come(heir->second);
  move.phase = Phase::Await;
  move.since = now_;
  wake_at(now_ + 1);  // layouts follow
}

/// Pods on the machines that are to be emptied that the transaction does not know: they came while
/// it was worked out, or before the machine was closed. What they are on is not given back.
bool Controller::Mind::has_others(const Transaction& transaction) const {
  const auto moves = [&](const std::string& uid) {
    return std::any_of(transaction.moves.begin(), transaction.moves.end(),
                       [&](const MoveState& move) { return move.uid == uid; });
  };
  for (const std::string& name : transaction.returns) {
    const auto machine = fleet_.find(name);
    if (machine == fleet_.end()) continue;
    if (machine->second.strangers) return true;
    for (const Seat& seat : machine->second.seats)
      if (seat.pod != nullptr && !seat.daemon && !moves(seat.pod->meta.uid)) return true;
  }
  return false;
}

/// Why a pod is not evicted although it was decided, which may be half an hour ago; "" = it is.
std::string Controller::Mind::holds_back(const SlicePolicy& policy, const Transaction& transaction,
                                         const Pod& pod) const {
  if (must_stay(pod)) return "it must not be disrupted";
  if (governing(pod) != &policy) return "another policy governs it";
  if (would_preempt(pod.shape)) return "its successor would preempt other pods";
  if (has_others(transaction)) return "somebody else has come to its node";
  if (transaction.why != "expires" && !control::is_open(policy.consolidation, now_))
    return "it is not the time for moves";
  return "";
}

bool Controller::Mind::carry_on(const SlicePolicy& policy, Transaction& transaction,
                                MoveState& move) {
  PolicyMind& mind = policies_[policy.meta.name];
  const Pod* pod = store_.pod(move.uid);
  const auto heir = reservations_.find(move.heir);
  const auto enter = [&](Phase phase) {
    move.phase = phase;
    move.since = now_;
    wake_at(now_ + 1);  // layouts follow
  };
  if (move.phase != Phase::Await && heir == reservations_.end()) {
    give_up(policy, transaction, "the destination is taken");
    return false;
  }
  if (move.phase != Phase::Done && now_ >= move.since + options_.move_deadline_ms) {
    give_up(policy, transaction, "it took too long");
    return false;
  }
  if (move.phase != Phase::Done) wake_at(move.since + options_.move_deadline_ms);
  const bool asked = move.eviction == Result::Applied || !is_free(Kind::Pod, move.pod);
  if (move.phase != Phase::Await && move.phase != Phase::Done && !asked) {
    const std::string why = holds_back(policy, transaction, *pod);
    if (!why.empty()) {
      give_up(policy, transaction, why);
      return false;
    }
  }
  switch (move.phase) {
    case Phase::Prepare: {
      if (waits_for_room(heir->second)) {
        move.since = now_;
        return true;
      }
      if (!stands(heir->second)) return true;
      enter(Phase::Shield);
      [[fallthrough]];
    }
    case Phase::Shield:
      if (!is_shielded(move)) return true;
      mind.kept.moved[move.owner] = now_;
      mind.kept.moves.push_back(now_);
      move.noted = must_keep(mind);
      enter(Phase::Evict);
      [[fallthrough]];
    case Phase::Evict: return evict(policy, transaction, move, heir->second);
    case Phase::Await: {
      const auto successor =
          std::find_if(reservations_.begin(), reservations_.end(),
                       [&](const auto& entry) { return entry.second.heir_of == move.heir; });
      const bool here = successor != reservations_.end();
      if (here) move.successor = successor->first;
      // Taken over and gone from the reservations: it is bound, and has its devices.
      if (!here && !move.successor.empty() && pod == nullptr) enter(Phase::Done);
      if (!here && move.successor.empty() && heir == reservations_.end()) enter(Phase::Done);
      return true;
    }
    case Phase::Done: return true;
  }
  return true;
}

/// Asks for the eviction once all that it depends on is so. False: it is given up.
bool Controller::Mind::evict(const SlicePolicy& policy, Transaction& transaction, MoveState& move,
                             Reservation& heir) {
  if (move.eviction == Result::Refused) {
    heir.may_come = false;  // it stays where it is
    give_up(policy, transaction, "its PodDisruptionBudget does not allow it");
    return false;
  }
  if (move.eviction == Result::Applied) return true;
  if (policies_[policy.meta.name].written < move.noted || !is_free(Kind::Pod, move.pod) ||
      !stands(heir))
    return true;
  if (!prices_fresh() && transaction.why != "expires" && transaction.why != "drifted") {
    give_up(policy, transaction, "prices are not fresh");
    return false;
  }
  let_come(heir);
  move.asked =
      ask(Kind::Pod, move.pod, store_.pod(move.uid)->meta.version, Evict{move.pod, move.uid});
  note({now_,
        What::Move,
        Kind::Pod,
        move.pod,
        policy.meta.name,
        {move.from, heir.machine},
        transaction.saving,
        {}});
  return true;
}

/// Its place is held by pods that move away first.
bool Controller::Mind::waits_for_room(const Reservation& kept) const {
  for (const auto& [name, mind] : policies_)
    for (const Transaction& transaction : mind.transactions) {
      const std::vector<MoveState>& moves = transaction.moves;
      const auto own = std::find_if(moves.begin(), moves.end(),
                                    [&](const MoveState& move) { return move.heir == kept.id; });
      if (own == moves.end() && transaction.opens != kept.id) continue;
      const auto to = fleet_.find(kept.machine);
      if (to == fleet_.end() || to->second.has_seat(kept.id)) return false;
      return std::any_of(moves.begin(), own, [&](const MoveState& move) {
        return move.phase != Phase::Done && move.from == kept.machine;
      });
    }
  return false;
}

void Controller::Mind::let_come(Reservation& heir) const {
  if (!heir.may_come) heir.since = now_;
  heir.may_come = true;
}

/// Every device that is reserved stands under its name, parked, so that nobody else can be bound to
/// it, and nothing on the machine is being changed: placement and capacity in hand.
bool Controller::Mind::stands(const Reservation& reservation) const {
  const auto at = fleet_.find(reservation.machine);
  if (at == fleet_.end()) return false;
  const Machine& machine = at->second;
  if (!machine.seen_by_agent || machine.coming() || machine.unusable) return false;
  const control::GpuNode& node = *machine.gpus;
  if (!node.status.cut || node.status.observed_generation != node.meta.generation ||
      !is_free(Kind::GpuNode, control::key_of(node.meta)))
    return false;
  for (std::size_t d = 0; d < reservation.devices.size(); ++d) {
    const std::string& resource = reservation.resources[d];
    const bool parked =
        std::any_of(machine.slices.begin(), machine.slices.end(), [&](const Standing& slice) {
          return slice.at == reservation.devices[d] && slice.resource == resource &&
                 slice.state == cluster::SliceState::Free && !slice.published;
        });
    if (!parked || offered(machine, resource) > published(machine, resource)) return false;
  }
  return true;
}

/// The source's devices are marked: nobody else can be given them when the pod goes.
bool Controller::Mind::is_shielded(const MoveState& move) const {
  const auto machine = fleet_.find(move.from);
  if (machine == fleet_.end()) return true;
  const control::GpuNode* gpus = machine->second.gpus;
  if (gpus == nullptr || machine->second.node == nullptr ||
      gpus->status.observed_generation != gpus->meta.generation)
    return false;
  for (const Seat& seat : machine->second.seats) {
    if (seat.pod == nullptr || seat.pod->meta.uid != move.uid) continue;
    for (std::size_t d = 0; d < seat.devices.size(); ++d) {
      for (const Standing& slice : machine->second.slices)
        if (slice.at == seat.devices[d] && slice.published) return false;
      // Nor does the API offer it any more.
      const std::string& resource = seat.resources[d];
      if (offered(machine->second, resource) > published(machine->second, resource)) return false;
    }
  }
  return shielded_.contains(move.uid);
}

void Controller::Mind::give_up(const SlicePolicy& policy, Transaction& transaction,
                               const std::string& why) {
  for (const MoveState& move : transaction.moves) {
    if (move.phase == Phase::Done) continue;
    const auto heir = reservations_.find(move.heir);
    // Whoever was evicted keeps its place; the others stay where they are.
    if (heir != reservations_.end() && !heir->second.may_come) reservations_.erase(heir);
    note({now_, What::MoveOff, Kind::Pod, move.pod, policy.meta.name, {why}, {}, {}});
  }
  // Whoever waits for the room has none, and is bought for.
  const auto waits = reservations_.find(transaction.opens);
  if (waits != reservations_.end() && waits_for_room(waits->second)) reservations_.erase(waits);
  for (const std::string& name : transaction.returns) {
    machines_[name].closing.clear();
    machines_[name].left_alone_until = now_ + policy.consolidation.cool_down_ms;
    machines_[name].vacate_vain_for = 0;
  }
  PolicyMind& mind = policies_[policy.meta.name];
  mind.consolidated_at = now_;
  mind.settled_since = now_;
  wake_at(now_ + 1);
}

}  // namespace kerf::controller
