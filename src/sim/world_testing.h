// Small worlds for tests: a market of a few types, one policy, pods that ask for slices.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/control/names.h"
#include "core/controller/controller_testing.h"
#include "sim/world.h"

namespace kerf::sim::testing {

using control::kHour;
using control::kMinute;
using control::kSecond;

using controller::testing::market_of;

inline cluster::PodShape slice(const std::string& profile, std::int64_t count = 1) {
  return plan::testing::shape(plan::testing::slice(profile, count), 1000, 4096);
}
inline cluster::PodShape portable(std::int32_t gib) {
  return plan::testing::shape(plan::testing::portable(gib), 1000, 4096);
}

inline WorkloadSpec deployment(const std::string& name, cluster::PodShape shape,
                               std::int64_t replicas) {
  WorkloadSpec spec;
  spec.name = name;
  spec.shape = std::move(shape);
  spec.replicas = replicas;
  return spec;
}

inline control::SlicePolicy act() {
  control::SlicePolicy policy = controller::testing::act();
  policy.consolidation.cool_down_ms = 5 * kMinute;
  policy.consolidation.moves_per_hour = 100;
  return policy;
}

inline WorldSpec world_of(const std::vector<std::string>& types,
                          std::vector<WorkloadSpec> workloads) {
  WorldSpec spec;
  spec.market = market_of(types);
  spec.policies = {act()};
  for (const char* name : {"cut", "whole"}) {
    control::NodeClass node_class;
    node_class.meta.name = name;
    node_class.hash = "1";
    spec.node_classes.push_back(node_class);
  }
  spec.workloads = std::move(workloads);
  return spec;
}

inline std::int64_t running(World& world) {
  std::int64_t count = 0;
  for (const control::Pod& pod : world.api().all<control::Pod>())
    count += pod.phase == control::PodPhase::Running ? 1 : 0;
  return count;
}

}  // namespace kerf::sim::testing
