// Standing: what stands in the cluster, indexed for decisions and changed step by step.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/cluster/node.h"
#include "core/online/asks.h"
#include "core/online/company.h"
#include "core/plan/plan.h"

namespace kerf::online {

using NodeId = std::uint32_t;
using PodId = std::uint32_t;
using ShapeId = std::uint32_t;

/// A device on one of a node's GPUs.
struct DeviceAt {
  std::uint32_t gpu = 0;
  gpu::Form form;
  std::uint8_t start = 0;
  bool operator==(const DeviceAt&) const = default;
};

/// What has to be done to one GPU so that the devices are there.
struct Cut {
  std::uint32_t gpu = 0;
  std::vector<DeviceAt> destroy;  ///< free slices that are in the way, by start
  std::vector<DeviceAt> create;   ///< devices that are not there yet, by start
  bool operator==(const Cut&) const = default;
};

/// Numbers of nodes, pods and shapes are given once and never again. Everything is kept by change,
/// never recomputed: the cost of a change is that of the node it touches.
///
/// Invariants: a node's pods fit its allocatable together; the devices of its pods are disjoint
/// slices, Used or Creating, of a legal state; room(n) follows from them alone (free slices do not
/// count: they can be cut again; retiring and lost ones count as in use).
class Standing {
 public:
  /// Market and policy outlive this, and so do tables that are kept for later (null: its own).
  Standing(const market::Market& market, const cluster::Policy& policy,
           SliceTables* kept = nullptr);
  /// The same with what a snapshot has; nodes, pods and shapes are numbered as there. The snapshot
  /// must hold by the rules above.
  Standing(const cluster::Snapshot& snapshot, const market::Market& market,
           const cluster::Policy& policy, SliceTables* kept = nullptr);

  ShapeId shape(const cluster::PodShape& shape);  ///< interned
  std::size_t shapes() const { return shapes_.size(); }
  const cluster::PodShape& shape_at(ShapeId shape) const { return shapes_[shape]; }
  AskId ask_of(ShapeId shape) const { return shape_asks_[shape]; }

  /// A node without pods; its slices may be free, retiring or lost.
  NodeId add(cluster::Node node);
  /// The node is gone, and its pods with it.
  void remove(NodeId node);
  /// Takes no more pods / is not to be given back (cluster::Node::closed, kept).
  void mark(NodeId node, bool closed, bool kept);
  /// A pod starts on pod.node with these devices, which become Used; free slices in their way are
  /// gone. fits() must hold.
  PodId run(const cluster::Running& pod, const std::vector<DeviceAt>& devices);
  /// The pod is gone; its devices are free and parked.
  void release(PodId pod);

  std::size_t nodes() const { return nodes_.size(); }  ///< numbers given; some may be gone
  bool stands(NodeId node) const { return nodes_[node].stands; }
  const cluster::Node& node(NodeId node) const { return nodes_[node].node; }
  const NodeRoom& room(NodeId node) const { return nodes_[node].room; }
  /// Parts of the node's GPUs that are not in use, in 1/GpuTable::kWhole.
  std::int64_t idle(NodeId node) const;
  const std::vector<PodId>& pods_on(NodeId node) const { return nodes_[node].pods; }
  std::size_t pods() const { return pods_.size(); }
  bool runs(PodId pod) const { return pods_[pod].runs; }
  const cluster::Running& pod(PodId pod) const { return pods_[pod].pod; }
  const std::vector<DeviceAt>& devices_of(PodId pod) const { return pods_[pod].devices; }
  std::vector<std::int64_t>& budgets() { return budgets_; }
  const std::vector<std::int64_t>& budgets() const { return budgets_; }

  /// Are these devices what such a pod asks for, in one of the ways in which the node serves it?
  bool serves(ShapeId shape, NodeId node, const std::vector<DeviceAt>& devices) const;
  /// Is there room for a pod of the shape with these devices on the node now, all constraints
  /// counted?
  bool fits(ShapeId shape, NodeId node, const std::vector<DeviceAt>& devices) const;
  /// The part of it that other pods decide (company.h).
  bool allows(ShapeId shape, NodeId node) const {
    return !company_.constrained(shape) || company_.allows(shape, company_of(node));
  }
  bool wants_company(ShapeId shape) const { return company_.wants_company(shape); }
  /// The node's number in company().
  Company::Node company_of(NodeId node) const { return node; }
  /// What has to be cut for them, GPU by GPU; nothing where free slices do.
  std::vector<Cut> cuts_for(NodeId node, const std::vector<DeviceAt>& devices) const;
  /// The devices that take a GPU of the node to that state, which follows from its present one.
  std::vector<DeviceAt> devices_to(NodeId node, std::uint32_t gpu, GpuState to) const;

  const Asks& asks() const { return asks_; }
  const Company& company() const { return company_; }
  Company& company() { return company_; }
  const market::Market& market() const { return market_; }
  const cluster::Policy& policy() const { return policy_; }
  MicroUsdPerHour bill() const { return bill_; }
  std::int64_t gpus() const { return gpus_; }  ///< of all nodes that stand

  /// Nodes whose room, kind or openness changed since the last call, in order, maybe several times.
  std::vector<NodeId> take_changes();

  /// Undo: everything after mark() is taken back in reverse order. Marks nest; without any mark
  /// nothing is recorded. Numbers given after the mark are free again.
  void begin();
  void rollback();
  void commit();  ///< forget the innermost mark, keep what was done

  /// As values; nodes and pods that are gone are left out and the rest is numbered anew, in order.
  cluster::Snapshot snapshot() const;

 private:
  struct StandingNode {
    cluster::Node node;
    NodeRoom room;
    std::vector<PodId> pods;  ///< ascending
    bool stands = true;
  };
  struct StandingPod {
    cluster::Running pod;
    std::vector<DeviceAt> devices;
    bool runs = true;
  };
  enum class Op : std::uint8_t { Added, Removed, Marked, Ran, Released };  ///< what was done
  struct Undo {
    Op op = Op::Added;
    std::uint32_t id = 0;  ///< node or pod
    bool closed = false;   ///< Marked: as it was
    bool kept = false;
    std::vector<cluster::Gpu> gpus;  ///< Ran, Released: the node's, as they were
  };

  void changed(NodeId node) { changes_.push_back(node); }
  void record(Undo step);
  void undo(Undo& step);
  /// Kinds and rooms of all nodes anew, after an ask looked at a new label.
  void refresh_kinds();
  /// The room of one GPU, of all of them, from its slices.
  void recount(NodeId node, std::uint32_t gpu);
  void recount(NodeId node);
  void attach(PodId pod);
  void detach(PodId pod);
  const SliceTable& slices(NodeId node) const { return asks_.slices(nodes_[node].room.kind); }

  const market::Market& market_;
  const cluster::Policy& policy_;
  Asks asks_;
  Company company_;
  std::vector<cluster::PodShape> shapes_;
  std::map<cluster::PodShape, ShapeId> shape_index_;
  std::vector<AskId> shape_asks_;
  std::vector<StandingNode> nodes_;
  std::vector<StandingPod> pods_;
  std::vector<std::int64_t> budgets_;
  MicroUsdPerHour bill_;
  std::int64_t gpus_ = 0;
  std::uint64_t generation_ = 0;
  std::vector<NodeId> changes_;
  std::vector<Undo> undo_;
  std::vector<std::size_t> marks_;
};

/// A planned node as a standing one, without its pods; its slices are free and parked.
cluster::Node as_node(const plan::NodePlan& plan, const market::Market& market,
                      const cluster::Policy& policy, const std::string& name);

/// The planned node stands from now on, and its pods run on it: `pod_of` says who each of
/// NodePlan::pods is (its node is filled in here).
NodeId stand(Standing& standing, const plan::NodePlan& plan, const std::string& name,
             const std::function<cluster::Running(std::uint32_t)>& pod_of);

}  // namespace kerf::online
