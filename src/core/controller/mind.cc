// What the mind is told, and the order in which it thinks.
#include "core/controller/mind.h"

#include <algorithm>
#include <utility>

#include "core/control/names.h"

namespace kerf::controller {

using control::SlicePolicy;

Controller::Controller(Options options, std::shared_ptr<online::SliceTables> tables)
    : mind_(std::make_unique<Mind>(options, tables != nullptr
                                                ? std::move(tables)
                                                : std::make_shared<online::SliceTables>())) {}
Controller::~Controller() = default;
Controller::Controller(Controller&&) noexcept = default;
Controller& Controller::operator=(Controller&&) noexcept = default;

std::vector<Effect> Controller::step(std::span<const Event> batch, Instant now) {
  return mind_->step(batch, now);
}
std::uint64_t Controller::hash() const { return mind_->hash(); }
Overview Controller::overview() const { return mind_->overview(); }

std::vector<Effect> Controller::Mind::step(std::span<const Event> batch, Instant now) {
  now_ = now;
  effects_.clear();
  wake_.reset();
  for (const Event& event : batch) absorb(event);
  if (may_act()) think();
  else effects_.clear();  // what was noted while it was told is another's to say
  if (const auto next = flight_.next(now_)) wake_at(*next);
  if (wake_) effects_.push_back({0, WakeAt{*wake_}});
  return std::move(effects_);
}

namespace {

/// MIG mode is set when a node boots, by its NodeClass, whatever the GPU could do later: every node
/// is whole or cut as a whole.
std::shared_ptr<const market::Market> as_bought(const market::Market& market) {
  auto bought = std::make_shared<market::Market>(market);
  for (gpu::Model& model : bought->gpus.models)
    if (model.cuttable()) model.generation = gpu::Generation::Ampere;
  return bought;
}

std::string told_key(Kind kind, const Key& key) {
  return std::string(control::to_string(kind)) + " " + key.text();
}

}  // namespace

void Controller::Mind::absorb(const Event& event) {
  if (const auto* seen = std::get_if<Seen>(&event)) {
    const control::Meta& meta = control::meta_of(seen->object);
    const bool news = store_.see(seen->object);
    const auto* claim = std::get_if<control::NodeClaim>(&seen->object);
    if (news && claim != nullptr && claim->meta.deleted != 0) ending(*claim);
    flight_.seen(control::kind_of(seen->object), control::key_of(meta), meta.version);
  } else if (const auto* gone = std::get_if<Gone>(&event)) {
    if (gone->kind == Kind::NodeClaim && !gone->stays) {
      const auto* claim = store_.find<control::NodeClaim>(gone->key);
      if (claim != nullptr && claim->meta.uid == gone->uid) ending(*claim);
    }
    if (store_.lose(gone->kind, gone->key, gone->uid, gone->stays)) {
      flight_.gone(gone->kind, gone->key);
      told_.erase(told_key(gone->kind, gone->key));
    }
  } else if (const auto* synced = std::get_if<Synced>(&event)) {
    synced_.insert(synced->kind);
    store_.listed(synced->kind);
    const auto there = [&](const Key& key) { return store_.version(synced->kind, key) != 0; };
    for (const Key& key : flight_.synced(synced->kind, synced->version, there)) {
      const auto claim = creating_.find(key.name);
      if (synced->kind == Kind::NodeClaim && claim != creating_.end()) refused(claim->second);
    }
  } else if (std::holds_alternative<Leading>(event)) {
    start_term();
  } else if (std::holds_alternative<Following>(event)) {
    leading_ = false;
  } else if (const auto* offerings = std::get_if<Offerings>(&event)) {
    if (offerings->market == nullptr) return;
    prices_as_of_ = offerings->as_of;
    price_source_ = offerings->source;
    price_trouble_ = offerings->trouble;
    overhead_ = offerings->overhead;
    // The same prices again are no news.
    const bool same = market_ != nullptr && market_->offerings == offerings->market->offerings &&
                      market_->off_sale == offerings->market->off_sale &&
                      market_->types.size() == offerings->market->types.size();
    if (same) return;
    market_ = as_bought(*offerings->market);
    on_sale_.reset();
  } else if (const auto* done = std::get_if<Done>(&event)) {
    absorb(*done);
  } else if (const auto* solved = std::get_if<Solved>(&event)) {
    for (auto& [name, mind] : policies_) {
      if (mind.solving != 0 && mind.solving == solved->effect) {
        mind.solving = 0;
        mind.answer = solved->solution;
      } else if (mind.comparing != 0 && mind.comparing == solved->effect) {
        mind.comparing = 0;
        mind.comparison = solved->solution;
      }
    }
  } else if (const auto* bounded = std::get_if<Bounded>(&event)) {
    for (auto& [name, mind] : policies_) {
      if (mind.bounding == 0 || mind.bounding != bounded->effect) continue;
      mind.bounding = 0;
      mind.figures.bound = bounded->bound;
      mind.figures.whole_gpus = bounded->whole_gpus;
    }
  }
}

/// Karpenter deletes a claim that it cannot launch: first it is told to end, then it is gone. Once.
void Controller::Mind::ending(const control::NodeClaim& claim) {
  if (claim.launched() || !leading_) return;
  std::string& closing = machines_[claim.meta.name].closing;
  if (!closing.empty()) return;  // known, or by Kerf itself
  closing = "refused";
  refused(claim);
}

void Controller::Mind::absorb(const Done& done) {
  const auto target = flight_.target(done.effect);
  if (!target) return;
  const Version known = store_.version(target->first, target->second);
  const auto landed = flight_.done(done.effect, done.outcome, known, now_);
  if (landed->kind == Kind::SlicePolicy) {
    PolicyMind& mind = policies_[landed->key.name];
    if (landed->result == Result::Applied) {
      mind.written = std::max(mind.written, mind.writing);
    } else {  // what it said may not be there
      mind.told_generation = 0;
    }
  }
  if (landed->kind == Kind::NodeClaim && landed->result == Result::Refused) {
    const auto claim = creating_.find(landed->key.name);
    if (claim != creating_.end()) refused(claim->second, landed->why);
  }
  if (landed->kind == Kind::NodeClaim) turned_away(*landed);
  if (landed->kind != Kind::Pod) return;
  // The scheduler wrote to the pod at the same time: once more, before its slice is offered.
  if (landed->result == Result::Conflict)
    for (auto& [id, reservation] : reservations_)
      if (reservation.naming == done.effect) reservation.nominated = 0;
  for (auto& [name, mind] : policies_)
    for (Transaction& transaction : mind.transactions)
      for (MoveState& move : transaction.moves)
        if (move.asked == done.effect) move.eviction = landed->result;
}

/// A claim that was not made, and may be another time.
void Controller::Mind::turned_away(const Flight::Landed& landed) {
  const bool forbidden = landed.result == Result::Forbidden;
  if (!forbidden && landed.result != Result::Later) return;
  for (auto& [name, mind] : policies_) {
    const auto at = mind.to_buy.find(landed.key.name);
    if (at == mind.to_buy.end()) continue;
    ToBuy& to_buy = at->second;
    to_buy.asked = false;
    if (!forbidden) continue;
    // An API server that starts says so for some seconds; what says so for longer means it.
    if (to_buy.forbidden_since == 0) to_buy.forbidden_since = now_;
    if (now_ < to_buy.forbidden_since + kForbiddenMs) continue;
    refused(control::NodeClaim(to_buy.claim), landed.why);
    return;
  }
}

void Controller::Mind::start_term() {
  leading_ = true;
  replaces_from_ = now_ + Flight::kLate;
  thought_ = false;
  synced_.clear();
  // What was known may be newer than what is: etcd may have been put back to an earlier state.
  store_ = {};
  fleet_.clear();
  flight_.clear();
  reservations_.clear();
  creating_.clear();
  policies_.clear();
  machines_.clear();
  nominated_by_others_.clear();
  named_.clear();
  disagreed_.clear();
  opened_.clear();
  did_not_leave_.clear();
  told_.clear();
  full_.clear();
  recovered_.clear();
}

bool Controller::Mind::may_act() const {
  return leading_ && synced_.size() == control::kKinds && market_ != nullptr;
}

/// A time that has come was looked at in this step already.
void Controller::Mind::wake_at(Instant at) {
  if (at <= now_) return;
  if (!wake_ || at < *wake_) wake_ = at;
}

void Controller::Mind::note(Record record) {
  record.at = now_;
  std::string said(to_string(record.what));
  for (const std::string& arg : record.args) said += "\n" + arg;
  std::string& last = told_[told_key(record.kind, record.about)];
  if (last == said) return;
  last = said;
  effects_.push_back({0, Note{std::move(record)}});
}

const SlicePolicy* Controller::Mind::acting(const std::string& policy) const {
  const SlicePolicy* found = store_.find<SlicePolicy>(policy);
  return found != nullptr && found->mode == control::Mode::Act ? found : nullptr;
}

const SlicePolicy* Controller::Mind::governing(const control::Pod& pod) const {
  const SlicePolicy* best = nullptr;
  for (const auto& [key, policy] : store_.all<SlicePolicy>()) {
    if (!control::selects(policy, pod.meta.ns, pod.meta.labels)) continue;
    if (best == nullptr || policy.priority > best->priority) best = &policy;
  }
  return best;
}

void Controller::Mind::rebuild() {
  spent_.clear();
  fleet_ = build_fleet(store_, *market_, overhead_, creating_, reservations_, *tables_);
  for (auto& [name, machine] : fleet_) {
    const auto memory = machines_.find(name);
    if (memory == machines_.end()) continue;
    if (memory->second.failed) machine.unusable = true;
    if (!memory->second.closing.empty()) machine.leaving = true;
  }
  // Room that is being made there is nobody else's.
  for (const auto& [id, reservation] : reservations_)
    if (waits_for_room(reservation)) fleet_.at(reservation.machine).making_room = true;
}

void Controller::Mind::think() {
  thought_ = true;
  std::erase_if(creating_, [&](const auto& entry) {
    return store_.find<control::NodeClaim>(entry.first) != nullptr;
  });
  std::erase_if(machines_, [&](const auto& entry) {
    return !creating_.contains(entry.first) &&
           store_.find<control::NodeClaim>(entry.first) == nullptr &&
           store_.find<control::Node>(entry.first) == nullptr;
  });
  abandon();
  inherit();
  rebuild();
  recover();
  if (forget_stale_reservations()) rebuild();
  for (const auto& [key, policy] : store_.all<SlicePolicy>()) {
    load(policy);
    PolicyMind& mind = policies_[policy.meta.name];
    if (mind.comparison != nullptr) {
      compared(policy, *std::exchange(mind.compared, nullptr),
               *std::exchange(mind.comparison, nullptr));
    }
    if (mind.answer == nullptr) continue;
    const auto question = std::exchange(mind.problem, nullptr);
    const auto answer = std::exchange(mind.answer, nullptr);
    if (policy.mode != control::Mode::Act) continue;
    else if (question->search == Search::Place) placed(policy, *question, *answer);
    else proposed(policy, *question, *answer);
    rebuild();
  }
  disagree();
  lay_out();
  give_up_claims();
  for (const auto& [key, policy] : store_.all<SlicePolicy>()) {
    if (policy.mode == control::Mode::Act) {
      const std::size_t before = reservations_.size();
      carry_on(policy);
      if (reservations_.size() != before) rebuild();
      place(policy);
      consolidate(policy);
    }
    compare(policy);
    write_status(policy);
  }
  if (create_claims()) rebuild();
  give_back();
}

/// What a policy was moving that is gone, or observes, stays where it is.
void Controller::Mind::abandon() {
  for (auto& [name, mind] : policies_) {
    if (acting(name) != nullptr) {
      mind.acted = true;
      continue;
    }
    if (std::exchange(mind.acted, false)) {  // what nothing could be done for is asked anew
      mind.waiting = mind.barred = {};
      mind.compared_for = 0;
    }
    for (const Transaction& transaction : mind.transactions)
      for (const std::string& machine : transaction.returns) machines_[machine].closing.clear();
    mind.transactions.clear();
  }
}

std::uint64_t Controller::Mind::hash() const {
  Hasher hasher;
  hasher.add(leading_);
  flight_.add_to(hasher);
  for (const auto& [id, reservation] : reservations_) add_to(hasher, reservation);
  for (const auto& [name, claim] : creating_) hasher.add(name);
  for (const auto& [name, memory] : machines_) {
    hasher.add(name);
    hasher.add(memory.withdrawing);
    hasher.add(memory.low_since);
    hasher.add(memory.wanted);
    hasher.add(memory.failed);
    hasher.add(memory.closing);
    hasher.add(memory.empty_since);
    hasher.add(memory.left_alone_until);
    hasher.add(memory.vacate_vain_for);
  }
  for (const auto* set : {&opened_, &did_not_leave_, &recovered_})
    for (const std::string& name : *set) hasher.add(name);
  for (const auto& [name, mind] : policies_) {
    hasher.add(name);
    hasher.add(mind.noted);
    hasher.add(mind.written);
    hasher.add(mind.solving);
    hasher.add(mind.solved_for);
    hasher.add(mind.unsure_until);
    hasher.add(mind.kept.demand_at);
    for (const auto& [uid, count] : mind.kept.purchases) {
      hasher.add(uid);
      hasher.add(count);
    }
    for (const Transaction& transaction : mind.transactions) {
      hasher.add(transaction.opens);
      for (const MoveState& move : transaction.moves) {
        hasher.add(move.uid);
        hasher.add(static_cast<std::int32_t>(move.phase));
        hasher.add(move.since);
      }
    }
  }
  return hasher.value();
}

}  // namespace kerf::controller
