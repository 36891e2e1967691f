// Pods, Nodes, NodeClaims and the rest of what the controller watches, as values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/resources.h"
#include "core/cluster/pod.h"
#include "core/control/gpu_node.h"
#include "core/control/object.h"
#include "core/market/market.h"

namespace kerf::control {

enum class PodPhase : std::uint8_t { Pending, Running, Succeeded, Failed };

/// The controlling owner. kind "" = a bare pod: nobody makes another one.
struct Owner {
  std::string kind;  ///< "ReplicaSet", "Job", "StatefulSet", "DaemonSet" ...
  std::string name;
  std::string uid;
  auto operator<=>(const Owner&) const = default;
};

/// A device that a container was given (status.containerStatuses[].allocatedResourcesStatus).
struct HeldDevice {
  std::string resource;
  std::string id;  ///< device_id()
  auto operator<=>(const HeldDevice&) const = default;
};

struct Pod {
  Meta meta;
  cluster::PodShape shape;  ///< what its spec asks for; labels and namespace as in meta
  Owner owner;
  std::string scheduler = "default-scheduler";
  bool gated = false;   ///< has scheduling gates
  bool mirror = false;  ///< a static pod of a kubelet
  bool kept_out =
      false;            ///< it does not tolerate kSlicesTaint, which all nodes have that Kerf buys
  bool unread = false;  ///< it asks for a GPU, and its spec cannot be read: shape.unplaceable
  std::string node;     ///< spec.nodeName; "" = not bound
  std::string nominated;  ///< status.nominatedNodeName
  PodPhase phase = PodPhase::Pending;
  bool admitted = false;       ///< kubelet took it (status.startTime is set)
  bool unschedulable = false;  ///< condition PodScheduled is False for reason Unschedulable
  Instant judged = 0;          ///< when that condition was last probed (lastProbe or transition)
  std::string message;         ///< of that condition, or of the failure
  std::string reason;          ///< Failed: "UnexpectedAdmissionError", "Evicted" ...
  std::vector<HeldDevice> devices;
  bool operator==(const Pod&) const = default;

  bool done() const { return phase == PodPhase::Succeeded || phase == PodPhase::Failed; }
};

struct Node {
  Meta meta;
  std::string provider_id;
  std::vector<cluster::Taint> taints;
  bool cordoned = false;  ///< spec.unschedulable
  bool ready = false;
  std::string boot_id;
  Resources allocatable;
  Amounts capacity_of;     ///< extended resources
  Amounts allocatable_of;  ///< the same, what is healthy
  bool operator==(const Node&) const = default;
};

/// A Karpenter NodeClaim. Of requirements only what Kerf writes: one type, zones, capacity types.
struct NodeClaim {
  Meta meta;
  std::string node_class;
  std::string type;                                  ///< EC2 instance type
  std::vector<std::string> zones;                    ///< any of these; empty = any
  std::vector<market::CapacityType> capacity_types;  ///< any of these
  std::vector<cluster::Taint> taints;
  std::vector<cluster::Taint> startup_taints;
  std::int64_t expire_after_ms = 0;  ///< 0 = never
  GpuNodeSpec layout;                ///< annotation kerf.dev/layout
  /// Status.
  std::string provider_id;                                              ///< "" = not launched
  std::string node;                                                     ///< "" = not registered
  std::string zone;                                                     ///< launched: where
  market::CapacityType capacity_type = market::CapacityType::OnDemand;  ///< launched: as what
  bool initialized = false;
  bool operator==(const NodeClaim&) const = default;

  bool launched() const { return !provider_id.empty(); }
};

/// A PodDisruptionBudget.
struct Budget {
  Meta meta;
  cluster::PodSelector selector;
  std::int64_t allowed = 0;  ///< status.disruptionsAllowed
  bool operator==(const Budget&) const = default;
};

struct PriorityClass {
  Meta meta;
  std::int32_t value = 0;
  bool preempts = true;  ///< preemptionPolicy is not Never
  bool operator==(const PriorityClass&) const = default;
};

/// A group of pods that is of use only as a whole: a Job with completions, a LeaderWorkerSet, a
/// JobSet. Pods name it as their owner, or by label kerf.dev/group (what the host sets on what it
/// hands in, where the owner is not the group).
struct Workload {
  Meta meta;
  std::string kind;
  std::int64_t at_once = 0;  ///< pods that run together: min(parallelism, completions left)
  cluster::PodShape shape;   ///< of the pods that are not there yet
  std::string group;         ///< what its pods have as kerf.dev/group; "" = it is their owner
  bool operator==(const Workload&) const = default;

  /// What its pods are known by.
  const std::string& family() const { return group.empty() ? meta.uid : group; }
};

struct NodeClass {
  Meta meta;
  std::string hash;  ///< of what makes nodes: image, user data; another one = drift
  bool ready = true;
  bool operator==(const NodeClass&) const = default;
};

struct DeviceClass {
  Meta meta;
  std::string resource;  ///< spec.extendedResourceName
  bool operator==(const DeviceClass&) const = default;
};

}  // namespace kerf::control
