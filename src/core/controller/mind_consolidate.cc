// What is to be moved and given back to pay less, because it has to go, or for a pending pod.
#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "core/controller/mind.h"

namespace kerf::controller {

using control::Pod;
using control::SlicePolicy;

namespace {

/// Hashes of NodeClasses, "<version of the hash>/<hash>" or the hash alone: those of different
/// versions say nothing about each other.
bool is_another(const std::string& then, const std::string& now) {
  const auto version = [](const std::string& hash) {
    const auto slash = hash.find('/');
    return slash == std::string::npos ? std::string() : hash.substr(0, slash);
  };
  return !then.empty() && then != now && version(then) == version(now);
}

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
    if (now_ < memory.empty_since + options_.empty_ms)
      wake_at(memory.empty_since + options_.empty_ms);
    else if (machine.price.micro > 0 || machine.capacity_type != market::CapacityType::Reserved) {
      memory.closing = "empty";
      wake_at(now_ + 1);
    }
  }
  if (is_anybody_moving(mind)) return;
  const bool settled = is_settled(policy);
  // What expires goes whether it is quiet or not.
  if (mind.solving == 0 && replace_aged(policy, settled)) return;
  if (!settled) return;
  if (mind.consolidated_at != 0 && now_ < mind.consolidated_at + options_.consolidate_every_ms) {
    wake_at(mind.consolidated_at + options_.consolidate_every_ms);
    return;
  }
  std::shared_ptr<Problem> asked = problem(policy, Search::Consolidate);
  asked->limits = limits(policy);
  take_stock(policy, *asked);
  if (asked->standing.pods.empty()) return;
  for (cluster::Node& node : asked->standing.nodes)
    node.kept |= machines_[node.name].empty_since != 0 ||  // it goes by itself
                 now_ < machines_[node.name].left_alone_until;
  // The same question has the same answer: it is asked again when something is different.
  Hasher question;
  question.add(mind.settled_for);
  question.add(asked->limits.open);
  question.add(asked->limits.buy);
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

/// Bought twice is what two leaders buy for the same pods, the second not knowing of the first.
bool Controller::Mind::may_replace() {
  if (now_ < replaces_from_) wake_at(replaces_from_);
  return now_ >= replaces_from_;
}

online::ConsolidateLimits Controller::Mind::limits(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  std::erase_if(mind.kept.moves, [&](Instant at) { return at + control::kHour <= now_; });
  online::ConsolidateLimits limits;
  limits.open = control::is_open(policy.consolidation, now_) && prices_fresh();
  limits.buy = limits.open && unlaunched() == 0 && may_replace();
  limits.moves = policy.consolidation.moves_per_hour - std::ssize(mind.kept.moves);
  limits.least_saving = policy.consolidation.least_saving;
  return limits;
}

bool Controller::Mind::is_anybody_moving(const PolicyMind& mind) {
  return std::any_of(mind.transactions.begin(), mind.transactions.end(),
                     [](const Transaction& t) { return !t.moves.empty(); });
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
    if (!is_anybody_moving(mind)) begin(policy, problem, proposal);
  }
}

/// Room for a pending pod that others make by moving away, where a node would be bought for it
/// alone. Tried once for each pod.
void Controller::Mind::open_slot(const SlicePolicy& policy, const Problem& problem,
                                 const online::Proposal& proposal) {
  const std::string& id = problem.ids[proposal.pending];
  const Pod* pod = pod_of(id);
  const std::string& machine = problem.standing.nodes[proposal.slot_node].name;
  const auto there = fleet_.find(machine);
  if (is_anybody_moving(policies_[policy.meta.name]) || pod == nullptr || !is_pending(*pod) ||
      reservations_.contains(id) || there == fleet_.end() || there->second.closed())
    return;
  opened_.insert(pod->meta.uid);
  reserve(policy, problem, proposal.pending, machine, proposal.slot);
  Record record{now_,
                What::Place,
                Kind::Pod,
                control::key_of(pod->meta),
                policy.meta.name,
                {},
                MicroUsdPerHour{},
                {{"buy", proposal.saving}}};
  record.args = {machine, text_of(there->second, proposal.slot), "opened"};
  begin(policy, problem, proposal);
  if (is_anybody_moving(policies_[policy.meta.name])) note(std::move(record));
  else reservations_.erase(id);
}

/// The proposal as a transaction: its destinations are reserved, its nodes take nobody any more.
void Controller::Mind::begin(const SlicePolicy& policy, const Problem& problem,
                             const online::Proposal& proposal) {
  Transaction transaction;
  transaction.why = proposal.kind == online::ProposalKind::Replace ? "replaced" : "freed";
  if (proposal.kind == online::ProposalKind::OpenSlot) {
    transaction.why = "opened";
    transaction.opens = problem.ids[proposal.pending];
  }
  transaction.saving = proposal.saving;
  for (const online::NodeId node : proposal.returns)
    transaction.returns.push_back(problem.standing.nodes[node].name);
  std::vector<Planned> planned;
  for (const online::Move& move : proposal.moves)
    planned.push_back({move.pod, move.bought ? "" : problem.standing.nodes[move.to].name,
                       move.bought ? move.to : 0, move.devices});
  start(policy, problem, std::move(transaction), proposal.buys, planned);
}

bool Controller::Mind::start(const SlicePolicy& policy, const Problem& problem,
                             Transaction transaction, const std::vector<plan::NodePlan>& buys,
                             const std::vector<Planned>& planned) {
  PolicyMind& mind = policies_[policy.meta.name];
  const auto leaves = [&](const Seat& seat) {
    return seat.pod == nullptr || seat.daemon ||
           std::any_of(planned.begin(), planned.end(),
                       [&](const Planned& move) { return problem.running[move.pod] == seat.id; });
  };
  for (const std::string& name : transaction.returns) {
    const auto machine = fleet_.find(name);
    if (machine == fleet_.end() || machine->second.is_withheld() ||
        machine->second.claim == nullptr || machine->second.strangers)
      return false;
    // Somebody came while the answer was worked out.
    const auto& seats = machine->second.seats;
    if (!std::all_of(seats.begin(), seats.end(), leaves)) return false;
  }
  for (const Planned& move : planned) {
    const auto to = fleet_.find(move.machine);
    if (!move.machine.empty() && (to == fleet_.end() || to->second.closed())) return false;
  }
  if (!within_limits(policy, *problem.market, buys)) return false;
  // What is planned in terms of a problem whose pods are those that move.
  Problem moving;
  moving.market = problem.market;
  std::map<std::uint32_t, std::uint32_t> number;  // pod of the snapshot -> pod of `moving`
  for (const Planned& move : planned) {
    const Pod* pod = running(problem, move.pod);
    if (pod == nullptr) return false;
    number[move.pod] = static_cast<std::uint32_t>(moving.pending.pods.size());
    add_pending(moving, {"heir/" + pod->meta.uid, For::Successor, control::key_of(pod->meta).text(),
                         family(*pod), &pod->shape});
  }
  for (const plan::NodePlan& buy : buys) {
    const plan::NodePlan theirs =
        renumbered(buy, [&](std::uint32_t pod) { return number.at(pod); });
    const std::string name = add_claim(policy, moving, theirs, {}, {});
    if (name.empty()) return false;
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
  return true;
}

/// The plan may count on nodes that go first; while they stand, they count.
bool Controller::Mind::within_limits(const SlicePolicy& policy, const market::Market& market,
                                     const std::vector<plan::NodePlan>& buys) const {
  if (buys.empty()) return true;
  MicroUsdPerHour rate;
  std::int64_t gpus = 0;
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy.meta.name || machine.claim == nullptr ||
        machine.claim->meta.deleted != 0)
      continue;
    rate += machine.price;
    gpus += machine.instance->gpu_count;
  }
  for (const plan::NodePlan& buy : buys) {
    rate += buy.price;
    gpus += market.types[buy.type].gpu_count;
  }
  const cluster::Policy& most = policy.buys;
  return (!most.limit_per_hour || rate <= *most.limit_per_hour) &&
         (!most.limit_gpus || gpus <= *most.limit_gpus);
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

// --- Machines that have to go --------------------------------------------------------------------

/// Asks where the pods of one machine would go that is old, or made from another NodeClass than
/// today's. True if it asked.
bool Controller::Mind::replace_aged(const SlicePolicy& policy, bool settled) {
  PolicyMind& mind = policies_[policy.meta.name];
  if (mind.aged_at != 0 && now_ < mind.aged_at + kLookForAgedMs) {
    wake_at(mind.aged_at + kLookForAgedMs);
    return false;
  }
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy.meta.name || machine.claim == nullptr || machine.coming() ||
        machine.is_withheld() || machine.leaving || machine.strangers)
      continue;
    const control::NodeClaim& claim = *machine.claim;
    const std::int64_t age = now_ - claim.meta.created;
    const bool old = claim.expire_after_ms != 0 && age >= claim.expire_after_ms / 10 * 8;
    const auto made_from = claim.meta.annotations.find(control::kNodeClassHash);
    const auto* today = store_.find<control::NodeClass>(claim.node_class);
    // Only from one hash to another that nodes can be made of now.
    const bool drifted = today != nullptr && today->ready && !today->hash.empty() &&
                         made_from != claim.meta.annotations.end() &&
                         is_another(made_from->second, today->hash) &&
                         control::is_open(policy.consolidation, now_);
    if (claim.expire_after_ms != 0) {
      const Instant due = claim.meta.created + claim.expire_after_ms / 10 * 8;
      if (due > now_) wake_at(due);
    }
    if (!old && !(drifted && settled)) continue;
    if (const Instant rests = machines_[name].left_alone_until; now_ < rests) {
      wake_at(rests);
      continue;
    }
    if (unlaunched() > 0 || !may_replace()) return false;
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
        movable &=
            !pod.fixed && (pod.budget == cluster::kNone || asked->standing.budgets[pod.budget] > 0);
        add_pending(*asked, {asked->running[p], For::Successor, pod.name, "",
                             &asked->standing.shapes[pod.shape]});
        asked->moving.push_back(p);
      }
    }
    // Drift has time: its moves count like those for money.
    if (!old && std::ssize(asked->moving) > limits(policy).moves) {
      wake_for_limits(policy);
      continue;
    }
    asked->pending.workloads.push_back({});
    asked->room_from = asked->pending.pods.size();
    if (!movable) continue;
    Hasher question;
    add_stock(question, *asked);
    if (question.value() == machines_[name].vacate_vain_for) continue;
    machines_[name].vacate_asked_for = question.value();
    mind.aged_at = now_;
    mind.problem = asked;
    effects_.push_back({mind.solving = flight_.number(), Solve{asked}});
    return true;
  }
  return false;
}

void Controller::Mind::vacate(const SlicePolicy& policy, const Problem& problem,
                              const online::Decision& decision) {
  const auto in_vain = [&] {
    MachineMemory& memory = machines_[problem.about];
    memory.vacate_vain_for = memory.vacate_asked_for;
    policies_[policy.meta.name].aged_at = now_ - kLookForAgedMs + options_.vain_ms;  // the next one
    wake_at(now_ + options_.vain_ms);
  };
  if (!decision.purchase.unplaced.empty() ||
      std::ssize(decision.purchase.nodes) > options_.unlaunched)
    return in_vain();
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
  if (!start(policy, problem, std::move(transaction), buys, planned)) in_vain();
}

}  // namespace kerf::controller
