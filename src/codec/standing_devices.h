// The devices of a node that stands: as its agent reports them, else worked out from its counts.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "core/cluster/cluster.h"
#include "core/control/kube.h"
#include "core/market/market.h"
#include "core/plan/geometries.h"

namespace kerf::codec {

/// What a node's GPUs are handed out as.
struct NodeDevices {
  cluster::LayoutFrom from = cluster::LayoutFrom::Nothing;
  std::vector<cluster::StandingGpu> gpus;  ///< InstanceType::gpu_count
  /// What nvidia.com/gpu (or nvidia.com/gpu.shared) means on this node, where it is less than a
  /// GPU: "nvidia.com/mig-1g.5gb", "kerf.dev/gpu-4gi-shared"; "" = a whole GPU.
  std::string gpu_means;
  std::string trouble;  ///< devices that fit on no GPU of this type; "" = none
};

/// The pod of that name ("namespace/name") as an index in Demand::pods; cluster::kNone.
using PodNamed = std::function<std::uint32_t(const std::string&)>;

/// Holder of a device that is held, nobody knows by whom.
inline constexpr const char* kUnknownHolder = "not known";

/// From status.capacity and labels of the node. Nobody holds anything yet.
NodeDevices counted_devices(const control::Node& node, const market::InstanceType& type,
                            const gpu::Model& model, plan::Geometries& tables);
/// From what the node's agent reports, holders too. Devices that cannot stand together are left
/// out, what is held last.
NodeDevices seen_devices(const control::GpuNodeStatus& status, const market::InstanceType& type,
                         const gpu::Model& model, plan::Geometries& tables,
                         const PodNamed& pod_named);

/// Gives a pod devices that meet its requests, in order of GPU and start: those that it holds
/// already count, then those that are held by nobody knows whom, then free ones. `pod` kNone: a pod
/// that is not planned, `holder` by name. What the node has not is not given. Portable requests
/// take the least device that is enough: pods with such are best served last.
void hand_out(const std::vector<cluster::GpuRequest>& requests, std::uint32_t pod,
              const std::string& holder, const gpu::Model& model,
              std::vector<cluster::StandingGpu>& gpus);

}  // namespace kerf::codec
