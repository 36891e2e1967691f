// Seats: which pods hold what of a node, planned or standing, told apart by what may be exchanged.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/cluster/cluster.h"
#include "core/cluster/demand.h"
#include "core/plan/plan.h"

namespace kerf::plan {

/// A pod's devices on one GPU.
struct SeatPart {
  std::uint32_t pod = 0;
  std::uint32_t kind = 0;  ///< parts of one kind may be exchanged: like pods, like devices
  bool spans = false;      ///< the pod has devices on other GPUs too
  std::vector<std::uint32_t> slices;  ///< positions in the GPU's list
};

/// A pod with all its devices on the node.
struct Seat {
  std::uint32_t pod = 0;
  std::uint32_t kind = 0;           ///< like pods with like devices on the whole have one
  std::vector<std::uint32_t> gpus;  ///< ascending
};

/// One node's pods.
struct Seats {
  std::vector<std::vector<SeatPart>> gpus;
  std::vector<Seat> pods;  ///< ascending by pod
  /// How many of each kind of seat, by kind: what two nodes have in common.
  std::vector<std::pair<std::uint32_t, std::int32_t>> kinds;
  std::uint32_t alike = 0;  ///< the same number: the same parts together on each GPU
  std::uint32_t same = 0;   ///< the same number: alike, and the same devices that no pod holds
};

/// Reads nodes and numbers the kinds of seats, the same for plans and clusters.
class SeatReader {
 public:
  SeatReader(const cluster::Cluster& cluster, const cluster::Demand& demand);

  Seats planned(const NodePlan& node);
  /// Of the node with that index: pods that run there and hold a device.
  Seats standing(std::uint32_t node);

  /// Pods of one group may change places: of one shape, and all of one Job if any is of a Job.
  std::uint32_t group(std::uint32_t pod) const { return group_[pod]; }
  /// The shape of the pods in seats of this kind.
  std::uint32_t shape(std::uint32_t kind) const { return shape_of_kind_[kind]; }

 private:
  using Words = std::vector<std::uint32_t>;

  template <class Gpus, class Here>
  Seats read(const Gpus& gpus, Here here);
  /// Numbers the parts of seats, then the node as a whole.
  template <class Gpus>
  void tell_apart(const Gpus& gpus, Seats& seats);
  static std::uint32_t number(std::map<Words, std::uint32_t>& numbers, const Words& key);

  const cluster::Cluster& cluster_;
  const cluster::Demand& demand_;
  std::vector<std::uint32_t> group_;
  std::map<Words, std::uint32_t> kinds_, parts_, nodes_;
  std::vector<std::uint32_t> shape_of_kind_;
};

}  // namespace kerf::plan
