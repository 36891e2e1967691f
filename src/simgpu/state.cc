// The hash of the machine's state, field by field.
#include "simgpu/state.h"
#include "base/hash.h"

namespace kerf::simgpu {

namespace {

// Each function names all members of its struct, so that a new one does not compile until it
// counts.

void add(Hasher& h, const Placement& v) {
  const auto& [start, size] = v;
  h.all(start, size);
}

void add(Hasher& h, const ComputeInstanceState& v) {
  const auto& [serial, id, profile, placement, uuid, mig_index, pids] = v;
  h.all(serial, id, profile);
  add(h, placement);
  h.all(uuid, mig_index);
  h.list(pids, [&](std::uint32_t pid) { h.add(pid); });
}

void add(Hasher& h, const GpuInstanceState& v) {
  const auto& [serial, id, profile, start, compute_instances] = v;
  h.all(serial, id, profile, start);
  h.list(compute_instances, [&](const ComputeInstanceState& c) { add(h, c); });
}

void add(Hasher& h, const GpuState& v) {
  const auto& [uuid, minor, serial, mig, lost, back, clients, mask, pids, instances] = v;
  h.all(uuid, minor, serial, mig.current, mig.pending, lost, back, clients, mask);
  h.list(pids, [&](std::uint32_t pid) { h.add(pid); });
  h.list(instances, [&](const GpuInstanceState& i) { add(h, i); });
}

void add(Hasher& h, const Event& v) {
  const auto& [sequence, gpu, xid, gpu_instance, compute_instance] = v;
  h.all(sequence, gpu, xid, gpu_instance, compute_instance);
}

void add(Hasher& h, const Fault& v) {
  const auto& [operation, code, count, effect, gpu] = v;
  h.all(operation, code, count, effect, gpu);
}

}  // namespace

std::uint64_t hash(const State& state) {
  const auto& [gpus, serials, uuids, changes, newest_event, events, faults, memory, slow] = state;
  Hasher h;
  h.list(gpus, [&](const GpuState& g) { add(h, g); });
  h.all(serials, uuids, changes, newest_event);
  h.list(events, [&](const Event& e) { add(h, e); });
  h.list(faults, [&](const Fault& f) { add(h, f); });
  h.list(memory, [&](const ProcessMemory& m) { h.all(m.pid, m.mib); });
  h.add(slow);
  return h.value();
}

}  // namespace kerf::simgpu
