// Draft: what would stand if some pods moved, for searches: kept by change, with undo.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "core/online/standing.h"

namespace kerf::online {

/// What one device more does to a GPU.
struct Step {
  std::uint32_t gpu = 0;
  GpuState to = 0;
};

/// Moves of pods over a Standing that itself stays as it is. Pods keep their numbers. A pod is
/// lifted from where it is and put elsewhere; only where it ends counts, so a pod that was put
/// somewhere may be lifted again and has still moved once.
///
/// Rules beside those of Standing::fits: a pod whose number in a zone counts for somebody
/// (Company::bound_to_zones) stays in its zone, so that no move makes a spread or an affinity of
/// pods that stay untrue. A pod without a spread of its own may come to a node where it counts for
/// another's spread over hostnames, as kube-scheduler lets it.
///
/// Cost: O(nodes + pods) of little to make one, and a copy of Company where some shape is
/// constrained; a change costs O(pods of the node).
class Draft {
 public:
  /// `standing` outlives this and does not change meanwhile.
  explicit Draft(const Standing& standing);

  const Standing& standing() const { return *standing_; }
  const NodeRoom& room(NodeId node) const {
    return own_node_[node] == kNo ? standing_->room(node) : nodes_[own_node_[node]].room;
  }
  /// Ascending.
  const std::vector<PodId>& pods_on(NodeId node) const {
    return own_node_[node] == kNo ? standing_->pods_on(node) : nodes_[own_node_[node]].pods;
  }
  /// False between lift and put.
  bool placed(PodId pod) const { return own_seat_[pod] == kNo || seats_[own_seat_[pod]].placed; }
  NodeId node_of(PodId pod) const {
    return own_seat_[pod] == kNo ? standing_->pod(pod).node : seats_[own_seat_[pod]].node;
  }
  const std::vector<DeviceAt>& devices_of(PodId pod) const {
    return own_seat_[pod] == kNo ? standing_->devices_of(pod) : seats_[own_seat_[pod]].devices;
  }
  /// Is it elsewhere than where it runs, or nowhere?
  bool moved(PodId pod) const { return !placed(pod) || node_of(pod) != standing_->pod(pod).node; }

  /// May it go there as far as other pods and the node's state decide? It is lifted. Room is
  /// another question.
  bool may_go(PodId pod, NodeId node) const;
  /// The same for a pod that does not run yet.
  bool may_start(ShapeId shape, NodeId node) const;
  /// Can pods of this shape be kept from a node by other pods?
  bool constrained(ShapeId shape) const {
    return company_.has_value() &&
           (company_->constrained(shape) || company_->bound_to_zones(shape));
  }
  /// Are all of them free there now, of forms that the node has, and legal together beside what is
  /// in use?
  bool free(NodeId node, const std::vector<DeviceAt>& devices) const;
  /// The devices that these steps give, one for each, from what is in use on the node now.
  std::vector<DeviceAt> devices_for(NodeId node, std::span<const Step> steps) const;

  void lift(PodId pod);
  /// Its requests fit and free(node, devices).
  void put(PodId pod, NodeId node, std::vector<DeviceAt> devices);

  /// rollback(mark()) takes back what was done in between.
  std::size_t mark() const { return undo_.size(); }
  void rollback(std::size_t mark);

 private:
  struct NodeNow {
    NodeRoom room;
    std::vector<PodId> pods;
  };
  struct Seat {
    NodeId node = 0;
    bool placed = true;
    std::vector<DeviceAt> devices;
  };
  struct Undo {
    PodId pod = 0;
    bool lifted = false;
    Seat seat;  ///< Lifted: the one it had
  };

  static constexpr std::uint32_t kNo = 0xffffffff;

  Seat& own_seat(PodId pod);
  NodeNow& own_node(NodeId node);
  void detach(PodId pod, const Seat& seat);
  void attach(PodId pod, const Seat& seat);
  void recount(NodeId node, const std::vector<DeviceAt>& changed);
  std::vector<Device> in_use(NodeId node, std::uint32_t gpu) const;

  const Standing* standing_;
  std::optional<Company> company_;       ///< where some shape is constrained
  std::vector<std::uint32_t> own_node_;  ///< by node: index in nodes_, kNo = as in Standing
  std::deque<NodeNow> nodes_;
  std::vector<std::uint32_t> own_seat_;  ///< by pod: index in seats_, kNo = where it runs
  std::deque<Seat> seats_;
  std::vector<Undo> undo_;
};

}  // namespace kerf::online
