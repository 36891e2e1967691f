// The question that is asked for those who want a place, and what is made of the answer.
#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "core/controller/mind.h"

namespace kerf::controller {

using cluster::kNone;
using control::Pod;
using control::PodPhase;
using control::SlicePolicy;

namespace {

constexpr std::size_t kShapesMore = 256;  ///< remembered in vain

}  // namespace

bool must_stay(const Pod& pod) {
  const auto asked = pod.meta.annotations.find(control::kDoNotDisrupt);
  return pod.owner.kind.empty() || pod.owner.kind == "Job" ||
         (asked != pod.meta.annotations.end() && asked->second == "true");
}

// --- The question --------------------------------------------------------------------------------

bool Controller::Mind::window_over(PolicyMind& mind, const std::vector<Want>& wants) {
  std::set<std::string> ids;
  bool fresh = false;
  for (const Want& want : wants) {
    fresh |= !mind.known.contains(want.id);
    ids.insert(want.id);
  }
  if (wants.empty()) {
    mind.window_from = 0;
  } else if (fresh) {
    if (mind.window_from == 0) mind.window_from = now_;
    mind.window_last = now_;
  }
  mind.known = std::move(ids);
  if (wants.empty()) return false;
  const Instant over =
      std::min(mind.window_last + options_.batch_idle_ms, mind.window_from + options_.batch_max_ms);
  if (now_ >= over) return true;
  wake_at(over);
  return false;
}

/// What the answer to a question depends on, but for the question.
std::uint64_t Controller::Mind::fingerprint(const std::string& policy) const {
  Hasher hasher;
  if (const auto* wanted = store_.find<SlicePolicy>(policy)) hasher.add(wanted->meta.generation);
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy) continue;
    hasher.add(name);
    hasher.add(machine.closed() || !machine.sound);
    hasher.add(machine.coming());
    hasher.add(machine.price.micro);
    for (const Standing& slice : machine.slices) {
      hasher.add(slice.at.gpu);
      hasher.add(std::uint32_t{slice.at.start});
      hasher.add(std::uint32_t{slice.at.form.profile});
      hasher.add(static_cast<std::uint32_t>(slice.state));
    }
    for (const Seat& seat : machine.seats) {
      hasher.add(seat.id);
      for (const online::DeviceAt& at : seat.devices) {
        hasher.add(at.gpu);
        hasher.add(std::uint32_t{at.start});
      }
    }
  }
  for (const auto& [offering, until] : refused_) hasher.add(std::get<0>(offering));
  for (const auto& [key, node_class] : store_.all<control::NodeClass>()) {
    hasher.add(key.name);
    hasher.add(node_class.ready);
  }
  return hasher.value();
}

void Controller::Mind::take_stock(const SlicePolicy& policy, Problem& problem) {
  cluster::Snapshot& snapshot = problem.standing;
  std::vector<std::string>& running = problem.running;
  std::map<cluster::PodShape, std::uint32_t> shapes;
  std::map<std::string, std::uint32_t> owners;
  std::vector<const control::Budget*> budgets;
  for (const auto& [key, budget] : store_.all<control::Budget>()) {
    budgets.push_back(&budget);
    snapshot.budgets.push_back(budget.allowed);
  }
  const PolicyMind& mind = policies_[policy.meta.name];
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy.meta.name) continue;
    cluster::Node node = as_node(machine);
    const MachineMemory& memory = machines_[name];
    const bool young = memory.first_seen + policy.consolidation.cool_down_ms > now_;
    node.kept = machine.coming() || machine.claim == nullptr || machine.strangers ||
                (young && machine.has_pods()) || !machine.sound;
    for (const Seat& seat : machine.seats) {
      if (seat.daemon || !machine.sound) continue;
      cluster::Running pod;
      pod.node = static_cast<std::uint32_t>(snapshot.nodes.size());
      pod.name = seat.pod != nullptr ? seat.pod->meta.name : seat.id;
      const auto [shape, fresh] =
          shapes.try_emplace(*seat.shape, static_cast<std::uint32_t>(snapshot.shapes.size()));
      if (fresh) snapshot.shapes.push_back(*seat.shape);
      pod.shape = shape->second;
      // Whom another policy answers for is that one's to move, and it may only observe.
      pod.fixed = seat.pod == nullptr || must_stay(*seat.pod) || !seat.known ||
                  governing(*seat.pod) != &policy || seat.pod->phase != PodPhase::Running ||
                  seat.pod->meta.deleted != 0 || would_preempt(*seat.shape);
      if (seat.pod != nullptr && !seat.pod->owner.uid.empty()) {
        const std::string owner = family(*seat.pod);
        pod.owner =
            owners.try_emplace(owner, static_cast<std::uint32_t>(owners.size())).first->second;
        const auto moved = mind.kept.moved.find(owner);
        pod.fixed |= moved != mind.kept.moved.end() &&
                     moved->second + policy.consolidation.cool_down_ms > now_;
        for (std::uint32_t b = 0; b < budgets.size(); ++b) {
          if (!cluster::matches(budgets[b]->selector, *seat.shape)) continue;
          pod.fixed |= pod.budget != kNone;  // the eviction API refuses pods with two budgets
          pod.budget = b;
        }
      }
      for (const online::DeviceAt& at : seat.devices) {
        cluster::Slice slice{at.form, at.start, cluster::SliceState::Used, false,
                             static_cast<std::uint32_t>(snapshot.pods.size())};
        node.gpus[at.gpu].slices.push_back(slice);
      }
      snapshot.pods.push_back(std::move(pod));
      running.push_back(seat.id);
    }
    for (cluster::Gpu& gpu : node.gpus)
      std::stable_sort(gpu.slices.begin(), gpu.slices.end(),
                       [](const auto& a, const auto& b) { return a.start < b.start; });
    snapshot.nodes.push_back(std::move(node));
  }
}

void add_pending(Problem& problem, const Want& want) {
  cluster::Pod pod;
  pod.name = want.name;
  pod.shape = problem.pending.intern(*want.shape);
  problem.pending.pods.push_back(pod);
  problem.ids.push_back(want.id);
  problem.whom.push_back(want.whom);
  problem.owners.push_back(want.owner);
  problem.may_buy.push_back(want.may_buy);
  problem.may_open.push_back(want.may_open);
}

std::shared_ptr<Problem> Controller::Mind::problem(const SlicePolicy& policy, Search search) {
  auto problem = std::make_shared<Problem>();
  problem->search = search;
  problem->policy = policy.meta.name;
  problem->market = on_sale();
  problem->buys = policy.buys;
  problem->options.buy_steps = options_.buy_steps;
  PolicyMind& mind = policies_[policy.meta.name];
  if (mind.forecast) {
    std::vector<std::int64_t> running(mind.shapes.size());
    for (const auto& [name, machine] : fleet_)
      for (const Seat& seat : machine.seats) {
        const auto at = mind.shape_ids.find(*seat.shape);
        if (at != mind.shape_ids.end()) ++running[at->second];
      }
    for (const online::Expected& one : mind.forecast->expect(running, now_))
      problem->expected.emplace_back(mind.shapes[one.ask], one.weight);
  }
  return problem;
}

void Controller::Mind::place(const SlicePolicy& policy) {
  PolicyMind& mind = policies_[policy.meta.name];
  const std::vector<Want> wanted = wants(policy);
  count_arrivals(mind, wanted);
  const bool buying = window_over(mind, wanted) && now_ >= mind.unsure_until;
  wake_at(mind.unsure_until);
  if (wanted.empty()) mind.waiting = {};
  if (wanted.empty() || mind.solving != 0) return;
  Hasher question;
  question.add(fingerprint(policy.meta.name));
  question.add(buying);
  bool pods = false;
  for (const Want& want : wanted) {
    question.add(want.id);
    question.add(want.may_buy);
    pods |= !is_room(want.whom);
  }
  question.add(market_number_);
  question.add(std::max(0, options_.unlaunched - unlaunched()));
  if (question.value() == mind.solved_for) return;
  // Nothing could be done for the very same before: things change all the time, and most changes
  // help nobody who waits.
  Hasher same;
  for (const Want& want : wanted) {
    same.add(want.id);
    same.add(want.may_buy && buying);
  }
  if (same.value() == mind.vain_for && now_ < mind.vain_at + options_.vain_ms) {
    wake_at(mind.vain_at + options_.vain_ms);
    return;
  }
  mind.asked_for = same.value();
  mind.solved_for = question.value();
  std::shared_ptr<Problem> asked = problem(policy, Search::Place);
  take_stock(policy, *asked);
  asked->limits = limits(policy);
  asked->limits.open = asked->limits.open && !is_anybody_moving(mind);
  for (Want want : wanted) {
    want.may_buy = want.may_buy && buying;
    add_pending(*asked, want);
  }
  asked->room_from = asked->pending.pods.size();
  for (std::uint32_t p = 0; pods && p < asked->running.size(); ++p) {
    const auto at = reservations_.find(asked->running[p]);
    if (at == reservations_.end() || !is_room(at->second.whom)) continue;
    const Reservation& room = at->second;
    add_pending(*asked, {room.id, room.whom, room.id, "", room.shape.get(), nullptr, buying});
    asked->room.push_back(p);
  }
  asked->pending.workloads.push_back({});
  mind.problem = asked;
  effects_.push_back({mind.solving = flight_.number(), Solve{asked}});
}

/// Shapes of which nothing is expected any more: of Jobs that ended, of versions that are gone.
void Controller::Mind::forget_shapes(PolicyMind& mind) {
  online::Forecast::State state = mind.forecast->state();
  if (mind.shapes.size() <= 2 * state.entries.size() + kShapesMore) return;
  std::vector<cluster::PodShape> shapes;
  mind.shape_ids.clear();
  for (online::Forecast::Entry& entry : state.entries) {
    const auto id = static_cast<online::AskId>(shapes.size());
    shapes.push_back(std::move(mind.shapes[entry.ask]));
    mind.shape_ids.emplace(shapes.back(), id);
    entry.ask = id;
  }
  mind.shapes = std::move(shapes);
  mind.forecast.emplace(online::Forecast::Options(), std::move(state));
}

void Controller::Mind::count_arrivals(PolicyMind& mind, const std::vector<Want>& wanted) {
  forget_shapes(mind);
  for (const Want& want : wanted) {
    if (want.whom != For::Pod || mind.known.contains(want.id)) continue;
    const auto [at, fresh] =
        mind.shape_ids.try_emplace(*want.shape, static_cast<online::AskId>(mind.shapes.size()));
    if (fresh) mind.shapes.push_back(*want.shape);
    mind.forecast->arrived(at->second, 1, now_);
  }
}

// --- The answer ----------------------------------------------------------------------------------

void Controller::Mind::reserve(const SlicePolicy& policy, const Problem& problem, std::uint32_t pod,
                               const std::string& machine, std::vector<online::DeviceAt> devices) {
  const cluster::PodShape& shape = problem.pending.shapes[problem.pending.pods[pod].shape];
  const std::string& id = problem.ids[pod];
  Reservation reservation;
  reservation.id = id;
  reservation.whom = problem.whom[pod];
  reservation.policy = policy.meta.name;
  reservation.machine = machine;
  reservation.owner = problem.owners[pod];
  reservation.shape = std::make_shared<const cluster::PodShape>(shape);
  reservation.since = now_;
  reservation.offered = reservation.whom == For::Pod || reservation.whom == For::Warm ||
                        (reservation.whom == For::Successor && would_preempt(shape));
  reservation.may_come = true;
  const auto there = fleet_.find(machine);
  if (there == fleet_.end()) return;
  reservation.resources =
      resources_for(shape, *market_, *there->second.instance, policy.buys, devices);
  reservation.devices = std::move(devices);
  reservations_.insert_or_assign(id, std::move(reservation));
}

void Controller::Mind::placed(const SlicePolicy& policy, const Problem& problem,
                              const Solution& solution) {
  const auto still_wanted = [&](std::uint32_t pod) {
    const std::string& id = problem.ids[pod];
    if (is_room(problem.whom[pod])) return true;
    if (reservations_.contains(id)) return false;
    if (problem.whom[pod] != For::Pod) return !inherited(id);
    const Pod* at = pod_of(id);
    return at != nullptr && is_pending(*at);
  };
  const std::size_t before = reservations_.size();
  for (std::size_t pod = problem.room_from; solution.room_moved && pod < problem.ids.size(); ++pod)
    reservations_.erase(problem.ids[pod]);
  for (const online::Placed& placed : solution.decision.placed) {
    if (!still_wanted(placed.pod)) continue;
    const std::string& machine = problem.standing.nodes[placed.place.node].name;
    const auto there = fleet_.find(machine);
    if (there == fleet_.end() || there->second.closed()) continue;
    reserve(policy, problem, placed.pod, machine, placed.place.devices);
    const Pod* pod = pod_of(problem.ids[placed.pod]);
    if (pod == nullptr) continue;
    Record record{now_, What::Place,       Kind::Pod, control::key_of(pod->meta), policy.meta.name,
                  {},   placed.place.harm, {}};
    record.args = {machine, text_of(there->second, placed.place.devices),
                   placed.place.cuts.empty() ? "free" : "cut"};
    if (there->second.coming()) record.args.emplace_back("coming");
    for (const online::Place& other : placed.others)
      record.others.push_back({problem.standing.nodes[other.node].name, other.harm});
    record.others.push_back({"buy", placed.buying});
    note(std::move(record));
  }
  PolicyMind& mind = policies_[policy.meta.name];
  if (problem.search == Search::Place) mind.waiting = {};
  for (const plan::Unplaced& unplaced : solution.decision.purchase.unplaced) {
    const Pod* pod = pod_of(problem.ids[unplaced.pod]);
    if (pod != nullptr && problem.may_buy[unplaced.pod])
      has_to_wait(policy.meta.name, *pod, why_not(policy, unplaced.reason));
  }
  for (std::uint32_t p = 0; p < problem.ids.size(); ++p) {
    const Pod* pod = pod_of(problem.ids[p]);
    if (pod != nullptr && problem.whom[p] == For::Pod && !problem.may_buy[p] && still_wanted(p) &&
        !within_budget(policy, pod->meta.ns))
      has_to_wait(policy.meta.name, *pod, over_budget(policy, pod->meta.ns));
  }
  for (const online::Proposal& proposal : solution.proposals) open_slot(policy, problem, proposal);
  const bool opening = !solution.proposals.empty();
  buy(policy, problem, solution.decision.purchase);
  // What was answered is done; should it come to nothing, the same question is a new one.
  const std::size_t after = reservations_.size();
  const bool vain = after == before && !solution.room_moved;
  mind.vain_for = vain ? mind.asked_for : 0;
  mind.vain_at = now_;
  if (!vain || opening) mind.solved_for = 0;
}

/// The planner's reason with what it does not know: its limits are what is left of the policy's,
/// and its market is without what could not be had a moment ago.
std::vector<std::string> Controller::Mind::why_not(const SlicePolicy& policy,
                                                   const plan::Reason& reason) const {
  using plan::ReasonCode;
  MicroUsdPerHour rate;
  std::int64_t gpus = 0;
  for (const auto& [name, machine] : fleet_) {
    if (machine.policy != policy.meta.name) continue;
    rate += machine.price;
    gpus += machine.instance->gpu_count;
  }
  const std::string code(plan::to_string(reason.code));
  if (reason.code == ReasonCode::LimitPerHour && policy.buys.limit_per_hour)
    return {code, format_usd(*policy.buys.limit_per_hour), format_usd(rate)};
  if (reason.code == ReasonCode::LimitGpus && policy.buys.limit_gpus)
    return {code, std::to_string(*policy.buys.limit_gpus), std::to_string(gpus)};
  std::vector<std::string> why = {code};
  why.insert(why.end(), reason.args.begin(), reason.args.end());
  constexpr ReasonCode kOfMarket[] = {ReasonCode::UnknownProfile, ReasonCode::NoModelThatLarge,
                                      ReasonCode::NoTypeMatches, ReasonCode::TooLargeForNode,
                                      ReasonCode::NoZone};
  if (refused_.empty() || std::count(std::begin(kOfMarket), std::end(kOfMarket), reason.code) == 0)
    return why;
  std::set<std::string> types;
  for (const auto& [offering, until] : refused_) types.insert(std::get<0>(offering));
  std::string list;
  for (const std::string& type : types) list += (list.empty() ? "" : ",") + type;
  why.insert(why.begin(), {"RefusedNow", std::move(list)});
  return why;
}

/// Nothing that stands has room for it, and nothing can be bought. `why`: a code, its arguments.
void Controller::Mind::has_to_wait(const std::string& policy, const Pod& pod,
                                   std::vector<std::string> why) {
  const Key key = control::key_of(pod.meta);
  policies_[policy].waiting.add(key.text(), why);
  note({now_, What::Wait, Kind::Pod, key, policy, std::move(why), {}, {}});
}

/// The circuit breaker: a pod that could be bound and is not.
void Controller::Mind::disagree() {
  for (const auto& [name, machine] : fleet_) {
    for (const Seat& seat : machine.seats) {
      const Pod* pod = waiting_for(seat);
      if (pod == nullptr) continue;
      Reservation& reservation = reservations_.at(seat.id);
      if (!is_visible(machine, seat)) {
        reservation.visible = 0;
        continue;
      }
      if (reservation.visible == 0) reservation.visible = now_;
      // A verdict that did not change is not written again: without a new one it takes longer, a
      // round of the scheduler's own over what it could not place.
      const bool judged = pod->unschedulable && pod->judged > reservation.visible;
      const Instant over =
          reservation.visible + (judged ? options_.disagree_ms : options_.disagree_silent_ms);
      if (now_ < over) {
        wake_at(over);
        continue;
      }
      disagreed_[pod->meta.uid] = now_ + options_.disagree_again_ms;
      note({now_,
            What::Disagrees,
            Kind::Pod,
            control::key_of(pod->meta),
            reservation.policy,
            {name, pod->message},
            {},
            {}});
      reservation.since = -1;  // dropped below
    }
  }
  std::erase_if(reservations_, [](const auto& entry) { return entry.second.since < 0; });
}

const Pod* Controller::Mind::pod_of(const std::string& id) const {
  return id.starts_with("pod/") ? store_.pod(id.substr(4)) : nullptr;
}

/// The pod that the seat is kept for, if it is there and not bound yet.
const Pod* Controller::Mind::waiting_for(const Seat& seat) const {
  if (seat.pod != nullptr) return nullptr;
  const auto at = reservations_.find(seat.id);
  if (at == reservations_.end() || at->second.whom != For::Pod) return nullptr;
  const Pod* pod = pod_of(seat.id);
  return pod != nullptr && pod->node.empty() ? pod : nullptr;
}

/// Some transaction still has to move the pod whose successor the place is for.
bool Controller::Mind::is_moving(const std::string& heir) const {
  for (const auto& [name, mind] : policies_)
    for (const Transaction& transaction : mind.transactions)
      for (const MoveState& move : transaction.moves)
        if (move.heir == heir && move.phase != Phase::Done) return true;
  return false;
}

bool Controller::Mind::inherited(const std::string& id) const {
  return std::any_of(reservations_.begin(), reservations_.end(),
                     [&](const auto& entry) { return entry.second.heir_of == id; });
}

}  // namespace kerf::controller
