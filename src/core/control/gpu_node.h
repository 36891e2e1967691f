// GpuNode: the layout that is wanted of one node, and what its agent sees: the object between
// controller and agent.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/cluster/node.h"
#include "core/control/object.h"

namespace kerf::control {

/// A device that the controller wants on a GPU.
struct WantedSlice {
  /// The form, as it is written in objects: a MIG profile as nvidia-smi names it ("1g.10gb+me"),
  /// "whole", or "replica/4" for one of four that take turns.
  std::string form;
  std::uint8_t start = 0;  ///< a profile's first slot; replicas: 0, 1, ...; else 0
  std::string resource;    ///< the extended resource under which it is offered
  bool published = false;  ///< offered; else parked: cut, in capacity, not in allocatable
  auto operator<=>(const WantedSlice&) const = default;
};

/// By start. Legal together: the controller wrote it from a legal state.
struct WantedGpu {
  std::vector<WantedSlice> slices;
  bool operator==(const WantedGpu&) const = default;
};

/// GpuNode.spec. Written by the controller only. A slice that is left out here and stands is to be
/// destroyed as soon as nobody holds it: leaving it out is the permission to do so.
struct GpuNodeSpec {
  std::vector<WantedGpu> gpus;  ///< by index; as many as the node has
  bool operator==(const GpuNodeSpec&) const = default;
};

/// One device as the agent sees it.
struct SliceStatus {
  std::string form;
  std::uint8_t start = 0;
  std::string resource;  ///< the name under which kubelet has it; "" = kubelet does not have it
  cluster::SliceState state = cluster::SliceState::Free;
  bool published = false;  ///< kubelet confirmed it as allocatable
  /// Parked by the spec, and offered all the same because the controller was away. It stays so
  /// until the spec publishes it: then the controller knows, and takes it back as it takes all
  /// others.
  bool lent = false;
  std::string uuid;  ///< of the MIG device; new after each creation
  std::string pod;   ///< Used: "namespace/name", "" if the holder is not known by name
  bool operator==(const SliceStatus&) const = default;
};

struct GpuStatus {
  std::string uuid;
  std::string model;                ///< Kerf's key, "A100-40"; "" = not known
  bool mig = false;                 ///< MIG mode is on now
  bool lost = false;                ///< fell off the bus, or needs a reset
  std::vector<SliceStatus> slices;  ///< by start
  bool operator==(const GpuStatus&) const = default;
};

/// Why an agent cannot do what is wanted. The first that applies.
enum class Degraded : std::uint8_t {
  No,
  ForeignPlugin,     ///< another device plugin took one of its resource names
  ForeignDriver,     ///< a DRA driver publishes ResourceSlices of these GPUs
  ForeignInstances,  ///< GPU instances that Kerf did not make stand where slices are wanted
  ModeOff,           ///< slices are wanted, and MIG mode is off and can be set at boot only
  GpuLost,           ///< a GPU is lost; the others are served
  CutFailed,         ///< the driver refused for good; what stands is served
  IllegalLayout,     ///< the driver has no such profile or placement
};
/// "ForeignPlugin": the reason of the condition.
const char* to_string(Degraded reason);
/// "Creating", as the status writes it.
const char* to_string(cluster::SliceState state);

/// GpuNode.status. Written by the node's agent only.
struct GpuNodeStatus {
  std::vector<GpuStatus> gpus;
  std::int64_t observed_generation = 0;  ///< of the spec that it looked at last
  /// Everything wanted stands, nothing else does, kubelet has confirmed it.
  bool cut = false;
  bool ready = false;  ///< the device plugins are registered with the kubelet that runs now
  /// Not ready because the agent is about to end: what is free is to be withdrawn, for kubelet will
  /// have none of it.
  bool leaving = false;
  std::string epoch;    ///< names this registration: new after each restart of kubelet or agent
  std::string boot_id;  ///< of the machine
  Degraded degraded = Degraded::No;
  std::string message;  ///< Degraded: the words for people
  /// What GPU Feature Discovery would write on the Node. The host's, filled in before it is
  /// written; the agent's mind leaves it empty and compares reports without it.
  std::map<std::string, std::string> labels;
  bool operator==(const GpuNodeStatus&) const = default;
};

struct GpuNode {
  Meta meta;  ///< named like its Node; meta.generation counts changes of the spec
  GpuNodeSpec spec;
  GpuNodeStatus status;
  bool operator==(const GpuNode&) const = default;
};

/// The id under which kubelet knows a device, "<gpu>/<form>@<start>": "gpu0/1g.10gb@3",
/// "gpu0/replica/4@2". It names GPU, form and start and not the MIG device, so that it outlives a
/// reboot. The GPU's number is the agent's, which keeps it for that GPU.
std::string device_id(std::uint32_t gpu, const std::string& form, std::uint8_t start);

}  // namespace kerf::control
