// Filters of the scheduler: may this pod run on that node?
#pragma once

#include <set>
#include <string>

#include "sim/scheduler_view.h"

namespace kerf::sim {

/// What keeps a pod off a node. `why` in kube-scheduler's words, "" = nothing.
struct Obstacle {
  std::string why;
  bool helps_to_evict = false;  ///< it may go away if pods of the node do
};

/// The first obstacle, in the order: cordoned, ready, taints, node selector and affinity, zones of
/// volumes, host ports, pods, cpu, memory, disk, extended resources, topology spread, pod affinity,
/// anti-affinity both ways. Pods nominated to the node that are as important or more count as if
/// they ran there. `without`: pods thought away. Cost: pods of the node; with spread or affinity,
/// or where pods with anti-affinity run, all pods.
Obstacle obstacle(const SchedulerView& view, const PodSeen& pod, const NodeSeen& node,
                  const std::set<Key>& without = {});

/// 0..500: half of how empty CPU and memory would be (0..100), twice how few pods of the same owner
/// are there (0..100, against `most` on one node), twice tolerating preferred taints (0 or 100).
std::int64_t score(const control::Pod& pod, const NodeSeen& node, std::int64_t of_owner,
                   std::int64_t most_of_owner);

}  // namespace kerf::sim
