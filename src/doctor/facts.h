// Facts: a reading's pods and nodes with what several checks ask of them, worked out once.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "codec/cluster_reading.h"
#include "core/cluster/pod.h"
#include "core/market/market.h"
#include "doctor/finding.h"

namespace kerf::doctor {

struct PodFacts {
  const codec::Node* object = nullptr;
  About about;
  std::string node;  ///< "" = bound to none
  std::map<std::string, std::string> labels;
  /// Devices asked for by name, of NVIDIA's and Kerf's names only; summed over containers, or what
  /// an init container asks for where that is more.
  std::map<std::string, std::int64_t> devices;
  std::string owner;          ///< kind of its controller; "" = nobody makes it again
  bool ended = false;         ///< Succeeded, Failed, or being deleted
  bool running = false;       ///< bound to a node, and not ended
  bool part_of_node = false;  ///< of a DaemonSet, or a static pod
  bool kept = false;          ///< do-not-disrupt
  bool sees_all = false;      ///< some container sets NVIDIA_VISIBLE_DEVICES=all
  bool unschedulable = false;

  bool gpu() const { return !devices.empty(); }
};

struct NodeFacts {
  const codec::Node* object = nullptr;
  About about;
  std::string type_name;
  const market::InstanceType* type = nullptr;  ///< nullptr: not a GPU type that Kerf knows
  std::map<std::string, std::string> labels;
  std::vector<cluster::Taint> taints;
  /// Amounts of NVIDIA's and Kerf's names in status.allocatable, without those that are 0.
  std::map<std::string, std::int64_t> offered;
  std::map<std::string, std::int64_t> used;  ///< the same names, by the pods on it
  std::string kubelet;                       ///< "v1.34.2-eks-..."
  bool gpu = false;      ///< of a GPU type, offers devices, or is labelled nvidia.com/gpu.present
  bool ready = false;    ///< the condition, and not cordoned
  bool managed = false;  ///< labelled kerf.dev/managed=true
  std::vector<std::uint32_t> pods;  ///< those that run on it

  const std::string& label(const std::string& key) const;
  /// A taint that keeps pods without a toleration away.
  bool has_hard_taint() const;
};

/// Points into the reading, which must outlive it.
struct Facts {
  Facts(const codec::ClusterReading& reading, const market::Market& known, std::int64_t now_ms);

  const codec::ClusterReading& reading;
  const market::Market& market;
  std::int64_t now_ms = 0;  ///< 0 = not known
  std::vector<PodFacts> pods;
  std::vector<NodeFacts> nodes;

  /// Objects of a kind; none where it could not be read.
  const std::vector<codec::Node>& objects(std::string_view kind) const;
  /// nullptr: the reading has nothing about this kind.
  const codec::KindReading* kind(std::string_view kind) const;
  bool read(std::string_view kind) const;
  /// The API server does not serve it; a list of kubectl's that has none of it says nothing.
  bool absent(std::string_view kind) const;
  /// nullptr: no such node.
  const NodeFacts* node(std::string_view name) const;

 private:
  void take_pods();
  void take_nodes();
  std::map<std::string, std::uint32_t, std::less<>> node_index_;
};

/// "nvidia.com/gpu", "nvidia.com/mig-1g.10gb", "kerf.dev/gpu-10gi": names of devices.
bool is_device_name(std::string_view name);
/// Pods that run or wait and ask for nvidia.com/mig-*.
std::vector<About> mig_askers(const Facts& facts);
About about(std::string_view kind, const codec::Node& object);
/// "1 node", "12 nodes".
std::string counted(std::size_t count, std::string_view one, std::string_view many);

}  // namespace kerf::doctor
