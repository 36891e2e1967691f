// What the agent's mind asks for, done on the simulated machine.
#include <algorithm>
#include <utility>

#include "sim/machine_agent.h"

namespace kerf::sim {

using Nvml = agent::Code;

// --- The driver: one operation at a time ---------------------------------------------------------

void AgentHost::drive(std::function<Told()> run) {
  jobs_.push_back(std::move(run));
  pump();
}

void AgentHost::pump() {
  if (driver_busy_ || jobs_.empty()) return;
  driver_busy_ = true;
  later(options_.thread.draw(dice_), [this] {
    const std::function<Told()> run = std::move(jobs_.front());
    jobs_.pop_front();
    const Told told = run();
    const bool late = told.latency_ms > options_.deadline_ms;
    later(std::min(told.latency_ms, options_.deadline_ms),
          [this, event = late ? told.timed_out : told.event] { deliver(event); });
    later(told.latency_ms, [this] {
      driver_busy_ = false;
      pump();
    });
  });
}

void AgentHost::act(EffectId id, const agent::Look&) {
  drive([this, id] {
    LookOutcome seen = look(world_.driver, last_look_);
    if (seen.outcome.code == Nvml::Success) last_look_ = seen.gpus;
    return Told{agent::Looked{id, seen.outcome.code, std::move(seen.gpus)}, seen.outcome.latency_ms,
                agent::Looked{id, Nvml::Timeout, {}}};
  });
}

template <class Op>
void AgentHost::change_driver(EffectId id, const Op& op) {
  drive([this, id, op] {
    world_.changing(true);
    const DriverOutcome outcome = perform(world_.driver, op);
    world_.changing(false);
    return Told{agent::Done{id, outcome.code}, outcome.latency_ms, agent::Done{id, Nvml::Timeout}};
  });
}

void AgentHost::act(EffectId id, const agent::CreateInstance& op) { change_driver(id, op); }
void AgentHost::act(EffectId id, const agent::CreateCompute& op) { change_driver(id, op); }
void AgentHost::act(EffectId id, const agent::DestroyCompute& op) { change_driver(id, op); }
void AgentHost::act(EffectId id, const agent::DestroyInstance& op) { change_driver(id, op); }

// --- Files ---------------------------------------------------------------------------------------

void AgentHost::act(EffectId id, const agent::WriteCdi& op) {
  later(options_.file.draw(dice_), [this, id, op] {
    world_.disk.cdi[op.device] = op.uuid;
    deliver(agent::Done{id, Nvml::Success});
  });
}

void AgentHost::act(EffectId id, const agent::RemoveCdi& op) {
  later(options_.file.draw(dice_), [this, id, op] {
    world_.disk.cdi.erase(op.device);
    deliver(agent::Done{id, Nvml::Success});
  });
}

/// Replaced as a whole: it is the old one or the new one at any time.
void AgentHost::act(EffectId id, const agent::WriteJournal& op) {
  journal_in_flight_ = agent::to_text(op.journal);
  later(options_.sync.draw(dice_), [this, id] {
    const bool fails = journal_failures_ > 0;
    if (fails) --journal_failures_;
    if (!fails || dice_.chance(500)) world_.disk.journal = journal_in_flight_;
    journal_in_flight_.reset();
    deliver(agent::Done{id, fails ? Nvml::Unknown : Nvml::Success});
  });
}

// --- kubelet -------------------------------------------------------------------------------------

void AgentHost::act(EffectId id, const agent::Serve& op) {
  const bool known = world_.kubelet.serves(op.resource, *this);
  later((known ? options_.rpc : options_.registration).draw(dice_), [this, id, op] {
    if (!world_.kubelet.serves(op.resource, *this) &&
        !world_.kubelet.register_plugin(op.resource, *this)) {
      deliver(agent::Done{id, Nvml::Unknown});
      return;
    }
    send_list(op);
    deliver(agent::Done{id, Nvml::Success});
  });
}

/// kubelet takes the lists of one resource in the order in which they were sent.
void AgentHost::send_list(const agent::Serve& op) {
  std::vector<PluginDevice> devices;
  for (const agent::ServedDevice& device : op.devices)
    devices.push_back({device.id, device.healthy});
  Instant& taken = list_taken_[op.resource];
  taken = std::max(taken, clock_.now() + options_.take.draw(dice_));
  later(taken - clock_.now(),
        [this, resource = op.resource, devices] { world_.kubelet.list(resource, *this, devices); });
}

void AgentHost::act(EffectId id, const agent::Confirm&) {
  const std::int64_t there = options_.rpc.draw(dice_);
  later(there, [this, id] {
    agent::Confirmed confirmed{id, world_.kubelet.up(), {}};
    if (confirmed.known) confirmed.healthy = world_.kubelet.devices().allocatable_ids();
    later(options_.rpc.draw(dice_), [this, confirmed] { deliver(confirmed); });
  });
}

agent::Holders AgentHost::pod_resources() const {
  agent::Holders holders;
  holders.source = agent::Source::PodResources;
  holders.known = world_.kubelet.up();
  if (!holders.known) return holders;
  for (const PodDevices& pod : world_.kubelet.devices().pod_resources()) {
    for (const auto& [resource, ids] : pod.ids) {
      for (const std::string& id : ids) holders.devices.push_back({id, resource, pod.pod});
    }
  }
  std::sort(holders.devices.begin(), holders.devices.end());
  return holders;
}

agent::Holders AgentHost::checkpoint() const {
  agent::Holders holders;
  holders.source = agent::Source::Checkpoint;
  for (const PodDevices& pod : world_.kubelet.checkpoint()) {
    for (const auto& [resource, ids] : pod.ids) {
      for (const std::string& id : ids) holders.devices.push_back({id, resource, ""});
    }
  }
  std::sort(holders.devices.begin(), holders.devices.end());
  return holders;
}

void AgentHost::act(EffectId id, const agent::AskHolders& op) {
  if (op.source == agent::Source::Processes) {
    drive([this, id] {
      ProcessesOutcome list = list_processes(world_.driver);
      agent::Holders told{id,
                          agent::Source::Processes,
                          list.outcome.code == Nvml::Success,
                          {},
                          std::move(list.processes)};
      return Told{std::move(told), list.outcome.latency_ms,
                  agent::Holders{id, agent::Source::Processes, false, {}, {}}};
    });
    return;
  }
  later(options_.rpc.draw(dice_), [this, id, source = op.source] {
    agent::Holders holders = source == agent::Source::PodResources ? pod_resources() : checkpoint();
    holders.effect = id;
    later(options_.rpc.draw(dice_), [this, holders] { deliver(holders); });
  });
}

void AgentHost::act(EffectId, const agent::Answer& op) {
  later(options_.rpc.draw(dice_),
        [this, op] { world_.kubelet.allocated(op.call, op.granted, op.why); });
}

void AgentHost::act(EffectId, const agent::Prefer& op) {
  later(options_.rpc.draw(dice_), [this, op] { world_.kubelet.preferred(op.call, op.devices); });
}

// --- The API server, and time --------------------------------------------------------------------

void AgentHost::act(EffectId id, const agent::Report& op) {
  reports_.insert(id);
  if (!client_) {
    lose_reports();
    return;
  }
  Request request;
  request.verb = Verb::Update;
  request.kind = Kind::GpuNode;
  request.key = Key{"", world_.node};
  request.part = Part::Status;
  request.version = object_version_;  // one that arrives late does not undo a newer one
  request.change = [status = op.status](Object& object) {
    std::get<control::GpuNode>(object).status = status;
  };
  client_->write(std::move(request), [this, id](const Answer& answer) {
    object_version_ = std::max(object_version_, answer.version);
    if (reports_.erase(id) == 0) return;
    const Nvml code = answer.code == Code::Ok         ? Nvml::Success
                      : answer.code == Code::NotFound ? Nvml::NotFound
                                                      : Nvml::Unknown;
    deliver(agent::Done{id, code});
  });
}

/// No answer comes any more to those that are under way.
void AgentHost::lose_reports() {
  for (const EffectId id : std::exchange(reports_, {})) {
    later(options_.write.unknown_after_ms, [this, id] { deliver(agent::Done{id, Nvml::Timeout}); });
  }
}

void AgentHost::act(EffectId, const agent::WakeAt& op) {
  clock_.cancel(wake_);
  wake_ = clock_.at(std::max(op.at, clock_.now()), [this] { deliver(agent::Woke{}); });
}

}  // namespace kerf::sim
