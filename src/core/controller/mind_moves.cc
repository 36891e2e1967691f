// What is moved and given back to pay less, or because it has to go.
#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "core/controller/mind.h"

namespace kerf::controller {

using control::Pod;
using control::SlicePolicy;

namespace {

constexpr std::int64_t kEmptyMs = 2 * control::kMinute;  ///< a node is empty for so long: it goes
constexpr std::int64_t kLookForAgedMs = 5 * control::kMinute;

}  // namespace

bool Controller::Mind::prices_fresh() const { return now_ < prices_as_of_ + options_.price_age_ms; }

/// Nothing has changed for a while: nothing pending, nothing bought, nothing moving.
bool Controller::Mind::is_settled(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  Hasher hasher;
  hasher.add(fingerprint(policy.meta.name));
  for (const auto& [id, reservation] : reservations_)
    if (reservation.policy == policy.meta.name) hasher.add(id);
  if (hasher.value() != mind.settled_for) {
    mind.settled_for = hasher.value();
    mind.settled_since = now_;
  }
  const Instant over = mind.settled_since + options_.settle_ms;
  if (now_ < over) {
    wake_at(over);
    return false;
  }
  return mind.to_buy.empty() && mind.solving == 0;
}

void Controller::Mind::consolidate(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy.meta.name) continue;
    MachineMemory& memory = machines_[name];
    const bool empty = !machine.has_pods() && !machine.strangers && machine.in_service;
    if (!empty) memory.empty_since = 0;
    else if (memory.empty_since == 0) memory.empty_since = now_;
    if (!empty || machine.claim == nullptr || machine.going || machine.leaving) continue;
    // Nobody is disturbed: what it saves is worth it, however little.
    if (now_ < memory.empty_since + kEmptyMs) wake_at(memory.empty_since + kEmptyMs);
    else if (machine.price.micro > 0) {
      memory.closing = "empty";
      wake_at(now_ + 1);
    }
  }
  const bool moving = std::any_of(mind.transactions.begin(), mind.transactions.end(),
                                  [](const Transaction& t) { return !t.moves.empty(); });
  if (moving || !is_settled(policy)) return;
  if (mind.consolidated_at != 0 && now_ < mind.consolidated_at + options_.consolidate_every_ms) {
    wake_at(mind.consolidated_at + options_.consolidate_every_ms);
    return;
  }
  if (replace_aged(policy)) return;
  std::shared_ptr<Problem> asked = problem(policy, Search::Consolidate);
  std::erase_if(mind.kept.moves, [&](Instant at) { return at + control::kHour <= now_; });
  asked->limits.open = control::is_open(policy.consolidation, now_) && prices_fresh();
  asked->limits.buy = asked->limits.open && unlaunched() == 0;
  asked->limits.moves = policy.consolidation.moves_per_hour - std::ssize(mind.kept.moves);
  asked->limits.least_saving = policy.consolidation.least_saving;
  take_stock(policy, *asked);
  if (asked->standing.pods.empty()) return;
  for (cluster::Node& node : asked->standing.nodes)
    node.kept |= machines_[node.name].empty_since != 0 ||  // it goes by itself
                 now_ < machines_[node.name].left_alone_until;
  // The same question has the same answer: it is asked again when something is different.
  Hasher question;
  question.add(mind.settled_for);
  question.add(asked->limits.open);
  question.add(asked->limits.moves);
  add_stock(question, *asked);
  if (question.value() == mind.consolidated_for) {
    wake_for_limits(policy);
    return;
  }
  mind.consolidated_for = question.value();
  mind.consolidated_at = now_;
  mind.problem = asked;
  effects_.push_back({mind.solving = flight_.number(), Solve{asked}});
}

/// What stands and what is on sale: the same has the same answer.
void Controller::Mind::add_stock(Hasher& question, const Problem& asked) const {
  question.add(fingerprint(asked.policy));
  question.add(market_number_);
  for (const cluster::Node& node : asked.standing.nodes) question.add(node.kept);
  for (const cluster::Running& pod : asked.standing.pods) question.add(pod.fixed);
  for (const std::int64_t allowed : asked.standing.budgets) question.add(allowed);
}

/// When something that kept pods and nodes in their place ends.
void Controller::Mind::wake_for_limits(const SlicePolicy& policy) {
  const PolicyMind& mind = policies_[policy.meta.name];
  const std::int64_t cool = policy.consolidation.cool_down_ms;
  const auto wake = [&](Instant at) {
    if (at > now_) wake_at(at);
  };
  for (const auto& [owner, at] : mind.kept.moved) wake(at + cool);
  for (const auto& [name, memory] : machines_) {
    wake(memory.first_seen + cool);
    wake(memory.left_alone_until);
  }
  if (!mind.kept.moves.empty()) wake(mind.kept.moves.front() + control::kHour);
  if (!policy.consolidation.windows.empty()) wake(now_ + 10 * control::kMinute);
}

void Controller::Mind::proposed(const SlicePolicy& policy, const Problem& problem,
                                const Solution& solution) {
  if (problem.search == Search::Vacate) {
    vacate(policy, problem, solution.decision);
    return;
  }
  PolicyMind& mind = policies_[policy.meta.name];
  for (const online::Proposal& proposal : solution.proposals) {
    if (proposal.kind == online::ProposalKind::ReturnEmpty) continue;
    const bool moving = std::any_of(mind.transactions.begin(), mind.transactions.end(),
                                    [](const Transaction& t) { return !t.moves.empty(); });
    if (!moving) begin(policy, problem, proposal);
  }
}

/// The proposal as a transaction: its destinations are reserved, its nodes take nobody any more.
void Controller::Mind::begin(const SlicePolicy& policy, const Problem& problem,
                             const online::Proposal& proposal) {
  Transaction transaction;
  transaction.why = proposal.kind == online::ProposalKind::Replace ? "replaced" : "freed";
  transaction.saving = proposal.saving;
  for (const online::NodeId node : proposal.returns)
    transaction.returns.push_back(problem.standing.nodes[node].name);
  std::vector<Planned> planned;
  for (const online::Move& move : proposal.moves)
    planned.push_back({move.pod, move.bought ? "" : problem.standing.nodes[move.to].name,
                       move.bought ? move.to : 0, move.devices});
  start(policy, problem, std::move(transaction), proposal.buys, planned);
}

void Controller::Mind::start(const SlicePolicy& policy, const Problem& problem,
                             Transaction transaction, const std::vector<plan::NodePlan>& buys,
                             const std::vector<Planned>& planned) {
  PolicyMind& mind = policies_[policy.meta.name];
  for (const std::string& name : transaction.returns) {
    const auto machine = fleet_.find(name);
    if (machine == fleet_.end() || machine->second.going || machine->second.claim == nullptr)
      return;
  }
  // What is planned in terms of a problem whose pods are those that move.
  Problem moving;
  moving.market = problem.market;
  std::map<std::uint32_t, std::uint32_t> number;  // pod of the snapshot -> pod of `moving`
  for (const Planned& move : planned) {
    const Pod* pod = running(problem, move.pod);
    if (pod == nullptr) return;
    number[move.pod] = static_cast<std::uint32_t>(moving.pending.pods.size());
    add_pending(moving, {"heir/" + pod->meta.uid, For::Successor, control::key_of(pod->meta).text(),
                         family(*pod), &pod->shape});
  }
  for (const plan::NodePlan& buy : buys) {
    const plan::NodePlan theirs =
        renumbered(buy, [&](std::uint32_t pod) { return number.at(pod); });
    const std::string name = add_claim(policy, moving, theirs, {}, {});
    if (name.empty()) return;
    transaction.bought.push_back(name);
  }
  rebuild();
  for (const Planned& move : planned) {
    const Pod* pod = running(problem, move.pod);
    const std::string to = move.machine.empty() ? transaction.bought[move.bought] : move.machine;
    reserve(policy, moving, number.at(move.pod), to, move.devices);
    MoveState state;
    state.pod = control::key_of(pod->meta);
    state.uid = pod->meta.uid;
    state.owner = family(*pod);
    state.from = machine_of(*pod);
    state.heir = "heir/" + pod->meta.uid;
    state.since = now_;
    const auto reserved = reservations_.find(state.heir);
    if (reserved != reservations_.end()) {
      reserved->second.offered = false;
      reserved->second.may_come = false;
    }
    transaction.moves.push_back(std::move(state));
  }
  rebuild();
  for (const std::string& name : transaction.returns) machines_[name].closing = transaction.why;
  mind.transactions.push_back(std::move(transaction));
  rebuild();
}

const Pod* Controller::Mind::running(const Problem& problem, std::uint32_t pod) const {
  const std::string& id = problem.running[pod];
  const Pod* there = pod_of(id);
  return there != nullptr && !there->node.empty() && there->meta.deleted == 0 ? there : nullptr;
}

std::string Controller::Mind::machine_of(const Pod& pod) const {
  for (const auto& [name, machine] : fleet_)
    if (machine.node != nullptr && machine.node->meta.name == pod.node) return name;
  return "";
}

// --- Carrying on ---------------------------------------------------------------------------------

void Controller::Mind::carry_on(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  for (std::size_t t = 0; t < mind.transactions.size();) {
    if (carry_on(policy, mind.transactions[t])) ++t;
    else mind.transactions.erase(mind.transactions.begin() + static_cast<std::ptrdiff_t>(t));
  }
  eviction_refused_.clear();
}

/// False: it is over, done or given up.
bool Controller::Mind::carry_on(const SlicePolicy& policy, Transaction& transaction) {
  for (const std::string& name : transaction.bought) {
    const auto machine = fleet_.find(name);
    if (machine == fleet_.end() || machine->second.going || machine->second.unusable) {
      give_up(policy, transaction, "what was bought for it did not come");
      return false;
    }
    if (machine->second.coming()) return true;
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
    if (waits) continue;
    if (!carry_on(policy, transaction, move)) return false;
  }
  if (!done) return true;
  // The nodes go by themselves once they are empty (give_back).
  for (const std::string& name : transaction.returns)
    if (fleet_.contains(name) && !machines_[name].closing.empty()) return true;
  return false;
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
  if (move.phase != Phase::Await) {
    if (pod == nullptr || pod->done() || pod->meta.deleted != 0) {
      // It went by itself; its successor, if there is one, takes the place.
      if (heir != reservations_.end()) let_come(heir->second);
      enter(Phase::Await);
    } else if (heir == reservations_.end()) {
      give_up(policy, transaction, "the destination is taken");
      return false;
    }
  }
  if (move.phase != Phase::Done && now_ >= move.since + options_.move_deadline_ms) {
    give_up(policy, transaction, "it took too long");
    return false;
  }
  if (move.phase != Phase::Done) wake_at(move.since + options_.move_deadline_ms);
  switch (move.phase) {
    case Phase::Prepare: {
      if (waits_for_room(heir->second)) {
        move.since = now_;
        return true;
      }
      const auto to = fleet_.find(heir->second.machine);
      if (to == fleet_.end() || !stands(to->second, heir->second)) return true;
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
    case Phase::Evict:
      if (eviction_refused_.contains(move.pod)) {
        give_up(policy, transaction, "its PodDisruptionBudget does not allow it");
        return false;
      }
      if (mind.written < move.noted || !is_free(Kind::Pod, move.pod)) return true;
      if (!prices_fresh() && transaction.why != "expires" && transaction.why != "drifted") {
        give_up(policy, transaction, "prices are not fresh");
        return false;
      }
      let_come(heir->second);
      ask(Kind::Pod, move.pod, pod->meta.version, Evict{move.pod, move.uid});
      note({now_,
            What::Move,
            Kind::Pod,
            move.pod,
            policy.meta.name,
            {move.from, heir->second.machine},
            transaction.saving,
            {}});
      return true;
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

/// Its place is held by a pod that moves away first.
bool Controller::Mind::waits_for_room(const Reservation& heir) const {
  const auto to = fleet_.find(heir.machine);
  if (to == fleet_.end() || to->second.has_seat(heir.id)) return false;
  for (const auto& [name, mind] : policies_)
    for (const Transaction& transaction : mind.transactions) {
      const std::vector<MoveState>& moves = transaction.moves;
      const auto own = std::find_if(moves.begin(), moves.end(),
                                    [&](const MoveState& move) { return move.heir == heir.id; });
      if (own == moves.end()) continue;
      return std::any_of(moves.begin(), own, [&](const MoveState& move) {
        return move.phase != Phase::Done && move.from == heir.machine;
      });
    }
  return false;
}

void Controller::Mind::let_come(Reservation& heir) const {
  if (!heir.may_come) heir.since = now_;
  heir.may_come = true;
}

/// Every device that is reserved stands under its name, parked or not: placement and capacity in
/// hand.
bool Controller::Mind::stands(const Machine& machine, const Reservation& reservation) const {
  if (!machine.seen_by_agent || machine.coming() || machine.unusable) return false;
  for (std::size_t d = 0; d < reservation.devices.size(); ++d)
    if (std::none_of(machine.slices.begin(), machine.slices.end(), [&](const Standing& slice) {
          return slice.at == reservation.devices[d] && slice.resource == reservation.resources[d] &&
                 slice.state == cluster::SliceState::Free;
        }))
      return false;
  return true;
}

/// The source's devices are marked: nobody else can be given them when the pod goes.
bool Controller::Mind::is_shielded(const MoveState& move) const {
  const auto machine = fleet_.find(move.from);
  if (machine == fleet_.end()) return true;
  const control::GpuNode* gpus = machine->second.gpus;
  if (gpus == nullptr || machine->second.node == nullptr || !gpus->status.cut ||
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
  for (const std::string& name : transaction.returns) {
    machines_[name].closing.clear();
    machines_[name].left_alone_until = now_ + policy.consolidation.cool_down_ms;
  }
  PolicyMind& mind = policies_[policy.meta.name];
  mind.consolidated_at = now_;
  mind.settled_since = now_;
  wake_at(now_ + 1);
}

// --- Machines that have to go --------------------------------------------------------------------

/// Asks where the pods of one machine would go that is old, or made from another NodeClass than
/// today's. True if it asked.
bool Controller::Mind::replace_aged(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  if (mind.aged_at != 0 && now_ < mind.aged_at + kLookForAgedMs) return false;
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy.meta.name || machine.claim == nullptr || machine.coming() ||
        machine.going || machine.leaving || machine.strangers)
      continue;
    const control::NodeClaim& claim = *machine.claim;
    const std::int64_t age = now_ - claim.meta.created;
    const bool old = claim.expire_after_ms != 0 && age >= claim.expire_after_ms / 10 * 8;
    const auto made_from = claim.meta.annotations.find(control::kNodeClassHash);
    const auto* today = store_.find<control::NodeClass>(claim.node_class);
    const bool drifted = today != nullptr && made_from != claim.meta.annotations.end() &&
                         made_from->second != today->hash &&
                         control::is_open(policy.consolidation, now_);
    if (claim.expire_after_ms != 0) {
      const Instant due = claim.meta.created + claim.expire_after_ms / 10 * 8;
      if (due > now_) wake_at(due);
    }
    if (!old && !drifted) continue;
    if (unlaunched() > 0) return false;
    std::shared_ptr<Problem> asked = problem(policy, Search::Vacate);
    asked->about = name;
    asked->why = old ? "expires" : "drifted";
    take_stock(policy, *asked);
    bool movable = true;
    for (std::uint32_t n = 0; n < asked->standing.nodes.size(); ++n) {
      cluster::Node& node = asked->standing.nodes[n];
      if (node.name != name) continue;
      node.closed = true;
      for (std::uint32_t p = 0; p < asked->standing.pods.size(); ++p) {
        const cluster::Running& pod = asked->standing.pods[p];
        if (pod.node != n) continue;
        movable &= !pod.fixed;
        add_pending(*asked, {asked->running[p], For::Successor, pod.name, "",
                             &asked->standing.shapes[pod.shape]});
        asked->moving.push_back(p);
      }
    }
    asked->pending.workloads.push_back({});
    asked->room_from = asked->pending.pods.size();
    if (!movable) continue;
    Hasher question;
    add_stock(question, *asked);
    if (question.value() == machines_[name].vacate_vain_for) continue;
    machines_[name].vacate_vain_for = question.value();
    mind.aged_at = now_;
    mind.problem = asked;
    effects_.push_back({mind.solving = flight_.number(), Solve{asked}});
    return true;
  }
  return false;
}

void Controller::Mind::vacate(const SlicePolicy& policy, const Problem& problem,
                              const online::Decision& decision) {
  if (!decision.purchase.unplaced.empty() ||
      std::ssize(decision.purchase.nodes) > options_.unlaunched)
    return;
  Transaction transaction;
  transaction.why = problem.why;
  transaction.returns = {problem.about};
  std::vector<Planned> planned;
  for (const online::Placed& placed : decision.placed)
    planned.push_back({problem.moving[placed.pod], problem.standing.nodes[placed.place.node].name,
                       0, placed.place.devices});
  std::vector<plan::NodePlan> buys;
  for (const plan::NodePlan& node : decision.purchase.nodes) {
    const auto number = static_cast<std::uint32_t>(buys.size());
    buys.push_back(renumbered(node, [&](std::uint32_t pod) { return problem.moving[pod]; }));
    for (const std::uint32_t pod : buys.back().pods)
      planned.push_back({pod, "", number, devices_of(buys.back(), pod)});
  }
  start(policy, problem, std::move(transaction), buys, planned);
}

}  // namespace kerf::controller
