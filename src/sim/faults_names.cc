// Names of faults, presets, operations and return codes as files of faults write them.
#include <algorithm>
#include <array>
#include <utility>

#include "sim/faults.h"

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

constexpr std::pair<const char*, simgpu::Operation> kOperations[] = {
    {"device-by-index", simgpu::Operation::DeviceByIndex},
    {"get-mig-mode", simgpu::Operation::GetMigMode},
    {"list-gpu-instances", simgpu::Operation::ListGpuInstances},
    {"create-gpu-instance", simgpu::Operation::CreateGpuInstance},
    {"destroy-gpu-instance", simgpu::Operation::DestroyGpuInstance},
    {"create-compute-instance", simgpu::Operation::CreateComputeInstance},
    {"destroy-compute-instance", simgpu::Operation::DestroyComputeInstance},
    {"list-compute-instances", simgpu::Operation::ListComputeInstances},
    {"running-processes", simgpu::Operation::RunningProcesses},
};

constexpr std::pair<const char*, simgpu::Return> kReturns[] = {
    {"unknown", simgpu::Return::Unknown},
    {"in-use", simgpu::Return::InUse},
    {"insufficient-resources", simgpu::Return::InsufficientResources},
    {"timeout", simgpu::Return::Timeout},
    {"gpu-is-lost", simgpu::Return::GpuIsLost},
    {"invalid-argument", simgpu::Return::InvalidArgument},
};

template <class T, std::size_t N>
std::optional<T> named(const std::pair<const char*, T> (&table)[N], std::string_view name) {
  for (const auto& [text, value] : table)
    if (name == text) return value;
  return std::nullopt;
}

}  // namespace

const char* to_string(FaultKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<FaultKind> fault_named(std::string_view name) {
  const auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<FaultKind>(at - kNames.begin());
}

std::optional<simgpu::Operation> operation_named(std::string_view name) {
  return named(kOperations, name);
}

std::optional<simgpu::Return> return_named(std::string_view name) { return named(kReturns, name); }

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
