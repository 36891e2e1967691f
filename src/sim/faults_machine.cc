// Faults of Kerf's programs and of machines.
#include <algorithm>

#include "sim/faults.h"
#include "sim/world.h"
#include "simgpu/boards.h"

namespace kerf::sim {

bool Faults::strike_controller(const FaultSpec& spec) {
  ControllerHost& host = world_.controller();
  const std::int64_t ms = length(spec);
  switch (spec.what) {
    case FaultKind::CrashController: host.crash(); break;
    case FaultKind::CrashControllerAtEffect:
      host.crash_before_effect(dice_.between(0, spec.effect));
      break;
    case FaultKind::PauseController: host.pause(ms); break;
    case FaultKind::LoseLease: host.lose_lease(ms); break;
    default: host.stop(); last("controller", ms, [this] { world_.controller().start(); });
  }
  tell(spec, "", ms);
  return true;
}

/// Once kubelet runs: a machine that boots starts its agent itself.
void Faults::start_agent(const std::string& node) {
  Machine* machine = machine_of(node);
  if (machine == nullptr || machine->agent().up()) return;
  if (machine->kubelet().up()) machine->agent().start(machine->boot_id());
  else world_.clock().after(5 * control::kSecond, [this, node] { start_agent(node); });
}

bool Faults::strike_agent(const FaultSpec& spec, Machine& machine) {
  const std::int64_t ms = length(spec);
  switch (spec.what) {
    case FaultKind::CrashAgent: machine.crash_agent(); break;
    case FaultKind::CrashAgentAtEffect:
      machine.crash_agent_before_effect(dice_.between(0, spec.effect));
      break;
    case FaultKind::LoseJournal:
      machine.lose_journal();
      machine.crash_agent();
      break;
    case FaultKind::FailJournal: machine.agent().fail_journal(static_cast<int>(spec.number)); break;
    default:
      if (!machine.agent().up()) return false;
      machine.agent().stop();
      last("agent/" + machine.node(), ms, [this, node = machine.node()] { start_agent(node); });
  }
  tell(spec, machine.node(), ms);
  return true;
}

bool Faults::strike_machine(const FaultSpec& spec, Machine& machine) {
  const std::string node = machine.node();
  switch (spec.what) {
    case FaultKind::LoseGpu: return lose_gpu(spec, machine);
    case FaultKind::Xid: return xid(spec, machine);
    case FaultKind::ForeignPlugin: return foreign_plugin(spec, machine);
    case FaultKind::ForeignInstance: return foreign_instance(spec, machine);
    default: break;
  }
  const std::int64_t ms = length(spec);
  const auto ends = [&](void (*end)(Machine&)) {
    last(std::string(to_string(spec.what)) + "/" + node, ms, [this, node, end] {
      if (Machine* there = machine_of(node)) end(*there);
    });
  };
  tell(spec, node, ms);  // before it happens: what it does at once is known to be its doing
  switch (spec.what) {
    case FaultKind::RestartKubelet: machine.restart_kubelet(); break;
    case FaultKind::Reboot: machine.reboot(); break;
    case FaultKind::LoseInstance: world_.karpenter().lose_instance(node); break;
    case FaultKind::Interrupt: world_.karpenter().interrupt(node); break;
    case FaultKind::DriverError:
      machine.fail_next(spec.operation, spec.code, static_cast<int>(spec.number),
                        spec.done ? simgpu::Effect::Done : simgpu::Effect::Nothing);
      break;
    case FaultKind::SlowDriver:
      machine.set_slow(true);
      ends([](Machine& there) { there.set_slow(false); });
      break;
    case FaultKind::CutOff:
      machine.cut_off(true, true);
      ends([](Machine& there) { there.cut_off(false, false); });
      break;
    default:
      machine.agent().set_foreign_driver(true);
      ends([](Machine& there) { there.agent().set_foreign_driver(false); });
  }
  return true;
}

bool Faults::lose_gpu(const FaultSpec& spec, Machine& machine) {
  const std::set<int> lost = machine.lost();
  std::vector<int> there;
  for (int gpu = 0; gpu < std::ssize(machine.driver().state().gpus); ++gpu)
    if (!lost.contains(gpu)) there.push_back(gpu);
  if (there.empty()) return false;
  const std::int64_t ms = length(spec);
  tell(spec, machine.node(), ms);
  const int gpu = there[static_cast<std::size_t>(dice_.between(0, std::ssize(there) - 1))];
  machine.lose_gpu(gpu, spec.comes_back);
  if (spec.comes_back && ms > 0) {
    last("lost/" + machine.node(), ms, [this, node = machine.node()] {
      if (Machine* again = machine_of(node)) again->reboot();
    });
  }
  return true;
}

bool Faults::xid(const FaultSpec& spec, Machine& machine) {
  const std::vector<InstanceView> instances = machine.instances();
  tell(spec, machine.node());
  if (!instances.empty() && dice_.chance(700)) {
    const InstanceView& hit =
        instances[static_cast<std::size_t>(dice_.between(0, std::ssize(instances) - 1))];
    machine.xid(hit.gpu, spec.xid, hit.gi);
  } else {
    const std::int64_t last = std::ssize(machine.driver().state().gpus) - 1;
    machine.xid(static_cast<int>(dice_.between(0, last)), spec.xid);
  }
  return true;
}

bool Faults::foreign_plugin(const FaultSpec& spec, Machine& machine) {
  std::string resource = spec.resource;
  if (resource.empty()) {
    const auto* node = world_.api().find<control::Node>(machine.node());
    if (node == nullptr || node->allocatable_of.empty()) return false;
    resource = node->allocatable_of.begin()->first;
  }
  const std::int64_t ms = length(spec);
  tell(spec, machine.node(), ms);
  machine.add_foreign_plugin(resource, {{"foreign-0", true}});
  last("plugin/" + machine.node() + "/" + resource, ms, [this, node = machine.node(), resource] {
    if (Machine* there = machine_of(node)) there->remove_foreign_plugin(resource);
  });
  return true;
}

/// The smallest profile, at the first place that the driver takes.
bool Faults::foreign_instance(const FaultSpec& spec, Machine& machine) {
  for (int gpu = 0; gpu < std::ssize(machine.driver().state().gpus); ++gpu) {
    const auto& state = machine.driver().state().gpus[static_cast<std::size_t>(gpu)];
    const simgpu::Board* board =
        simgpu::find_board(machine.driver().config().gpus[static_cast<std::size_t>(gpu)].board);
    if (!board->mig() || !state.mig.current || state.lost || board->profiles.empty()) continue;
    const auto smallest =
        std::min_element(board->profiles.begin(), board->profiles.end(),
                         [](const auto& a, const auto& b) { return a.size < b.size; });
    for (const std::uint8_t start : smallest->starts) {
      if (!machine.create_foreign_instance(gpu, smallest->id, {start, smallest->size},
                                           dice_.chance(700)))
        continue;
      const std::int64_t ms = length(spec);
      tell(spec, machine.node(), ms);
      last("instance/" + machine.node() + "/" + std::to_string(gpu) + "/" + std::to_string(start),
           ms, [this, node = machine.node(), gpu, start] {
             if (Machine* there = machine_of(node)) there->destroy_foreign_instance(gpu, start);
           });
      return true;
    }
  }
  return false;
}

}  // namespace kerf::sim
