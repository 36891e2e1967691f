// When faults happen, how long they last, and the end of all of them.
#include "sim/faults.h"

#include <algorithm>
#include <utility>

#include "core/control/names.h"
#include "sim/world.h"

namespace kerf::sim {

Faults::Faults(World& world, std::vector<FaultSpec> specs, std::uint64_t seed)
    : world_(world),
      specs_(std::move(specs)),
      dice_(seed, "faults"),
      timers_(specs_.size()),
      happened_(specs_.size()) {
  // A node that comes while streams go wrong has the same streams.
  listener_ = world_.api().listen(Kind::Node, [this](const Change& change) {
    if (change.before != nullptr || calm_) return;
    if (Machine* machine = machine_of(change.key.name))
      machine->agent().set_faults(watch_of_[1], write_of_[1]);
  });
  const Instant start = world_.spec().start;
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const FaultSpec& spec = specs_[i];
    if (spec.every_ms > 0) wait(i, start + spec.at_ms);
    else timers_[i] = world_.clock().at(start + spec.at_ms, [this, i] { happen(i); });
  }
}

Faults::~Faults() {
  world_.api().unlisten(listener_);
  for (Timer& timer : timers_) world_.clock().cancel(timer);
  for (auto& [key, lasting] : lasting_) world_.clock().cancel(lasting.timer);
}

void Faults::happen(std::size_t number) {
  const FaultSpec& spec = specs_[number];
  if (strike(spec)) ++happened_[number];
  if (spec.every_ms > 0) wait(number, world_.now());
}

/// The next time of a fault that comes again, after a half to one and a half of its time.
void Faults::wait(std::size_t number, Instant from) {
  const FaultSpec& spec = specs_[number];
  if (spec.count > 0 && happened_[number] >= spec.count) return;
  const Instant at = from + dice_.between(spec.every_ms / 2, spec.every_ms * 3 / 2);
  if (spec.until_ms > 0 && at > world_.spec().start + spec.until_ms) return;
  timers_[number] = world_.clock().at(at, [this, number] { happen(number); });
}

bool Faults::strike(const FaultSpec& spec) {
  if (calm_) return false;
  switch (spec.what) {
    case FaultKind::CrashController:
    case FaultKind::CrashControllerAtEffect:
    case FaultKind::PauseController:
    case FaultKind::StopController:
    case FaultKind::LoseLease: return strike_controller(spec);
    case FaultKind::Watch:
    case FaultKind::Write: return strike_streams(spec);
    case FaultKind::OutOfStock:
    case FaultKind::StopFeed:
    case FaultKind::ChangePrice:
    case FaultKind::FailRegistrations:
    case FaultKind::HangLaunches: return strike_market(spec);
    case FaultKind::DeletePod:
    case FaultKind::Scale:
    case FaultKind::RollOut:
    case FaultKind::DeleteClaim: return strike_users(spec);
    case FaultKind::RestartScheduler:
    case FaultKind::Cordon:
    case FaultKind::Observe:
    case FaultKind::ChangeNodeClass: return strike_cluster(spec);
    case FaultKind::CrashAgent:
    case FaultKind::CrashAgentAtEffect:
    case FaultKind::StopAgent:
    case FaultKind::LoseJournal:
    case FaultKind::FailJournal: {
      Machine* machine = machine_for(spec);
      return machine != nullptr && strike_agent(spec, *machine);
    }
    default: {
      Machine* machine = machine_for(spec);
      return machine != nullptr && strike_machine(spec, *machine);
    }
  }
}

Machine* Faults::machine_of(const std::string& node) const {
  Machine* machine = world_.karpenter().machine(node);
  return machine != nullptr && machine->on() ? machine : nullptr;
}

/// Spot interruptions happen to spot instances, losses of a GPU to machines that have one left.
Machine* Faults::machine_for(const FaultSpec& spec) {
  if (!spec.node.empty()) return machine_of(spec.node);
  std::vector<Machine*> machines;
  for (const std::string& node : world_.karpenter().nodes()) {
    const auto* object = world_.api().find<control::Node>(node);
    if (spec.what == FaultKind::Interrupt) {
      const auto label = object == nullptr ? control::Labels::const_iterator()
                                           : object->meta.labels.find(control::kCapacityLabel);
      if (object == nullptr || label == object->meta.labels.end() || label->second != "spot")
        continue;
    }
    if (Machine* machine = machine_of(node)) machines.push_back(machine);
  }
  if (machines.empty()) return nullptr;
  return machines[static_cast<std::size_t>(dice_.between(0, std::ssize(machines) - 1))];
}

std::int64_t Faults::length(const FaultSpec& spec) { return spec.for_ms.draw(dice_); }

void Faults::last(const std::string& key, std::int64_t length_ms, std::function<void()> end) {
  Lasting& lasting = lasting_[key];
  world_.clock().cancel(lasting.timer);
  lasting.end = std::move(end);
  lasting.timer = world_.clock().after(length_ms, [this, key] {
    const auto at = lasting_.find(key);
    const std::function<void()> over = std::move(at->second.end);
    lasting_.erase(at);
    over();
  });
}

void Faults::tell(const FaultSpec& spec, const std::string& where, std::int64_t length_ms) {
  done_.push_back({world_.now(), world_.now() + length_ms, spec.what, where});
  if (on_fault) on_fault(done_.back());
}

void Faults::calm() {
  if (calm_) return;
  for (Timer& timer : timers_) world_.clock().cancel(timer);
  for (auto& [key, lasting] : std::exchange(lasting_, {})) {
    world_.clock().cancel(lasting.timer);
    lasting.end();
  }
  calm_ = true;
  for (int who = 0; who < 2; ++who) {
    watch_of_[who] = {};
    write_of_[who] = {};
  }
  apply_streams();
  world_.controller().crash_before_effect(-1);
  world_.karpenter().fail_registrations(0);
  world_.karpenter().hang_launches(0);
  for (const std::string& node : world_.karpenter().nodes()) {
    Machine* machine = machine_of(node);
    if (machine == nullptr) continue;
    machine->agent().crash_before_effect(-1);
    machine->agent().fail_journal(0);
    machine->driver().clear_faults();
  }
}

void Faults::add_to(Hasher& hasher) const {
  hasher.add(calm_);
  hasher.add(static_cast<std::uint64_t>(done_.size()));
  for (const FaultDone& fault : done_) {
    hasher.add(fault.at);
    hasher.add(static_cast<std::uint32_t>(fault.what));
    hasher.add(fault.where);
  }
  dice_.add_to(hasher);
}

}  // namespace kerf::sim
