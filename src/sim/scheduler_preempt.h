// Preemption: whom the scheduler would evict so that a pod fits, and where.
#pragma once

#include <string>
#include <vector>

#include "sim/scheduler_view.h"

namespace kerf::sim {

struct Eviction {
  std::string node;
  std::vector<Key> victims;  ///< never empty
};

/// May the pod evict others? Not if a PriorityClass of its value says Never, and not while pods of
/// lower priority are ending on the node it is nominated to.
bool may_preempt(const ApiServer& api, const SchedulerView& view, const control::Pod& pod);

/// The node where evicting pods of lower priority lets the pod fit; node "" = there is none. On
/// each node all such pods are thought away, then as many as possible are spared, those whose
/// budget allows no disruption and then the most important first. Best node: fewest victims against
/// a budget, then the lowest highest priority, the least sum of priorities, the fewest victims, the
/// latest start of the oldest victim, name. Only what pods use counts: a device that is not offered
/// is not there, so a user of it may have to go although it lies idle (kubernetes.md of the facts).
Eviction choose_victims(const ApiServer& api, const SchedulerView& view, const PodSeen& pod);

}  // namespace kerf::sim
