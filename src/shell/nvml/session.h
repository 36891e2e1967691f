// Session: NVML's calls with checked handles and bounded answers; nothing that a driver says is
// believed in size.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/agent/words.h"
#include "shell/nvml/library.h"

namespace kerf::nvml {

using agent::Code;

/// What a call answers: NVML's code, and the value, which is default-made unless the code is
/// Success. Unknown also says that the answer made no sense: a count beyond all bounds, a UUID that
/// is none.
template <class T>
struct Answer {
  Code code = Code::Success;
  T value{};
  bool ok() const { return code == Code::Success; }
};

using Generation = std::uint64_t;

/// A handle and the generation that it was asked for in. One of an earlier generation is answered
/// with INVALID_ARGUMENT and never reaches the driver, which may have given its address away again.
template <class Raw>
struct Stamped {
  Raw raw = nullptr;
  Generation generation = 0;
};
using Device = Stamped<nvmlabi::Device>;  ///< a GPU, or a MIG device
using GpuInstance = Stamped<nvmlabi::GpuInstance>;
using ComputeInstance = Stamped<nvmlabi::ComputeInstance>;

struct MemoryUse {
  std::uint64_t total_mib = 0;
  std::uint64_t used_mib = 0;
};
struct PciIds {
  std::uint32_t device = 0;
  std::uint32_t subsystem = 0;
};
struct MigMode {
  bool current = false;
  bool pending = false;
};
/// A kind of GPU instance, as the driver tells it.
struct GpuProfile {
  std::uint16_t id = 0;  ///< what all other calls take; not the enum that asked
  std::string name;      ///< "1g.10gb"; "" from a driver that does not say
  std::uint32_t compute_slices = 0;
  std::uint32_t max_instances = 0;
  std::uint32_t multiprocessors = 0;
  std::uint32_t copy_engines = 0;
  std::uint32_t decoders = 0;
  std::uint32_t encoders = 0;
  std::uint32_t jpeg = 0;
  std::uint32_t ofa = 0;
  std::uint64_t memory_mib = 0;
};
struct Placement {
  std::uint8_t start = 0;
  std::uint8_t size = 0;
  auto operator<=>(const Placement&) const = default;
};
struct GpuInstanceInfo {
  std::uint32_t id = 0;
  std::uint16_t profile = 0;
  Placement placement;
};
struct ComputeProfile {
  std::uint32_t id = 0;
  std::uint8_t slices = 0;
  std::uint32_t max_instances = 0;
};
struct ComputeInfo {
  std::uint32_t id = 0;
  std::uint32_t profile = 0;
  Placement placement;  ///< in compute slices of its GPU instance
  Device device;        ///< its MIG device: info.device, no walk over MIG indices
};
struct Attributes {
  std::uint32_t multiprocessors = 0;
  std::uint32_t compute_slices = 0;
  std::uint64_t memory_mib = 0;
};
struct ComputeCapability {
  int major = 0;
  int minor = 0;
};
/// One NVLink of a GPU.
struct NvLink {
  bool active = false;
  bool to_switch = false;
  std::string bus_id;  ///< of the GPU at its other end; "" if it is none
};
struct RunningProcess {
  std::uint32_t pid = 0;
  std::uint32_t gi = agent::kNoInstance;
  std::uint32_t ci = agent::kNoInstance;
  std::optional<std::uint64_t> used_mib;
};
struct XidEvent {
  nvmlabi::Device raw = nullptr;  ///< to be compared, never to be called with
  bool is_xid = false;
  std::uint32_t xid = 0;
  std::uint32_t gi = agent::kNoInstance;
};

/// NVML as one process has it. All calls come from the thread that made the object: it asserts so.
///
/// The generation rises whenever handles may have died: at each init(), and at outdate(), which is
/// for a reset or a change of MIG mode.
class Session {
 public:
  static constexpr std::uint32_t kGpusMax = 64;
  static constexpr std::uint32_t kListMax = 128;       ///< instances or placements of one profile
  static constexpr std::uint32_t kProfileEnums = 256;  ///< asked for, if no INVALID_ARGUMENT comes
  static constexpr std::uint32_t kProcessesMax = 65536;  ///< of one GPU, of one kind

  explicit Session(std::unique_ptr<Library> library);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Code init();
  void shutdown();
  bool ready() const { return ready_; }
  Generation generation() const { return generation_; }
  void outdate();
  /// A call was answered with UNINITIALIZED, DRIVER_NOT_LOADED or LIB_RM_VERSION_MISMATCH since the
  /// last init: NVML has to be initialised again before anything works.
  bool broken() const { return broken_; }
  /// LIB_RM_VERSION_MISMATCH came: the library that is loaded is of another version than the kernel
  /// module. A library is never unloaded, so only another process can load the right one.
  bool mismatched() const { return mismatched_; }
  /// Calls that reached the library, for tests of what does not.
  std::uint64_t calls() const { return calls_; }

  Answer<std::string> driver_version();
  Answer<std::string> nvml_version();
  Answer<std::string> cuda_version();  ///< "12.8"

  Answer<std::uint32_t> gpu_count();
  Answer<Device> gpu(std::uint32_t index);
  Answer<std::string> uuid(Device device);  ///< printable, without blanks, never empty
  Answer<std::string> name(Device device);
  Answer<std::string> pci_bus_id(Device device);
  /// Device and subsystem, packed as the driver does: 0x20B010DE.
  Answer<PciIds> pci_ids(Device device);
  Answer<std::uint32_t> minor_number(Device device);
  Answer<MemoryUse> memory(Device device);
  Answer<int> cuda_number();  ///< 12080 is 12.8
  Answer<ComputeCapability> compute_capability(Device gpu);
  Answer<bool> is_vgpu(Device gpu);
  /// "<cluster UUID>.<clique id>"; "": it has joined no fabric.
  Answer<std::string> clique(Device gpu);
  Answer<MigMode> mig_mode(Device gpu);
  /// The value is NVML's activation status, whether the mode took effect. Handles may be dead then.
  Answer<Code> set_mig_mode(Device gpu, bool enable);

  /// By NVML_GPU_INSTANCE_PROFILE_*. INVALID_ARGUMENT: past the last one; NOT_SUPPORTED: the GPU
  /// has none of that kind, or an old driver does not say while MIG is off.
  Answer<GpuProfile> gpu_profile(Device gpu, std::uint32_t enumerator);
  Answer<std::vector<Placement>> placements(Device gpu, std::uint16_t profile);
  Answer<GpuInstance> create(Device gpu, std::uint16_t profile, Placement at);
  Answer<std::vector<GpuInstance>> gpu_instances(Device gpu, std::uint16_t profile);
  Answer<GpuInstance> gpu_instance(Device gpu, std::uint32_t id);
  Answer<GpuInstanceInfo> info(GpuInstance instance);
  Code destroy(GpuInstance instance);

  /// By NVML_COMPUTE_INSTANCE_PROFILE_*, engines shared; codes as of gpu_profile().
  Answer<ComputeProfile> compute_profile(GpuInstance instance, std::uint32_t enumerator);
  Answer<ComputeInstance> create_compute(GpuInstance instance, std::uint32_t profile);
  Answer<std::vector<ComputeInstance>> computes(GpuInstance instance, std::uint32_t profile);
  Answer<ComputeInstance> compute(GpuInstance instance, std::uint32_t id);
  Answer<ComputeInfo> info(ComputeInstance compute);
  Answer<Attributes> attributes(Device mig_device);
  Code destroy(ComputeInstance compute);

  /// By number from 0. INVALID_ARGUMENT: past the last one; NOT_SUPPORTED: the GPU has none.
  Answer<NvLink> nvlink(Device gpu, std::uint32_t link);

  /// With a context of any kind: CUDA, graphics, MPS. Of a GPU: those on its instances too.
  Answer<std::vector<RunningProcess>> processes(Device device);

  /// Makes the event set anew, for XidCriticalError of these GPUs. A GPU that has no such event
  /// (NOT_SUPPORTED) is left out without an error; the codes of the others are those returned.
  std::vector<Code> watch(const std::vector<Device>& gpus);
  bool watching() const { return events_ != nullptr; }
  void stop_watching();
  /// TIMEOUT: nothing has happened. Any other failure ends the watch.
  Answer<XidEvent> next_event(std::uint32_t wait_ms);

 private:
  using ProcessFunction = Function<nvmlabi::Device, unsigned*, nvmlabi::ProcessInfo*>;

  void on_thread() const;
  /// Whether a call may be made with these handles, and if not, the code to answer with.
  template <class... Raw>
  std::optional<Code> refuse(const Stamped<Raw>&... handles) const;
  Code note(nvmlabi::Return code);
  template <class Raw>
  Stamped<Raw> stamp(Raw raw) const {
    return {raw, generation_};
  }
  template <class Info>
  Code versioned_profile(Device gpu, std::uint32_t enumerator, unsigned version, GpuProfile& out);
  Code plain_profile(Device gpu, std::uint32_t enumerator, GpuProfile& out);
  Answer<std::vector<RunningProcess>> list(Device device, const ProcessFunction& newest,
                                           const ProcessFunction& older);

  std::unique_ptr<Library> library_;
  const Functions& call_;
  std::thread::id thread_;
  bool ready_ = false;
  bool broken_ = false;
  bool mismatched_ = false;
  Generation generation_ = 0;
  std::uint64_t calls_ = 0;
  unsigned profile_version_ = 3;  ///< the newest that this driver may know
  nvmlabi::EventSet events_ = nullptr;
};

}  // namespace kerf::nvml
