// check_snapshot: verifies what stands after a decision, from scratch; shares no code with whoever
// decided.
#pragma once

#include <string>
#include <vector>

#include "core/cluster/node.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"

namespace kerf::check {

/// Everything that is wrong, one sentence each; empty = the snapshot holds. Checked, by the topics
/// of check_plan: each pod on one node with the devices that it asks for, held by nobody else;
/// slices legal (free ones too) and of forms that the node's mode allows, held exactly if in use;
/// capacity; node selectors, affinity, taints, architecture, zones; spread, affinity,
/// anti-affinity, host ports. A node's labels and taints are those that it has, whatever the policy
/// wants of new nodes; labels that its type and zone decide must not say anything else. Nodes must
/// have the allocatable that their type has without DaemonSets.
std::vector<std::string> check_snapshot(const cluster::Snapshot& snapshot,
                                        const market::Market& market,
                                        const cluster::Policy& policy);

/// What changed for pods that ran before: moved, gone, or given other devices. Pods are known by
/// namespace and name. Empty = nobody was touched.
std::vector<std::string> touched_pods(const cluster::Snapshot& before,
                                      const cluster::Snapshot& after);

}  // namespace kerf::check
