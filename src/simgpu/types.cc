// The names of NVML's return codes.
#include "simgpu/types.h"

namespace kerf::simgpu {

const char* name(Return code) {
  switch (code) {
    case Return::Success: return "SUCCESS";
    case Return::Uninitialized: return "UNINITIALIZED";
    case Return::InvalidArgument: return "INVALID_ARGUMENT";
    case Return::NotSupported: return "NOT_SUPPORTED";
    case Return::NoPermission: return "NO_PERMISSION";
    case Return::NotFound: return "NOT_FOUND";
    case Return::InsufficientSize: return "INSUFFICIENT_SIZE";
    case Return::DriverNotLoaded: return "DRIVER_NOT_LOADED";
    case Return::Timeout: return "TIMEOUT";
    case Return::FunctionNotFound: return "FUNCTION_NOT_FOUND";
    case Return::GpuIsLost: return "GPU_IS_LOST";
    case Return::ResetRequired: return "RESET_REQUIRED";
    case Return::InUse: return "IN_USE";
    case Return::InsufficientResources: return "INSUFFICIENT_RESOURCES";
    case Return::ArgumentVersionMismatch: return "ARGUMENT_VERSION_MISMATCH";
    case Return::InvalidState: return "INVALID_STATE";
    case Return::Unknown: return "UNKNOWN";
  }
  return "?";
}

}  // namespace kerf::simgpu
