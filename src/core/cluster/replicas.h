// scaled(), with_replicas(): a demand, a cluster, as if workloads had another number of pods.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/cluster/cluster.h"

namespace kerf::cluster {

struct Scaled {
  Demand demand;
  std::vector<std::uint32_t> now;   ///< by pod as it was: its number now; kNone = it is gone
  std::vector<std::uint32_t> like;  ///< by pod now: the number that it had, or whose like it is
};

/// `pods`: by index in Demand::workloads, how many there are to be. Fewer: the last ones go. More:
/// pods like the last one come. A workload without a pod stays so.
Scaled scaled(const Demand& demand, const std::map<std::uint32_t, std::int64_t>& pods);

/// The same of a cluster: devices of pods that are gone are free, pods that come wait.
Cluster with_replicas(const Cluster& cluster, const std::map<std::uint32_t, std::int64_t>& pods);

}  // namespace kerf::cluster
