// The checks and the latency that all calls share.
#include "simgpu/call.h"

#include <algorithm>

#include "base/assert.h"
#include "base/prng.h"

namespace kerf::simgpu {

std::uint64_t make_handle(HandleKind kind, std::uint64_t serial) {
  return (static_cast<std::uint64_t>(kind) << 56) | serial;
}

Call& Call::change(Caller caller) {
  ++driver_.state_.changes;
  return privileged(caller);
}

Call& Call::privileged(Caller caller) {
  privileged_ = true;
  caller_ = caller;
  return *this;
}

const Board& Call::board() const {
  const Board* board = find_board(driver_.config_.gpus[static_cast<std::size_t>(gpu_index)].board);
  KERF_ASSERT(board != nullptr, "Driver has checked its boards");
  return *board;
}

const BoardProfile& Call::profile() const { return board().profiles[instance->profile]; }

Device Call::gpu_device() const { return {make_handle(HandleKind::Gpu, gpu->serial)}; }

bool Call::find(std::uint64_t handle, HandleKind kind) {
  if (handle >> 56 != static_cast<std::uint64_t>(kind)) return false;
  const std::uint64_t serial = handle & ((1ULL << 56) - 1);
  for (std::size_t g = 0; g < driver_.state_.gpus.size(); ++g) {
    GpuState& candidate = driver_.state_.gpus[g];
    gpu = &candidate;
    gpu_index = static_cast<int>(g);
    if (kind == HandleKind::Gpu && candidate.serial == serial) return true;
    for (GpuInstanceState& gi : candidate.instances) {
      instance = &gi;
      if (kind == HandleKind::GpuInstance && gi.serial == serial) return true;
      if (kind != HandleKind::MigDevice && kind != HandleKind::ComputeInstance) continue;
      for (ComputeInstanceState& ci : gi.compute_instances) {
        compute = &ci;
        if (ci.serial == serial) return true;
      }
    }
    instance = nullptr;
    compute = nullptr;
  }
  gpu = nullptr;
  gpu_index = -1;
  return false;
}

Fault* Call::due(Effect effect) {
  for (Fault& fault : driver_.state_.faults) {
    if (fault.operation != operation_) continue;
    if (fault.gpu != -1 && fault.gpu != gpu_index) continue;
    return fault.effect == effect ? &fault : nullptr;
  }
  return nullptr;
}

void Call::use(Fault& fault) {
  --fault.count;
  std::erase_if(driver_.state_.faults, [](const Fault& f) { return f.count == 0; });
}

Return Call::take_done_fault() {
  Fault* fault = due(Effect::Done);
  if (fault == nullptr) return Return::Success;
  const Return code = fault->code;
  use(*fault);
  return code;
}

bool Call::checks(bool found) {
  if (Fault* fault = due(Effect::Nothing)) {
    code_ = fault->code;
    use(*fault);
  } else if (!found) {
    code_ = Return::InvalidArgument;
  } else if (gpu != nullptr && gpu->lost) {
    code_ = Return::GpuIsLost;
  } else if (privileged_ && gpu != nullptr && !board().mig() && operation_ != Operation::ResetGpu) {
    code_ = Return::NotSupported;
  } else if (privileged_ && caller_ != Caller::Root) {
    code_ = Return::NoPermission;
  }
  return code_ == Return::Success;
}

bool Call::on_machine() { return checks(true); }

bool Call::on_gpu_index(int index) {
  const bool found = index >= 0 && static_cast<std::size_t>(index) < driver_.state_.gpus.size();
  if (found) {
    gpu_index = index;
    gpu = &driver_.state_.gpus[static_cast<std::size_t>(index)];
  }
  return checks(found);
}

bool Call::on_gpu(Device device) { return checks(find(device.value, HandleKind::Gpu)); }

bool Call::on_device(Device device) {
  return checks(find(device.value, HandleKind::Gpu) || find(device.value, HandleKind::MigDevice));
}

bool Call::on_mig_device(Device device) {
  return checks(find(device.value, HandleKind::MigDevice));
}

bool Call::on(GpuInstance handle) { return checks(find(handle.value, HandleKind::GpuInstance)); }

bool Call::on(ComputeInstance handle) {
  return checks(find(handle.value, HandleKind::ComputeInstance));
}

bool Call::on_mig_gpu(Device device) {
  if (!on_gpu(device)) return false;
  if (board().mig() && gpu->mig.current) return true;
  code_ = Return::NotSupported;
  return false;
}

std::int64_t Call::latency() const {
  const LatencyRange& range =
      range_ != nullptr ? *range_ : driver_.config_.latencies.of(operation_);
  if (range.max_ms <= range.min_ms) return range.min_ms;
  Prng prng(driver_.config_.seed);
  for (const std::uint64_t salt :
       {static_cast<std::uint64_t>(operation_), subject_, driver_.state_.changes})
    prng = Prng(prng.next() ^ salt);
  const auto width = static_cast<std::uint64_t>(range.max_ms - range.min_ms) + 1;
  return range.min_ms + static_cast<std::int64_t>(prng.below(width));
}

}  // namespace kerf::simgpu
