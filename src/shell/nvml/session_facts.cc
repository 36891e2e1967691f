// Session: questions about a GPU whose answers do not change while its driver is loaded.
#include <fmt/format.h>

#include <algorithm>

#include "shell/nvml/session.h"
#include "shell/nvml/session_parts.h"

namespace kerf::nvml {

Answer<int> Session::cuda_number() {
  if (const auto code = refuse()) return {*code, 0};
  int version = 0;
  const Code code = note(call_.system_get_cuda_driver_version(&version));
  if (code != Code::Success) return {code, 0};
  if (version < 0) return {Code::Unknown, 0};
  return {code, version};
}

Answer<ComputeCapability> Session::compute_capability(Device gpu) {
  if (const auto code = refuse(gpu)) return {*code, {}};
  ComputeCapability answer;
  const Code code =
      note(call_.device_get_cuda_compute_capability(gpu.raw, &answer.major, &answer.minor));
  if (code != Code::Success) return {code, {}};
  if (answer.major < 0 || answer.minor < 0) return {Code::Unknown, {}};
  return {code, answer};
}

Answer<bool> Session::is_vgpu(Device gpu) {
  if (const auto code = refuse(gpu)) return {*code, false};
  unsigned mode = 0;
  const Code code = note(call_.device_get_virtualization_mode(gpu.raw, &mode));
  return {code, code == Code::Success && mode == nvmlabi::kVirtualizationModeVgpu};
}

Answer<std::string> Session::clique(Device gpu) {
  if (const auto code = refuse(gpu)) return {*code, {}};
  nvmlabi::GpuFabricInfo info{};
  const Code code = note(call_.device_get_gpu_fabric_info(gpu.raw, &info));
  if (code != Code::Success) return {code, {}};
  const auto& id = info.cluster_uuid;
  const bool named = std::any_of(std::begin(id), std::end(id), [](auto byte) { return byte != 0; });
  if (info.state != nvmlabi::kFabricStateCompleted || info.status != nvmlabi::kSuccess || !named)
    return {code, {}};
  std::string text;
  for (std::size_t i = 0; i < sizeof id; ++i)
    text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
  return {code, fmt::format("{}.{}", text, info.clique_id)};
}

}  // namespace kerf::nvml
