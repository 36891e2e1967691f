// Node, Running and Snapshot: what stands in a cluster, as values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/money.h"
#include "base/resources.h"
#include "core/cluster/pod.h"
#include "core/gpu/form.h"
#include "core/market/market.h"

namespace kerf::cluster {

/// No pod, no owner, no budget: an index that points at nothing.
inline constexpr std::uint32_t kNone = 0xffffffff;

/// What a slice is seen to be (docs/glossary.md).
enum class SliceState : std::uint8_t {
  Creating,  ///< being cut for a pod that is nominated to it
  Free,      ///< held by nobody; may be cut away
  Used,      ///< held by a pod
  Retiring,  ///< being taken away: its room is not there yet
  Lost,      ///< broken: its room is not there
};

/// One device that stands on a GPU: a MIG slice, the whole GPU, a fraction or a replica.
struct Slice {
  gpu::Form form;
  std::uint8_t start = 0;  ///< Slice: first slot. Replicas: 0, 1, ... Else 0.
  SliceState state = SliceState::Free;
  bool published = false;     ///< Free: offered in allocatable; else parked
  std::uint32_t pod = kNone;  ///< Used, Creating: index in Snapshot::pods
  bool operator==(const Slice&) const = default;
};

/// By start. Forms of one GPU are of one kind and legal together. Empty: nothing is cut.
struct Gpu {
  std::vector<Slice> slices;
  bool operator==(const Gpu&) const = default;
};

/// A GPU node that stands.
struct Node {
  std::string name;
  std::uint32_t type = 0;  ///< index in Market::types
  market::CapacityType capacity_type = market::CapacityType::OnDemand;
  std::string zone;
  MicroUsdPerHour price;  ///< saved when it is given back: 0 where it is owned
  Resources allocatable;  ///< less what pods take that Snapshot::pods does not list
  std::map<std::string, std::string> labels;
  std::vector<Taint> taints;  ///< kerf.dev/slices aside, which every pod with a GPU tolerates
  gpu::GpuMode mode = gpu::GpuMode::Any;
  std::vector<Gpu> gpus;
  bool closed = false;  ///< cordoned, draining or not ready: takes no pod
  bool kept = false;    ///< not to be given back or emptied: do-not-disrupt, cool-down, too young
};

/// A pod that runs, or is nominated to its node.
struct Running {
  std::string name;
  std::uint32_t shape = 0;       ///< index in Snapshot::shapes
  std::uint32_t node = 0;        ///< index in Snapshot::nodes
  std::uint32_t owner = kNone;   ///< pods of one owner (Deployment, Job ...) share the number
  std::uint32_t budget = kNone;  ///< index in Snapshot::budgets: its PodDisruptionBudget
  bool fixed = false;  ///< never moved: bare pod, do-not-disrupt, moved lately, a Job's pod
};

/// What stands. Slices name their pods; every pod holds the devices it asks for on its node.
struct Snapshot {
  std::vector<PodShape> shapes;
  std::vector<Node> nodes;
  std::vector<Running> pods;
  /// PodDisruptionBudgets: how many of their pods may be disrupted now (disruptionsAllowed).
  std::vector<std::int64_t> budgets;
};

}  // namespace kerf::cluster
