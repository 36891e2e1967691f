// Driver: how the NVIDIA driver (NVML with MIG) of one machine answers, as a pure engine.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "simgpu/state.h"
#include "simgpu/types.h"

namespace kerf::simgpu {

/// Latencies when nothing else is said, one range for each Operation. Recorded: destroying a GPU
/// instance takes about 1 s, creating one 0.1 to 1 s, walking MIG devices up to 10 s under load.
/// The rest is estimated.
struct Latencies {
  std::array<LatencyRange, static_cast<std::size_t>(Operation::kCount)> ranges;
  /// While slow: each MIG device looked up by index, and each uuid() of one (7 of both: to 10 s).
  LatencyRange slow_mig_device{200, 700};
  /// While slow: a MIG device looked up by its UUID.
  LatencyRange slow_by_uuid{1000, 10000};

  Latencies();
  /// Every call at once.
  static Latencies none();
  LatencyRange& of(Operation op) { return ranges[static_cast<std::size_t>(op)]; }
  const LatencyRange& of(Operation op) const { return ranges[static_cast<std::size_t>(op)]; }
  bool operator==(const Latencies&) const = default;
};

struct GpuConfig {
  std::string board;  ///< a key of boards.h: "A100-40", "T4"
  std::string uuid;   ///< "GPU-..."; empty: drawn from the machine's seed
  int minor = -1;     ///< /dev/nvidia<minor>; -1: the index
  bool operator==(const GpuConfig&) const = default;
};

/// An NVLink bridge between two GPUs, by index.
struct Bridge {
  int a = 0;
  int b = 0;
  bool operator==(const Bridge&) const = default;
};

struct Config {
  std::vector<GpuConfig> gpus;  ///< by index
  int driver_major = 570;       ///< 535, 550, 570, 580
  /// A VM with its GPUs passed through: an Ampere GPU cannot be reset, only the machine rebooted.
  bool passthrough = false;
  std::uint64_t seed = 1;  ///< of UUIDs, GPU instance ids and latencies
  Latencies latencies;
  std::vector<Bridge> bridges;  ///< none: as the boards come (nvlink.h)
  bool operator==(const Config&) const = default;
};

/// The driver of one machine. A plain value: copy it, compare it, hash it.
///
/// All calls are deterministic in configuration, seed and the calls before. A call that only reads
/// leaves the state as it is (unless a scripted fault was used up), so it may be repeated freely;
/// repeated in the same state it takes the same time.
///
/// Order of checks: scripted fault; handle (stale or of the wrong kind: InvalidArgument); GPU lost
/// (GpuIsLost); board without MIG (NotSupported); permission (NoPermission); MIG off where it is
/// needed (NotSupported); arguments; state.
class Driver {
 public:
  /// Asserts that every board is known.
  explicit Driver(const Config& config);

  /// A driver as it stood when its configuration and state were saved. InvalidArgument, with what
  /// is wrong, if no driver can have been in that state: it may come from a file.
  static Result<Driver> restore(Config config, State state);

  // --- Devices ---------------------------------------------------------------------------------

  Answer<int> device_count();
  /// InvalidArgument outside [0, count).
  Answer<Device> device_by_index(int index);
  /// A GPU or a MIG device; NotFound.
  Answer<Device> device_by_uuid(std::string_view uuid);
  Answer<std::string> uuid(Device device);
  /// "NVIDIA A100-SXM4-40GB"; a MIG device: "NVIDIA A100-SXM4-40GB MIG 1g.5gb".
  Answer<std::string> device_name(Device device);
  /// Of the GPU, also for a MIG device. May differ from the index.
  Answer<int> minor_number(Device device);
  /// MiB in all; of a MIG device, its GPU instance's. 0: not recorded.
  Answer<std::int64_t> memory_mib(Device device);
  /// MiB that the processes on it use.
  Answer<std::int64_t> memory_used(Device device);
  /// What device_by_index() takes; of a MIG device, what mig_device_by_index() takes.
  Answer<int> device_index(Device device);
  Answer<bool> is_mig_device(Device device);

  // --- MIG mode --------------------------------------------------------------------------------

  /// NotSupported: the board has no MIG.
  Answer<MigMode> mig_mode(Device gpu);
  /// The value is NVML's `activation`: whether the mode took effect. Success: it is current.
  /// InUse: a client, process or instance is in the way; accepted, pending until the next reset.
  /// ResetRequired: Ampere passed through; pending until reboot. Read both, then ask mig_mode.
  /// Asking for the current mode takes a pending change back.
  /// Without those, Ampere resets the GPU itself (as it does on bare metal), Hopper needs no reset.
  Answer<Return> set_mig_mode(Device gpu, bool enable, Caller caller = Caller::Root);

  // --- GPU instances (all NotSupported while MIG is off, unless said otherwise) -----------------
  //
  // What takes a Caller, here and of compute instances, is root's: NoPermission.

  /// `profile` is NVML_GPU_INSTANCE_PROFILE_*: InvalidArgument past the last, NotSupported for one
  /// that the board lacks. Also answered while MIG is off, if the driver is newer than R535.
  Answer<GpuInstanceProfileInfo> gpu_instance_profile_info(Device gpu, std::uint32_t profile);
  /// The same, asked by the profile's id.
  Answer<GpuInstanceProfileInfo> gpu_instance_profile_info_by_id(Device gpu,
                                                                 std::uint32_t profile_id);
  /// In the order listed by the driver, whatever is occupied. While MIG is off as above. Unknown
  /// id: NotSupported, here and in all calls that take one.
  Answer<std::vector<Placement>> possible_placements(Device gpu, std::uint32_t profile_id,
                                                     Caller caller = Caller::Root);
  /// How many more of this profile alone could be created now, by placement and engines.
  Answer<int> remaining_capacity(Device gpu, std::uint32_t profile_id,
                                 Caller caller = Caller::Root);

  /// The driver chooses the placement (see placement.h). InsufficientResources; InUse if a
  /// process holds the GPU itself.
  Answer<GpuInstance> create_gpu_instance(Device gpu, std::uint32_t profile_id,
                                          Caller caller = Caller::Root);
  /// A placement that the profile does not have: InvalidArgument. Occupied, too many, or engines
  /// used up: InsufficientResources. InUse as above.
  Answer<GpuInstance> create_gpu_instance_with_placement(Device gpu, std::uint32_t profile_id,
                                                         Placement placement,
                                                         Caller caller = Caller::Root);
  /// Of that profile, by id.
  Answer<std::vector<GpuInstance>> gpu_instances(Device gpu, std::uint32_t profile_id,
                                                 Caller caller = Caller::Root);
  /// NotFound.
  Answer<GpuInstance> gpu_instance_by_id(Device gpu, std::uint32_t id,
                                         Caller caller = Caller::Root);
  Answer<GpuInstanceInfo> gpu_instance_info(GpuInstance instance);
  /// InUse: it has a compute instance, or a process runs on it.
  Answer<Nothing> destroy_gpu_instance(GpuInstance instance, Caller caller = Caller::Root);

  // --- Compute instances -----------------------------------------------------------------------

  /// `profile` is NVML_COMPUTE_INSTANCE_PROFILE_*, engines shared; codes as for GPU instances.
  Answer<ComputeInstanceProfileInfo> compute_instance_profile_info(GpuInstance instance,
                                                                   std::uint32_t profile);
  Answer<std::vector<Placement>> compute_instance_possible_placements(GpuInstance instance,
                                                                      std::uint32_t profile_id,
                                                                      Caller caller = Caller::Root);
  Answer<int> compute_instance_remaining_capacity(GpuInstance instance, std::uint32_t profile_id,
                                                  Caller caller = Caller::Root);
  /// At the first free placement in listed order.
  Answer<ComputeInstance> create_compute_instance(GpuInstance instance, std::uint32_t profile_id,
                                                  Caller caller = Caller::Root);
  Answer<ComputeInstance> create_compute_instance_with_placement(GpuInstance instance,
                                                                 std::uint32_t profile_id,
                                                                 Placement placement,
                                                                 Caller caller = Caller::Root);
  Answer<std::vector<ComputeInstance>> compute_instances(GpuInstance instance,
                                                         std::uint32_t profile_id,
                                                         Caller caller = Caller::Root);
  Answer<ComputeInstance> compute_instance_by_id(GpuInstance instance, std::uint32_t id,
                                                 Caller caller = Caller::Root);
  Answer<ComputeInstanceInfo> compute_instance_info(ComputeInstance instance);
  /// InUse: a process runs on it.
  Answer<Nothing> destroy_compute_instance(ComputeInstance instance, Caller caller = Caller::Root);

  // --- MIG devices -----------------------------------------------------------------------------

  /// 0 if MIG is off or the board has none.
  Answer<int> max_mig_device_count(Device gpu);
  /// NotFound: a hole. InvalidArgument outside [0, max). A new device takes the first free index.
  Answer<Device> mig_device_by_index(Device gpu, int index);
  /// InvalidArgument for a GPU; so are the next three.
  Answer<Device> parent_of(Device mig_device);
  Answer<std::uint32_t> gpu_instance_id(Device mig_device);
  Answer<std::uint32_t> compute_instance_id(Device mig_device);
  Answer<Attributes> attributes(Device mig_device);

  // --- Processes and health --------------------------------------------------------------------

  /// By pid. Of a GPU: all on it, those on instances too (which a User is not told of); of a MIG
  /// device: its own.
  Answer<std::vector<Process>> running_processes(Device device, Caller caller = Caller::Root);

  /// The sequence of the newest event: where a client that registers now begins.
  std::uint64_t newest_event() const { return state_.newest_event; }
  /// Events after `cursor`, oldest first; moves the cursor past them. Timeout: none yet; waiting is
  /// the host's. Each client has a cursor of its own. Only the last 256 events are kept.
  Answer<std::vector<Event>> wait_events(std::uint64_t& cursor);
  /// The oldest event after `cursor` that is wanted; its sequence is the cursor for the next one. A
  /// User is told of what concerns a whole GPU only, where MIG is on.
  Answer<Event> next_event(std::uint64_t cursor, const std::function<bool(const Event&)>& wanted,
                           Caller caller = Caller::Root);

  // --- The world: what happens to the machine. GPUs by index; none of this is NVML. --------------

  /// A process starts on a MIG device, or on a GPU, by UUID: with MIG on, that one cannot compute
  /// there but holds the GPU open, so instances cannot be created. False: no such device, the GPU
  /// is lost, or the pid runs there already. `memory_mib` is the whole process's, wherever it runs.
  bool process_start(std::string_view uuid, std::uint32_t pid, std::int64_t memory_mib = 0);
  /// From wherever it runs. False: no such process.
  bool process_exit(std::uint32_t pid);
  /// Services that keep the GPU open (persistenced, dcgm ...): they block mode changes and resets.
  void set_open_clients(int gpu, int count);
  int open_clients(int gpu) const;

  /// Reports an XID. 79 (fallen off the bus) also loses the GPU, until the machine reboots.
  void inject_xid(int gpu, std::uint32_t xid, std::uint32_t gpu_instance = kNoInstance,
                  std::uint32_t compute_instance = kNoInstance);
  /// Everything about the GPU answers GpuIsLost from now on.
  void lose_gpu(int gpu, bool comes_back_at_reboot = false);

  /// nvidia-smi --gpu-reset: instances and handles of the GPU die, the pending mode is current.
  /// InUse with processes or clients; NotSupported on Ampere passed through; GpuIsLost.
  Answer<Nothing> reset_gpu(int gpu, Caller caller = Caller::Root);
  /// Unloads and loads the driver: all instances, all handles and the events not yet read die. The
  /// pending mode becomes current on Ampere, which keeps it on the board; on later GPUs MIG is off
  /// then. InUse with any process or client.
  Answer<Nothing> reload_driver(Caller caller = Caller::Root);
  /// The same for the whole machine, whatever runs; processes and clients are gone.
  void reboot();

  /// MIG devices are slow to look up.
  void set_slow(bool slow) { state_.slow = slow; }
  /// The next `count` calls of `operation` (on `gpu`; -1: any; calls that name no GPU count as any
  /// only) answer `code`. Nothing is done, or (Effect::Done) the thing is done all the same, and
  /// the caller is not told: a creation that "failed" with Unknown and is there. With Done, a call
  /// that cannot succeed anyway answers its own code and the fault stays for the next one. Faults
  /// of one operation are used up in the order in which they were set, across reboots.
  void fail_next(Operation operation, Return code, int count = 1, Effect effect = Effect::Nothing,
                 int gpu = -1);
  void clear_faults() { state_.faults.clear(); }

  /// The handle that device_by_index() would give, without a call; asserts that the index is one.
  Device handle_of(int gpu) const;

  // --- The value -------------------------------------------------------------------------------

  const Config& config() const { return config_; }
  /// All that the machine is in, for checks by the host; NVML's clients do not see it.
  const State& state() const { return state_; }
  /// Stable over builds and runs; equal drivers have equal hashes.
  std::uint64_t hash() const;
  bool operator==(const Driver&) const = default;

 private:
  friend class Call;
  Driver() = default;

  /// All handles and instances die; modes become those of a driver that has just been loaded.
  void load();

  Config config_;
  State state_;
};

}  // namespace kerf::simgpu
