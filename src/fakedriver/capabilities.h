// Capabilities: the files by which the kernel grants MIG instances, and the minor numbers of
// theirs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simgpu/driver.h"

namespace kerf::fakedriver {

/// A GPU instance, or a compute instance in it, that has an `access` file under
/// /proc/driver/nvidia/capabilities/gpu<minor>/mig/gi<id>[/ci<id>].
struct Capability {
  int gpu_minor = 0;
  std::uint32_t gpu_instance = 0;
  std::uint32_t compute_instance = simgpu::kNoInstance;
  auto operator<=>(const Capability&) const = default;
};
using Capabilities = std::vector<Capability>;  ///< ascending

Capabilities capabilities_of(const simgpu::Driver& driver);

/// Device minor of /dev/nvidia-caps/nvidia-cap<minor>: fixed by GPU, instance and nothing else, so
/// that it is known before the instance exists. config is 1, monitor 2 (from mig-minors of driver
/// 4xx to 5xx: "gpu0/gi0/access 3", "gpu0/gi0/ci0/access 4" ... "gpu31/gi14/ci7/access 4322").
int capability_minor(const Capability& capability);
/// The text of /proc/driver/nvidia-caps/mig-minors: all of them, for 32 GPUs.
std::string mig_minors();
/// "gpu0/mig/gi3/ci0"
std::string capability_path(const Capability& capability);
/// The text of an `access` file.
std::string access_text(int minor);

}  // namespace kerf::fakedriver
