// Who is told what; when a node was last in trouble that is nobody's fault.
#include "sim/check.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/control/names.h"

namespace kerf::sim {

using control::kSecond;

namespace {

constexpr std::array<const char*, static_cast<std::size_t>(Promise::kCount)> kNames = {
    "slice-in-use",
    "converges",
    "proven-destination",
    "stale-prices",
    "observe-touches-nothing",
    "observe-writes-nothing",
    "alone-schedulable",
    "admission",
    "buys-once",
    "oversubscribed",
    "kubelet-crash",
    "broken-start",
    "legal-layout",
    "ledger",
    "effects-in-order",
    "limits",
    "comes-to-rest",
    "served",
    "gives-back",
    "canary"};

/// kubelet writes what it has at its next tick, at most so much later.
constexpr std::int64_t kStatusMs = 10 * kSecond;
/// The scheduler's view, a bind, and kubelet's admission after a tick.
constexpr std::int64_t kBindMs = 2 * kSecond;
/// Pods of a node that rebooted are admitted again within a minute of kubelet's start.
constexpr std::int64_t kReadmitMs = 60 * kSecond;

}  // namespace

const char* to_string(Promise promise) { return kNames[static_cast<std::size_t>(promise)]; }

void Troubles::extend(const std::string& node, Instant until) {
  Instant& known = until_[node];
  known = std::max(known, until);
}

bool Troubles::is_troubled(const std::string& node, Instant now) const {
  const auto at = until_.find(node);
  return at != until_.end() && now <= at->second;
}

std::vector<std::string> Troubles::since(Instant since) const {
  std::vector<std::string> nodes;
  for (const auto& [node, at] : shaken_) {
    const auto until = until_.find(node);
    const bool shows = until != until_.end() && until->second != kNever && until->second >= since;
    if (at >= since || shows) nodes.push_back(node);
  }
  return nodes;
}

const control::SlicePolicy* governing(const ApiServer& api, const control::Pod& pod) {
  const control::SlicePolicy* best = nullptr;
  for (const auto& policy : api.all<control::SlicePolicy>()) {
    if (!control::selects(policy, pod.meta.ns, pod.meta.labels)) continue;
    if (best == nullptr || policy.priority > best->priority) best = &policy;
  }
  return best;
}

const control::SlicePolicy* policy_of(const ApiServer& api, const control::Labels& labels) {
  const auto label = labels.find(control::kPolicyLabel);
  return label == labels.end() ? nullptr : api.find<control::SlicePolicy>(label->second);
}

Checks::Checks(World& world, Faults* faults, CheckOptions options)
    : world_(world), faults_(faults), options_(options) {
  for (const auto make :
       {check_slices, check_admission, check_moves, check_observe, check_purchases, check_budgets,
        check_effects, check_ledger, check_rest, check_nodes, check_served})
    checkers_.push_back(make(*this));
  if (options_.canary) checkers_.push_back(check_canary(*this));
  listen();
}

Checks::~Checks() {
  for (const std::uint64_t listener : listeners_) world_.api().unlisten(listener);
  world_.controller().on_effect = std::move(effect_before_);
  world_.controller().on_record = std::move(record_before_);
  if (faults_ != nullptr) faults_->on_fault = std::move(fault_before_);
}

void Checks::listen() {
  for (int kind = 0; kind < control::kKinds; ++kind) {
    listeners_.push_back(world_.api().listen(static_cast<Kind>(kind), [this](const Change& change) {
      if (change.kind == Kind::Node && (!change.before || !change.after)) machines_changed_ = true;
      for (const auto& checker : checkers_) checker->changed(change);
    }));
  }
  effect_before_ = world_.controller().on_effect;
  world_.controller().on_effect = [this](const controller::Effect& effect) {
    for (const auto& checker : checkers_) checker->effect(effect);
    if (effect_before_) effect_before_(effect);
  };
  record_before_ = world_.controller().on_record;
  world_.controller().on_record = [this](const controller::Record& record) {
    if (record.what == controller::What::Buy) told_[record.about.name] = world_.controller().told();
    for (const auto& checker : checkers_) checker->noted(record);
    if (record_before_) record_before_(record);
  };
  // Never refuses: it only hears what arrives.
  world_.api().deny([this](const Request& request) {
    for (const auto& checker : checkers_) checker->arrived(request);
    return std::string();
  });
  if (faults_ == nullptr) return;
  fault_before_ = faults_->on_fault;
  faults_->on_fault = [this](const FaultDone& done) {
    fault(done);
    for (const auto& checker : checkers_) checker->fault(done);
    if (fault_before_) fault_before_(done);
  };
}

/// What a fault explains by itself. Agents and kubelets that are down are seen by trouble().
void Checks::fault(const FaultDone& done) {
  const Instant now = world_.now();
  switch (done.what) {
    case FaultKind::LoseGpu:
    case FaultKind::Xid: befalls(done.where, kStatusMs + kBindMs); break;
    case FaultKind::ForeignPlugin:
    case FaultKind::ForeignDriver:
      troubles_.extend(done.where, done.until + kStatusMs + kBindMs);
      break;
    case FaultKind::LoseInstance: troubles_.extend(done.where, kNever); break;
    case FaultKind::DeletePod: befalls(done.where, 10 * kSecond); break;
    case FaultKind::CutOff: cut_off_until_[done.where] = done.until; break;
    case FaultKind::Watch: late_until_ = std::max(late_until_, done.until); break;
    default: break;
  }
  if (world_.karpenter().machine(done.where) != nullptr) troubles_.shake(done.where, now);
}

const market::Market& Checks::prices_of(const std::string& claim) const {
  const auto told = told_.find(claim);
  return told == told_.end() || told->second == nullptr ? *world_.prices().feed() : *told->second;
}

bool Checks::streams_are_wrong() const { return world_.now() < late_until_ + 30 * kSecond; }

std::int64_t Checks::controller_sees_ms() const {
  return streams_are_wrong() ? 30 * kSecond : 2 * kSecond;
}

void Checks::trouble(Machine& machine) {
  const Look is{machine.agent().up(), machine.kubelet().up(), machine.agent().runs(),
                machine.boots()};
  Look& was = looks_[machine.node()];
  std::int64_t length = 0;
  if (!is.agent || is.runs != was.runs) length = std::max(length, kStatusMs + kBindMs);
  if (!is.kubelet || !was.kubelet) length = std::max(length, kBindMs + kSecond);
  if (is.boots != was.boots && was.boots > 0)
    length = std::max(length, kReadmitMs + kStatusMs + kBindMs);
  was = is;
  if (length > 0) befalls(machine.node(), length);
}

/// What befalls a node that is cut off is known when it is back.
void Checks::befalls(const std::string& node, std::int64_t length) {
  const Instant now = world_.now();
  const auto cut = cut_off_until_.find(node);
  const bool away = cut != cut_off_until_.end() && now <= cut->second;
  troubles_.extend(node, (away ? cut->second : now) + length);
  troubles_.shake(node, now);
}

void Checks::look() {
  if (std::exchange(machines_changed_, false)) {
    machines_.clear();
    for (const std::string& node : world_.karpenter().nodes())
      machines_.push_back(world_.karpenter().machine(node));
  }
  for (Machine* machine : machines_) {
    if (!machine->on()) continue;
    trouble(*machine);
    for (const auto& checker : checkers_) checker->looked(*machine);
  }
  for (const auto& checker : checkers_) checker->stepped();
}

void Checks::run_until(Instant time) {
  while (world_.clock().next() && *world_.clock().next() <= time) {
    world_.step();
    look();
  }
  world_.run_until(time);
}

void Checks::begin_calm() {
  if (faults_ != nullptr) faults_->calm();
  calm_since_ = world_.now();
  machines_changed_ = true;
  look();
}

void Checks::end_calm() {
  for (const auto& checker : checkers_) checker->calm_ends();
}

void Checks::begin_alone() { world_.controller().stop(); }

void Checks::end_alone() {
  for (const auto& checker : checkers_) checker->alone_ends();
  world_.controller().start();
}

void Checks::breach(Promise promise, std::string sentence) {
  if (verdicts_.size() >= options_.most) return;
  if (!said_.insert(std::string(to_string(promise)) + sentence).second) return;
  verdicts_.push_back({promise, std::move(sentence), world_.now()});
}

}  // namespace kerf::sim
