// An NVML library whose GPUs and whose age a test sets at any time by environment variables.
//
// KERF_STUB_GPUS: a letter for each GPU, by index: "ab" are GPU-a and GPU-b. Handles belong to a
// GPU, or if KERF_STUB_HANDLES is "index", to whatever GPU has that index. KERF_STUB_ID: of its one
// profile. KERF_STUB_PROFILES: the newest version of the profile struct that it knows, 3, 2 or 1; a
// "?" after it: for newer ones it says INVALID_ARGUMENT and not ARGUMENT_VERSION_MISMATCH. It
// writes into KERF_STUB_CREATED on which GPU a GPU instance was created last, and reads it back at
// KERF_STUB_START. KERF_STUB_INIT: what nvmlInit answers; not set: success. KERF_STUB_DEVICE: the
// same of the question for a GPU's handle.
#include <cstdlib>
#include <cstring>
#include <string>

#include "nvmlabi/nvml_abi.h"

namespace abi = kerf::nvmlabi;

namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string gpus() { return setting("KERF_STUB_GPUS"); }
bool by_index() { return setting("KERF_STUB_HANDLES") == "index"; }
/// A handle is a letter, or an index and 1.
char letter(abi::Device of) {
  const auto number = reinterpret_cast<std::uintptr_t>(of);
  if (!by_index()) return static_cast<char>(number);
  return number <= gpus().size() ? gpus()[number - 1] : '?';
}
bool is_there(abi::Device of) { return gpus().find(letter(of)) != std::string::npos; }

template <class Info>
abi::Return fill(unsigned profile, Info& info) {
  if (profile > 1) return abi::kInvalidArgument;
  if (profile == 1) return abi::kNotSupported;
  info.id = static_cast<unsigned>(std::strtoul(setting("KERF_STUB_ID").c_str(), nullptr, 10));
  info.slice_count = 1;
  info.instance_count = 7;
  info.multiprocessor_count = 14;
  info.memory_size_mib = 4864;
  return abi::kSuccess;
}

}  // namespace

#define STUB extern "C" abi::Return
#pragma GCC diagnostic ignored "-Wmissing-declarations"

STUB nvmlInit_v2() { return std::atoi(setting("KERF_STUB_INIT").c_str()); }
STUB nvmlShutdown() { return abi::kSuccess; }
STUB nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(gpus().size());
  return abi::kSuccess;
}
STUB nvmlDeviceGetHandleByIndex_v2(unsigned index, abi::Device* out) {
  if (const int code = std::atoi(setting("KERF_STUB_DEVICE").c_str()); code != abi::kSuccess)
    return code;
  if (index >= gpus().size()) return abi::kInvalidArgument;
  const auto number = by_index() ? index + 1 : static_cast<unsigned>(gpus()[index]);
  *out = reinterpret_cast<abi::Device>(std::uintptr_t{number});
  return abi::kSuccess;
}
STUB nvmlDeviceGetUUID(abi::Device of, char* to, unsigned size) {
  if (!is_there(of)) return abi::kGpuIsLost;
  std::strncpy(to, ("GPU-" + std::string(1, letter(of))).c_str(), size);
  return abi::kSuccess;
}
STUB nvmlDeviceGetName(abi::Device, char* to, unsigned size) {
  std::strncpy(to, "NVIDIA A100-SXM4-40GB", size);
  return abi::kSuccess;
}
STUB nvmlDeviceGetMigMode(abi::Device, unsigned* current, unsigned* pending) {
  *current = *pending = abi::kEnabled;
  return abi::kSuccess;
}
STUB nvmlDeviceGetGpuInstanceProfileInfoV(abi::Device, unsigned profile, void* info) {
  const std::string newest = setting("KERF_STUB_PROFILES");
  unsigned version = 0;
  std::memcpy(&version, info, sizeof version);
  if (newest.starts_with("1")) return abi::kFunctionNotFound;
  if (newest.starts_with("2") && version >> 24U > 2)
    return newest.ends_with("?") ? abi::kInvalidArgument : abi::kArgumentVersionMismatch;
  auto& named = *static_cast<abi::GpuInstanceProfileInfo_v2*>(info);
  if (version >> 24U == 3) {
    auto& third = *static_cast<abi::GpuInstanceProfileInfo_v3*>(info);
    std::strncpy(third.name, "MIG 1g.5gb", sizeof third.name);
    return fill(profile, third);
  }
  std::strncpy(named.name, "1g.5gb", sizeof named.name);
  return fill(profile, named);
}
STUB nvmlDeviceGetGpuInstanceProfileInfo(abi::Device, unsigned profile,
                                         abi::GpuInstanceProfileInfo* info) {
  return fill(profile, *info);
}
STUB nvmlDeviceGetGpuInstances(abi::Device, unsigned, abi::GpuInstance*, unsigned* count) {
  *count = 0;
  return abi::kSuccess;
}
STUB nvmlDeviceCreateGpuInstanceWithPlacement(abi::Device of, unsigned, const abi::Placement*,
                                              abi::GpuInstance* out) {
  ::setenv("KERF_STUB_CREATED", std::string(1, letter(of)).c_str(), 1);
  *out = reinterpret_cast<abi::GpuInstance>(of);
  return abi::kSuccess;
}
STUB nvmlGpuInstanceGetInfo(abi::GpuInstance of, abi::GpuInstanceInfo* info) {
  const auto start =
      static_cast<unsigned>(std::strtoul(setting("KERF_STUB_START").c_str(), nullptr, 10));
  *info = {reinterpret_cast<abi::Device>(of), 7, 19, {start, 1}};
  return abi::kSuccess;
}
STUB nvmlGpuInstanceDestroy(abi::GpuInstance) {
  ::setenv("KERF_STUB_CREATED", "", 1);
  return abi::kSuccess;
}
