// A machine as it boots, and the calls about devices that do not change anything.
#include "simgpu/driver.h"

#include "base/assert.h"
#include "base/hash.h"
#include "simgpu/boards.h"
#include "simgpu/call.h"
#include "simgpu/drawn.h"
#include "simgpu/placement.h"

namespace kerf::simgpu {

Latencies::Latencies() {
  ranges.fill({0, 2});
  of(Operation::DeviceByUuid) = {1, 5};
  of(Operation::SetMigMode) = {500, 3000};
  of(Operation::CreateGpuInstance) = {100, 1000};
  of(Operation::DestroyGpuInstance) = {700, 1500};
  of(Operation::ListGpuInstances) = {1, 5};
  of(Operation::CreateComputeInstance) = {50, 300};
  of(Operation::DestroyComputeInstance) = {50, 300};
  of(Operation::ListComputeInstances) = {1, 5};
  of(Operation::MigDeviceByIndex) = {1, 5};
  of(Operation::MigDeviceUuid) = {1, 5};
  of(Operation::RunningProcesses) = {1, 10};
  of(Operation::WaitEvents) = {0, 0};
  of(Operation::ResetGpu) = {2000, 8000};
  of(Operation::ReloadDriver) = {5000, 20000};
}

Latencies Latencies::none() {
  Latencies none;
  none.ranges.fill({0, 0});
  none.slow_mig_device = none.slow_by_uuid = {0, 0};
  return none;
}

Driver::Driver(const Config& config) : config_(config) {
  for (std::size_t i = 0; i < config_.gpus.size(); ++i) {
    const GpuConfig& from = config_.gpus[i];
    KERF_ASSERT(find_board(from.board) != nullptr, "a board of boards()");
    GpuState gpu;
    gpu.uuid = from.uuid.empty() ? draw_uuid("GPU-", config_.seed, state_) : from.uuid;
    gpu.minor = from.minor >= 0 ? from.minor : static_cast<int>(i);
    initialise(gpu, config_.seed, state_);
    state_.gpus.push_back(gpu);
  }
}

Answer<int> Driver::device_count() {
  Call call(*this, Operation::DeviceCount);
  if (!call.on_machine()) return call.stop<int>();
  return call.end(static_cast<int>(state_.gpus.size()));
}

Answer<Device> Driver::device_by_index(int index) {
  Call call(*this, Operation::DeviceByIndex, static_cast<std::uint64_t>(index));
  if (!call.on_gpu_index(index)) return call.stop<Device>();
  return call.end(call.gpu_device());
}

Answer<Device> Driver::device_by_uuid(std::string_view uuid) {
  Call call(*this, Operation::DeviceByUuid);
  Device found;
  for (const GpuState& gpu : state_.gpus) {
    if (gpu.uuid == uuid) found.value = make_handle(HandleKind::Gpu, gpu.serial);
    for (const GpuInstanceState& gi : gpu.instances)
      for (const ComputeInstanceState& ci : gi.compute_instances)
        if (ci.uuid == uuid) found.value = make_handle(HandleKind::MigDevice, ci.serial);
  }
  if (state_.slow && uuid.starts_with("MIG-")) call.takes(config_.latencies.slow_by_uuid);
  if (found.value == 0) {
    if (!call.on_machine()) return call.stop<Device>();
    return call.stop<Device>(Return::NotFound);
  }
  if (!call.on_device(found)) return call.stop<Device>();
  return call.end(found);
}

Answer<std::string> Driver::uuid(Device device) {
  const bool mig = device.value >> 56 == static_cast<std::uint64_t>(HandleKind::MigDevice);
  Call call(*this, mig ? Operation::MigDeviceUuid : Operation::DeviceInfo, device.value);
  if (mig && state_.slow) call.takes(config_.latencies.slow_mig_device);
  if (!call.on_device(device)) return call.stop<std::string>();
  return call.end(call.compute != nullptr ? call.compute->uuid : call.gpu->uuid);
}

Answer<std::string> Driver::device_name(Device device) {
  Call call(*this, Operation::DeviceInfo, device.value);
  if (!call.on_device(device)) return call.stop<std::string>();
  std::string name(call.board().name);
  if (call.compute != nullptr) {
    name += " MIG " + compute_instance_name(call.profile(), call.compute->placement.size);
  }
  return call.end(name);
}

Answer<int> Driver::minor_number(Device device) {
  Call call(*this, Operation::DeviceInfo, device.value);
  if (!call.on_device(device)) return call.stop<int>();
  return call.end(call.gpu->minor);
}

Answer<std::int64_t> Driver::memory_mib(Device device) {
  Call call(*this, Operation::DeviceInfo, device.value);
  if (!call.on_device(device)) return call.stop<std::int64_t>();
  return call.end<std::int64_t>(call.compute != nullptr ? call.profile().memory_mib
                                                        : call.board().memory_mib);
}

Answer<int> Driver::device_index(Device device) {
  Call call(*this, Operation::DeviceInfo, device.value);
  if (!call.on_device(device)) return call.stop<int>();
  return call.end(call.compute != nullptr ? call.compute->mig_index : call.gpu_index);
}

Answer<bool> Driver::is_mig_device(Device device) {
  Call call(*this, Operation::DeviceInfo, device.value);
  if (!call.on_device(device)) return call.stop<bool>();
  return call.end(call.compute != nullptr);
}

Device Driver::handle_of(int gpu) const {
  KERF_ASSERT(gpu >= 0 && static_cast<std::size_t>(gpu) < state_.gpus.size(), "a GPU's index");
  return {make_handle(HandleKind::Gpu, state_.gpus[static_cast<std::size_t>(gpu)].serial)};
}

std::uint64_t Driver::hash() const {
  const auto& [gpus, driver_major, passthrough, seed, latencies, bridges] = config_;
  Hasher h;
  h.list(gpus, [&](const GpuConfig& g) { h.all(g.board, g.uuid, g.minor); });
  h.all(driver_major, passthrough, seed);
  h.list(latencies.ranges, [&](const LatencyRange& r) { h.all(r.min_ms, r.max_ms); });
  for (const LatencyRange& r : {latencies.slow_mig_device, latencies.slow_by_uuid})
    h.all(r.min_ms, r.max_ms);
  for (const Bridge& bridge : bridges) h.all(bridge.a, bridge.b);
  h.add(simgpu::hash(state_));
  return h.value();
}

}  // namespace kerf::simgpu
