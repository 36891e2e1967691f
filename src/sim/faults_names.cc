// Names of faults, presets, operations and return codes as files of faults write them.
#include <algorithm>
#include <array>
#include <iterator>

#include "sim/faults.h"
#include "simgpu/names.h"

namespace kerf::sim {
namespace {

constexpr std::array<const char*, static_cast<std::size_t>(FaultKind::kCount)> kNames = {
    "crash-controller",
    "crash-controller-at-effect",
    "pause-controller",
    "stop-controller",
    "lose-lease",
    "crash-agent",
    "crash-agent-at-effect",
    "stop-agent",
    "lose-journal",
    "fail-journal",
    "restart-kubelet",
    "reboot",
    "lose-gpu",
    "lose-instance",
    "interrupt",
    "xid",
    "driver-error",
    "slow-driver",
    "cut-off",
    "foreign-plugin",
    "foreign-driver",
    "foreign-instance",
    "watch",
    "write",
    "out-of-stock",
    "stop-feed",
    "change-price",
    "fail-registrations",
    "hang-launches",
    "restart-scheduler",
    "delete-pod",
    "scale",
    "roll-out",
    "cordon",
    "delete-claim",
    "observe",
    "change-node-class",
};

/// What makes a difference to an agent; the driver has more.
constexpr simgpu::Operation kOperations[] = {
    simgpu::Operation::DeviceByIndex,          simgpu::Operation::GetMigMode,
    simgpu::Operation::ListGpuInstances,       simgpu::Operation::CreateGpuInstance,
    simgpu::Operation::DestroyGpuInstance,     simgpu::Operation::CreateComputeInstance,
    simgpu::Operation::DestroyComputeInstance, simgpu::Operation::ListComputeInstances,
    simgpu::Operation::RunningProcesses,
};

constexpr simgpu::Return kReturns[] = {
    simgpu::Return::Unknown, simgpu::Return::InUse,     simgpu::Return::InsufficientResources,
    simgpu::Return::Timeout, simgpu::Return::GpuIsLost, simgpu::Return::InvalidArgument,
};

template <class T, std::size_t N>
std::optional<T> one_of(const T (&allowed)[N], std::optional<T> value) {
  if (!value || std::ranges::find(allowed, *value) == std::end(allowed)) return std::nullopt;
  return value;
}

}  // namespace

const char* to_string(FaultKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<FaultKind> fault_named(std::string_view name) {
  const auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<FaultKind>(at - kNames.begin());
}

std::optional<simgpu::Operation> operation_named(std::string_view name) {
  return one_of(kOperations, simgpu::operation_named(name));
}

std::optional<simgpu::Return> return_named(std::string_view name) {
  return one_of(kReturns, simgpu::return_named(name));
}

std::optional<WatchFaults> watch_faults(std::string_view preset) {
  const bool all = preset == "all";
  bool known = all;
  WatchFaults faults;
  const auto with = [&](std::string_view name) {
    known |= preset == name;
    return all || preset == name;
  };
  if (with("late")) {
    faults.late_milli = 30;
    faults.late_most_ms = 5000;
  }
  if (with("repeat")) faults.repeat_milli = 100;
  if (with("break")) faults.break_milli = 10;
  if (with("pages")) {
    faults.page_objects = 3;
    faults.page_expired_milli = 50;
  }
  if (!known) return std::nullopt;
  return faults;
}

std::optional<WriteFaults> write_faults(std::string_view preset) {
  const bool all = preset == "all";
  bool known = all;
  WriteFaults faults;
  const auto with = [&](std::string_view name) {
    known |= preset == name;
    return all || preset == name;
  };
  if (with("lost")) faults.lost_milli = 40;
  if (with("answer-lost")) faults.answer_lost_milli = 40;
  if (with("late")) faults.late_milli = 20;
  if (with("conflict")) faults.conflict_milli = 60;
  if (with("throttle")) faults.throttle_milli = 100;
  if (!known) return std::nullopt;
  return faults;
}

}  // namespace kerf::sim
