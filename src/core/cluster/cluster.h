// Cluster: a whole cluster as it was read once: its GPU nodes, who holds what there, who waits.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "base/resources.h"
#include "core/cluster/demand.h"
#include "core/cluster/node.h"
#include "core/gpu/form.h"
#include "core/market/market.h"

namespace kerf::cluster {

/// One device that stands on a GPU of a cluster.
struct StandingSlice {
  gpu::Form form;
  std::uint8_t start = 0;     ///< as Slice::start
  std::uint32_t pod = kNone;  ///< index in Demand::pods of who holds it; kNone = not a pod of these
  /// Held by a pod that is not planned ("namespace/name"); "" = it is free if `pod` is kNone.
  std::string holder = {};
  bool free() const { return pod == kNone && holder.empty(); }
};

/// How the devices on a node's GPUs are known.
enum class LayoutFrom : std::uint8_t {
  Seen,     ///< an agent reports them, GPU by GPU
  Counted,  ///< the node says how many of each it has; which GPU has which was worked out
  Nothing,  ///< the node offers no device at all: driver or device plugin are not there
};

/// One GPU. `slices` by start, legal together; a GPU that offers nothing has none.
struct StandingGpu {
  std::vector<StandingSlice> slices;
};

/// A node with NVIDIA GPUs of a type that the market knows.
struct StandingNode {
  std::string name;
  std::uint32_t type = 0;  ///< index in Market::types
  market::CapacityType capacity_type = market::CapacityType::OnDemand;
  std::string zone;
  std::string pool;  ///< its Karpenter NodePool or EKS node group; "" = neither

  MicroUsdPerHour price;       ///< what this node adds to the bill: 0 where it is owned
  MicroUsdPerHour list_price;  ///< on demand, in its zone; 0 where it has no such price
  bool owned = false;          ///< reserved capacity, or of those that --owned names
  /// It is spot and only the on-demand price of its type is known: `price` is that.
  bool price_assumed = false;
  bool unpriced = false;  ///< no price at all is known: counted as 0, and said

  Resources allocatable;     ///< as kubelet reports it
  Resources used;            ///< asked for by all its pods, DaemonSets too
  Resources used_by_others;  ///< of it: by pods that are not in Demand::pods
  std::int64_t cpu_pods =
      0;  ///< pods on it without a GPU request, DaemonSets and static pods aside
  bool ready = true;
  bool cordoned = false;  ///< or being drained
  bool kept = false;      ///< do-not-disrupt
  /// Pods that are not planned hold a part of it (see select()): prices are those of the rest, and
  /// the node is neither kept nor given back by a plan.
  bool shared = false;
  std::int64_t created_ms = 0;

  LayoutFrom layout = LayoutFrom::Nothing;
  std::vector<StandingGpu> gpus;    ///< exactly InstanceType::gpu_count
  std::vector<std::uint32_t> pods;  ///< ascending indices in Demand::pods: those that run here
  std::map<std::string, std::string> labels;
  std::vector<Taint> taints;
};

/// A GPU node that cannot be priced or planned with: of a type that the catalogue does not have.
struct StrangeNode {
  std::string name;
  std::string type;  ///< "" = its label is not there
  std::int64_t gpus = 0;
  std::string why;
};

/// What is known of a pod beside what it asks for; parallel to Demand::pods.
struct PodFacts {
  std::uint32_t node = kNone;  ///< index in Cluster::nodes; kNone = it waits, or runs elsewhere
  std::string elsewhere;       ///< bound to a node that is no StandingNode: its name
  /// Kerf would never move it: "bare pod", "do-not-disrupt", "Job", "part of a node"; "" = it may.
  std::string fixed;
  std::string waits;      ///< pending: the scheduler's words, or "" where it said nothing
  std::string nominated;  ///< status.nominatedNodeName
  std::int64_t created_ms = 0;
};

/// A HorizontalPodAutoscaler whose target is a workload of the demand.
struct Autoscaler {
  std::uint32_t workload = 0;  ///< index in Demand::workloads
  std::int64_t least = 1;
  std::int64_t most = 1;
};

/// A Karpenter NodePool that may buy GPU nodes.
struct NodePool {
  std::vector<std::string> models;  ///< GPU models that it can buy (keys of the catalogue), sorted
  std::vector<market::CapacityType> capacity_types;  ///< that it may buy
};

/// Everything of one reading. Immutable.
struct Cluster {
  Demand demand;  ///< pods with a GPU request that run or wait, grouped by what owns them
  std::vector<PodFacts> pods;
  std::vector<StandingNode> nodes;  ///< by name
  std::vector<StrangeNode> strange;
  std::int64_t cpu_nodes = 0;  ///< nodes without GPUs: counted, not priced
  std::vector<Autoscaler> autoscalers;
  std::map<std::string, NodePool> pools;  ///< by name
  std::string source;                     ///< "context prod", "snapshot eks.json"
  std::int64_t read_ms = 0;               ///< when it was read, since 1970; 0 = not known
};

}  // namespace kerf::cluster
