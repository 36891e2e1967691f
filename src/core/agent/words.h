// What the node agent's mind is told and what it asks for: its two vocabularies.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/agent/journal.h"
#include "core/control/gpu_node.h"

namespace kerf::agent {

using control::Instant;

/// Numbers an effect of this run; never 0.
using EffectId = std::uint64_t;

/// NVML's return codes by NVML's numbers (nvmlReturn_t); any other number may come too.
enum class Code : std::uint16_t {
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
/// "IN_USE", "UNKNOWN"; "code 77" of a number that is not in the list.
std::string to_string(Code code);

// GPUs are named by NVML's UUID ("GPU-..."), in every direction: NVML counts them anew when one
// falls off the bus.

/// The mark of "no GPU instance".
inline constexpr std::uint32_t kNoInstance = 0xffffffff;

// --- What it is told -----------------------------------------------------------------------------

/// A CDI entry as it was written last.
struct CdiEntry {
  std::string device;  ///< control::device_id()
  std::string uuid;    ///< of the MIG device or the GPU that it stands for
  auto operator<=>(const CdiEntry&) const = default;
};

/// The first event of a run.
struct Started {
  std::string run;                 ///< names this run of the agent; another one each time
  std::string boot_id;             ///< /proc/sys/kernel/random/boot_id
  std::optional<Journal> journal;  ///< as last written; nullopt: none, or none that can be read
  std::vector<CdiEntry> cdi;       ///< of Kerf's CDI folder, which a reboot empties
};

struct SeenCompute {
  std::uint32_t id = 0;
  std::uint8_t slices = 0;  ///< compute slices
  std::string uuid;         ///< of its MIG device
  bool operator==(const SeenCompute&) const = default;
};
struct SeenInstance {
  std::uint32_t gi = 0;
  std::uint16_t profile = 0;  ///< NVML's profile id (19, 14, 9), not the enum that asks for it
  std::uint8_t start = 0;
  std::uint8_t size = 0;
  std::vector<SeenCompute> computes;  ///< by id
  bool operator==(const SeenInstance&) const = default;
};
struct SeenGpu {
  std::string uuid;   ///< "": it does not tell
  std::string model;  ///< Kerf's key; "" = not known
  bool mig_capable = false;
  bool mode = false;  ///< MIG mode, current
  bool mode_pending = false;
  bool lost = false;  ///< GPU_IS_LOST or RESET_REQUIRED; then the rest is as last seen
  std::vector<SeenInstance> instances;  ///< by start
  /// Active NVLinks to each other GPU, by its UUID; GPUs of one NVSwitch fabric: to all others of
  /// it, equally many. They do not change while the driver is loaded.
  std::map<std::string, int> links;
  bool operator==(const SeenGpu&) const = default;
};
/// The answer to a Look. A GPU that could not be looked at for another reason fails the whole Look.
struct Looked {
  EffectId effect = 0;
  Code code = Code::Success;
  std::vector<SeenGpu> gpus;  ///< by NVML index; those that fell off the bus may be missing
};

/// Where it is written who holds what. The fourth source, what it granted, is the mind's own.
enum class Source : std::uint8_t {
  PodResources,  ///< kubelet's List
  Checkpoint,    ///< kubelet's file kubelet_internal_checkpoint
  Processes,     ///< NVML's running processes
};
inline constexpr int kSources = 3;

struct Holder {
  std::string device;  ///< device id; ids that are not Kerf's may be there
  std::string resource;
  std::string pod;  ///< "namespace/name"; "" = not known (the checkpoint has uids)
  auto operator<=>(const Holder&) const = default;
};
struct Process {
  std::string gpu;  ///< UUID; one that is not known is ignored
  std::uint32_t gi = kNoInstance;
  std::uint32_t pid = 0;
  auto operator<=>(const Process&) const = default;
};
/// The answer to AskHolders; or unasked (effect 0), when the host sees that it changed, of
/// PodResources or of Checkpoint. Unasked ones never permit anything.
struct Holders {
  EffectId effect = 0;
  Source source = Source::PodResources;
  bool known = true;               ///< false: could not be read; nothing follows from it
  std::vector<Holder> devices;     ///< PodResources, Checkpoint
  std::vector<Process> processes;  ///< Processes
};

/// kubelet.sock is there: at the start of a run, and each time it is made anew, when all plugin
/// sockets are gone. up = false: kubelet.sock is gone.
struct Kubelet {
  bool up = false;
};
/// kubelet ended the ListAndWatch stream of that resource, without a restart.
struct Dropped {
  std::string resource;
};
/// The answer to Confirm: GetAllocatableResources, what is healthy to the device manager.
struct Confirmed {
  EffectId effect = 0;
  bool known = true;                                     ///< false: could not be asked
  std::map<std::string, std::set<std::string>> healthy;  ///< by resource: device ids
};

/// GpuNode as the API server has it. May come twice or late: an older generation is not followed;
/// if it is the last one told for a minute, the status says so, and the next higher one counts.
struct Wanted {
  std::string uid;
  std::int64_t generation = 0;
  control::GpuNodeSpec spec;
};
/// There is no GpuNode: what stands stays.
struct NotWanted {};
/// GpuNode's spec of that generation cannot be read: what was followed last stays in force, and the
/// status says why until a Wanted or a NotWanted comes.
struct Unreadable {
  std::int64_t generation = 0;
  std::string why;  ///< for the status; the mind cuts it
};
/// The layout that a new node was bought with: annotation kerf.dev/layout of its Node. Followed as
/// long as no GpuNode's spec was ever followed on this machine and none is there: makes what is
/// missing, never permits to destroy. The last one counts.
struct BootLayout {
  control::GpuNodeSpec spec;
};

/// kubelet calls. `call` names the call in the answer.
struct Allocate {
  std::uint64_t call = 0;
  std::string resource;
  std::vector<std::string> devices;
};
struct PreferredAllocation {
  std::uint64_t call = 0;
  std::string resource;
  std::vector<std::string> available;
  std::vector<std::string> must_include;
  std::size_t size = 0;
};

/// The controller's Lease, whenever the host has looked (every 10 s).
struct Lease {
  bool reachable = false;  ///< the API server answered just now
  Instant renewed = 0;     ///< reachable: when the holder renewed it last; 0: there is none
};

/// Extended resources that another device plugin serves on this node; all of them, each time.
struct ForeignPlugins {
  std::set<std::string> resources;
};
/// Are there ResourceSlices of another driver for GPUs of this node?
struct ForeignDriver {
  bool present = false;
};

/// NVML's event XidCriticalError.
struct Xid {
  std::string gpu;  ///< UUID; one that is not known: as Doubt
  std::uint32_t gi = kNoInstance;
  std::uint32_t xid = 0;
};

/// What was read from the driver may be outdated (it was reloaded, a GPU was reset, events were
/// missed): look before anything else. May come often: Looks for it have pauses.
struct Doubt {};

/// What CDI entries are made of (driver, libraries, device numbers) has changed, or is not known to
/// be as it was: each entry is written anew, and counts as good until then. The host says so after
/// Started, after Doubt, and when it sees a change.
struct CdiStale {};

/// The outcome of any other effect that has one. Code::Success, NVML's code of a driver operation;
/// for files, kubelet and the API server any other code says: it may not have been done.
struct Done {
  EffectId effect = 0;
  Code code = Code::Success;
};
/// The time of the last WakeAt has come.
struct Woke {};

using Event = std::variant<Started, Looked, Holders, Kubelet, Dropped, Confirmed, Wanted, NotWanted,
                           Unreadable, BootLayout, Allocate, PreferredAllocation, Lease,
                           ForeignPlugins, ForeignDriver, Xid, Doubt, CdiStale, Done, Woke>;

// --- What it asks for ----------------------------------------------------------------------------
// One operation each. A driver operation (Look to DestroyInstance) is asked for only when no other
// one is in flight. A GPU, by UUID, that is not there: GPU_IS_LOST.

/// List GPUs, MIG modes and GPU instances (by profile, never by MIG handles: an instance without a
/// compute instance has none), their compute instances and MIG UUIDs. -> Looked
struct Look {};
/// At that start, never where the driver chooses. -> Done
struct CreateInstance {
  std::string gpu;            ///< UUID
  std::uint16_t profile = 0;  ///< NVML's profile id
  std::uint8_t start = 0;
  std::uint8_t size = 0;  ///< slots
};
/// The one compute instance that has all of the GPU instance. -> Done
struct CreateCompute {
  std::string gpu;  ///< UUID
  std::uint32_t gi = 0;
  std::uint8_t slices = 0;
};
/// The host looks first whether it is still that one: of that UUID, in a GPU instance of that
/// profile and start (a UUID may come again with a slice that is made anew); else NotFound. -> Done
struct DestroyCompute {
  std::string gpu;  ///< UUID
  std::uint32_t gi = 0;
  std::uint16_t profile = 0;
  std::uint8_t start = 0;
  std::uint32_t ci = 0;
  std::string uuid;  ///< of the MIG device
};
/// The host looks first whether it has that profile and start (ids are used again); else NotFound.
/// -> Done
struct DestroyInstance {
  std::string gpu;  ///< UUID
  std::uint32_t gi = 0;
  std::uint16_t profile = 0;
  std::uint8_t start = 0;
};

/// Writes the CDI entry of a device, in place of what there is. -> Done
struct WriteCdi {
  std::string device;
  std::string uuid;  ///< of the MIG device, or of the GPU
  std::string gpu;   ///< UUID
  std::uint32_t gi = kNoInstance;
  std::uint32_t ci = kNoInstance;
};
/// -> Done; success also if there was none.
struct RemoveCdi {
  std::string device;
};

struct ServedDevice {
  std::string id;
  bool healthy = false;
  auto operator<=>(const ServedDevice&) const = default;
};
/// The list of that resource's ListAndWatch, in place of the last one; registers with kubelet if it
/// is not registered. -> Done, when it is sent (kubelet need not have taken it).
struct Serve {
  std::string resource;
  std::vector<ServedDevice> devices;  ///< by id
};
/// -> Confirmed
struct Confirm {};
/// -> Holders
struct AskHolders {
  Source source = Source::PodResources;
};
/// -> Done, when it is durable (fsync of file and folder).
struct WriteJournal {
  Journal journal;
};

/// To Allocate; has no outcome. A device's CDI name is made of its id.
struct Answer {
  std::uint64_t call = 0;
  bool granted = false;
  std::string why;  ///< refused: for kubelet's event
};
/// To PreferredAllocation; has no outcome.
struct Prefer {
  std::uint64_t call = 0;
  std::vector<std::string> devices;
};
/// Writes the GpuNode's status, on the version of it that the host saw last: a request that arrives
/// late is refused. -> Done
struct Report {
  control::GpuNodeStatus status;
};
/// Say Woke then; the last one counts. Has no outcome.
struct WakeAt {
  Instant at = 0;
};

using Action = std::variant<Look, CreateInstance, CreateCompute, DestroyCompute, DestroyInstance,
                            WriteCdi, RemoveCdi, Serve, Confirm, AskHolders, WriteJournal, Answer,
                            Prefer, Report, WakeAt>;
struct Effect {
  EffectId id = 0;
  Action action;
};

}  // namespace kerf::agent
