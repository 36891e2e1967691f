// SchedulerView: the cluster as the scheduler has seen it, with what it has decided itself.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "sim/api_server.h"

namespace kerf::sim {

/// What a pod asks for of extended resources, by name.
control::Amounts devices_of(const cluster::PodShape& shape);

struct PodSeen {
  Value value;
  std::string node;  ///< bound, or assumed to be; "" = pending
  bool assumed = false;
  control::Amounts devices;

  const control::Pod& pod() const { return *std::get_if<control::Pod>(value.get()); }
};

struct NodeSeen {
  Value value;  ///< null: not seen, pods on it were
  Resources used;
  control::Amounts used_of;
  std::set<Key> pods;       ///< bound or assumed, not done
  std::set<Key> nominated;  ///< pending, nominated to it

  const control::Node* node() const {
    return value ? std::get_if<control::Node>(value.get()) : nullptr;
  }
};

class SchedulerView {
 public:
  void see_node(const std::string& name, const Value& value);  ///< null: gone
  void see_pod(const Key& key, const Value& value);            ///< null: gone
  /// Decided, and not seen as bound yet; forget() takes it back.
  void assume(const Key& key, const std::string& node);
  void forget(const Key& key);
  void clear();

  const std::map<std::string, NodeSeen>& nodes() const { return nodes_; }
  const std::map<Key, PodSeen>& pods() const { return pods_; }
  const NodeSeen* node(const std::string& name) const;
  const PodSeen* pod(const Key& key) const;
  /// How many pods of that owner are on each node where there are any.
  const std::map<std::string, std::int64_t>& of_owner(const std::string& uid) const;
  /// Pods on nodes that have required anti-affinity.
  const std::set<Key>& wary() const { return wary_; }
  /// Grows whenever something changes that a filter looks at; the status of a node that is ready as
  /// before, or of a pod that waits, is nothing of the kind.
  std::uint64_t generation() const { return generation_; }
  /// Nodes seen, without those that only pods speak of.
  int node_count() const { return node_count_; }

 private:
  void put(const Key& key, PodSeen& seen);
  void take_off(const Key& key, PodSeen& seen);
  void drop_if_empty(const std::string& name);

  std::map<std::string, NodeSeen> nodes_;
  std::map<Key, PodSeen> pods_;
  std::set<Key> wary_;
  std::map<std::string, std::map<std::string, std::int64_t>> of_owner_;  ///< by uid, node
  int node_count_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace kerf::sim
