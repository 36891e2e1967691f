// What the simulated driver's calls take and answer: return codes, handles, infos, events.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace kerf::simgpu {

/// NVML's return codes, with NVML's numbers (nvmlReturn_t).
enum class Return : std::uint16_t {
  Success = 0,
  Uninitialized = 1,
  InvalidArgument = 2,
  NotSupported = 3,
  NoPermission = 4,
  NotFound = 6,
  InsufficientSize = 7,
  DriverNotLoaded = 9,
  Timeout = 10,
  FunctionNotFound = 13,
  GpuIsLost = 15,
  ResetRequired = 16,
  InUse = 19,
  InsufficientResources = 23,
  ArgumentVersionMismatch = 25,
  InvalidState = 29,
  Unknown = 999,
};
/// "SUCCESS", "IN_USE", "INSUFFICIENT_RESOURCES": NVML's name without its prefix.
const char* name(Return code);

/// What a call answers: NVML's code, the value (default-made unless the code is Success), and how
/// long the call took. The state has changed when the call returns; the host makes its caller wait.
template <class T>
struct Answer {
  Return code = Return::Success;
  T value{};
  std::int64_t latency_ms = 0;
  bool ok() const { return code == Return::Success; }
  bool operator==(const Answer&) const = default;
};
/// The value of calls that answer a code only.
struct Nothing {
  bool operator==(const Nothing&) const = default;
};

/// Handles are numbers with a serial in them that is never used twice, so one that outlived its
/// object answers InvalidArgument and never means another one. 0 means none.
///
/// A GPU's handle dies at reset_gpu, reload_driver and reboot; it outlives set_mig_mode, also where
/// that resets the GPU. GPU instances, compute instances and MIG devices die with their object, so
/// at each reset, reload and reboot. Real NVML may give an old handle to a new object: never keep
/// one.
struct Device {  ///< nvmlDevice_t: a GPU, or a MIG device (one compute instance)
  std::uint64_t value = 0;
  auto operator<=>(const Device&) const = default;
};
struct GpuInstance {  ///< nvmlGpuInstance_t
  std::uint64_t value = 0;
  auto operator<=>(const GpuInstance&) const = default;
};
struct ComputeInstance {  ///< nvmlComputeInstance_t
  std::uint64_t value = 0;
  auto operator<=>(const ComputeInstance&) const = default;
};

/// Who calls. Changes by a User answer NoPermission, and so do the questions that NVML keeps for
/// root; what concerns instances that are not theirs is left out of other answers.
enum class Caller : std::uint8_t { Root, User };

struct MigMode {
  bool current = false;
  bool pending = false;
  bool operator==(const MigMode&) const = default;
};

/// First placement unit and width. GPU instances: memory slices of the board (8, 4, 12 units);
/// compute instances: compute slices inside their GPU instance.
struct Placement {
  std::uint8_t start = 0;
  std::uint8_t size = 0;
  auto operator<=>(const Placement&) const = default;
};

/// nvmlGpuInstanceProfileInfo_v2_t. -1 or 0: not recorded for this board.
struct GpuInstanceProfileInfo {
  std::uint32_t id = 0;  ///< what create and placement calls take; not the enum that asked
  std::string name;      ///< "1g.5gb+me"; nvidia-smi prints "MIG 1g.5gb+me"
  int slice_count = 0;   ///< compute slices
  int instance_count = 0;
  int multiprocessor_count = 0;
  int copy_engines = -1;
  int decoders = -1;
  int encoders = -1;
  int jpeg = -1;
  int ofa = -1;
  std::int64_t memory_mib = 0;
  bool operator==(const GpuInstanceProfileInfo&) const = default;
};

/// nvmlGpuInstanceInfo_t.
struct GpuInstanceInfo {
  Device device;  ///< the GPU
  std::uint32_t id = 0;
  std::uint32_t profile_id = 0;
  Placement placement;
  bool operator==(const GpuInstanceInfo&) const = default;
};

/// nvmlComputeInstanceProfileInfo_t. Engines are shared by all compute instances of a GPU instance.
struct ComputeInstanceProfileInfo {
  std::uint32_t id = 0;
  int slice_count = 0;
  int instance_count = 0;
  int multiprocessor_count = 0;  ///< 0: not recorded
  int copy_engines = -1;
  int decoders = -1;
  int encoders = -1;
  int jpeg = -1;
  int ofa = -1;
  std::string name;  ///< "1c.3g.20gb"; one that takes all slices "3g.20gb"
  bool operator==(const ComputeInstanceProfileInfo&) const = default;
};

/// nvmlComputeInstanceInfo_t.
struct ComputeInstanceInfo {
  Device device;      ///< the MIG device; ask uuid() of it
  Device parent_gpu;  ///< the GPU
  GpuInstance gpu_instance;
  std::uint32_t id = 0;
  std::uint32_t profile_id = 0;
  Placement placement;
  std::string mig_uuid;  ///< what uuid(device) answers; NVML does not have it here
  bool operator==(const ComputeInstanceInfo&) const = default;
};

/// nvmlDeviceAttributes_t of a MIG device. -1 or 0: not recorded.
struct Attributes {
  int multiprocessor_count = 0;
  int gpu_instance_slices = 0;
  int compute_instance_slices = 0;
  int copy_engines = -1;
  int decoders = -1;
  int encoders = -1;
  int jpeg = -1;
  int ofa = -1;
  std::int64_t memory_mib = 0;
  bool operator==(const Attributes&) const = default;
};

/// NVML's mark for "no GPU instance" and "no compute instance" in processes and events.
inline constexpr std::uint32_t kNoInstance = 0xffffffff;

struct Process {
  std::uint32_t pid = 0;
  std::uint32_t gpu_instance = kNoInstance;
  std::uint32_t compute_instance = kNoInstance;
  std::int64_t memory_mib = 0;  ///< used by it; 0 if nobody said
  auto operator<=>(const Process&) const = default;
};

/// nvmlEventData_t of kind XidCriticalError.
struct Event {
  std::uint64_t sequence = 0;  ///< 1, 2, 3 ... over the machine's life
  int gpu = 0;                 ///< index
  std::uint32_t xid = 0;
  std::uint32_t gpu_instance = kNoInstance;
  std::uint32_t compute_instance = kNoInstance;
  bool operator==(const Event&) const = default;
};

/// Every call that can be slow or be made to fail.
enum class Operation : std::uint8_t {
  DeviceCount,
  DeviceByIndex,
  DeviceByUuid,
  DeviceInfo,  ///< name, uuid, minor number, memory, ids, attributes, parent of any device
  GetMigMode,
  SetMigMode,
  GpuInstanceProfileInfo,
  PossiblePlacements,
  RemainingCapacity,
  CreateGpuInstance,  ///< with and without placement
  DestroyGpuInstance,
  ListGpuInstances,
  GpuInstanceById,
  GpuInstanceInfo,
  ComputeInstanceProfileInfo,
  ComputeInstancePlacements,
  ComputeInstanceCapacity,
  CreateComputeInstance,
  DestroyComputeInstance,
  ListComputeInstances,
  ComputeInstanceById,
  ComputeInstanceInfo,
  MigDeviceByIndex,
  MigDeviceUuid,  ///< uuid() of a MIG device
  RunningProcesses,
  WaitEvents,
  ResetGpu,
  ReloadDriver,
  kCount,
};

/// A call's latency is drawn evenly from [min, max].
struct LatencyRange {
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
  bool operator==(const LatencyRange&) const = default;
};

}  // namespace kerf::simgpu
