// MIG mode, and the resets that make a pending mode current: GPU reset, driver reload, reboot.
#include "simgpu/boards.h"
#include "simgpu/call.h"
#include "simgpu/drawn.h"
#include "simgpu/driver.h"

namespace kerf::simgpu {

namespace {

/// The modes after the driver has been loaded: Ampere reads them from the board's InfoROM; later
/// GPUs have none there and start with MIG off.
void load_mode(const Board& board, GpuState& gpu) {
  if (board.architecture == Architecture::Ampere) gpu.mig.current = gpu.mig.pending;
  else gpu.mig = {};
}

bool held(const GpuState& gpu) {
  if (gpu.open_clients > 0 || !gpu.pids.empty()) return true;
  for (const GpuInstanceState& gi : gpu.instances)
    for (const ComputeInstanceState& ci : gi.compute_instances)
      if (!ci.pids.empty()) return true;
  return false;
}

}  // namespace

Answer<MigMode> Driver::mig_mode(Device gpu) {
  Call call(*this, Operation::GetMigMode, gpu.value);
  if (!call.on_gpu(gpu)) return call.stop<MigMode>();
  if (!call.board().mig()) return call.stop<MigMode>(Return::NotSupported);
  return call.end(call.gpu->mig);
}

Answer<Return> Driver::set_mig_mode(Device gpu, bool enable, Caller caller) {
  Call call(*this, Operation::SetMigMode, gpu.value);
  if (!call.change(caller).on_gpu(gpu)) return call.stop<Return>();
  MigMode& mode = call.gpu->mig;
  mode.pending = enable;
  if (mode.current == enable) return call.end(Return::Success);
  if (config_.passthrough && call.board().architecture == Architecture::Ampere)
    return call.end(Return::ResetRequired);
  if (held(*call.gpu) || !call.gpu->instances.empty()) return call.end(Return::InUse);
  mode.current = enable;
  return call.end(Return::Success);
}

Answer<Nothing> Driver::reset_gpu(int gpu, Caller caller) {
  Call call(*this, Operation::ResetGpu, static_cast<std::uint64_t>(gpu));
  if (!call.change(caller).on_gpu_index(gpu)) return call.stop<Nothing>();
  if (config_.passthrough && call.board().architecture == Architecture::Ampere)
    return call.stop<Nothing>(Return::NotSupported);
  if (held(*call.gpu)) return call.stop<Nothing>(Return::InUse);
  initialise(*call.gpu, config_.seed, state_);
  call.gpu->mig.current = call.gpu->mig.pending;
  return call.end(Nothing{});
}

Answer<Nothing> Driver::reload_driver(Caller caller) {
  Call call(*this, Operation::ReloadDriver);
  if (!call.change(caller).on_machine()) return call.stop<Nothing>();
  for (const GpuState& gpu : state_.gpus)
    if (held(gpu)) return call.stop<Nothing>(Return::InUse);
  load();
  return call.end(Nothing{});
}

void Driver::reboot() {
  for (GpuState& gpu : state_.gpus) {
    gpu.open_clients = 0;
    gpu.pids.clear();
    if (gpu.back_at_reboot) gpu.lost = gpu.back_at_reboot = false;
  }
  state_.memory.clear();
  load();
}

void Driver::load() {
  for (std::size_t i = 0; i < state_.gpus.size(); ++i) {
    initialise(state_.gpus[i], config_.seed, state_);
    load_mode(*find_board(config_.gpus[i].board), state_.gpus[i]);
  }
  state_.events.clear();
}

}  // namespace kerf::simgpu
