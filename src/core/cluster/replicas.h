// with_replicas(): the cluster as if workloads had another number of pods.
#pragma once

#include <cstdint>
#include <map>

#include "core/cluster/cluster.h"

namespace kerf::cluster {

/// `pods`: by index in Demand::workloads. Fewer: the last pods are gone and their devices free.
/// More: pods like the last one wait. A workload without a pod stays so.
Cluster with_replicas(const Cluster& cluster, const std::map<std::uint32_t, std::int64_t>& pods);

}  // namespace kerf::cluster
