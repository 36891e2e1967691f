// Small worlds for tests: a market of a few types, one policy, pods that ask for slices.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "codec/builtin.h"
#include "codec/catalogue.h"
#include "core/control/names.h"
#include "sim/world.h"

namespace kerf::sim::testing {

using control::kHour;
using control::kMinute;
using control::kSecond;

/// us-east-1 on demand, with only those types.
inline std::shared_ptr<const market::Market> market_of(const std::vector<std::string>& types) {
  auto market = std::make_shared<market::Market>(codec::builtin_market("us-east-1").value());
  std::erase_if(market->offerings, [&](const market::Offering& offering) {
    const std::string& name = market->types[offering.type].name;
    return std::find(types.begin(), types.end(), name) == types.end();
  });
  return market;
}

inline cluster::PodShape asks_for(cluster::GpuRequest request, std::int64_t cpu_milli = 1000,
                                  std::int64_t memory_mib = 4096) {
  cluster::PodShape shape;
  shape.requests = {cpu_milli, memory_mib, 0, 1};
  shape.gpu = {std::move(request)};
  return shape;
}
inline cluster::PodShape slice(const std::string& profile, std::int64_t count = 1) {
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Slice;
  request.profile = profile;
  request.count = count;
  return asks_for(request);
}
inline cluster::PodShape portable(std::int32_t gib) {
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Portable;
  request.gib = gib;
  return asks_for(request);
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
  control::SlicePolicy policy;
  policy.meta.name = "gpu";
  policy.mode = control::Mode::Act;
  policy.node_class_cut = "cut";
  policy.node_class_whole = "whole";
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
