// Names of kinds, reasons and devices.
#include "core/control/object.h"
#include "core/control/gpu_node.h"

namespace kerf::control {

const char* to_string(Kind kind) {
  constexpr const char* kNames[kKinds] = {
      "Pod",           "Node",     "NodeClaim", "GpuNode",    "SlicePolicy", "PodDisruptionBudget",
      "PriorityClass", "Workload", "NodeClass", "DeviceClass"};
  return kNames[static_cast<int>(kind)];
}

const char* to_string(Degraded reason) {
  switch (reason) {
    case Degraded::No: return "";
    case Degraded::ForeignPlugin: return "ForeignPlugin";
    case Degraded::ForeignDriver: return "ForeignDriver";
    case Degraded::ForeignInstances: return "ForeignInstances";
    case Degraded::ModeOff: return "ModeOff";
    case Degraded::GpuLost: return "GpuLost";
    case Degraded::CutFailed: return "CutFailed";
    case Degraded::IllegalLayout: return "IllegalLayout";
  }
  return "";
}

const char* to_string(cluster::SliceState state) {
  constexpr const char* kNames[] = {"Creating", "Free", "Used", "Retiring", "Lost"};
  return kNames[static_cast<int>(state)];
}

std::string device_id(std::uint32_t gpu, const std::string& form, std::uint8_t start) {
  return "gpu" + std::to_string(gpu) + "/" + form + "@" + std::to_string(start);
}

}  // namespace kerf::control
