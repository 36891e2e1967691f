// Driver operations of the agent, written as its NVML host writes them: no call that walks MIG
// handles.
#include "sim/machine_driver.h"

#include <algorithm>
#include <optional>

namespace kerf::sim {
namespace {

using simgpu::Driver;
using simgpu::Return;

/// Runs calls one after the other until one fails; adds up what they take.
class Calls {
 public:
  template <class T>
  std::optional<T> value(const simgpu::Answer<T>& answer) {
    outcome_.latency_ms += answer.latency_ms;
    outcome_.code = static_cast<agent::Code>(answer.code);
    return answer.ok() ? std::optional<T>(answer.value) : std::nullopt;
  }
  bool failed_with(agent::Code code) const { return outcome_.code == code; }
  void fail(agent::Code code) { outcome_.code = code; }
  /// The last code was an answer, not a failure.
  void forgive() { outcome_.code = agent::Code::Success; }
  const DriverOutcome& outcome() const { return outcome_; }

 private:
  DriverOutcome outcome_;
};

/// One of that UUID; GPU_IS_LOST: there is none.
std::optional<simgpu::Device> device_of(Driver& driver, Calls& calls, const std::string& gpu) {
  for (std::size_t i = 0; i < driver.state().gpus.size(); ++i)
    if (driver.state().gpus[i].uuid == gpu)
      return calls.value(driver.device_by_index(static_cast<int>(i)));
  calls.fail(agent::Code::GpuIsLost);
  return std::nullopt;
}

std::optional<simgpu::GpuInstance> instance(Driver& driver, Calls& calls, const std::string& gpu,
                                            std::uint32_t gi) {
  const auto device = device_of(driver, calls, gpu);
  if (!device) return std::nullopt;
  return calls.value(driver.gpu_instance_by_id(*device, gi));
}

bool see_computes(Driver& driver, Calls& calls, simgpu::GpuInstance gi, agent::SeenInstance& seen) {
  for (std::uint32_t profile = 0; profile < simgpu::kComputeInstanceProfileEnums; ++profile) {
    const auto info = calls.value(driver.compute_instance_profile_info(gi, profile));
    if (!info && calls.failed_with(agent::Code::NotSupported)) {
      calls.forgive();
      continue;
    }
    if (!info) return false;
    const auto list = calls.value(driver.compute_instances(gi, info->id));
    if (!list) return false;
    for (const simgpu::ComputeInstance ci : *list) {
      const auto compute = calls.value(driver.compute_instance_info(ci));
      if (!compute) return false;
      const auto uuid = calls.value(driver.uuid(compute->device));
      if (!uuid) return false;
      seen.computes.push_back({compute->id, static_cast<std::uint8_t>(info->slice_count), *uuid});
    }
  }
  std::sort(seen.computes.begin(), seen.computes.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return true;
}

bool see_instances(Driver& driver, Calls& calls, simgpu::Device device, agent::SeenGpu& seen) {
  for (std::uint32_t profile = 0; profile < simgpu::kGpuInstanceProfileEnums; ++profile) {
    const auto info = calls.value(driver.gpu_instance_profile_info(device, profile));
    if (!info && calls.failed_with(agent::Code::NotSupported)) {
      calls.forgive();
      continue;
    }
    if (!info) return false;
    const auto list = calls.value(driver.gpu_instances(device, info->id));
    if (!list) return false;
    for (const simgpu::GpuInstance gi : *list) {
      const auto there = calls.value(driver.gpu_instance_info(gi));
      if (!there) return false;
      agent::SeenInstance one;
      one.gi = there->id;
      one.profile = static_cast<std::uint16_t>(there->profile_id);
      one.start = there->placement.start;
      one.size = there->placement.size;
      if (!see_computes(driver, calls, gi, one)) return false;
      seen.instances.push_back(std::move(one));
    }
  }
  std::sort(seen.instances.begin(), seen.instances.end(),
            [](const auto& a, const auto& b) { return a.start < b.start; });
  return true;
}

/// False: it could not be looked at, and is not lost.
bool see(Driver& driver, Calls& calls, int index, agent::SeenGpu& seen) {
  const auto device = calls.value(driver.device_by_index(index));
  if (!device) return false;
  const auto uuid = calls.value(driver.uuid(*device));
  if (!uuid) return false;
  seen.uuid = *uuid;
  const auto mode = calls.value(driver.mig_mode(*device));
  if (!mode && calls.failed_with(agent::Code::NotSupported)) {
    calls.forgive();
    return true;
  }
  if (!mode) return false;
  seen.mig_capable = true;
  seen.mode = mode->current;
  seen.mode_pending = mode->pending;
  return !mode->current || see_instances(driver, calls, *device, seen);
}

}  // namespace

LookOutcome look(Driver& driver, const std::vector<agent::SeenGpu>& last) {
  LookOutcome result;
  Calls calls;
  const auto count = calls.value(driver.device_count());
  for (int i = 0; count && i < *count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    agent::SeenGpu seen;
    seen.model = driver.config().gpus[index].board;
    if (!see(driver, calls, i, seen)) {
      if (!calls.failed_with(agent::Code::GpuIsLost) &&
          !calls.failed_with(agent::Code::ResetRequired))
        break;
      calls.forgive();
      const std::string uuid = seen.uuid.empty() ? driver.state().gpus[index].uuid : seen.uuid;
      if (index < last.size()) seen = last[index];
      seen.uuid = uuid;
      seen.lost = true;
    }
    result.gpus.push_back(std::move(seen));
  }
  result.outcome = calls.outcome();
  if (result.outcome.code != agent::Code::Success) result.gpus.clear();
  return result;
}

ProcessesOutcome list_processes(Driver& driver) {
  ProcessesOutcome result;
  Calls calls;
  const auto count = calls.value(driver.device_count());
  for (int i = 0; count && i < *count; ++i) {
    const auto device = calls.value(driver.device_by_index(i));
    const auto list = device ? calls.value(driver.running_processes(*device)) : std::nullopt;
    if (!list && calls.failed_with(agent::Code::GpuIsLost)) {
      calls.forgive();
      continue;
    }
    if (!list) break;
    for (const simgpu::Process& process : *list) {
      result.processes.push_back({driver.state().gpus[static_cast<std::size_t>(i)].uuid,
                                  process.gpu_instance, process.pid});
    }
  }
  result.outcome = calls.outcome();
  return result;
}

DriverOutcome perform(Driver& driver, const agent::CreateInstance& op) {
  Calls calls;
  const auto device = device_of(driver, calls, op.gpu);
  if (device)
    calls.value(
        driver.create_gpu_instance_with_placement(*device, op.profile, {op.start, op.size}));
  return calls.outcome();
}

DriverOutcome perform(Driver& driver, const agent::CreateCompute& op) {
  Calls calls;
  const auto gi = instance(driver, calls, op.gpu, op.gi);
  if (!gi) return calls.outcome();
  for (std::uint32_t profile = 0; profile < simgpu::kComputeInstanceProfileEnums; ++profile) {
    const auto info = calls.value(driver.compute_instance_profile_info(*gi, profile));
    if (!info && calls.failed_with(agent::Code::NotSupported)) continue;
    if (!info) return calls.outcome();
    if (info->slice_count != op.slices) continue;
    calls.value(driver.create_compute_instance(*gi, info->id));
    return calls.outcome();
  }
  calls.fail(agent::Code::NotSupported);
  return calls.outcome();
}

DriverOutcome perform(Driver& driver, const agent::DestroyCompute& op) {
  Calls calls;
  const auto gi = instance(driver, calls, op.gpu, op.gi);
  if (!gi) return calls.outcome();
  const auto there = calls.value(driver.gpu_instance_info(*gi));
  if (!there) return calls.outcome();
  const auto ci = calls.value(driver.compute_instance_by_id(*gi, op.ci));
  if (!ci) return calls.outcome();
  const auto info = calls.value(driver.compute_instance_info(*ci));
  if (!info) return calls.outcome();
  const auto uuid = calls.value(driver.uuid(info->device));
  if (!uuid) return calls.outcome();
  if (*uuid != op.uuid || there->profile_id != op.profile || there->placement.start != op.start)
    calls.fail(agent::Code::NotFound);
  else calls.value(driver.destroy_compute_instance(*ci));
  return calls.outcome();
}

DriverOutcome perform(Driver& driver, const agent::DestroyInstance& op) {
  Calls calls;
  const auto gi = instance(driver, calls, op.gpu, op.gi);
  if (!gi) return calls.outcome();
  const auto info = calls.value(driver.gpu_instance_info(*gi));
  if (!info) return calls.outcome();
  if (info->profile_id != op.profile || info->placement.start != op.start)
    calls.fail(agent::Code::NotFound);
  else calls.value(driver.destroy_gpu_instance(*gi));
  return calls.outcome();
}

}  // namespace kerf::sim
