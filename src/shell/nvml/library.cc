// Library: the table of symbols, and what a person reads where there is no library.
#include "shell/nvml/library.h"

#include <dlfcn.h>

#include <fmt/format.h>

#include <string_view>

#include "base/quote.h"

namespace kerf::nvml {

/// Looks symbols up in one library.
class Symbols {
 public:
  explicit Symbols(void* handle) : handle_(handle) {}

  template <class... Arguments>
  void find(Function<Arguments...>& function, const char* name, const char* older = nullptr) {
    void* address = ::dlsym(handle_, name);
    if (address == nullptr && older != nullptr) address = ::dlsym(handle_, older);
    function.address_ = reinterpret_cast<typename Function<Arguments...>::Address>(address);
  }

 private:
  void* handle_;
};

namespace {

void find_system(Symbols symbols, Functions& f) {
  symbols.find(f.init_v2, "nvmlInit_v2");
  symbols.find(f.shutdown, "nvmlShutdown");
  symbols.find(f.system_get_driver_version, "nvmlSystemGetDriverVersion");
  symbols.find(f.system_get_nvml_version, "nvmlSystemGetNVMLVersion");
  symbols.find(f.system_get_cuda_driver_version, "nvmlSystemGetCudaDriverVersion_v2",
               "nvmlSystemGetCudaDriverVersion");
}

void find_devices(Symbols symbols, Functions& f) {
  symbols.find(f.device_get_count_v2, "nvmlDeviceGetCount_v2");
  symbols.find(f.device_get_handle_by_index_v2, "nvmlDeviceGetHandleByIndex_v2");
  symbols.find(f.device_get_uuid, "nvmlDeviceGetUUID");
  symbols.find(f.device_get_name, "nvmlDeviceGetName");
  symbols.find(f.device_get_pci_info_v3, "nvmlDeviceGetPciInfo_v3");
  symbols.find(f.device_get_minor_number, "nvmlDeviceGetMinorNumber");
  symbols.find(f.device_get_memory_info, "nvmlDeviceGetMemoryInfo");
  symbols.find(f.device_get_cuda_compute_capability, "nvmlDeviceGetCudaComputeCapability");
  symbols.find(f.device_get_virtualization_mode, "nvmlDeviceGetVirtualizationMode");
  symbols.find(f.device_get_gpu_fabric_info, "nvmlDeviceGetGpuFabricInfo");
  symbols.find(f.device_get_mig_mode, "nvmlDeviceGetMigMode");
  symbols.find(f.device_set_mig_mode, "nvmlDeviceSetMigMode");
  symbols.find(f.device_get_attributes_v2, "nvmlDeviceGetAttributes_v2");
}

void find_instances(Symbols symbols, Functions& f) {
  symbols.find(f.device_get_gpu_instance_profile_info_v, "nvmlDeviceGetGpuInstanceProfileInfoV");
  symbols.find(f.device_get_gpu_instance_profile_info, "nvmlDeviceGetGpuInstanceProfileInfo");
  symbols.find(f.device_get_gpu_instance_possible_placements_v2,
               "nvmlDeviceGetGpuInstancePossiblePlacements_v2");
  symbols.find(f.device_create_gpu_instance_with_placement,
               "nvmlDeviceCreateGpuInstanceWithPlacement");
  symbols.find(f.device_get_gpu_instances, "nvmlDeviceGetGpuInstances");
  symbols.find(f.device_get_gpu_instance_by_id, "nvmlDeviceGetGpuInstanceById");
  symbols.find(f.gpu_instance_get_info, "nvmlGpuInstanceGetInfo");
  symbols.find(f.gpu_instance_destroy, "nvmlGpuInstanceDestroy");
  symbols.find(f.gpu_instance_get_compute_instance_profile_info,
               "nvmlGpuInstanceGetComputeInstanceProfileInfo");
  symbols.find(f.gpu_instance_create_compute_instance, "nvmlGpuInstanceCreateComputeInstance");
  symbols.find(f.gpu_instance_get_compute_instances, "nvmlGpuInstanceGetComputeInstances");
  symbols.find(f.gpu_instance_get_compute_instance_by_id, "nvmlGpuInstanceGetComputeInstanceById");
  symbols.find(f.compute_instance_get_info_v2, "nvmlComputeInstanceGetInfo_v2");
  symbols.find(f.compute_instance_destroy, "nvmlComputeInstanceDestroy");
}

void find_health(Symbols symbols, Functions& f) {
  symbols.find(f.device_get_compute_running_processes_v3,
               "nvmlDeviceGetComputeRunningProcesses_v3");
  symbols.find(f.device_get_compute_running_processes_v2,
               "nvmlDeviceGetComputeRunningProcesses_v2");
  symbols.find(f.device_get_graphics_running_processes_v3,
               "nvmlDeviceGetGraphicsRunningProcesses_v3");
  symbols.find(f.device_get_graphics_running_processes_v2,
               "nvmlDeviceGetGraphicsRunningProcesses_v2");
  symbols.find(f.device_get_mps_compute_running_processes_v3,
               "nvmlDeviceGetMPSComputeRunningProcesses_v3");
  symbols.find(f.device_get_nv_link_state, "nvmlDeviceGetNvLinkState");
  symbols.find(f.device_get_nv_link_remote_device_type, "nvmlDeviceGetNvLinkRemoteDeviceType");
  symbols.find(f.device_get_nv_link_remote_pci_info_v2, "nvmlDeviceGetNvLinkRemotePciInfo_v2");
  symbols.find(f.event_set_create, "nvmlEventSetCreate");
  symbols.find(f.device_register_events, "nvmlDeviceRegisterEvents");
  symbols.find(f.event_set_wait_v2, "nvmlEventSetWait_v2");
  symbols.find(f.event_set_wait, "nvmlEventSetWait");
  symbols.find(f.event_set_free, "nvmlEventSetFree");
}

/// What the loader says of a file that is there and no shared library.
bool is_no_library(std::string_view why) {
  for (const std::string_view sign : {"invalid ELF header", "file too short", "wrong ELF class",
                                      "cannot read file data", "cannot dynamically load"})
    if (why.find(sign) != std::string_view::npos) return true;
  return false;
}

}  // namespace

Result<std::unique_ptr<Library>> Library::load(const std::string& path) {
  // Never unloaded: such a library may have threads, and things to do at the program's end.
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* why = ::dlerror();
    if (why != nullptr && is_no_library(why))
      return invalid(
          fmt::format("cannot load {}: it is no library ({}). Give the path of the "
                      "driver's {}",
                      kerf::quoted(path), kerf::quoted(why, 256), kLibraryName));
    return fail(ErrorCode::NotFound,
                fmt::format("cannot load NVIDIA's management library: {}. It comes with the NVIDIA "
                            "driver: is the driver installed, and in a container, is the driver's "
                            "{} mounted into it?",
                            kerf::quoted(why == nullptr ? path : why, 256), kLibraryName));
  }
  std::unique_ptr<Library> library(new Library(handle));
  const Symbols symbols(handle);
  find_system(symbols, library->functions_);
  find_devices(symbols, library->functions_);
  find_instances(symbols, library->functions_);
  find_health(symbols, library->functions_);
  if (!library->functions_.init_v2.there()) {
    return invalid(
        fmt::format("{} is not NVIDIA's management library (NVML): it has no "
                    "nvmlInit_v2. Give the path of the driver's {}",
                    kerf::quoted(path), kLibraryName));
  }
  return library;
}

Library::~Library() { ::dlclose(handle_); }

}  // namespace kerf::nvml
