// Which faults befall a drawn cluster, how often and for how long.
#include <array>

#include "sim/swarm_draw.h"

namespace kerf::sim {

using control::kMinute;
using control::kSecond;

namespace {

/// How long a fault of that kind lasts.
Range lasts(Dice& dice, FaultKind what) {
  switch (what) {
    case FaultKind::PauseController: return {kSecond, 60 * kSecond};
    case FaultKind::StopController: return {30 * kSecond, dice.between(1, 15) * kMinute};
    case FaultKind::LoseLease: return {kSecond, 60 * kSecond};
    case FaultKind::StopAgent: return {30 * kSecond, 5 * kMinute};
    case FaultKind::LoseGpu: return {dice.between(0, 2) * kMinute, 5 * kMinute};
    case FaultKind::CutOff: return {5 * kSecond, dice.between(1, 8) * kMinute};
    case FaultKind::StopFeed: return {10 * kMinute, 120 * kMinute};
    case FaultKind::OutOfStock: return {5 * kMinute, 40 * kMinute};
    case FaultKind::RestartScheduler: return {kSecond, 60 * kSecond};
    case FaultKind::Watch:
    case FaultKind::Write:
    case FaultKind::SlowDriver:
    case FaultKind::ForeignPlugin:
    case FaultKind::ForeignDriver:
    case FaultKind::ForeignInstance:
    case FaultKind::Cordon:
    case FaultKind::Observe: return {kMinute, 15 * kMinute};
    default: return {0, 0};
  }
}

constexpr std::array kOperations = {
    simgpu::Operation::CreateGpuInstance,     simgpu::Operation::DestroyGpuInstance,
    simgpu::Operation::CreateComputeInstance, simgpu::Operation::DestroyComputeInstance,
    simgpu::Operation::ListGpuInstances,      simgpu::Operation::RunningProcesses};
constexpr std::array kCodes = {simgpu::Return::Unknown, simgpu::Return::InUse,
                               simgpu::Return::InsufficientResources, simgpu::Return::Timeout};
constexpr std::array<std::uint32_t, 6> kXids = {31, 43, 45, 48, 63, 94};

void draw_details(Dice& dice, FaultSpec& fault) {
  fault.for_ms = lasts(dice, fault.what);
  fault.effect = dice.between(0, 30);
  fault.number = dice.between(1, 4);
  fault.percent = dice.between(30, 300);
  fault.done = dice.chance(500);
  fault.comes_back = dice.chance(700);
  fault.force = dice.chance(150);
  fault.operation = kOperations[static_cast<std::size_t>(dice.between(0, kOperations.size() - 1))];
  fault.code = kCodes[static_cast<std::size_t>(dice.between(0, kCodes.size() - 1))];
  fault.xid = kXids[static_cast<std::size_t>(dice.between(0, kXids.size() - 1))];
  fault.who = static_cast<Who>(dice.between(0, 2));
  fault.preset = fault.what == FaultKind::Watch
                     ? kWatchPresets[dice.between(0, std::ssize(kWatchPresets) - 1)]
                     : kWritePresets[dice.between(0, std::ssize(kWritePresets) - 1)];
}

}  // namespace

/// One in six seeds has none: what goes wrong there goes wrong by itself. The others have a few
/// kinds each, so that seeds differ in kind and not only in time.
std::vector<FaultSpec> draw_faults(std::uint64_t seed, const SwarmCase& drawn) {
  Dice dice(seed, "swarm/faults");
  std::vector<FaultSpec> faults;
  if (dice.chance(167)) return faults;
  const std::int64_t kinds = dice.between(1, 8);
  const std::int64_t length = drawn.calm_at - drawn.world.start;
  for (std::int64_t i = 0; i < kinds; ++i) {
    FaultSpec fault;
    fault.what =
        static_cast<FaultKind>(dice.between(0, static_cast<std::int64_t>(FaultKind::kCount) - 1));

    draw_details(dice, fault);
    if (dice.chance(300)) fault.at_ms = dice.between(0, length);
    else fault.every_ms = dice.between(1, 30) * kMinute;
    fault.until_ms = length;
    faults.push_back(fault);
  }
  return faults;
}

}  // namespace kerf::sim
