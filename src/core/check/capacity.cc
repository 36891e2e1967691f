// Capacity: what a node can give to pods, reckoned anew, and that its pods stay within it.
//
// Sources: Karpenter's AWS provider v1.14, pkg/providers/instancetype/types.go, with its defaults:
// kube-reserved CPU 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the
// rest; kube-reserved memory 255 MiB + 11 MiB for each possible pod, and 1 GiB of disk; eviction at
// 100 MiB of memory and 10 % of the disk; 7.5 % of the memory for the hypervisor, rounded up, after
// the 64 MiB that kernels for arm64 keep for themselves.
#include <algorithm>

#include "core/check/audit.h"

namespace kerf::check {
namespace {

constexpr std::int64_t kMibPerGib = 1024;

std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

/// Tenths of a milli-CPU, of which all figures are whole numbers.
std::int64_t reserved_cpu_tenths(std::int64_t cores) {
  std::int64_t tenths = 0;
  if (cores >= 1) tenths += 600;
  if (cores >= 2) tenths += 100;
  tenths += 50 * std::clamp<std::int64_t>(cores - 2, 0, 2);
  tenths += 25 * std::max<std::int64_t>(cores - 4, 0);
  return tenths;
}

Resources requests_of(const Audit& audit, const plan::NodePlan& node) {
  Resources sum;
  for (const std::uint32_t pod : node.pods) sum = sum + audit.shape_of(pod).requests;
  return sum;
}

struct Part {
  const char* name;
  std::int64_t Resources::*value;
};
constexpr Part kParts[] = {{"milli-CPU", &Resources::cpu_milli},
                           {"MiB of memory", &Resources::memory_mib},
                           {"MiB of disk", &Resources::disk_mib},
                           {"pods", &Resources::pods}};

}  // namespace

Resources allocatable_of(const market::InstanceType& type, const market::NodeOverhead& overhead) {
  const std::int64_t disk = overhead.root_volume_gib * kMibPerGib;
  Resources left;
  left.cpu_milli = type.vcpu * 1000 - reserved_cpu_tenths(type.vcpu) / 10;
  const std::int64_t memory = type.memory_mib - (type.arch == "arm64" ? 64 : 0);
  left.memory_mib =
      memory - ceil_div(memory * 75, 1000) - 255 - 11 * std::int64_t{type.max_pods} - 100;
  left.disk_mib = disk - ceil_div(disk, 10) - kMibPerGib;
  left.pods = type.max_pods;
  return max(left - overhead.daemonsets, Resources{});
}

void check_capacity(Audit& audit) {
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) {
    const plan::NodePlan& node = audit.plan.nodes[i];
    const Resources room = allocatable_of(audit.type_of(node), audit.demand.overhead);
    const Resources asked = requests_of(audit, node);
    for (const Part& part : kParts) {
      const std::int64_t used = node.used.*part.value;
      if (node.allocatable.*part.value != room.*part.value) {
        audit.complain("{} is said to have {} {} for pods and has {}", audit.node_name(i),
                       node.allocatable.*part.value, part.name, room.*part.value);
      }
      // What is used beyond the pods is headroom; check_headroom accounts for it.
      if (used < asked.*part.value) {
        audit.complain("{}: its pods ask for {} {} and {} are counted", audit.node_name(i),
                       asked.*part.value, part.name, used);
      }
      if (std::max(used, asked.*part.value) > room.*part.value) {
        audit.complain("{}: {} {} are asked for and {} are there", audit.node_name(i),
                       std::max(used, asked.*part.value), part.name, room.*part.value);
      }
    }
  }
}

}  // namespace kerf::check
