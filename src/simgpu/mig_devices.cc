// MIG devices: the handles by which a compute instance is used, and the walk over them.
#include "simgpu/boards.h"
#include "simgpu/call.h"
#include "simgpu/driver.h"
#include "simgpu/placement.h"

namespace kerf::simgpu {

Answer<int> Driver::max_mig_device_count(Device gpu) {
  Call call(*this, Operation::DeviceInfo, gpu.value);
  if (!call.on_gpu(gpu)) return call.stop<int>();
  return call.end(call.gpu->mig.current ? static_cast<int>(call.board().compute_slices) : 0);
}

Answer<Device> Driver::mig_device_by_index(Device gpu, int index) {
  Call call(*this, Operation::MigDeviceByIndex, static_cast<std::uint64_t>(index));
  if (state_.slow) call.takes(config_.latencies.slow_mig_device);
  if (!call.on_mig_gpu(gpu)) return call.stop<Device>();
  if (index < 0 || index >= call.board().compute_slices)
    return call.stop<Device>(Return::InvalidArgument);
  for (const GpuInstanceState& gi : call.gpu->instances)
    for (const ComputeInstanceState& ci : gi.compute_instances)
      if (ci.mig_index == index)
        return call.end(Device{make_handle(HandleKind::MigDevice, ci.serial)});
  return call.stop<Device>(Return::NotFound);
}

Answer<Device> Driver::parent_of(Device mig_device) {
  Call call(*this, Operation::DeviceInfo, mig_device.value);
  if (!call.on_mig_device(mig_device)) return call.stop<Device>();
  return call.end(call.gpu_device());
}

Answer<std::uint32_t> Driver::gpu_instance_id(Device mig_device) {
  Call call(*this, Operation::DeviceInfo, mig_device.value);
  if (!call.on_mig_device(mig_device)) return call.stop<std::uint32_t>();
  return call.end(call.instance->id);
}

Answer<std::uint32_t> Driver::compute_instance_id(Device mig_device) {
  Call call(*this, Operation::DeviceInfo, mig_device.value);
  if (!call.on_mig_device(mig_device)) return call.stop<std::uint32_t>();
  return call.end(call.compute->id);
}

Answer<Attributes> Driver::attributes(Device mig_device) {
  Call call(*this, Operation::DeviceInfo, mig_device.value);
  if (!call.on_mig_device(mig_device)) return call.stop<Attributes>();
  const BoardProfile& p = call.profile();
  return call.end(Attributes{multiprocessors(call.board(), p, call.compute->placement.size),
                             p.compute_slices, call.compute->placement.size, p.engines.copy,
                             p.engines.decoders, p.engines.encoders, p.engines.jpeg, p.engines.ofa,
                             p.memory_mib});
}

}  // namespace kerf::simgpu
