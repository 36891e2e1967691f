// NVML's return codes by name.
#include "core/agent/words.h"

namespace kerf::agent {

std::string to_string(Code code) {
  switch (code) {
    case Code::Success: return "SUCCESS";
    case Code::Uninitialized: return "UNINITIALIZED";
    case Code::InvalidArgument: return "INVALID_ARGUMENT";
    case Code::NotSupported: return "NOT_SUPPORTED";
    case Code::NoPermission: return "NO_PERMISSION";
    case Code::NotFound: return "NOT_FOUND";
    case Code::InsufficientSize: return "INSUFFICIENT_SIZE";
    case Code::DriverNotLoaded: return "DRIVER_NOT_LOADED";
    case Code::Timeout: return "TIMEOUT";
    case Code::FunctionNotFound: return "FUNCTION_NOT_FOUND";
    case Code::GpuIsLost: return "GPU_IS_LOST";
    case Code::ResetRequired: return "RESET_REQUIRED";
    case Code::InUse: return "IN_USE";
    case Code::InsufficientResources: return "INSUFFICIENT_RESOURCES";
    case Code::ArgumentVersionMismatch: return "ARGUMENT_VERSION_MISMATCH";
    case Code::InvalidState: return "INVALID_STATE";
    case Code::Unknown: return "UNKNOWN";
  }
  return "code " + std::to_string(static_cast<int>(code));
}

}  // namespace kerf::agent
