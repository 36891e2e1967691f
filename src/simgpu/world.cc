// What happens to the machine from outside: processes, XIDs, losses, scripted faults.
#include <algorithm>

#include "base/assert.h"
#include "simgpu/call.h"
#include "simgpu/driver.h"

namespace kerf::simgpu {

namespace {

constexpr std::size_t kEventsKept = 256;
constexpr std::uint32_t kFallenOffTheBus = 79;

bool insert(std::vector<std::uint32_t>& pids, std::uint32_t pid) {
  const auto at = std::ranges::lower_bound(pids, pid);
  if (at != pids.end() && *at == pid) return false;
  pids.insert(at, pid);
  return true;
}

std::int64_t memory_of(const State& state, std::uint32_t pid) {
  const auto at = std::ranges::lower_bound(state.memory, pid, {}, &ProcessMemory::pid);
  return at != state.memory.end() && at->pid == pid ? at->mib : 0;
}

void set_memory(State& state, std::uint32_t pid, std::int64_t mib) {
  auto at = std::ranges::lower_bound(state.memory, pid, {}, &ProcessMemory::pid);
  if (at == state.memory.end() || at->pid != pid) at = state.memory.insert(at, {pid, 0});
  at->mib = mib;
}

/// Who runs on the device that the call found, by pid.
std::vector<Process> on_device(const State& state, const Call& call) {
  std::vector<Process> found;
  if (call.compute == nullptr)
    for (const std::uint32_t pid : call.gpu->pids)
      found.push_back({pid, kNoInstance, kNoInstance, memory_of(state, pid)});
  for (const GpuInstanceState& gi : call.gpu->instances)
    for (const ComputeInstanceState& ci : gi.compute_instances)
      if (call.compute == nullptr || call.compute == &ci)
        for (const std::uint32_t pid : ci.pids)
          found.push_back({pid, gi.id, ci.id, memory_of(state, pid)});
  std::ranges::sort(found);
  return found;
}

GpuState& gpu_at(State& state, int gpu) {
  KERF_ASSERT(gpu >= 0 && static_cast<std::size_t>(gpu) < state.gpus.size(), "a GPU's index");
  return state.gpus[static_cast<std::size_t>(gpu)];
}

}  // namespace

Answer<std::vector<Process>> Driver::running_processes(Device device, Caller caller) {
  Call call(*this, Operation::RunningProcesses, device.value);
  if (!call.on_device(device)) return call.stop<std::vector<Process>>();
  std::vector<Process> found = on_device(state_, call);
  if (call.compute == nullptr && caller != Caller::Root)
    std::erase_if(found, [](const Process& p) { return p.gpu_instance != kNoInstance; });
  return call.end(found);
}

Answer<std::int64_t> Driver::memory_used(Device device) {
  Call call(*this, Operation::DeviceInfo, device.value);
  if (!call.on_device(device)) return call.stop<std::int64_t>();
  std::int64_t used = 0;
  for (const Process& process : on_device(state_, call)) used += process.memory_mib;
  return call.end(used);
}

Answer<std::vector<Event>> Driver::wait_events(std::uint64_t& cursor) {
  Call call(*this, Operation::WaitEvents);
  if (!call.on_machine()) return call.stop<std::vector<Event>>();
  std::vector<Event> found;
  for (const Event& event : state_.events)
    if (event.sequence > cursor) found.push_back(event);
  if (found.empty()) return call.stop<std::vector<Event>>(Return::Timeout);
  cursor = found.back().sequence;
  return call.end(found);
}

Answer<Event> Driver::next_event(std::uint64_t cursor,
                                 const std::function<bool(const Event&)>& wanted, Caller caller) {
  Call call(*this, Operation::WaitEvents);
  if (!call.on_machine()) return call.stop<Event>();
  for (const Event& event : state_.events) {
    const bool hidden = caller != Caller::Root && event.gpu_instance != kNoInstance &&
                        gpu_at(state_, event.gpu).mig.current;
    if (event.sequence > cursor && !hidden && wanted(event)) return call.end(event);
  }
  return call.stop<Event>(Return::Timeout);
}

bool Driver::process_start(std::string_view uuid, std::uint32_t pid, std::int64_t memory_mib) {
  const auto start = [&](bool lost, std::vector<std::uint32_t>& pids) {
    if (lost || !insert(pids, pid)) return false;
    if (memory_mib > 0) set_memory(state_, pid, memory_mib);
    return true;
  };
  for (GpuState& gpu : state_.gpus) {
    if (gpu.uuid == uuid) return start(gpu.lost, gpu.pids);
    for (GpuInstanceState& gi : gpu.instances)
      for (ComputeInstanceState& ci : gi.compute_instances)
        if (ci.uuid == uuid) return start(gpu.lost, ci.pids);
  }
  return false;
}

bool Driver::process_exit(std::uint32_t pid) {
  std::size_t ended = 0;
  std::erase_if(state_.memory, [pid](const ProcessMemory& m) { return m.pid == pid; });
  for (GpuState& gpu : state_.gpus) {
    ended += std::erase(gpu.pids, pid);
    for (GpuInstanceState& gi : gpu.instances)
      for (ComputeInstanceState& ci : gi.compute_instances) ended += std::erase(ci.pids, pid);
  }
  return ended > 0;
}

void Driver::set_open_clients(int gpu, int count) {
  KERF_ASSERT(count >= 0, "a count");
  gpu_at(state_, gpu).open_clients = count;
}

int Driver::open_clients(int gpu) const {
  KERF_ASSERT(gpu >= 0 && static_cast<std::size_t>(gpu) < state_.gpus.size(), "a GPU's index");
  return state_.gpus[static_cast<std::size_t>(gpu)].open_clients;
}

void Driver::inject_xid(int gpu, std::uint32_t xid, std::uint32_t gpu_instance,
                        std::uint32_t compute_instance) {
  gpu_at(state_, gpu);
  state_.events.push_back({++state_.newest_event, gpu, xid, gpu_instance, compute_instance});
  if (state_.events.size() > kEventsKept) state_.events.erase(state_.events.begin());
  if (xid == kFallenOffTheBus) lose_gpu(gpu, true);
}

void Driver::lose_gpu(int gpu, bool comes_back_at_reboot) {
  GpuState& state = gpu_at(state_, gpu);
  // Lost for good stays lost for good.
  state.back_at_reboot = comes_back_at_reboot && (!state.lost || state.back_at_reboot);
  state.lost = true;
}

void Driver::fail_next(Operation operation, Return code, int count, Effect effect, int gpu) {
  KERF_ASSERT(count > 0 && code != Return::Success, "a fault fails, at least once");
  state_.faults.push_back({operation, code, count, effect, gpu});
}

}  // namespace kerf::simgpu
