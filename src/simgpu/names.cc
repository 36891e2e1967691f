// The names of operations; those of return codes follow from NVML's.
#include "simgpu/names.h"

#include <algorithm>
#include <array>

namespace kerf::simgpu {

namespace {

constexpr std::array<const char*, static_cast<std::size_t>(Operation::kCount)> kOperations = {
    "device-count",
    "device-by-index",
    "device-by-uuid",
    "device-info",
    "get-mig-mode",
    "set-mig-mode",
    "gpu-instance-profile-info",
    "possible-placements",
    "remaining-capacity",
    "create-gpu-instance",
    "destroy-gpu-instance",
    "list-gpu-instances",
    "gpu-instance-by-id",
    "gpu-instance-info",
    "compute-instance-profile-info",
    "compute-instance-placements",
    "compute-instance-capacity",
    "create-compute-instance",
    "destroy-compute-instance",
    "list-compute-instances",
    "compute-instance-by-id",
    "compute-instance-info",
    "mig-device-by-index",
    "mig-device-uuid",
    "running-processes",
    "wait-events",
    "reset-gpu",
    "reload-driver",
};

constexpr Return kCodes[] = {
    Return::Success,
    Return::Uninitialized,
    Return::InvalidArgument,
    Return::NotSupported,
    Return::NoPermission,
    Return::NotFound,
    Return::InsufficientSize,
    Return::DriverNotLoaded,
    Return::Timeout,
    Return::FunctionNotFound,
    Return::GpuIsLost,
    Return::ResetRequired,
    Return::InUse,
    Return::InsufficientResources,
    Return::ArgumentVersionMismatch,
    Return::InvalidState,
    Return::Unknown,
};

}  // namespace

const char* to_string(Operation operation) {
  return kOperations[static_cast<std::size_t>(operation)];
}

std::optional<Operation> operation_named(std::string_view name) {
  const auto at = std::ranges::find(kOperations, name);
  if (at == kOperations.end()) return std::nullopt;
  return static_cast<Operation>(at - kOperations.begin());
}

std::string script_name(Return code) {
  std::string text = name(code);
  for (char& c : text) c = c == '_' ? '-' : (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c;
  return text;
}

std::optional<Return> return_named(std::string_view name) {
  for (const Return code : kCodes)
    if (script_name(code) == name) return code;
  return std::nullopt;
}

}  // namespace kerf::simgpu
