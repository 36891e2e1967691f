// Board: the room of all nodes in flat tables, for trying many placements at little cost.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/online/standing.h"

namespace kerf::online {

/// Where a pod would sit: devices in the terms of its node's SliceTable.
struct Seat {
  NodeId node = cluster::kNone;
  std::vector<std::pair<std::uint32_t, Device>> devices;  ///< GPU of the node, device
};

/// A copy of the room that stands, which is changed and asked instead of Standing: no lists of
/// slices, only states of GPUs, and GPUs of one kind and room in one bucket, so that all GPUs on
/// which a pod fits alike are found at once. Pods sit only on nodes that are open.
///
/// The best seat is the one after which least room is lost: room of a GPU that no pod of those that
/// run can use (geometry), and room of a node for which it lacks CPU, memory, disk or pods (by what
/// the pods that run ask for on average). Ties: the GPU with least idle, the node with least idle,
/// the lower node, the lower GPU.
///
/// Cost: building O(nodes + states x units); a seat for one device O(GPUs that have room for it),
/// for several O(nodes with as much idle).
class Board {
 public:
  explicit Board(const Standing& standing);

  /// May pods sit there from now on? Standing nodes are, unless closed.
  void open(NodeId node);
  void close(NodeId node);
  bool is_open(NodeId node) const { return nodes_[node].open; }

  /// Company: the pod is judged as having left its node; leave() before seat(), put or come_back.
  void leave(PodId pod);
  void come_back(PodId pod);

  /// The best seat for one more pod of the shape; nullopt: there is none. `except` is not looked at.
  std::optional<Seat> seat(ShapeId shape, NodeId except = cluster::kNone) const;
  /// All seats that differ in what they leave, best first, one for each node and state; for search.
  std::vector<Seat> seats(ShapeId shape, std::size_t most) const;
  void put(ShapeId shape, const Seat& seat);
  void take_back(ShapeId shape, const Seat& seat);
  /// A running pod's own devices and requests, taken off its node and put back.
  Seat seat_of(PodId pod) const;

  /// Part of a GPU, in 1/GpuTable::kWhole, that such a pod takes at least.
  std::int64_t size_of(ShapeId shape) const { return sizes_[standing_->ask_of(shape)]; }
  std::int64_t idle(NodeId node) const { return nodes_[node].idle; }

 private:
  struct NodeOn {
    Resources left;
    std::int64_t idle = 0;
    std::uint32_t first = 0;  ///< of its GPUs
    std::uint32_t gpus = 0;
    KindId kind = 0;
    bool open = false;
  };
  struct GpuOn {
    NodeId node = 0;
    std::uint32_t at = 0;  ///< position in its bucket
    GpuState state = 0;
  };
  struct KindOn {
    const GpuTable* table = nullptr;
    const SliceTable* slices = nullptr;
    std::vector<std::int32_t> waste;                ///< by state: room that nobody can use
    std::vector<std::vector<GpuState>> rooms_for;   ///< by unit: rooms in which it fits
    std::vector<std::vector<std::uint32_t>> buckets;  ///< by room: GPUs of open nodes
    std::vector<std::vector<NodeId>> by_idle;       ///< by whole GPUs' worth of idle: open nodes
    /// Of what runs on nodes of the kind or could: sums, for the average.
    Resources asked;
    std::int64_t size = 0;
  };
  struct Best {
    std::int64_t loss = 0;
    std::int64_t gpu_idle = 0;
    std::int64_t node_idle = 0;
    std::uint32_t gpu = 0;
    GpuState to = 0;
    bool found = false;
  };

  void learn();
  void set_state(std::uint32_t gpu, GpuState state);
  void enter(std::uint32_t gpu);
  void withdraw(std::uint32_t gpu);
  void shift_idle(NodeId node, std::int64_t by);
  std::int64_t stranded(const KindOn& kind, const Resources& left, std::int64_t idle) const;
  bool may(ShapeId shape, NodeId node) const;
  void one(ShapeId shape, KindId kind, Unit unit, NodeId except, Best& best) const;

  const Standing* standing_;
  std::vector<KindOn> kinds_;
  std::vector<NodeOn> nodes_;
  std::vector<GpuOn> gpus_;
  std::vector<std::int64_t> sizes_;  ///< by ask
};

}  // namespace kerf::online
