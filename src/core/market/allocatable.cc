// allocatable(): what pods can get of an EKS node, by the formulas of Karpenter's AWS provider.
//
// Source: pkg/providers/instancetype/types.go (memory, kubeReservedResources, evictionThreshold,
// ephemeralStorage) of aws/karpenter-provider-aws v1.14.1, 2026-08-21, with the provider's default
// options. docs/allocatable.md says what real nodes show beside it.
#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "core/market/market.h"

namespace kerf::market {
namespace {

/// Memory that the hypervisor and the kernel keep: 7.5 % (VM_MEMORY_OVERHEAD_PERCENT), rounded up.
constexpr std::int64_t kVmOverheadPerMille = 75;
/// Contiguous memory that kernels for Graviton reserve.
constexpr std::int64_t kArmReservedMib = 64;
constexpr std::int64_t kKubeReservedMib = 255;
constexpr std::int64_t kKubeReservedMibPerPod = 11;
constexpr std::int64_t kEvictionMib = 100;
constexpr std::int64_t kKubeReservedDiskMib = 1024;
constexpr std::int64_t kEvictionDiskPercent = 10;

std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

/// CPU for kubelet and runtime: 6 % of the first core, 1 % of the second, 0.5 % of the next two,
/// 0.25 % of the rest; in milli, rounded down as kubelet's configuration has it.
std::int64_t reserved_cpu_milli(std::int64_t vcpu) {
  struct Step {
    std::int64_t up_to_core;
    std::int64_t tenth_milli_per_core;
  };
  constexpr Step kSteps[] = {{1, 600}, {2, 100}, {4, 50}, {INT64_MAX, 25}};
  std::int64_t tenth_milli = 0;
  std::int64_t from = 0;
  for (const Step& step : kSteps) {
    tenth_milli += std::max<std::int64_t>(std::min(vcpu, step.up_to_core) - from, 0) *
                   step.tenth_milli_per_core;
    from = step.up_to_core;
  }
  return tenth_milli / 10;
}

std::int64_t memory_mib(const InstanceType& type) {
  const std::int64_t usable = type.memory_mib - (type.arch == "arm64" ? kArmReservedMib : 0);
  return usable - ceil_div(std::max<std::int64_t>(usable, 0) * kVmOverheadPerMille, 1000) -
         kKubeReservedMib - kKubeReservedMibPerPod * type.max_pods - kEvictionMib;
}

std::int64_t disk_mib(std::int64_t root_volume_gib) {
  const std::int64_t volume_mib = root_volume_gib * 1024;
  return volume_mib - kKubeReservedDiskMib - ceil_div(volume_mib * kEvictionDiskPercent, 100);
}

}  // namespace

Resources allocatable(const InstanceType& type, const NodeOverhead& overhead) {
  KERF_ASSERT(overhead.root_volume_gib >= 0, "a volume has no negative size");
  const Resources node = {
      .cpu_milli = std::int64_t{type.vcpu} * 1000 - reserved_cpu_milli(type.vcpu),
      .memory_mib = memory_mib(type),
      .disk_mib = disk_mib(overhead.root_volume_gib),
      .pods = type.max_pods,
  };
  return max(node - overhead.daemonsets, Resources{});
}

}  // namespace kerf::market
