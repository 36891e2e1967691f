// Which capabilities there are, their numbers and their texts.
#include "fakedriver/capabilities.h"

#include <fmt/format.h>

#include <algorithm>

namespace kerf::fakedriver {

namespace {
constexpr int kGpus = 32;
constexpr int kGpuInstances = 15;
constexpr int kComputeInstances = 8;
}  // namespace

Capabilities capabilities_of(const simgpu::Driver& driver) {
  Capabilities found;
  for (const simgpu::GpuState& gpu : driver.state().gpus)
    for (const simgpu::GpuInstanceState& gi : gpu.instances) {
      found.push_back({gpu.minor, gi.id});
      for (const simgpu::ComputeInstanceState& ci : gi.compute_instances)
        found.push_back({gpu.minor, gi.id, ci.id});
    }
  std::ranges::sort(found);
  return found;
}

int capability_minor(const Capability& capability) {
  constexpr int kOfInstance = 1 + kComputeInstances;
  const int gi = 3 + kOfInstance * (kGpuInstances * capability.gpu_minor +
                                    static_cast<int>(capability.gpu_instance));
  return capability.compute_instance == simgpu::kNoInstance
             ? gi
             : gi + 1 + static_cast<int>(capability.compute_instance);
}

std::string mig_minors() {
  std::string text = "config 1\nmonitor 2\n";
  for (int gpu = 0; gpu < kGpus; ++gpu)
    for (std::uint32_t gi = 0; gi < kGpuInstances; ++gi) {
      text += fmt::format("gpu{}/gi{}/access {}\n", gpu, gi, capability_minor({gpu, gi}));
      for (std::uint32_t ci = 0; ci < kComputeInstances; ++ci)
        text += fmt::format("gpu{}/gi{}/ci{}/access {}\n", gpu, gi, ci,
                            capability_minor({gpu, gi, ci}));
    }
  return text;
}

std::string capability_path(const Capability& capability) {
  std::string path = fmt::format("gpu{}/mig/gi{}", capability.gpu_minor, capability.gpu_instance);
  if (capability.compute_instance != simgpu::kNoInstance)
    path += fmt::format("/ci{}", capability.compute_instance);
  return path;
}

std::string access_text(int minor) {
  return fmt::format("DeviceFileMinor: {}\nDeviceFileMode: 292\nDeviceFileModify: 1\n", minor);
}

}  // namespace kerf::fakedriver
