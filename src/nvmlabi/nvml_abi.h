// The part of NVML's binary interface that Kerf uses, declared anew: numbers, structs, signatures.
//
// Source: nvml.h 13.3 of NVIDIA's CUDA toolkit (facts only: numbers, layouts, names). Used from
// both sides: shell/nvml calls a driver by it, fakedriver answers by it. So a mistake here would
// not show between those two; NVIDIA's own clients on the fake driver show it
// (docs/fake-driver.md).
//
// Names are NVML's without the prefix. Where NVML has several versions of a struct, the version is
// part of the name. Structs that carry a `version` have to be asked for with struct_version().
#pragma once

#include <cstddef>
#include <cstdint>

namespace kerf::nvmlabi {

/// nvmlReturn_t: any number may come.
using Return = int;
inline constexpr Return kSuccess = 0;
inline constexpr Return kUninitialized = 1;
inline constexpr Return kInvalidArgument = 2;
inline constexpr Return kNotSupported = 3;
inline constexpr Return kNoPermission = 4;
inline constexpr Return kNotFound = 6;
inline constexpr Return kInsufficientSize = 7;
inline constexpr Return kDriverNotLoaded = 9;
inline constexpr Return kTimeout = 10;
inline constexpr Return kLibraryNotFound = 12;
inline constexpr Return kFunctionNotFound = 13;
inline constexpr Return kGpuIsLost = 15;
inline constexpr Return kResetRequired = 16;
inline constexpr Return kLibRmVersionMismatch = 18;
inline constexpr Return kInUse = 19;
inline constexpr Return kInsufficientResources = 23;
inline constexpr Return kArgumentVersionMismatch = 25;
inline constexpr Return kInvalidState = 29;
inline constexpr Return kUnknown = 999;

/// Opaque pointers of the driver; 0 is none.
struct DeviceOpaque;
struct GpuInstanceOpaque;
struct ComputeInstanceOpaque;
struct EventSetOpaque;
using Device = DeviceOpaque*;
using GpuInstance = GpuInstanceOpaque*;
using ComputeInstance = ComputeInstanceOpaque*;
using EventSet = EventSetOpaque*;

/// What `version` of a versioned struct has to say: its size, and the version in the top byte.
template <class T>
constexpr unsigned struct_version(unsigned version) {
  return static_cast<unsigned>(sizeof(T)) | (version << 24U);
}

inline constexpr unsigned kNameSize = 96;  ///< NVML_DEVICE_NAME_V2_BUFFER_SIZE
inline constexpr unsigned kUuidSize = 96;  ///< NVML_DEVICE_UUID_V2_BUFFER_SIZE
inline constexpr unsigned kVersionTextSize = 80;
inline constexpr unsigned kDisabled = 0;
inline constexpr unsigned kEnabled = 1;
/// "No instance" in processes and events.
inline constexpr unsigned kNoInstance = 0xffffffff;
/// usedGpuMemory of a process whose use is not known.
inline constexpr unsigned long long kValueNotAvailable = ~0ULL;

/// One past the greatest NVML_GPU_INSTANCE_PROFILE_* and NVML_COMPUTE_INSTANCE_PROFILE_*.
inline constexpr unsigned kGpuInstanceProfiles = 0x12;
inline constexpr unsigned kComputeInstanceProfiles = 9;
inline constexpr unsigned kEngineProfileShared = 0;
/// Bits of `capabilities` in GpuInstanceProfileInfo_v3 (and, GFX alone as 1, in the compute one).
inline constexpr unsigned kProfileCapabilityP2p = 1;
inline constexpr unsigned kProfileCapabilityGfx = 2;

inline constexpr unsigned long long kEventSingleBitEcc = 0x1;
inline constexpr unsigned long long kEventDoubleBitEcc = 0x2;
inline constexpr unsigned long long kEventXidCriticalError = 0x8;

/// nvmlDeviceGetPciInfo_v3; the older calls fill it up to pci_subsystem_id.
struct PciInfo {
  char bus_id_legacy[16];  ///< "0000:17:00.0"
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;  ///< device << 16 | vendor
  unsigned pci_subsystem_id;
  char bus_id[32];  ///< "00000000:17:00.0"
};
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
struct Memory_v2 {
  unsigned version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;
};
struct Bar1Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct Utilization {
  unsigned gpu;
  unsigned memory;
};

struct ProcessInfo_v1 {
  unsigned pid;
  unsigned long long used_gpu_memory;
};
/// _v2 and _v3 of the calls that list processes.
struct ProcessInfo {
  unsigned pid;
  unsigned long long used_gpu_memory;
  unsigned gpu_instance_id;
  unsigned compute_instance_id;
};

struct DeviceAttributes {
  unsigned multiprocessor_count;
  unsigned shared_copy_engine_count;
  unsigned shared_decoder_count;
  unsigned shared_encoder_count;
  unsigned shared_jpeg_count;
  unsigned shared_ofa_count;
  unsigned gpu_instance_slice_count;
  unsigned compute_instance_slice_count;
  unsigned long long memory_size_mib;
};

/// nvmlEventSetWait (v1) leaves the two ids as they are.
struct EventData {
  Device device;
  unsigned long long event_type;
  unsigned long long event_data;
  unsigned gpu_instance_id;
  unsigned compute_instance_id;
};

/// Of a GPU instance in memory slices, of a compute instance in compute slices inside it.
struct Placement {
  unsigned start;
  unsigned size;
};

struct GpuInstanceProfileInfo {
  unsigned id;
  unsigned is_p2p_supported;
  unsigned slice_count;
  unsigned instance_count;
  unsigned multiprocessor_count;
  unsigned copy_engine_count;
  unsigned decoder_count;
  unsigned encoder_count;
  unsigned jpeg_count;
  unsigned ofa_count;
  unsigned long long memory_size_mib;
};
struct GpuInstanceProfileInfo_v2 {
  unsigned version;
  unsigned id;
  unsigned is_p2p_supported;
  unsigned slice_count;
  unsigned instance_count;
  unsigned multiprocessor_count;
  unsigned copy_engine_count;
  unsigned decoder_count;
  unsigned encoder_count;
  unsigned jpeg_count;
  unsigned ofa_count;
  unsigned long long memory_size_mib;
  char name[kNameSize];
};
struct GpuInstanceProfileInfo_v3 {
  unsigned version;
  unsigned id;
  unsigned slice_count;
  unsigned instance_count;
  unsigned multiprocessor_count;
  unsigned copy_engine_count;
  unsigned decoder_count;
  unsigned encoder_count;
  unsigned jpeg_count;
  unsigned ofa_count;
  unsigned long long memory_size_mib;
  char name[kNameSize];
  unsigned capabilities;
};
struct GpuInstanceInfo {
  Device device;
  unsigned id;
  unsigned profile_id;
  Placement placement;
};

struct ComputeInstanceProfileInfo {
  unsigned id;
  unsigned slice_count;
  unsigned instance_count;
  unsigned multiprocessor_count;
  unsigned shared_copy_engine_count;
  unsigned shared_decoder_count;
  unsigned shared_encoder_count;
  unsigned shared_jpeg_count;
  unsigned shared_ofa_count;
};
/// _v3 has a `capabilities` more.
struct ComputeInstanceProfileInfo_v2 {
  unsigned version;
  unsigned id;
  unsigned slice_count;
  unsigned instance_count;
  unsigned multiprocessor_count;
  unsigned shared_copy_engine_count;
  unsigned shared_decoder_count;
  unsigned shared_encoder_count;
  unsigned shared_jpeg_count;
  unsigned shared_ofa_count;
  char name[kNameSize];
};
struct ComputeInstanceProfileInfo_v3 {
  unsigned version;
  unsigned id;
  unsigned slice_count;
  unsigned instance_count;
  unsigned multiprocessor_count;
  unsigned shared_copy_engine_count;
  unsigned shared_decoder_count;
  unsigned shared_encoder_count;
  unsigned shared_jpeg_count;
  unsigned shared_ofa_count;
  char name[kNameSize];
  unsigned capabilities;
};
/// nvmlComputeInstanceGetInfo_v2; `device` is the handle of the MIG device.
struct ComputeInstanceInfo {
  Device device;
  GpuInstance gpu_instance;
  unsigned id;
  unsigned profile_id;
  Placement placement;
};
/// nvmlComputeInstanceGetInfo without version.
struct ComputeInstanceInfo_v1 {
  Device device;
  GpuInstance gpu_instance;
  unsigned id;
  unsigned profile_id;
};

/// What nvmlDeviceGetVirtualizationMode says of a GPU that a hypervisor made.
inline constexpr unsigned kVirtualizationModeVgpu = 2;

/// `state` of a GPU that has joined its fabric.
inline constexpr unsigned char kFabricStateCompleted = 3;

struct GpuFabricInfo {
  unsigned char cluster_uuid[16];
  Return status;
  unsigned clique_id;
  unsigned char state;  ///< 0: not supported
};
struct GpuFabricInfo_v2 {
  unsigned version;
  unsigned char cluster_uuid[16];
  Return status;
  unsigned clique_id;
  unsigned char state;
  unsigned health_mask;
};
struct GpuFabricInfo_v3 {
  unsigned version;
  unsigned char cluster_uuid[16];
  Return status;
  unsigned clique_id;
  unsigned char state;
  unsigned health_mask;
  unsigned char health_summary;
};

struct DeviceCapabilities {
  unsigned version;
  unsigned cap_mask;
};

/// NVML_NVLINK_MAX_LINKS.
inline constexpr unsigned kNvLinksMax = 18;
/// nvmlIntNvLinkDeviceType_t: what is at the other end of a link.
inline constexpr unsigned kNvLinkToGpu = 0;
inline constexpr unsigned kNvLinkToSwitch = 2;

// The sizes that NVIDIA's clients were built with (x86-64 and arm64 agree).
static_assert(sizeof(PciInfo) == 68);
static_assert(sizeof(ProcessInfo) == 24 && sizeof(ProcessInfo_v1) == 16);
static_assert(sizeof(Memory_v2) == 40 && sizeof(DeviceAttributes) == 40);
static_assert(sizeof(GpuInstanceProfileInfo) == 48 && sizeof(GpuInstanceProfileInfo_v2) == 152);
static_assert(sizeof(GpuInstanceProfileInfo_v3) == 152 && sizeof(GpuInstanceInfo) == 24);
static_assert(sizeof(ComputeInstanceProfileInfo) == 36);
static_assert(sizeof(ComputeInstanceProfileInfo_v2) == 136);
static_assert(sizeof(ComputeInstanceProfileInfo_v3) == 140);
static_assert(sizeof(ComputeInstanceInfo) == 32 && sizeof(EventData) == 32);
static_assert(sizeof(GpuFabricInfo) == 28 && sizeof(GpuFabricInfo_v3) == 40);

}  // namespace kerf::nvmlabi
