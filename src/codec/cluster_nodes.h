// GPU nodes of a reading: their type, price and devices; what is no GPU node is counted.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "codec/cluster_read.h"
#include "codec/standing_devices.h"
#include "core/control/kube.h"

namespace kerf::codec {

/// What a pod's node can be.
struct NodeRef {
  std::uint32_t standing = cluster::kNone;  ///< index in Cluster::nodes
  bool strange = false;                     ///< in Cluster::strange
};

/// Fills Cluster::nodes (by name, without pods and what they use), strange and cpu_nodes.
class ClusterNodes {
 public:
  ClusterNodes(const market::Market& market, const ClusterOptions& options)
      : market_(market), options_(options) {}

  void read(const ClusterReading& reading, cluster::Cluster& out);

  /// Any node by its name; nullptr: there is none.
  const NodeRef* find(const std::string& name) const;
  plan::Geometries& tables() { return tables_; }
  /// What nvidia.com/gpu means on a standing node; "" = a whole GPU.
  const std::string& gpu_means(std::uint32_t standing) const { return means_[standing]; }
  const control::GpuNodeStatus* agent(const std::string& name) const;
  const gpu::Model& model(const cluster::StandingNode& node) const {
    return market_.model_of(market_.types[node.type]);
  }

 private:
  void read_agents(const ClusterReading& reading, cluster::Cluster& out);
  void read_node(const control::Node& node, cluster::Cluster& out);
  void tell_troubles(cluster::Cluster& out) const;
  void set_price(cluster::StandingNode& node) const;
  void set_owned(cluster::Cluster& out) const;

  const market::Market& market_;
  const ClusterOptions& options_;
  std::map<std::string, NodeRef> refs_;
  std::map<std::string, control::GpuNodeStatus> agents_;
  plan::Geometries tables_;
  std::vector<std::string> means_;  ///< by standing node
  /// What is wrong with the devices of nodes -> the first such node, and how many there are.
  std::map<std::string, std::pair<std::string, std::int64_t>> troubles_;
};

/// Leaves out an object, and says so. Where kinds of objects have very many reasons, the later ones
/// are told as "other reasons".
void leave_out(cluster::Cluster& out, const std::string& what, const std::string& why);

}  // namespace kerf::codec
