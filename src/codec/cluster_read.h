// A reading of a cluster -> cluster::Cluster: pods with what they hold, GPU nodes with what they
// cost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/cluster_reading.h"
#include "core/cluster/cluster.h"
#include "core/market/market.h"

namespace kerf::codec {

struct ClusterOptions {
  /// Nodes by instance type that are owned whatever their capacity type says: the first ones by
  /// name. Nodes of capacity type reserved are owned always.
  std::map<std::string, std::int64_t> owned;
};

/// Leniently: an object that cannot be read is left out and told in Demand::left_out or notes; it
/// never stops the rest. Only a reading without Nodes and without Pods is an error.
///
/// Pods: those that run or wait, with a GPU request, that no DaemonSet made, that are not being
/// deleted and have not ended; grouped by what owns them in the end (the Deployment of a
/// ReplicaSet, the CronJob of a Job, the LeaderWorkerSet or JobSet). What the others hold is held
/// by a StandingSlice::holder. A pod that asks for nvidia.com/gpu on a node whose GPUs are shared
/// out under that name (MIG strategy single, time-slicing) is read as asking for what it holds:
/// that slice, or kerf.dev/gpu-<M>gi-shared (of the least M where its part is smaller still). Whose
/// scheduler a pod waits for does not matter.
///
/// Nodes: by instance type (label node.kubernetes.io/instance-type). Devices: of a GpuNode where
/// there is one, else counted from status.capacity, and spread over the GPUs in a legal way.
/// DaemonSet overhead: the most, part by part, that DaemonSet pods ask for on one of the GPU nodes;
/// without such nodes that of all DaemonSets that GPU nodes would get.
Result<cluster::Cluster> read_cluster(const ClusterReading& reading, const market::Market& market,
                                      const ClusterOptions& options);

}  // namespace kerf::codec
