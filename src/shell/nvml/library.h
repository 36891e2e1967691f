// Library: libnvidia-ml.so.1 loaded at run time, so that a program starts where there is no driver.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "nvmlabi/nvml_abi.h"

namespace kerf::nvml {

/// The file that every NVIDIA driver brings, found as the system's loader finds libraries.
inline constexpr const char* kLibraryName = "libnvidia-ml.so.1";

/// A function of the library. One that this driver's library lacks answers FUNCTION_NOT_FOUND.
template <class... Arguments>
class Function {
 public:
  bool there() const { return address_ != nullptr; }
  nvmlabi::Return operator()(Arguments... arguments) const {
    return there() ? address_(arguments...) : nvmlabi::kFunctionNotFound;
  }

 private:
  friend class Symbols;
  using Address = nvmlabi::Return (*)(Arguments...);
  Address address_ = nullptr;
};

/// All that Kerf calls, each named as in nvml.h. What has several versions in nvml.h has its newest
/// here; where an older one is of use to an old driver, it is a member of its own.
struct Functions {
  using Device = nvmlabi::Device;
  using GpuInstance = nvmlabi::GpuInstance;
  using ComputeInstance = nvmlabi::ComputeInstance;
  using EventSet = nvmlabi::EventSet;

  Function<> init_v2;
  Function<> shutdown;
  Function<char*, unsigned> system_get_driver_version;
  Function<char*, unsigned> system_get_nvml_version;
  Function<int*> system_get_cuda_driver_version;

  Function<unsigned*> device_get_count_v2;
  Function<unsigned, Device*> device_get_handle_by_index_v2;
  Function<Device, char*, unsigned> device_get_uuid;
  Function<Device, char*, unsigned> device_get_name;
  Function<Device, nvmlabi::PciInfo*> device_get_pci_info_v3;
  Function<Device, unsigned*> device_get_minor_number;
  Function<Device, nvmlabi::Memory*> device_get_memory_info;
  Function<Device, int*, int*> device_get_cuda_compute_capability;
  Function<Device, unsigned*> device_get_virtualization_mode;
  Function<Device, nvmlabi::GpuFabricInfo*> device_get_gpu_fabric_info;
  Function<Device, unsigned*, unsigned*> device_get_mig_mode;
  Function<Device, unsigned, nvmlabi::Return*> device_set_mig_mode;
  Function<Device, nvmlabi::DeviceAttributes*> device_get_attributes_v2;

  /// Takes versions 2 and 3 of the struct; `version`, its first member, says which.
  Function<Device, unsigned, void*> device_get_gpu_instance_profile_info_v;
  Function<Device, unsigned, nvmlabi::GpuInstanceProfileInfo*> device_get_gpu_instance_profile_info;
  Function<Device, unsigned, nvmlabi::Placement*, unsigned*>
      device_get_gpu_instance_possible_placements_v2;
  Function<Device, unsigned, const nvmlabi::Placement*, GpuInstance*>
      device_create_gpu_instance_with_placement;
  Function<Device, unsigned, GpuInstance*, unsigned*> device_get_gpu_instances;
  Function<Device, unsigned, GpuInstance*> device_get_gpu_instance_by_id;
  Function<GpuInstance, nvmlabi::GpuInstanceInfo*> gpu_instance_get_info;
  Function<GpuInstance> gpu_instance_destroy;

  Function<GpuInstance, unsigned, unsigned, nvmlabi::ComputeInstanceProfileInfo*>
      gpu_instance_get_compute_instance_profile_info;
  Function<GpuInstance, unsigned, ComputeInstance*> gpu_instance_create_compute_instance;
  Function<GpuInstance, unsigned, ComputeInstance*, unsigned*> gpu_instance_get_compute_instances;
  Function<GpuInstance, unsigned, ComputeInstance*> gpu_instance_get_compute_instance_by_id;
  Function<ComputeInstance, nvmlabi::ComputeInstanceInfo*> compute_instance_get_info_v2;
  Function<ComputeInstance> compute_instance_destroy;

  Function<Device, unsigned*, nvmlabi::ProcessInfo*> device_get_compute_running_processes_v3;
  Function<Device, unsigned*, nvmlabi::ProcessInfo*> device_get_compute_running_processes_v2;
  Function<Device, unsigned*, nvmlabi::ProcessInfo*> device_get_graphics_running_processes_v3;
  Function<Device, unsigned*, nvmlabi::ProcessInfo*> device_get_graphics_running_processes_v2;
  Function<Device, unsigned*, nvmlabi::ProcessInfo*> device_get_mps_compute_running_processes_v3;

  Function<Device, unsigned, unsigned*> device_get_nv_link_state;
  Function<Device, unsigned, unsigned*> device_get_nv_link_remote_device_type;
  Function<Device, unsigned, nvmlabi::PciInfo*> device_get_nv_link_remote_pci_info_v2;

  Function<EventSet*> event_set_create;
  Function<Device, unsigned long long, EventSet> device_register_events;
  Function<EventSet, nvmlabi::EventData*, unsigned> event_set_wait_v2;
  Function<EventSet, nvmlabi::EventData*, unsigned> event_set_wait;
  Function<EventSet> event_set_free;
};

/// A library that is loaded. Loading it talks to no driver; init does.
class Library {
 public:
  /// A path, or a name for the loader to find. NotFound with what to do about it: there is no such
  /// library. InvalidArgument: it is a library, but not NVML.
  static Result<std::unique_ptr<Library>> load(const std::string& path = kLibraryName);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const Functions& functions() const { return functions_; }

 private:
  explicit Library(void* handle) : handle_(handle) {}

  void* handle_;
  Functions functions_;
};

}  // namespace kerf::nvml
